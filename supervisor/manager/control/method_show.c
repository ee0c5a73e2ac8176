/*
 * Unit.Show: the settings of a unit as they hold, and where they come from.
 */
#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/map.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/conditions.h"
#include "manager/control/control_int.h"
#include "manager/control/mask.h"
#include "manager/job/job.h"
#include "manager/service/service.h"
#include "manager/service/service_exec.h"
#include "manager/watch/reach.h"
#include "unit/conf.h"
#include "unit/instance.h"
#include "unit/line.h"
#include "unit/load.h"
#include "unit/origin.h"
#include "unit/quote.h"
#include "unit/table.h"

enum {
	SHOW_WAIT_MS = 500, /* for EnvironmentFile= of --resolved */
};

struct show {
	struct jw *w;
	const struct jv *properties; /* NULL: all that are set */
	struct strv keys;            /* those there are, when some were asked for */
	const struct unit *u;
	bool closed; /* the caller cannot read the files: no value of a variable is shown
		      */
	const char *setting; /* of its files, what is shown now; NULL: it is none */
	const char *value;   /* of that setting, unmasked */
	struct origins *origins, *supd; /* of the files as they are now */
	struct unit_conf *now;
	struct map now_values; /* of now, to see what the files did not say earlier */
};

static bool
matches(const char *pattern, const char *key)
{
	return fnmatch(pattern, key, FNM_CASEFOLD) == 0;
}

static bool
is_shown(const struct show *s, const char *key, const char *value)
{
	if (jv_type(s->properties) != JV_ARRAY)
		return *value != '\0';
	for (size_t i = 0; i < jv_count(s->properties); i++)
		if (matches(jv_str(jv_at(s->properties, i), ""), key))
			return true;
	return false;
}

/* ---- where values come from ---- */

static void
keep_value(void *arg, const char *key, const char *value)
{
	free(map_set(arg, key, xstrdup(value)));
}

/* The files are read once more for it: nobody else needs to know lines. */
static void
origins_begin(struct show *s)
{
	struct manager *m = s->u->manager;
	char *path = instance_conf(m->root_path);

	s->origins = origins_new();
	s->supd = origins_new();
	unit_paths_on_line(m->paths, origins_on_line, s->origins);
	s->now = unit_load(m->paths, m->conf, s->u->name, NULL);
	unit_paths_on_line(m->paths, NULL, NULL);
	unit_conf_show(s->now, keep_value, &s->now_values);
	if (reach_may(m->reach, path, true))
		supd_conf_free(supd_conf_load_lines(
		    path, NULL, &(struct line_hook){ origins_on_line, s->supd }));
	free(path);
}

static void
origins_end(struct show *s)
{
	origins_free(s->origins);
	origins_free(s->supd);
	unit_conf_free(s->now);
	map_clear(&s->now_values, free);
}

static void
write_origin(struct show *s, const char *key, const char *value)
{
	struct strv lines = { 0 };
	const char *now = map_get(&s->now_values, key);

	if (now == NULL || strcmp(now, value) != 0) {
		strv_add(&lines, "its files as they were when they were read");
	} else {
		origins_find(s->origins, key, &lines);
		if (lines.n == 0)
			strv_take(&lines,
			    origin_of_unset(s->u->manager->paths, s->u->manager->conf,
				s->now, key, value, s->supd));
	}
	jw_kv_strv(s->w, "origin", &lines);
	strv_free(&lines);
}

/* ---- settings ---- */

static void
show_one(void *arg, const char *key, const char *value)
{
	struct show *s = arg;

	if (jv_type(s->properties) == JV_ARRAY)
		strv_add(&s->keys, key);
	if (!is_shown(s, key, value))
		return;
	jw_obj(s->w);
	jw_kv_str(s->w, "key", key);
	jw_kv_str(s->w, "value", value);
	if (s->setting != NULL && s->origins != NULL)
		write_origin(s, s->setting, s->value);
	jw_end(s->w);
}

/* NAME=VALUE words with the values of secrets masked. */
static char *
masked_environment(const struct show *show)
{
	const struct strv *env = &show->u->conf->service->context.environment;
	struct buf out = { 0 };

	for (size_t i = 0; i < env->n; i++) {
		if (out.len > 0)
			buf_addc(&out, ' ');
		mask_assignment(&out, env->v[i], show->closed);
	}
	return buf_take(&out);
}

