/*
 * digest: counting, and to and from JSON.  How it reads is in digest_text.c.
 */
#include "manager/record/digest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/record/digest_int.h"
#include "unit/name.h"

static const char *const count_names[DIGEST_NCOUNTS] = {
	[DIGEST_RUNS] = "runs",
	[DIGEST_FAILURES] = "failures",
	[DIGEST_RESTARTS] = "restarts",
	[DIGEST_RETRIES] = "retries",
	[DIGEST_HOLDS] = "holds",
	[DIGEST_LIMITS] = "limits",
	[DIGEST_START_LIMITS] = "start_limits",
	[DIGEST_BUDGETS] = "budgets",
};

/* ---- life ---------------------------------------------------------------------------
 */

static void
free_unit(void *p)
{
	struct digest_unit *u = p;

	free(u->why);
	free(u);
}

static void
free_alert(void *p)
{
	struct digest_alert *a = p;

	free(a->text);
	free(a);
}

static void
free_entry(struct digest_entry *e)
{
	free(e->who);
	free(e->text);
	free(e);
}

static void
period_init(struct digest_period *p)
{
	*p = (struct digest_period){ 0 };
	TAILQ_INIT(&p->entries);
}

static void
drop_oldest(struct digest_period *p)
{
	struct digest_entry *e = TAILQ_FIRST(&p->entries);

	TAILQ_REMOVE(&p->entries, e, link);
	free_entry(e);
	p->n_entries--;
}

static void
period_clear(struct digest_period *p)
{
	map_clear(&p->units, free_unit);
	map_clear(&p->folds, NULL);
	map_clear(&p->alerts, free_alert);
	while (p->n_entries > 0)
		drop_oldest(p);
	period_init(p);
}

struct digest *
digest_new(void)
{
	struct digest *d = xcalloc(1, sizeof(*d));

	period_init(&d->now);
	period_init(&d->last);
	return d;
}

void
digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	period_clear(&d->now);
	period_clear(&d->last);
	free(d);
}

const struct digest_period *
digest_period(const struct digest *d, enum digest_which which)
{
	return which == DIGEST_NOW ? &d->now : &d->last;
}

/* ---- counting -----------------------------------------------------------------------
 */

static struct digest_unit *
add_unit(struct digest_period *p, const char *name)
{
	struct digest_unit *u = map_get(&p->units, name);

	if (u == NULL) {
		u = xcalloc(1, sizeof(*u));
		map_set(&p->units, name, u);
	}
	return u;
}

/* The line of a unit that has none yet: its own, or one that it shares. */
static struct digest_unit *
find_place(struct digest_period *p, const char *unit)
{
	char *template = unit_name_is_instance(unit) ? unit_name_template(unit) : NULL;
	const char *name = unit;
	struct digest_unit *u;

	if (template != NULL) {
		uintptr_t n = (uintptr_t)map_get(&p->folds, template);

		if (n >= DIGEST_INSTANCES)
			name = template;
		else if (p->units.n < DIGEST_UNITS)
			map_set(&p->folds, template, (void *)(n + 1));
	}
	if (p->units.n >= DIGEST_UNITS && !map_has(&p->units, name))
		name = DIGEST_OTHERS;
	u = add_unit(p, name);
	free(template);
	return u;
}

static struct digest_unit *
place_of(struct digest_period *p, const char *unit)
{
	struct digest_unit *u = map_get(&p->units, unit);

	return u != NULL ? u : find_place(p, unit);
}

static void
set_text(char **field, const char *text, size_t max)
{
	free(*field);
	*field = text == NULL ? NULL : xstrndup(text, utf8_head(text, strlen(text), max));
}

static void
add_alert(struct digest_period *p, const char *name, uint64_t n, uint64_t wall_us,
    const char *text)
{
	struct digest_alert *a = map_get(&p->alerts, name);

	if (a == NULL && p->alerts.n >= DIGEST_ALERTS)
		return;
	if (a == NULL) {
		a = xcalloc(1, sizeof(*a));
		map_set(&p->alerts, name, a);
	}
	a->n += n;
	a->wall_us = wall_us;
	set_text(&a->text, text, DIGEST_WHY_MAX);
}

