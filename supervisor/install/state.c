/*
 * state: how a unit stands, by the links on the search path.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "install/install_int.h"
#include "install/preset.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "unit/name.h"
#include "unit/paths.h"

static const struct {
	const char *name;
	bool on;
} states[INSTALL_NSTATES] = {
	[INSTALL_ENABLED] = { "enabled", true },
	[INSTALL_ENABLED_RUNTIME] = { "enabled-runtime", true },
	[INSTALL_LINKED] = { "linked", false },
	[INSTALL_LINKED_RUNTIME] = { "linked-runtime", false },
	[INSTALL_ALIAS] = { "alias", true },
	[INSTALL_MASKED] = { "masked", false },
	[INSTALL_MASKED_RUNTIME] = { "masked-runtime", false },
	[INSTALL_STATIC] = { "static", true },
	[INSTALL_INDIRECT] = { "indirect", true },
	[INSTALL_DISABLED] = { "disabled", false },
	[INSTALL_GENERATED] = { "generated", true },
	[INSTALL_TRANSIENT] = { "transient", false },
	[INSTALL_BAD] = { "bad", false },
	[INSTALL_NOT_FOUND] = { "not-found", false },
};

const char *
install_state_name(enum install_state s)
{
	return states[s].name;
}

enum install_state
install_state_find(const char *word)
{
	int i = 0;

	while (i < INSTALL_NSTATES && strcmp(states[i].name, word) != 0)
		i++;
	return (enum install_state)i;
}

bool
install_state_is_on(enum install_state s)
{
	return s < INSTALL_NSTATES && states[s].on;
}

/* ---- the index ---- */

struct link {
	size_t dir;  /* of the search path */
	char *below; /* the unit whose folder of links it is in, NULL: in none */
	char *name;
	char *file; /* what it leads to, an absolute path */
};

/* The links with one name, or that lead to files of one name. */
struct link_list {
	struct link **v;
	size_t n;
};

struct install_index {
	struct unit_paths *paths;
	struct link **v;
	size_t n;
	struct map by_name, by_base; /* to struct link_list */
	struct map first;            /* of each name the highest folder, counted from 1 */
	struct strv names;           /* of unit files */
	struct strv unread;          /* folders that are there */
	struct presets *presets;     /* NULL: nobody asked for them */
};

static void
put(struct map *map, const char *key, struct link *link)
{
	struct link_list *list = map_get(map, key);

	if (list == NULL) {
		list = xcalloc(1, sizeof(*list));
		map_set(map, key, list);
	}
	list->v = xreallocarray(list->v, list->n + 1, sizeof(struct link *));
	list->v[list->n++] = link;
}

static void
add_link(struct install_index *x, size_t dir, const char *path, const char *below, int at,
    const char *name)
{
	char target[4096];
	ssize_t n = readlinkat(at, name, target, sizeof(target) - 1);
	struct link *link;

	if (n <= 0)
		return;
	target[n] = '\0';
	link = xcalloc(1, sizeof(*link));
	link->dir = dir;
	link->below = below != NULL ? xstrdup(below) : NULL;
	link->name = xstrdup(name);
	link->file = target[0] == '/' ? xasprintf("%s%s", x->paths->root, target)
				      : xasprintf("%s/%s", path, target);
	x->v = xreallocarray(x->v, x->n + 1, sizeof(struct link *));
	x->v[x->n++] = link;
	put(&x->by_name, name, link);
	put(&x->by_base, strrchr(link->file, '/') + 1, link);
}

/* The unit of "multi-user.target.wants"; malloc'd. */
static char *
unit_of(const char *folder)
{
	return xstrndup(folder, (size_t)(strrchr(folder, '.') - folder));
}

static DIR *
open_folder(struct install_index *x, const char *path)
{
	DIR *d = paths_opendir(x->paths, path);

	if (d == NULL && errno != ENOENT)
		strv_add(&x->unread, path);
	return d;
}

/* NULL: there is none, or no more can be read. */
static struct dirent *
next_entry(struct install_index *x, DIR *d, const char *path)
{
	struct dirent *e;

	if (d == NULL)
		return NULL;
	errno = 0;
	e = readdir(d);
	if (e == NULL && errno != 0)
		strv_add(&x->unread, path);
	return e;
}

