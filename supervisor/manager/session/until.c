/*
 * until: see the header.
 *
 * Programs write sentences, so the time is looked for: first behind the words that
 * announce one, then from the left.  A bare number or a duration counts only where it can
 * be meant, at the start or behind a word like "in", for "5 hour limit" is none.
 */
#include "manager/session/until.h"

#include <assert.h>
#include <string.h>

#include "lib/buf.h"
#include "manager/session/until_lex.h"
#include "manager/session/until_moment.h"

struct reader {
	struct tokens t;
	uint64_t wall_now_us;
	const struct zone *zone;
	const char *why; /* the first thing that looked like a time and was refused */
};

enum found {
	FOUND_NOTHING, /* look further */
	FOUND_REFUSED,
	FOUND_TIME,
};

/* What stands before a token, as far as it matters for how that is read. */
struct lead {
	bool announced; /* by a word like "resets" */
	bool duration;  /* "in", "after", "wait": what follows is one */
	bool retry_after;
};

static enum found
refuse(struct reader *r, const char *why)
{
	if (r->why == NULL)
		r->why = why;
	return FOUND_REFUSED;
}

static enum found
take(struct reader *r, uint64_t wall_us, bool relative, struct until_time *out)
{
	if (wall_us <= r->wall_now_us)
		return refuse(r, "that time is over");
	if (wall_us - r->wall_now_us > UNTIL_AHEAD_MAX_US)
		return refuse(r, "more than 35 days ahead");
	*out = (struct until_time){ .wall_us = wall_us, .relative = relative };
	return FOUND_TIME;
}

/* ---- durations ---- */

