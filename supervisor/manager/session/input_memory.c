/*
 * input_memory: the queue as JSON, for snapshot and journal, and back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/session/input_int.h"

static const char *const result_names[INPUT_NRESULTS] = {
#define INPUT_RESULT(name, text) [INPUT_##name] = text,
#include "manager/session/input.def"
};
static const char *const phase_names[INPUT_NPHASES] = {
#define INPUT_PHASE(name, text, in_flight) [INPUT_##name] = text,
#include "manager/session/input.def"
};

const char *
input_result_name(enum input_result r)
{
	return (unsigned)r < INPUT_NRESULTS ? result_names[r] : "?";
}

const char *
input_phase_name(enum input_phase p)
{
	return (unsigned)p < INPUT_NPHASES ? phase_names[p] : "?";
}

static void
write_data(const struct input_entry *e, struct jw *w)
{
	char *hex;

	if ((e->flags & INPUT_KEYS) == 0) {
		jw_kv_strn(w, "text", e->data, e->len);
		return;
	}
	hex = xmalloc(2 * e->len + 1);
	hex_encode(hex, e->data, e->len);
	jw_kv_str(w, "keys", hex);
	free(hex);
}

void
input_write_entry(const struct input_entry *e, struct jw *w, bool text)
{
	jw_kv_u64(w, "id", e->id);
	jw_kv_str(w, "phase", input_phase_name(e->phase));
	jw_kv_u64(w, "step", e->step);
	jw_kv_u64(w, "enters", e->enters);
	jw_kv_str(w, "result", input_result_name(e->result));
	if (e->reason != NULL)
		jw_kv_str(w, "reason", e->reason);
	if (e->token != NULL && (text || e->result != INPUT_NONE))
		jw_kv_str(w, "token", e->token);
	if (!text)
		return;
	jw_kv_u64(w, "flags", e->flags);
	jw_kv_u64(w, "when", e->when);
	if (e->slot != NULL)
		jw_kv_str(w, "slot", e->slot);
	jw_kv_str(w, "sender", e->sender);
	if (e->invocation != NULL)
		jw_kv_str(w, "invocation", e->invocation);
	if (e->expire_wall_us != UNIT_INFINITY)
		jw_kv_u64(w, "expire_wall_us", e->expire_wall_us);
	jw_kv_u64(w, "queued_wall_us", e->queued_wall_us);
	write_data(e, w);
}

void
input_write_all(const struct input *q, struct jw *w)
{
	const struct input_item *it;
	const struct input_past *p;

	if (q->initial_for != NULL)
		jw_kv_str(w, "initial_for", q->initial_for);
	jw_kv_arr(w, "entries");
	TAILQ_FOREACH (it, &q->list, link) {
		jw_obj(w);
		input_write_entry(&it->e, w, true);
		jw_end(w);
	}
	jw_end(w);
	if (q->n_past == 0)
		return;
	jw_kv_arr(w, "past");
	TAILQ_FOREACH (p, &q->past, link) {
		jw_obj(w);
		jw_kv_u64(w, "id", p->id);
		jw_kv_str(w, "token", p->token);
		jw_kv_str(w, "result", input_result_name(p->result));
		if (p->reason != NULL)
			jw_kv_str(w, "reason", p->reason);
		jw_end(w);
	}
	jw_end(w);
}

static int
find_name(const char *const *names, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], text) == 0)
			return (int)i;
	return -1;
}

static int
bad(struct json_err *err, const char *what)
{
	memset(err, 0, sizeof(*err));
	snprintf(err->text, sizeof(err->text), "an input: %s", what);
	return -1;
}

/* What every record has. */
struct progress {
	uint64_t id, step, enters;
	int phase, result;
	const char *reason, *token;
};

