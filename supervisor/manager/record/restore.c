/*
 * restore: what the last manager knew, from the snapshot, the events since and the
 * wishes. Each file is taken for hostile.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/events.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/record/aside.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/record/metrics.h"
#include "manager/record/store.h"
#include "manager/record/store_int.h"
#include "proto/ring.h"
#include "proto/version.h"

#define WISHES_FILE "state/wishes"

enum {
	SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024,
	SNAPSHOT_NODES_MAX = 16 * 1024 * 1024,
	WISHES_BYTES_MAX = 16 * 1024 * 1024, /* of a longer file the end is read */
	LINE_NODES_MAX = 4096,
	UNITS_MAX = 100000,
};

/* ---- one event ---- */

static void
take_memory(struct store *st, const char *unit, uint64_t seq, const struct jv *memory)
{
	struct memory *m = map_get(&st->memories, unit);
	struct jw *w;
	struct buf text = { 0 };

	if (m == NULL) {
		if (st->memories.n >= UNITS_MAX)
			return;
		m = xcalloc(1, sizeof(*m));
		map_set(&st->memories, unit, m);
	}
	w = jw_new(JW_COMPACT);
	jv_write(memory, w);
	jw_take(w, &text);
	jw_free(w);
	free(m->text);
	m->text = buf_take(&text);
	m->seq = seq;
	m->same_boot = st->past_same_boot;
	m->boot_known = st->past_boot_known;
}

/* The newest line of a key stays. */
static void
take_line(struct map *lines, const char *key, uint64_t seq, const char *line, size_t len)
{
	struct wish *w = map_get(lines, key);

	if (w == NULL && lines->n < 4 * UNITS_MAX) {
		w = xcalloc(1, sizeof(*w));
		map_set(lines, key, w);
	}
	if (w == NULL || (w->line != NULL && w->seq >= seq))
		return;
	free(w->line);
	w->line = xstrndup(line, len);
	w->len = len;
	w->seq = seq;
}

void
store_take_wish(struct store *st, const char *unit, const char *what, uint64_t seq,
    const char *line, size_t len)
{
	char *key = xasprintf("%s %s", unit, what);

	take_line(&st->wishes, key, seq, line, len);
	free(key);
}

static struct wish *
wish_of(const struct store *st, const char *unit, const char *what)
{
	char *key = xasprintf("%s %s", unit, what);
	struct wish *w = map_get(&st->wishes, key);

	free(key);
	return w;
}

void
store_settle_wish(struct store *st, const char *unit)
{
	static const char *const words[] = { "started", "stopped", "forgotten" };
	const struct wish *last = wish_of(st, unit, "forgotten");

	for (size_t i = 0; i < 2; i++) {
		const struct wish *w = wish_of(st, unit, words[i]);

		if (last == NULL || (w != NULL && w->seq > last->seq))
			return;
	}
	for (size_t i = 0; i < 3; i++) {
		char *key = xasprintf("%s %s", unit, words[i]);

		store_free_wish(map_del(&st->wishes, key));
		free(key);
	}
}

/* When all is read: the files have older lines of a wish behind newer ones. */
static void
settle_wishes(struct store *st)
{
	struct strv keys = { 0 };

	map_keys(&st->wishes, &keys);
	for (size_t i = 0; i < keys.n; i++) {
		char *space = strchr(keys.v[i], ' ');

		if (space == NULL || strcmp(space, " forgotten") != 0)
			continue;
		*space = '\0';
		store_settle_wish(st, keys.v[i]);
	}
	strv_free(&keys);
}

void
store_take_started(struct store *st, const struct jv *v)
{
	bool ours = strcmp(jv_str(jv_get(v, "boot_id"), "?"), st->boot_id) == 0;

	/* The managers after the first are of the same supd. */
	if (jv_i64(jv_get(v, "generation"), 0) == 0)
		st->first_of_boot = ours && st->past_boot_known && !st->past_same_boot;
}

