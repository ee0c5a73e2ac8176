/*
 * timer_memory: what has to be known of a timer after the death of everything, as JSON.
 */
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "manager/activate/timer_int.h"

/* ---- out ---- */

static void
write_now(struct jw *w, const char *key, const struct timer_now *now)
{
	jw_kv_arr(w, key);
	jw_u64(w, now->mono_us);
	jw_u64(w, now->boot_us);
	jw_u64(w, now->wall_us);
	jw_end(w);
}

static void
write_lived(struct jw *w, const struct timer_lived *l)
{
	jw_u64(w, l->from_us);
	jw_u64(w, l->to_us);
}

static void
write_number(struct jw *w, const char *key, uint64_t n)
{
	if (n != 0)
		jw_kv_u64(w, key, n);
}

void
timer_write(const struct timer *t, struct jw *w)
{
	jw_kv_str(w, "timer", timer_state_name(t->state));
	write_now(w, "active", &t->active);
	write_now(w, "seen", &t->seen);
	write_number(w, "last_wall_us", t->last_wall_us);
	write_number(w, "last_us", t->last_mono_us);
	write_number(w, "count", t->count);
	write_number(w, "skipped", t->skipped);
	write_number(w, "skipped_wall_us", t->skipped_wall_us);
	if (t->skipped_why[0] != '\0')
		jw_kv_str(w, "skipped_why", t->skipped_why);
	jw_kv_bool(w, "stopped", t->stopped);
	jw_kv_bool(w, "other_boot", t->other_boot);
	jw_kv_arr(w, "lived");
	write_lived(w, &t->lived);
	for (size_t i = 0; i < t->n_past; i++)
		write_lived(w, &t->past[i]);
	jw_end(w);
	write_number(w, "kept_wall_us", t->kept_us);
	write_number(w, "kept_due_wall_us", t->kept_due_us);
	if (t->planned_us != USEC_INFINITY) {
		write_number(w, "planned_wall_us", t->planned_us);
		write_number(w, "planned_due_wall_us", t->planned_due_us);
	}
	if (t->planned_point_us != USEC_INFINITY)
		write_number(w, "planned_point_us", t->planned_point_us);
	write_number(w, "sum", t->sum);
	if (t->missed_why[0] != '\0') {
		jw_kv_str(w, "missed", t->missed_why);
		jw_kv_u64(w, "missed_due_us", t->missed_due_us);
	}
	write_number(w, "points_us", t->points_us);
	write_number(w, "exit_us", t->exit_us);
	write_number(w, "enter_us", t->enter_us);
	write_number(w, "floor_us", t->floor_us);
	jw_kv_bool(w, "overlapped", t->overlapped);
	jw_kv_arr(w, "firing");
	for (size_t i = 0; i < t->n_firing; i++) {
		jw_u64(w, t->firing[i].unit);
		jw_str(w, t->firing[i].before);
	}
	jw_end(w);
	jw_kv_arr(w, "firing_for");
	for (size_t i = 0; i < t->n_firing; i++)
		jw_u64(w, t->firing[i].for_us);
	jw_end(w);
}

/* ---- in ---- */

static uint64_t
number_at(const struct jv *list, size_t i)
{
	int64_t n = jv_i64(jv_at(list, i), 0);

	return n > 0 ? (uint64_t)n : 0;
}

static void
read_now(const struct jv *v, const char *key, struct timer_now *now)
{
	const struct jv *list = jv_get(v, key);

	now->mono_us = number_at(list, 0);
	now->boot_us = number_at(list, 1);
	now->wall_us = number_at(list, 2);
}

static void
read_lived(struct timer *t, const struct jv *v)
{
	const struct jv *list = jv_get(v, "lived");

	for (size_t i = 0; i + 1 < jv_count(list) && i / 2 <= TIMER_LIVED_MAX; i += 2) {
		struct timer_lived l = { number_at(list, i), number_at(list, i + 1) };

		if (l.from_us > l.to_us)
			continue;
		if (i == 0)
			t->lived = l;
		else
			t->past[t->n_past++] = l;
	}
}

