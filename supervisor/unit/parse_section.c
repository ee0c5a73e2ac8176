/*
 * parse_section: which section a header opens, the sections of supd.conf and of sessions
 * that have a name, and what is said of one that has no effect.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/name.h"
#include "unit/parse.h"
#include "unit/parse_int.h"
#include "unit/supd_conf.h"

/* [Slice] of a slice: it has no section that is read. */
static bool
is_type_section(const char *name, const struct unit_parts *parts)
{
	return parts != NULL && parts->unit.type == UNIT_SLICE &&
	       strcmp(name, "Slice") == 0;
}

/* "Rule NAME" */
static bool
is_header_of(const char *section, const char *name)
{
	size_t n = strlen(section);

	return strncmp(name, section, n) == 0 &&
	       (name[n] == '\0' || strchr(" \t", name[n]));
}

/* Sections that are known although nothing here reads them. */
static const char *
foreign_section(const struct parse *p, const char *name, enum section s)
{
	if (p->profile &&
	    (s == SECTION_UNIT || s == SECTION_INSTALL || s == SECTION_INSTANCES))
		return "the file is a profile";
	if (p->parts != NULL && s != SECTION_NONE && !section_is_of_supd(s) &&
	    !section_is_of_type(s, p->parts->unit.type))
		return "a unit of this type does not read it";
	if (s == SECTION_NONE && is_type_section(name, p->parts))
		return "resources are not limited yet";
	if (p->parts != NULL && is_header_of("Alert", name))
		return "alerts stand in supd.conf";
	return NULL;
}

/* ---- sections with a name ---- */

/* Of the section [HEADER NAME], which is one of what. */
static bool
name_is_fit(struct parse *p, const char *name, const char *header, const char *what)
{
	char *hint;

	if (session_name_is_valid(name))
		return true;
	hint = xasprintf("write [%s NAME], of letters, digits, - and _", header);
	if (*name == '\0')
		parse_error(p, name, hint, "%s needs a name", what);
	else
		parse_error(p, name, hint, "%s cannot be called \"%s\"", what, name);
	free(hint);
	return false;
}

/* A new one: of the unit before those of its profile, else behind all. */
static struct rule_conf *
add_rule(struct parse *p, const char *name)
{
	struct rule_list *list = &p->parts->session.rules;
	size_t at = 0;

	while (at < list->n && (p->profile || !list->v[at].profile))
		at++;
	list->v = xreallocarray(list->v, list->n + 1, sizeof(list->v[0]));
	memmove(&list->v[at + 1], &list->v[at], (list->n - at) * sizeof(list->v[0]));
	list->n++;
	memcpy(&list->v[at], &p->parts->rule, sizeof(list->v[at]));
	list->v[at].name = xstrdup(name);
	list->v[at].profile = p->profile;
	return &list->v[at];
}

/* [Rule NAME]: the one of that name, or a new one. */
static enum section
open_rule(struct parse *p, const char *header)
{
	const char *name = header + 4 + strspn(header + 4, " \t");
	struct rule_list *list = &p->parts->session.rules;

	p->parts->session.any = true;
	p->rule = NULL;
	if (!name_is_fit(p, name, "Rule", "a rule"))
		return SECTION_NONE;
	for (size_t i = 0; i < list->n && p->rule == NULL; i++)
		if (strcmp(list->v[i].name, name) == 0)
			p->rule = &list->v[i];
	if (p->rule == NULL && list->n == UNIT_RULES_MAX)
		parse_error(p, name, NULL, "more than %d rules", UNIT_RULES_MAX);
	else if (p->rule == NULL &&
		 parse_take_room(p, name, sizeof(struct rule_conf)) == 0)
		p->rule = add_rule(p, name);
	if (p->rule == NULL)
		return SECTION_NONE;
	parse_note_place(p, NULL, p->rule->name, name);
	return SECTION_RULE;
}