static int
read_progress(const struct jv *obj, struct progress *p, struct json_err *err)
{
	const char *phase = NULL, *result = NULL;

	if (jr_u64(obj, "id", &p->id, err) == -1 ||
	    jr_u64(obj, "step", &p->step, err) == -1 ||
	    jr_u64(obj, "enters", &p->enters, err) == -1 ||
	    jr_str(obj, "phase", &phase, err) == -1 ||
	    jr_str(obj, "result", &result, err) == -1 ||
	    jr_opt_str(obj, "reason", &p->reason, err) == -1 ||
	    jr_opt_str(obj, "token", &p->token, err) == -1)
		return -1;
	p->phase = find_name(phase_names, INPUT_NPHASES, phase);
	p->result = find_name(result_names, INPUT_NRESULTS, result);
	if (p->id == 0 || p->id > INPUT_ID_MAX || p->phase == -1 || p->result == -1)
		return bad(err, "no such id, phase or result");
	if (p->step > UINT32_MAX || p->enters > p->step)
		return bad(err, "more steps than there can be");
	if (p->phase != INPUT_QUEUED && p->step == 0)
		return bad(err, "a step that was not announced");
	return 0;
}

/* Into r, whose data is a heap block of the caller afterwards. */
static int
read_data(const struct jv *obj, struct input_request *r, struct json_err *err)
{
	size_t len = 0;
	const char *s;
	char *copy;

	s = jv_strn(jv_get(obj, (r->flags & INPUT_KEYS) != 0 ? "keys" : "text"), &len);
	if (s == NULL)
		return bad(err, "no text");
	if ((r->flags & INPUT_KEYS) == 0) {
		copy = xmalloc(len + 1);
		memcpy(copy, s, len);
		r->len = len;
	} else {
		copy = xmalloc(len / 2 + 1);
		if (len % 2 != 0 || strlen(s) != len ||
		    hex_decode(copy, len / 2, s) == -1) {
			free(copy);
			return bad(err, "keys that are not hexadecimal");
		}
		r->len = len / 2;
	}
	r->data = copy;
	return 0;
}

static int
read_entry(const struct jv *obj, struct progress *p, struct input_item **out,
    struct json_err *err)
{
	struct input_request r = { .expire_wall_us = UNIT_INFINITY, .token = p->token };
	uint64_t flags = 0, when = 0, queued = 0;
	const char *invocation = NULL, *wrong;

	if (jr_u64(obj, "flags", &flags, err) == -1 ||
	    jr_u64(obj, "when", &when, err) == -1 ||
	    jr_u64(obj, "queued_wall_us", &queued, err) == -1 ||
	    jr_opt_u64(obj, "expire_wall_us", &r.expire_wall_us, err) == -1 ||
	    jr_opt_str(obj, "slot", &r.slot, err) == -1 ||
	    jr_opt_str(obj, "sender", &r.sender, err) == -1 ||
	    jr_opt_str(obj, "invocation", &invocation, err) == -1)
		return -1;
	if (flags > INPUT_FLAGS_ALL || when >= 1U << SESSION_NSTATES)
		return bad(err, "flags that are not known");
	r.flags = (uint32_t)flags;
	r.when = (session_states)when;
	if (r.sender != NULL && r.sender[0] == '\0')
		r.sender = NULL;
	if (read_data(obj, &r, err) == -1)
		return -1;
	wrong = input_check(&r);
	if (wrong != NULL && p->phase != INPUT_QUEUED) {
		free((void *)(uintptr_t)r.data);
		return bad(err, wrong); /* it cannot have come so far */
	}
	*out = input_item_new(p->id, &r);
	(*out)->e.queued_wall_us = queued;
	(*out)->e.invocation = xstrdup_opt(invocation);
	if (wrong != NULL && p->result == INPUT_NONE)
		input_finish(*out, INPUT_REFUSED, wrong);
	free((void *)(uintptr_t)r.data);
	return 0;
}

/* It is where the record says.  What was begun stands first; another one that was begun
 * had been taken back, or this one could not have been. */
