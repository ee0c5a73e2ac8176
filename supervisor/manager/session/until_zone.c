/*
 * until_zone: see the header.
 *
 * Letters that stand for a zone are taken only where they stand for one: CST and IST are
 * left to those who know where they are, and refused.
 */
#include "manager/session/until_zone.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "lib/zone.h"

static const struct abbreviation {
	const char *letters;
	int16_t minutes;
	const char *name; /* instead of the minutes: it has a summer time */
} abbreviations[] = {
	{ .letters = "UTC" },
	{ .letters = "GMT" },
	{ .letters = "Z" },
	{ .letters = "EST", .minutes = -5 * 60 },
	{ .letters = "EDT", .minutes = -4 * 60 },
	{ .letters = "CDT", .minutes = -5 * 60 },
	{ .letters = "MST", .minutes = -7 * 60 },
	{ .letters = "MDT", .minutes = -6 * 60 },
	{ .letters = "PST", .minutes = -8 * 60 },
	{ .letters = "PDT", .minutes = -7 * 60 },
	{ .letters = "ET", .name = "America/New_York" },
	{ .letters = "CT", .name = "America/Chicago" },
	{ .letters = "MT", .name = "America/Denver" },
	{ .letters = "PT", .name = "America/Los_Angeles" },
	{ .letters = "WET" },
	{ .letters = "WEST", .minutes = 60 },
	{ .letters = "CET", .minutes = 60 },
	{ .letters = "CEST", .minutes = 2 * 60 },
	{ .letters = "EET", .minutes = 2 * 60 },
	{ .letters = "EEST", .minutes = 3 * 60 },
	{ .letters = "JST", .minutes = 9 * 60 },
	{ .letters = "KST", .minutes = 9 * 60 },
	{ .letters = "AEST", .minutes = 10 * 60 },
	{ .letters = "AEDT", .minutes = 11 * 60 },
	{ .letters = "NZST", .minutes = 12 * 60 },
	{ .letters = "NZDT", .minutes = 13 * 60 },
};

static const char name_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789+-_/";

/* "+02:00", "-0530", "+2", "+02". */
static bool
read_offset(const struct tokens *t, size_t *i, int32_t *offset_s)
{
	const struct token *k = &t->v[*i];
	uint64_t hour, minute = 0;
	size_t used = 2;

	if ((!token_is_sign(k, '+') && !token_is_sign(k, '-')) ||
	    k[1].kind != TOKEN_NUMBER || !k[1].glued)
		return false;
	hour = k[1].value;
	if (k[1].n == 4) {
		minute = hour % 100;
		hour /= 100;
	} else if (k[1].n > 2) {
		return false;
	} else if (token_is_sign(&k[2], ':') && k[2].glued && k[3].kind == TOKEN_NUMBER &&
		   k[3].n == 2) {
		minute = k[3].value;
		used = 4;
	}
	if (hour > 14 || minute > 59)
		return false;
	*offset_s = (int32_t)(hour * 3600 + minute * 60);
	if (*k->s == '-')
		*offset_s = -*offset_s;
	*i += used;
	return true;
}

static const struct abbreviation *
find_abbreviation(const struct token *k)
{
	for (size_t i = 0; i < sizeof(abbreviations) / sizeof(abbreviations[0]); i++)
		if (token_is(k, abbreviations[i].letters))
			return &abbreviations[i];
	return NULL;
}

/* Letters, and what UTC and GMT may have behind them. */
static enum zone_found
read_abbreviation(const struct tokens *t, size_t *i, struct zone **zone)
{
	const struct abbreviation *a = find_abbreviation(&t->v[*i]);
	int32_t offset_s;

	if (a == NULL)
		return ZONE_NONE;
	if (a->name != NULL) {
		struct zone *z = zone_load(a->name);

		if (z == NULL)
			return ZONE_UNKNOWN;
		(*i)++;
		*zone = z;
		return ZONE_FOUND;
	}
	offset_s = a->minutes * 60;
	(*i)++;
	if (t->v[*i].glued && (a == &abbreviations[0] || a == &abbreviations[1]))
		(void)read_offset(t, i, &offset_s);
	*zone = zone_fixed(offset_s);
	return ZONE_FOUND;
}

/* "Europe/Berlin": the letters from the place of a token on that a name may have. */
static enum zone_found
read_name(const struct tokens *t, size_t *i, struct zone **zone)
{
	const char *s = t->v[*i].s;
	size_t n = strspn(s, name_chars);
	struct zone *z;
	char *name;

	while (n > 0 && strchr("+-_/", s[n - 1]) != NULL)
		n--;
	name = xstrndup(s, n);
	z = zone_load(name);
	free(name);
	if (z == NULL)
		return ZONE_UNKNOWN;
	*i = tokens_behind(t, *i, s + n);
	*zone = z;
	return ZONE_FOUND;
}

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

/* "Area/City", or three to five capitals that stand alone. */
static bool
looks_like_zone(const struct token *k)
{
	if (k->kind != TOKEN_WORD || !is_upper(k->s[0]))
		return false;
	if (token_is_sign(&k[1], '/') && k[1].glued && k[2].kind == TOKEN_WORD &&
	    k[2].glued && is_upper(k[2].s[0]))
		return true;
	if (k->n < 3 || k->n > 5)
		return false;
	for (size_t i = 0; i < k->n; i++)
		if (!is_upper(k->s[i]))
			return false;
	return true;
}

/* In parentheses any name with a capital is meant as one. */
static enum zone_found
read_bare(const struct tokens *t, size_t *i, struct zone **zone, bool in_parentheses)
{
	const struct token *k = &t->v[*i];
	enum zone_found found;
	int32_t offset_s;

	if (read_offset(t, i, &offset_s)) {
		*zone = zone_fixed(offset_s);
		return ZONE_FOUND;
	}
	if (k->kind != TOKEN_WORD)
		return ZONE_NONE;
	if (token_is(k, "local") || (token_is(k, "your") && token_is(&k[1], "time"))) {
		*i += 1 + token_is(&k[1], "time");
		*zone = NULL;
		return ZONE_FOUND;
	}
	found = read_abbreviation(t, i, zone);
	if (found != ZONE_NONE)
		return found;
	return in_parentheses || looks_like_zone(k) ? read_name(t, i, zone) : ZONE_NONE;
}

enum zone_found
until_zone(const struct tokens *t, size_t *i, struct zone **zone)
{
	const char *s;
	struct zone *z = NULL;
	size_t at = *i + 1;
	enum zone_found found;

	if (!token_is_sign(&t->v[*i], '('))
		return read_bare(t, i, zone, false);
	/* In parentheses a zone stands alone; "(in 2 hours)" is none. */
	s = t->v[at].s;
	if (token_weekday(&t->v[at]) != -1)
		return ZONE_NONE;
	found = read_bare(t, &at, &z, is_upper(*s) && s[strspn(s, name_chars)] == ')');
	if (found == ZONE_FOUND && !token_is_sign(&t->v[at], ')')) {
		zone_free(z);
		return ZONE_UNKNOWN;
	}
	if (found == ZONE_FOUND) {
		*zone = z;
		*i = at + 1;
	}
	return found;
}