/* [Marks NAME]: the one of that name, or a new one. */
static enum section
open_marks(struct parse *p, const char *header)
{
	const char *name = header + 5 + strspn(header + 5, " \t");
	struct marks_list *list = &p->supd->marks;

	p->marks = NULL;
	if (!name_is_fit(p, name, "Marks", "a set of marks"))
		return SECTION_NONE;
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].name, name) == 0) {
			p->marks = &list->v[i];
			return SECTION_MARKS;
		}
	if (list->n == SUPD_MARKS_MAX) {
		parse_error(p, name, NULL, "more than %d sets of marks", SUPD_MARKS_MAX);
		return SECTION_NONE;
	}
	list->v = xreallocarray(list->v, list->n + 1, sizeof(list->v[0]));
	p->marks = &list->v[list->n++];
	*p->marks = p->supd->mark;
	p->marks->name = xstrdup(name);
	return SECTION_MARKS;
}

/* [Alert NAME]: the one of that name, or a new one. */
static enum section
open_alert(struct parse *p, const char *header)
{
	const char *name = header + 5 + strspn(header + 5, " \t");
	struct alert_list *list = &p->supd->alerts;

	p->alert = NULL;
	if (!name_is_fit(p, name, "Alert", "an alert"))
		return SECTION_NONE;
	for (size_t i = 0; i < list->n && p->alert == NULL; i++)
		if (strcmp(list->v[i].name, name) == 0)
			p->alert = &list->v[i];
	if (p->alert != NULL)
		return SECTION_ALERT;
	if (list->n == ALERTS_MAX) {
		parse_error(p, name, NULL, "more than %d alerts", ALERTS_MAX);
		return SECTION_NONE;
	}
	list->v = xreallocarray(list->v, list->n + 1, sizeof(list->v[0]));
	p->alert = &list->v[list->n++];
	memcpy(p->alert, &p->supd->alert, sizeof(*p->alert));
	p->alert->name = xstrdup(name);
	lex_where(p->lex, name, &p->alert->line, &p->alert->col);
	return SECTION_ALERT;
}

/* ---- any section ---- */

static const char *
nearest_section(const struct parse *p, const char *name)
{
	for (int i = 0; i < SECTION_NKINDS; i++)
		if (section_is_of_supd((enum section)i) == (p->parts == NULL) &&
		    edit_distance(name, section_name((enum section)i), 2) <= 2)
			return section_name((enum section)i);
	return NULL;
}

enum section
parse_open_section(struct parse *p, const char *name)
{
	enum section s = section_find(name);
	const char *why = foreign_section(p, name, s);
	const char *near;
	char *hint = NULL;

	if (p->parts != NULL && is_header_of("Rule", name))
		return open_rule(p, name);
	if (p->supd != NULL && is_header_of("Marks", name))
		return open_marks(p, name);
	if (p->supd != NULL && is_header_of("Alert", name))
		return open_alert(p, name);
	/* What can be said of a scope is some of what can be said of a service. */
	if (p->parts != NULL && p->parts->unit.type == UNIT_SCOPE &&
	    strcmp(name, "Scope") == 0)
		return SECTION_SERVICE;
	if (why == NULL && s != SECTION_NONE &&
	    section_is_of_supd(s) == (p->parts == NULL)) {
		if (s == SECTION_INSTALL)
			p->parts->rules.has_install = true;
		if (section_is_session(s))
			p->parts->session.any = true;
		if (s == SECTION_PHASES)
			p->supd->phases.any = true;
		return s;
	}
	if (strncmp(name, "X-", 2) == 0)
		return SECTION_NONE;
	if (why != NULL) {
		parse_warn(p, name, NULL, "section [%s] has no effect: %s", name, why);
		return SECTION_NONE;
	}
	near = nearest_section(p, name);
	if (p->parts == NULL)
		hint = xstrdup(
		    "supd.conf has [Supd], [Phases], [Marks NAME] and [Alert NAME]");
	else if (strncmp(name, "Rule", 4) == 0)
		hint = xstrdup("write [Rule NAME]");
	else if (near != NULL)
		hint = xasprintf("did you mean [%s]?", near);
	parse_warn(p, name, hint, "unknown section [%s], its lines are ignored", name);
	free(hint);
	return SECTION_NONE;
}
