/*
 * input_file: see the header.
 */
#include "manager/session/input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"

enum { READ_MAX = 16 * 1024 * 1024, FILE_MODE = 0600 };

void
input_file_init(struct input_file *f, int dir, const char *path)
{
	*f = (struct input_file){ .dir = dir, .path = path, .most = INPUT_FILE_GROWS };
}

/* ---- reading ---- */

static void
read_line(struct input *q, const char *p, size_t n, struct buf *complaints)
{
	struct json_err err = { 0 };
	struct jv *v = jv_parse(p, n, &err);
	int rc = -1;

	if (v != NULL)
		rc = jv_get(v, "entries") != NULL ? input_restore(q, v, &err)
						  : input_restore_entry(q, v, &err);
	if (rc == -1)
		buf_addf(complaints, "%s\n", err.text);
	jv_free(v);
}

int
input_file_read(struct input_file *f, struct input *q, struct buf *complaints)
{
	struct buf text = { 0 };
	const char *p, *nl;
	size_t left;

	if (file_read_at(f->dir, f->path, READ_MAX, &text) == -1) {
		int err = errno;

		buf_free(&text);
		errno = err;
		return err == ENOENT ? 0 : -1;
	}
	p = text.data;
	for (left = text.len; left > 0 && (nl = memchr(p, '\n', left)) != NULL;) {
		read_line(q, p, (size_t)(nl - p), complaints);
		left -= (size_t)(nl + 1 - p);
		p = nl + 1;
	}
	f->size = text.len - left;
	f->torn = left > 0;
	buf_free(&text);
	return 0;
}

/* ---- writing ---- */

static void
put_line(struct jw *w, struct buf *out)
{
	jw_end(w);
	jw_take(w, out);
	jw_free(w);
	buf_addc(out, '\n');
}

/* All of the queue in place of what is there.  When there is no room for that the old one
 * goes on. */
static void
write_anew(struct input_file *f, const struct input *q)
{
	struct buf text = { 0 };
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	input_write_all(q, w);
	put_line(w, &text);
	if (file_write_atomic(f->dir, f->path, text.data, text.len, FILE_MODE, false) ==
	    0) {
		f->size = text.len;
		f->torn = false;
	}
	f->most = f->size + INPUT_FILE_GROWS;
	buf_free(&text);
}

static bool
append(struct input_file *f, const struct buf *line)
{
	int fd = open_at(f->dir, f->path, O_WRONLY | O_CREAT | O_APPEND, FILE_MODE);
	bool done = fd != -1 && (!f->torn || ftruncate(fd, (off_t)f->size) == 0);
	int err;

	if (done) {
		f->torn = true;
		done = full_write(fd, line->data, line->len) == 0;
	}
	err = errno;
	if (done)
		f->size += line->len;
	if (done || (fd != -1 && f->torn && ftruncate(fd, (off_t)f->size) == 0))
		f->torn = false;
	fd_close(&fd);
	errno = err;
	return done;
}

bool
input_file_add(struct input_file *f, const struct input *q, const struct input_entry *e,
    enum input_record record)
{
	struct buf line = { 0 };
	struct jw *w;
	bool done;

	/* The last one is gone, and nobody will ask for it. */
	if (record == INPUT_RECORD_DONE && e->token == NULL && !input_has_more(q)) {
		if (unlinkat(f->dir, f->path, 0) == -1 && errno != ENOENT)
			return false;
		input_file_init(f, f->dir, f->path);
		return true;
	}
	if (f->size > f->most)
		write_anew(f, q);
	w = jw_new(JW_COMPACT);
	jw_obj(w);
	input_write_entry(e, w, record == INPUT_RECORD_QUEUED);
	put_line(w, &line);
	done = append(f, &line);
	buf_free(&line);
	return done;
}
