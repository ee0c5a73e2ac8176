/*
 * event: one emission to the ring, the receivers and the counter.
 */
#include "manager/record/event.h"

#include <sys/queue.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/record/metrics.h"
#include "proto/ring.h"

enum {
	KEPT_BYTES = 128 * 1024, /* bound of the events kept for subscribers */
	WISH_RESERVE_PART = 8,   /* one part in so many of the ring is for wishes only */
	WAKE_US = 5000,          /* what is no wish waits so long for more */
};

struct kept {
	TAILQ_ENTRY(kept) link;
	uint64_t seq;
	enum event_id id;
	size_t len;
	const char *unit; /* behind the line, or NULL */
	char line[];
};

struct sink {
	event_sink *fn;
	void *arg;
};

struct emitter {
	struct ring *ring;
	int wake_fd;
	struct loop_timer *wake_timer; /* NULL: no loop */
	struct metrics *metrics;
	struct jw *jw;
	struct buf line;
	uint64_t seq;
	int ring_fd;            /* not owned; -1: its memory cannot run short */
	uint64_t trimmed, room; /* of ring_trim, ring_make_room */
	uint64_t unreported;    /* lines dropped that no event tells of yet */
	/* The first and the newest wish that the ring has not, or not whole, and that no
	 * snapshot holds; 0: none. */
	uint64_t lost_wish, lost_wishes_end;
	uint64_t saved; /* a snapshot on the disk holds all up to here */
	bool trace;
	bool check;
	/* The event being made; id is EVENT_NONE between two. */
	enum event_id id;
	bool muted;
	char *unit;
	char invocation[33];  /* empty: none */
	event_run_of *run_of; /* NULL: nobody knows */
	void *run_of_arg;
	struct sink sinks[EVENT_SINKS_MAX];
	size_t nsinks;
	TAILQ_HEAD(kept_head, kept) kept;
	size_t kept_bytes;
};

static const struct event_def defs[EVENT_ID_MAX] = {
#define EVENT(i, NAME, nm, lv, fl, hp)     \
	[i] = {                            \
		.id = i,                   \
		.level = EVENT_LEVEL_##lv, \
		.name = nm,                \
		.fields = fl,              \
		.help = hp,                \
	},
#include "manager/record/event.def"
};

const struct event_def *
event_def(enum event_id id)
{
	if ((int)id <= EVENT_NONE || (int)id >= EVENT_ID_MAX || defs[id].name == NULL)
		return NULL;
	return &defs[id];
}

const struct event_def *
event_def_by_name(const char *name)
{
	for (size_t i = 0; i < EVENT_ID_MAX; i++)
		if (defs[i].name != NULL && strcmp(defs[i].name, name) == 0)
			return &defs[i];
	return NULL;
}

static const char *const level_names[] = {
	[EVENT_LEVEL_TRACE] = "trace",
	[EVENT_LEVEL_INFO] = "info",
	[EVENT_LEVEL_WARNING] = "warning",
	[EVENT_LEVEL_ERROR] = "error",
};

const char *
event_level_name(enum event_level level)
{
	return level_names[level];
}

int
event_level_parse(const char *name)
{
	for (int i = EVENT_LEVEL_TRACE; i <= EVENT_LEVEL_ERROR; i++)
		if (strcmp(level_names[i], name) == 0)
			return i;
	return -1;
}

static void on_wake(struct loop_timer *t, void *arg);

struct emitter *
emitter_new(struct loop *loop, struct ring *ring, int ring_fd, int wake_fd,
    struct metrics *metrics)
{
	struct emitter *ev = xcalloc(1, sizeof(*ev));

	ev->ring = ring;
	ev->ring_fd = ring_fd;
	ev->wake_fd = wake_fd;
	if (loop != NULL)
		ev->wake_timer = loop_timer_new(loop, "wake", on_wake, ev);
	ev->metrics = metrics;
	ev->jw = jw_new(JW_COMPACT);
	TAILQ_INIT(&ev->kept);
	if (ring != NULL)
		ev->seq = atomic_load(&ring->seq_written);
	return ev;
}

