/*
 * kinds_budget: what [Budget] says: limits, the time that they are for, and where use is
 * read.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/load.h"
#include "unit/parse.h"
#include "unit/span.h"

const char *const budget_action_words[] = { "hold", "stop", "notify", NULL };

static const char *const calendar_words[] = {
	[BUDGET_SPAN] = "",
	[BUDGET_HOUR] = "hour",
	[BUDGET_DAY] = "day",
	[BUDGET_WEEK] = "week",
	[BUDGET_MONTH] = "month",
};
enum { NCALENDARS = sizeof(calendar_words) / sizeof(calendar_words[0]) };

enum { CAPTURE_MAX = 9 };

const char *
budget_action_name(enum budget_action a)
{
	return a <= BUDGET_NOTIFY ? budget_action_words[a] : "?";
}

/* ---- limits ---- */

static bool
is_infinity(const char *value)
{
	return strcmp(value, "infinity") == 0;
}

int
set_quota(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t n = UNIT_INFINITY;

	if (!is_infinity(value) && number_parse(value, UNIT_INFINITY - 1, &n) == -1)
		return kinds_refuse(p, d, NULL, value);
	*(uint64_t *)field = n;
	return 0;
}

void
show_quota(const struct directive *d, const void *field, struct buf *b)
{
	uint64_t n = *(const uint64_t *)field;

	(void)d;
	if (n == UNIT_INFINITY)
		buf_adds(b, "infinity");
	else
		buf_addf(b, "%llu", (unsigned long long)n);
}

int
set_quota_bytes(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t n;

	if (size_parse(value, &n) == -1)
		return kinds_refuse(p, d, NULL, value);
	*(uint64_t *)field = n;
	return 0;
}

void
show_quota_bytes(const struct directive *d, const void *field, struct buf *b)
{
	uint64_t n = *(const uint64_t *)field;

	(void)d;
	if (n == UNIT_INFINITY)
		buf_adds(b, "infinity");
	else
		size_format(b, n);
}

/* Money is not counted in floating point. */
int
set_quota_cost(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t n = UNIT_INFINITY;
	bool exact = true;

	if (!is_infinity(value) &&
	    (decimal_parse(value, strlen(value), &n, &exact) == -1 || !exact ||
		n == UNIT_INFINITY))
		return kinds_refuse(p, d, NULL, value);
	*(uint64_t *)field = n;
	return 0;
}

void
show_quota_cost(const struct directive *d, const void *field, struct buf *b)
{
	uint64_t n = *(const uint64_t *)field;
	char text[DECIMAL_TEXT_MAX];

	(void)d;
	if (n == UNIT_INFINITY)
		buf_adds(b, "infinity");
	else
		buf_adds(b, decimal_format(text, sizeof(text), n));
}

/* ---- the time that they are for ---- */

int
set_budget_period(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct budget_period *period = field;
	uint64_t us;

	for (int i = BUDGET_HOUR; i < NCALENDARS; i++) {
		if (strcmp(value, calendar_words[i]) != 0)
			continue;
		*period = (struct budget_period){ .calendar = (enum budget_calendar)i };
		return 0;
	}
	if (span_parse(value, 1000000, &us) == -1 || us == 0)
		return kinds_refuse(p, d, NULL, value);
	/* What no clock will show is for ever. */
	if (us > INT64_MAX)
		us = UNIT_INFINITY;
	*period = (struct budget_period){ .calendar = BUDGET_SPAN, .us = us };
	return 0;
}

void
budget_period_show(const struct budget_period *period, struct buf *b)
{
	if (period->calendar == BUDGET_SPAN)
		span_format(b, period->us);
	else
		buf_adds(b, calendar_words[period->calendar]);
}

void
show_budget_period(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	budget_period_show(field, b);
}

/* ---- where they are read ---- */

static void
source_clear(struct budget_source *s)
{
	free(s->arg);
	for (int i = 0; i < BUDGET_NCOUNTED; i++)
		free(s->pointer[i]);
}

/* What is counted is kept by this name. */
static bool
name_fits(const char *path, const char *pointer)
{
	return pointer == NULL ||
	       strlen("file:#") + strlen(path) + strlen(pointer) <= BUDGET_NAME_MAX;
}

/* PATH#/tokens,/cost: either may be left out. */
static int
read_file(struct parse *p, const struct directive *d, const char *whole, char *text,
    struct budget_source *s)
{
	char *hash = strchr(text, '#'), *tokens, *cost;