/* systemd shows TimeoutStopSec= as TimeoutStopUSec.  By that name a time is shown to who
 * asks for it by that name alone: all would have it twice. */
static void
show_as_usec(struct show *s, const char *key, const char *value)
{
	static const char sec[] = "Sec";
	size_t n = strlen(key), m = sizeof(sec) - 1;
	bool wanted = false;
	char *name;

	/* But TimerSlackNSec= and its like. */
	if (n <= m || strcmp(key + n - m, sec) != 0 || !islower(key[n - m - 1]))
		return;
	name = xasprintf("%.*sUSec", (int)(n - m), key);
	for (size_t i = 0; i < jv_count(s->properties); i++) {
		const char *pattern = jv_str(jv_at(s->properties, i), "");

		wanted = wanted || (matches(pattern, name) && !matches(pattern, key));
	}
	if (wanted)
		show_one(s, name, value);
	free(name);
}

static void
show_setting(void *arg, const char *key, const char *value)
{
	struct show *s = arg;
	char *masked = strcmp(key, "Environment") == 0 ? masked_environment(s) : NULL;

	s->setting = key;
	s->value = value;
	show_one(s, key, masked != NULL ? masked : value);
	show_as_usec(s, key, value);
	s->setting = s->value = NULL;
	free(masked);
}

static void
show_number(struct show *s, const char *key, int64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	show_one(s, key, text);
}

static void
show_bool(struct show *s, const char *key, bool yes)
{
	show_one(s, key, yes ? "yes" : "no");
}

static void
show_files(struct show *s)
{
	const struct unit *u = s->u;
	struct strv drop_ins = { 0 };
	struct buf paths = { 0 };

	show_one(s, "FragmentPath", u->conf->fragment == NULL ? "" : u->conf->fragment);
	render_drop_ins(u, &drop_ins);
	for (size_t i = 0; i < drop_ins.n; i++)
		quote_append_next(&paths, 0, drop_ins.v[i]);
	show_one(s, "DropInPaths", buf_str(&paths));
	show_bool(s, "NeedDaemonReload", u->changed);
	buf_free(&paths);
	strv_free(&drop_ins);
}

/* What it is now, by the names that users of systemd know. */
static void
show_state(struct show *s)
{
	const struct unit *u = s->u;
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);
	bool conditions, asserts;
	char time[CLOCK_TEXT_MAX];

	show_one(s, "Id", u->name);
	show_one(s, "LoadState", unit_load_state_name(u->conf->load_state));
	show_one(s, "ActiveState", render_active(u));
	show_one(s, "SubState", render_sub(u));
	show_one(s, "Result", render_result(u));
	show_one(s, "UnitFileState", render_enabled(u));
	show_files(s);
	conditions_results(u, &conditions, &asserts);
	show_bool(s, "ConditionResult", conditions);
	show_bool(s, "AssertResult", asserts);
	if (mem == NULL)
		return;
	show_number(s, "MainPID", mem->main_pid);
	show_number(s, "ControlPID", mem->control_pid);
	show_number(s, "NRestarts", mem->restarts);
	if (mem->main_exit.how != 0)
		show_number(s, "ExecMainStatus", mem->main_exit.status);
	show_one(s, "StatusText", mem->status);
	if (mem->changed_wall_us != 0)
		show_one(s, "StateChangeTimestamp",
		    clock_format_utc(time, sizeof(time), mem->changed_wall_us));
}

static void
add_name(void *arg, struct job_unit *ju)
{
	(void)strv_add_unique(arg, job_unit_name(ju));
}

/* What it depends on and no file says. */
static void
show_implied(struct show *s)
{
	static const enum unit_dep deps[] = { DEP_REQUIRES, DEP_AFTER, DEP_BEFORE,
		DEP_CONFLICTS };

	for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]); i++) {
		char *key = xasprintf("Implied.%s", unit_dep_name(deps[i]));
		struct strv names = { 0 };
		char *text;

		job_unit_each_implied(s->u->job_unit, deps[i], false, add_name, &names);
		strv_sort(&names);
		text = strv_join(&names, " ");
		show_one(s, key, text);
		free(text);
		free(key);
		strv_free(&names);
	}
}

