/*
 * frames: see the header.
 */
#include "frames.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "ctl.h"
#include "tty.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/utf8.h"

enum {
	HEAD = 5,
	FRAME_MAX = 64 * 1024 * 1024,
	PENDING_MAX = 64 * 1024,
	LAST_US = 2 * 1000 * 1000, /* how long supd may take to let go at the end */
	RETRY_MS = 100,
	AWAY_US = 1000 * 1000,      /* so long it is no news: a role was started again */
	BACK_US = 60 * 1000 * 1000, /* how long supd may be away */
};

/* ---- what supd says ---- */

static uint16_t
size_of(const struct jv *v, const char *key, uint16_t before)
{
	int64_t n = jv_i64(jv_get(v, key), 0);

	return n > 0 && n <= UINT16_MAX ? (uint16_t)n : before;
}

static void
hear_status(struct frames *f, const struct jv *v)
{
	const char *who = jv_str(jv_get(v, "held_by"), NULL);
	struct buf text = { 0 };

	f->writer = jv_bool(jv_get(v, "writer"), f->writer);
	f->rows = size_of(v, "rows", f->rows);
	f->cols = size_of(v, "cols", f->cols);
	free(f->held_by);
	f->held_by = NULL;
	if (who == NULL)
		return;
	utf8_escape_buf(&text, who, strlen(who));
	f->held_by = buf_take(&text);
}

/* ---- connecting ---- */

static char *
params(const struct frames *f)
{
	struct jw *w = ctl_params();
	struct buf text = { 0 };
	uint16_t rows, cols;

	jw_kv_str(w, "unit", f->unit);
	jw_kv_bool(w, "read_only", f->read_only);
	jw_kv_bool(w, "take", f->take);
	if (!f->read_only && tty_size(&rows, &cols)) {
		jw_kv_u64(w, "rows", rows);
		jw_kv_u64(w, "cols", cols);
	}
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	return buf_take(&text);
}

/* 0: attached; -1: supd does not answer now; else an exit status, and it was told. */
static int
connect_once(struct frames *f, uint64_t deadline)
{
	struct ctl *ctl = f->ctl;
	struct reply r = { 0 };
	enum client_result cr;
	char *text = params(f);
	int code = -1;

	buf_clear(&f->why);
	buf_clear(&f->in);
	buf_clear(&f->out);
	reply_clear(&f->refusal);
	ctl_disconnect(ctl);
	cr = ctl_try_connect(ctl, &f->why);
	if (cr == CLIENT_OK)
		cr = client_send_upgrade(
		    ctl->client, "io.supd.Session.Attach", text, deadline, &f->why);
	if (cr == CLIENT_OK)
		cr = client_receive(ctl->client, &r, deadline, &f->why);
	free(text);
	if (cr == CLIENT_OK && r.error != NULL &&
	    strcmp(r.error, "io.supd.Session.TerminalUnavailable") == 0) {
		f->refusal = r;
		r = (struct reply){ 0 };
	} else if (cr == CLIENT_OK && r.error != NULL) {
		code = ctl_error_reply(ctl, &r);
	} else if (cr == CLIENT_OK) {
		f->writer = false;
		hear_status(f, r.params);
		client_take_rest(ctl->client, &f->in);
		code = 0;
	} else if (cr == CLIENT_DENIED || cr == CLIENT_FOREIGN) {
		code = ctl_client_failed(ctl, cr, buf_str(&f->why));
	}
	reply_clear(&r);
	f->result = cr;
	return code;
}

/* Says why supd does not answer; the exit status. */
static int
failed(struct frames *f)
{
	if (f->refusal.error != NULL)
		return ctl_error_reply(f->ctl, &f->refusal);
	return ctl_client_failed(f->ctl, f->result, buf_str(&f->why));
}

/* A role died with our call in its hands, or is being started again. */
static bool
is_in_between(const struct frames *f)
{
	return f->result == CLIENT_CLOSED || f->refusal.error != NULL;
}

int
frames_connect(struct frames *f)
{
	uint64_t deadline = ctl_deadline(f->ctl, false);
	bool again = false;

	for (;;) {
		int code = connect_once(f, deadline);

		if (code != -1)
			return code;
		/* (A supd that was not there is not waited for.) */
		again = is_in_between(f) || (again && f->result == CLIENT_DOWN);
		if (!again || clock_mono_us() >= deadline)
			return failed(f);
		poll(NULL, 0, RETRY_MS);
	}
}

