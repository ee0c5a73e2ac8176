#include "init/init.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "init/complain.h"
#include "init/core.h"
#include "init/fdstore.h"
#include "init/greet.h"
#include "init/halt.h"
#include "init/loop.h"
#include "init/pids.h"
#include "init/pulse.h"
#include "init/reap.h"
#include "init/reexec.h"
#include "init/role.h"
#include "init/slot.h"
#include "init/spawn.h"
#include "init/tell.h"
#include "proto/ring.h"

enum { EVENTS = 128 };

static int epoll_fd = -1, signal_fd = -1, timer_fd = -1;
static uint64_t timer_set = NEVER;
static bool reap_more;

int
loop_epoll_fd(void)
{
	return epoll_fd;
}

/* ---- start --------------------------------------------------------------------------
 */

static struct table *
map_table(int prot, const char **why)
{
	const char *text = getenv(INIT_TABLE_ENV);
	struct stat st;
	int fd = 0;
	void *p;

	*why = "no descriptor of a table in " INIT_TABLE_ENV;
	if (text == NULL || *text == '\0')
		return NULL;
	for (; *text >= '0' && *text <= '9' && fd < 1 << 20; text++)
		fd = fd * 10 + (*text - '0');
	if (*text != '\0' || fd <= 2 || fstat(fd, &st) == -1)
		return NULL;
	*why = "the table cannot be mapped";
	if (st.st_size < (off_t)sizeof(struct table))
		return NULL;
	p = mmap(NULL, (size_t)st.st_size, prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return NULL;
	*why = table_invalid(p, (uint64_t)st.st_size);
	return *why == NULL ? p : NULL;
}

static bool
ring_fits(int fd)
{
	struct stat st;
	void *p;

	if (fd <= 2 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return true; /* none: nothing to misread */
	if (st.st_size <= 0)
		return false;
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	return p != MAP_FAILED && ring_valid(p, (uint64_t)st.st_size);
}

int
init_check(void)
{
	const char *why;
	const struct table *t = map_table(PROT_READ, &why);

	if (t != NULL && ring_fits(t->fd[FD_RING]))
		return INIT_CHECK_YES;
	if (t != NULL)
		why = "the ring of events is of another version";
	init_complain("cannot take over", why, 0);
	complain_finish();
	return INIT_EXIT_FAILURE;
}

/* Fixed descriptors that did not come along are none. */
static void
check_fds(void)
{
	for (int i = 0; i < FD_N; i++) {
		if (!fd_is_open(tab->fd[i]))
			tab->fd[i] = -1;
		keep_over_exec(tab->fd[i]);
	}
}

/* Handlers for crashes, defaults for all others, which are blocked and read. */
static int
set_up_signals(void)
{
	/* The kernel's own call and an all-zero action, which is the default: libc's
	 * keeps its hands off the two signals of its threads, and a parent such as make
	 * leaves them ignored, in every service too. */
	static const unsigned long dfl[8];
	sigset_t set;

	for (long s = 1; s < NSIG; s++)
		(void)syscall(SYS_rt_sigaction, s, dfl, NULL, 8L);
	reexec_setup();
	sigfillset(&set);
	sigdelset(&set, SIGSEGV);
	sigdelset(&set, SIGBUS);
	sigdelset(&set, SIGABRT);
	sigdelset(&set, SIGFPE);
	sigdelset(&set, SIGILL);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
		return -1;
	/* Those of the terminal's job control stay pending: supd does not stop. */
	sigdelset(&set, SIGTSTP);
	sigdelset(&set, SIGTTIN);
	sigdelset(&set, SIGTTOU);
	sigdelset(&set, SIGPIPE);
	sigdelset(&set, SIGWINCH);
	signal_fd = signalfd(signal_fd, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signal_fd == -1 ? -1 : 0;
}

static int
set_up(void)
{
	if (epoll_fd == -1)
		epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (timer_fd == -1)
		timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (epoll_fd == -1 || timer_fd == -1 || set_up_signals() == -1 ||
	    pids_setup() == -1 || tell_setup() == -1)
		return -1;
	if (watch_add(signal_fd, EPOLLIN, WATCH_SIGNALS, 0, 0) == -1 ||
	    watch_add(timer_fd, EPOLLIN, WATCH_TIMER, 0, 0) == -1)
		return -1;
	return 0;
}

/* ---- events -------------------------------------------------------------------------
 */

static void
take_signal(const struct signalfd_siginfo *si)
{
	int signo = (int)si->ssi_signo;
	struct table_signal *got;

	if (signo <= 0 || signo >= TABLE_SIGNALS || halt_on_signal(signo))
		return;
	got = &tab->signal[signo];
	got->count++;
	got->pid = (int32_t)si->ssi_pid;
	got->uid = si->ssi_uid;
	greet_owe_news();
	/* Asked twice, and there is no manager to hear it. */
	if (!role_is_live(ROLE_MANAGER) && (signo == SIGTERM || signo == SIGINT) &&
	    tab->signal[SIGTERM].count + tab->signal[SIGINT].count > 1) {
		init_complain("no manager; ending everything", NULL, 0);
		halt_begin(HALT_EXIT, 1);
	}
}

static void
read_signals(void)
{
	struct signalfd_siginfo si[16];
	ssize_t n;

	while ((n = read(signal_fd, si, sizeof(si))) > 0) {
		for (size_t i = 0; i < (size_t)n / sizeof(si[0]); i++) {
			if (si[i].ssi_signo == SIGCHLD)
				reap_more = true;
			else
				take_signal(&si[i]);
		}
	}
}

static void
handle_event(const struct epoll_event *ev)
{
	enum watch w = (enum watch)(ev->data.u64 >> 56);
	uint32_t a = (uint32_t)ev->data.u64, b = (uint32_t)(ev->data.u64 >> 32) & 0xff;
	uint64_t ticks;

	switch (w) {
	case WATCH_SIGNALS:
		read_signals();
		break;
	case WATCH_TIMER:
		(void)!read(timer_fd, &ticks, sizeof(ticks));
		timer_set = NEVER;
		break;
	case WATCH_ROLE:
		role_on_channel((enum role)a, ev->events);
		break;
	case WATCH_BUSY:
		pulse_on_busy((enum role)a);
		break;
	case WATCH_REPORT:
		spawn_on_report(a, b);
		break;
	case WATCH_PIDFD:
		reap_on_pidfd(a, b);
		break;
	case WATCH_EVENTS:
		slot_on_cgroup_event(a);
		break;
	}
}

/* One timer for all; set only when the nearest time has changed. */
static void
set_timer(void)
{
	uint64_t times[3] = { role_next_us(), halt_next_us(), reexec_next_us() };
	struct itimerspec its = { 0 };
	uint64_t next = NEVER;

	for (int i = 0; i < 3; i++)
		next = times[i] < next ? times[i] : next;
	if (next == timer_set)
		return;
	if (next != NEVER) {
		its.it_value.tv_sec = (time_t)(next / SECOND_US);
		/* Never zero, which would mean not at all. */
		its.it_value.tv_nsec = (long)(next % SECOND_US) * 1000 + 1;
	}
	if (timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &its, NULL) == 0)
		timer_set = next;
}

/* From here on init must not return, and must not wait for anybody. */
static _Noreturn void
loop(void)
{
	struct epoll_event ev[EVENTS];

	for (;;) {
		int n;

		if (reap_more)
			reap_more = reap_children();
		reexec_check_time();
		halt_step();
		complain_flush();
		role_flush(); /* last: the others make something to tell */
		set_timer();
		n = epoll_wait(epoll_fd, ev, EVENTS, reap_more ? 0 : -1);
		/* Signals first: what has ended must not be taken for running. */
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 >> 56 == WATCH_SIGNALS)
				handle_event(&ev[i]);
		}
		if (reap_more)
			reap_more = reap_children();
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 >> 56 != WATCH_SIGNALS)
				handle_event(&ev[i]);
		}
	}
}