static uint64_t
unit_of(const struct token *k)
{
	static const struct {
		const char *words[7];
		uint64_t us;
	} units[] = {
		{ { "ms", "msec", "msecs", "millisecond", "milliseconds", NULL },
		    USEC_PER_MSEC },
		{ { "s", "sec", "secs", "second", "seconds", NULL }, USEC_PER_SEC },
		{ { "m", "min", "mins", "minute", "minutes", NULL }, USEC_PER_MINUTE },
		{ { "h", "hr", "hrs", "hour", "hours", NULL }, USEC_PER_HOUR },
		{ { "d", "day", "days", NULL }, USEC_PER_DAY },
		{ { "w", "wk", "week", "weeks", NULL }, 7 * USEC_PER_DAY },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (token_find(k, units[i].words) != -1)
			return units[i].us;
	return 0;
}

/* "5m", "63.5 s", "an hour": adds it; false when there is none at *i. */
static bool
read_part(const struct tokens *t, size_t *i, uint64_t *sum_us, uint64_t *unit_us)
{
	const struct token *k = &t->v[*i];
	uint64_t count = 1, millionths = 0, unit, part;
	size_t at = *i + 1;

	if (k->kind == TOKEN_NUMBER) {
		count = k->value;
		millionths = tokens_fraction(t, &at);
	} else if (!token_is(k, "an") && !token_is(k, "a") && !token_is(k, "one")) {
		return false;
	}
	unit = unit_of(&t->v[at]);
	if (unit == 0)
		return false;
	if (__builtin_mul_overflow(count, unit, &part))
		part = USEC_INFINITY;
	part = clock_add_us(part, millionths * (unit / 1000) / 1000);
	*sum_us = clock_add_us(*sum_us, part);
	*unit_us = unit;
	*i = at + 1;
	return true;
}

/* "5 hour limit" is none; "5 hours", "5 hours left", "5h." may be. */
static bool
ends_duration(const struct token *k)
{
	static const char *const words[] = { "left", "remaining", "from", "later", NULL };

	return k->kind == TOKEN_END || k->kind == TOKEN_SIGN ||
	       token_find(k, words) != -1;
}

static enum found
read_duration(struct reader *r, size_t i, const struct lead *lead, struct until_time *out)
{
	const struct tokens *t = &r->t;
	uint64_t sum = 0, unit = 0;

	if (!read_part(t, &i, &sum, &unit))
		return FOUND_NOTHING;
	do {
		if (token_is_sign(&t->v[i], ','))
			i++;
		if (token_is(&t->v[i], "and"))
			i++;
	} while (read_part(t, &i, &sum, &unit));
	if (!lead->announced && !lead->duration && !ends_duration(&t->v[i]))
		return FOUND_NOTHING;
	return take(r, clock_add_us(r->wall_now_us, sum > 0 ? sum : unit), true, out);
}

/* "1:30:00" */
static enum found
read_colons(struct reader *r, size_t i, struct until_time *out)
{
	const struct token *k = &r->t.v[i];
	uint64_t sum;

	if (k->kind != TOKEN_NUMBER || !token_is_sign(&k[1], ':') || !k[1].glued ||
	    k[2].kind != TOKEN_NUMBER)
		return FOUND_NOTHING;
	if (!token_is_sign(&k[3], ':') || !k[3].glued || k[4].kind != TOKEN_NUMBER)
		return refuse(r, "hours and minutes, or minutes and seconds?");
	if (k->value > 1000 || k[2].value > 59 || k[4].value > 59)
		return refuse(r, "no such duration");
	sum = k->value * USEC_PER_HOUR + k[2].value * USEC_PER_MINUTE +
	      k[4].value * USEC_PER_SEC;
	return take(
	    r, clock_add_us(r->wall_now_us, sum > 0 ? sum : USEC_PER_SEC), true, out);
}

/* ---- numbers ---- */

static enum found
read_number(struct reader *r, size_t i, const struct lead *lead, struct until_time *out)
{
	const struct token *k = &r->t.v[i];
	size_t at = i + 1;
	uint64_t us;

	if (k->kind != TOKEN_NUMBER)
		return FOUND_NOTHING;
	/* As many digits as the present has in each unit: it has them until 2286. */
	switch (k->n) {
	case 10:
		us = k->value * USEC_PER_SEC + tokens_fraction(&r->t, &at);
		return take(r, us, false, out);
	case 13:
		return take(r, k->value * USEC_PER_MSEC, false, out);
	case 16:
		return take(r, k->value, false, out);
	case 19:
		return take(r, k->value / 1000, false, out);
	}
	if (lead->retry_after && k->n <= 7) {
		us = k->value * USEC_PER_SEC + tokens_fraction(&r->t, &at);
		us = clock_add_us(r->wall_now_us, us > 0 ? us : USEC_PER_SEC);
		return take(r, us, true, out);
	}
	/* "429", "15 files": a number is a time only where one is announced. */
	return lead->duration ? refuse(r, "a number without a unit") : FOUND_NOTHING;
}

/* ---- where it may begin ---- */

static bool
is_announcement(const struct token *k)
{
	static const char *const words[] = { "reset", "resets", "resetting", "renews",
		"again", "until", "retry", "wait", "available", "resume", "resumes",
		"back", "retry_after", "resets_at", "reset_at", "retryafter", "resetsat",
		"resetat", NULL };

	return token_find(k, words) != -1;
}

/* Words and signs that lead to a time. */
static bool
is_lead(const struct token *k)
{
	static const char *const words[] = { "at", "in", "on", "by", "after", "before",
		"for", "within", "the", "next", "is", "will", "be", "about", "around",
		"approximately", "approx", "another", "to", "time", NULL };
	static const char signs[] = ":=|(~@\"'-";

	return token_find(k, words) != -1 ||
	       (k->kind == TOKEN_SIGN && strchr(signs, *k->s) != NULL);
}

static void
note_lead(const struct token *k, struct lead *lead)
{
	static const char *const durations[] = { "in", "after", "for", "within", "wait",
		"another", NULL };
	static const char *const retry[] = { "retry_after", "retryafter", NULL };

	if (token_is(k, "at") || token_is(k, "on") || token_is(k, "by"))
		lead->duration = false;
	if (token_find(k, durations) != -1)
		lead->duration = true;
	if (token_find(k, retry) != -1)
		lead->retry_after = true;
}

/* "3pm", "tomorrow", "2026-11-30": what is a time wherever it stands. */
static bool
is_plain(const struct tokens *t, size_t i, const struct moment *m, size_t n)
{
	if (m->days_ahead != -1 || m->has_year || (m->weekday != -1 && m->has_time))
		return true;
	for (size_t k = i; k < i + n; k++)
		if (token_is(&t->v[k], "am") || token_is(&t->v[k], "pm") ||
		    token_is(&t->v[k], "m"))
			return true;
	return false;
}

static enum found
read_moment(struct reader *r, size_t i, bool announced, struct until_time *out)
{
	enum found found = FOUND_NOTHING;
	const char *why = NULL;
	uint64_t wall_us = 0;
	struct moment m;
	size_t n = moment_read(&r->t, i, &m);

	if (n > 0 && (announced || is_plain(&r->t, i, &m, n))) {
		if (moment_next(&m, r->zone, r->wall_now_us, &wall_us, &why) == 0)
			found = take(r, wall_us, false, out);
		else
			found = refuse(r, why);
	}
	moment_clear(&m);
	return found;
}

/* At token i, which is announced or stands anywhere. */
static enum found
read_at(struct reader *r, size_t i, bool announced, const struct lead *lead,
    struct until_time *out)
{
	enum found found = FOUND_NOTHING;

	if (announced) {
		found = read_duration(r, i, lead, out);
		if (found == FOUND_NOTHING && lead->duration)
			found = read_colons(r, i, out);
	}
	if (found == FOUND_NOTHING)
		found = read_moment(r, i, announced, out);
	if (found == FOUND_NOTHING && announced)
		found = read_number(r, i, lead, out);
	return found;
}

/* Behind the words that announce a time. */
static enum found
read_announced(struct reader *r, struct until_time *out)
{
	for (size_t i = 0; i < r->t.n; i++) {
		struct lead lead = { .announced = true };
		enum found found;
		size_t at = i + 1;

		if (!is_announcement(&r->t.v[i]))
			continue;
		note_lead(&r->t.v[i], &lead);
		if (token_is(&r->t.v[i], "retry")) {
			at += token_is_sign(&r->t.v[at], '-');
			lead.retry_after = token_is(&r->t.v[at], "after");
		}
		while (is_lead(&r->t.v[at]))
			note_lead(&r->t.v[at++], &lead);
		found = read_at(r, at, true, &lead, out);
		if (found != FOUND_NOTHING)
			return found;
	}
	return FOUND_NOTHING;
}

static enum found
read_anywhere(struct reader *r, struct until_time *out)
{
	bool announced = true; /* the start is */
	struct lead lead = { 0 };

	for (size_t i = 0; i < r->t.n; i++) {
		enum found found = FOUND_NOTHING;
		bool leads = is_lead(&r->t.v[i]);

		/* The digits behind a sign within a word are part of that word. */
		if (!leads)
			found = read_at(r, i, announced, &lead, out);
		if (found != FOUND_NOTHING)
			return found;
		if (leads) {
			note_lead(&r->t.v[i], &lead);
			announced = announced || !r->t.v[i].glued ||
				    !r->t.v[i + 1].glued ||
				    token_is_sign(&r->t.v[i], '=') ||
				    token_is_sign(&r->t.v[i], '|');
		} else {
			lead = (struct lead){ 0 };
			announced = false;
		}
	}
	return FOUND_NOTHING;
}

int
until_parse(const char *text, uint64_t wall_now_us, const struct zone *zone,
    struct until_time *out, const char **why)
{
	struct reader r = { .wall_now_us = wall_now_us, .zone = zone };
	enum found found;

	if (until_lex(text, &r.t) == -1) {
		*why = "too long for a time";
		return -1;
	}
	found = read_announced(&r, out);
	if (found == FOUND_NOTHING)
		found = read_anywhere(&r, out);
	if (found == FOUND_TIME)
		return 0;
	*why = r.why != NULL ? r.why : "no time in it";
	return -1;
}

void
until_expand(struct buf *out, const char *template, const char *subject,
    const regmatch_t *m, size_t n)
{
	for (const char *s = template; *s != '\0'; s++) {
		size_t group;

		if (s[0] != '\\' || s[1] == '\0') {
			buf_addc(out, *s);
			continue;
		}
		s++;
		if (*s < '0' || *s > '9') {
			if (*s != '\\')
				buf_addc(out, '\\');
			buf_addc(out, *s);
			continue;
		}
		group = (size_t)(*s - '0');
		if (group < n && m[group].rm_so != -1)
			buf_append(out, subject + m[group].rm_so,
			    (size_t)(m[group].rm_eo - m[group].rm_so));
	}
}
