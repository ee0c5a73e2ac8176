/*
 * lines: the lines of one file, forwards as it grows, or backwards from its end; plain or
 * gzip.  Bounded memory: a line longer than LINES_MAX comes in pieces.
 */
#ifndef SUPD_JOURNAL_LINES_H
#define SUPD_JOURNAL_LINES_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

enum { LINES_MAX = 1024 * 1024 };

struct lines;
struct stat;

/* Takes the descriptor of a regular file open for reading; NULL with errno (it is closed
 * then too). */
struct lines *lines_new_take_fd(int fd, bool gzip);
void lines_free(struct lines *f);

/*
 * The next line, without newline, valid until the next call.  1; 0: no finished line now
 * (more may come: call again when the file grew); -1: errno.  With final, an unfinished
 * last line is returned too.  A file that became shorter is read from its new
 * end (a half batch was taken back), or from its start when that is another one too.
 */
int lines_next(struct lines *f, bool final, const char **s, size_t *n);
/*
 * The line before, from the end of the file as it was at the first call; not for gzip
 * (ENOTSUP).  0: the start was reached.  Do not mix with lines_next before lines_to_end.
 */
int lines_prev(struct lines *f, const char **s, size_t *n);
/* Makes now the end of the file for lines_prev and lines_to_end, before the first one. */
int lines_from_end(struct lines *f);
/* Continue forwards behind the line that the first lines_prev returned. */
int lines_to_end(struct lines *f);
/* Forwards from an offset of a plain file, at the first line that starts there or later.
 */
int lines_seek(struct lines *f, off_t at);
off_t lines_size(const struct lines *f);
/* Whether st is of this very file. */
bool lines_is_file(const struct lines *f, const struct stat *st);
bool lines_is_gzip(const struct lines *f);

#endif