static void
scan_links(struct install_index *x, size_t dir, const char *folder)
{
	char *path = xasprintf("%s/%s", x->paths->v[dir].dir, folder),
	     *below = unit_of(folder);
	DIR *d = open_folder(x, path);
	struct dirent *e;

	while ((e = next_entry(x, d, path)) != NULL)
		if (e->d_name[0] != '.' && unit_name_is_valid(e->d_name))
			add_link(x, dir, path, below, dirfd(d), e->d_name);
	if (d != NULL)
		closedir(d);
	free(path);
	free(below);
}

int
install_index_check(const struct install_index *x, struct diags *d)
{
	for (size_t i = 0; i < x->unread.n; i++)
		diag_add(d, DIAG_ERROR, x->unread.v[i], 0, 0,
		    "who may read it has to ask", "the folder cannot be read");
	return x->unread.n > 0 ? -1 : 0;
}

static void
scan_folder(struct install_index *x, size_t dir)
{
	DIR *d = open_folder(x, x->paths->v[dir].dir);
	struct strv folders = { 0 };
	struct dirent *e;
	struct stat st;

	while ((e = next_entry(x, d, x->paths->v[dir].dir)) != NULL) {
		bool is_unit = unit_name_is_valid(e->d_name);

		if (e->d_name[0] == '.' ||
		    (!is_unit && !install_is_link_folder(e->d_name)))
			continue;
		if (!is_unit) {
			strv_add(&folders, e->d_name);
			continue;
		}
		if (e->d_type == DT_UNKNOWN &&
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			e->d_type = S_ISLNK(st.st_mode)   ? DT_LNK
				    : S_ISREG(st.st_mode) ? DT_REG
							  : DT_DIR;
		if (e->d_type == DT_LNK)
			add_link(x, dir, x->paths->v[dir].dir, NULL, dirfd(d), e->d_name);
		if ((e->d_type == DT_LNK || e->d_type == DT_REG) &&
		    !map_has(&x->first, e->d_name)) {
			strv_add(&x->names, e->d_name);
			map_set(&x->first, e->d_name, (void *)(uintptr_t)(dir + 1));
		}
	}
	if (d != NULL)
		closedir(d);
	for (size_t i = 0; i < folders.n; i++)
		scan_links(x, dir, folders.v[i]);
	strv_free(&folders);
}

struct install_index *
install_index_new(struct unit_paths *paths)
{
	struct install_index *x = xcalloc(1, sizeof(*x));

	x->paths = paths;
	for (size_t i = 0; i < paths->n; i++)
		scan_folder(x, i);
	strv_sort(&x->names);
	return x;
}

static void
free_list(void *value)
{
	struct link_list *list = value;

	free(list->v);
	free(list);
}

void
install_index_free(struct install_index *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < x->n; i++) {
		free(x->v[i]->below);
		free(x->v[i]->name);
		free(x->v[i]->file);
		free(x->v[i]);
	}
	free(x->v);
	map_clear(&x->by_name, free_list);
	map_clear(&x->by_base, free_list);
	map_clear(&x->first, NULL);
	strv_free(&x->names);
	strv_free(&x->unread);
	presets_free(x->presets);
	free(x);
}

void
install_list(struct install_index *x, struct strv *names)
{
	strv_add_all(names, &x->names);
}

const char *
install_folder(struct install_index *x, const char *name, enum unit_path_kind *kind)
{
	size_t first = (uintptr_t)map_get(&x->first, name);

	if (first == 0)
		return NULL;
	*kind = x->paths->v[first - 1].kind;
	return x->paths->v[first - 1].dir;
}

void
install_wanted_by(struct install_index *x, const char *name, struct strv *units)
{
	const struct link_list *list = map_get(&x->by_name, name);

	for (size_t i = 0; list != NULL && i < list->n; i++)
		if (list->v[i]->below != NULL)
			(void)strv_add_unique(units, list->v[i]->below);
	strv_sort(units);
}

/* ---- the question ---- */

struct asking {
	struct install_index *x;
	const struct info *info;
	struct strv known; /* the names that enable would make links by */
};

/* The links that enable makes are called so. */
static void
known_names(struct asking *a)
{
	char *instance = info_instance_name(a->info);

	strv_add(&a->known, a->info->name);
	(void)strv_add_unique(&a->known, instance);
	for (size_t i = 0; i < a->info->alias.n; i++) {
		char *alias = info_alias(a->x->paths, a->info, a->info->alias.v[i], NULL);

		if (alias != NULL)
			(void)strv_add_unique(&a->known, alias);
		free(alias);
	}
	free(instance);
}

