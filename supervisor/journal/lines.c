/*
 * lines: see the header.
 */
#include "journal/lines.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"

enum { PIECE = 64 * 1024 };

struct lines {
	int fd;    /* owned, also by gz when that is set */
	gzFile gz; /* NULL: plain */
	struct buf data;
	size_t at;    /* forwards: next byte in data */
	off_t pos;    /* forwards: of the file behind data; backwards: of data's start */
	size_t end;   /* backwards: what is left of data */
	off_t resume; /* backwards: behind the last finished line */
	bool backwards, started;
	bool skip;     /* lines_seek: drop what is left of a line */
	char head[32]; /* the first bytes, as they were when it was opened */
	size_t nhead;
};

struct lines *
lines_new_take_fd(int fd, bool gzip)
{
	struct lines *f;
	struct stat st;
	gzFile gz = NULL;

	if (fstat(fd, &st) == -1)
		goto bad;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		goto bad;
	}
	if (gzip) {
		gz = gzdopen(fd, "rb");
		if (gz == NULL) {
			errno = ENOMEM;
			goto bad;
		}
		gzbuffer(gz, PIECE);
	}
	f = xcalloc(1, sizeof(*f));
	f->fd = fd;
	f->gz = gz;
	return f;
bad:
	fd_close(&fd);
	return NULL;
}

void
lines_free(struct lines *f)
{
	if (f == NULL)
		return;
	if (f->gz != NULL)
		gzclose(f->gz); /* closes fd */
	else
		fd_close(&f->fd);
	buf_free(&f->data);
	free(f);
}

off_t
lines_size(const struct lines *f)
{
	struct stat st;

	return fstat(f->fd, &st) == -1 ? 0 : st.st_size;
}

bool
lines_is_file(const struct lines *f, const struct stat *st)
{
	struct stat own;

	return fstat(f->fd, &own) == 0 && own.st_dev == st->st_dev &&
	       own.st_ino == st->st_ino;
}

bool
lines_is_gzip(const struct lines *f)
{
	return f->gz != NULL;
}

/* ---- forwards ---- */

static ssize_t
read_gzip(struct lines *f, char *to)
{
	int err, r = gzread(f->gz, to, PIECE);

	if (r >= 0)
		return r;
	gzerror(f->gz, &err);
	/* A file cut short gives what it has. */
	if (err == Z_BUF_ERROR)
		return 0;
	if (err != Z_ERRNO)
		errno = EBADMSG;
	return -1;
}

/* Of a file that became shorter: where what was not read begins.  A log begins with a
 * time, so that one that was emptied and written again is known by its first bytes. */
static off_t
new_end(const struct lines *f)
{
	char now[sizeof(f->head)];
	ssize_t n = pread(f->fd, now, f->nhead, 0);

	if (n <= 0 || memcmp(now, f->head, (size_t)n) != 0)
		return 0;
	return lines_size(f);
}

static ssize_t
read_plain(struct lines *f, char *to)
{
	ssize_t r;

	if (f->nhead == 0) {
		r = pread(f->fd, f->head, sizeof(f->head), 0);
		f->nhead = r > 0 ? (size_t)r : 0;
	}

	do
		r = pread(f->fd, to, PIECE, f->pos);
	while (r == -1 && errno == EINTR);
	if (r == 0 && lines_size(f) < f->pos) {
		f->pos = new_end(f);
		f->nhead = 0;
		buf_clear(&f->data);
		f->at = 0;
		if (f->pos == 0)
			return read_plain(f, to);
	}
	return r;
}

/* More bytes behind data: 1, 0 at the end of the file, -1. */
static int
fill(struct lines *f)
{
	char *to;
	ssize_t r;

	if (f->at > 0) {
		buf_consume(&f->data, f->at);
		f->at = 0;
	}
	to = buf_reserve(&f->data, PIECE);
	r = f->gz != NULL ? read_gzip(f, to) : read_plain(f, to);
	if (r <= 0)
		return (int)r;
	buf_grew(&f->data, (size_t)r);
	f->pos += r;
	return 1;
}

