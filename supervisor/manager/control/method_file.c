/*
 * Unit.Cat, Show, Tree: what the files say.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/mask.h"
#include "manager/job/job.h"
#include "manager/reach.h"
#include "manager/service/service.h"
#include "manager/service/service_exec.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/table.h"

enum {
	FILE_MAX = 1024 * 1024,
	TREE_DEPTH_MAX = 64,
	TREE_NODES_MAX = 20000,
	SHOW_WAIT_MS = 500, /* for EnvironmentFile= of --resolved */
};

/* Who may only operate reads here what he can read himself: a file that is closed to
 * others has a reason for it. */
static bool
may_read_file(struct control *c, const struct access_peer *peer, const char *path)
{
	struct stat st;

	if (peer->class >= ACCESS_ADMINISTER)
		return true;
	if (!reach_may(c->m->reach, path, true))
		return false;
	return stat(path, &st) == -1 || (st.st_mode & S_IROTH) != 0 ||
	       st.st_uid == peer->uid;
}

static bool
may_read_unit(
    struct control *c, const struct access_peer *peer, const struct unit_conf *conf)
{
	for (size_t i = 0; i < conf->n_sources; i++)
		if (conf->sources[i].ino != 0 &&
		    !may_read_file(c, peer, conf->sources[i].path))
			return false;
	if (conf->type != UNIT_SERVICE || peer->class >= ACCESS_ADMINISTER)
		return true;
	for (size_t i = 0; i < conf->service->context.n_environment_files; i++) {
		const char *path = conf->service->context.environment_files[i].path;

		if (strpbrk(path, "*?[") != NULL || !may_read_file(c, peer, path))
			return false;
	}
	return true;
}

/* ---- Cat ---- */

static void
write_file(
    struct control *c, struct jw *w, const struct access_peer *peer, const char *path)
{
	struct buf text = { 0 };

	jw_obj(w);
	jw_kv_str(w, "path", path);
	if (!reach_may(c->m->reach, path, true))
		jw_kv_str(w, "text", "# its file system does not answer\n");
	else if (!may_read_file(c, peer, path))
		jw_kv_str(w, "text", "# closed to you by the rights of the file\n");
	else if (file_read_follow_at(AT_FDCWD, path, FILE_MAX, &text) == -1)
		jw_kv_strf(w, "text", "# cannot be read: %s\n", strerror(errno));
	else
		jw_kv_strn(w, "text", buf_str(&text), text.len);
	jw_end(w);
	buf_free(&text);
}

void
method_unit_cat(struct call *call, void *arg)
{
	struct control *c = arg;
	struct selection s;
	struct jw *w;

	if (select_units(c, call, SELECT_LOADED | SELECT_FILES, &s) == -1) {
		selection_clear(&s);
		return;
	}
	w = call_begin(call);
	jw_kv_arr(w, "files");
	for (size_t i = 0; i < s.n; i++) {
		const struct unit_conf *conf = s.v[i]->conf;
		const struct unit_source *profile = unit_conf_profile(conf);

		if (profile != NULL && profile->ino != 0)
			write_file(c, w, call_peer(call), profile->path);
		for (size_t j = 0; j < conf->n_sources; j++)
			if (conf->sources[j].ino != 0 && &conf->sources[j] != profile)
				write_file(c, w, call_peer(call), conf->sources[j].path);
	}
	jw_end(w);
	selection_clear(&s);
	call_reply(call);
}

/* ---- Show ---- */

struct show {
	struct jw *w;
	const struct jv *properties; /* NULL: all that are set */
	struct strv keys;            /* those there are, when some were asked for */
	const struct unit *u;
	bool closed; /* the caller cannot read the files: no value of a variable is shown
		      */
};

static bool
is_shown(const struct show *s, const char *key, const char *value)
{
	if (jv_type(s->properties) != JV_ARRAY)
		return *value != '\0';
	for (size_t i = 0; i < jv_count(s->properties); i++)
		if (fnmatch(jv_str(jv_at(s->properties, i), ""), key, FNM_CASEFOLD) == 0)
			return true;
	return false;
}

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

static void
show_setting(void *arg, const char *key, const char *value)
{
	struct show *s = arg;

	if (strcmp(key, "Environment") == 0) {
		char *text = masked_environment(s);

		show_one(s, key, text);
		free(text);
		return;
	}
	show_one(s, key, value);
}

static void
show_number(struct show *s, const char *key, int64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	show_one(s, key, text);
}

