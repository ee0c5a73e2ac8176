/*
 * store: what is remembered, and its snapshots; how it comes back is in restore.c.
 */
#include "manager/record/store.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/map.h"
#include "lib/memfd.h"
#include "lib/xalloc.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/record/metrics.h"
#include "manager/record/store_int.h"
#include "proto/ring.h"
#include "proto/version.h"

enum { UNREAD_MANY = 1 << 20 };
#define HURRY_US USEC_PER_SEC

static void
free_memory(void *p)
{
	struct memory *m = p;

	if (m == NULL)
		return;
	free(m->text);
	free(m);
}

void
store_free_wish(void *p)
{
	struct wish *w = p;

	if (w == NULL)
		return;
	free(w->line);
	free(w);
}

/* ---- what is remembered ---- */

const struct store_report *
store_report(const struct store *st)
{
	return &st->report;
}

struct jv *
store_memory(const struct store *st, const char *unit, bool *same_boot)
{
	const struct memory *m = map_get(&st->memories, unit);

	if (m == NULL)
		return NULL;
	*same_boot = m->same_boot;
	return jv_parse(m->text, strlen(m->text), NULL);
}

bool
store_boot_is_unknown(const struct store *st, const char *unit)
{
	const struct memory *m = map_get(&st->memories, unit);

	return m != NULL && !m->boot_known;
}

bool
store_is_first_of_boot(const struct store *st)
{
	return st->first_of_boot;
}

void
store_each_memory(const struct store *st, store_unit_fn *fn, void *arg)
{
	const char *unit;
	size_t it = 0;

	while (map_next(&st->memories, &it, &unit, NULL))
		fn(arg, unit);
}

