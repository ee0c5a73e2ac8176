/*
 * profile: which profile a unit asks for, and where its file is.
 *
 * A profile is the file profiles/NAME.conf of a unit folder, the first that has it, else
 * one of those that come with supd.  It is read before the unit's own files, so what it
 * is called must be known before these are read in earnest.
 */
#ifndef SUPD_UNIT_PROFILE_H
#define SUPD_UNIT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

struct specifier;
struct strv;
struct unit_paths;
struct unit_source;

/*
 * Looks in the text of one of the unit's files: the last Profile= of its [Session]
 * replaces *NAME (malloc'd or NULL), an empty one makes it NULL.  What is not valid is
 * left to the parser to tell.
 */
void profile_scan(
    const char *text, size_t len, const struct specifier *spec, char **name);

/*
 * Where NAME is: SOURCE becomes that of its file, or of the file that is missing.  False
 * if there is none.
 */
bool profile_find(struct unit_paths *, const char *name, struct unit_source *source);

/* The name of a profile near to NAME, malloc'd; NULL if there is none. */
char *profile_nearest(struct unit_paths *, const char *name);

#endif