/* What the links of one folder come to. */
struct seen {
	bool used;      /* one makes it start, or is another name of it */
	bool same_name; /* one of its own name leads to its file */
};

/* The link leads to a file of the unit's name, not only to that of its template. */
static bool
leads_there(const struct asking *a, const struct link *link)
{
	return strcmp(strrchr(link->file, '/') + 1, a->info->name) == 0;
}

static void
look_at(const struct asking *a, const struct link *link, bool any_name, bool hidden,
    struct seen *seen)
{
	bool known = any_name || strv_contains(&a->known, link->name);

	if (link->below != NULL) {
		if (strv_contains(&a->known, link->name) ||
		    (any_name && leads_there(a, link)))
			seen->used = true;
		return;
	}
	if (!leads_there(a, link))
		return;
	if (strcmp(link->name, a->info->name) == 0)
		seen->same_name = seen->same_name || !hidden;
	else if (known)
		seen->used = true;
}

static void
look_in(const struct asking *a, size_t dir, bool any_name, bool hidden, struct seen *seen)
{
	const struct link_list *list;

	for (size_t i = 0; i < a->known.n; i++) {
		list = map_get(&a->x->by_name, a->known.v[i]);
		for (size_t k = 0; list != NULL && k < list->n; k++)
			if (list->v[k]->dir == dir)
				look_at(a, list->v[k], any_name, hidden, seen);
	}
	if (!any_name)
		return;
	list = map_get(&a->x->by_base, a->info->name);
	for (size_t k = 0; list != NULL && k < list->n; k++)
		if (list->v[k]->dir == dir)
			look_at(a, list->v[k], any_name, hidden, seen);
}

/* INSTALL_NSTATES: no link of any folder says something.  any_name: also those by names
 * that its file does not ask for. */
static enum install_state
by_links(const struct asking *a, bool any_name)
{
	const struct unit_paths *paths = a->x->paths;
	size_t first = (uintptr_t)map_get(&a->x->first, a->info->name);
	bool runtime = false, elsewhere = false;
	bool linked = false, linked_runtime = false;

	for (size_t i = 0; i < paths->n; i++) {
		enum unit_path_kind kind = paths->v[i].kind;
		bool is_runtime = kind == UNIT_PATH_RUNTIME ||
				  kind == UNIT_PATH_TRANSIENT ||
				  kind == UNIT_PATH_GENERATED;
		bool is_config = kind == UNIT_PATH_ADMIN || kind == UNIT_PATH_FOLDER ||
				 kind == UNIT_PATH_OWN;
		struct seen seen = { 0 };

		/* What stands above hides links of that name. */
		look_in(a, i, any_name, first != 0 && i >= first, &seen);
		if (seen.used && is_config)
			return INSTALL_ENABLED;
		if (seen.used) {
			runtime = runtime || is_runtime;
			elsewhere = elsewhere || !is_runtime;
		} else if (seen.same_name) {
			linked = linked || is_config;
			linked_runtime = linked_runtime || is_runtime;
		}
	}
	if (runtime)
		return INSTALL_ENABLED_RUNTIME;
	/* An instance that the vendor's links name is meant to be. */
	if (elsewhere && unit_name_is_instance(a->info->name))
		return INSTALL_STATIC;
	if (linked)
		return INSTALL_LINKED;
	if (linked_runtime)
		return INSTALL_LINKED_RUNTIME;
	return INSTALL_NSTATES;
}

static enum install_state
state_of_file(struct install_index *x, const struct info *info)
{
	struct asking a = { .x = x, .info = info };
	enum install_state state;

	known_names(&a);
	state = by_links(&a, false);
	if (state == INSTALL_NSTATES && by_links(&a, true) != INSTALL_NSTATES)
		state = INSTALL_INDIRECT;
	strv_free(&a.known);
	if (state != INSTALL_NSTATES)
		return state;
	if (info_has_rules(info))
		return INSTALL_DISABLED;
	return info->also_names.n > 0 ? INSTALL_INDIRECT : INSTALL_STATIC;
}

