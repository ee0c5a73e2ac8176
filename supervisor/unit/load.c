/*
 * load: from a name to a conf.  paths says which files, parse reads them, verify judges
 * the whole.
 */
#include "unit/load.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "unit/builtin.h"
#include "unit/defaults.h"
#include "unit/file.h"
#include "unit/pack.h"
#include "unit/parse.h"
#include "unit/paths.h"
#include "unit/profile.h"
#include "unit/resolve.h"
#include "unit/verify.h"
#include "unit/verify_session.h"

static const char *const load_state_names[UNIT_NLOAD_STATES] = {
	[UNIT_LOADED] = "loaded",
	[UNIT_NOT_FOUND] = "not-found",
	[UNIT_BAD_SETTING] = "bad-setting",
	[UNIT_LOAD_ERROR] = "error",
	[UNIT_MASKED] = "masked",
};

const char *
unit_load_state_name(enum unit_load_state s)
{
	return s < UNIT_NLOAD_STATES ? load_state_names[s] : "?";
}

/* ---- life ---- */

static struct unit_parts *
parts_new(const struct unit_paths *paths, const struct supd_conf *sc, const char *id)
{
	struct unit_parts *parts = xmemdup(&paths->defaults, sizeof(*parts));
	struct unit_conf *conf = &parts->unit;

	conf->type = unit_name_type(id);
	conf->rules = &parts->rules;
	conf->service = &parts->service;
	conf->session = &parts->session;
	conf->trigger = unit_type_triggers(conf->type) || conf->type == UNIT_POOL
			    ? &parts->trigger
			    : NULL;
	memset(parts->rules.set, 0, sizeof(parts->rules.set));
	if (sc != NULL)
		defaults_inherit(parts, sc);
	conf->id = xstrdup(id);
	conf->stem = unit_name_stem(id);
	conf->prefix = unit_name_prefix(id);
	conf->instance = unit_name_instance(id);
	return parts;
}

void
unit_conf_free(struct unit_conf *conf)
{
	/* Every conf that is handed out was packed. */
	conf_pack_free(conf);
}

/* ---- loading ---- */

/* One load in progress. */
struct load {
	struct unit_paths *paths;
	const struct supd_conf *sc;
	struct unit_parts *parts;
	struct unit_conf *conf; /* its unit */
	struct unit_parts base; /* what an empty assignment restores */
	struct specifier spec;
	struct diags *diags;
	struct places places;
	char *profile; /* its name; NULL: none */
	size_t n_errors;
	size_t room;    /* see parse.h; 0: it ran out, and that was said */
	bool too_large; /* likewise, of the files as they are */
	bool unreadable;
	bool rejected;
};

/* A file that is read before any is understood: one of them names the profile. */
struct piece {
	const char *path;
	struct buf text;
	bool whole;
};

static void
load_begin(struct load *l, struct unit_paths *paths, const struct supd_conf *sc,
    const char *id, struct diags *d)
{
	memset(l, 0, sizeof(*l));
	l->paths = paths;
	l->sc = sc;
	l->parts = parts_new(paths, sc, id);
	l->conf = &l->parts->unit;
	l->base = paths->defaults;
	if (sc != NULL)
		defaults_inherit(&l->base, sc);
	l->diags = d;
	l->room = UNIT_BYTES_MAX;
	l->spec = (struct specifier){
		.host = &paths->host,
		.id = l->conf->id,
		.prefix = l->conf->prefix,
		.instance = l->conf->instance,
	};
}

static void
parse_begin(struct load *l, const char *file, struct parse *p)
{
	*p = (struct parse){
		.diags = l->diags,
		.file = file,
		.target = l->parts,
		.base = &l->base,
		.set = l->parts->rules.set,
		.parts = l->parts,
		.spec = &l->spec,
		.defaults = l->sc,
		.places = &l->places,
		.room = &l->room,
		.on_line = l->paths->on_line,
	};
}

