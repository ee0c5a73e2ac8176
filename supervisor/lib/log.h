/*
 * log: one line for people on stderr, "supd[ROLE]: text", with one write(2).
 *
 * Promises: control characters and bytes that are not UTF-8 never reach the terminal
 * (they are escaped), errno is preserved, nothing is allocated, and a role never waits
 * for who should read its stderr: what finds no room there is lost and counted.  Must
 * never be used for what programs read: events are the interface, log lines may change.
 */
#ifndef SUPD_LIB_LOG_H
#define SUPD_LIB_LOG_H

#include <stdarg.h>

enum log_level {
	LOG_LEVEL_FATAL = 0,
	LOG_LEVEL_WARN = 1,
	LOG_LEVEL_INFO = 2,
	LOG_LEVEL_DEBUG = 3,
};

/* Receives each line (escaped, without prefix and newline) in place of stderr. */
typedef void log_sink(enum log_level level, const char *text, void *arg);

/* The name must outlive the process' last log line (a literal, usually). */
void log_init(const char *role, enum log_level level);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* NULL goes back to stderr. */
void log_set_sink(log_sink *fn, void *arg);

/* log_warn and fatal add ": strerror(errno)"; the x forms do not.  fatal* exit with 1. */
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_vwrite(enum log_level level, int err, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
void fatal(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void fatalx(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
