#include "init/halt.h"

#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "init/complain.h"
#include "init/core.h"
#include "init/role.h"
#include "init/slot.h"

#define PID_NS_INIT_INO 0xEFFFFFFCUL /* the first pid namespace of a kernel */

enum {
	TERM_US = 10 * SECOND_US, /* when settings name no bound */
	KILL_US = 2 * SECOND_US,
	LOGS_US = 5 * SECOND_US,
	LOGGER_US = 5 * SECOND_US,
	SYNC_US = 10 * SECOND_US,
	SYNC_PAUSE_NS = 10 * 1000 * 1000,
	EXIT_UNCLEAN = 1,
};

enum step {
	STEP_NONE,
	STEP_TERM,   /* everything was told to end */
	STEP_KILL,   /* it did not */
	STEP_LOGS,   /* the logger drains the pipes */
	STEP_LOGGER, /* and ends */
};
static enum step step;
static uint64_t deadline = NEVER;
static bool unclean;

static bool
is_ours(pid_t pid)
{
	return role_is_pid(pid) || pid == complain_pid();
}

/* Signal every child that is not init's own: also those that no slot knows.  How many;
 * -1 when the kernel does not tell. */
static int
signal_children(int signo)
{
	char text[4096];
	int fd, n = 0;
	pid_t pid = 0;
	ssize_t got;

	fd = proc_is_ours() ? open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC)
			    : -1;
	if (fd == -1) {
		/* The roles ignore these; a KILL would end the logger as well. */
		if (getpid() == 1 && (signo == SIGTERM || signo == SIGCONT))
			(void)kill(-1, signo);
		return -1;
	}
	while ((got = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
				continue;
			}
			if (pid > 1 && !is_ours(pid)) {
				/* Not reaped before we read it: still our child. */
				if (signo != 0)
					(void)kill(pid, signo);
				n++;
			}
			pid = 0;
		}
	}
	close(fd);
	return n;
}

static void
signal_everything(int signo)
{
	for (uint32_t i = 0; i < table_used(tab); i++) {
		const struct table_slot *s = table_slot(tab, i);

		if (s->state != SLOT_OPEN && s->state != SLOT_CLOSING)
			continue;
		/* What is frozen could not end by itself. */
		if (signo == SIGTERM)
			slot_thaw(i);
		slot_signal_all(i, signo,
		    signo == SIGKILL   ? SIGNAL_SLOT_KILL
		    : signo == SIGTERM ? SIGNAL_SLOT_WAKE
				       : SIGNAL_SLOT);
	}
	(void)signal_children(signo);
	if (signo == SIGTERM)
		(void)signal_children(SIGCONT);
}

static bool
all_gone(void)
{
	for (uint32_t i = 0; i < table_used(tab); i++) {
		const struct table_slot *s = table_slot(tab, i);

		if (s->state != SLOT_FREE && slot_is_alive(s))
			return false;
	}
	return signal_children(0) <= 0;
}

static void
go_to(enum step to, uint64_t time_us)
{
	step = to;
	deadline = now_us() + time_us;
}

static void
begin_logger(void)
{
	go_to(STEP_LOGGER, LOGGER_US);
	role_kill(ROLE_TERMINAL); /* what it knows is in its files */
	role_let_logger_end();
}

static void
begin_logs(void)
{
	go_to(STEP_LOGS, LOGS_US);
	for (uint32_t i = 0; i < table_used(tab); i++)
		slot_close(i);
}

static bool
logs_are_done(void)
{
	for (uint32_t i = 0; i < table_used(tab); i++) {
		const struct table_slot *s = table_slot(tab, i);

		if (s->state != SLOT_FREE && !s->log_done)
			return false;
	}
	return true;
}

