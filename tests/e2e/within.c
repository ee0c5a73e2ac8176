/*
 * within: a command that is ended by SIGALRM after so many seconds.
 *
 *	within SECONDS COMMAND [ARGUMENT...]
 *
 * As timeout(1), but without a process of its own: the tests ask supctl thousands of
 *times, and where processes are dear that is most of what they do.
 */
#include <err.h>
#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: within SECONDS COMMAND [ARGUMENT...]");
	alarm((unsigned)atoi(argv[1]));
	execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}
