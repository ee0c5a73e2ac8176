/*
 * say: what happens, for a person who has supd in the foreground of a terminal.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/utf8.h"
#include "manager/manager.h"

void
manager_say(struct manager *m, enum manager_mark mark, const char *fmt, ...)
{
	static const char *const colours[] = {
		[MARK_START] = "\033[32m",
		[MARK_STOP] = "\033[2m",
		[MARK_RESTART] = "\033[33m",
		[MARK_FAIL] = "\033[31m",
		[MARK_NOTE] = "\033[1m",
	};
	static const char *const marks[] = {
		[MARK_START] = "+",
		[MARK_STOP] = "-",
		[MARK_RESTART] = "!",
		[MARK_FAIL] = "!",
		[MARK_NOTE] = "*",
	};
	char text[512], safe[1024], line[1100];
	bool colour = m->tty && getenv("NO_COLOR") == NULL;
	va_list ap;
	int n;

	if (!m->tty && mark != MARK_FAIL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!m->tty) {
		log_warnx("%s", text);
		return;
	}
	utf8_escape(safe, sizeof(safe), text, strlen(text));
	n = snprintf(line, sizeof(line), "%s%s%s %s\n", colour ? colours[mark] : "",
	    marks[mark], colour ? "\033[0m" : "", safe);
	/* A terminal that was stopped (Ctrl-S) must not stop the manager. */
	if (n > 0 && fd_is_writable(STDERR_FILENO))
		(void)!write(STDERR_FILENO, line, (size_t)n);
}