void
emitter_free(struct emitter *ev)
{
	struct kept *k;

	if (ev == NULL)
		return;
	if (ev->wake_timer != NULL)
		loop_timer_free(ev->wake_timer);
	while ((k = TAILQ_FIRST(&ev->kept)) != NULL) {
		TAILQ_REMOVE(&ev->kept, k, link);
		free(k);
	}
	jw_free(ev->jw);
	buf_free(&ev->line);
	free(ev->unit);
	free(ev);
}

struct metrics *
emitter_metrics(const struct emitter *ev)
{
	return ev->metrics;
}

/* ---- making one ---- */

static void
write_head(struct emitter *ev, uint64_t seq)
{
	char ts[CLOCK_TEXT_MAX];

	jw_obj(ev->jw);
	jw_kv_u64(ev->jw, "seq", seq);
	jw_kv_str(ev->jw, "ts", clock_format_utc(ts, sizeof(ts), clock_wall_us()));
	jw_kv_str(ev->jw, "event", defs[ev->id].name);
	if (ev->unit != NULL)
		jw_kv_str(ev->jw, "unit", ev->unit);
	if (ev->invocation[0] != '\0')
		jw_kv_str(ev->jw, "invocation", ev->invocation);
}

/* What a record of this text takes in the ring. */
static uint64_t
record_bytes(size_t len)
{
	return (sizeof(struct ring_record) + len + 7) & ~UINT64_C(7);
}

static uint64_t
ring_free_bytes(const struct ring *r)
{
	uint64_t used = atomic_load(&r->head) - atomic_load(&r->tail);

	return used > r->size ? 0 : r->size - used;
}

/* Tells of dropped lines as soon as there is room again, before the next event. */
static void
report_drops(struct emitter *ev)
{
	uint64_t n = ev->unreported;

	if (n == 0 || ev->ring == NULL ||
	    ring_free_bytes(ev->ring) <
		2 * ev->ring->size / WISH_RESERVE_PART + RING_LINE_MAX)
		return;
	ev->unreported = 0;
	event_begin(ev, EVENT_EVENTS_DROPPED, NULL, NULL);
	event_int(ev, "count", (int64_t)n);
	event_end(ev);
}

void
event_begin(
    struct emitter *ev, enum event_id id, const char *unit, const uint8_t *invocation)
{
	const char *run;

	/* Our own bug: an event inside an event would mix their fields. */
	assert(ev->id == EVENT_NONE);
	assert(event_def(id) != NULL);

	report_drops(ev);
	metrics_count(ev->metrics, id);
	ev->id = id;
	ev->muted = defs[id].level == EVENT_LEVEL_TRACE && !ev->trace;
	if (ev->muted)
		return;
	free(ev->unit);
	ev->unit = unit == NULL ? NULL : xstrdup(unit);
	ev->invocation[0] = '\0';
	if (invocation != NULL)
		hex_encode(ev->invocation, invocation, 16);
	write_head(ev, ++ev->seq);
	if (invocation == NULL || unit == NULL || ev->run_of == NULL)
		return;
	run = ev->run_of(ev->run_of_arg, unit, invocation);
	if (run != NULL)
		jw_kv_str(ev->jw, "run", run);
}

void
event_str(struct emitter *ev, const char *key, const char *value)
{
	event_strn(ev, key, value, value == NULL ? 0 : strlen(value));
}

void
event_strn(struct emitter *ev, const char *key, const char *value, size_t n)
{
	if (ev->muted)
		return;
	if (value == NULL)
		jw_kv_null(ev->jw, key);
	else
		jw_kv_strn(ev->jw, key, value, utf8_head(value, n, EVENT_TEXT_MAX));
}

