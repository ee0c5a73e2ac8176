/*
 * kinds_rule: what [Rule NAME], [Budget] and [Instances] say: patterns, places in JSON,
 * limits.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "lib/regexp.h"
#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/load.h"
#include "unit/parse.h"
#include "unit/span.h"

const char *const rule_source_words[] = { "screen", "stdout", "stderr", "exit", "file",
	NULL };
const char *const rule_action_words[] = { "none", "notify", "send", "key", "hold",
	"hold-pool", "restart", "stop", "fatal", "retry", NULL };
const char *const budget_action_words[] = { "hold", "stop", "notify", NULL };
const char *const on_remove_words[] = { "leave", "stop", "drain", NULL };

const char *
rule_source_name(enum rule_source s)
{
	return s <= RULE_FILE ? rule_source_words[s] : "?";
}

const char *
rule_action_name(enum rule_action a)
{
	return a < RULE_NACTIONS ? rule_action_words[a] : "?";
}

/* ---- paths and pointers ---- */

int
set_abs_path(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	int r = 0;

	if (parse_expand(p, value, value, &b) == -1) {
		r = -1;
	} else if (*value != '\0' && *buf_str(&b) != '/') {
		parse_error(p, NULL, "%Y is the folder of the unit file",
		    "%s= needs an absolute path, not \"%s\"", d->key, buf_str(&b));
		r = -1;
	}
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

/* RFC 6901: nothing, or members with a slash before each; ~0 and ~1 are ~ and /. */
static bool
is_pointer(const char *text)
{
	if (*text != '\0' && *text != '/')
		return false;
	for (; *text != '\0'; text++)
		if (*text == '~' && text[1] != '0' && text[1] != '1')
			return false;
	return true;
}

int
set_pointer(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	int r = 0;

	if (parse_expand(p, value, value, &b) == -1)
		r = -1;
	else if (!is_pointer(buf_str(&b)))
		r = kinds_refuse(p, d, NULL, buf_str(&b));
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

/* Splits PATH#POINTER in place.  -1 after telling. */
static int
split_place(struct parse *p, const struct directive *d, char *text, char **pointer)
{
	char *hash = strchr(text, '#');

	if (text[0] != '/' || hash == NULL || !is_pointer(hash + 1))
		return kinds_refuse(p, d, NULL, text);
	*hash = '\0';
	*pointer = hash + 1;
	return 0;
}

int
set_from_json(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct instances_conf *c = field;
	struct buf b = { 0 };
	char *pointer = NULL;
	int r = 0;

	if (parse_expand(p, value, value, &b) == -1)
		r = -1;
	else if (*value != '\0')
		r = split_place(p, d, b.data, &pointer);
	if (r == 0) {
		free(c->json_file);
		free(c->json_pointer);
		c->json_file = pointer != NULL ? xstrdup(b.data) : NULL;
		c->json_pointer = pointer != NULL ? xstrdup(pointer) : NULL;
	}
	buf_free(&b);
	return r;
}

void
show_from_json(const struct directive *d, const void *field, struct buf *b)
{
	const struct instances_conf *c = field;

	(void)d;
	if (c->json_file != NULL)
		buf_addf(b, "%s#%s", c->json_file, c->json_pointer);
}

/* ---- patterns ---- */

int
pattern_groups(const char *pattern)
{
	regex_t re;
	int n;

	if (regcomp(&re, pattern, REG_EXTENDED) != 0)
		return 0;
	n = (int)re.re_nsub;
	regfree(&re);
	return n;
}

int
set_pattern(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	const char *why = NULL;
	int r = parse_expand(p, value, value, &b);

	if (r == 0 && *value != '\0')
		why = regexp_refused(buf_str(&b), false);
	if (why != NULL) {
		parse_error(p, NULL, NULL, "%s= refuses the expression: %s", d->key, why);
		r = -1;
	}
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

int
until_groups(const char *until)
{
	int highest = -1;

	for (; *until != '\0'; until++) {
		if (*until != '\\')
			continue;
		until++;
		if (*until >= '0' && *until <= '9' && *until - '0' > highest)
			highest = *until - '0';
	}
	return highest;
}

int
set_until(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	int r = parse_expand(p, value, value, &b);

	for (const char *c = buf_str(&b); r == 0 && *c != '\0'; c++) {
		if (*c != '\\')
			continue;
		c++;
		if (*c != '\\' && (*c < '0' || *c > '9')) {
			parse_error(p, NULL, "write \\\\ for a backslash",
			    "a backslash in %s= stands before a number from 0 to 9",
			    d->key);
			r = -1;
			break;
		}
	}
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
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

/* Digits, at most 6 of them behind a point: money is not counted in floating point. */
int
set_quota_cost(struct parse *p, const struct directive *d, void *field, const char *value)
{
	const char *point = strchr(value, '.');
	char *whole =
	    xstrndup(value, point != NULL ? (size_t)(point - value) : strlen(value));
	uint64_t n = 0;
	uint64_t millionths = 0;
	int r = 0;

	if (is_infinity(value)) {
		n = UNIT_INFINITY;
	} else {
		size_t digits = point != NULL ? strspn(point + 1, "0123456789") : 0;

		if (whole[strspn(whole, "0123456789")] != '\0' ||
		    number_parse(whole, UNIT_INFINITY / 2000000, &n) == -1 ||
		    (point != NULL &&
			(digits == 0 || digits > 6 || point[1 + digits] != '\0')))
			r = kinds_refuse(p, d, NULL, value);
		for (size_t i = 1; r == 0 && i <= 6; i++)
			millionths = millionths * 10 +
				     (i <= digits ? (uint64_t)(point[i] - '0') : 0);
		n = n * 1000000 + millionths;
	}
	free(whole);
	if (r == 0)
		*(uint64_t *)field = n;
	return r;
}

void
show_quota_cost(const struct directive *d, const void *field, struct buf *b)
{
	uint64_t n = *(const uint64_t *)field;

	(void)d;
	if (n == UNIT_INFINITY) {
		buf_adds(b, "infinity");
		return;
	}
	buf_addf(b, "%llu", (unsigned long long)(n / 1000000));
	if (n % 1000000 != 0) {
		buf_addf(b, ".%06u", (unsigned)(n % 1000000));
		while (b->data[b->len - 1] == '0')
			buf_truncate(b, b->len - 1);
	}
}

/* ---- where they are read ---- */

static void
clear_source(struct budget_conf *c)
{
	free(c->source_arg);
	free(c->tokens_pointer);
	free(c->cost_pointer);
	c->source = BUDGET_FROM_NOTIFY;
	c->source_arg = c->tokens_pointer = c->cost_pointer = NULL;
}

/* PATH#/tokens,/cost: either may be left out. */
static int
read_file_source(
    struct parse *p, const struct directive *d, char *text, struct budget_conf *c)
{
	char *tokens, *cost;

	if (split_place(p, d, text, &tokens) == -1)
		return -1;
	cost = strchr(tokens, ',');
	if (cost != NULL)
		*cost++ = '\0';
	if (!is_pointer(tokens) || (cost != NULL && !is_pointer(cost)))
		return kinds_refuse(p, d, NULL, cost != NULL ? cost : tokens);
	c->source = BUDGET_FROM_FILE;
	c->source_arg = xstrdup(text);
	c->tokens_pointer = *tokens != '\0' ? xstrdup(tokens) : NULL;
	c->cost_pointer = cost != NULL && *cost != '\0' ? xstrdup(cost) : NULL;
	return 0;
}

int
set_budget_source(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct budget_conf *c = field;
	struct budget_conf made = *c;
	struct buf b = { 0 };
	int r = parse_expand(p, value, value, &b);

	made.source_arg = made.tokens_pointer = made.cost_pointer = NULL;
	made.source = BUDGET_FROM_NOTIFY;
	if (r == 0 && strncmp(buf_str(&b), "file:", 5) == 0) {
		r = read_file_source(p, d, b.data + 5, &made);
	} else if (r == 0 && strncmp(buf_str(&b), "rule:", 5) == 0 &&
		   session_name_is_valid(b.data + 5)) {
		made.source = BUDGET_FROM_RULE;
		made.source_arg = xstrdup(b.data + 5);
	} else if (r == 0 && *value != '\0' && strcmp(buf_str(&b), "notify") != 0) {
		r = kinds_refuse(p, d, NULL, buf_str(&b));
	}
	buf_free(&b);
	if (r == 0) {
		clear_source(c);
		*c = made;
	}
	return r;
}

void
show_budget_source(const struct directive *d, const void *field, struct buf *b)
{
	const struct budget_conf *c = field;

	(void)d;
	switch (c->source) {
	case BUDGET_FROM_NOTIFY:
		buf_adds(b, "notify");
		break;
	case BUDGET_FROM_FILE:
		buf_addf(b, "file:%s#%s", c->source_arg,
		    c->tokens_pointer != NULL ? c->tokens_pointer : "");
		if (c->cost_pointer != NULL)
			buf_addf(b, ",%s", c->cost_pointer);
		break;
	case BUDGET_FROM_RULE:
		buf_addf(b, "rule:%s", c->source_arg);
		break;
	}
}
