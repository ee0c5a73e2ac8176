/*
 * resolve: which files on the search path make up a unit.  Only names and stat(2):
 * contents are read by load.
 */
#ifndef SUPD_UNIT_RESOLVE_H
#define SUPD_UNIT_RESOLVE_H

#include <sys/stat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	char *file;           /* what it leads to when it is a link, else the same */
	size_t dir;           /* the folder that it is in */
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
/* The id alone, malloc'd. */
char *resolve_name(struct unit_paths *, const char *name);
/* There is a file of that name or of its template, or a unit of supd's own. */
bool resolve_is_there(struct unit_paths *, const char *name);
void resolved_clear(struct resolved *);

/* Into s; path is copied, and freed by sources_free. */
void source_from_stat(struct unit_source *, const char *path, const struct stat *);
/* The same file and its time of writing.  The time of its inode may be another one: by a
 * link to it, other rights, or because somebody set the other time. */
bool source_equal(const struct unit_source *, const struct unit_source *);
/* Of a text, to tell it from another one; FNV-1a. */
uint64_t source_sum(const char *text, size_t len);
void sources_free(struct unit_source *, size_t n);

#endif
