/*
 * budget_memory: what has to be known of a budget after the death of everything, as JSON.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/session/budget_int.h"

/* The words are kept for ever. */
static const char *const calendars[] = {
	[BUDGET_SPAN] = "span",
	[BUDGET_HOUR] = "hour",
	[BUDGET_DAY] = "day",
	[BUDGET_WEEK] = "week",
	[BUDGET_MONTH] = "month",
};

/* ---- out ---- */

static void
write_numbers(struct jw *w, const char *key, const uint64_t v[BUDGET_NKINDS])
{
	jw_kv_obj(w, key);
	for (int k = 0; k < BUDGET_NKINDS; k++)
		if (v[k] != 0)
			jw_kv_u64(w, budget_kind_name((enum budget_kind)k), v[k]);
	jw_end(w);
}

static void
write_kinds(struct jw *w, const char *key, uint32_t kinds)
{
	jw_kv_arr(w, key);
	for (int k = 0; k < BUDGET_NKINDS; k++)
		if ((kinds >> k & 1) != 0)
			jw_str(w, budget_kind_name((enum budget_kind)k));
	jw_end(w);
}

void
budget_save(const struct budget *b, struct jw *w)
{
	jw_kv_str(w, "period", calendars[b->period.calendar]);
	if (b->period.calendar == BUDGET_SPAN && b->period.us != UNIT_INFINITY)
		jw_kv_u64(w, "span_us", b->period.us);
	jw_kv_u64(w, "begin_us", b->begin_us);
	/* JSON has no infinity: where it is not there, there is no end. */
	if (b->end_us != UNIT_INFINITY)
		jw_kv_u64(w, "end_us", b->end_us);
	write_numbers(w, "used", b->used);
	write_numbers(w, "base", b->base);
	write_kinds(w, "warned", b->warned);
	write_kinds(w, "up", b->up);
	jw_kv_str(w, "invocation", b->invocation);
	if (b->running)
		jw_kv_u64(w, "counted_us", b->counted_us);
	jw_kv_arr(w, "counters");
	for (size_t i = 0; i < b->n_counters; i++) {
		const struct budget_counter *c = &b->counters[i];

		jw_obj(w);
		jw_kv_str(w, "name", c->name);
		jw_kv_str(w, "of", budget_kind_name(c->kind));
		jw_kv_u64(w, "last", c->last);
		jw_kv_bool(w, "of_run", c->of_run);
		jw_end(w);
	}
	jw_end(w);
}

/* ---- in ---- */

/* BUDGET_NKINDS: none that this build knows. */
static enum budget_kind
kind_of(const char *name)
{
	int k = 0;

	while (
	    k < BUDGET_NKINDS && strcmp(budget_kind_name((enum budget_kind)k), name) != 0)
		k++;
	return (enum budget_kind)k;
}

static int
read_numbers(const struct jv *v, const char *key, uint64_t out[BUDGET_NKINDS],
    struct json_err *err)
{
	const struct jv *obj = NULL;

	if (jr_obj(v, key, &obj, err) == -1)
		return -1;
	for (int k = 0; k < BUDGET_NKINDS; k++)
		if (jr_opt_u64(
			obj, budget_kind_name((enum budget_kind)k), &out[k], err) == -1)
			return -1;
	return 0;
}

static int
read_kinds(const struct jv *v, const char *key, uint32_t *out, struct json_err *err)
{
	const struct jv *list = NULL;

	if (jr_arr(v, key, &list, err) == -1)
		return -1;
	for (size_t i = 0; i < jv_count(list); i++) {
		enum budget_kind k = kind_of(jv_str(jv_at(list, i), ""));

		if (k != BUDGET_NKINDS)
			*out |= 1U << k;
	}
	return 0;
}

static int
read_counter(struct budget *b, const struct jv *v, struct json_err *err)
{
	struct budget_counter c = { .order = ++b->order };
	const char *name = NULL, *of = NULL;

	if (jr_str(v, "name", &name, err) == -1 || jr_str(v, "of", &of, err) == -1 ||
	    jr_u64(v, "last", &c.last, err) == -1 ||
	    jr_bool(v, "of_run", &c.of_run, err) == -1)
		return -1;
	c.kind = kind_of(of);
	if (c.kind == BUDGET_NKINDS || strlen(name) > BUDGET_NAME_MAX)
		return 0;
	c.name = xstrdup(name);
	b->counters =
	    xreallocarray(b->counters, b->n_counters + 1, sizeof(b->counters[0]));
	b->counters[b->n_counters++] = c;
	return 0;
}

static int
read_counters(struct budget *b, const struct jv *v, struct json_err *err)
{
	const struct jv *list = NULL;

	if (jr_arr(v, "counters", &list, err) == -1)
		return -1;
	for (size_t i = 0; i < jv_count(list) && i < BUDGET_COUNTERS_MAX; i++)
		if (read_counter(b, jv_at(list, i), err) == -1)
			return -1;
	return 0;
}

/* A word that this build does not know is no period: the next look makes it one of the
 * file's. */
static int
read_period(struct budget_period *p, const struct jv *v, struct json_err *err)
{
	const char *word = NULL;

	*p = (struct budget_period){ .calendar = BUDGET_SPAN, .us = UNIT_INFINITY };
	if (jr_str(v, "period", &word, err) == -1 ||
	    jr_opt_u64(v, "span_us", &p->us, err) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(calendars) / sizeof(calendars[0]); i++) {
		if (strcmp(calendars[i], word) != 0)
			continue;
		p->calendar = (enum budget_calendar)i;
		return 0;
	}
	p->us = 0;
	return 0;
}

int
budget_restore(struct budget *b, const struct jv *v, bool same_boot, struct json_err *err)
{
	static const struct budget_ops none;
	struct budget *r = budget_new(b->conf, &none, NULL), old;
	const char *invocation = "";

	r->end_us = UNIT_INFINITY;
	if (read_period(&r->period, v, err) == -1 ||
	    jr_u64(v, "begin_us", &r->begin_us, err) == -1 ||
	    jr_opt_u64(v, "end_us", &r->end_us, err) == -1 ||
	    read_numbers(v, "used", r->used, err) == -1 ||
	    read_numbers(v, "base", r->base, err) == -1 ||
	    read_kinds(v, "warned", &r->warned, err) == -1 ||
	    read_kinds(v, "up", &r->up, err) == -1 ||
	    jr_opt_str(v, "invocation", &invocation, err) == -1 ||
	    jr_opt_u64(v, "counted_us", &r->counted_us, err) == -1 ||
	    read_counters(r, v, err) == -1) {
		budget_free(r);
		return -1;
	}
	free(r->invocation);
	r->invocation = xstrdup(invocation);
	r->running = same_boot && jv_type(jv_get(v, "counted_us")) != JV_NULL;
	old = *b;
	*b = *r;
	b->ops = old.ops;
	b->arg = old.arg;
	*r = old;
	budget_free(r);
	return 0;
}
