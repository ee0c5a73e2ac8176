/*
 * timer_units: the units that a timer starts: which they are, which of them run, and
 * which were asked for and have not begun.
 */
#include <stdio.h>
#include <string.h>

#include "manager/activate/timer_int.h"

bool
timer_unit(const struct timer *t, size_t i, char *dst, size_t size)
{
	const char *name = t->conf.unit, *at;
	int n;

	if (t->conf.policy.overlap == OVERLAP_ALLOW && name != NULL &&
	    (at = strstr(name, "@.")) != NULL) {
		if (i >= t->conf.policy.allow)
			return false;
		n = snprintf(
		    dst, size, "%.*s@%zu%s", (int)(at - name), name, i + 1, at + 1);
		return n > 0 && (size_t)n < size;
	}
	if (i > 0)
		return false;
	if (name != NULL)
		return strlcpy(dst, name, size) < size;
	at = strrchr(t->name, '.');
	n = snprintf(dst, size, "%.*s.service",
	    (int)(at != NULL ? (size_t)(at - t->name) : strlen(t->name)), t->name);
	return n > 0 && (size_t)n < size;
}

int
timer_unit_index(const struct timer *t, const char *unit)
{
	char name[UNIT_NAME_MAX + 1];

	for (size_t i = 0; timer_unit(t, i, name, sizeof(name)); i++)
		if (strcmp(name, unit) == 0)
			return (int)i;
	return -1;
}

void
timer_unit_look(const struct timer *t, size_t i, struct timer_run *run)
{
	char name[UNIT_NAME_MAX + 1];

	*run = (struct timer_run){ .refusal = "not-found" };
	if (!timer_unit(t, i, name, sizeof(name)))
		return;
	run->refusal = NULL;
	t->ops.look(t->ops.arg, name, run);
}

struct timer_firing
timer_fired(struct timer *t, uint32_t unit)
{
	struct timer_firing was = { .unit = unit };

	for (size_t i = 0; i < t->n_firing; i++) {
		if (t->firing[i].unit != unit)
			continue;
		was = t->firing[i];
		memmove(t->firing + i, t->firing + i + 1,
		    (t->n_firing - i - 1) * sizeof(t->firing[0]));
		t->n_firing--;
		break;
	}
	return was;
}

bool
timer_is_firing(const struct timer *t, uint32_t unit)
{
	for (size_t i = 0; i < t->n_firing; i++)
		if (t->firing[i].unit == unit)
			return true;
	return false;
}

bool
timer_any_busy(const struct timer *t)
{
	return t->busy != 0 || t->n_firing > 0;
}

int
timer_idle_unit(const struct timer *t)
{
	uint32_t n = timer_overlap(t) == OVERLAP_ALLOW ? t->conf.policy.allow : 1;

	for (uint32_t i = 0; i < n; i++)
		if ((t->busy & 1U << i) == 0 && !timer_is_firing(t, i))
			return (int)i;
	return -1;
}

void
timer_units_look(struct timer *t, const struct timer_now *now)
{
	uint64_t boot_wall_us = now->wall_us - now->boot_us;
	struct timer_run run;
	char name[UNIT_NAME_MAX + 1];

	t->busy = 0;
	t->past_base_wall_us[0] = t->past_base_wall_us[1] = 0;
	for (size_t i = 0; timer_unit(t, i, name, sizeof(name)); i++) {
		timer_unit_look(t, i, &run);
		if (run.busy)
			t->busy |= 1U << i;
		for (int e = 0; e < 2; e++) {
			uint64_t at = e == 0 ? run.exit_wall_us : run.enter_wall_us;
			uint64_t *of = e == 0 ? &t->exit_us : &t->enter_us;
			uint64_t ago = now->wall_us - at;

			if (at == 0)
				continue;
			if (at > t->past_base_wall_us[e])
				t->past_base_wall_us[e] = at;
			if (at < boot_wall_us || at > now->wall_us || ago >= now->mono_us)
				continue;
			if (now->mono_us - ago > *of)
				*of = now->mono_us - ago;
		}
	}
}
