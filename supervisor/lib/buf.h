/*
 * buf: growable bytes.
 *
 * A zeroed struct is an empty buffer.  Whenever data is not NULL, data[len] is a NUL that
 * does not count, so text can be used as a C string at any time.  Bytes may be any, NUL
 * included.  The buffer owns data; buf_take gives it away.
 */
#ifndef SUPD_LIB_BUF_H
#define SUPD_LIB_BUF_H

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t len; /* bytes in use, the NUL not counted */
	size_t cap; /* bytes allocated */
};

/* At the end; what is added is copied. */
void buf_append(struct buf *b, const void *p, size_t n);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
/* Room for n more bytes; returns where they go.  Follow with buf_grew. */
char *buf_reserve(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
/* Drops the first n bytes.  Moves the rest: consume once for a batch, not per item. */
void buf_consume(struct buf *b, size_t n);
/* Cuts to len bytes (no more than there are). */
void buf_truncate(struct buf *b, size_t len);
/* Empty, memory kept. */
void buf_clear(struct buf *b);
/* Empty, memory returned.  The struct may be used again. */
void buf_free(struct buf *b);
/* The text, NUL-terminated, "" when empty; valid until the next change. */
const char *buf_str(const struct buf *b);
/* The text as a heap string of the caller; the buffer is empty afterwards. */
char *buf_take(struct buf *b);

#endif
