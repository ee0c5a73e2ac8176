/*
 * attach: see the header.
 */
#include "terminal/attach.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/outq.h"
#include "lib/refusal.h"
#include "lib/xalloc.h"
#include "terminal/input.h"
#include "terminal/session.h"
#include "terminal/state.h"
#include "terminal/terminal.h"

enum {
	REQUEST_MAX = 64 * 1024,
	HEAD = 5,
	FRAME_MAX = 64 * 1024,    /* of what a viewer may send */
	PENDING_MAX = 256 * 1024, /* that one has not taken; then it is behind */
	STALL_US = 60 * 1000 * 1000,
};

struct viewer {
	struct session *s;
	int fd; /* owned */
	struct loop_io *io;
	struct outq out;
	char *who;
	bool may_type; /* it asked for it */
	bool behind;   /* it missed something: the whole screen is owed */
	bool status_owed;
	bool dead, ending;
	uint16_t rows, cols; /* of its terminal; 0: not told */
	struct buf in;
	TAILQ_ENTRY(viewer) link;
};

uint32_t
attach_count(const struct session *s)
{
	const struct viewer *v;
	uint32_t n = 0;

	TAILQ_FOREACH (v, &s->viewers, link)
		n++;
	return n;
}

/* ---- what is sent ---- */

static void
add_frame(struct viewer *v, enum attach_frame what, const char *p, size_t n)
{
	unsigned char head[HEAD] = { (unsigned char)what, (unsigned char)(n >> 24),
		(unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n };

	buf_append(&v->out.buf, head, sizeof(head));
	buf_append(&v->out.buf, p, n);
}

static void
status_json(const struct viewer *v, struct jw *w)
{
	const struct viewer *writer = v->s->writer;
	struct screen_look look;

	session_screen_look(v->s, &look);
	jw_kv_bool(w, "writer", writer == v);
	if (writer != NULL && writer != v)
		jw_kv_str(w, "held_by", writer->who);
	jw_kv_u64(w, "rows", look.rows);
	jw_kv_u64(w, "cols", look.cols);
}

static void
add_status(struct viewer *v)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf text = { 0 };

	jw_obj(w);
	status_json(v, w);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	add_frame(v, FRAME_STATUS, text.data, text.len);
	buf_free(&text);
	v->status_owed = false;
}

static void
add_screen(struct viewer *v)
{
	struct buf draw = { 0 };

	screen_draw(session_screen(v->s), &draw);
	screen_rest(v->s->screen, &draw);
	add_frame(v, FRAME_OUTPUT, draw.data, draw.len);
	buf_free(&draw);
	v->behind = false;
}

static void attach_free(struct viewer *v);

static void
reap(void *arg)
{
	struct viewer *v = arg;
	struct terminal *t = v->s->t;

	attach_free(v);
	terminal_flush(t);
}

/* Not freed at once: we may be in the middle of one of its frames. */
static void
cut(struct viewer *v)
{
	if (v->dead)
		return;
	v->dead = true;
	loop_io_set(v->io, 0);
	loop_post(v->s->t->loop, reap, v);
}

static void
drain(struct viewer *v)
{
	int r = v->dead ? 0 : outq_send(&v->out);

	if (r == -1 || (r == 1 && v->ending)) {
		cut(v);
	} else if (r == 1 && (v->behind || v->status_owed)) {
		if (v->status_owed)
			add_status(v);
		if (v->behind)
			add_screen(v);
		drain(v);
	}
}

void
attach_output(struct session *s, const char *bytes, size_t len)
{
	struct viewer *v;

	TAILQ_FOREACH (v, &s->viewers, link) {
		if (v->dead || v->ending || v->behind)
			continue;
		if (outq_is_full(&v->out)) {
			v->behind = true;
			continue;
		}
		add_frame(v, FRAME_OUTPUT, bytes, len);
		if (v->out.sent == 0)
			drain(v);
	}
}

static void
tell_status(struct session *s)
{
	struct viewer *v;

	TAILQ_FOREACH (v, &s->viewers, link) {
		if (v->dead || v->ending)
			continue;
		/* Only the newest is of use. */
		if (outq_is_full(&v->out)) {
			v->status_owed = true;
			continue;
		}
		add_status(v);
		drain(v);
	}
}

static void
end(struct viewer *v, const char *why)
{
	if (v->dead || v->ending)
		return;
	v->ending = true;
	add_frame(v, FRAME_END, why, strlen(why));
	drain(v);
}

void
attach_end_all(struct session *s, const char *why)
{
	struct viewer *v, *next;

	TAILQ_FOREACH_SAFE (v, &s->viewers, link, next) {
		end(v, why);
		attach_free(v);
	}
}

/* ---- who may type ---- */

static void
set_writer(struct viewer *v)
{
	struct session *s = v->s;

	if (s->writer == v)
		return;
	s->writer = v;
	if (v->rows != 0)
		session_resize(s, v->rows, v->cols);
	tell_status(s);
	session_report(s);
}

static void
attach_free(struct viewer *v)
{
	struct session *s = v->s;

	TAILQ_REMOVE(&s->viewers, v, link);
	s->t->n_viewers--;
	loop_post_cancel(s->t->loop, reap, v);
	outq_clear(&v->out);
	loop_io_free(v->io);
	fd_close(&v->fd);
	buf_free(&v->in);
	free(v->who);
	if (s->writer == v) {
		s->writer = NULL;
		tell_status(s);
	}
	free(v);
	if (TAILQ_EMPTY(&s->viewers) && !s->closing)
		session_own_size(s);
	session_report(s);
}