void
event_strf(struct emitter *ev, const char *key, const char *fmt, ...)
{
	char *text;
	va_list ap;

	if (ev->muted)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	event_str(ev, key, text);
	free(text);
}

void
event_int(struct emitter *ev, const char *key, int64_t value)
{
	if (!ev->muted)
		jw_kv_i64(ev->jw, key, value);
}

void
event_bool(struct emitter *ev, const char *key, bool value)
{
	if (!ev->muted)
		jw_kv_bool(ev->jw, key, value);
}

void
event_null(struct emitter *ev, const char *key)
{
	if (!ev->muted)
		jw_kv_null(ev->jw, key);
}

void
event_us(struct emitter *ev, const char *key, uint64_t us)
{
	event_us_by(ev, key, us, NULL);
}

void
event_us_by(struct emitter *ev, const char *key, uint64_t us, const char *by)
{
	metrics_sample_by(ev->metrics, key, by, us);
	if (!ev->muted)
		jw_kv_u64(ev->jw, key, us > INT64_MAX ? INT64_MAX : us);
}

struct jw *
event_jw(struct emitter *ev)
{
	return ev->muted ? NULL : ev->jw;
}

/* True when fields (of event.def) has a word "key:…". */
static bool
fields_have(const char *fields, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = fields; (p = strstr(p, key)) != NULL; p += n)
		if ((p == fields || p[-1] == ' ') && p[n] == ':')
			return true;
	return false;
}

static void
check_fields(const struct emitter *ev)
{
	static const char *const common[] = { "seq", "ts", "event", "unit", "invocation",
		"run", "truncated", NULL };
	struct jv *v = jv_parse(ev->line.data, ev->line.len, NULL);

	if (jv_type(v) != JV_OBJECT)
		fatalx("event %s is not an object", defs[ev->id].name);
	for (size_t i = 0; i < jv_count(v); i++) {
		const char *key = jv_key_at(v, i);
		bool known = fields_have(defs[ev->id].fields, key);

		for (size_t j = 0; common[j] != NULL; j++)
			known |= strcmp(common[j], key) == 0;
		if (!known)
			fatalx("event %s has no field %s", defs[ev->id].name, key);
	}
	jv_free(v);
}

/* ---- keeping the last ones ---- */

static void
keep(struct emitter *ev, const struct event_view *v)
{
	size_t unit_len = v->unit == NULL ? 0 : strlen(v->unit) + 1;
	struct kept *k = xmalloc(sizeof(*k) + v->len + 1 + unit_len);

	k->seq = v->seq;
	k->id = v->id;
	k->len = v->len;
	memcpy(k->line, v->line, v->len);
	k->line[v->len] = '\0';
	k->unit = NULL;
	if (v->unit != NULL) {
		memcpy(k->line + v->len + 1, v->unit, unit_len);
		k->unit = k->line + v->len + 1;
	}
	TAILQ_INSERT_TAIL(&ev->kept, k, link);
	ev->kept_bytes += sizeof(*k) + v->len + unit_len;
	while (ev->kept_bytes > KEPT_BYTES && (k = TAILQ_FIRST(&ev->kept)) != NULL) {
		TAILQ_REMOVE(&ev->kept, k, link);
		ev->kept_bytes -= sizeof(*k) + k->len;
		ev->kept_bytes -= k->unit == NULL ? 0 : strlen(k->unit) + 1;
		free(k);
	}
}

void
emitter_keep(struct emitter *ev, const struct event_view *v)
{
	const struct kept *last = TAILQ_LAST(&ev->kept, kept_head);

	if (event_def(v->id) != NULL && (last == NULL || last->seq < v->seq))
		keep(ev, v);
}

uint64_t
emitter_oldest(const struct emitter *ev)
{
	const struct kept *k = TAILQ_FIRST(&ev->kept);

	return k == NULL ? ev->seq + 1 : k->seq;
}

