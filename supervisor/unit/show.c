/*
 * show: confs as text, and what differs between two.  All of it from the table.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/load.h"
#include "unit/paths.h"
#include "unit/supd_conf.h"
#include "unit/table.h"

static const char *const dep_names[DEP_NKINDS] = {
	[DEP_REQUIRES] = "Requires",
	[DEP_WANTS] = "Wants",
	[DEP_AFTER] = "After",
	[DEP_BEFORE] = "Before",
	[DEP_REQUISITE] = "Requisite",
	[DEP_BINDS_TO] = "BindsTo",
	[DEP_PART_OF] = "PartOf",
	[DEP_UPHOLDS] = "Upholds",
	[DEP_CONFLICTS] = "Conflicts",
	[DEP_ON_FAILURE] = "OnFailure",
	[DEP_ON_SUCCESS] = "OnSuccess",
	[DEP_PROPAGATES_RELOAD_TO] = "PropagatesReloadTo",
	[DEP_RELOAD_PROPAGATED_FROM] = "ReloadPropagatedFrom",
	[DEP_PROPAGATES_STOP_TO] = "PropagatesStopTo",
	[DEP_STOP_PROPAGATED_FROM] = "StopPropagatedFrom",
	[DEP_JOINS_NAMESPACE_OF] = "JoinsNamespaceOf",
	[DEP_TRIGGERS] = "Triggers",
};

const char *
unit_dep_name(enum unit_dep dep)
{
	return dep < DEP_NKINDS ? dep_names[dep] : "?";
}

/* Rows that a conf of this sort has a value for. */
static bool
is_shown(const struct directive *d, bool supd)
{
	return d->form == FORM_DIRECTIVE && section_is_of_supd(d->section) == supd &&
	       d->kind->show != show_nothing;
}

/* A row says where in struct unit_parts its field is.  NULL: the conf has no such part,
 * or a unit of its type does not read it. */
static const void *
field_of(const struct unit_conf *conf, const struct directive *d)
{
	if (!section_is_of_type(d->section, conf->type))
		return NULL;
	if (d->offset >= offsetof(struct unit_parts, trigger))
		return conf->trigger == NULL ? NULL
					     : (const char *)conf->trigger + d->offset -
						   offsetof(struct unit_parts, trigger);
	if (d->offset >= offsetof(struct unit_parts, session))
		return conf->session == NULL ? NULL
					     : (const char *)conf->session + d->offset -
						   offsetof(struct unit_parts, session);
	if (d->offset >= offsetof(struct unit_parts, service))
		return (const char *)conf->service + d->offset -
		       offsetof(struct unit_parts, service);
	if (d->offset >= offsetof(struct unit_parts, rules))
		return (const char *)conf->rules + d->offset -
		       offsetof(struct unit_parts, rules);
	return (const char *)conf + d->offset - offsetof(struct unit_parts, unit);
}

static bool
is_set(const struct unit_conf *conf, const struct directive *d)
{
	size_t i = directive_index(d);

	return (conf->rules->set[i / 64] >> (i % 64) & 1) != 0;
}

/* ---- rules ---- */

static const struct rule_conf *
rule_find(const struct unit_conf *conf, const char *name, size_t len)
{
	for (size_t i = 0; conf->session != NULL && i < conf->session->rules.n; i++) {
		const struct rule_conf *r = &conf->session->rules.v[i];

		if (strlen(r->name) == len && memcmp(r->name, name, len) == 0)
			return r;
	}
	return NULL;
}

static void
rule_value(const struct rule_conf *r, const struct directive *d, struct buf *b)
{
	buf_clear(b);
	if (r != NULL)
		d->kind->show(d,
		    (const char *)r + d->offset - offsetof(struct unit_parts, rule), b);
}

static char *
rule_key(const struct rule_conf *r, const struct directive *d)
{
	return xasprintf("%s.%s.%s", section_name(SECTION_RULE), r->name, d->key);
}

