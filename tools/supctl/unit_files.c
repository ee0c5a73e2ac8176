/* unit_files: see the header.  Nothing here asks supd but whether the unit runs. */
#include "unit_files.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/effect.h"
#include "unit/line.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/origin.h"
#include "unit/table.h"

/* UnitPath= of the instance, if its supd.conf can be read. */
static char *
configured(struct ctl *ctl)
{
	char *named = ctl_run_path(ctl, UNIT_PATH_FILE);
	char *conf = instance_conf(ctl->in.root), *list = NULL;
	struct buf text = { 0 };
	struct supd_conf *sc;
	struct diags d;

	if (file_read_at(AT_FDCWD, named, UNIT_PATH_TEXT_MAX, &text) == 0) {
		list = xstrdup(buf_str(&text));
	} else {
		diags_init(&d);
		sc = supd_conf_load(conf, &d);
		list = xstrdup_opt(sc->unit_path);
		supd_conf_free(sc);
		diags_clear(&d);
	}
	buf_free(&text);
	free(conf);
	free(named);
	return list;
}

struct unit_paths *
unit_files_paths(struct ctl *ctl)
{
	enum unit_path_scope scope =
	    unit_scope_of_instance(instance_kind_of(ctl->in.root));
	char *list = configured(ctl);
	struct unit_paths *paths;
	struct diags d;

	diags_init(&d);
	paths = unit_paths_of_instance(ctl->in.root, ctl->in.run, scope, list, &d);
	for (size_t i = 0; i < d.n; i++)
		ctl_warn(ctl, "%s %s", d.v[i].file, d.v[i].text);
	diags_clear(&d);
	free(list);
	return paths;
}

/* The folder of the first of these kinds that the search path has. */
static const char *
dir_of_kind(const struct unit_paths *paths, enum unit_path_kind kind)
{
	for (size_t i = 0; i < unit_paths_count(paths); i++)
		if (unit_paths_kind(paths, i) == kind)
			return unit_paths_dir(paths, i);
	return NULL;
}

static const char *
own_dir(const struct unit_paths *paths, bool runtime)
{
	const char *dir =
	    dir_of_kind(paths, runtime ? UNIT_PATH_RUNTIME : UNIT_PATH_ADMIN);

	if (dir != NULL)
		return dir;
	return dir_of_kind(paths, runtime ? UNIT_PATH_TRANSIENT : UNIT_PATH_FOLDER);
}

int
unit_change_begin(struct ctl *ctl, struct unit_change *c, const char *word, bool runtime)
{
	int code = ctl_instance(ctl);
	struct diags d;
	char *conf;

	*c = (struct unit_change){ .ctl = ctl };
	if (code != 0)
		return code;
	c->unit = unit_name_add_suffix(word);
	if (c->unit == NULL)
		return ctl_fail(ctl, CTL_USAGE, "bad-name",
		    "a unit is called NAME.service", "%s is not the name of a unit",
		    word);
	c->paths = unit_files_paths(ctl);
	c->dir = xstrdup(own_dir(c->paths, runtime));
	conf = instance_conf(ctl->in.root);
	diags_init(&d);
	c->conf = supd_conf_load(conf, &d);
	c->before = unit_load(c->paths, c->conf, c->unit, &d);
	diags_clear(&d);
	free(conf);
	/* What it is called by another name. */
	if (strcmp(c->before->id, c->unit) != 0) {
		free(c->unit);
		c->unit = xstrdup(c->before->id);
	}
	return 0;
}

void
unit_change_clear(struct unit_change *c)
{
	unit_conf_free(c->before);
	unit_conf_free(c->after);
	supd_conf_free(c->conf);
	unit_paths_free(c->paths);
	free(c->unit);
	free(c->dir);
	strv_free(&c->names);
	strv_free(&c->texts);
	strv_free(&c->gone);
}

void
unit_change_put(struct unit_change *c, const char *name, const char *text)
{
	strv_add(&c->names, name);
	strv_add(&c->texts, text);
}

void
unit_change_remove(struct unit_change *c, const char *name)
{
	strv_add(&c->gone, name);
}

char *
unit_change_path(const struct unit_change *c, const char *name)
{
	return xasprintf("%s/%s", c->dir, name);
}

/* ---- the check ---- */

