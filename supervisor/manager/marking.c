#include "manager/marking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/memfd.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/activate/marks.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/record/aside.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/units.h"
#include "proto/version.h"
#include "unit/supd_conf.h"

#define MARKS_FILE "state/marks.json"
/* SNAPSHOT_DONE names no kind: these ids are ours alone. */
#define MARKS_IDS (UINT64_C(1) << 61)

enum {
	FILE_MAX = 64 * 1024 * 1024,
	FILE_NODES_MAX = 4 * 1024 * 1024,
};
#define SEQ_MAX INT64_C(9007199254740991) /* what other readers of JSON know exactly */

struct marking {
	struct manager *m;
	struct marks *marks;
	struct loop_timer *expiry; /* of the next key that is due */
	struct loop_timer *timer;  /* of the file */
	uint64_t id, writing_seq;  /* of the newest writing, and what is in it */
	uint64_t file_seq;         /* the file was true up to this event */
	uint64_t last_seq;         /* the newest event about marks, 0: not known */
	bool newer;                /* written by a newer supd: left alone */
	bool dirty, writing;
	int err; /* of the last writing; 0: it went well */
};

/* ---- in ------------------------------------------------------------------------------
 */

/* NULL, or why it cannot be used. */
static const char *
take_file(struct marking *mk, const struct jv *v)
{
	int64_t version = jv_i64(jv_get(v, "version"), -1);
	int64_t readable_by = jv_i64(jv_get(v, "readable_by"), 0);
	int64_t seq = jv_i64(jv_get(v, "seq"), 0);
	size_t bad;

	if (version < 1 || version > UINT32_MAX || readable_by < 0 ||
	    readable_by > UINT32_MAX)
		return "no version in it";
	if (!version_fits((uint32_t)version, (uint32_t)readable_by, MARKS_VERSION,
		MARKS_READS_FROM)) {
		mk->newer = version > MARKS_VERSION;
		return mk->newer ? "written by a newer supd"
				 : "written by a much older supd";
	}
	if (jv_type(jv_get(v, "sets")) != JV_OBJECT)
		return "no sets in it";
	/* One that nobody can have come to is forged: it hides nothing.  Any other may be
	 * newer than all that is left of the journal; counting goes on behind it, so that
	 * older events do not come back and newer ones are seen to be so. */
	if (seq < 0 || seq > SEQ_MAX)
		seq = 0;
	mk->file_seq = (uint64_t)seq;
	emitter_set_seq(mk->m->events, mk->file_seq);
	bad = marks_read(mk->marks, v);
	if (bad > 0) {
		log_warnx("%s: %zu entries are no keys with times: they are dropped",
		    MARKS_FILE, bad);
		event_begin(mk->m->events, EVENT_MARKS_EVICTED, NULL, NULL);
		event_str(mk->m->events, "file", MARKS_FILE);
		event_int(mk->m->events, "count", (int64_t)bad);
		event_end(mk->m->events);
		mk->dirty = true;
	}
	return NULL;
}

static void
tell_damaged(struct marking *mk, const char *why)
{
	struct emitter *ev = mk->m->events;
	char kept_as[64] = "";

	if (!mk->newer)
		(void)file_set_aside(
		    mk->m->root_fd, MARKS_FILE, kept_as, sizeof(kept_as));
	log_warnx("%s cannot be used: %s; %s", MARKS_FILE, why,
	    mk->newer            ? "it is left alone, and marks are not kept"
	    : kept_as[0] != '\0' ? "it was set aside"
				 : "it stays where it is");
	event_begin(ev, EVENT_STATE_DAMAGED, NULL, NULL);
	event_str(ev, "file", MARKS_FILE);
	event_str(ev, "error", why);
	event_str(ev, "kept_as", kept_as[0] != '\0' ? kept_as : NULL);
	event_end(ev);
}