static void
show_rule(const struct rule_conf *r, unit_show_fn *fn, void *arg)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		char *key;

		if (d->section != SECTION_RULE)
			continue;
		key = rule_key(r, d);
		rule_value(r, d, &b);
		fn(arg, key, buf_str(&b));
		free(key);
	}
	buf_free(&b);
}

/* A and B have the same name; one of them may be missing. */
static void
diff_rule(
    const struct rule_conf *a, const struct rule_conf *b, unit_diff_fn *fn, void *arg)
{
	const struct rule_conf *any = a != NULL ? a : b;
	struct buf x = { 0 };
	struct buf y = { 0 };

	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		char *key;

		/* Of a rule that comes or goes, only what a file said. */
		if (d->section != SECTION_RULE ||
		    ((a == NULL || b == NULL) &&
			(any->set >> directive_place(d) & 1) == 0))
			continue;
		rule_value(a, d, &x);
		rule_value(b, d, &y);
		if (strcmp(buf_str(&x), buf_str(&y)) == 0)
			continue;
		key = rule_key(any, d);
		fn(arg, key, buf_str(&x), buf_str(&y));
		free(key);
	}
	buf_free(&x);
	buf_free(&y);
}

static void
list_rules(const struct unit_conf *conf, struct buf *b)
{
	for (size_t i = 0; conf->session != NULL && i < conf->session->rules.n; i++)
		buf_addf(b, "%s%s", i > 0 ? " " : "", conf->session->rules.v[i].name);
}

static void
diff_rules(
    const struct unit_conf *a, const struct unit_conf *b, unit_diff_fn *fn, void *arg)
{
	struct buf x = { 0 };
	struct buf y = { 0 };

	list_rules(a, &x);
	list_rules(b, &y);
	if (strcmp(buf_str(&x), buf_str(&y)) != 0)
		fn(arg, section_name(SECTION_RULE), buf_str(&x), buf_str(&y));
	buf_free(&x);
	buf_free(&y);
	for (size_t i = 0; a->session != NULL && i < a->session->rules.n; i++) {
		const struct rule_conf *r = &a->session->rules.v[i];

		diff_rule(r, rule_find(b, r->name, strlen(r->name)), fn, arg);
	}
	for (size_t i = 0; b->session != NULL && i < b->session->rules.n; i++) {
		const struct rule_conf *r = &b->session->rules.v[i];

		if (rule_find(a, r->name, strlen(r->name)) == NULL)
			diff_rule(NULL, r, fn, arg);
	}
}

/* ---- all rows ---- */

void
unit_conf_show(const struct unit_conf *conf, unit_show_fn *fn, void *arg)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		const void *field = is_shown(d, false) ? field_of(conf, d) : NULL;
		char *name;

		if (field == NULL || d->section == SECTION_RULE)
			continue;
		buf_clear(&b);
		d->kind->show(d, field, &b);
		name = directive_shown_name(d, NULL);
		fn(arg, name, buf_str(&b));
		free(name);
	}
	buf_free(&b);
	for (size_t i = 0; conf->session != NULL && i < conf->session->rules.n; i++)
		show_rule(&conf->session->rules.v[i], fn, arg);
}

/* What stands in supd.conf under a name, as a rule is shown: one is of a section, whose
 * fields are at base in struct supd_conf. */
static void
show_named(enum section section, const char *name, const void *one, size_t base,
    unit_show_fn *fn, void *arg)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		char *shown;

		if (d->section != section)
			continue;
		buf_clear(&b);
		d->kind->show(d, (const char *)one + d->offset - base, &b);
		shown = directive_shown_name(d, name);
		fn(arg, shown, buf_str(&b));
		free(shown);
	}
	buf_free(&b);
}

/* Their names, and what each says. */
static void
show_alerts(const struct supd_conf *conf, unit_show_fn *fn, void *arg)
{
	struct buf names = { 0 };

	for (size_t i = 0; i < conf->alerts.n; i++) {
		const struct alert_conf *a = &conf->alerts.v[i];

		buf_addf(&names, "%s%s", i > 0 ? " " : "", a->name);
		show_named(SECTION_ALERT, a->name, a, offsetof(struct supd_conf, alert),
		    fn, arg);
	}
	fn(arg, section_name(SECTION_ALERT), buf_str(&names));
	buf_free(&names);
}