bool
frames_connect_again(struct frames *f)
{
	uint64_t begin = clock_mono_us(), end = begin + BACK_US;
	bool told = f->on_away == NULL;
	int what;

	/* All come back at once, and who typed types on, whoever is the first. */
	f->take = f->writer;
	do {
		int r = connect_once(f, ctl_deadline(f->ctl, false));

		if (r != -1) {
			f->code = r;
			return r == 0;
		}
		if (!told && clock_mono_us() - begin >= AWAY_US) {
			told = true;
			f->on_away(f->arg);
		}
		what = tty_wait(-1, f->on_stdin_away != NULL ? TTY_STDIN : 0, RETRY_MS);
		if ((what & TTY_ENDED) != 0 ||
		    ((what & TTY_STDIN) != 0 && !f->on_stdin_away(f->arg)))
			return false;
	} while (clock_mono_us() < end);
	f->code = failed(f);
	return false;
}

/* ---- frames ---- */

/* (Its end is seen where we read.) */
void
frames_send_pending(struct frames *f)
{
	size_t at = 0;

	while (at < f->out.len) {
		ssize_t r = send(client_fd(f->ctl->client), f->out.data + at,
		    f->out.len - at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (r > 0)
			at += (size_t)r;
		else if (r == 0 || errno != EINTR)
			break;
	}
	if (at > 0)
		buf_consume(&f->out, at);
}

void
frames_send(struct frames *f, enum frame what, const char *p, size_t n)
{
	buf_addc(&f->out, (char)what);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_addc(&f->out, (char)(n >> shift));
	buf_append(&f->out, p, n);
	frames_send_pending(f);
}

int
frames_wants(const struct frames *f)
{
	return TTY_PEER | (f->out.len > 0 ? TTY_ROOM : 0);
}

bool
frames_has_room(const struct frames *f)
{
	return f->out.len < PENDING_MAX;
}

void
frames_send_last(struct frames *f)
{
	uint64_t end = clock_mono_us() + LAST_US;

	while (clock_mono_us() < end) {
		int what = tty_wait(client_fd(f->ctl->client), frames_wants(f), RETRY_MS);

		if ((what & TTY_ENDED) != 0)
			return;
		if ((what & TTY_PEER) != 0 && frames_read(f) != 1)
			return;
		frames_send_pending(f);
	}
}

static size_t
frame_len(const char *p)
{
	size_t n = 0;

	for (int i = 1; i < HEAD; i++)
		n = n << 8 | (unsigned char)p[i];
	return n;
}

static bool
on_frame(struct frames *f, char what, const char *p, size_t n)
{
	struct jv *v;

	if (what == FRAME_END) {
		buf_clear(&f->why);
		buf_append(&f->why, p, n);
		return false;
	}
	if (what == FRAME_STATUS) {
		v = jv_parse(p, n, NULL);
		hear_status(f, v);
		jv_free(v);
	}
	return f->on_frame(f->arg, (enum frame)what, p, n);
}

bool
frames_handle(struct frames *f)
{
	size_t at = 0;
	bool go_on = true;

	while (go_on && f->in.len - at >= HEAD) {
		size_t n = frame_len(f->in.data + at);

		if (n > FRAME_MAX) {
			buf_clear(&f->why);
			buf_adds(&f->why, "supd sent what is no frame");
			return false;
		}
		if (f->in.len - at < HEAD + n)
			break;
		go_on = on_frame(f, f->in.data[at], f->in.data + at + HEAD, n);
		at += HEAD + n;
	}
	buf_consume(&f->in, at);
	return go_on;
}

int
frames_read(struct frames *f)
{
	char *p = buf_reserve(&f->in, 64 * 1024);
	ssize_t n = recv(client_fd(f->ctl->client), p, 64 * 1024, 0);

	if (n > 0)
		buf_grew(&f->in, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		return -1;
	return frames_handle(f) ? 1 : 0;
}

void
frames_clear(struct frames *f)
{
	free(f->held_by);
	f->held_by = NULL;
	buf_free(&f->in);
	buf_free(&f->out);
	buf_free(&f->why);
	reply_clear(&f->refusal);
}
