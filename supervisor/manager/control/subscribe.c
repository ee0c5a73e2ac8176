/*
 * subscribe: events to those who asked for them.  A subscriber that falls behind is cut
 * by the server (varlink_call.c); it knows its last seq and comes back.
 */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/runid.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/record/event.h"
#include "unit/name.h"

struct subscription {
	TAILQ_ENTRY(subscription) link;
	struct control *c;
	struct call *call; /* NULL: over, freed by the next sweep */
	struct strv units; /* globs; empty: all */
	struct strv events;
	char *run; /* ,"run":"ID", as it stands in a line; NULL: all */
	enum event_level level;
	uint64_t last; /* seq of the newest one sent */
	struct buf text;
};

static void
subscription_free(struct subscription *s)
{
	TAILQ_REMOVE(&s->c->subscriptions, s, link);
	strv_free(&s->units);
	strv_free(&s->events);
	free(s->run);
	buf_free(&s->text);
	free(s);
}

/* The subscribers whose connection is gone. */
void
subscribe_sweep(struct control *c)
{
	struct subscription *s, *next;

	if (c->delivering > 0)
		return;
	TAILQ_FOREACH_SAFE (s, &c->subscriptions, link, next)
		if (s->call == NULL)
			subscription_free(s);
}

static void
on_gone(struct call *call, void *arg)
{
	struct subscription *s = call_data(call);

	(void)arg;
	s->call = NULL;
	subscribe_sweep(s->c);
}

static bool
matches_one(const struct strv *globs, const char *text)
{
	for (size_t i = 0; i < globs->n; i++)
		if (fnmatch(globs->v[i], text, FNM_NOESCAPE) == 0)
			return true;
	return globs->n == 0;
}

static bool
wants(const struct subscription *s, const struct event_view *v)
{
	if (v->seq <= s->last || v->level < s->level)
		return false;
	if (s->units.n > 0 && (v->unit == NULL || !matches_one(&s->units, v->unit)))
		return false;
	/* A text of an event cannot look like that: its quotes are escaped. */
	if (s->run != NULL && memmem(v->line, v->len, s->run, strlen(s->run)) == NULL)
		return false;
	return matches_one(&s->events, event_def(v->id)->name);
}

static void
send_event(void *arg, const struct event_view *v)
{
	struct subscription *s = arg;

	if (s->call == NULL || !wants(s, v))
		return;
	s->last = v->seq;
	buf_clear(&s->text);
	buf_addf(&s->text, "{\"seq\":%llu,\"event\":", (unsigned long long)v->seq);
	buf_append(&s->text, v->line, v->len);
	buf_addc(&s->text, '}');
	/* On failure on_gone was called. */
	call_reply_text(s->call, buf_str(&s->text), s->text.len, true);
}

void
subscribe_deliver(struct control *c, const struct event_view *v)
{
	struct subscription *s;

	/* Cutting one is an event, too: it comes back here before we are done. */
	c->delivering++;
	TAILQ_FOREACH (s, &c->subscriptions, link)
		send_event(s, v);
	c->delivering--;
	subscribe_sweep(c);
}

/* Unit names as typed get their suffix, globs stay. */
static void
take_units(const struct jv *units, struct strv *out)
{
	for (size_t i = 0; i < jv_count(units); i++) {
		const char *typed = jv_str(jv_at(units, i), "");
		char *name =
		    strpbrk(typed, "*?[") == NULL ? unit_name_add_suffix(typed) : NULL;

		if (name != NULL)
			strv_take(out, name);
		else
			strv_add(out, typed);
	}
}

/* A name, or a glob that at least one name matches: others would be waited for in vain.
 */
static bool
is_event_name(const char *glob)
{
	for (int id = 0; id < EVENT_ID_MAX; id++) {
		const struct event_def *def = event_def((enum event_id)id);

		if (def != NULL && fnmatch(glob, def->name, 0) == 0)
			return true;
	}
	return false;
}

static char *
journal_path(const struct manager *m)
{
	return xasprintf("%s/journal/events.jsonl", m->root_path);
}

static void
fail_too_old(struct control *c, struct call *call)
{
	struct emitter *ev = c->m->events;
	char *path = journal_path(c->m);

	jw_kv_u64(call_begin(call), "oldest", emitter_oldest(ev));
	jw_kv_str(call_begin(call), "journal", path);
	call_fail(call, "io.supd.Event.TooOld",
	    "read the journal to its end, then subscribe from its last seq",
	    "events up to seq %llu are only in %s",
	    (unsigned long long)emitter_oldest(ev) - 1, path);
	free(path);
}

static void
fail_ahead(struct control *c, struct call *call)
{
	uint64_t newest = emitter_seq(c->m->events);

	jw_kv_u64(call_begin(call), "newest", newest);
	call_fail(call, "io.supd.Event.Ahead", "subscribe from the newest seq",
	    "the newest event is %llu: later ones were lost, or are of another instance",
	    (unsigned long long)newest);
}

void
method_event_subscribe(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	const char *run = jv_str(jv_get(p, "run"), NULL);
	const char *level = jv_str(jv_get(p, "level"), "trace");
	bool from_now =
	    jv_get(p, "since") == NULL || jv_type(jv_get(p, "since")) == JV_NULL;
	int64_t since = jv_i64(jv_get(p, "since"), -1);
	struct subscription *s;

	if (event_level_parse(level) == -1) {
		call_invalid(call, "level", "expected trace, info, warning or error");
		return;
	}
	for (size_t i = 0; i < jv_count(jv_get(p, "events")); i++)
		if (!is_event_name(jv_str(jv_at(jv_get(p, "events"), i), ""))) {
			call_invalid(call, "events", "there is no such event");
			return;
		}
	if (run != NULL && !run_id_is(run)) {
		call_invalid(call, "run", "expected the id of a run");
		return;
	}
	if (!from_now && since < 0) {
		call_invalid(call, "since", "expected a sequence number");
		return;
	}
	if (!from_now && (uint64_t)since + 1 < emitter_oldest(c->m->events)) {
		fail_too_old(c, call);
		return;
	}
	/* Its subscriber would wait in silence until as many events have come. */
	if (!from_now && (uint64_t)since > emitter_seq(c->m->events)) {
		fail_ahead(c, call);
		return;
	}
	s = xcalloc(1, sizeof(*s));
	s->c = c;
	s->call = call;
	s->level = (enum event_level)event_level_parse(level);
	take_units(jv_get(p, "units"), &s->units);
	if (run != NULL)
		s->run = xasprintf(",\"run\":\"%s\"", run);
	for (size_t i = 0; i < jv_count(jv_get(p, "events")); i++)
		strv_add(&s->events, jv_str(jv_at(jv_get(p, "events"), i), ""));
	s->last = from_now ? emitter_seq(c->m->events) : (uint64_t)since;
	TAILQ_INSERT_TAIL(&c->subscriptions, s, link);
	call_set_data(call, s, on_gone);
	c->delivering++;
	emitter_replay(c->m->events, s->last, send_event, s);
	c->delivering--;
	subscribe_sweep(c);
}

void
method_event_position(struct call *call, void *arg)
{
	struct control *c = arg;
	struct emitter *ev = c->m->events;
	struct jw *w = call_begin(call);
	char *path = journal_path(c->m);

	jw_kv_u64(w, "seq", emitter_seq(ev));
	jw_kv_u64(w, "oldest", emitter_oldest(ev) - 1);
	jw_kv_u64(w, "stored", emitter_stored(ev));
	jw_kv_u64(w, "dropped", emitter_dropped(ev));
	jw_kv_str(w, "journal", path);
	free(path);
	call_reply(call);
}
