/*
 * origin: the lines of each key that hold, as the parser meets them.
 */
#include "unit/origin.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "unit/conf.h"
#include "unit/defaults.h"
#include "unit/kinds.h"
#include "unit/line.h"
#include "unit/load.h"
#include "unit/table.h"

struct origins {
	struct map lines; /* by shown name: its struct strv */
};

struct origins *
origins_new(void)
{
	return xcalloc(1, sizeof(struct origins));
}

static void
free_lines(void *arg)
{
	struct strv *sv = arg;

	strv_free(sv);
	free(sv);
}

void
origins_free(struct origins *o)
{
	if (o == NULL)
		return;
	map_clear(&o->lines, free_lines);
	free(o);
}

/* Whether a second line adds to the first; else it takes its place. */
static bool
is_list(const struct directive *d)
{
	static kind_show *const lists[] = { show_strv, show_units, show_exec,
		show_condition, show_probe, show_exit_set, show_env_file,
		show_set_credential, show_stdin_data, show_inputs, show_caps_bounding,
		show_caps_ambient, show_search_path, show_budget_sources,
		show_timer_calendar, show_timer_span, show_listen, show_path_spec,
		show_dirs, show_cpus, show_secure_bits };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (d->kind->show == lists[i])
			return true;
	return false;
}

/* Keys that fill one list, which an empty value of any of them clears. */
static bool
clears_others(const struct directive *d)
{
	return d->kind->show == show_listen || d->kind->show == show_path_spec ||
	       d->kind->show == show_timer_calendar || d->kind->show == show_timer_span ||
	       d->kind->show == show_condition;
}

static bool
is_of_one_list(const struct directive *a, const struct directive *b)
{
	return a->form == FORM_DIRECTIVE && a->section == b->section &&
	       clears_others(a) &&
	       (a->kind->show != show_condition || strncmp(a->key, b->key, 6) == 0);
}

static void
clear_list(struct origins *o, const struct directive *of)
{
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		struct strv *sv =
		    is_of_one_list(d, of) ? map_get(&o->lines, d->key) : NULL;

		if (sv != NULL)
			strv_clear(sv);
	}
}

static void
note(struct origins *o, char *name, const struct unit_line *l, bool list)
{
	struct strv *sv = map_get(&o->lines, name);

	if (sv == NULL) {
		sv = xcalloc(1, sizeof(*sv));
		map_set(&o->lines, name, sv);
	}
	if (!list || *l->value == '\0')
		strv_clear(sv);
	if (*l->value != '\0')
		strv_addf(sv, "%s:%u", l->file, l->line);
	free(name);
}

void
origins_on_line(void *arg, const struct unit_line *l)
{
	const struct directive *d = l->row;

	if (d == NULL || d->form != FORM_DIRECTIVE || l->answer == LINE_REFUSED)
		return;
	if (d->kind == &kinds[KIND_TIMEOUT_BOTH]) {
		note(arg, xstrdup("TimeoutStartSec"), l, false);
		note(arg, xstrdup("TimeoutStopSec"), l, false);
		return;
	}
	if (d->kind == &kinds[KIND_ISOLATE_MODE])
		d = directive_find(d->section, "OnFailureJobMode");
	if (d->kind == &kinds[KIND_STDIN_TEXT])
		d = directive_find(d->section, "StandardInputData");
	if (*l->value == '\0' && clears_others(d))
		clear_list(arg, d);
	note(arg, directive_shown_name(d, l->rule), l, is_list(d));
}

void
origins_find(const struct origins *o, const char *name, struct strv *out)
{
	const struct strv *sv = map_get(&o->lines, name);

	if (sv != NULL)
		strv_add_all(out, sv);
}

/* ---- what no line says ---- */

static bool
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

/* NAME.wants and its like. */
static const char *
folder_of(const struct unit_conf *conf, const char *name)
{
	const char *end = strcmp(name, "Wants") == 0      ? ".wants"
			  : strcmp(name, "Requires") == 0 ? ".requires"
			  : strcmp(name, "Upholds") == 0  ? ".upholds"
							  : NULL;

	for (size_t i = 0; end != NULL && i < conf->n_sources; i++)
		if (conf->sources[i].ino != 0 && ends_with(conf->sources[i].path, end))
			return conf->sources[i].path;
	return NULL;
}

static char *
of_supd(const char *key, const struct origins *supd)
{
	struct strv lines = { 0 };
	char *text;

	if (supd != NULL)
		origins_find(supd, key, &lines);
	text = lines.n > 0 ? xasprintf("%s, %s=", lines.v[lines.n - 1], key)
			   : xasprintf("default, %s= of supd.conf", key);
	strv_free(&lines);
	return text;
}

/* Of supd.conf, unless other settings of the unit make another value of it. */
static char *
of_default(const struct supd_conf *sc, const char *key, const char *value,
    const struct origins *supd)
{
	const struct directive *d = directive_find(SECTION_SUPD, key);
	struct buf b = { 0 };
	bool same;

	d->kind->show(d, (const char *)sc + d->offset, &b);
	same = strcmp(buf_str(&b), value) == 0;
	buf_free(&b);
	return same ? of_supd(key, supd) : xstrdup("follows from other settings");
}

char *
origin_of_unset(const struct unit_paths *paths, const struct supd_conf *sc,
    const struct unit_conf *conf, const char *name, const char *value,
    const struct origins *supd)
{
	const struct directive *d = directive_by_shown_name(conf->type, name);
	const char *folder = folder_of(conf, name);
	const char *key = d != NULL ? defaults_supd_key(d) : NULL;
	char *dflt;
	bool same;

	if (*value == '\0')
		return xstrdup("not set");
	if (folder != NULL)
		return xstrdup(folder);
	if (d == NULL)
		return xstrdup("supd");
	if (key != NULL && sc != NULL)
		return of_default(sc, key, value, supd);
	dflt = unit_default_show(paths, d);
	same = strcmp(dflt, value) == 0;
	free(dflt);
	return xstrdup(same ? "default" : "follows from other settings");
}
