/*
 * supctl and a dead supd: which processes count as survivors, and which of them
 * `shutdown --offline' ends.  The table is a real one; the services are children.
 */
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>

#include "../../tools/supctl/commands.h"
#include "../../tools/supctl/ctl.h"
#include "../../tools/supctl/survivors.h"
#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"
#include "proto/table.h"

enum { SLOTS = 4 };

struct world {
	char root[256];
	struct table *t;
	size_t bytes;
	pid_t child[2];
	struct ctl ctl;
};

static char word_shutdown[] = "shutdown", word_offline[] = "--offline",
	    word_grace[] = "--timeout=10s", word_short[] = "--timeout=100ms";

static char *
file_text(const char *path)
{
	struct buf b = { 0 };

	assert_int_equal(file_read_follow_at(AT_FDCWD, path, 65536, &b), 0);
	return buf_take(&b);
}

static uint64_t
start_ticks(pid_t pid)
{
	char path[64];
	char *text;
	const char *p;
	uint64_t ticks;
	int field;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	text = file_text(path);
	p = strrchr(text, ')');
	for (field = 2; field < 22; field++)
		p = strchr(p + 1, ' ');
	ticks = strtoull(p + 1, NULL, 10);
	free(text);
	return ticks;
}

static void
make_table(struct world *w)
{
	char path[320];
	char *boot = file_text("/proc/sys/kernel/random/boot_id");
	int fd;

	snprintf(path, sizeof(path), "%s/run/table", w->root);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	w->bytes = (size_t)table_bytes(SLOTS);
	assert_int_equal(ftruncate(fd, (off_t)w->bytes), 0);
	w->t = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(w->t != MAP_FAILED);
	close(fd);
	table_init(w->t, SLOTS);
	w->t->slots_high = SLOTS;
	boot[strcspn(boot, "\n")] = '\0';
	snprintf(w->t->boot_id, sizeof(w->t->boot_id), "%s", boot);
	free(boot);
}

/* A child that waits to be ended; it has said that it is ready. */
static pid_t
make_child(struct world *w, int slot, bool ignore_term)
{
	char byte;
	int ready[2];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		if (ignore_term)
			signal(SIGTERM, SIG_IGN);
		alarm(120);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	w->child[slot] = pid;
	return pid;
}

static void
record(struct world *w, uint32_t slot, const char *unit, pid_t pid, uint64_t ticks)
{
	struct table_slot *s = table_slot(w->t, slot);

	s->state = SLOT_OPEN;
	snprintf(s->unit, sizeof(s->unit), "%s", unit);
	s->proc[PROC_MAIN].state = TPROC_RUNNING;
	s->proc[PROC_MAIN].pid = pid;
	s->proc[PROC_MAIN].start_ticks = ticks;
}

static bool
is_running(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG) == 0;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const char *tmp = getenv("TMPDIR");
	char path[320];
	int fd;

	snprintf(
	    w->root, sizeof(w->root), "%s/supctl.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(w->root) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/run", w->root);
	if (mkdir(path, 0755) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/run/supd.lock", w->root);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	close(fd);
	make_table(w);
	ctl_init(&w->ctl);
	w->ctl.out_tty = false;
	w->ctl.dir = w->root;
	*state = w;
	return ctl_instance(&w->ctl);
}

static int
teardown(void **state)
{
	struct world *w = *state;
	size_t i;

	for (i = 0; i < 2; i++)
		if (w->child[i] > 0) {
			kill(w->child[i], SIGKILL);
			waitpid(w->child[i], NULL, 0);
		}
	munmap(w->t, w->bytes);
	ctl_clear(&w->ctl);
	rm_rf_at(AT_FDCWD, w->root, 10000);
	free(w);
	return 0;
}

static size_t
count(struct world *w)
{
	struct survivors s;
	struct buf why = { 0 };
	size_t n;

	assert_int_equal(survivors_find(&w->ctl, &s, &why), 0);
	n = s.n;
	survivors_clear(&s);
	buf_free(&why);
	return n;
}

static int
shut_down(struct world *w, char *grace)
{
	struct ctl ctl;
	char *argv[] = { word_shutdown, word_offline, grace, NULL };
	int code;

	ctl_init(&ctl);
	ctl.out_tty = false;
	ctl.dir = w->root;
	ctl.cmd = &cmd_shutdown;
	optind = 0;
	code = cmd_shutdown.run(&ctl, 3, argv);
	ctl_clear(&ctl);
	return code;
}

