/*
 * kinds_timer: what [Timer] says of when, and of runs that overlap.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/calendar.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/span.h"

static const struct {
	const char *key;
	enum timer_base base;
} bases[] = {
	{ "OnActiveSec", TIMER_ON_ACTIVE },
	{ "OnBootSec", TIMER_ON_BOOT },
	{ "OnStartupSec", TIMER_ON_STARTUP },
	{ "OnUnitActiveSec", TIMER_ON_UNIT_ACTIVE },
	{ "OnUnitInactiveSec", TIMER_ON_UNIT_INACTIVE },
};

static enum timer_base
base_of(const struct directive *d)
{
	size_t i = 0;

	while (strcmp(bases[i].key, d->key) != 0)
		i++;
	return bases[i].base;
}

/* An empty value of any of these keys takes back what all of them said. */
static void
take_back(struct timer_when *when)
{
	strv_free(&when->calendars);
	free(when->spans);
	*when = (struct timer_when){ 0 };
}

int
set_timer_calendar(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct timer_when *when = field;
	struct calendar_error error;
	struct calendar *c;
	struct buf b = { 0 };
	int r = -1;

	if (*value == '\0') {
		take_back(when);
		return 0;
	}
	if (!parse_has_room(p, NULL, when->calendars.n) ||
	    parse_expand(p, value, value, &b) == -1)
		goto out;
	c = calendar_parse(buf_str(&b), &error);
	if (c == NULL) {
		/* Where a specifier stood, columns are those of no text. */
		parse_error(p, strcmp(buf_str(&b), value) == 0 ? value + error.at : NULL,
		    "supctl calendar shows what an expression means", "%s=%s: %s", d->key,
		    buf_str(&b), error.why);
		goto out;
	}
	calendar_free(c);
	strv_add(&when->calendars, buf_str(&b));
	r = 0;
out:
	buf_free(&b);
	return r;
}

void
show_timer_calendar(const struct directive *d, const void *field, struct buf *b)
{
	const struct timer_when *when = field;

	(void)d;
	for (size_t i = 0; i < when->calendars.n; i++)
		buf_addf(b, "%s%s", i > 0 ? " ; " : "", when->calendars.v[i]);
}

int
set_timer_span(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct timer_when *when = field;
	struct timer_span span = { .base = base_of(d) };
	struct buf b = { 0 };
	int r = -1;

	if (*value == '\0') {
		take_back(when);
		return 0;
	}
	if (!parse_has_room(p, NULL, when->n_spans) ||
	    parse_expand(p, value, value, &b) == -1)
		goto out;
	if (span_parse(buf_str(&b), 1000000, &span.us) == -1) {
		(void)kinds_refuse(p, d, NULL, buf_str(&b));
		goto out;
	}
	when->spans =
	    xreallocarray(when->spans, when->n_spans + 1, sizeof(when->spans[0]));
	when->spans[when->n_spans++] = span;
	r = 0;
out:
	buf_free(&b);
	return r;
}

void
show_timer_span(const struct directive *d, const void *field, struct buf *b)
{
	const struct timer_when *when = field;
	enum timer_base base = base_of(d);
	const char *between = "";

	for (size_t i = 0; i < when->n_spans; i++) {
		if (when->spans[i].base != base)
			continue;
		buf_adds(b, between);
		span_format(b, when->spans[i].us);
		between = " ; ";
	}
}

static const char *const overlap_words[] = {
	[OVERLAP_DEFAULT] = "systemd",
	[OVERLAP_SKIP] = "skip",
	[OVERLAP_QUEUE] = "queue",
	[OVERLAP_REPLACE] = "replace",
	[OVERLAP_ALLOW] = "allow",
};

int
set_timer_overlap(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct timer_policy *policy = field;
	uint64_t n = 0;

	if (strncmp(value, "allow:", 6) == 0) {
		if (number_parse(value + 6, TIMER_ALLOW_MAX, &n) == -1 || n == 0)
			return kinds_refuse(p, d, value + 6, value);
		*policy = (struct timer_policy){ OVERLAP_ALLOW, (uint32_t)n };
		return 0;
	}
	for (int i = 0; i < OVERLAP_ALLOW; i++) {
		if (strcmp(overlap_words[i], value) != 0)
			continue;
		*policy = (struct timer_policy){ .overlap = (enum timer_overlap)i };
		return 0;
	}
	return kinds_refuse(p, d, NULL, value);
}

void
show_timer_overlap(const struct directive *d, const void *field, struct buf *b)
{
	const struct timer_policy *policy = field;

	(void)d;
	buf_adds(b, overlap_words[policy->overlap]);
	if (policy->overlap == OVERLAP_ALLOW)
		buf_addf(b, ":%u", policy->allow);
}