/* Whether a file of that length may still be read; else says so. */
static bool
take_file_room(struct load *l, const char *file, size_t len)
{
	if (l->too_large)
		return false;
	if (len <= l->room) {
		l->room -= len;
		return true;
	}
	diag_add(l->diags, DIAG_ERROR, file, 0, 0, NULL,
	    "the files of the unit are larger than %d MiB", UNIT_BYTES_MAX >> 20);
	l->n_errors++;
	l->too_large = true;
	return false;
}

static void
load_text(struct load *l, const char *file, const char *text, size_t len, bool profile)
{
	struct parse p;

	if (l->room == 0)
		return;
	parse_begin(l, file, &p);
	p.profile = profile;
	parse_text(&p, text, len);
	l->n_errors += p.n_errors;
	l->rejected = l->rejected || p.rejected;
}

/* What was changed in the tick in which it was read, or later by a clock that is ahead,
 * can have changed again without another time: its text is to be looked at the next time.
 */
static int64_t
settled_ctime(const struct unit_source *s, int64_t before_ns)
{
	return s->wall_ctime_ns < before_ns ? s->wall_ctime_ns : 0;
}

/* Reads a file into PIECE, which borrows PATH, and looks for Profile= in it. */
static void
read_piece(struct load *l, const char *path, struct unit_source *source, bool profile,
    struct piece *piece)
{
	int64_t before_ns = clock_file_ns();
	struct stat st;

	piece->path = path;
	if (l->too_large)
		return;
	if (paths_touch(l->paths, path, true) == -1 ||
	    unit_file_read(path, &piece->text, &st) == -1) {
		diag_add(l->diags, DIAG_ERROR, path, 0, 0, NULL, "cannot be read: %s",
		    unit_file_strerror(errno));
		l->unreadable = true;
		source->size = -1; /* no file is like it: it is tried again */
		return;
	}
	/* As it was when it was read, so that a later change is seen. */
	free(source->path);
	source_from_stat(source, path, &st);
	source->wall_ctime_ns = settled_ctime(source, before_ns);
	source->sum = source_sum(buf_str(&piece->text), piece->text.len);
	piece->whole = take_file_room(l, path, piece->text.len);
	if (piece->whole && !profile)
		profile_scan(
		    buf_str(&piece->text), piece->text.len, &l->spec, &l->profile);
}

static void
load_piece(struct load *l, struct piece *piece, bool profile)
{
	if (piece->whole)
		load_text(
		    l, piece->path, buf_str(&piece->text), piece->text.len, profile);
	buf_free(&piece->text);
}

/* The profile of the unit, one of its sources, whether it is there or not. */
static void
load_profile(struct load *l)
{
	struct unit_conf *conf = l->conf;
	struct unit_source *source;
	struct piece piece = { 0 };
	char *path;

	if (l->profile == NULL)
		return;
	conf->sources =
	    xreallocarray(conf->sources, conf->n_sources + 1, sizeof(*conf->sources));
	source = &conf->sources[conf->n_sources++];
	if (!profile_find(l->paths, l->profile, source))
		return;
	path = xstrdup(source->path);
	read_piece(l, path, source, true, &piece);
	/* Places name the file as long as the unit is loaded. */
	piece.path = source->path;
	load_piece(l, &piece, true);
	free(path);
}

/* Where Profile= stands is known when the unit was read. */
static void
tell_missing_profile(struct load *l)
{
	const struct unit_source *source;
	const struct place *at;
	char *near, *hint;

	if (l->profile == NULL)
		return;
	source = &l->conf->sources[l->conf->n_sources - 1];
	if (source->ino != 0 || l->paths->unanswered)
		return;
	at = place_find(&l->places, directive_find(SECTION_SESSION, "Profile"), NULL);
	near = profile_nearest(l->paths, l->profile);
	hint = near != NULL ? xasprintf("did you mean %s?", near)
			    : xasprintf("it would be %s", source->path);
	diag_add(l->diags, DIAG_ERROR, at != NULL ? at->file : l->conf->id,
	    at != NULL ? at->line : 0, at != NULL ? at->col : 0, hint,
	    "there is no profile %s", l->profile);
	l->n_errors++;
	free(hint);
	free(near);
}

