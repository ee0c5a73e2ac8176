/*
 * tail: the last lines of one log file, for status.
 *
 * Looks at the end of that file only, so that status of a unit with much log costs no
 * more than that of one with little.
 */
#ifndef SUPD_SUPCTL_TAIL_H
#define SUPD_SUPCTL_TAIL_H

#include <stdbool.h>
#include <stddef.h>

struct ctl;
struct strv;

/*
 * The last n lines, as they are, appended to out, the newest first.  0, or -1 with errno;
 * a log that is not there has no lines.
 */
int tail_read(const struct ctl *ctl, const char *path, size_t n, struct strv *out);

/* Whether there is no such file: until a first line is written, or a second has passed.
 */
bool tail_missing(const struct ctl *ctl, const char *path);

/* Appends the last n lines of the log (relative to the instance folder, or absolute) to
 * the output, escaped; a file that cannot be read is said so in a line. */
void tail_put(struct ctl *ctl, const char *path, size_t n);

#endif