static void
add_entry(struct digest_period *p, uint64_t wall_us, const char *who, const char *text)
{
	struct digest_entry *e = xcalloc(1, sizeof(*e));

	e->wall_us = wall_us;
	set_text(&e->who, who, DIGEST_WHY_MAX);
	set_text(&e->text, text, DIGEST_ENTRY_MAX);
	TAILQ_INSERT_TAIL(&p->entries, e, link);
	if (++p->n_entries > DIGEST_ENTRIES) {
		drop_oldest(p);
		p->left_out++;
	}
}

/* The pair becomes the last one, and another one begins. */
static void
take(struct digest *d, uint64_t wall_us, const char *key)
{
	period_clear(&d->last);
	d->last = d->now;
	/* (The head of a list points into it.) */
	TAILQ_INIT(&d->last.entries);
	TAILQ_CONCAT(&d->last.entries, &d->now.entries, link);
	period_init(&d->now);
	d->last.until_us = d->now.since_us = d->shown_us = wall_us;
	strlcpy(d->key, key == NULL ? "" : key, sizeof(d->key));
}

bool
digest_wants(enum event_id id)
{
	switch (id) {
	case EVENT_EXIT:
	case EVENT_FAILED:
	case EVENT_RESTART_SCHEDULED:
	case EVENT_RETRY:
	case EVENT_HOLD:
	case EVENT_SESSION_STATE:
	case EVENT_START_LIMIT:
	case EVENT_BUDGET_EXCEEDED:
	case EVENT_ROLE_DIED:
	case EVENT_EMERGENCY_STOP:
	case EVENT_ALERT:
	case EVENT_DIGEST_ENTRY:
	case EVENT_DIGEST_TAKEN:
		return true;
	default:
		return false;
	}
}

/* What an event counts as for its unit; DIGEST_NCOUNTS: nothing. */
static enum digest_count
count_of(enum event_id id, const struct jv *event)
{
	switch (id) {
	case EVENT_EXIT:
		return strcmp(jv_str(jv_get(event, "kind"), ""), "main") == 0
			   ? DIGEST_RUNS
			   : DIGEST_NCOUNTS;
	case EVENT_FAILED:
		return DIGEST_FAILURES;
	case EVENT_RESTART_SCHEDULED:
		return DIGEST_RESTARTS;
	case EVENT_RETRY:
		return DIGEST_RETRIES;
	case EVENT_HOLD:
		return DIGEST_HOLDS;
	case EVENT_SESSION_STATE:
		return strcmp(jv_str(jv_get(event, "to"), ""), "limited") == 0
			   ? DIGEST_LIMITS
			   : DIGEST_NCOUNTS;
	case EVENT_START_LIMIT:
		return DIGEST_START_LIMITS;
	case EVENT_BUDGET_EXCEEDED:
		return DIGEST_BUDGETS;
	default:
		return DIGEST_NCOUNTS;
	}
}

static void
count_unit(struct digest_period *p, enum event_id id, const struct jv *event)
{
	enum digest_count k = count_of(id, event);
	const char *unit = jv_str(jv_get(event, "unit"), NULL);
	struct digest_unit *u;

	if (k == DIGEST_NCOUNTS || unit == NULL)
		return;
	u = place_of(p, unit);
	u->n[k]++;
	if (id == EVENT_FAILED || id == EVENT_RESTART_SCHEDULED || id == EVENT_RETRY)
		set_text(&u->why, jv_str(jv_get(event, "why"), NULL), DIGEST_WHY_MAX);
}

void
digest_event(struct digest *d, enum event_id id, const struct jv *event)
{
	struct digest_period *p = &d->now;
	const char *unit = jv_str(jv_get(event, "unit"), NULL);
	uint64_t wall_us = 0;

	/* Whatever it is, it was: a time that cannot be read takes nothing away. */
	(void)clock_parse(jv_str(jv_get(event, "ts"), ""), &wall_us);
	if (p->since_us == 0)
		p->since_us = wall_us;
	switch (id) {
	case EVENT_DIGEST_TAKEN:
		take(d, wall_us, jv_str(jv_get(event, "key"), NULL));
		d->taken_seq = jv_u64(jv_get(event, "seq"));
		break;
	case EVENT_DIGEST_ENTRY:
		add_entry(p, wall_us,
		    unit != NULL ? unit : jv_str(jv_get(event, "who"), ""),
		    jv_str(jv_get(event, "text"), ""));
		break;
	case EVENT_ALERT:
		add_alert(p, jv_str(jv_get(event, "alert"), ""), 1, wall_us,
		    jv_str(jv_get(event, "evidence"), NULL));
		break;
	case EVENT_ROLE_DIED:
		p->role_deaths++;
		break;
	case EVENT_EMERGENCY_STOP:
		p->emergencies++;
		break;
	default:
		count_unit(p, id, event);
		break;
	}
}

