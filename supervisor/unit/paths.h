/*
 * paths: the search path, and which files on it make up a unit.
 */
#ifndef SUPD_UNIT_PATHS_H
#define SUPD_UNIT_PATHS_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/map.h"
#include "lib/strv.h"
#include "unit/load.h"
#include "unit/specifier.h"

struct path_dir {
	char *dir;
	enum unit_path_kind kind;
};

struct unit_paths {
	struct path_dir *v;
	size_t n;
	struct strv shipped; /* folders of profiles, behind those of v */
	struct specifier_host host;
	struct unit_parts defaults; /* of the table; scalars only */
	struct pack_pool *pool;
	bool scanned;
	uint64_t unscanned; /* bit i: v[i] could not be listed for the guard */
	struct map entries; /* scanned: name to its struct path_entry */
	unit_guard *guard;  /* NULL: everything may be touched */
	void *guard_arg;
	bool unanswered; /* the guard said no since this was cleared */
};

/* What a scan saw of one name. */
struct path_entry {
	uint64_t dirs;       /* bit i: v[i] has it */
	struct strv aliases; /* links that lead to this name */
};

enum {
	PATHS_MAX = 64,
	PATHS_LINKS_MAX = 16, /* aliases of aliases */
	PATHS_ALIASES_MAX = 1024,
};

/* The files of one unit, nothing of them read. */
struct resolved {
	char *id;
	struct strv aliases;
	enum unit_load_state state; /* LOADED: there is something to read */
	bool builtin;
	struct unit_source
	    *sources; /* the fragment, drop-ins in order, folders of links */
	size_t n_sources;
	char *fragment;       /* NULL if there is none */
	struct strv drop_ins; /* paths, in the order in which they apply */
	struct strv wants;    /* folders NAME.wants */
	struct strv requires;
	struct strv upholds;
};

/*
 * NAME is valid.  KNOWN (may be NULL): aliases from an earlier load, for when there is no
 * scan that would tell them.  Tells D about links that cannot be followed.
 */
void paths_resolve(struct unit_paths *, const char *name, const struct strv *known,
    struct resolved *, struct diags *d);
void resolved_clear(struct resolved *);

/* Before a path is touched.  -1 with ETIMEDOUT: the guard forbids it. */
int paths_touch(struct unit_paths *, const char *path, bool follow);

/* False if a scan says that folder i has no entry of that name. */
bool paths_may_have(const struct unit_paths *, size_t i, const char *name);

void source_from_stat(struct unit_source *, const char *path, const struct stat *);
bool source_equal(const struct unit_source *, const struct unit_source *);
void sources_free(struct unit_source *, size_t n);

#endif