bool
store_is_request(enum event_id id)
{
	return id == EVENT_REQUEST_CLAIMED || id == EVENT_REQUEST_DONE;
}

void
store_take_request(
    struct store *st, const char *unit, uint64_t seq, const char *line, size_t len)
{
	take_line(&st->requests, unit, seq, line, len);
}

bool
store_is_kept(enum event_id id)
{
	return (id >= EVENT_MARK_ADDED && id <= EVENT_MARK_EXPIRED) ||
	       id == EVENT_PHASE_CHANGED;
}

void
store_take_kept(
    struct store *st, enum event_id id, uint64_t seq, const char *line, size_t len)
{
	char key[32];

	/* The newest one of a phase says all. */
	if (id == EVENT_PHASE_CHANGED)
		strlcpy(key, "phase", sizeof(key));
	else
		snprintf(key, sizeof(key), "mark %llu", (unsigned long long)seq);
	take_line(&st->kept, key, seq, line, len);
}

void
store_take_job(struct store *st, enum event_id id, const struct jv *v, uint64_t seq,
    const char *line, size_t len)
{
	int64_t n = jv_i64(jv_get(v, "job"), 0);
	char key[16];

	if (n <= 0 || n > UINT32_MAX)
		return;
	if ((uint32_t)n > st->last_job)
		st->last_job = (uint32_t)n;
	snprintf(key, sizeof(key), "%" PRId64, n);
	if (id == EVENT_JOB_DONE && jv_bool(jv_get(v, "kept"), false))
		return;
	if (id == EVENT_JOB_DONE)
		store_free_wish(map_del(&st->jobs, key));
	else if (jv_str(jv_get(v, "unit"), NULL) != NULL)
		take_line(&st->jobs, key, seq, line, len);
}

void
store_take_ending(
    struct store *st, enum event_id id, const struct jv *v, const char *line, size_t len)
{
	if (id == EVENT_SUPD_STOPPING) {
		free(st->ending);
		st->ending = xstrndup(line, len);
	} else if (id == EVENT_SUPD_STARTED && jv_i64(jv_get(v, "generation"), 0) == 0) {
		free(st->ending);
		st->ending = NULL;
	}
}

struct jv *
store_parse_line(const char *line, size_t len)
{
	static const struct json_limits limits = {
		.max_bytes = 2 * RING_LINE_MAX,
		.max_nodes = LINE_NODES_MAX,
		.max_depth = 16,
	};

	return jv_parse_limits(line, len, &limits, NULL);
}

/* The fields that every event must have; false: it is none. */
static bool
event_head(const struct jv *v, uint64_t *seq, const char **name)
{
	int64_t n = jv_i64(jv_get(v, "seq"), -1);

	*name = jv_str(jv_get(v, "event"), NULL);
	*seq = n > 0 ? (uint64_t)n : 0;
	/* The last numbers stay free: a forged one must not stop the counting. */
	return n > 0 && n < INT64_MAX / 2 && *name != NULL;
}

static void
apply_event(
    struct store *st, const struct jv *v, uint64_t seq, const char *line, size_t len)
{
	const struct event_def *def = event_def_by_name(jv_str(jv_get(v, "event"), ""));
	const char *unit = jv_str(jv_get(v, "unit"), NULL);
	const struct jv *memory = jv_get(v, "memory");

