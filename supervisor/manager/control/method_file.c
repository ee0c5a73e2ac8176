/*
 * Unit.Cat, Tree: what the files say.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/job/job.h"
#include "manager/service/service.h"
#include "manager/watch/reach.h"
#include "unit/builtin.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/table.h"

enum {
	FILE_MAX = 1024 * 1024,
	TREE_DEPTH_MAX = 64,
	TREE_NODES_MAX = 20000,
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

bool
control_may_read_unit(
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

/* What a unit without a file would have in one. */
static void
write_builtin(struct jw *w, const char *name)
{
	struct buf text = { 0 };

	builtin_text(name, &text);
	jw_obj(w);
	jw_kv_strf(w, "path", "(built in) %s", name);
	jw_kv_strn(w, "text", buf_str(&text), text.len);
	jw_end(w);
	buf_free(&text);
}

/* NAME.wants and its like: their links are dependencies, and no text. */
static bool
is_link_folder(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot != NULL &&
	       (strcmp(dot, ".wants") == 0 || strcmp(dot, ".requires") == 0 ||
		   strcmp(dot, ".upholds") == 0);
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

		if (conf->builtin)
			write_builtin(w, conf->id);
		if (profile != NULL && profile->ino != 0)
			write_file(c, w, call_peer(call), profile->path);
		for (size_t j = 0; j < conf->n_sources; j++)
			if (conf->sources[j].ino != 0 && &conf->sources[j] != profile &&
			    !is_link_folder(conf->sources[j].path))
				write_file(c, w, call_peer(call), conf->sources[j].path);
	}
	jw_end(w);
	selection_clear(&s);
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
			if (ju != NULL)
				job_unit_each_implied(
				    ju, edges[i].dep, true, add_edge, l);
			continue;
		}
		for (size_t k = 0; u != NULL && k < u->conf->rules->deps[edges[i].dep].n;
		     k++) {
			const char *other = u->conf->rules->deps[edges[i].dep].v[k];

			if (strv_add_unique(&l->names, other))
				strv_add(&l->kinds, l->kind);
		}
		if (u != NULL)
			job_unit_each_implied(
			    u->job_unit, edges[i].dep, false, add_edge, l);
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