/* What it is now, by the names that users of systemd know. */
static void
show_state(struct show *s)
{
	const struct unit *u = s->u;
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);
	char time[CLOCK_TEXT_MAX];

	show_one(s, "Id", u->name);
	show_one(s, "LoadState", unit_load_state_name(u->conf->load_state));
	show_one(s, "ActiveState", render_active(u));
	show_one(s, "SubState", render_sub(u));
	show_one(s, "Result", render_result(u));
	show_one(s, "UnitFileState", render_enabled(u));
	show_one(s, "FragmentPath", u->conf->fragment == NULL ? "" : u->conf->fragment);
	show_one(s, "NeedDaemonReload", u->changed ? "yes" : "no");
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
		if (fnmatch(pattern, keys->v[i], FNM_CASEFOLD) == 0)
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
	struct unit *u = select_unit(c, call, "unit", SELECT_LOADED | SELECT_FILES);

	if (u == NULL)
		return;
	s.u = u;
	s.closed = !may_read_unit(c, call_peer(call), u->conf);
	s.w = call_begin(call);
	jw_kv_str(s.w, "unit", u->name);
	jw_kv_arr(s.w, "settings");
	show_state(&s);
	unit_conf_show(u->conf, show_setting, &s);
	if (jv_bool(jv_get(p, "resolved"), false) && u->conf->type == UNIT_SERVICE)
		show_environment(&s);
	jw_end(s.w);
	if (jv_type(s.properties) == JV_ARRAY)
		write_unknown(&s);
	strv_free(&s.keys);
	call_reply(call);
}

/* ---- Tree ---- */

struct tree {
	struct control *c;
	struct jw *w;
	struct map seen;
	size_t nodes;
	bool reverse;
};

static const struct {
	enum unit_dep dep;
	const char *kind;
} edges[] = {
	{ DEP_REQUIRES, "Requires" },
	{ DEP_REQUISITE, "Requisite" },
	{ DEP_BINDS_TO, "BindsTo" },
	{ DEP_WANTS, "Wants" },
};

enum { NEDGES = sizeof(edges) / sizeof(edges[0]) };

struct edge_list {
	struct strv names;
	struct strv kinds;
	const char *kind;
};

static void
add_edge(void *arg, struct job_unit *ju)
{
	struct edge_list *l = arg;

	if (strv_add_unique(&l->names, job_unit_name(ju)))
		strv_add(&l->kinds, l->kind);
}

/* The units at the other end of the edges of name, in the order of the table. */
static void
gather(struct tree *t, const char *name, struct edge_list *l)
{
	struct unit *u = unit_get(t->c->m, name);
	struct job_unit *ju = jobs_unit_find(t->c->m->jobs, name);

	for (size_t i = 0; i < NEDGES; i++) {
		l->kind = edges[i].kind;
		if (t->reverse) {
			if (ju != NULL)
				job_unit_each(ju, edges[i].dep, true, add_edge, l);
			continue;
		}
		for (size_t k = 0; u != NULL && k < u->conf->rules->deps[edges[i].dep].n;
		     k++) {
			const char *other = u->conf->rules->deps[edges[i].dep].v[k];

			if (strv_add_unique(&l->names, other))
				strv_add(&l->kinds, l->kind);
		}
	}
}

static void walk(struct tree *t, const char *name, const char *kind, unsigned depth);

static void
walk_edges(struct tree *t, const char *name, unsigned depth)
{
	struct edge_list l = { 0 };

	gather(t, name, &l);
	for (size_t i = 0; i < l.names.n; i++)
		walk(t, l.names.v[i], l.kinds.v[i], depth);
	strv_free(&l.names);
	strv_free(&l.kinds);
}

static void
walk(struct tree *t, const char *name, const char *kind, unsigned depth)
{
	const struct unit *u = unit_find(t->c->m, name);
	bool seen = map_has(&t->seen, name);

	if (t->nodes++ >= TREE_NODES_MAX)
		return;
	jw_obj(t->w);
	jw_kv_str(t->w, "unit", name);
	jw_kv_str(t->w, "state", u == NULL ? "inactive" : render_active(u));
	jw_kv_str(t->w, "substate", u == NULL ? "dead" : render_sub(u));
	jw_kv_i64(t->w, "depth", depth);
	jw_kv_str(t->w, "kind", kind);
	jw_kv_bool(t->w, "seen", seen);
	jw_end(t->w);
	if (seen || depth >= TREE_DEPTH_MAX)
		return;
	map_set(&t->seen, name, t);
	walk_edges(t, name, depth + 1);
}

static void
add_root(struct unit *u, void *arg)
{
	if (u->conf->load_state == UNIT_LOADED && unit_is_wanted(u, NULL))
		strv_add(arg, u->name);
}

void
method_unit_tree(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	struct tree t = { .c = c, .reverse = jv_bool(jv_get(p, "reverse"), false) };
	struct strv roots = { 0 };

	if (jv_type(jv_get(p, "unit")) == JV_STRING) {
		struct unit *u = select_unit(c, call, "unit", SELECT_LOADED);

		if (u == NULL)
			return;
		strv_add(&roots, u->name);
	} else {
		units_foreach(c->m, add_root, &roots);
		strv_sort(&roots);
	}
	t.w = call_begin(call);
	jw_kv_arr(t.w, "nodes");
	for (size_t i = 0; i < roots.n; i++)
		walk(&t, roots.v[i], "", 0);
	jw_end(t.w);
	map_clear(&t.seen, NULL);
	strv_free(&roots);
	call_reply(call);
}
