/*
 * kinds_condition: Condition*= and Assert*= into the list of a unit.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/condition.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/quote.h"

static void
clear_conditions(struct unit_rules *rules, bool asserts)
{
	size_t kept = 0;

	for (size_t i = 0; i < rules->n_conditions; i++) {
		struct unit_condition *c = &rules->conditions[i];

		if (c->is_assert == asserts) {
			free(c->name);
			free(c->arg);
			free(c->file);
		} else {
			rules->conditions[kept++] = *c;
		}
	}
	rules->n_conditions = kept;
	if (kept == 0) {
		free(rules->conditions);
		rules->conditions = NULL;
	}
}

static bool
is_assert(const struct directive *d)
{
	return strncmp(d->key, "Assert", 6) == 0;
}

static const char *
name_of(const struct directive *d)
{
	return d->key + (is_assert(d) ? 6 : 9);
}

void
condition_simplify(struct buf *b)
{
	size_t to = 0;

	for (size_t i = 0; i < b->len; i++) {
		char c = b->data[i];

		if (c == '/' && (i + 1 == b->len || b->data[i + 1] == '/') &&
		    (to > 0 || i + 1 < b->len))
			continue;
		if (c == '/' && b->data[i + 1] == '.' &&
		    (b->data[i + 2] == '/' || b->data[i + 2] == '\0')) {
			i++;
			continue;
		}
		b->data[to++] = c;
	}
	if (to == 0)
		b->data[to++] = '/';
	buf_truncate(b, to);
}

/* -1 after telling an error; a warning where it can be kept, and will never hold. */
static int
check(struct parse *p, const struct directive *d, const char *at, const struct buf *arg)
{
	struct buf why = { 0 };
	int r = condition_check(name_of(d), buf_str(arg), &why);

	if (r == -1)
		parse_error(
		    p, at, NULL, "%s=%s: %s", d->key, buf_str(arg), buf_str(&why));
	else if (r == 1)
		parse_warn(p, at, "it is taken as one that does not hold", "%s=%s: %s",
		    d->key, buf_str(arg), buf_str(&why));
	buf_free(&why);
	return r == -1 ? -1 : 0;
}

int
set_condition(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct unit_rules *rules = &p->parts->rules;
	struct unit_condition c = { .is_assert = is_assert(d) };
	struct buf b = { 0 };
	uint32_t col;

	(void)field;
	if (*value == '\0') {
		clear_conditions(rules, c.is_assert);
		return 0;
	}
	if (*value == '|') {
		c.trigger = true;
		value += 1 + strspn(value + 1, " \t");
	}
	if (*value == '!') {
		c.negate = true;
		value += 1 + strspn(value + 1, " \t");
	}
	if (parse_expand(p, value, value, &b) == -1 || check(p, d, value, &b) == -1 ||
	    !parse_has_room(p, NULL, rules->n_conditions)) {
		buf_free(&b);
		return -1;
	}
	if (condition_wants_path(name_of(d)))
		condition_simplify(&b);
	c.name = xstrdup(name_of(d));
	c.arg = buf_take(&b);
	c.file = xstrdup(p->file);
	lex_where(p->lex, value, &c.line, &col);
	rules->conditions = xreallocarray(
	    rules->conditions, rules->n_conditions + 1, sizeof(*rules->conditions));
	rules->conditions[rules->n_conditions++] = c;
	return 0;
}

void
show_condition(const struct directive *d, const void *field, struct buf *b)
{
	/* The field is the array; its length stands right behind it in the conf. */
	const struct unit_rules *rules =
	    (const void *)((const char *)field - offsetof(struct unit_rules, conditions));
	size_t start = b->len;

	for (size_t i = 0; i < rules->n_conditions; i++) {
		const struct unit_condition *c = &rules->conditions[i];
		char *word;

		if (c->is_assert != is_assert(d) || strcmp(c->name, name_of(d)) != 0)
			continue;
		word = xasprintf(
		    "%s%s%s", c->trigger ? "|" : "", c->negate ? "!" : "", c->arg);
		quote_append_next(b, start, word);
		free(word);
	}
}