/* Each entry of NAME.wants and its like is a dependency. */
static void
load_links(struct load *l, const struct strv *dirs, enum unit_dep kind)
{
	for (size_t i = 0; i < dirs->n; i++) {
		DIR *dir = paths_touch(l->paths, dirs->v[i], true) == 0
			       ? opendir(dirs->v[i])
			       : NULL;
		struct strv names = { 0 };
		struct dirent *de;

		if (dir == NULL)
			continue;
		while ((de = readdir(dir)) != NULL)
			if (unit_name_is_valid(de->d_name))
				strv_add(&names, de->d_name);
		closedir(dir);
		strv_sort(&names);
		for (size_t j = 0; j < names.n; j++) {
			char *made = NULL;

			if (unit_name_is_template(names.v[j])) {
				if (l->conf->instance == NULL)
					continue;
				made = unit_name_replace_instance(
				    names.v[j], l->conf->instance);
				if (made == NULL)
					continue;
			}
			if (l->parts->rules.deps[kind].n == UNIT_LIST_MAX) {
				diag_add(l->diags, DIAG_ERROR, dirs->v[i], 0, 0, NULL,
				    "more than %d dependencies", UNIT_LIST_MAX);
				l->n_errors++;
				free(made);
				break;
			}
			strv_add_unique(&l->parts->rules.deps[kind],
			    made != NULL ? made : names.v[j]);
			free(made);
		}
		strv_free(&names);
	}
}

/* A profile is no whole unit: it needs no command. */
static void
load_finish(struct load *l, bool profile)
{
	struct unit_conf *conf = l->conf;
	struct diags whole;
	struct parse p;

	parse_begin(l, conf->id, &p);
	if (l->parts->session.any)
		parse_session_defaults(&p);
	conf_complete(l->parts);
	diags_init(&whole);
	/* What a bad line or file left out is not missing: it was told already. */
	if (!l->unreadable && !l->rejected) {
		if (!profile)
			conf_verify(conf, l->n_errors > 0, &whole);
		session_verify(conf, &l->places, &whole);
	}
	for (size_t i = 0; i < whole.n; i++)
		diag_add(l->diags, whole.v[i].level, whole.v[i].file, whole.v[i].line,
		    whole.v[i].col, whole.v[i].hint, "%s", whole.v[i].text);
	l->n_errors += whole.n_errors;
	diags_clear(&whole);
	free(l->places.v);
	free(l->profile);
	if (l->unreadable)
		conf->load_state = UNIT_LOAD_ERROR;
	else if (l->n_errors > 0)
		conf->load_state = UNIT_BAD_SETTING;
}

/* supd itself has written it. */
static bool
is_transient(const struct load *l)
{
	const char *path = l->conf->fragment;

	for (size_t i = 0; path != NULL && i < unit_paths_count(l->paths); i++) {
		const char *dir = unit_paths_dir(l->paths, i);
		size_t n = strlen(dir);

		if (unit_paths_kind(l->paths, i) == UNIT_PATH_TRANSIENT &&
		    strncmp(path, dir, n) == 0 && path[n] == '/')
			return true;
	}
	return false;
}

/* Types that have no loader: their files are named, not read.  A scope is of processes
 * that are there already: nobody else can write one. */
static bool
refuse_type(struct load *l)
{
	bool scope = l->conf->type == UNIT_SCOPE;
	const char *type = unit_type_name(l->conf->type);

	if (unit_type_is_known(l->conf->type) || l->conf->builtin ||
	    (scope && is_transient(l)))
		return false;
	if (l->conf->load_state == UNIT_LOADED) {
		diag_add(l->diags, DIAG_ERROR, l->conf->fragment, 0, 0, NULL,
		    scope ? "%ss are made by supctl run --scope, not by files"
			  : "supd has no %s units",
		    type);
		l->conf->load_state = UNIT_BAD_SETTING;
	}
	conf_complete(l->parts);
	return true;
}

