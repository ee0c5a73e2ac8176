/*
 * log: see the header.  Works on the stack only, so that it can report that memory is
 * short, and writes each line with one call, so that lines of several roles on one
 * terminal are not mixed.
 */
#include "lib/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/utf8.h"

enum {
	LINE_MAX_BYTES = 4096,
};

static struct {
	const char *role;
	enum log_level level;
	log_sink *sink;
	void *sink_arg;
	unsigned lost; /* lines since the last that found room */
} log_state = { .level = LOG_LEVEL_INFO };

void
log_init(const char *role, enum log_level level)
{
	log_state.role = role;
	log_state.level = level;
}

void
log_set_level(enum log_level level)
{
	log_state.level = level;
}

enum log_level
log_get_level(void)
{
	return log_state.level;
}

void
log_set_sink(log_sink *fn, void *arg)
{
	log_state.sink = fn;
	log_state.sink_arg = arg;
}

/*
 * A line that cannot be written is lost: there is nobody left to tell.  A role does not
 * wait for a stopped terminal or a pipe that nobody empties, or all of supd would.
 */
static void
write_line(const char *p, size_t n)
{
	char note[64];
	int len;

	if (log_state.role != NULL && !fd_is_writable(STDERR_FILENO)) {
		log_state.lost++;
		return;
	}
	if (log_state.lost > 0) {
		len = snprintf(note, sizeof(note), "supd[%s]: %u lines were lost\n",
		    log_state.role, log_state.lost);
		log_state.lost = 0;
		if (len > 0 && (size_t)len < sizeof(note))
			write_line(note, (size_t)len);
		write_line(p, n);
		return;
	}
	while (n > 0) {
		ssize_t r = write(STDERR_FILENO, p, n);

		if (r > 0) {
			p += r;
			n -= (size_t)r;
		} else if (r == 0 || errno != EINTR) {
			return;
		}
	}
}

static void __attribute__((format(printf, 3, 0)))
emit(enum log_level level, const char *suffix, const char *fmt, va_list ap)
{
	char raw[LINE_MAX_BYTES / 2], line[LINE_MAX_BYTES];
	size_t len, prefix = 0;
	int r;

	r = vsnprintf(raw, sizeof(raw), fmt, ap);
	if (r < 0)
		raw[0] = '\0';
	len = strlen(raw);
	if (r >= (int)sizeof(raw)) {
		len = utf8_head(raw, len, sizeof(raw) - 5);
		memcpy(raw + len, "...", 4);
		len += 3;
	}

	if (log_state.sink == NULL) {
		r = log_state.role != NULL
			? snprintf(line, 64, "supd[%s]: ", log_state.role)
			: snprintf(line, 64, "supd: ");
		prefix = r < 0 ? 0 : strnlen(line, 63);
	}
	len = prefix + utf8_escape(line + prefix, sizeof(line) - prefix - 128, raw, len);
	if (suffix != NULL) {
		r = snprintf(line + len, 127, ": %s", suffix);
		if (r > 0)
			len += strnlen(line + len, 126);
	}
	if (log_state.sink != NULL) {
		log_state.sink(level, line, log_state.sink_arg);
		return;
	}
	line[len++] = '\n';
	write_line(line, len);
}

void
log_vwrite(enum log_level level, int err, const char *fmt, va_list ap)
{
	int saved = errno;

	if (level <= log_state.level)
		emit(level, err != 0 ? strerror(err) : NULL, fmt, ap);
	errno = saved;
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_WARN, errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_WARN, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_DEBUG, 0, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_FATAL, errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(LOG_LEVEL_FATAL, 0, fmt, ap);
	va_end(ap);
	exit(1);
}