/* ---- when ---------------------------------------------------------------------------
 */

bool
digest_is_empty(const struct digest *d, enum digest_which which)
{
	const struct digest_period *p = digest_period(d, which);

	return p->units.n == 0 && p->alerts.n == 0 && p->n_entries == 0 &&
	       p->role_deaths == 0 && p->emergencies == 0;
}

uint64_t
digest_shown_us(const struct digest *d)
{
	return d->shown_us;
}

uint64_t
digest_due_us(const struct digest *d, uint64_t interval_us, uint64_t now_us)
{
	uint64_t due_us = clock_add_us(d->shown_us, interval_us);

	if (d->shown_us == 0 || d->shown_us > clock_add_us(now_us, interval_us))
		return 0;
	return due_us <= now_us ? 0 : due_us;
}

bool
digest_is_of(const struct digest *d, const char *key)
{
	return key != NULL && key[0] != '\0' && strcmp(d->key, key) == 0;
}

uint64_t
digest_taken_seq(const struct digest *d)
{
	return d->taken_seq;
}

/* ---- shown --------------------------------------------------------------------------
 */

static void
render_units(const struct digest_period *p, struct jw *w)
{
	struct strv names = { 0 };

	map_keys(&p->units, &names);
	strv_sort(&names);
	jw_kv_arr(w, "units");
	for (size_t i = 0; i < names.n; i++) {
		const struct digest_unit *u = map_get(&p->units, names.v[i]);

		jw_obj(w);
		jw_kv_str(w, "unit", names.v[i]);
		for (int k = 0; k < DIGEST_NCOUNTS; k++)
			jw_kv_u64(w, count_names[k], u->n[k]);
		jw_kv_str(w, "why", u->why);
		jw_end(w);
	}
	jw_end(w);
	strv_free(&names);
}

static void
render_alerts(const struct digest_period *p, struct jw *w)
{
	struct strv names = { 0 };

	map_keys(&p->alerts, &names);
	strv_sort(&names);
	jw_kv_arr(w, "alerts");
	for (size_t i = 0; i < names.n; i++) {
		const struct digest_alert *a = map_get(&p->alerts, names.v[i]);

		jw_obj(w);
		jw_kv_str(w, "alert", names.v[i]);
		jw_kv_u64(w, "fired", a->n);
		jw_kv_time(w, "at", a->wall_us);
		jw_kv_str(w, "evidence", a->text);
		jw_end(w);
	}
	jw_end(w);
	strv_free(&names);
}