/* The instance that DefaultInstance= of its template names. */
static bool
is_default_of(struct install_index *x, const char *name, const char *template)
{
	struct info info;
	char *given = NULL;
	bool is;

	if (info_find(x->paths, template, &info, NULL) == FOUND)
		given = info_instance_name(&info);
	is = given != NULL && strcmp(given, name) == 0;
	free(given);
	info_clear(&info);
	return is;
}

/* In an instance folder the file alone enables it; a template its default instance. */
static enum install_state
state_in_folder(struct install_index *x, const struct info *info)
{
	char *instance = info_instance_name(info),
	     *template = unit_name_template(instance);
	bool starts = info->has_install;

	if (unit_name_is_template(info->name))
		starts = starts && info->default_instance != NULL;
	else if (template != NULL &&
		 strcmp(strrchr(info->r.fragment, '/') + 1, template) == 0)
		starts = starts && is_default_of(x, info->name, template);
	else {
		free(template);
		template = NULL;
	}
	if (starts && x->presets == NULL)
		x->presets = presets_load(x->paths, NULL);
	if (starts)
		starts =
		    presets_ask_default(x->presets, instance, template) != PRESET_DISABLE;
	free(instance);
	free(template);
	return starts ? INSTALL_ENABLED : state_of_file(x, info);
}

static bool
is_runtime(enum unit_path_kind kind)
{
	return kind == UNIT_PATH_RUNTIME || kind == UNIT_PATH_TRANSIENT ||
	       kind == UNIT_PATH_GENERATED;
}

enum install_state
install_state(struct install_index *x, const char *name, struct diags *d)
{
	enum install_state state;
	enum unit_path_kind kind;
	struct info info;
	const char *base;

	if (!unit_name_is_valid(name))
		return INSTALL_NOT_FOUND;
	switch (info_find(x->paths, name, &info, d)) {
	case FOUND_NOTHING:
		state = INSTALL_NOT_FOUND;
		break;
	case FOUND_BAD:
		state = INSTALL_BAD;
		break;
	case FOUND_MASK:
		state = is_runtime(x->paths->v[info.r.dir].kind) ? INSTALL_MASKED_RUNTIME
								 : INSTALL_MASKED;
		break;
	default:
		if (info.r.builtin) {
			state =
			    strcmp(name, info.name) == 0 ? INSTALL_STATIC : INSTALL_ALIAS;
			break;
		}
		kind = x->paths->v[info.r.dir].kind;
		base = strrchr(info.r.fragment, '/') + 1;
		if (strcmp(name, base) != 0 && !unit_name_is_instance(info.name))
			state = INSTALL_ALIAS;
		else if (kind == UNIT_PATH_GENERATED)
			state = INSTALL_GENERATED;
		else if (kind == UNIT_PATH_TRANSIENT)
			state = INSTALL_TRANSIENT;
		else if (kind == UNIT_PATH_FOLDER)
			state = state_in_folder(x, &info);
		else
			state = state_of_file(x, &info);
	}
	info_clear(&info);
	return state;
}

enum install_state
install_state_of_conf(struct install_index *x, const struct unit_conf *conf)
{
	/* Borrowed: what a loaded unit says is what its files say. */
	struct info info = {
		.name = conf->id,
		.by = {
			[BY_WANTS] = conf->rules->wanted_by,
			[BY_REQUIRES] = conf->rules->required_by,
			[BY_UPHOLDS] = conf->rules->upheld_by,
		},
		.alias = conf->rules->alias,
		.also_names = conf->rules->also,
		.default_instance = unit_name_is_template(conf->id)
					? conf->rules->default_instance
					: NULL,
	};

	if (conf->load_state != UNIT_LOADED || conf->fragment == NULL)
		return install_state(x, conf->id, NULL);
	for (size_t i = 0; i < x->paths->n; i++) {
		const char *dir = x->paths->v[i].dir;
		size_t n = strlen(dir);

		if (strncmp(conf->fragment, dir, n) != 0 || conf->fragment[n] != '/' ||
		    strchr(conf->fragment + n + 1, '/') != NULL)
			continue;
		if (x->paths->v[i].kind == UNIT_PATH_GENERATED)
			return INSTALL_GENERATED;
		if (x->paths->v[i].kind == UNIT_PATH_TRANSIENT)
			return INSTALL_TRANSIENT;
	}
	info.r.fragment = info.r.file = conf->fragment;
	return state_of_file(x, &info);
}