static int
cmp_wish(const void *a, const void *b)
{
	const struct wish *x = *(struct wish *const *)a, *y = *(struct wish *const *)b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static void
each_line(const struct map *lines, store_wish_fn *fn, void *arg)
{
	struct wish **v = xcalloc(lines->n + 1, sizeof(*v));
	size_t n = 0, it = 0;
	void *value;

	while (map_next(lines, &it, NULL, &value))
		if (((struct wish *)value)->line != NULL)
			v[n++] = value;
	qsort(v, n, sizeof(*v), cmp_wish);
	for (size_t i = 0; i < n; i++)
		fn(arg, v[i]->line, v[i]->len);
	free(v);
}

void
store_each_wish(const struct store *st, store_wish_fn *fn, void *arg)
{
	each_line(&st->wishes, fn, arg);
}

void
store_each_request(const struct store *st, store_wish_fn *fn, void *arg)
{
	each_line(&st->requests, fn, arg);
}

void
store_each_kept(const struct store *st, store_wish_fn *fn, void *arg)
{
	each_line(&st->kept, fn, arg);
}

void
store_set_activity(struct store *st, uint64_t wall_us)
{
	st->activity_us = wall_us;
}

uint64_t
store_activity(const struct store *st)
{
	return st->activity_us;
}

void
store_forget_marks(struct store *st, uint64_t seq)
{
	size_t it = 0;
	const char *key;
	void *value;

	while (map_next(&st->kept, &it, &key, &value)) {
		struct wish *w = value;

		if (w->seq <= seq && strncmp(key, "mark", 4) == 0)
			store_free_wish(map_del(&st->kept, key));
	}
}

void
store_each_job(const struct store *st, store_wish_fn *fn, void *arg, uint32_t *last_id)
{
	*last_id = st->last_job;
	each_line(&st->jobs, fn, arg);
}

void
store_note_job(struct store *st, uint32_t id)
{
	if (id > st->last_job)
		st->last_job = id;
}

void
store_forget_request(struct store *st, const char *unit)
{
	struct wish *w = map_del(&st->requests, unit);

	if (w != NULL)
		store_free_wish(w);
}

struct jv *
store_ending(const struct store *st)
{
	return st->ending == NULL ? NULL
				  : store_parse_line(st->ending, strlen(st->ending));
}

void
store_forget_memories(struct store *st)
{
	map_clear(&st->memories, free_memory);
	/* A fleet's memories are megabytes that are never needed again. */
	malloc_trim(0);
}

/* ---- out ---- */

/* An event as it was read, into the array or the member that is open. */
static void
write_line(void *arg, const char *line, size_t len)
{
	struct jv *v = store_parse_line(line, len);

	if (v != NULL)
		jv_write(v, arg);
	jv_free(v);
}

void
store_write_snapshot(struct store *st, struct buf *out)
{
	struct jw *w = jw_new(JW_COMPACT);
	char ts[CLOCK_TEXT_MAX];

	jw_obj(w);
	jw_kv_i64(w, "version", STORE_VERSION);
	jw_kv_i64(w, "readable_by", STORE_READABLE_BY);
	jw_kv_u64(w, "seq", emitter_seq(st->ev));
	jw_kv_str(w, "ts", clock_format_utc(ts, sizeof(ts), clock_wall_us()));
	jw_kv_str(w, "boot_id", st->boot_id);
	jw_kv_bool(w, "first_of_boot", st->first_of_boot);
	jw_kv_obj(w, "units");
	st->ops.collect(st->ops.arg, w);
	jw_end(w);
	jw_kv_arr(w, "wishes");
	store_each_wish(st, write_line, w);
	jw_end(w);
	jw_kv_arr(w, "requests");
	store_each_request(st, write_line, w);
	jw_end(w);
	if (st->activity_us != 0)
		jw_kv_u64(w, "activity", st->activity_us);
	jw_kv_arr(w, "kept");
	store_each_kept(st, write_line, w);
	jw_end(w);
	jw_kv_u64(w, "last_job", st->last_job);
	jw_kv_arr(w, "jobs");
	each_line(&st->jobs, write_line, w);
	jw_end(w);
	if (st->ending != NULL) {
		jw_key(w, "ending");
		write_line(w, st->ending, strlen(st->ending));
	}
	jw_key(w, "metrics");
	metrics_write_json(emitter_metrics(st->ev), w);
	jw_key(w, "history");
	history_write_json(st->history, w);
	for (size_t i = 0; i < st->n_parts; i++) {
		jw_key(w, st->parts[i].name);
		st->parts[i].write(st->parts[i].arg, w);
	}
	jw_end(w);
	jw_take(w, out);
	jw_free(w);
	buf_addc(out, '\n');
}

/* From now to a snapshot that nobody waits for, or that somebody does. */
static uint64_t
until_next(const struct store *st)
{
	return emitter_has_lost_wish(st->ev) && st->gather_us > HURRY_US ? HURRY_US
									 : st->gather_us;
}

int
store_snapshot_now(struct store *st)
{
	struct buf text = { 0 };
	int fd, rc;

	if (st->report.newer)
		return 0; /* what a newer supd left must not be replaced by us */
	loop_timer_stop(st->timer);
	st->overdue = st->hurried = false;
	st->unread = 0;
	store_write_snapshot(st, &text);
	fd = memfd_sealed("supd-snapshot", &text);
	if (fd == -1) {
		log_warn("a snapshot cannot be made");
		rc = -1;
	} else {
		rc = st->ops.send(st->ops.arg, ++st->id, fd, text.len);
		st->id_seq = emitter_seq(st->ev);
	}
	st->size = text.len;
	buf_free(&text);
	st->writing = rc == 0;
	if (rc == -1)
		st->failed = true;
	if (rc == -1 && st->enabled)
		loop_timer_in(st->timer, until_next(st));
	return rc;
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct store *st = arg;

	/* One at a time; the answer arms the timer again if something is left. */
	if (st->writing)
		loop_timer_in(t, until_next(st));
	else
		store_snapshot_now(st);
}

static bool
is_wanted(const struct store *st, enum event_id id)
{
	for (size_t i = 0; i < st->n_parts; i++)
		if (st->parts[i].wants(st->parts[i].arg, id, false))
			return true;
	return false;
}

void
store_tell_parts(struct store *st, enum event_id id, const struct jv *event, bool past)
{
	for (size_t i = 0; i < st->n_parts; i++)
		if (st->parts[i].wants(st->parts[i].arg, id, past))
			st->parts[i].event(st->parts[i].arg, id, event, past);
}

static void
on_event(void *arg, const struct event_view *v)
{
	struct store *st = arg;
	struct jv *jv;

	if (is_wanted(st, v->id)) {
		jv = store_parse_line(v->line, v->len);
		store_tell_parts(st, v->id, jv, false);
		jv_free(jv);
	}
	if (v->id == EVENT_WISH && v->unit != NULL) {
		jv = store_parse_line(v->line, v->len);
		store_take_wish(
		    st, v->unit, jv_str(jv_get(jv, "what"), ""), v->seq, v->line, v->len);
		if (strcmp(jv_str(jv_get(jv, "what"), ""), "forgotten") == 0)
			store_settle_wish(st, v->unit);
		jv_free(jv);
	} else if (store_is_request(v->id) && v->unit != NULL) {
		store_take_request(st, v->unit, v->seq, v->line, v->len);
	} else if (store_is_kept(v->id)) {
		store_take_kept(st, v->id, v->seq, v->line, v->len);
	} else if (v->id == EVENT_JOB_WAITS ||
		   (v->id == EVENT_JOB_DONE && st->jobs.n > 0)) {
		jv = store_parse_line(v->line, v->len);
		store_take_job(st, v->id, jv, v->seq, v->line, v->len);
		jv_free(jv);
	} else if (v->id == EVENT_SUPD_STOPPING || v->id == EVENT_SUPD_STARTED) {
		jv = store_parse_line(v->line, v->len);
		store_take_ending(st, v->id, jv, v->line, v->len);
		if (v->id == EVENT_SUPD_STARTED)
			store_take_started(st, jv);
		jv_free(jv);
	}
	if (!st->enabled)
		return;
	/* What the journal will never have is in a snapshot, or nowhere. */
	if (emitter_has_lost_wish(st->ev) && !st->hurried) {
		st->hurried = true;
		/* A disk that takes nothing is not asked for each event. */
		if (st->failed)
			loop_timer_in(st->timer, HURRY_US);
		else if (st->writing)
			st->overdue = true;
		else
			loop_timer_in(st->timer, 0);
		return;
	}
	if (v->id != EVENT_SNAPSHOT_FAILED && !loop_timer_is_armed(st->timer))
		loop_timer_in(st->timer, st->gather_us);
	/* A new manager reads the snapshot and what is newer: the latter must not take
	 * much longer, and this not be done more often than that is worth. */
	st->unread += v->len;
	if (st->hurried || st->gather_us <= HURRY_US ||
	    st->unread < UNREAD_MANY + 2 * st->size)
		return;
	st->hurried = true;
	loop_timer_in(st->timer, HURRY_US);
}

void
store_set_interval(struct store *st, uint64_t us)
{
	st->gather_us = us;
}

void
store_enable(struct store *st)
{
	st->enabled = true;
	/* What the journal has lost is not looked for behind newer events of it: soon. */
	loop_timer_in(st->timer, st->lost ? 0 : st->gather_us);
}

void
store_on_done(struct store *st, uint64_t id, int err)
{
	if (id != st->id)
		return;
	st->writing = false;
	st->failed = err != 0;
	if (err == 0)
		emitter_on_snapshot(st->ev, st->id_seq);
	/* It comes when a burst of work is over, which needed more than is needed now. */
	xalloc_trim();
	if (st->overdue)
		store_snapshot_now(st);
	if (err == 0) {
		st->err = 0;
		return;
	}
	/* It is tried again even when nothing happens any more: what is to be written may
	 * be the last that does. */
	if (st->enabled && !st->writing && !loop_timer_is_armed(st->timer))
		loop_timer_in(st->timer, until_next(st));
	if (err == st->err)
		return;
	st->err = err;
	event_begin(st->ev, EVENT_SNAPSHOT_FAILED, NULL, NULL);
	event_str(st->ev, "file", SNAPSHOT_FILE);
	event_str(st->ev, "error", strerror(err));
	event_end(st->ev);
}

void
store_on_logger(struct store *st)
{
	if (!st->writing)
		return;
	st->writing = false;
	if (st->overdue)
		store_snapshot_now(st);
	else if (st->enabled)
		loop_timer_in(st->timer, st->gather_us);
}

void
store_on_event_ack(struct store *st, const struct ring *ring)
{
	bool known = st->journal_ino != 0;

	if (ring->intent_ino == 0 ||
	    (ring->intent_dev == st->journal_dev && ring->intent_ino == st->journal_ino))
		return;
	st->journal_dev = ring->intent_dev;
	st->journal_ino = ring->intent_ino;
	if (!known || !st->enabled)
		return;
	if (st->writing)
		st->overdue = true;
	else
		store_snapshot_now(st);
}

bool
store_is_writing(const struct store *st)
{
	return st->writing;
}

struct store *
store_new(struct loop *loop, struct emitter *ev, struct history *history,
    const char *boot_id, const struct store_ops *ops)
{
	struct store *st = xcalloc(1, sizeof(*st));

	st->loop = loop;
	st->ev = ev;
	st->history = history;
	st->ops = *ops;
	strlcpy(st->boot_id, boot_id, sizeof(st->boot_id));
	st->timer = loop_timer_new(loop, "snapshot", on_timer, st);
	emitter_add_sink(ev, on_event, st);
	return st;
}

void
store_add_part(struct store *st, const struct store_part *part)
{
	assert(st->n_parts < STORE_PARTS_MAX);
	st->parts[st->n_parts++] = *part;
}

void
store_free(struct store *st)
{
	if (st == NULL)
		return;
	emitter_remove_sink(st->ev, on_event, st);
	loop_timer_free(st->timer);
	map_clear(&st->memories, free_memory);
	map_clear(&st->wishes, store_free_wish);
	map_clear(&st->requests, store_free_wish);
	map_clear(&st->kept, store_free_wish);
	map_clear(&st->jobs, store_free_wish);
	free(st->ending);
	free(st);
}