void
emitter_replay(const struct emitter *ev, uint64_t since, event_sink *fn, void *arg)
{
	const struct kept *k;

	TAILQ_FOREACH (k, &ev->kept, link) {
		struct event_view v = {
			.seq = k->seq,
			.id = k->id,
			.level = defs[k->id].level,
			.unit = k->unit,
			.line = k->line,
			.len = k->len,
		};

		if (k->seq > since)
			fn(arg, &v);
	}
}

/* ---- sending it off ---- */

static void
wake(const struct emitter *ev)
{
	uint64_t one = 1;

	/* EAGAIN means that the logger has been told often enough. */
	if (ev->wake_fd != -1 && write(ev->wake_fd, &one, sizeof(one)) == -1 &&
	    errno != EAGAIN && errno != EINTR)
		log_debug("waking the logger: %s", strerror(errno));
}

static void
on_wake(struct loop_timer *t, void *arg)
{
	(void)t;
	wake(arg);
}

/* The journal will not have this one: only a snapshot makes it durable. */
static void
lose(struct emitter *ev, uint32_t flags)
{
	if ((flags & RING_WISH) == 0)
		return;
	if (ev->lost_wish == 0)
		ev->lost_wish = ev->seq;
	ev->lost_wishes_end = ev->seq;
}

static void
to_ring(struct emitter *ev, uint32_t flags)
{
	struct ring *r = ev->ring;
	uint64_t room, need, reserve;

	if (r == NULL)
		return;
	room = ring_free_bytes(r);
	need = record_bytes(ev->line.len);
	reserve = (flags & RING_WISH) != 0 ? 0 : r->size / WISH_RESERVE_PART;
	if (need + reserve > room ||
	    (ev->ring_fd != -1 && ring_make_room(r, ev->ring_fd, &ev->room) == -1)) {
		atomic_fetch_add(&r->dropped, 1);
		ev->unreported++;
		lose(ev, flags);
	} else if (ring_put(r, ev->seq, flags, ev->line.data, (uint32_t)ev->line.len) ==
		   -1) {
		ev->unreported++;
		lose(ev, flags);
	}
	/* A burst wakes the logger once, unless the ring fills in the middle of it. */
	if (ev->wake_timer == NULL || (flags & RING_WISH) != 0 || room < r->size / 2)
		wake(ev);
	else if (!loop_timer_is_armed(ev->wake_timer))
		loop_timer_in(ev->wake_timer, WAKE_US);
}

/* A line that the ring cannot hold keeps its head, so that the gap is seen. */
static void
shorten(struct emitter *ev)
{
	log_warnx("event %s of %s is too long (%zu bytes): its fields are left out",
	    defs[ev->id].name, ev->unit == NULL ? "supd" : ev->unit, ev->line.len);
	buf_clear(&ev->line);
	write_head(ev, ev->seq);
	jw_kv_bool(ev->jw, "truncated", true);
	jw_end(ev->jw);
	jw_take(ev->jw, &ev->line);
}

static uint64_t
finish(struct emitter *ev, uint32_t flags)
{
	struct event_view v;

	assert(ev->id != EVENT_NONE);
	if (ev->muted) {
		ev->muted = false;
		ev->id = EVENT_NONE;
		return 0;
	}
	jw_end(ev->jw);
	buf_clear(&ev->line);
	jw_take(ev->jw, &ev->line);
	if (ev->line.len + 1 > RING_LINE_MAX) {
		shorten(ev);
		lose(ev, flags);
	}
	if (ev->check)
		check_fields(ev);
	buf_addc(&ev->line, '\n');
	to_ring(ev, flags);
	buf_truncate(&ev->line, ev->line.len - 1);

	v = (struct event_view){
		.seq = ev->seq,
		.id = ev->id,
		.level = defs[ev->id].level,
		.unit = ev->unit,
		.line = buf_str(&ev->line),
		.len = ev->line.len,
	};
	keep(ev, &v);
	/* A receiver may emit an event of its own: nothing of this one is used then. */
	ev->id = EVENT_NONE;
	if (ev->nsinks > 0) {
		char *line = buf_take(&ev->line), *unit = ev->unit;

		v.line = line;
		ev->unit = NULL;
		for (size_t i = 0; i < ev->nsinks; i++)
			ev->sinks[i].fn(ev->sinks[i].arg, &v);
		free(line);
		free(unit);
	}
	return v.seq;
}

