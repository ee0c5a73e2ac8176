/*
 * shrink: the least of a row of steps that still goes wrong.
 *
 * A row is tried in a process of its own, so that it may fail an assertion, crash, or be
 * stopped by a sanitizer.  Steps are numbers; what they mean must not depend on the steps
 * before them (each takes its own random numbers from its own number).
 */
#ifndef SUPD_TESTS_SIM_SHRINK_H
#define SUPD_TESTS_SIM_SHRINK_H

#include <sys/wait.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is tried: false, or no return at all, when it goes wrong. */
typedef bool shrink_try(const uint32_t *steps, size_t n, void *arg);

/* In a child of ours.  Quiet: what it says is not wanted, only whether it goes wrong. */
static __attribute__((unused)) bool
shrink_goes_wrong(shrink_try *try, const uint32_t *steps, size_t n, void *arg, bool quiet)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		/* An assertion ends the child, not the tests that it is a copy of. */
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		if (quiet && null != -1) {
			dup2(null, 1);
			dup2(null, 2);
		}
		exit(try(steps, n, arg) ? 0 : 1); /* not _exit: leaks are found there */
	}
	if (pid == -1)
		abort();
	while (waitpid(pid, &status, 0) == -1)
		;
	return status != 0;
}

/* Takes away what is not needed; the steps that are left, in place. */
static __attribute__((unused)) size_t
shrink(shrink_try *try, uint32_t *steps, size_t n, void *arg)
{
	uint32_t *less = malloc((n + 1) * sizeof(*less));

	if (less == NULL)
		abort();
	for (size_t part = n / 2; part > 0;) {
		bool gone = false;

		for (size_t at = 0; at < n;) {
			size_t cut = part < n - at ? part : n - at;

			memcpy(less, steps, at * sizeof(*less));
			memcpy(
			    less + at, steps + at + cut, (n - at - cut) * sizeof(*less));
			if (shrink_goes_wrong(try, less, n - cut, arg, true)) {
				n -= cut;
				memcpy(steps, less, n * sizeof(*less));
				gone = true;
			} else {
				at += cut;
			}
		}
		/* What could go only after something else went. */
		if (part > 1 || !gone)
			part /= 2;
	}
	free(less);
	return n;
}

#endif