	st->report.n_events++;
	if (def == NULL)
		return; /* a newer build's */
	metrics_count_past(emitter_metrics(st->ev), def->id, v);
	history_event(st->history, v);
	store_tell_parts(st, def->id, v, true);
	if (def->id == EVENT_SUPD_STARTED) {
		store_take_started(st, v);
		st->past_same_boot =
		    strcmp(jv_str(jv_get(v, "boot_id"), "?"), st->boot_id) == 0;
		st->past_boot_known = true;
	}
	if (unit != NULL && jv_type(memory) == JV_OBJECT)
		take_memory(st, unit, seq, memory);
	if (unit != NULL && def->id == EVENT_WISH)
		store_take_wish(st, unit, jv_str(jv_get(v, "what"), ""), seq, line, len);
	if (unit != NULL && store_is_request(def->id))
		store_take_request(st, unit, seq, line, len);
	if (store_is_kept(def->id))
		store_take_kept(st, def->id, seq, line, len);
	if (def->id == EVENT_JOB_WAITS || def->id == EVENT_JOB_DONE)
		store_take_job(st, def->id, v, seq, line, len);
	store_take_ending(st, def->id, v, line, len);
	emitter_keep(st->ev, &(struct event_view){
				 .seq = seq,
				 .id = def->id,
				 .level = def->level,
				 .unit = unit,
				 .line = line,
				 .len = len,
			     });
}

static size_t
without_newline(const char *line, size_t len)
{
	return len > 0 && line[len - 1] == '\n' ? len - 1 : len;
}

int
store_read_event(struct store *st, const char *line, size_t len)
{
	struct jv *v;
	const char *name;
	uint64_t seq;

	len = without_newline(line, len);
	v = store_parse_line(line, len);
	if (!event_head(v, &seq, &name)) {
		jv_free(v);
		st->report.n_damaged++;
		return -1;
	}
	if (seq > st->read_seq) {
		st->read_seq = seq;
		apply_event(st, v, seq, line, len);
	}
	jv_free(v);
	return 0;
}

/* One that the journal has lost, as after a power loss, counts for the parts. */
static void
tell_lost(struct store *st, const struct jv *v, uint64_t seq, const char *name)
{
	const struct event_def *def = event_def_by_name(name);

	if (def == NULL || seq <= st->read_seq)
		return;
	store_tell_parts(st, def->id, v, true);
	st->lost = true;
}

/* A line of state/wishes: only the wish counts, the event was counted elsewhere.  False:
 * it is no event. */
static bool
read_wish(struct store *st, const char *line, size_t len)
{
	const struct event_def *def;
	struct jv *v;
	const char *name, *unit;
	uint64_t seq;
	bool ok;

	len = without_newline(line, len);
	v = store_parse_line(line, len);
	ok = event_head(v, &seq, &name);
	if (!ok)
		st->report.n_damaged++;
	else if ((unit = jv_str(jv_get(v, "unit"), NULL)) != NULL &&
		 strcmp(name, "wish") == 0)
		store_take_wish(st, unit, jv_str(jv_get(v, "what"), ""), seq, line, len);
	else if ((def = event_def_by_name(name)) != NULL && store_is_kept(def->id))
		store_take_kept(st, def->id, seq, line, len);
	if (ok)
		tell_lost(st, v, seq, name);
	if (seq > st->report.seq)
		st->report.seq = seq;
	jv_free(v);
	return ok;
}

/* ---- snapshot in ---- */

/* The arrays of events in a snapshot. */
enum snapshot_list {
	LIST_WISHES,
	LIST_REQUESTS,
	LIST_JOBS,
	LIST_KEPT, /* of several kinds, and of no unit; in the others what of a unit is */
};

static void
take_snapshot_line(struct store *st, enum snapshot_list of, const struct jv *v,
    uint64_t seq, const struct buf *line)
{
	const struct event_def *def = event_def_by_name(jv_str(jv_get(v, "event"), ""));
	const char *unit = jv_str(jv_get(v, "unit"), NULL), *text = buf_str(line);

	if ((unit == NULL) != (of == LIST_KEPT))
		return;
	switch (of) {
	case LIST_WISHES:
		store_take_wish(
		    st, unit, jv_str(jv_get(v, "what"), ""), seq, text, line->len);
		break;
	case LIST_REQUESTS:
		store_take_request(st, unit, seq, text, line->len);
		break;
	case LIST_JOBS:
		store_take_job(st, EVENT_JOB_WAITS, v, seq, text, line->len);
		break;
	case LIST_KEPT:
		if (def != NULL && store_is_kept(def->id))
			store_take_kept(st, def->id, seq, text, line->len);
		break;
	}
}

