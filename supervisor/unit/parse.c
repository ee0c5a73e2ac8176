/*
 * parse: keys, and what is said about those that have no effect.  Promise:
 * every line is answered, by its effect or by a diagnostic.
 */
#include "unit/parse.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/name.h"
#include "unit/parse_int.h"
#include "unit/span.h"
#include "unit/supd_conf.h"

static void report(struct parse *p, enum diag_level level, const char *at,
    const char *hint, const char *fmt, va_list ap) __attribute__((format(printf, 5, 0)));

static void
report(struct parse *p, enum diag_level level, const char *at, const char *hint,
    const char *fmt, va_list ap)
{
	uint32_t line = 0;
	uint32_t col = 0;
	char *text = xvasprintf(fmt, ap);

	if (p->lex != NULL)
		lex_where(p->lex, at != NULL ? at : p->value, &line, &col);
	diag_add(p->diags, level, p->file, line, col, hint, "%s", text);
	free(text);
}

void
parse_error(struct parse *p, const char *at, const char *hint, const char *fmt, ...)
{
	va_list ap;

	if (!p->lenient)
		p->n_errors++;
	va_start(ap, fmt);
	report(p, p->lenient ? DIAG_WARNING : DIAG_ERROR, at, hint, fmt, ap);
	va_end(ap);
}

void
parse_warn(struct parse *p, const char *at, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(p, DIAG_WARNING, at, hint, fmt, ap);
	va_end(ap);
}

bool
parse_has_room(struct parse *p, const char *at, size_t n)
{
	if (n < UNIT_LIST_MAX)
		return true;
	parse_error(p, at, NULL, "more than %d values", UNIT_LIST_MAX);
	return false;
}

int
parse_take_room(struct parse *p, const char *at, size_t bytes)
{
	size_t cost = bytes + UNIT_WORD_COST;

	if (p->room == NULL)
		return 0;
	if (cost <= *p->room) {
		*p->room -= cost;
		return 0;
	}
	/* What is left out here is no small thing, whatever the line asks to ignore. */
	p->lenient = false;
	if (*p->room > 0)
		parse_error(p, at, NULL, "its files have too many values");
	*p->room = 0;
	return -1;
}

int
parse_expand(struct parse *p, const char *text, const char *at, struct buf *out)
{
	const char *bad;
	const char *why;

	buf_clear(out);
	if (p->spec == NULL) {
		buf_adds(out, text);
		return 0;
	}
	if (specifier_expand(p->spec, text, out, &bad, &why) == 0)
		return parse_take_room(p, at, out->len);
	/* Only where the text stands in the file unchanged is the place exact. */
	parse_error(p, text == at ? bad : at, "write %% for a percent sign", "%%%c: %s",
	    bad[1], why);
	return -1;
}

static void *
field_of(const struct parse *p, const struct directive *d)
{
	if (p->rule != NULL && d->section == SECTION_RULE)
		return (char *)p->rule + d->offset - offsetof(struct unit_parts, rule);
	if (p->marks != NULL && d->section == SECTION_MARKS)
		return (char *)p->marks + d->offset - offsetof(struct supd_conf, mark);
	if (p->alert != NULL && d->section == SECTION_ALERT)
		return (char *)p->alert + d->offset - offsetof(struct supd_conf, alert);
	return (char *)p->target + d->offset;
}

