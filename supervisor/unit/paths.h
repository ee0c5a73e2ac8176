/*
 * paths: the search path, and what is on it by name.  Whatever may hang is touched only
 * when the guard lets it.
 */
#ifndef SUPD_UNIT_PATHS_H
#define SUPD_UNIT_PATHS_H

#include <sys/stat.h>

#include <dirent.h>
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
	PATHS_ALIASES_MAX = 1024,
};

/* Before a path is touched.  -1 with ETIMEDOUT: the guard forbids it. */
int paths_touch(struct unit_paths *, const char *path, bool follow);
/* stat, lstat and opendir, with errno ETIMEDOUT where the guard forbids it. */
int paths_stat(struct unit_paths *, const char *path, struct stat *);
int paths_lstat(struct unit_paths *, const char *path, struct stat *);
DIR *paths_opendir(struct unit_paths *, const char *path);

/* False if a scan says that folder i has no entry of that name. */
bool paths_may_have(const struct unit_paths *, size_t i, const char *name);

#endif