static void
show_marks(const struct supd_conf *conf, unit_show_fn *fn, void *arg)
{
	for (size_t i = 0; i < conf->marks.n; i++)
		show_named(SECTION_MARKS, conf->marks.v[i].name, &conf->marks.v[i],
		    offsetof(struct supd_conf, mark), fn, arg);
}

void
supd_conf_show(const struct supd_conf *conf, unit_show_fn *fn, void *arg)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		char *name;

		if (!is_shown(d, true) || section_is_named(d->section))
			continue;
		buf_clear(&b);
		d->kind->show(d, (const char *)conf + d->offset, &b);
		name = directive_shown_name(d, NULL);
		fn(arg, name, buf_str(&b));
		free(name);
	}
	show_alerts(conf, fn, arg);
	show_marks(conf, fn, arg);
	buf_free(&b);
}

/* A secret is never shown, and whether it is another one is nothing that masks tell. */
static bool
is_other_secret(const struct directive *d, const void *a, const void *b)
{
	static const struct strv none;

	return d->kind == &kinds[KIND_SET_CREDENTIAL] &&
	       !strv_equal(a != NULL ? a : &none, b != NULL ? b : &none);
}

void
unit_conf_diff(
    const struct unit_conf *a, const struct unit_conf *b, unit_diff_fn *fn, void *arg)
{
	struct buf x = { 0 };
	struct buf y = { 0 };

	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		const void *in_a = field_of(a, d);
		const void *in_b = field_of(b, d);
		char *name;

		/* (Parts that say the same are one: see pack.h.) */
		if (in_a == in_b || !is_shown(d, false) || d->section == SECTION_RULE)
			continue;
		if ((in_a == NULL && !is_set(b, d)) || (in_b == NULL && !is_set(a, d)))
			continue;
		buf_clear(&x);
		buf_clear(&y);
		if (in_a != NULL)
			d->kind->show(d, in_a, &x);
		if (in_b != NULL)
			d->kind->show(d, in_b, &y);
		if (strcmp(buf_str(&x), buf_str(&y)) == 0 &&
		    !is_other_secret(d, in_a, in_b))
			continue;
		name = directive_shown_name(d, NULL);
		fn(arg, name, buf_str(&x), buf_str(&y));
		free(name);
	}
	buf_free(&x);
	buf_free(&y);
	diff_rules(a, b, fn, arg);
}

/* ---- what was set ---- */

/* "Rule.NAME.Key", behind "Rule." */
static bool
rule_is_set(const struct unit_conf *conf, const char *name)
{
	const char *dot = strchr(name, '.');
	const struct rule_conf *r =
	    dot != NULL ? rule_find(conf, name, (size_t)(dot - name)) : NULL;
	const struct directive *d =
	    r != NULL ? directive_find(SECTION_RULE, dot + 1) : NULL;

	return d != NULL && (r->set >> directive_place(d) & 1) != 0;
}

bool
unit_conf_is_set(const struct unit_conf *conf, const char *directive)
{
	static const char rule[] = "Rule.";
	const char *dot = strchr(directive, '.');
	const struct directive *d;

	if (strncmp(directive, rule, sizeof(rule) - 1) == 0)
		return rule_is_set(conf, dot + 1);
	d = directive_by_shown_name(conf->type, directive);
	return d != NULL && is_set(conf, d);
}

char *
unit_default_show(const struct unit_paths *paths, const struct directive *d)
{
	struct buf b = { 0 };

	if (d->form != FORM_DIRECTIVE || d->kind->width == 0)
		return xstrdup(d->dflt);
	d->kind->show(d, (const char *)&paths->defaults + d->offset, &b);
	return buf_take(&b);
}