static void
read_file(struct marking *mk)
{
	static const struct json_limits limits = { .max_bytes = FILE_MAX,
		.max_nodes = FILE_NODES_MAX,
		.max_depth = JSON_DEPTH_MAX };
	struct json_err err = { .text = "" };
	struct buf text = { 0 };
	const char *why = NULL;
	struct jv *v = NULL;

	if (file_read_at(mk->m->root_fd, MARKS_FILE, FILE_MAX, &text) == -1) {
		why = errno == ENOENT ? NULL : strerror(errno);
	} else {
		v = jv_parse_limits(buf_str(&text), text.len, &limits, &err);
		why = v == NULL ? err.text : take_file(mk, v);
	}
	if (why != NULL)
		tell_damaged(mk, why);
	jv_free(v);
	buf_free(&text);
}

/* An event that is newer than the file is done again. */
static void
take_event(void *arg, const char *line, size_t len)
{
	struct marking *mk = arg;
	struct jv *v = jv_parse(line, len, NULL);
	const struct event_def *def = event_def_by_name(jv_str(jv_get(v, "event"), ""));
	const char *set = jv_str(jv_get(v, "set"), ""),
		   *key = jv_str(jv_get(v, "key"), ""),
		   *token = jv_str(jv_get(v, "token"), "");
	bool has_key = marks_key_refusal(key, strlen(key)) == NULL;
	uint64_t at_us;

	if (def == NULL || jv_u64(jv_get(v, "seq")) <= mk->file_seq ||
	    marks_name_refusal(set) != NULL)
		goto out;
	switch (def->id) {
	case EVENT_MARK_ADDED:
		if (has_key && clock_parse(jv_str(jv_get(v, "at"), ""), &at_us) == 0)
			(void)marks_add(mk->marks, set, key, at_us);
		break;
	case EVENT_MARK_CONSUMED:
		if (has_key && *token != '\0' && strlen(token) <= MARKS_TOKEN_MAX)
			marks_spend(mk->marks, set, key, token);
		(void)marks_remove(mk->marks, set, key);
		break;
	case EVENT_MARK_REMOVED:
	case EVENT_MARK_EXPIRED:
		(void)marks_remove(mk->marks, set, key);
		break;
	case EVENT_MARKS_CLEARED:
		(void)marks_clear(mk->marks, set);
		break;
	default:
		goto out;
	}
	(void)marks_prune(mk->marks, set, clock_wall_us());
	mk->dirty = true;
	if (def->id != EVENT_MARK_EXPIRED)
		mk->last_seq = jv_u64(jv_get(v, "seq"));
out:
	jv_free(v);
}

/* ---- out -----------------------------------------------------------------------------
 */

static void
changed(struct marking *mk)
{
	mk->dirty = true;
	if (!mk->writing && !loop_timer_is_armed(mk->timer))
		loop_timer_in(mk->timer, mk->m->conf->snapshot_interval_us);
}

void
marking_write_now(struct manager *m)
{
	struct marking *mk = m->marking;
	struct buf text = { 0 };
	struct jw *w;
	int fd;

	/* What a newer supd left must not be replaced by us. */
	if (mk == NULL || mk->newer || !mk->dirty)
		return;
	loop_timer_stop(mk->timer);
	w = jw_new(JW_PRETTY);
	jw_obj(w);
	jw_kv_i64(w, "version", MARKS_VERSION);
	jw_kv_i64(w, "readable_by", MARKS_READABLE_BY);
	jw_kv_u64(w, "seq", emitter_seq(m->events));
	marks_write(mk->marks, w);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	buf_addc(&text, '\n');
	mk->writing_seq = emitter_seq(m->events);
	fd = memfd_sealed("supd-marks", &text);
	if (fd == -1)
		log_warn("marks cannot be written");
	mk->writing = fd != -1 && link_snapshot_take_fd(m->link, ++mk->id, SNAPSHOT_MARKS,
				      fd, text.len) == 0;
	mk->dirty = !mk->writing;
	if (mk->dirty)
		changed(mk);
	buf_free(&text);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct marking *mk = arg;

	(void)t;
	/* One at a time: the answer arms the timer again if something is left. */
	if (!mk->writing)
		marking_write_now(mk->m);
}