/* The folder of a file, open; it, and what is above it, may have to be made.  (run/ of an
 * instance is a link.) */
static int
open_folder(char *path)
{
	for (char *p = path + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		(void)mkdir(path, 0755);
		*p = '/';
	}
	if (mkdir(path, 0755) == -1 && errno != EEXIST)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A file that is there keeps its rights and its owner. */
static int
write_file(const char *dir, const char *name, const char *text, bool sync)
{
	char *path = xasprintf("%s/%s", dir, name);
	char *slash = strrchr(path, '/');
	struct stat st;
	bool there = lstat(path, &st) == 0 && S_ISREG(st.st_mode);
	int fd, r = -1;

	*slash = '\0';
	fd = open_folder(path);
	if (fd != -1) {
		r = file_write_atomic(fd, slash + 1, text, strlen(text),
		    there ? st.st_mode & 07777 : 0644, sync);
		if (r == 0 && there && st.st_uid != geteuid())
			r = fchownat(
			    fd, slash + 1, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
		fd_close(&fd);
	}
	free(path);
	return r;
}

/* A folder before all others of the search path that has the new texts: a file that is
 * removed is an empty one there. */
static int
make_overlay(const struct unit_change *c, char *dir)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	for (size_t i = 0; i < c->names.n; i++)
		if (write_file(dir, c->names.v[i], c->texts.v[i], false) == -1)
			return -1;
	for (size_t i = 0; i < c->gone.n; i++)
		if (write_file(dir, c->gone.v[i], "", false) == -1)
			return -1;
	return 0;
}

static void
remove_one(const char *dir, const char *name)
{
	char *path = xasprintf("%s/%s", dir, name);

	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	if (strcmp(path, dir) != 0)
		(void)rmdir(path);
	free(path);
}

static void
remove_overlay(const struct unit_change *c, const char *dir)
{
	for (size_t i = 0; i < c->names.n; i++)
		remove_one(dir, c->names.v[i]);
	for (size_t i = 0; i < c->gone.n; i++)
		remove_one(dir, c->gone.v[i]);
	(void)rmdir(dir);
}

/* As it will be called. */
static void
put_diag(struct unit_change *c, const char *overlay, const struct diag *g)
{
	size_t n = strlen(overlay);
	struct diag shown = *g;
	char *path = NULL, *text;

	if (strncmp(g->file, overlay, n) == 0 && g->file[n] == '/')
		shown.file = path = unit_change_path(c, g->file + n + 1);
	text = diag_format(&shown);
	ctl_note(c->ctl, "", text);
	free(text);
	free(path);
}

static bool
is_new(const char *overlay, const struct diag *g)
{
	return strncmp(g->file, overlay, strlen(overlay)) == 0;
}

static bool
judge(struct unit_change *c, const char *overlay, const struct diags *d)
{
	bool was_loaded = c->before->load_state == UNIT_LOADED;
	bool well = c->after->load_state == UNIT_LOADED ||
		    c->after->load_state == UNIT_MASKED || !was_loaded;

	for (size_t i = 0; i < d->n; i++) {
		bool fresh = is_new(overlay, &d->v[i]);

		if (fresh || (d->v[i].level == DIAG_ERROR && was_loaded))
			put_diag(c, overlay, &d->v[i]);
		if (fresh && d->v[i].level == DIAG_ERROR)
			well = false;
	}
	return well;
}

/* The keys that new drop-ins have, and where the values come from that hold then. */
struct held {
	struct origins *origins;
	const char *overlay;
	struct strv keys;
};

static void
on_line(void *arg, const struct unit_line *l)
{
	struct held *h = arg;
	char *name;

	origins_on_line(h->origins, l);
	if (l->row == NULL || l->row->form != FORM_DIRECTIVE || *l->value == '\0' ||
	    strncmp(l->file, h->overlay, strlen(h->overlay)) != 0 ||
	    strstr(l->file + strlen(h->overlay), ".d/") == NULL)
		return;
	name = directive_shown_name(l->row, l->rule);
	(void)strv_add_unique(&h->keys, name);
	free(name);
}

/* Of two files with one name the one in the earlier folder is read. */
static void
tell_hidden(struct unit_change *c)
{
	size_t n = unit_paths_count(c->paths);

	for (size_t i = 0; i < c->names.n; i++)
		for (size_t k = 0; k < n; k++) {
			const char *dir = unit_paths_dir(c->paths, k);
			char *path;

			if (strcmp(dir, c->dir) == 0)
				break;
			path = xasprintf("%s/%s", dir, c->names.v[i]);
			if (access(path, F_OK) == 0)
				ctl_warn(c->ctl, "%s/%s does not hold: %s goes before it",
				    c->dir, c->names.v[i], path);
			free(path);
		}
}

/* What is read after a new drop-in may say something else. */
static void
tell_overruled(struct unit_change *c, const struct held *h)
{
	for (size_t i = 0; i < h->keys.n; i++) {
		struct strv lines = { 0 };
		bool holds = false;

		origins_find(h->origins, h->keys.v[i], &lines);
		for (size_t k = 0; k < lines.n; k++)
			holds |= strncmp(lines.v[k], h->overlay, strlen(h->overlay)) == 0;
		if (lines.n > 0 && !holds)
			ctl_warn(c->ctl,
			    "%s= does not hold by this: %s is read later, and has "
			    "it, too",
			    h->keys.v[i], lines.v[lines.n - 1]);
		strv_free(&lines);
	}
}

/* The overlay goes before the folder that it will be written to, and no other. */
static void
add_dirs(const struct unit_change *c, struct unit_paths *paths, const char *overlay)
{
	size_t n = unit_paths_count(c->paths), at = 0;

	while (at < n && strcmp(unit_paths_dir(c->paths, at), c->dir) != 0)
		at++;
	for (size_t i = 0; i < n; i++) {
		if (i == (at < n ? at : 0))
			unit_paths_add(paths, overlay, UNIT_PATH_FOLDER);
		unit_paths_add(
		    paths, unit_paths_dir(c->paths, i), unit_paths_kind(c->paths, i));
	}
	unit_paths_add_shipped(paths);
}

bool
unit_change_check(struct unit_change *c)
{
	const char *tmp = getenv("TMPDIR");
	char *dir =
	    xasprintf("%s/supctl-XXXXXX", tmp != NULL && *tmp == '/' ? tmp : "/tmp");
	struct unit_paths *paths = unit_paths_new();
	struct held held = { .origins = origins_new(), .overlay = dir };
	struct diags d;
	bool well = false;

	unit_conf_free(c->after);
	c->after = NULL;
	diags_init(&d);
	if (make_overlay(c, dir) == -1) {
		ctl_warn(c->ctl, "a folder to check it in cannot be made in %s: %s", dir,
		    strerror(errno));
	} else {
		add_dirs(c, paths, dir);
		unit_paths_on_line(paths, on_line, &held);
		c->after = unit_load(paths, c->conf, c->unit, &d);
		well = judge(c, dir, &d);
		if (well) {
			tell_hidden(c);
			tell_overruled(c, &held);
		}
	}
	remove_overlay(c, dir);
	diags_clear(&d);
	unit_paths_free(paths);
	origins_free(held.origins);
	strv_free(&held.keys);
	free(dir);
	return well;
}

/* ---- the deed ---- */

int
unit_change_write(struct unit_change *c)
{
	for (size_t i = 0; i < c->names.n; i++)
		if (write_file(c->dir, c->names.v[i], c->texts.v[i], true) == -1)
			return ctl_fail(c->ctl,
			    errno == EACCES || errno == EPERM ? CTL_DENIED : CTL_FAILED,
			    "write", NULL, "%s/%s cannot be written: %s", c->dir,
			    c->names.v[i], strerror(errno));
	for (size_t i = 0; i < c->gone.n; i++)
		remove_one(c->dir, c->gone.v[i]);
	return 0;
}

/* Whether supd says that it runs; false, too, when nobody answers at once: the files are
 * written, and that is what was asked for. */
static bool
runs(struct unit_change *c)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf params = { 0 }, why = { 0 };
	struct reply r = { 0 };
	const char *state;
	bool yes = false;

	jw_obj(w);
	jw_kv_str(w, "unit", c->unit);
	jw_kv_arr(w, "properties");
	jw_str(w, "ActiveState");
	jw_end(w);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	if (ctl_call_quietly(c->ctl, "io.supd.Unit.Show", buf_str(&params), false,
		clock_add_us(clock_mono_us(), 2 * USEC_PER_SEC), &r, &why) == CLIENT_OK) {
		state = jv_str(
		    jv_get(jv_at(jv_get(r.params, "settings"), 0), "value"), "inactive");
		yes = strcmp(state, "inactive") != 0 && strcmp(state, "failed") != 0;
	}
	reply_clear(&r);
	buf_free(&params);
	buf_free(&why);
	return yes;
}