static void
read_firing(struct timer *t, const struct jv *v)
{
	const struct jv *list = jv_get(v, "firing"), *of = jv_get(v, "firing_for");

	for (size_t i = 0; i + 1 < jv_count(list) && t->n_firing < TIMER_FIRING_MAX;
	     i += 2) {
		struct timer_firing *f = &t->firing[t->n_firing];
		int64_t unit = jv_i64(jv_at(list, i), -1);

		if (unit < 0 || unit >= TIMER_ALLOW_MAX)
			continue;
		f->unit = (uint32_t)unit;
		f->for_us = number_at(of, i / 2);
		strlcpy(f->before, jv_str(jv_at(list, i + 1), ""), sizeof(f->before));
		t->n_firing++;
	}
}

static int
read_state(const struct jv *v, enum timer_state *state, struct json_err *err)
{
	const char *word = NULL;

	if (jr_str(v, "timer", &word, err) == -1)
		return -1;
	*state = TIMER_DEAD;
	for (int s = 0; s < TIMER_NSTATES; s++)
		if (strcmp(timer_state_name((enum timer_state)s), word) == 0)
			*state = (enum timer_state)s;
	return 0;
}

/* What was monotonic means nothing any more. */
static void
after_boot(struct timer *t)
{
	t->other_boot = true;
	t->points_us = t->exit_us = t->enter_us = t->floor_us = 0;
	t->n_firing = 0;
	t->missed_why[0] = '\0';
	t->planned_point_us = USEC_INFINITY;
	t->active = t->seen = (struct timer_now){ 0 };
	t->state = TIMER_DEAD;
}

int
timer_restore(
    struct timer *t, const struct jv *v, bool same_boot, bool up, struct json_err *err)
{
	struct timer r = *t;
	const char *skipped = "", *missed = "";

	r.planned_us = r.planned_point_us = USEC_INFINITY;
	r.sum = 0;
	if (read_state(v, &r.state, err) == -1 ||
	    jr_opt_u64(v, "last_wall_us", &r.last_wall_us, err) == -1 ||
	    jr_opt_u64(v, "last_us", &r.last_mono_us, err) == -1 ||
	    jr_opt_u64(v, "count", &r.count, err) == -1 ||
	    jr_opt_u64(v, "skipped", &r.skipped, err) == -1 ||
	    jr_opt_u64(v, "skipped_wall_us", &r.skipped_wall_us, err) == -1 ||
	    jr_opt_str(v, "skipped_why", &skipped, err) == -1 ||
	    jr_opt_bool(v, "stopped", &r.stopped, err) == -1 ||
	    jr_opt_bool(v, "other_boot", &r.other_boot, err) == -1 ||
	    jr_opt_u64(v, "kept_wall_us", &r.kept_us, err) == -1 ||
	    jr_opt_u64(v, "kept_due_wall_us", &r.kept_due_us, err) == -1 ||
	    jr_opt_u64(v, "planned_wall_us", &r.planned_us, err) == -1 ||
	    jr_opt_u64(v, "planned_due_wall_us", &r.planned_due_us, err) == -1 ||
	    jr_opt_u64(v, "planned_point_us", &r.planned_point_us, err) == -1 ||
	    jr_opt_u64(v, "sum", &r.sum, err) == -1 ||
	    jr_opt_str(v, "missed", &missed, err) == -1 ||
	    jr_opt_u64(v, "missed_due_us", &r.missed_due_us, err) == -1 ||
	    jr_opt_u64(v, "points_us", &r.points_us, err) == -1 ||
	    jr_opt_u64(v, "exit_us", &r.exit_us, err) == -1 ||
	    jr_opt_u64(v, "enter_us", &r.enter_us, err) == -1 ||
	    jr_opt_u64(v, "floor_us", &r.floor_us, err) == -1 ||
	    jr_opt_bool(v, "overlapped", &r.overlapped, err) == -1)
		return -1;
	strlcpy(r.skipped_why, skipped, sizeof(r.skipped_why));
	strlcpy(r.missed_why, missed, sizeof(r.missed_why));
	read_now(v, "active", &r.active);
	read_now(v, "seen", &r.seen);
	read_lived(&r, v);
	read_firing(&r, v);
	if (!same_boot)
		after_boot(&r);
	if (!up)
		r.state = TIMER_DEAD;
	*t = r;
	return 0;
}
