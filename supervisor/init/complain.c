#include "init/complain.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "init/core.h"

enum {
	FINISH_TRIES = 100,
	FINISH_PAUSE_NS = 10 * 1000 * 1000,
};

static char text[4096]; /* not written yet */
static size_t len;
static int32_t writer;

static _Noreturn void
write_all(void)
{
	/* It may hang for ever: nothing of init's may hang on with it. */
	(void)syscall(SYS_close_range, 3U, ~0U, 0U);
	for (size_t at = 0; at < len;) {
		ssize_t n = write(STDERR_FILENO, text + at, len - at);

		if (n <= 0 && errno != EINTR)
			break;
		at += n > 0 ? (size_t)n : 0;
	}
	_exit(0);
}

void
complain_flush(void)
{
	pid_t pid;

	if (len == 0 || writer != 0)
		return;
	pid = fork();
	if (pid == 0)
		write_all();
	if (pid == -1)
		return;
	writer = pid;
	len = 0;
}

void
init_complain(const char *what, const char *about, int err)
{
	char line[512] = "", *p = line;
	const char *end = line + sizeof(line) - 1;

	put_text(&p, end, "supd init: ");
	put_text(&p, end, what);
	if (about != NULL) {
		put_text(&p, end, ": ");
		put_text(&p, end, about);
	}
	if (err != 0) {
		/* (strerror may allocate) */
		put_text(&p, end, ": errno ");
		put_number(&p, end, (uint64_t)err);
	}
	*p++ = '\n';
	/* Nobody reads: what was said first tells most. */
	if ((size_t)(p - line) > sizeof(text) - len)
		return;
	memcpy(text + len, line, (size_t)(p - line));
	len += (size_t)(p - line);
	complain_flush();
}

int32_t
complain_pid(void)
{
	return writer;
}

bool
complain_on_exit(int32_t pid)
{
	if (writer == 0 || pid != writer)
		return false;
	writer = 0;
	return true;
}

void
complain_finish(void)
{
	const struct timespec pause = { .tv_nsec = FINISH_PAUSE_NS };
	int st;

	complain_flush();
	for (int i = 0; writer != 0 && i < FINISH_TRIES; i++) {
		if (wait4(writer, &st, WNOHANG, NULL) == 0) {
			nanosleep(&pause, NULL);
			continue;
		}
		writer = 0;
		complain_flush();
	}
}
