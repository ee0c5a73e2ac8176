#include "manager/conditions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/service/service_users.h"
#include "manager/units.h"
#include "manager/watch/reach.h"
#include "unit/condition.h"

static void
copy_text(char *dst, size_t size, const struct buf *src)
{
	size_t n = utf8_head(buf_str(src), src->len, size - 1);

	memcpy(dst, buf_str(src), n);
	dst[n] = '\0';
}

static int
find_id(void *arg, bool group, const char *name, uint32_t *id)
{
	return svc_id_find(arg, group, name, id);
}

/* All but those for which a start waits; copies of what conf owns. */
static struct unit_condition *
to_ask(const struct unit_conf *conf, size_t *n)
{
	const struct unit_rules *r = conf->rules;
	struct unit_condition *v = xcalloc(r->n_conditions + 1, sizeof(*v));
	bool waits = phases_asks(conf);

	*n = 0;
	for (size_t i = 0; i < r->n_conditions; i++)
		if (!waits || r->conditions[i].is_assert ||
		    strcmp(r->conditions[i].name, "Phase") != 0)
			v[(*n)++] = r->conditions[i];
	return v;
}

void
conditions_ask(
    struct manager *m, const struct unit_conf *conf, struct svc_conditions *out)
{
	struct condition_world w;
	struct condition_unmet unmet;
	struct buf found = { 0 }, text = { 0 };
	size_t n;
	struct unit_condition *v = to_ask(conf, &n);

	memset(out, 0, sizeof(*out));
	condition_world_init(&w);
	w.guard = reach_may;
	w.guard_arg = m->reach;
	w.find_id = find_id;
	w.find_id_arg = m->world;
	w.phase = phases_word(m);
	out->held = true;
	/* As systemd: who is skipped asserts nothing. */
	for (int asserts = 0; asserts < 2 && out->held; asserts++) {
		out->held = conditions_hold(&w, v, n, asserts != 0, &unmet, &found);
		if (out->held)
			continue;
		out->asserted = asserts != 0;
		out->any = unmet.any;
		condition_show(unmet.c, &text);
		copy_text(out->unmet, sizeof(out->unmet), &text);
		copy_text(out->found, sizeof(out->found), &found);
	}
	free(v);
	buf_free(&text);
	buf_free(&found);
}

/* "FILE:LINE" of the condition that is shown so, and 1; else 0. */
static bool
find_place(const struct unit *u, const char *unmet, struct buf *where)
{
	const struct unit_rules *r = u->conf->rules;
	char text[SVC_UNMET_MAX];
	struct buf b = { 0 };
	bool is = false;

	for (size_t i = 0; i < r->n_conditions && !is; i++) {
		const struct unit_condition *c = &r->conditions[i];

		buf_clear(&b);
		condition_show(c, &b);
		copy_text(text, sizeof(text), &b);
		is = strcmp(text, unmet) == 0;
		if (is)
			buf_addf(where, "%s:%u", c->file, c->line);
	}
	buf_free(&b);
	return is;
}

void
conditions_tell(struct unit *u, const char *unmet, const char *found, const char *why)
{
	struct emitter *ev = u->manager->events;
	const char *run = unit_run(u);
	struct buf where = { 0 };

	event_begin(ev, EVENT_SKIPPED, u->name, NULL);
	if (run != NULL)
		event_str(ev, "run", run);
	event_str(ev, "why", why);
	event_str(ev, "condition", unmet);
	event_str(ev, "found", found);
	if (find_place(u, unmet, &where))
		event_str(ev, "where", buf_str(&where));
	else
		event_null(ev, "where");
	event_end(ev);
	manager_say(u->manager, MARK_STOP, "%s %s", u->conf->stem, why);
	buf_free(&where);
}

/* When they were asked last; 0: never, or there are none. */
static uint64_t
asked_us(const struct unit *u)
{
	return u->svc != NULL    ? svc_memory(u->svc)->checked_wall_us
	       : u->part != NULL ? u->part->checked_wall_us
				 : 0;
}

/* The one that did not hold then; NULL: all did. */
static const char *
unmet_of(const struct unit *u)
{
	const struct svc_memory *m = u->svc != NULL ? svc_memory(u->svc) : NULL;

	return m != NULL && m->unmet[0] != '\0' ? m->unmet
	       : u->part != NULL                ? u->part->unmet
						: NULL;
}

void
conditions_results(const struct unit *u, bool *conditions, bool *asserts)
{
	static const char assert_prefix[] = "Assert";
	const char *unmet = unmet_of(u);
	bool asked = asked_us(u) != 0, all = asked && unmet == NULL;

	if (!asked && u->conf->rules->n_conditions == 0)
		all = true;
	*asserts = all;
	*conditions = all || (asked && strncmp(unmet, assert_prefix,
					   sizeof(assert_prefix) - 1) == 0);
}

void
conditions_render(const struct unit *u, struct jw *w)
{
	const struct svc_memory *m = u->svc != NULL ? svc_memory(u->svc) : NULL;
	uint64_t at_us = asked_us(u);
	const char *unmet = unmet_of(u);
	const char *found = m != NULL         ? m->found
			    : u->part != NULL ? u->part->found
					      : NULL;
	struct buf where = { 0 };
	char text[CLOCK_TEXT_MAX];

	if (at_us == 0) {
		jw_kv_null(w, "conditions");
		return;
	}
	jw_kv_obj(w, "conditions");
	jw_kv_bool(w, "held", unmet == NULL);
	jw_kv_str(w, "checked", clock_format_utc(text, sizeof(text), at_us));
	jw_kv_str(w, "unmet", unmet);
	jw_kv_str(w, "found", unmet == NULL ? NULL : found);
	jw_kv_str(w, "where",
	    unmet != NULL && find_place(u, unmet, &where) ? buf_str(&where) : NULL);
	jw_end(w);
	buf_free(&where);
}
