/*
 * Tests of the lines that supd itself writes: nobody waits for who should read them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/wait.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"

enum { DEADLINE_S = 20 };

/* A child with the pipe as stderr; it is killed when it waits. */
static int
in_child(int err, void (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid != -1);
	if (pid == 0) {
		alarm(DEADLINE_S);
		dup2(err, STDERR_FILENO);
		fn();
		_exit(0);
	}
	assert_true(waitpid(pid, &status, 0) == pid);
	return status;
}

static int drain_fd;

static size_t
drain(void)
{
	char text[65536];
	size_t all = 0;
	ssize_t n;

	while ((n = read(drain_fd, text, sizeof(text))) > 0)
		all += (size_t)n;
	return all;
}

static void
say_much(void)
{
	log_init("logger", LOG_LEVEL_INFO);
	for (int i = 0; i < 20000; i++)
		log_warnx("line %d", i);
	if (drain() == 0)
		_exit(1);
	log_warnx("there is room again");
}

static void
test_full_pipe(void **state)
{
	char text[4096];
	ssize_t n;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	drain_fd = p[0];
	assert_int_equal(fd_set_nonblock(p[0], true), 0);
	assert_int_equal(in_child(p[1], say_much), 0);
	n = read(p[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, " lines were lost\n"));
	assert_non_null(strstr(text, "supd[logger]: there is room again\n"));
	close(p[0]);
	close(p[1]);
}

static void
say_all(void)
{
	/* supctl and the like: no role, whose reader may be slow. */
	for (int i = 0; i < 3000; i++)
		log_warnx("line %d", i);
}

static void
test_no_role_waits(void **state)
{
	char text[65536];
	size_t all = 0, lines = 0;
	ssize_t n;
	pid_t pid;
	int p[2], status;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		close(p[0]);
		_exit(in_child(p[1], say_all) != 0);
	}
	close(p[1]);
	while ((n = read(p[0], text, sizeof(text))) > 0) {
		all += (size_t)n;
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	}
	assert_true(waitpid(pid, &status, 0) == pid && status == 0);
	assert_int_equal(lines, 3000);
	assert_true(all > 3000);
	close(p[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_pipe),
		cmocka_unit_test(test_no_role_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
