/*
 * Marks.*: what becomes of a change is answered when the disk has it, or WishSyncSec= is
 * over.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/activate/marks.h"
#include "manager/control/control_int.h"
#include "manager/control/durable.h"
#include "manager/marking.h"
#include "manager/record/event.h"
#include "unit/name.h"

enum { CALL_KEYS_MAX = 100 };

/* ---- parameters ----------------------------------------------------------------------
 */

/* The set, NULL: the call was answered. */
static const char *
take_set(struct call *call)
{
	const char *set = jv_str(jv_get(call_params(call), "set"), "");
	const char *why = marks_name_refusal(set);

	if (why == NULL)
		return set;
	call_invalid(call, "set", "\"%s\" is no name of a set: %s", set, why);
	return NULL;
}

/* The same of a key. */
static const char *
take_key(struct call *call, const struct jv *v, const char *parameter)
{
	size_t len = 0;
	const char *key = jv_strn(v, &len);
	const char *why = key == NULL          ? "it is no text"
			  : strlen(key) != len ? "it has a NUL"
					       : marks_key_refusal(key, len);

	if (why == NULL)
		return key;
	call_invalid(
	    call, parameter, "\"%s\" is no key: %s", key == NULL ? "" : key, why);
	return NULL;
}

/* 0, or -1 when the call was answered. */
static int
take_keys(struct call *call, const struct jv **keys)
{
	*keys = jv_get(call_params(call), "keys");
	if (jv_count(*keys) == 0 || jv_count(*keys) > CALL_KEYS_MAX) {
		call_invalid(call, "keys", "expected 1 to %d keys", CALL_KEYS_MAX);
		return -1;
	}
	for (size_t i = 0; i < jv_count(*keys); i++)
		if (take_key(call, jv_at(*keys, i), "keys") == NULL)
			return -1;
	return 0;
}

/* A key of the caller's own unit: its name, the same without its suffix, its instance. */
static bool
is_own(const struct call *call, const char *key)
{
	const char *unit = call_peer(call)->unit, *at = strchr(unit, '@'),
		   *dot = strrchr(unit, '.');
	size_t n = strlen(key);

	if (unit[0] == '\0' || dot == NULL)
		return false;
	if (strcmp(key, unit) == 0 ||
	    (n == (size_t)(dot - unit) && memcmp(key, unit, n) == 0))
		return true;
	return at != NULL && n > 0 && n == (size_t)(dot - at - 1) &&
	       memcmp(key, at + 1, n) == 0;
}

/* -1: the call was answered, it is not the caller's. */
static int
check_own(struct call *call, const char *key)
{
	if (!call_is_self(call) || is_own(call, key))
		return 0;
	call_fail(call, "io.supd.Manager.PermissionDenied",
	    "use the name of the unit, or its instance, as the key",
	    "a supervised process may consume the marks of its own unit only, not \"%s\"",
	    key);
	return -1;
}

/* ---- to look at ----------------------------------------------------------------------
 */

static void
write_span(struct jw *w, const char *key, uint64_t us)
{
	if (us == USEC_INFINITY)
		jw_kv_null(w, key);
	else
		jw_kv_u64(w, key, us);
}

void
method_marks_list(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct marks *ms = marking_look(c->m, NULL);
	struct strv names = { 0 };
	struct jw *w = call_begin(call);

	marks_names(ms, &names);
	jw_kv_arr(w, "sets");
	for (size_t i = 0; i < names.n; i++) {
		const char *set = names.v[i];
		const struct marks_rules *r = marks_rules_of(ms, set);

		jw_obj(w);
		jw_kv_str(w, "name", set);
		jw_kv_bool(w, "declared", marks_is_declared(ms, set));
		jw_kv_u64(w, "keys", marks_count(ms, set));
		jw_kv_u64(w, "max", r->max);
		write_span(w, "expire_us", r->expire_us);
		write_span(w, "expire_event_us", r->expire_event_us);
		jw_kv_time(w, "oldest", marks_oldest_us(ms, set));
		jw_end(w);
	}
	jw_end(w);
	strv_free(&names);
	call_reply(call);
}

struct listing {
	struct jw *w;
	uint64_t now_us, left;
};

static void
write_mark(void *arg, const char *key, uint64_t at_us)
{
	struct listing *l = arg;

	if (l->left == 0)
		return;
	l->left--;
	jw_obj(l->w);
	jw_kv_str(l->w, "key", key);
	jw_kv_time(l->w, "at", at_us);
	jw_kv_u64(l->w, "age_us", l->now_us > at_us ? l->now_us - at_us : 0);
	jw_end(l->w);
}