uint64_t
event_end(struct emitter *ev)
{
	return finish(ev, 0);
}

uint64_t
event_end_wish(struct emitter *ev)
{
	return finish(ev, RING_WISH);
}

/* ---- the rest ---- */

void
emitter_set_run_of(struct emitter *ev, event_run_of *fn, void *arg)
{
	ev->run_of = fn;
	ev->run_of_arg = arg;
}

void
emitter_set_trace(struct emitter *ev, bool on)
{
	ev->trace = on;
}

bool
emitter_trace(const struct emitter *ev)
{
	return ev->trace;
}

uint64_t
emitter_seq(const struct emitter *ev)
{
	return ev->seq;
}

void
emitter_set_seq(struct emitter *ev, uint64_t seq)
{
	if (seq > ev->seq)
		ev->seq = seq;
	/* A new ring, as after a boot: nobody writes it yet, and what is known without it
	 * is from the disk. */
	if (ev->ring != NULL && atomic_load(&ev->ring->seq_written) == 0 &&
	    ev->seq > atomic_load(&ev->ring->wish_stored))
		atomic_store(&ev->ring->wish_stored, ev->seq);
}

uint64_t
emitter_dropped(const struct emitter *ev)
{
	return ev->ring == NULL ? 0 : atomic_load(&ev->ring->dropped);
}

uint64_t
emitter_stored(const struct emitter *ev)
{
	return ev->ring == NULL ? ev->seq : atomic_load(&ev->ring->seq_stored);
}

void
emitter_on_ack(struct emitter *ev)
{
	uint64_t before = ev->trimmed;

	if (ev->ring == NULL)
		return;
	ring_trim(ev->ring, &ev->trimmed);
	if (ev->trimmed != before)
		ev->room = 0;
}

uint64_t
emitter_wish_stored(const struct emitter *ev)
{
	uint64_t seq;

	if (ev->ring == NULL)
		return ev->seq;
	seq = atomic_load(&ev->ring->wish_stored);
	if (seq < ev->saved)
		seq = ev->saved;
	return ev->lost_wish != 0 && seq >= ev->lost_wish ? ev->lost_wish - 1 : seq;
}

bool
emitter_has_lost_wish(const struct emitter *ev)
{
	return ev->lost_wish != 0;
}

void
emitter_on_snapshot(struct emitter *ev, uint64_t seq)
{
	if (seq > ev->saved)
		ev->saved = seq;
	if (ev->lost_wish == 0 || seq < ev->lost_wish)
		return;
	/* Which of those that it does not hold is the first, nobody remembers. */
	ev->lost_wish = seq < ev->lost_wishes_end ? seq + 1 : 0;
}

void
emitter_add_sink(struct emitter *ev, event_sink *fn, void *arg)
{
	assert(ev->nsinks < EVENT_SINKS_MAX);
	ev->sinks[ev->nsinks++] = (struct sink){ .fn = fn, .arg = arg };
}

void
emitter_remove_sink(struct emitter *ev, event_sink *fn, void *arg)
{
	size_t n = 0;

	for (size_t i = 0; i < ev->nsinks; i++)
		if (ev->sinks[i].fn != fn || ev->sinks[i].arg != arg)
			ev->sinks[n++] = ev->sinks[i];
	ev->nsinks = n;
}

void
emitter_set_check(struct emitter *ev, bool on)
{
	ev->check = on;
}