void
digest_render(const struct digest *d, enum digest_which which, struct jw *w)
{
	const struct digest_period *p = digest_period(d, which);
	const struct digest_entry *e;

	jw_kv_time(w, "since", p->since_us);
	jw_kv_time(w, "until", p->until_us);
	render_alerts(p, w);
	render_units(p, w);
	jw_kv_arr(w, "entries");
	TAILQ_FOREACH (e, &p->entries, link) {
		jw_obj(w);
		jw_kv_time(w, "at", e->wall_us);
		jw_kv_str(w, "who", e->who);
		jw_kv_str(w, "text", e->text);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_u64(w, "entries_left_out", p->left_out);
	jw_kv_u64(w, "role_deaths", p->role_deaths);
	jw_kv_u64(w, "emergency_stops", p->emergencies);
}

/* ---- snapshot -----------------------------------------------------------------------
 */

static void
write_period(const struct digest_period *p, struct jw *w, const char *key)
{
	const struct digest_entry *e;
	const char *name;
	size_t it = 0;
	void *value;

	jw_kv_obj(w, key);
	jw_kv_u64(w, "since", p->since_us);
	jw_kv_u64(w, "until", p->until_us);
	jw_kv_u64(w, "left_out", p->left_out);
	jw_kv_u64(w, "roles", p->role_deaths);
	jw_kv_u64(w, "emergencies", p->emergencies);
	jw_kv_obj(w, "units");
	while (map_next(&p->units, &it, &name, &value)) {
		const struct digest_unit *u = value;

		jw_kv_arr(w, name);
		for (int k = 0; k < DIGEST_NCOUNTS; k++)
			jw_u64(w, u->n[k]);
		jw_str(w, u->why);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_obj(w, "alerts");
	for (it = 0; map_next(&p->alerts, &it, &name, &value);) {
		const struct digest_alert *a = value;

		jw_kv_arr(w, name);
		jw_u64(w, a->n);
		jw_u64(w, a->wall_us);
		jw_str(w, a->text);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_arr(w, "entries");
	TAILQ_FOREACH (e, &p->entries, link) {
		jw_arr(w);
		jw_u64(w, e->wall_us);
		jw_str(w, e->who);
		jw_str(w, e->text);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
}

void
digest_write_json(const struct digest *d, struct jw *w)
{
	jw_obj(w);
	jw_kv_u64(w, "shown", d->shown_us);
	jw_kv_str(w, "key", d->key);
	write_period(&d->now, w, "now");
	write_period(&d->last, w, "last");
	jw_end(w);
}

/* Times and numbers that are none count as 0. */
static uint64_t
number(const struct jv *v)
{
	int64_t n = jv_type(v) == JV_INT ? jv_i64(v, 0) : 0;

	return n > 0 && n < INT64_MAX / 2 ? (uint64_t)n : 0;
}

static void
read_unit(struct digest_period *p, const char *name, const struct jv *v)
{
	struct digest_unit *u;

	if (jv_type(v) != JV_ARRAY || p->units.n > DIGEST_UNITS)
		return;
	u = strcmp(name, DIGEST_OTHERS) == 0 ? add_unit(p, name) : place_of(p, name);
	for (size_t k = 0; k < DIGEST_NCOUNTS; k++)
		u->n[k] += number(jv_at(v, k));
	set_text(&u->why, jv_str(jv_at(v, DIGEST_NCOUNTS), NULL), DIGEST_WHY_MAX);
}

static void
read_period(struct digest_period *p, const struct jv *v)
{
	const struct jv *units = jv_get(v, "units"), *alerts = jv_get(v, "alerts"),
			*entries = jv_get(v, "entries");

	period_clear(p);
	if (jv_type(v) != JV_OBJECT)
		return;
	p->since_us = number(jv_get(v, "since"));
	p->until_us = number(jv_get(v, "until"));
	p->left_out = number(jv_get(v, "left_out"));
	p->role_deaths = number(jv_get(v, "roles"));
	p->emergencies = number(jv_get(v, "emergencies"));
	for (size_t i = 0; jv_type(units) == JV_OBJECT && i < jv_count(units); i++)
		read_unit(p, jv_key_at(units, i), jv_at(units, i));
	for (size_t i = 0; jv_type(alerts) == JV_OBJECT && i < jv_count(alerts); i++) {
		const struct jv *a = jv_at(alerts, i);

		add_alert(p, jv_key_at(alerts, i), number(jv_at(a, 0)),
		    number(jv_at(a, 1)), jv_str(jv_at(a, 2), NULL));
	}
	for (size_t i = 0; jv_type(entries) == JV_ARRAY && i < jv_count(entries); i++) {
		const struct jv *e = jv_at(entries, i);

		add_entry(p, number(jv_at(e, 0)), jv_str(jv_at(e, 1), ""),
		    jv_str(jv_at(e, 2), ""));
	}
}

void
digest_read_json(struct digest *d, const struct jv *v)
{
	if (jv_type(v) != JV_OBJECT)
		return;
	d->shown_us = number(jv_get(v, "shown"));
	strlcpy(d->key, jv_str(jv_get(v, "key"), ""), sizeof(d->key));
	read_period(&d->now, jv_get(v, "now"));
	read_period(&d->last, jv_get(v, "last"));
}