static void
take_snapshot_lines(struct store *st, const struct jv *list, enum snapshot_list of)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf line = { 0 };

	for (size_t i = 0; jv_type(list) == JV_ARRAY && i < jv_count(list); i++) {
		const struct jv *v = jv_at(list, i);
		const char *name;
		uint64_t seq;

		if (!event_head(v, &seq, &name))
			continue;
		buf_clear(&line);
		jv_write(v, w);
		jw_take(w, &line);
		take_snapshot_line(st, of, v, seq, &line);
	}
	buf_free(&line);
	jw_free(w);
}

static void
take_snapshot_ending(struct store *st, const struct jv *ending)
{
	struct jv *again;
	struct buf line = { 0 };
	struct jw *w;

	if (jv_type(ending) != JV_OBJECT)
		return;
	w = jw_new(JW_COMPACT);
	jv_write(ending, w);
	jw_take(w, &line);
	jw_free(w);
	/* What is too much for a line of the journal is no event, and would not be read
	 * again when the next snapshot is made. */
	again = store_parse_line(buf_str(&line), line.len);
	if (again != NULL)
		store_take_ending(
		    st, EVENT_SUPD_STOPPING, again, buf_str(&line), line.len);
	jv_free(again);
	buf_free(&line);
}

/* NULL when v is a snapshot that this build reads. */
static const char *
snapshot_refusal(const struct jv *v, bool *newer)
{
	int64_t version = jv_i64(jv_get(v, "version"), -1);
	uint32_t readable_by = (uint32_t)jv_i64(jv_get(v, "readable_by"), 0);

	*newer = false;
	if (jv_type(v) != JV_OBJECT || version < 1)
		return "no version in it";
	if (version > UINT32_MAX)
		return "no version in it";
	if (!version_fits(
		(uint32_t)version, readable_by, STORE_VERSION, STORE_READS_FROM)) {
		*newer = version > STORE_VERSION;
		return *newer ? "written by a newer supd"
			      : "written by a much older supd";
	}
	if (jv_i64(jv_get(v, "seq"), -1) < 0 ||
	    jv_i64(jv_get(v, "seq"), -1) >= INT64_MAX / 2)
		return "no valid seq in it";
	if (jv_type(jv_get(v, "units")) != JV_OBJECT)
		return "no units in it";
	return NULL;
}

int
store_read_snapshot(
    struct store *st, const char *data, size_t len, char *err, size_t err_size)
{
	static const struct json_limits limits = {
		.max_bytes = SNAPSHOT_BYTES_MAX,
		.max_nodes = SNAPSHOT_NODES_MAX,
		.max_depth = JSON_DEPTH_MAX,
	};
	struct json_err jerr = { .text = "" };
	struct jv *v = jv_parse_limits(data, len, &limits, &jerr);
	const struct jv *units;
	const char *why = jerr.text;
	int rc = -1;

