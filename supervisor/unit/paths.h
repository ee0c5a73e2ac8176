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
#include "unit/line.h"
#include "unit/load.h"
#include "unit/specifier.h"

struct path_dir {
	char *dir;
	enum unit_path_kind kind;
};

struct unit_paths {
	struct path_dir *v;
	size_t n;
	char *root;          /* "" but for the image of another system */
	struct strv shipped; /* folders of profiles, behind those of v */
	struct specifier_host host;
	struct unit_parts defaults; /* of the table; scalars only */
	struct pack_pool *pool;
	bool scanned;
	bool has_below;     /* scanned: some unit may have a folder beside it */
	unsigned scan;      /* how many there were */
	uint64_t unscanned; /* bit i: v[i] could not be listed: each name is looked up */
	struct map entries; /* scanned: name to its struct path_entry */
	unit_guard *guard;  /* NULL: everything may be touched */
	void *guard_arg;
	bool unanswered; /* the guard said no since this was cleared */
	struct line_hook on_line;
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

/* Whether DIR is one of the folders, by any of its names. */
bool paths_has_dir(struct unit_paths *, const char *dir);

/* False if a scan says that folder i has no entry of that name. */
bool paths_may_have(const struct unit_paths *, size_t i, const char *name);
/* False if a scan says that no unit has a folder of drop-ins or links. */
bool paths_may_have_below(const struct unit_paths *);

#endif