bool
marking_on_done(struct manager *m, uint64_t id, int err)
{
	struct marking *mk = m->marking;

	if ((id & MARKS_IDS) == 0 || id >= 2 * MARKS_IDS)
		return false;
	if (mk == NULL || id != mk->id)
		return true;
	mk->writing = false;
	if (err == 0) {
		mk->file_seq = mk->writing_seq;
		store_forget_marks(m->store, mk->file_seq);
	} else if (err != mk->err) {
		event_begin(m->events, EVENT_SNAPSHOT_FAILED, NULL, NULL);
		event_str(m->events, "file", MARKS_FILE);
		event_str(m->events, "error", strerror(err));
		event_end(m->events);
	}
	mk->err = err;
	/* It is tried again, also when nothing is marked any more. */
	if (err != 0 || mk->dirty)
		changed(mk);
	return true;
}

void
marking_on_logger(struct manager *m)
{
	struct marking *mk = m->marking;

	if (mk == NULL)
		return;
	/* (What was on its way to the one before is not written by this one.) */
	mk->dirty = mk->dirty || mk->writing;
	mk->writing = false;
	if (mk->dirty)
		marking_write_now(m);
}

/* ---- time ----------------------------------------------------------------------------
 */

void
marking_run(struct manager *m)
{
	struct marking *mk = m->marking;
	uint64_t now_us = clock_wall_us(), next_us;
	struct marks_due due;
	char at[CLOCK_TEXT_MAX];

	while (marks_next_due(mk->marks, now_us, &due, &next_us)) {
		char *set = xstrdup(due.set), *key = xstrdup(due.key);

		event_begin(m->events, EVENT_MARK_EXPIRED, NULL, NULL);
		event_str(m->events, "set", set);
		event_str(m->events, "key", key);
		event_str(m->events, "at", clock_format_utc(at, sizeof(at), due.at_us));
		event_us(m->events, "age_us", now_us - due.at_us);
		event_end(m->events);
		(void)marks_remove(mk->marks, set, key);
		changed(mk);
		free(set);
		free(key);
	}
	if (next_us == USEC_INFINITY)
		loop_timer_stop(mk->expiry);
	else
		loop_timer_in(mk->expiry, next_us - now_us);
}

static void
on_expiry(struct loop_timer *t, void *arg)
{
	(void)t;
	marking_run(arg);
}

/* ---- use -----------------------------------------------------------------------------
 */

static size_t
prune_all(struct marking *mk, const char *set)
{
	uint64_t now_us = clock_wall_us();
	struct strv names = { 0 };
	size_t n = 0;

	if (set != NULL)
		n = marks_prune(mk->marks, set, now_us);
	else
		marks_names(mk->marks, &names);
	for (size_t i = 0; i < names.n; i++)
		n += marks_prune(mk->marks, names.v[i], now_us);
	strv_free(&names);
	if (n > 0)
		changed(mk);
	return n;
}

const struct marks *
marking_look(struct manager *m, const char *set)
{
	(void)prune_all(m->marking, set);
	return m->marking->marks;
}

size_t
marking_prune(struct manager *m, const char *set)
{
	const struct marks *ms = m->marking->marks;
	struct strv names = { 0 };
	size_t before = 0, after = 0;

	if (set != NULL)
		strv_add(&names, set);
	else
		marks_names(ms, &names);
	for (size_t i = 0; i < names.n; i++)
		before += marks_count(ms, names.v[i]);
	(void)prune_all(m->marking, set);
	marking_run(m);
	for (size_t i = 0; i < names.n; i++)
		after += marks_count(ms, names.v[i]);
	strv_free(&names);
	return before - after;
}

static void
begin(struct manager *m, enum event_id id, const char *set, const char *key)
{
	event_begin(m->events, id, NULL, NULL);
	event_str(m->events, "set", set);
	if (key != NULL)
		event_str(m->events, "key", key);
}

