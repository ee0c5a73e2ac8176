/*
 * beat: a program of which one sees whether it runs: it counts into a file.
 *
 *	beat FILE MILLISECONDS [WHILE-NOT]	until the file WHILE-NOT is there, if one
 *is named
 *
 * As a loop of the shell, but without a process for each beat: several at once are to
 *leave the machine to what is tested.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct timespec pause = { 0 };

	if (argc != 3 && argc != 4)
		errx(2, "usage: beat FILE MILLISECONDS [WHILE-NOT]");
	pause.tv_nsec = atol(argv[2]) * 1000000L;
	for (unsigned long i = 1; argc == 3 || access(argv[3], F_OK) == -1; i++) {
		char line[32];
		int n = snprintf(line, sizeof(line), "%lu\n", i);
		int fd = open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		/* It only grows longer: whoever looks never sees an empty one. */
		if (fd == -1 || pwrite(fd, line, (size_t)n, 0) != n)
			err(1, "%s", argv[1]);
		close(fd);
		nanosleep(&pause, NULL);
	}
	return 0;
}