/* The environment as the main process would get it now. */
static void
show_environment(struct show *s)
{
	const struct unit *u = s->u;
	const struct exec_list *start = &u->conf->service->exec[EXEC_START];
	struct svc_spawn sp = {
		.slot = SLOT_NONE, .kind = PROC_MAIN, .exec = EXEC_START
	};
	struct strv env = { 0 }, from_files = { 0 }, removed = { 0 };
	char why[256] = "";
	struct buf key = { 0 }, value = { 0 };

	if (start->n > 0)
		sp.cmd = &start->v[0];
	if (u->manager->world == NULL ||
	    svc_files_wait(&u->conf->service->context, SHOW_WAIT_MS * USEC_PER_MSEC,
		&from_files, why, sizeof(why)) == -1 ||
	    svc_exec_environment(u->manager->world, u->conf, u->svc, &sp, &from_files,
		&env, &removed, why, sizeof(why)) == -1) {
		show_one(s, "EnvironmentError", why);
		strv_free(&from_files);
		strv_free(&env);
		return;
	}
	strv_sort(&env);
	for (size_t i = 0; i < env.n; i++) {
		size_t n = strcspn(env.v[i], "=");

		buf_clear(&key);
		buf_clear(&value);
		buf_addf(&key, "Environment.%.*s", (int)n, env.v[i]);
		/* What is in a file of its own is there to be in no other. */
		mask_assignment(
		    &value, env.v[i], s->closed || strv_contains(&from_files, env.v[i]));
		show_one(s, buf_str(&key), buf_str(&value) + (value.len > n ? n + 1 : n));
	}
	if (removed.n > 0) {
		char *names;

		strv_sort(&removed);
		names = strv_join(&removed, " ");
		show_one(s, "EnvironmentRemoved", names);
		free(names);
	}
	buf_free(&key);
	buf_free(&value);
	strv_free(&from_files);
	strv_free(&removed);
	strv_free(&env);
}

static bool
matches_any(const struct strv *keys, const char *pattern)
{
	for (size_t i = 0; i < keys->n; i++)
		if (matches(pattern, keys->v[i]))
			return true;
	return false;
}

/* Those that differ in few letters, then those that have it in them. */
static void
nearest_keys(const struct strv *keys, const char *name, struct strv *near)
{
	size_t len = strlen(name), limit = len < 6 ? 1 : len < 12 ? 2 : 3;

	for (size_t d = 0; d <= limit; d++)
		for (size_t i = 0; i < keys->n && near->n < NEAREST_MAX; i++)
			if (edit_distance(name, keys->v[i], d) == d)
				(void)strv_add_unique(near, keys->v[i]);
	for (size_t i = 0; len > 2 && i < keys->n && near->n < NEAREST_MAX; i++)
		if (strcasestr(keys->v[i], name) != NULL)
			(void)strv_add_unique(near, keys->v[i]);
}

/* A wrong name must not look like a setting that is empty. */
static void
write_unknown(const struct show *s)
{
	jw_kv_arr(s->w, "unknown");
	for (size_t i = 0; i < jv_count(s->properties); i++) {
		const char *name = jv_str(jv_at(s->properties, i), "");
		struct strv near = { 0 };

		if (matches_any(&s->keys, name))
			continue;
		nearest_keys(&s->keys, name, &near);
		jw_obj(s->w);
		jw_kv_str(s->w, "property", name);
		jw_kv_strv(s->w, "nearest", &near);
		jw_end(s->w);
		strv_free(&near);
	}
	jw_end(s->w);
}

void
method_unit_show(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	struct show s = { .properties = jv_get(p, "properties") };
	bool resolved = jv_bool(jv_get(p, "resolved"), false);
	struct unit *u = select_unit(c, call, "unit", SELECT_LOADED | SELECT_FILES);

	if (u == NULL)
		return;
	s.u = u;
	s.closed = !control_may_read_unit(c, call_peer(call), u->conf);
	s.w = call_begin(call);
	jw_kv_str(s.w, "unit", u->name);
	jw_kv_arr(s.w, "settings");
	if (resolved)
		origins_begin(&s);
	show_state(&s);
	unit_conf_show(u->conf, show_setting, &s);
	show_implied(&s);
	if (resolved && u->conf->type == UNIT_SERVICE)
		show_environment(&s);
	jw_end(s.w);
	if (jv_type(s.properties) == JV_ARRAY)
		write_unknown(&s);
	origins_end(&s);
	strv_free(&s.keys);
	call_reply(call);
}
