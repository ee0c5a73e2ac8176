/*
 * viewer: see the header.
 */
#include "logger/viewer.h"

#include <sys/socket.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/outq.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "logger/state.h"

enum {
	REQUEST_MAX = 64 * 1024,
	STALL_US = 10 * 1000 * 1000, /* without progress, with something to send */
};

struct viewer {
	struct logger *lg;
	int fd; /* owned */
	struct loop_io *io;
	struct outq out;
	struct strv units;
	unsigned streams;
	bool dead; /* to be freed by the next flush */
	struct jw *jw;
	TAILQ_ENTRY(viewer) link;
};

static void
viewer_free(struct viewer *v)
{
	TAILQ_REMOVE(&v->lg->viewers, v, link);
	outq_clear(&v->out);
	loop_io_free(v->io);
	fd_close(&v->fd);
	strv_free(&v->units);
	jw_free(v->jw);
	free(v);
}

void
viewer_free_all(struct logger *lg)
{
	struct viewer *v, *next;

	TAILQ_FOREACH_SAFE (v, &lg->viewers, link, next)
		viewer_free(v);
}

static void
reap_dead(void *arg)
{
	struct logger *lg = arg;
	struct viewer *v, *next;

	TAILQ_FOREACH_SAFE (v, &lg->viewers, link, next)
		if (v->dead)
			viewer_free(v);
}

/* Not freed at once: we may be in the middle of a line for all viewers. */
static void
cut(struct viewer *v)
{
	v->dead = true;
	loop_io_set(v->io, 0);
	loop_post(v->lg->loop, reap_dead, v->lg);
}

static void
drain(struct viewer *v)
{
	if (outq_send(&v->out) == -1)
		cut(v);
}

static void
on_io(struct loop_io *io, int events, void *arg)
{
	struct viewer *v = arg;
	char waste[4096];

	(void)io;
	if (v->dead)
		return;
	if ((events & LOOP_READ) != 0) {
		ssize_t r = recv(v->fd, waste, sizeof(waste), MSG_DONTWAIT);

		if (r == 0 || (r == -1 && errno != EAGAIN && errno != EINTR)) {
			cut(v);
			return;
		}
	}
	if ((events & LOOP_WRITE) != 0)
		drain(v);
}

static void
on_stall(struct loop_timer *t, void *arg)
{
	(void)t;
	log_info("a log viewer that does not read is cut off");
	cut(arg);
}

/* ---- lines ---- */

static bool
matches(const struct viewer *v, const char *unit, const char *name)
{
	if (v->units.n == 0)
		return true;
	for (size_t i = 0; i < v->units.n; i++)
		if (fnmatch(v->units.v[i], unit, FNM_NOESCAPE) == 0 ||
		    fnmatch(v->units.v[i], name, FNM_NOESCAPE) == 0)
			return true;
	return false;
}

bool
viewer_wants(const struct logger *lg, const struct logslot *ls)
{
	const struct viewer *v;

	TAILQ_FOREACH (v, &lg->viewers, link)
		if (!v->dead && matches(v, ls->ts->unit, ls->name))
			return true;
	return false;
}

static void
reply(struct viewer *v, const struct logslot *ls, const char *stream, const char *text,
    size_t n, const char *ts)
{
	struct jw *w = v->jw;

	jw_obj(w);
	jw_kv_obj(w, "parameters");
	jw_kv_str(w, "ref", ls->ref);
	jw_kv_str(w, "name", ls->name);
	if (ls->pid > 0)
		jw_kv_i64(w, "pid", ls->pid);
	jw_kv_str(w, "stream", stream);
	jw_kv_strn(w, "line", text, n);
	jw_kv_str(w, "ts", ts);
	jw_end(w);
	jw_kv_bool(w, "continues", true);
	jw_end(w);
	jw_take(w, &v->out.buf);
	buf_addc(&v->out.buf, '\0');
}

void
viewer_line(struct logger *lg, const struct stream *s, const char *text, size_t n)
{
	const struct logslot *ls = s->slot;
	char ts[CLOCK_TEXT_MAX];
	struct viewer *v;

	/* As all times of the interface, whatever the log has. */
	clock_format_utc(ts, sizeof(ts), lg->clock.wall_us);
	TAILQ_FOREACH (v, &lg->viewers, link) {
		if (v->dead || !matches(v, ls->ts->unit, ls->name) ||
		    (v->streams & 1U << s->which) == 0)
			continue;
		reply(v, ls, line_stream_name((enum line_stream)s->which), text, n, ts);
		drain(v);
		if (!v->dead && outq_is_full(&v->out)) {
			log_info("a log viewer that is too slow is cut off");
			cut(v);
		}
	}
}

static int
read_request(struct viewer *v, const struct jv *req)
{
	struct strv streams = { 0 };
	int r = -1;

	if (jr_opt_strv(req, "units", &v->units, NULL) == -1 ||
	    jr_opt_strv(req, "streams", &streams, NULL) == -1)
		goto out;
	for (size_t i = 0; i < streams.n; i++) {
		int s = line_stream_parse(streams.v[i]);

		if (s != -1)
			v->streams |= 1U << s;
	}
	if (v->streams == 0)
		v->streams = ~0U;
	r = 0;
out:
	strv_free(&streams);
	return r;
}

static size_t
count_viewers(const struct logger *lg)
{
	const struct viewer *v;
	size_t n = 0;

	TAILQ_FOREACH (v, &lg->viewers, link)
		n++;
	return n;
}

void
viewer_add_take_fd(struct logger *lg, int client, int request_fd)
{
	struct jv *req = jv_parse_fd(request_fd, REQUEST_MAX);
	struct viewer *v;

	if (req == NULL || count_viewers(lg) >= VIEWER_MAX) {
		log_warnx("a log viewer is refused: %s",
		    req == NULL ? "its request cannot be read" : "too many");
		jv_free(req);
		close(client);
		return;
	}
	v = xcalloc(1, sizeof(*v));
	v->lg = lg;
	v->fd = client;
	v->jw = jw_new(JW_COMPACT);
	v->io = loop_io_new(lg->loop, "viewer", client, LOOP_READ, on_io, v);
	outq_init(&v->out, lg->loop, v->io, VIEWER_PENDING_MAX, STALL_US, on_stall, v);
	TAILQ_INSERT_TAIL(&lg->viewers, v, link);
	if (read_request(v, req) == -1) {
		log_warnx("a log viewer is refused: its request is no good");
		cut(v);
	}
	jv_free(req);
}
