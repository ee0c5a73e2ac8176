/*
 * buf: see the header.  Grows by doubling, so appending is linear over all.
 */
#include "lib/buf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"

enum {
	BUF_FIRST = 64,
};

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t need;

	/* One more for the NUL.  A sum that overflows cannot be allocated either. */
	if (__builtin_add_overflow(b->len, n, &need) || ++need == 0)
		need = SIZE_MAX;
	if (need > b->cap) {
		size_t cap = b->cap != 0 ? b->cap : BUF_FIRST;

		while (cap < need)
			cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
		b->data = xreallocarray(b->data, cap, 1);
		b->cap = cap;
		b->data[b->len] = '\0';
	}
	return b->data + b->len;
}

void
buf_grew(struct buf *b, size_t n)
{
	assert(b->len + n < b->cap || n == 0);
	b->len += n;
	if (b->data != NULL)
		b->data[b->len] = '\0';
}

void
buf_append(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_reserve(b, n), p, n);
	buf_grew(b, n);
}

void
buf_addc(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void
buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	int n;

	va_copy(again, ap);
	buf_reserve(b, BUF_FIRST - 1);
	room = b->cap - b->len;
	n = vsnprintf(b->data + b->len, room, fmt, ap);
	if (n >= 0 && (size_t)n >= room) {
		buf_reserve(b, (size_t)n);
		n = vsnprintf(b->data + b->len, b->cap - b->len, fmt, again);
	}
	va_end(again);
	/* Only a format that is our bug fails here. */
	assert(n >= 0);
	buf_grew(b, (size_t)n);
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len);
	b->data[b->len] = '\0';
}

void
buf_truncate(struct buf *b, size_t len)
{
	if (len < b->len)
		b->len = len;
	/* Always, to drop what was put into reserved room and never counted. */
	if (b->data != NULL)
		b->data[b->len] = '\0';
}

void
buf_clear(struct buf *b)
{
	buf_truncate(b, 0);
}

void
buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

const char *
buf_str(const struct buf *b)
{
	return b->data != NULL ? b->data : "";
}

char *
buf_take(struct buf *b)
{
	char *s = b->data != NULL ? b->data : xstrdup("");

	*b = (struct buf){ 0 };
	return s;
}