void
method_marks_keys(struct call *call, void *arg)
{
	const struct jv *limit = jv_get(call_params(call), "limit");
	struct listing l = { .now_us = clock_wall_us(), .left = SUPD_MARKS_KEYS_MAX };
	struct control *c = arg;
	const char *set = take_set(call);
	const struct marks *ms;

	if (set == NULL)
		return;
	if (jv_type(limit) == JV_INT && jv_u64(limit) < l.left)
		l.left = jv_u64(limit);
	ms = marking_look(c->m, set);
	l.w = call_begin(call);
	jw_kv_arr(l.w, "keys");
	marks_each(ms, set, write_mark, &l);
	jw_end(l.w);
	jw_kv_u64(l.w, "total", marks_count(ms, set));
	jw_kv_bool(l.w, "declared", marks_is_declared(ms, set));
	call_reply(call);
}

void
method_marks_has(struct call *call, void *arg)
{
	struct control *c = arg;
	const char *set = take_set(call);
	const char *key =
	    set == NULL ? NULL : take_key(call, jv_get(call_params(call), "key"), "key");
	uint64_t at_us = 0;
	struct jw *w;
	bool has;

	if (key == NULL || check_own(call, key) == -1)
		return;
	has = marks_has(marking_look(c->m, set), set, key, &at_us);
	w = call_begin(call);
	jw_kv_bool(w, "has", has);
	jw_kv_time(w, "at", at_us);
	call_reply(call);
}

/* ---- to change -----------------------------------------------------------------------
 */

/* What a change came to: a member of the reply. */
struct change {
	uint64_t seq;       /* of its newest event */
	const char *member; /* of the reply */
	bool is_bool;
	uint64_t value;
};

static void
write_change(struct jw *w, void *arg, bool durable)
{
	const struct change *h = arg;

	if (h->is_bool)
		jw_kv_bool(w, h->member, h->value != 0);
	else
		jw_kv_u64(w, h->member, h->value);
	jw_kv_bool(w, "durable", durable);
}

static void
reply_later(struct control *c, struct call *call, const struct change *what)
{
	durable_reply(
	    c, call, what->seq, write_change, xmemdup(what, sizeof(*what)), free);
}

void
method_marks_add(struct call *call, void *arg)
{
	struct change h = { .member = "added" };
	const char *set = take_set(call);
	struct control *c = arg;
	const struct jv *keys;
	struct wish_who who;

	if (set == NULL || take_keys(call, &keys) == -1)
		return;
	control_who(call, &who);
	for (size_t i = 0; i < jv_count(keys); i++) {
		if (!marking_add(c->m, set, jv_str(jv_at(keys, i), ""), &who, &h.seq)) {
			jw_kv_str(call_begin(call), "set", set);
			call_fail(call, "io.supd.Marks.TooManySets",
			    "supctl marks shows them, supctl marks clear SET ends one",
			    "there are %d sets of marks already", MARKS_SETS_MAX);
			return;
		}
		h.value++;
	}
	reply_later(c, call, &h);
}

void
method_marks_consume(struct call *call, void *arg)
{
	const char *token = jv_str(jv_get(call_params(call), "token"), NULL);
	struct change h = { .member = "consumed", .is_bool = true };
	const char *set = take_set(call);
	const char *key =
	    set == NULL ? NULL : take_key(call, jv_get(call_params(call), "key"), "key");
	struct control *c = arg;
	struct wish_who who;
	bool was;

	if (key == NULL || check_own(call, key) == -1)
		return;
	if (token != NULL && (*token == '\0' || strlen(token) > MARKS_TOKEN_MAX)) {
		call_invalid(call, "token", "expected 1 to %d bytes", MARKS_TOKEN_MAX);
		return;
	}
	control_who(call, &who);
	h.seq = marking_consume(c->m, set, key, token, &who, &was);
	h.value = was;
	reply_later(c, call, &h);
}

void
method_marks_remove(struct call *call, void *arg)
{
	struct change h = { .member = "removed" };
	const char *set = take_set(call);
	struct control *c = arg;
	const struct jv *keys;
	struct wish_who who;

	if (set == NULL || take_keys(call, &keys) == -1)
		return;
	control_who(call, &who);
	for (size_t i = 0; i < jv_count(keys); i++) {
		uint64_t seq =
		    marking_remove(c->m, set, jv_str(jv_at(keys, i), ""), &who);

		h.value += seq != 0;
		h.seq = seq != 0 ? seq : h.seq;
	}
	reply_later(c, call, &h);
}

void
method_marks_clear(struct call *call, void *arg)
{
	struct change h = { .member = "removed" };
	const char *set = take_set(call);
	struct control *c = arg;
	struct wish_who who;
	size_t n;

	if (set == NULL)
		return;
	control_who(call, &who);
	h.seq = marking_clear(c->m, set, &who, &n);
	h.value = n;
	reply_later(c, call, &h);
}

void
method_marks_prune(struct call *call, void *arg)
{
	bool all = jv_type(jv_get(call_params(call), "set")) != JV_STRING;
	const char *set = all ? NULL : take_set(call);
	struct control *c = arg;
	size_t n;

	if (!all && set == NULL)
		return;
	n = marking_prune(c->m, set);
	jw_kv_u64(call_begin(call), "removed", n);
	call_reply(call);
}
