/*
 * resolve: which files on the search path make up a unit.  Only names and stat(2):
 * contents are read by load.
 */
#ifndef SUPD_UNIT_RESOLVE_H
#define SUPD_UNIT_RESOLVE_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>

#include "lib/strv.h"
#include "unit/conf.h"

struct diags;
struct unit_paths;

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
void resolve_unit(struct unit_paths *, const char *name, const struct strv *known,
    struct resolved *, struct diags *d);
void resolved_clear(struct resolved *);

/* Into s; path is copied, and freed by sources_free. */
void source_from_stat(struct unit_source *, const char *path, const struct stat *);
bool source_equal(const struct unit_source *, const struct unit_source *);
void sources_free(struct unit_source *, size_t n);

#endif