static void
test_only_the_recorded_process(void **state)
{
	struct world *w = *state;
	pid_t pid = make_child(w, 0, false);
	struct survivors s;
	struct buf why = { 0 };

	assert_int_equal(count(w), 0);
	record(w, 0, "deacon.service", pid, start_ticks(pid));
	assert_int_equal(survivors_find(&w->ctl, &s, &why), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.v[0].pid, pid);
	assert_string_equal(s.v[0].unit, "deacon.service");
	assert_true(s.v[0].main);
	survivors_clear(&s);
	/* The same number, another start: a stranger. */
	record(w, 0, "deacon.service", pid, start_ticks(pid) + 1);
	assert_int_equal(count(w), 0);
	/* The same number and start, another boot. */
	record(w, 0, "deacon.service", pid, start_ticks(pid));
	w->t->boot_id[0] = 'x';
	assert_int_equal(count(w), 0);
	buf_free(&why);
}

static void
test_child_with_the_invocation(void **state)
{
	struct world *w = *state;
	struct table_slot *s = table_slot(w->t, 1);
	pid_t pid;
	char byte;
	int ready[2], hold[2];

	memset(s->invocation, 0xab, sizeof(s->invocation));
	s->state = SLOT_OPEN;
	snprintf(s->unit, sizeof(s->unit), "witness.service");
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		/* It says so when it is the program that it stays: in the middle of an
		 * exec a process has no environment to be known by. */
		alarm(120);
		if (pipe(hold) == -1 || dup2(hold[0], STDIN_FILENO) == -1 ||
		    dup2(ready[1], STDOUT_FILENO) == -1)
			_exit(126);
		execle("/bin/sh", "sh", "-c", "echo; read x", (char *)NULL,
		    (char *[]){
			(char[]){ "INVOCATION_ID=abababababababababababababababab" },
			NULL });
		_exit(127);
	}
	w->child[0] = pid;
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(count(w), 1);
	assert_int_equal(shut_down(w, word_grace), CTL_OK);
	assert_int_equal(count(w), 0);
}

static void
test_ends_survivors_and_nobody_else(void **state)
{
	struct world *w = *state;
	pid_t ours = make_child(w, 0, false);
	pid_t stranger = make_child(w, 1, false);

	record(w, 0, "deacon.service", ours, start_ticks(ours));
	record(w, 1, "witness.service", stranger, start_ticks(stranger) + 1);
	assert_int_equal(shut_down(w, word_grace), CTL_OK);
	assert_false(is_running(ours));
	w->child[0] = 0;
	assert_true(is_running(stranger));
}

static void
test_kills_what_ignores_term(void **state)
{
	struct world *w = *state;
	pid_t pid = make_child(w, 0, true);
	int status;

	record(w, 0, "stubborn.service", pid, start_ticks(pid));
	assert_int_equal(shut_down(w, word_short), CTL_OK);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	w->child[0] = 0;
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
test_not_while_supd_runs(void **state)
{
	struct world *w = *state;
	pid_t pid = make_child(w, 0, false);
	char path[320];
	int fd;

	record(w, 0, "deacon.service", pid, start_ticks(pid));
	snprintf(path, sizeof(path), "%s/run/supd.lock", w->root);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(shut_down(w, word_grace), CTL_FAILED);
	assert_true(is_running(pid));
	close(fd);
}

static void
test_table_of_a_user_names_only_his_own(void **state)
{
	struct world *w = *state;
	pid_t pid = make_child(w, 0, false);
	char path[320];

	if (geteuid() != 0)
		skip();
	record(w, 0, "deacon.service", pid, start_ticks(pid));
	assert_int_equal(count(w), 1);
	/* The same, but written by somebody else: the child is root's. */
	snprintf(path, sizeof(path), "%s/run/table", w->root);
	assert_int_equal(chown(path, 65534, 65534), 0);
	w->ctl.in.owner = 65534;
	assert_int_equal(count(w), 0);
}

static void
test_damaged_table(void **state)
{
	struct world *w = *state;
	struct survivors s;
	struct buf why = { 0 };
	char path[320];

	w->t->magic = 1;
	assert_int_equal(survivors_find(&w->ctl, &s, &why), -1);
	assert_true(why.len > 0);
	assert_int_equal(shut_down(w, word_grace), CTL_FAILED);
	snprintf(path, sizeof(path), "%s/run/table", w->root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, "short", 5, 0600, false), 0);
	buf_clear(&why);
	assert_int_equal(survivors_find(&w->ctl, &s, &why), -1);
	assert_non_null(strstr(buf_str(&why), "too short"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(count(w), 0); /* none at all is no error */
	buf_free(&why);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_only_the_recorded_process),
		TEST(test_child_with_the_invocation),
		TEST(test_ends_survivors_and_nobody_else),
		TEST(test_kills_what_ignores_term),
		TEST(test_not_while_supd_runs),
		TEST(test_table_of_a_user_names_only_his_own),
		TEST(test_damaged_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
