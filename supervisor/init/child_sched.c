/*
 * Each step is done only when it is asked for, and must succeed: who asks for real time
 * does not get less in silence.  The exception is the filter of core dumps, as in systemd
 * where /proc cannot be written.
 */
#include "init/child_sched.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "init/child_int.h"
#include "init/core.h"
#include "proto/spec.h"

enum { IO_WHO_PROCESS = 1 }; /* <linux/ioprio.h>, which older systems lack */

static void
set_coredump_filter(struct child *c)
{
	static const char digits[] = "0123456789abcdef";
	char text[10] = "0x";
	uint32_t mask;
	int fd;

	if (!spec_has(&c->spec, SPEC_COREDUMP_FILTER))
		return;
	mask = spec_u32(&c->spec, SPEC_COREDUMP_FILTER, 0);
	for (int i = 0; i < 8; i++)
		text[2 + i] = digits[mask >> (28 - 4 * i) & 15];
	fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return; /* no /proc, or a kernel without core dumps */
	if (write(fd, text, sizeof(text)) == -1 && errno != EACCES && errno != EPERM)
		child_fail(c, PHASE_LIMITS, errno);
	close(fd);
}

static void
set_policy(struct child *c)
{
	struct sched_param param = { 0 };

	if (!spec_has(&c->spec, SPEC_CPU_POLICY))
		return;
	/* By number: not every C library passes it on. */
	param.sched_priority = (int)spec_u32(&c->spec, SPEC_CPU_PRIORITY, 0);
	if (syscall(SYS_sched_setscheduler, 0,
		(int)spec_u32(&c->spec, SPEC_CPU_POLICY, 0), &param) == -1)
		child_fail(c, PHASE_SETSCHEDULER, errno);
}

static void
set_cpus(struct child *c)
{
	struct spec_item it;
	size_t at = 0;

	if (!spec_next_of(&c->spec, SPEC_CPUS, &at, &it))
		return;
	if (syscall(SYS_sched_setaffinity, 0, (size_t)it.len, it.data) == -1)
		child_fail(c, PHASE_CPUAFFINITY, errno);
}

void
child_set_sched(struct child *c)
{
	set_coredump_filter(c);
	if (spec_has(&c->spec, SPEC_NICE) &&
	    setpriority(PRIO_PROCESS, 0, (int)spec_u32(&c->spec, SPEC_NICE, 0)) == -1)
		child_fail(c, PHASE_NICE, errno);
	set_policy(c);
	set_cpus(c);
	if (spec_has(&c->spec, SPEC_IOPRIO) &&
	    syscall(SYS_ioprio_set, IO_WHO_PROCESS, 0,
		(int)spec_u32(&c->spec, SPEC_IOPRIO, 0)) == -1)
		child_fail(c, PHASE_IOPRIO, errno);
	if (spec_has(&c->spec, SPEC_TIMER_SLACK) &&
	    prctl(PR_SET_TIMERSLACK,
		(unsigned long)spec_u64(&c->spec, SPEC_TIMER_SLACK, 0), 0, 0, 0) == -1)
		child_fail(c, PHASE_TIMERSLACK, errno);
	if (spec_has(&c->spec, SPEC_PERSONALITY) &&
	    syscall(SYS_personality,
		(unsigned long)spec_u32(&c->spec, SPEC_PERSONALITY, 0)) == -1)
		child_fail(c, PHASE_PERSONALITY, errno);
}