static void
begin(void)
{
	/* From here on nothing is started any more. */
	role_kill(ROLE_MANAGER);
	if (tab->halting == 1 + HALT_LEAVE) {
		/* Services go on, and the next supd finds them; what they wrote stays in
		 * their pipes, which they hold open themselves. */
		role_stop_respawn();
		begin_logger();
		return;
	}
	signal_everything(SIGTERM);
	go_to(STEP_TERM,
	    tab->settings.shutdown_us != 0 ? tab->settings.shutdown_us : TERM_US);
}

void
halt_begin(uint32_t how, int32_t status)
{
	if (tab->halting != 0)
		return;
	tab->halt_status = status;
	tab->halting = 1 + (how <= HALT_LEAVE ? how : (uint32_t)HALT_EXIT);
	begin();
}

void
halt_recover(void)
{
	if (tab->halting != 0)
		begin();
}

bool
halt_on_signal(int signo)
{
	if (tab->halting == 0)
		return false;
	if (step == STEP_TERM && (signo == SIGTERM || signo == SIGINT))
		deadline = 0;
	return true;
}

static bool
is_first_namespace(void)
{
	struct stat st;

	return getpid() == 1 && stat("/proc/self/ns/pid", &st) == 0 &&
	       st.st_ino == PID_NS_INIT_INO;
}

/* What is not on its disk yet gets there, when the disk answers: the end does not wait
 * for one that hangs. */
static void
sync_disks(void)
{
	const struct timespec pause = { .tv_nsec = SYNC_PAUSE_NS };
	uint64_t until = now_us() + SYNC_US;
	pid_t pid = fork();

	if (pid == 0) {
		sync();
		_exit(0);
	}
	/* (No child of ours is left but those that survived KILL, and nobody asks for
	 * their status any more.) */
	while (pid > 0 && wait4(pid, NULL, WNOHANG, NULL) == 0 && now_us() < until)
		nanosleep(&pause, NULL);
}

static _Noreturn void
end(void)
{
	int status = tab->halt_status;
	int how = (int)tab->halting - 1;

	complain_finish();
	/* Busy, and left, when something survived or goes on. */
	if (tab->cgroup[0] != '\0')
		(void)unlinkat(AT_FDCWD, tab->cgroup, AT_REMOVEDIR);
	/* Never a success when something had to be left or lost. */
	if (unclean && status == 0)
		status = EXIT_UNCLEAN;
	/* The kernel panics when its first process exits: it powers off instead. */
	if (is_first_namespace()) {
		sync_disks();
		if (how == HALT_REBOOT)
			(void)reboot(RB_AUTOBOOT);
		if (how == HALT_KEXEC)
			(void)reboot(RB_KEXEC);
		if (how == HALT_HALT)
			(void)reboot((int)RB_HALT_SYSTEM);
		(void)reboot(RB_POWER_OFF);
	}
	_exit(status);
}

void
halt_step(void)
{
	bool late;

	if (step == STEP_NONE)
		return;
	late = now_us() >= deadline;
	if (step == STEP_TERM || step == STEP_KILL) {
		if (all_gone()) {
			begin_logs();
		} else if (late && step == STEP_TERM) {
			signal_everything(SIGKILL);
			go_to(STEP_KILL, KILL_US);
		} else if (late) {
			init_complain("processes survived KILL", NULL, 0);
			unclean = true;
			begin_logs();
		} else if (step == STEP_KILL) {
			/* What was the child of the dead is ours now. */
			(void)signal_children(SIGKILL);
		}
	}
	late = now_us() >= deadline;
	if (step == STEP_LOGS && (late || logs_are_done())) {
		if (late) {
			init_complain("the logger did not finish", NULL, 0);
			unclean = true;
		}
		role_stop_respawn();
		begin_logger();
	}
	late = now_us() >= deadline;
	if (step == STEP_LOGGER) {
		if (role_pid(ROLE_LOGGER) == 0)
			end();
		if (late) {
			unclean = true;
			role_kill(ROLE_LOGGER);
			end();
		}
	}
}

uint64_t
halt_next_us(void)
{
	return step == STEP_NONE ? NEVER : deadline;
}