/* Before its drop-ins, as its file would be. */
static void
load_builtin(struct load *l)
{
	struct buf text = { 0 };

	builtin_text(l->conf->id, &text);
	load_text(l, l->conf->id, buf_str(&text), text.len, false);
	buf_free(&text);
}

static void
load_resolved(struct load *l, struct resolved *r)
{
	struct unit_conf *conf = l->conf;
	size_t n = 1 + r->drop_ins.n, first = r->builtin ? 1 : 0;
	struct piece *pieces;

	conf->load_state = r->state;
	conf->aliases = r->aliases;
	conf->fragment = r->fragment;
	conf->sources = r->sources;
	conf->n_sources = r->n_sources;
	conf->builtin = r->builtin;
	memset(&r->aliases, 0, sizeof(r->aliases));
	r->fragment = NULL;
	r->sources = NULL;
	r->n_sources = 0;
	l->spec.fragment = conf->fragment;
	if (r->state != UNIT_LOADED) {
		conf_complete(l->parts);
		return;
	}
	if (refuse_type(l))
		return;
	if (r->builtin)
		load_builtin(l);
	pieces = xcalloc(n, sizeof(*pieces));
	for (size_t i = first; i < n; i++)
		read_piece(l, i == 0 ? conf->fragment : r->drop_ins.v[i - 1],
		    &conf->sources[i - first], false, &pieces[i]);
	load_profile(l);
	for (size_t i = first; i < n; i++)
		load_piece(l, &pieces[i], false);
	free(pieces);
	tell_missing_profile(l);
	load_links(l, &r->wants, DEP_WANTS);
	load_links(l, &r->requires, DEP_REQUIRES);
	load_links(l, &r->upholds, DEP_UPHOLDS);
	load_finish(l, false);
}

/* What was not looked at might say anything, whatever the rest is. */
static void
load_unanswered(struct load *l)
{
	diag_add(l->diags, DIAG_ERROR, l->conf->id, 0, 0, "it is loaded when they answer",
	    "some of its files are on a file system that does not answer");
	l->conf->load_state = UNIT_LOAD_ERROR;
}

/* A conf for a name that is none. */
static struct unit_conf *
load_bad_name(struct unit_paths *paths, const struct supd_conf *sc, const char *name,
    struct diags *d)
{
	struct unit_parts *parts = parts_new(paths, sc, name);

	diag_add(d, DIAG_ERROR, name, 0, 0,
	    "NAME.service or NAME@INSTANCE.service, of letters, digits and :-_.\\",
	    "not the name of a unit");
	parts->unit.load_state = UNIT_BAD_SETTING;
	conf_complete(parts);
	return conf_pack(paths->pool, parts);
}

struct unit_conf *
unit_load(struct unit_paths *paths, const struct supd_conf *sc, const char *name,
    struct diags *d)
{
	struct resolved r;
	struct load l;

	if (!unit_name_is_valid(name))
		return load_bad_name(paths, sc, name, d);
	paths->unanswered = false;
	resolve_unit(paths, name, NULL, &r, d);
	load_begin(&l, paths, sc, r.id, d);
	load_resolved(&l, &r);
	if (paths->unanswered)
		load_unanswered(&l);
	resolved_clear(&r);
	return conf_pack(paths->pool, l.parts);
}

struct unit_conf *
unit_load_text(struct unit_paths *paths, const struct supd_conf *sc, const char *name,
    const char *file, const char *text, size_t len, struct diags *d)
{
	struct load l;

	if (!unit_name_is_valid(name))
		return load_bad_name(paths, sc, name, d);
	paths->unanswered = false;
	load_begin(&l, paths, sc, name, d);
	l.conf->fragment = xstrdup(file);
	l.spec.fragment = l.conf->fragment;
	if (!refuse_type(&l)) {
		if (take_file_room(&l, file, len)) {
			profile_scan(text, len, &l.spec, &l.profile);
			load_profile(&l);
			load_text(&l, file, text, len, false);
			tell_missing_profile(&l);
		}
		load_finish(&l, false);
	}
	return conf_pack(paths->pool, l.parts);
}