	if (v == NULL)
		goto out;
	why = snapshot_refusal(v, &st->report.newer);
	if (why != NULL)
		goto out;
	st->read_seq = (uint64_t)jv_i64(jv_get(v, "seq"), 0);
	st->report.snapshot_seq = st->read_seq;
	st->past_same_boot = strcmp(jv_str(jv_get(v, "boot_id"), "?"), st->boot_id) == 0;
	st->past_boot_known = true;
	st->first_of_boot =
	    st->past_same_boot && jv_bool(jv_get(v, "first_of_boot"), false);
	units = jv_get(v, "units");
	for (size_t i = 0; i < jv_count(units); i++)
		if (jv_type(jv_at(units, i)) == JV_OBJECT)
			take_memory(
			    st, jv_key_at(units, i), st->read_seq, jv_at(units, i));
	take_snapshot_lines(st, jv_get(v, "wishes"), LIST_WISHES);
	take_snapshot_lines(st, jv_get(v, "requests"), LIST_REQUESTS);
	take_snapshot_lines(st, jv_get(v, "kept"), LIST_KEPT);
	take_snapshot_lines(st, jv_get(v, "jobs"), LIST_JOBS);
	if (jv_i64(jv_get(v, "last_job"), 0) > (int64_t)st->last_job &&
	    jv_i64(jv_get(v, "last_job"), 0) <= UINT32_MAX)
		st->last_job = (uint32_t)jv_i64(jv_get(v, "last_job"), 0);
	st->activity_us = jv_u64(jv_get(v, "activity"));
	take_snapshot_ending(st, jv_get(v, "ending"));
	metrics_read_json(emitter_metrics(st->ev), jv_get(v, "metrics"));
	history_read_json(st->history, jv_get(v, "history"));
	for (size_t i = 0; i < st->n_parts; i++)
		st->parts[i].read(st->parts[i].arg, jv_get(v, st->parts[i].name));
	rc = 0;
out:
	if (rc == -1)
		strlcpy(err, why, err_size);
	jv_free(v);
	return rc;
}

/* ---- restore ---- */

static void
set_aside(struct store *st, int root_fd, const char *file, const char *why,
    struct store_damage *d)
{
	strlcpy(d->why, why, sizeof(d->why));
	if (!st->report.newer)
		(void)file_set_aside(root_fd, file, d->kept_as, sizeof(d->kept_as));
}

static void
restore_snapshot(struct store *st, int root_fd)
{
	struct buf data = { 0 };
	char err[320];

	if (file_read_at(root_fd, SNAPSHOT_FILE, SNAPSHOT_BYTES_MAX, &data) == -1) {
		if (errno != ENOENT)
			set_aside(st, root_fd, SNAPSHOT_FILE, strerror(errno),
			    &st->report.snapshot);
	} else if (store_read_snapshot(st, buf_str(&data), data.len, err, sizeof(err)) ==
		   -1) {
		set_aside(st, root_fd, SNAPSHOT_FILE, err, &st->report.snapshot);
	}
	buf_free(&data);
}

static void
restore_journal(struct store *st, int root_fd)
{
	struct events_query q = { .after_seq = st->read_seq, .n = -1 };
	struct events *e = events_open(root_fd, &q);
	struct events_entry entry;

	if (e == NULL) {
		if (errno != ENOENT)
			log_warn("the event journal cannot be read");
		return;
	}
	while (events_next(e, &entry) == 1)
		store_read_event(st, entry.json, entry.json_len);
	st->report.n_damaged += events_damaged(e);
	events_free(e);
}

static void
restore_ring(struct store *st, const struct ring *ring)
{
	const struct ring_record *r;
	uint64_t at = atomic_load(&ring->tail);

	while ((r = ring_next(ring, &at)) != NULL)
		store_read_event(st, r->text, r->len);
	if (atomic_load(&ring->seq_written) > st->report.seq)
		st->report.seq = atomic_load(&ring->seq_written);
}

/* The whole file, or its end when it is longer than we want to read: *cut is true then,
 * and its first line may be half of one. */
static int
read_end(int root_fd, const char *path, size_t max, struct buf *out, bool *cut)
{
	struct stat sb;
	off_t from;
	ssize_t n;
	int fd = open_at(root_fd, path, O_RDONLY | O_NONBLOCK, 0), rc = -1;

	if (fd == -1)
		return -1;
	if (fstat(fd, &sb) == -1)
		goto out;
	if (!S_ISREG(sb.st_mode)) {
		errno = S_ISDIR(sb.st_mode) ? EISDIR : EINVAL;
		goto out;
	}
	from = sb.st_size > (off_t)max ? sb.st_size - (off_t)max : 0;
	*cut = from > 0;
	if (lseek(fd, from, SEEK_SET) == -1)
		goto out;
	n = full_read(fd, buf_reserve(out, max), (size_t)(sb.st_size - from));
	if (n == -1)
		goto out;
	buf_grew(out, (size_t)n);
	rc = 0;
out:
	fd_close(&fd);
	return rc;
}