	if (text[0] != '/' || hash == NULL)
		return kinds_refuse(p, d, NULL, whole);
	*hash = '\0';
	tokens = hash + 1;
	cost = strchr(tokens, ',');
	if (cost != NULL)
		*cost++ = '\0';
	if (!kinds_is_pointer(tokens) || (cost != NULL && !kinds_is_pointer(cost)) ||
	    (*tokens == '\0' && (cost == NULL || *cost == '\0')))
		return kinds_refuse(p, d, NULL, whole);
	if (!name_fits(text, tokens) || !name_fits(text, cost)) {
		parse_error(p, NULL, "use a shorter path",
		    "the file and a pointer of %s= are longer than %d bytes together",
		    d->key, BUDGET_NAME_MAX);
		return -1;
	}
	s->kind = BUDGET_FROM_FILE;
	s->arg = xstrdup(text);
	if (*tokens != '\0')
		s->pointer[BUDGET_COUNTED_TOKENS] = xstrdup(tokens);
	if (cost != NULL && *cost != '\0')
		s->pointer[BUDGET_COUNTED_COST] = xstrdup(cost);
	return 0;
}

/* A digit from 1 to 9, or nothing.  *at is behind it. */
static uint8_t
read_capture(const char **at)
{
	char c = **at;

	if (c < '1' || c > '0' + CAPTURE_MAX)
		return 0;
	(*at)++;
	return (uint8_t)(c - '0');
}

/* NAME, or NAME#1,2: the groups with the tokens and with the cost. */
static int
read_rule(struct parse *p, const struct directive *d, const char *whole, char *text,
    struct budget_source *s)
{
	char *hash = strchr(text, '#');
	const char *at = hash != NULL ? hash + 1 : "";

	if (hash != NULL) {
		*hash = '\0';
		s->capture[BUDGET_COUNTED_TOKENS] = read_capture(&at);
		if (*at == ',') {
			at++;
			s->capture[BUDGET_COUNTED_COST] = read_capture(&at);
		}
		if (*at != '\0' || (s->capture[0] == 0 && s->capture[1] == 0))
			return kinds_refuse(p, d, NULL, whole);
	}
	if (!session_name_is_valid(text))
		return kinds_refuse(p, d, NULL, whole);
	s->kind = BUDGET_FROM_RULE;
	s->arg = xstrdup(text);
	return 0;
}

static int
read_source(
    struct parse *p, const struct directive *d, char *text, struct budget_source *s)
{
	char *whole = xstrdup(text);
	int r = 0;

	if (strncmp(text, "file:", 5) == 0)
		r = read_file(p, d, whole, text + 5, s);
	else if (strncmp(text, "rule:", 5) == 0)
		r = read_rule(p, d, whole, text + 5, s);
	else if (strcmp(text, "notify") != 0)
		r = kinds_refuse(p, d, NULL, whole);
	free(whole);
	return r;
}

/* An empty value takes back those before it. */
int
set_budget_sources(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct budget_conf *c = field;
	struct budget_source s = { 0 };
	struct buf b = { 0 };
	int r;

	if (*value == '\0') {
		for (size_t i = 0; i < c->n_sources; i++)
			source_clear(&c->sources[i]);
		free(c->sources);
		c->sources = NULL;
		c->n_sources = 0;
		return 0;
	}
	if (c->n_sources == BUDGET_SOURCES_MAX) {
		parse_error(p, NULL, NULL, "more than %d %s= of one unit",
		    BUDGET_SOURCES_MAX, d->key);
		return -1;
	}
	r = parse_expand(p, value, value, &b);
	if (r == 0)
		r = read_source(p, d, b.data, &s);
	buf_free(&b);
	if (r == -1) {
		source_clear(&s);
		return -1;
	}
	c->sources = xreallocarray(c->sources, c->n_sources + 1, sizeof(c->sources[0]));
	c->sources[c->n_sources++] = s;
	return 0;
}

void
budget_source_show(const struct budget_source *s, struct buf *b)
{
	const char *tokens = s->pointer[BUDGET_COUNTED_TOKENS];
	const char *cost = s->pointer[BUDGET_COUNTED_COST];

	switch (s->kind) {
	case BUDGET_FROM_NOTIFY:
		buf_adds(b, "notify");
		break;
	case BUDGET_FROM_FILE:
		buf_addf(b, "file:%s#%s", s->arg, tokens != NULL ? tokens : "");
		if (cost != NULL)
			buf_addf(b, ",%s", cost);
		break;
	case BUDGET_FROM_RULE:
		buf_addf(b, "rule:%s", s->arg);
		if (s->capture[0] != 0 || s->capture[1] != 0)
			buf_addc(b, '#');
		if (s->capture[0] != 0)
			buf_addf(b, "%d", s->capture[0]);
		if (s->capture[1] != 0)
			buf_addf(b, ",%d", s->capture[1]);
		break;
	}
}

void
show_budget_sources(const struct directive *d, const void *field, struct buf *b)
{
	const struct budget_conf *c = field;

	(void)d;
	for (size_t i = 0; i < c->n_sources; i++) {
		if (i > 0)
			buf_addc(b, ' ');
		budget_source_show(&c->sources[i], b);
	}
}