static uint64_t
end(struct manager *m, const struct wish_who *who)
{
	event_strf(m->events, "who", "%s (%s)", who->name, who->command);
	event_str(m->events, "user", who->name);
	event_int(m->events, "uid", (int64_t)who->uid);
	event_int(m->events, "by_pid", who->pid);
	m->marking->last_seq = event_end_wish(m->events);
	return m->marking->last_seq;
}

static void
put_at(struct manager *m, uint64_t at_us)
{
	char text[CLOCK_TEXT_MAX];

	event_str(m->events, "at", clock_format_utc(text, sizeof(text), at_us));
}

bool
marking_add(struct manager *m, const char *set, const char *key,
    const struct wish_who *who, uint64_t *seq)
{
	struct marking *mk = m->marking;
	uint64_t now_us = clock_wall_us();

	if (!marks_add(mk->marks, set, key, now_us))
		return false;
	begin(m, EVENT_MARK_ADDED, set, key);
	put_at(m, now_us);
	*seq = end(m, who);
	(void)marks_prune(mk->marks, set, now_us);
	changed(mk);
	marking_run(m);
	return true;
}

uint64_t
marking_consume(struct manager *m, const char *set, const char *key, const char *token,
    const struct wish_who *who, bool *was)
{
	struct marking *mk = m->marking;
	uint64_t at_us, seq;

	(void)prune_all(mk, set);
	marking_run(m);
	*was = token != NULL && marks_is_spent(mk->marks, set, key, token);
	if (*was)
		return mk->last_seq; /* whichever event it was, it was none later */
	*was = marks_has(mk->marks, set, key, &at_us);
	if (!*was)
		return 0;
	(void)marks_remove(mk->marks, set, key);
	if (token != NULL)
		marks_spend(mk->marks, set, key, token);
	begin(m, EVENT_MARK_CONSUMED, set, key);
	put_at(m, at_us);
	event_str(m->events, "token", token);
	seq = end(m, who);
	changed(mk);
	marking_run(m);
	return seq;
}

uint64_t
marking_remove(
    struct manager *m, const char *set, const char *key, const struct wish_who *who)
{
	uint64_t seq;

	if (!marks_remove(m->marking->marks, set, key))
		return 0;
	begin(m, EVENT_MARK_REMOVED, set, key);
	seq = end(m, who);
	changed(m->marking);
	marking_run(m);
	return seq;
}

uint64_t
marking_clear(struct manager *m, const char *set, const struct wish_who *who, size_t *n)
{
	uint64_t seq;

	*n = marks_clear(m->marking->marks, set);
	if (*n == 0)
		return 0;
	begin(m, EVENT_MARKS_CLEARED, set, NULL);
	event_int(m->events, "count", (int64_t)*n);
	seq = end(m, who);
	changed(m->marking);
	marking_run(m);
	return seq;
}

/* ---- life ----------------------------------------------------------------------------
 */

static void
declare(struct marking *mk)
{
	const struct marks_list *list = &mk->m->conf->marks;

	marks_undeclare_all(mk->marks);
	for (size_t i = 0; i < list->n; i++) {
		const struct marks_conf *c = &list->v[i];
		struct marks_rules rules = {
			.max = c->max,
			.expire_us = c->expire_us,
			.expire_event_us = c->expire_event_us,
		};

		marks_declare(mk->marks, c->name, &rules);
	}
}

void
marking_on_conf(struct manager *m)
{
	declare(m->marking);
	marking_run(m);
}

struct marking *
marking_new(struct manager *m)
{
	struct marking *mk = xcalloc(1, sizeof(*mk));

	mk->m = m;
	mk->id = MARKS_IDS;
	mk->marks = marks_new();
	mk->expiry = loop_timer_new(m->loop, "marks-expiry", on_expiry, m);
	mk->timer = loop_timer_new(m->loop, "marks", on_timer, mk);
	declare(mk);
	read_file(mk);
	store_each_kept(m->store, take_event, mk);
	if (mk->dirty)
		changed(mk);
	return mk;
}