int
init_main(void)
{
	const struct timespec pause = { .tv_sec = 1 };
	const char *why;

	tab = map_table(PROT_READ | PROT_WRITE, &why);
	if (tab == NULL) {
		init_complain("cannot start", why, 0);
		complain_finish();
		return INIT_EXIT_FAILURE;
	}
	table_sign(tab);
	(void)prctl(PR_SET_NAME, "supd", 0, 0, 0);
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0, 0, 0) == -1)
		init_complain("orphans will be lost: no subreaper", NULL, errno);
	tab->init_pid = getpid();
	tab->init_start_ticks = proc_start_ticks("self", NULL);
	tab->is_pid1 = getpid() == 1;
	if (tab->start_wall_us == 0)
		tab->start_wall_us = wall_us();
	check_fds();
	while (set_up() == -1) {
		init_complain("cannot start", "epoll, timer, signals or memory", errno);
		/* Not started: boot's caller hears of it.  Started again: there are
		 * services, and there may be room in a moment. */
		if (tab->crashes + tab->reexecs == 0) {
			complain_finish();
			return INIT_EXIT_FAILURE;
		}
		nanosleep(&pause, NULL);
	}
	role_recover();
	slot_recover();
	fdstore_recover();
	halt_recover();
	/* What ended while nobody looked has sent its signal to nobody. */
	reap_more = true;
	loop();
}