static void
apply(struct input *q, struct input_item *it, const struct progress *p)
{
	struct input_item *first = TAILQ_FIRST(&q->list);

	it->e.step = (uint32_t)p->step;
	it->e.enters = (uint32_t)p->enters;
	it->e.phase = (enum input_phase)p->phase;
	if (p->result != INPUT_NONE)
		input_finish(it, (enum input_result)p->result, p->reason);
	if (!input_begun(it))
		return;
	if (first != it) {
		if (input_begun(first))
			input_requeue(q, first);
		TAILQ_REMOVE(&q->list, it, link);
		TAILQ_INSERT_HEAD(&q->list, it, link);
	}
	/* The pauses are over; the time for the screen to show it begins anew. */
	q->due_us = clock_mono_us();
	if (it->e.phase == INPUT_ENTERED)
		q->due_us = clock_add_us(q->due_us, q->conf->input_confirm_us);
}

static void
had_initial(struct input *q, const char *invocation)
{
	if (invocation == NULL)
		return;
	free(q->initial_for);
	q->initial_for = xstrdup(invocation);
}

/* InitialInput= goes beyond the bound, and its successor beside it. */
static bool
no_room(const struct input *q)
{
	return q->n >= INPUT_ENTRIES_MAX + 2;
}

int
input_restore_entry(struct input *q, const struct jv *obj, struct json_err *err)
{
	struct progress p = { 0 };
	struct input_item *it;

	if (read_progress(obj, &p, err) == -1)
		return -1;
	q->restored = true;
	it = input_find(q, p.id);
	if (it == NULL) {
		if (p.result != INPUT_NONE) {
			input_remember(
			    q, p.id, p.token, (enum input_result)p.result, p.reason);
			return 0;
		}
		if (no_room(q))
			return bad(err, "there are too many");
		if (read_entry(obj, &p, &it, err) == -1)
			return -1;
		had_initial(q, it->e.invocation);
		input_insert(q, it);
	}
	if (p.result != INPUT_NONE) {
		input_remember(
		    q, p.id, it->e.token, (enum input_result)p.result, p.reason);
		input_remove(q, it);
		input_item_free(it);
		return 0;
	}
	apply(q, it, &p);
	return 0;
}

static int
restore_past(struct input *q, const struct jv *obj, struct json_err *err)
{
	const char *token = NULL, *result = NULL, *reason = NULL;
	uint64_t id;
	int r;

	if (jr_u64(obj, "id", &id, err) == -1 ||
	    jr_str(obj, "token", &token, err) == -1 ||
	    jr_str(obj, "result", &result, err) == -1 ||
	    jr_opt_str(obj, "reason", &reason, err) == -1)
		return -1;
	r = find_name(result_names, INPUT_NRESULTS, result);
	if (r == -1 || r == INPUT_NONE || id == 0 || id > INPUT_ID_MAX)
		return bad(err, "no such id or result");
	input_remember(q, id, token, (enum input_result)r, reason);
	return 0;
}

int
input_restore(struct input *q, const struct jv *obj, struct json_err *err)
{
	const struct jv *entries = NULL, *past = jv_get(obj, "past");
	const char *initial_for = NULL;
	int rc = 0;

	if (jr_opt_str(obj, "initial_for", &initial_for, err) == -1 ||
	    jr_arr(obj, "entries", &entries, err) == -1)
		return -1;
	had_initial(q, initial_for);
	q->restored = true;
	for (size_t i = 0; i < jv_count(past); i++)
		if (restore_past(q, jv_at(past, i), err) == -1)
			rc = -1;
	for (size_t i = 0; i < jv_count(entries); i++) {
		struct progress p = { 0 };
		struct input_item *it;

		if (read_progress(jv_at(entries, i), &p, err) == -1 ||
		    read_entry(jv_at(entries, i), &p, &it, err) == -1) {
			rc = -1; /* the others are good */
			continue;
		}
		if (no_room(q) || input_find(q, p.id) != NULL) {
			input_item_free(it);
			rc = bad(err, "too many, or the same twice");
			continue;
		}
		input_append(q, it);
		apply(q, it, &p);
	}
	return rc;
}