static void
mark(struct parse *p, const struct directive *d, bool set)
{
	size_t i = directive_index(d);
	uint32_t bit, *own = NULL;

	if (p->rule != NULL && d->section == SECTION_RULE)
		own = &p->rule->set;
	else if (p->marks != NULL && d->section == SECTION_MARKS)
		own = &p->marks->set;
	else if (p->alert != NULL && d->section == SECTION_ALERT)
		own = &p->alert->set;
	if (own != NULL) {
		bit = UINT32_C(1) << directive_place(d);
		*own = set ? *own | bit : *own & ~bit;
		return;
	}
	if (set)
		p->set[i / 64] |= UINT64_C(1) << (i % 64);
	else
		p->set[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* ---- places ---- */

static struct place *
find_place(const struct places *places, const struct directive *d, const char *rule)
{
	for (size_t i = 0; i < places->n; i++)
		if (places->v[i].d == d && places->v[i].rule == rule)
			return &places->v[i];
	return NULL;
}

const struct place *
place_find(
    const struct places *places, const struct directive *d, const struct rule_conf *rule)
{
	return find_place(places, d, rule != NULL ? rule->name : NULL);
}

void
parse_note_place(
    struct parse *p, const struct directive *d, const char *rule, const char *at)
{
	struct places *places = p->places;
	struct place *place;

	if (places == NULL || (d != NULL && !section_is_session(d->section)))
		return;
	place = find_place(places, d, rule);
	if (place == NULL) {
		places->v = xreallocarray(places->v, places->n + 1, sizeof(places->v[0]));
		place = &places->v[places->n++];
	}
	*place = (struct place){ .d = d, .rule = rule, .file = p->file };
	lex_where(p->lex, at, &place->line, &place->col);
}

/* ---- lines ---- */

/* A value that asks for nothing: it can be granted whatever the key is. */
static bool
is_off(const char *value)
{
	static const char *const words[] = { "none", "infinity", "inherit", "default",
		"auto", "normal", "main" };
	bool b;

	if (*value == '\0')
		return true;
	if (bool_parse(value, &b) == 0)
		return !b;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasecmp(value, words[i]) == 0)
			return true;
	return false;
}

/* Dependencies on what is always active need no deed. */
static bool
names_only_targets(const char *value)
{
	struct strv names = { 0 };
	bool only = true;

	strv_split(&names, value, " \t");
	for (size_t i = 0; i < names.n; i++)
		only = only && unit_name_is_builtin(names.v[i]);
	strv_free(&names);
	return only;
}

/* The key as it stands, and behind an old spelling the one that is meant. */
static char *
name_of(const struct directive *written, const struct directive *d)
{
	bool moved = written->section != d->section;

	if (written == d)
		return xasprintf("%s=", d->key);
	if (moved && strcmp(written->key, d->key) == 0)
		return xasprintf("%s= (now in [%s])", d->key, section_name(d->section));
	return xasprintf("%s= (now %s=%s%s%s)", written->key, d->key,
	    moved ? " in [" : "", moved ? section_name(d->section) : "",
	    moved ? "]" : "");
}

/* The word for a value that has no effect, or none. */
static bool
answer(struct parse *p, const struct directive *d, const char *name, const char *value)
{
	const char *key = p->lex->name;
	bool require = p->defaults != NULL && p->defaults->isolation == ISOLATION_REQUIRE;

	if (is_off(value))
		return false;
	switch (d->status) {
	case DIRECTIVE_OK:
	case DIRECTIVE_SILENT:
		return false;
	case DIRECTIVE_LATER:
		if (strcmp(value, d->dflt) == 0 ||
		    (d->kind == &kinds[KIND_UNITS] && names_only_targets(value)))
			return false;
		parse_warn(p, key, NULL, "%s is not acted on yet", name);
		break;
	case DIRECTIVE_IGNORED:
		parse_warn(p, key, NULL, "%s has no effect: %s", name, d->help);
		break;
	case DIRECTIVE_ISOLATES:
		if (require)
			parse_error(p, key,
			    "set Isolation=warn in supd.conf to run it so",
			    "%s cannot be applied: %s", name, d->help);
		else
			parse_warn(p, key, NULL, "%s is not applied: %s", name, d->help);
		break;
	case DIRECTIVE_REFUSED:
		parse_error(p, key, NULL, "%s is refused: %s", name, d->help);
		break;
	}
	return true;
}

/* What is to be said of the key itself: once a line. */
static void
tell(struct parse *p, const struct directive *written, const struct directive *d,
    const char *value)
{
	const char *key = p->lex->name;
	char *name = name_of(written, d);

	if (!answer(p, d, name, value) && written != d) {
		if (strcmp(written->key, d->key) == 0)
			parse_warn(p, key, NULL, "%s= belongs to [%s] now", d->key,
			    section_name(d->section));
		else
			parse_warn(p, key, NULL, "%s= is the old name of %s=%s%s%s",
			    written->key, d->key,
			    written->section != d->section ? " in [" : "",
			    written->section != d->section ? section_name(d->section)
							   : "",
			    written->section != d->section ? "]" : "");
	}
	free(name);
}

static void
assign(struct parse *p, const struct directive *written, const struct directive *d,
    const char *value)
{
	tell(p, written, d, value);
	parse_note_place(p, d, d->section == SECTION_RULE ? p->rule->name : NULL, value);
	if (d->form == FORM_ANSWER) {
		mark(p, d, !is_off(value));
		return;
	}
	if (*value == '\0' && d->kind->width > 0) {
		memcpy(field_of(p, d), (const char *)p->base + d->offset, d->kind->width);
		mark(p, d, false);
		return;
	}
	/* Also when it fails: the unit is refused for that line, not for what it lacks.
	 */
	mark(p, d, *value != '\0');
	d->kind->set(p, d, field_of(p, d), value);
}

static void
unknown_key(struct parse *p, enum section section, const char *key)
{
	const struct directive *other = directive_find_elsewhere(section, key);
	const struct directive *near = NULL;
	bool refuse =
	    p->defaults != NULL && p->defaults->unknown_keys == UNKNOWN_KEYS_ERROR;
	char *hint = NULL;

	if (strncmp(key, "X-", 2) == 0)
		return;
	/* systemd runs commands for sockets, and so takes all that is about processes. */
	if (section == SECTION_SOCKET && directive_find(SECTION_SERVICE, key) != NULL) {
		parse_warn(p, key, "write it in [Service] of its service",
		    "%s= has no effect in [Socket]: sockets run no commands", key);
		return;
	}
	/* Looked for only as long as it is shown. */
	if (!diags_is_full(p->diags) && other == NULL)
		near = directive_nearest(section, key);
	if (other != NULL)
		hint = xasprintf("it belongs to [%s]", section_name(other->section));
	else if (near != NULL)
		hint = xasprintf("did you mean %s=?", near->key);
	if (refuse)
		parse_error(
		    p, key, hint, "unknown key %s= in [%s]", key, section_name(section));
	else
		parse_warn(p, key, hint, "unknown key %s= in [%s], line ignored", key,
		    section_name(section));
	free(hint);
}

static void
parse_line(struct parse *p, enum section section, const struct directive *written)
{
	const char *key = p->lex->name;
	const struct directive *d = directive_resolve(written);

	if (d == NULL)
		unknown_key(p, section, key);
	else if (p->profile && section == SECTION_SESSION && strcmp(key, "Profile") == 0)
		parse_warn(p, key, NULL, "Profile= has no effect in a profile");
	else if (p->parts != NULL && p->parts->unit.type == UNIT_SCOPE &&
		 !directive_is_of_scope(d))
		parse_warn(p, key, NULL,
		    "%s= has no effect: the processes of a scope are there already", key);
	else
		assign(p, written, d, p->lex->value);
}

/* ---- what became of a line ---- */

/* Before it is read: how much was said. */
struct said {
	size_t errors, all;
};

static struct said
what_was_said(const struct parse *p)
{
	return (struct said){ p->n_errors,
		p->diags != NULL ? p->diags->n + p->diags->n_dropped : 0 };
}

static enum line_answer
answer_of(const struct parse *p, const struct directive *d, struct said before)
{
	struct said now = what_was_said(p);

	if (now.errors > before.errors)
		return LINE_REFUSED;
	if (d == NULL)
		return now.all == before.all ? LINE_NOTE : LINE_UNKNOWN;
	if (now.all == before.all)
		return d->status == DIRECTIVE_SILENT ? LINE_NOTE : LINE_HONOURED;
	switch (d->status) {
	case DIRECTIVE_LATER:
		return LINE_LATER;
	case DIRECTIVE_IGNORED:
	case DIRECTIVE_ISOLATES:
		return LINE_NO_EFFECT;
	default:
		return LINE_DOUBTED;
	}
}

static void
tell_line(struct parse *p, const char *section, const struct directive *d,
    enum line_answer answer)
{
	struct unit_line line = {
		.file = p->file,
		.section = section,
		.rule = d != NULL && d->section == SECTION_RULE && p->rule != NULL
			    ? p->rule->name
			    : NULL,
		.row = d,
		.key = p->lex->name,
		.value = p->lex->value,
		.answer = answer,
		.lex = p->lex,
	};

	if (p->on_line.fn == NULL)
		return;
	lex_where(p->lex, p->lex->name, &line.line, &line.col);
	p->on_line.fn(p->on_line.arg, &line);
}

/* One that stands where nothing is read: above all sections, or in one that was told of.
 */
static void
skip_line(struct parse *p, const char *header)
{
	if (header == NULL)
		parse_warn(p, p->lex->name,
		    p->parts == NULL ? "write [Supd] above it"
				     : "write [Section] above it",
		    "%s= stands before any section, line ignored", p->lex->name);
	tell_line(p, header != NULL ? header : "", NULL,
	    header != NULL && strncmp(header, "X-", 2) == 0 ? LINE_NOTE : LINE_UNKNOWN);
}

static void
read_line(struct parse *p, enum section section, const char *header)
{
	const struct directive *written = directive_find(section, p->lex->name);
	const struct directive *d = directive_resolve(written);
	struct said before = what_was_said(p);

	parse_line(p, section, written);
	if (section == SECTION_ALERT && p->n_errors > before.errors)
		p->alert->broken = true;
	tell_line(p, header, d, answer_of(p, d, before));
}

void
parse_text(struct parse *p, const char *text, size_t len)
{
	enum section section = SECTION_NONE;
	char *header = NULL;
	enum lex_kind kind;
	struct lex lx;

	lex_init(&lx, p->file, text, len, p->diags);
	p->lex = &lx;
	while ((kind = lex_next(&lx)) == LEX_SECTION || kind == LEX_KEY) {
		p->value = lx.value != NULL ? lx.value : lx.name;
		if (kind == LEX_SECTION) {
			section = parse_open_section(p, lx.name);
			lx.skipped = section == SECTION_NONE;
			free(header);
			header = xstrdup(lx.name);
		} else if (section != SECTION_NONE) {
			read_line(p, section, header);
		} else {
			skip_line(p, header);
		}
	}
	free(header);
	if (kind == LEX_REJECT) {
		p->n_errors++;
		p->rejected = true;
	}
	p->lex = NULL;
	p->rule = NULL;
	p->marks = NULL;
	p->alert = NULL;
	lex_clear(&lx);
}

/* See parse_session_defaults. */
static bool
is_session_text(const struct directive *d)
{
	return section_is_session(d->section) && d->kind->width == 0;
}

static void
set_default(struct parse *p, const struct directive *d)
{
	p->value = d->dflt;
	d->kind->set(p, d, field_of(p, d), d->dflt);
}

void
parse_defaults(struct parse *p, bool supd)
{
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);

		if (d->form == FORM_DIRECTIVE && section_is_of_supd(d->section) == supd &&
		    d->dflt[0] != '\0' && !is_session_text(d))
			set_default(p, d);
	}
}

void
parse_session_defaults(struct parse *p)
{
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);

		bool set = (p->set[i / 64] >> (i % 64) & 1) != 0;

		if (d->form != FORM_DIRECTIVE || d->dflt[0] == '\0' ||
		    !is_session_text(d))
			continue;
		/* One that was set and refused has no text either. */
		if (!set ||
		    (d->kind->show == show_slot && *(char **)field_of(p, d) == NULL))
			set_default(p, d);
	}
}
