#include "boot/limits.h"

#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "proto/table.h"

enum { OOM_PROTECTED = -900 };

static int
read_oom(void)
{
	struct buf b = { 0 };
	int v = 0;

	if (file_read_at(AT_FDCWD, "/proc/self/oom_score_adj", 64, &b) == 0)
		v = (int)strtol(buf_str(&b), NULL, 10);
	buf_free(&b);
	return v;
}

void
limits_raise(struct limits *l, uint32_t max_slots)
{
	struct rlimit r;
	rlim_t want = (rlim_t)max_slots * LIMITS_SLOT_FDS + LIMITS_OWN_FDS;

	memset(l, 0, sizeof(*l));
	l->oom_adjust = read_oom();
	if (getrlimit(RLIMIT_NOFILE, &r) == -1) {
		log_warn("getrlimit");
		l->nofile_soft = l->nofile_hard = l->nofile = 1024;
		return;
	}
	l->nofile_soft = r.rlim_cur;
	l->nofile_hard = r.rlim_max;
	if (r.rlim_max < want) {
		struct rlimit higher = { .rlim_cur = want, .rlim_max = want };

		/* Allowed with CAP_SYS_RESOURCE up to fs.nr_open; else we take what there
		 * is. */
		if (setrlimit(RLIMIT_NOFILE, &higher) == 0) {
			l->nofile = want;
			return;
		}
	}
	if (r.rlim_cur < r.rlim_max) {
		struct rlimit all = { .rlim_cur = r.rlim_max, .rlim_max = r.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &all) == 0)
			r.rlim_cur = r.rlim_max;
	}
	l->nofile = r.rlim_cur;
}

bool
limits_suffice(const struct limits *l)
{
	if (l->nofile >= LIMITS_MIN_FDS)
		return true;
	log_warnx(
	    "the limit of %llu descriptors is too low: supd needs at least %d, and %d "
	    "more for each service; raise it (ulimit -n, LimitNOFILE=)",
	    (unsigned long long)l->nofile, LIMITS_MIN_FDS, LIMITS_SLOT_FDS);
	return false;
}

uint32_t
limits_slots(const struct limits *l, uint32_t max_slots)
{
	uint64_t n;

	if (l->nofile <= LIMITS_OWN_FDS + LIMITS_SLOT_FDS)
		return 1;
	n = (l->nofile - LIMITS_OWN_FDS) / LIMITS_SLOT_FDS;
	if (n < max_slots)
		log_debug("the limit of %llu descriptors allows %llu services at a time, "
			  "not MaxSlots=%u",
		    (unsigned long long)l->nofile, (unsigned long long)n, max_slots);
	return n < max_slots ? (uint32_t)n : max_slots;
}

void
limits_protect(void)
{
	static const char value[] = "-900";
	int fd = open_at(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY, 0);

	_Static_assert(OOM_PROTECTED == -900, "the text says the number");
	/* An ordinary user may not lower it: then we are like everybody else. */
	if (fd != -1 && write(fd, value, sizeof(value) - 1) == -1 && errno != EACCES &&
	    errno != EPERM)
		log_warn("oom_score_adj");
	fd_close(&fd);
}

void
limits_store(const struct limits *l, struct table *t)
{
	t->oom_adjust_orig = l->oom_adjust;
	t->nofile_soft_orig = l->nofile_soft;
	t->nofile_hard_orig = l->nofile_hard;
}
