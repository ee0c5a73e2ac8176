/*
 * show: confs as text, and what differs between two.  All of it from the table.
 */
#include <stddef.h>
#include <string.h>

#include "lib/buf.h"
#include "unit/kinds.h"
#include "unit/load.h"
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
	return d->form == FORM_DIRECTIVE && (d->section == SECTION_SUPD) == supd &&
	       d->kind->show != show_nothing;
}

/* A row says where in struct unit_parts its field is. */
static const void *
field_of(const struct unit_conf *conf, const struct directive *d)
{
	if (d->offset >= offsetof(struct unit_parts, service))
		return (const char *)conf->service + d->offset -
		       offsetof(struct unit_parts, service);
	if (d->offset >= offsetof(struct unit_parts, rules))
		return (const char *)conf->rules + d->offset -
		       offsetof(struct unit_parts, rules);
	return (const char *)conf + d->offset - offsetof(struct unit_parts, unit);
}

static void
show_all(const struct unit_conf *conf, const struct supd_conf *supd, unit_show_fn *fn,
    void *arg)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);

		if (!is_shown(d, supd != NULL))
			continue;
		buf_clear(&b);
		d->kind->show(d,
		    supd != NULL ? (const char *)supd + d->offset : field_of(conf, d),
		    &b);
		fn(arg, d->key, buf_str(&b));
	}
	buf_free(&b);
}

void
unit_conf_show(const struct unit_conf *conf, unit_show_fn *fn, void *arg)
{
	show_all(conf, NULL, fn, arg);
}

void
supd_conf_show(const struct supd_conf *conf, unit_show_fn *fn, void *arg)
{
	show_all(NULL, conf, fn, arg);
}

void
unit_conf_diff(
    const struct unit_conf *a, const struct unit_conf *b, unit_diff_fn *fn, void *arg)
{
	struct buf x = { 0 };
	struct buf y = { 0 };

	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);

		if (!is_shown(d, false))
			continue;
		buf_clear(&x);
		buf_clear(&y);
		d->kind->show(d, field_of(a, d), &x);
		d->kind->show(d, field_of(b, d), &y);
		if (strcmp(buf_str(&x), buf_str(&y)) != 0)
			fn(arg, d->key, buf_str(&x), buf_str(&y));
	}
	buf_free(&x);
	buf_free(&y);
}