bool
unit_conf_has_instances(const struct unit_conf *conf)
{
	const struct unit_session *s = conf->session;

	return s != NULL && unit_name_is_template(conf->id) &&
	       (s->instances.json_file != NULL || s->instances.glob != NULL);
}

/* A profile stands behind all others. */
const struct unit_source *
unit_conf_profile(const struct unit_conf *conf)
{
	const char *profile =
	    conf->session != NULL ? conf->session->session.profile : NULL;

	return profile != NULL && conf->n_sources > 0
		   ? &conf->sources[conf->n_sources - 1]
		   : NULL;
}

/* A file that makes no whole unit. */
static void
verify_part(struct unit_paths *paths, const char *path, const char *name, bool profile,
    struct diags *d)
{
	struct unit_source source = { 0 };
	struct piece piece = { 0 };
	struct load l;

	load_begin(&l, paths, NULL, name, d);
	l.conf->fragment = xstrdup(path);
	l.spec.fragment = l.conf->fragment;
	read_piece(&l, path, &source, true, &piece);
	load_piece(&l, &piece, profile);
	/* It is for units that have one. */
	l.parts->session.session.terminal |= profile;
	load_finish(&l, true);
	free(source.path);
	conf_pack_free(conf_pack(paths->pool, l.parts));
}

void
unit_profile_verify(
    struct unit_paths *paths, const char *path, const char *name, struct diags *d)
{
	verify_part(paths, path, name, true, d);
}

void
unit_drop_in_verify(
    struct unit_paths *paths, const char *path, const char *name, struct diags *d)
{
	verify_part(paths, path, name, false, d);
}

char *
unit_real_name(struct unit_paths *paths, const char *name)
{
	paths->unanswered = false;
	return resolve_name(paths, name);
}

bool
unit_name_is_there(struct unit_paths *paths, const char *name)
{
	paths->unanswered = false;
	return resolve_is_there(paths, name);
}

/* Whether the file is another one than was read.  When only the time of its inode differs
 * its text decides, and that time is noted, so that it is not read the next time. */
static bool
is_other(struct unit_paths *paths, struct unit_source *was, const struct unit_source *now)
{
	int64_t before_ns = clock_file_ns();
	struct buf text = { 0 };
	struct stat st;
	bool other = true;

	if (!source_equal(was, now))
		return true;
	if (was->wall_ctime_ns == now->wall_ctime_ns)
		return false;
	if (paths_touch(paths, now->path, true) == 0 &&
	    unit_file_read(now->path, &text, &st) == 0)
		other = source_sum(buf_str(&text), text.len) != was->sum;
	if (!other)
		was->wall_ctime_ns = settled_ctime(now, before_ns);
	buf_free(&text);
	return other;
}

bool
unit_conf_changed(struct unit_paths *paths, struct unit_conf *conf)
{
	const struct unit_source *profile = unit_conf_profile(conf);
	size_t n = conf->n_sources - (profile != NULL ? 1 : 0);
	struct resolved r;
	bool changed;

	if (!unit_name_is_valid(conf->id))
		return false;
	paths->unanswered = false;
	resolve_unit(paths, conf->id, &conf->aliases, &r, NULL);
	changed = r.n_sources != n || strcmp(r.id, conf->id) != 0;
	for (size_t i = 0; !changed && i < r.n_sources; i++)
		changed = is_other(paths, &conf->sources[i], &r.sources[i]);
	resolved_clear(&r);
	if (!changed && profile != NULL) {
		struct unit_source now;

		profile_find(paths, conf->session->session.profile, &now);
		changed = is_other(paths, &conf->sources[n], &now);
		free(now.path);
	}
	return changed && !paths->unanswered;
}