struct telling {
	struct unit_change *c;
	struct jw *w;
	bool runs;
	size_t n;
	size_t by_effect[EFFECT_N];
};

/* A value that may be a secret is for the file alone. */
static bool
is_secret(const char *key)
{
	return strstr(key, "Environment") != NULL || strstr(key, "Credential") != NULL;
}

static void
tell_one(void *arg, const char *key, const char *old, const char *new)
{
	struct telling *t = arg;
	const struct directive *d = directive_by_shown_name(t->c->after->type, key);
	enum effect e = d != NULL ? directive_effect(d) : EFFECT_RESTART;
	struct ctl *ctl = t->c->ctl;

	t->n++;
	t->by_effect[e]++;
	if (t->w != NULL) {
		jw_obj(t->w);
		jw_kv_str(t->w, "key", key);
		jw_kv_str(t->w, "old", is_secret(key) ? "***" : old);
		jw_kv_str(t->w, "new", is_secret(key) ? "***" : new);
		jw_kv_str(t->w, "class", t->runs ? effect_name(e) : "now");
		jw_end(t->w);
	} else if (!ctl->quiet) {
		ctl_printf(ctl, "  ");
		ctl_put(ctl, key);
		if (!is_secret(key)) {
			ctl_printf(ctl, ": \"");
			ctl_put(ctl, old);
			ctl_printf(ctl, "\" -> \"");
			ctl_put(ctl, new);
			ctl_printf(ctl, "\"");
		}
		ctl_printf(ctl, "\n");
	}
}