/* ---- what comes ---- */

static unsigned
u16_at(const char *p)
{
	return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static void
on_frame(struct viewer *v, char what, const char *p, size_t n)
{
	struct session *s = v->s;

	switch (what) {
	case FRAME_INPUT:
		if (s->writer == v && !s->closing && n > 0 && !input_typed(s, p, n) &&
		    !outq_is_full(&v->out))
			add_frame(v, FRAME_OUTPUT, "\a", 1);
		break;
	case FRAME_SIZE:
		if (n != 4)
			break;
		v->rows = (uint16_t)u16_at(p);
		v->cols = (uint16_t)u16_at(p + 2);
		if (s->writer == v && v->rows > 0 && v->cols > 0) {
			session_resize(s, v->rows, v->cols);
			tell_status(s);
		}
		break;
	case FRAME_TAKE:
		if (v->may_type)
			set_writer(v);
		break;
	case FRAME_DETACH:
		end(v, "detached");
		break;
	default:
		cut(v);
		break;
	}
}

/* Whole frames of what has come. */
static void
handle_frames(struct viewer *v)
{
	size_t at = 0;

	while (!v->dead && !v->ending && v->in.len - at >= HEAD) {
		const char *p = v->in.data + at;
		size_t n = (size_t)u16_at(p + 1) << 16 | u16_at(p + 3);

		if (n > FRAME_MAX) {
			cut(v);
			return;
		}
		if (v->in.len - at < HEAD + n)
			break;
		on_frame(v, p[0], p + HEAD, n);
		at += HEAD + n;
	}
	if (at > 0)
		buf_consume(&v->in, at);
}

static void
on_io(struct loop_io *io, int events, void *arg)
{
	struct viewer *v = arg;

	(void)io;
	if ((events & LOOP_READ) != 0 && !v->dead) {
		char bytes[16 * 1024];
		ssize_t r = recv(v->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (r == 0 || (r == -1 && errno != EAGAIN && errno != EINTR)) {
			cut(v);
		} else if (r > 0 && !v->ending) { /* what follows its end is nothing */
			buf_append(&v->in, bytes, (size_t)r);
			handle_frames(v);
		}
	}
	/* Also what its frames made us say. */
	if (!v->dead && outq_pending(&v->out) > 0)
		drain(v);
	terminal_flush(v->s->t);
}

static void
on_stall(struct loop_timer *timer, void *arg)
{
	struct viewer *v = arg;

	(void)timer;
	log_info("%s: a viewer that does not read is cut off", v->s->ts->unit);
	cut(v);
}

/* ---- a new one ---- */

/* The answer to the call that brought it here; frames follow. */
static void
greet(struct viewer *v)
{
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	jw_kv_obj(w, "parameters");
	status_json(v, w);
	jw_kv_u64(w, "viewers", attach_count(v->s));
	jw_end(w);
	jw_end(w);
	jw_take(w, &v->out.buf);
	jw_free(w);
	buf_addc(&v->out.buf, '\0');
}

static struct viewer *
attach_new(struct session *s, int client, const struct jv *req)
{
	struct viewer *v = xcalloc(1, sizeof(*v));
	int64_t rows = jv_i64(jv_get(req, "rows"), 0);
	int64_t cols = jv_i64(jv_get(req, "cols"), 0);

	v->s = s;
	v->fd = client;
	v->who = xstrdup(jv_str(jv_get(req, "who"), "somebody"));
	v->may_type = !jv_bool(jv_get(req, "read_only"), false);
	if (rows > 0 && cols > 0 && rows <= UINT16_MAX && cols <= UINT16_MAX) {
		v->rows = (uint16_t)rows;
		v->cols = (uint16_t)cols;
	}
	v->io = loop_io_new(s->t->loop, "viewer", client, LOOP_READ, on_io, v);
	outq_init(&v->out, s->t->loop, v->io, PENDING_MAX, STALL_US, on_stall, v);
	TAILQ_INSERT_TAIL(&s->viewers, v, link);
	s->t->n_viewers++;
	return v;
}

/* An answer as the manager would give it; it fits into any socket that is new. */
static void
refuse_take_fd(int client, const char *error, const char *why, const char *next)
{
	log_warnx("a viewer is refused: %s", why);
	refusal_send(client, error, why, next);
	close(client);
}

void
attach_add_take_fd(struct terminal *t, int client, int request_fd)
{
	struct jv *req = jv_parse_fd(request_fd, REQUEST_MAX);
	int64_t slot = jv_i64(jv_get(req, "slot"), -1);
	struct session *s = NULL;
	struct viewer *v;

	if (slot >= 0 && slot < (int64_t)t->table->nslots)
		s = session_get(t, (uint32_t)slot);
	if (s == NULL || t->n_viewers >= VIEWERS_MAX) {
		jv_free(req);
		if (s == NULL) /* it has just ended, or we have not heard of it yet */
			refuse_take_fd(client, "io.supd.Session.TerminalUnavailable",
			    "the terminal has no such session now",
			    "try again in a moment");
		else
			refuse_take_fd(client, "io.supd.Manager.Failed",
			    "too many are attached to sessions",
			    "supctl screen shows one without it; detach others");
		return;
	}
	v = attach_new(s, client, req);
	if (v->may_type && (s->writer == NULL || jv_bool(jv_get(req, "take"), false))) {
		s->writer = v;
		if (v->rows > 0)
			session_resize(s, v->rows, v->cols);
	}
	jv_free(req);
	greet(v);
	add_screen(v);
	if (attach_count(s) > 1)
		tell_status(s);
	drain(v);
	session_report(s);
}