int
lines_next(struct lines *f, bool final, const char **s, size_t *n)
{
	size_t seen = 0; /* bytes without a newline */

	for (;;) {
		size_t left = f->data.len - f->at;
		/* Nothing read yet: there is no block that an offset could be in. */
		char *from = left > 0 ? f->data.data + f->at : NULL;
		char *end = left > seen ? memchr(from + seen, '\n', left - seen) : NULL;
		int r;

		if (end != NULL || left >= LINES_MAX) {
			*s = from;
			*n = end != NULL ? (size_t)(end - from) : LINES_MAX;
			f->at += *n + (end != NULL);
			if (!f->skip)
				return 1;
			f->skip = end == NULL;
			seen = 0;
			continue;
		}
		seen = left;
		r = fill(f);
		if (r == -1)
			return -1;
		if (r == 1)
			continue;
		if (!final || f->data.len == f->at || f->skip)
			return 0;
		*s = f->data.data + f->at;
		*n = f->data.len - f->at;
		f->at = f->data.len;
		return 1;
	}
}

int
lines_seek(struct lines *f, off_t at)
{
	if (f->gz != NULL) {
		errno = ENOTSUP;
		return -1;
	}
	buf_clear(&f->data);
	f->at = 0;
	f->backwards = false;
	/* A line starts at `at' exactly when the byte before is a newline. */
	f->pos = at > 0 ? at - 1 : 0;
	f->skip = at > 0;
	return 0;
}

/* ---- backwards ---- */

/* Another piece before data: 1, 0 at the start of the file, -1. */
static int
fill_before(struct lines *f)
{
	size_t n = f->pos > PIECE ? PIECE : (size_t)f->pos;
	struct buf b = { 0 };
	ssize_t r;

	if (n == 0)
		return 0;
	do
		r = pread(f->fd, buf_reserve(&b, n + f->end), n, f->pos - (off_t)n);
	while (r == -1 && errno == EINTR);
	if (r != (ssize_t)n) {
		buf_free(&b);
		/* Somebody cut the file while we read it. */
		if (r >= 0)
			errno = ESTALE;
		return -1;
	}
	buf_grew(&b, n);
	if (f->end > 0)
		buf_append(&b, f->data.data, f->end);
	buf_free(&f->data);
	f->data = b;
	f->pos -= (off_t)n;
	f->end += n;
	return 1;
}

/* The newline before the end of what is left, or NULL; fills as needed. */
static int
find_before(struct lines *f, char **nl)
{
	for (;;) {
		int r;

		*nl = f->end > 0 ? memrchr(f->data.data, '\n', f->end) : NULL;
		if (*nl != NULL || f->end >= LINES_MAX)
			return 1;
		r = fill_before(f);
		if (r != 1)
			return r;
	}
}

int
lines_from_end(struct lines *f)
{
	char *nl;
	int r;

	if (f->gz != NULL) {
		errno = ENOTSUP;
		return -1;
	}
	buf_clear(&f->data);
	f->backwards = true;
	f->pos = lines_size(f);
	f->resume = 0;
	f->end = 0;
	r = find_before(f, &nl);
	if (r == -1)
		return -1;
	/* What is behind the last newline is not finished. */
	f->end = nl != NULL ? (size_t)(nl - f->data.data) + 1 : 0;
	f->resume = f->pos + (off_t)f->end;
	f->started = true;
	return 0;
}

int
lines_prev(struct lines *f, const char **s, size_t *n)
{
	size_t len;
	char *nl;

	if (!f->backwards && lines_from_end(f) == -1)
		return -1;
	if (f->end == 0 && f->pos == 0)
		return 0;
	/* The newline that ends this line. */
	if (f->end == 0 && fill_before(f) == -1)
		return -1;
	if (f->end > 0 && f->data.data[f->end - 1] == '\n')
		f->end--;
	if (find_before(f, &nl) == -1)
		return -1;
	len = nl != NULL ? f->end - (size_t)(nl - f->data.data) - 1 : f->end;
	*s = len > 0 ? f->data.data + f->end - len : "";
	*n = len;
	f->end -= len;
	return 1;
}

int
lines_to_end(struct lines *f)
{
	off_t resume = f->resume;

	if (!f->backwards)
		return 0;
	if (lines_seek(f, 0) == -1)
		return -1;
	f->pos = resume;
	return 0;
}