static void
tell_when(const struct telling *t)
{
	struct ctl *ctl = t->c->ctl;
	const char *unit = t->c->unit;

	if (t->n == 0)
		ctl_printf(ctl, "it means the same as before\n");
	else if (!t->runs)
		ctl_printf(ctl, "it holds from the next start on\n");
	else if (t->by_effect[EFFECT_RESTART] > 0)
		ctl_printf(ctl,
		    "%s runs: it holds from the next start on (supctl restart %s)\n",
		    unit, unit);
	else if (t->by_effect[EFFECT_NOW] > 0)
		ctl_printf(ctl, "%s runs: supctl daemon-reload makes it hold\n", unit);
	else
		ctl_printf(ctl, "%s runs: it holds from the next start on\n", unit);
}

void
unit_change_tell(struct unit_change *c)
{
	struct telling t = { .c = c, .runs = runs(c) };

	if (c->ctl->json) {
		t.w = ctl_json_new(c->ctl);
		jw_obj(t.w);
		jw_kv_str(t.w, "unit", c->unit);
		jw_kv_arr(t.w, "written");
		for (size_t i = 0; i < c->names.n; i++)
			jw_strf(t.w, "%s/%s", c->dir, c->names.v[i]);
		jw_end(t.w);
		jw_kv_arr(t.w, "removed");
		for (size_t i = 0; i < c->gone.n; i++)
			jw_strf(t.w, "%s/%s", c->dir, c->gone.v[i]);
		jw_end(t.w);
		jw_kv_bool(t.w, "runs", t.runs);
		jw_kv_arr(t.w, "changed");
	} else if (!c->ctl->quiet) {
		for (size_t i = 0; i < c->names.n; i++)
			ctl_printf(c->ctl, "wrote %s/%s\n", c->dir, c->names.v[i]);
		for (size_t i = 0; i < c->gone.n; i++)
			ctl_printf(c->ctl, "removed %s/%s\n", c->dir, c->gone.v[i]);
	}
	unit_conf_diff(c->before, c->after, tell_one, &t);
	if (t.w != NULL) {
		jw_end(t.w);
		jw_end(t.w);
		ctl_json_take(c->ctl, t.w);
	} else if (!c->ctl->quiet) {
		tell_when(&t);
	}
}