static void
restore_wishes(struct store *st, int root_fd)
{
	struct buf data = { 0 };
	const char *p, *end, *nl;
	size_t n_damaged = 0;
	char why[64];
	bool cut;

	if (read_end(root_fd, WISHES_FILE, WISHES_BYTES_MAX, &data, &cut) == -1) {
		if (errno != ENOENT)
			set_aside(st, root_fd, WISHES_FILE, strerror(errno),
			    &st->report.wishes);
		buf_free(&data);
		return;
	}
	p = buf_str(&data);
	end = p + data.len;
	for (; p < end; p = nl + 1, cut = false) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			break; /* torn by a power loss: it was never promised */
		if (!cut && !read_wish(st, p, (size_t)(nl - p)))
			n_damaged++;
	}
	/* What is whole in it is known now, and is in the next snapshot. */
	if (n_damaged > 0) {
		snprintf(why, sizeof(why), "%zu of its lines %s", n_damaged,
		    n_damaged == 1 ? "is no event" : "are no events");
		set_aside(st, root_fd, WISHES_FILE, why, &st->report.wishes);
	}
	buf_free(&data);
}

static void
emit_damage(struct store *st, const char *file, const struct store_damage *d)
{
	if (d->why[0] == '\0')
		return;
	log_warnx("%s is damaged: %s; %s", file, d->why,
	    st->report.newer        ? "it is left alone"
	    : d->kept_as[0] != '\0' ? "it was set aside"
				    : "it stays where it is");
	event_begin(st->ev, EVENT_STATE_DAMAGED, NULL, NULL);
	event_str(st->ev, "file", file);
	event_str(st->ev, "error", d->why);
	event_str(st->ev, "kept_as", d->kept_as[0] == '\0' ? NULL : d->kept_as);
	event_end(st->ev);
}

static void
emit_report(struct store *st, uint64_t elapsed_us)
{
	const struct store_report *r = &st->report;

	emit_damage(st, SNAPSHOT_FILE, &r->snapshot);
	emit_damage(st, WISHES_FILE, &r->wishes);
	event_begin(st->ev, EVENT_RESTORED, NULL, NULL);
	event_int(st->ev, "units", (int64_t)r->n_units);
	event_int(st->ev, "wishes", (int64_t)r->n_wishes);
	event_int(st->ev, "events", (int64_t)r->n_events);
	event_int(st->ev, "damaged", (int64_t)r->n_damaged);
	event_int(st->ev, "snapshot_seq", (int64_t)r->snapshot_seq);
	event_us(st->ev, "elapsed_us", elapsed_us);
	event_end(st->ev);
}

void
store_restore(struct store *st, int root_fd, const struct ring *ring)
{
	uint64_t begin_us = clock_mono_us();

	restore_snapshot(st, root_fd);
	if (ring != NULL) {
		/* Before it is read: see store_on_event_ack. */
		st->journal_dev = ring->intent_dev;
		st->journal_ino = ring->intent_ino;
	}
	restore_journal(st, root_fd);
	if (ring != NULL)
		restore_ring(st, ring);
	restore_wishes(st, root_fd);
	settle_wishes(st);
	if (st->read_seq > st->report.seq)
		st->report.seq = st->read_seq;
	st->report.n_units = st->memories.n;
	st->report.n_wishes = st->wishes.n;
	emitter_set_seq(st->ev, st->report.seq);
	emit_report(st, clock_mono_us() - begin_us);
}
