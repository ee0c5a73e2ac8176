/*
 * timer_conf: what a timer was told to do, kept apart from the unit file's values, which
 * may be replaced at any time.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "manager/activate/timer_int.h"
#include "unit/calendar.h"

void
timer_conf_take(struct timer *t, const struct timer_conf *conf)
{
	struct calendar_error error;

	t->conf = *conf;
	t->conf.unit = conf->unit != NULL ? xstrdup(conf->unit) : NULL;
	t->conf.when.calendars = (struct strv){ 0 };
	t->conf.when.spans = xcalloc(conf->when.n_spans + 1, sizeof(*t->conf.when.spans));
	if (conf->when.n_spans > 0)
		memcpy(t->conf.when.spans, conf->when.spans,
		    conf->when.n_spans * sizeof(*conf->when.spans));
	t->calendars = xcalloc(conf->when.calendars.n + 1, sizeof(struct calendar *));
	for (size_t i = 0; i < conf->when.calendars.n; i++) {
		strv_add(&t->conf.when.calendars, conf->when.calendars.v[i]);
		t->calendars[i] = calendar_parse(conf->when.calendars.v[i], &error);
	}
	t->conf_sum = timer_conf_sum(t);
}

void
timer_conf_drop(struct timer *t)
{
	for (size_t i = 0; i < t->conf.when.calendars.n; i++)
		calendar_free(t->calendars[i]);
	free(t->calendars);
	free(t->conf.unit);
	free(t->conf.when.spans);
	strv_free(&t->conf.when.calendars);
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
timer_conf_same(const struct timer *t, const struct timer_conf *conf)
{
	const struct timer_conf *own = &t->conf;

	if (own->when.calendars.n != conf->when.calendars.n ||
	    own->when.n_spans != conf->when.n_spans || !same_text(own->unit, conf->unit))
		return false;
	for (size_t i = 0; i < conf->when.calendars.n; i++)
		if (strcmp(own->when.calendars.v[i], conf->when.calendars.v[i]) != 0)
			return false;
	for (size_t i = 0; i < conf->when.n_spans; i++)
		if (own->when.spans[i].base != conf->when.spans[i].base ||
		    own->when.spans[i].us != conf->when.spans[i].us)
			return false;
	return own->accuracy_us == conf->accuracy_us &&
	       own->random_delay_us == conf->random_delay_us &&
	       own->random_offset_us == conf->random_offset_us &&
	       own->fixed_random == conf->fixed_random &&
	       own->persistent == conf->persistent &&
	       own->wake_system == conf->wake_system &&
	       own->remain_after_elapse == conf->remain_after_elapse &&
	       own->on_clock_change == conf->on_clock_change &&
	       own->on_timezone_change == conf->on_timezone_change &&
	       own->defer_reactivation == conf->defer_reactivation &&
	       own->policy.overlap == conf->policy.overlap &&
	       own->policy.allow == conf->policy.allow;
}

static uint64_t
mix(uint64_t sum, const void *data, size_t n)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum ^ sum >> 31;
}

uint64_t
timer_conf_sum(const struct timer *t)
{
	const struct timer_when *when = &t->conf.when;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	const uint64_t own[] = { t->conf.random_delay_us, t->conf.random_offset_us,
		t->conf.fixed_random, t->conf.wake_system };

	for (size_t i = 0; i < when->calendars.n; i++)
		sum = mix(sum, when->calendars.v[i], strlen(when->calendars.v[i]) + 1);
	for (size_t i = 0; i < when->n_spans; i++) {
		uint64_t span[2] = { when->spans[i].base, when->spans[i].us };

		sum = mix(sum, span, sizeof(span));
	}
	sum = mix(sum, own, sizeof(own));
	/* Whose times the points of a unit are. */
	if (t->conf.unit != NULL)
		sum = mix(sum, t->conf.unit, strlen(t->conf.unit) + 1);
	/* JSON has 63 bits. */
	return (sum & INT64_MAX) | 1;
}

const char *
timer_unreadable(const struct timer *t)
{
	for (size_t i = 0; i < t->conf.when.calendars.n; i++)
		if (t->calendars[i] == NULL)
			return t->conf.when.calendars.v[i];
	return NULL;
}
