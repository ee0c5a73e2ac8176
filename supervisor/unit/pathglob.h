/*
 * pathglob: is there anything of a name with wildcards?
 *
 * As glob(3) with braces, but that each folder and file is shown to a guard first: a
 * pattern may lead onto a file system that never answers.
 */
#ifndef SUPD_UNIT_PATHGLOB_H
#define SUPD_UNIT_PATHGLOB_H

#include <stdbool.h>

struct buf;
struct strv;

typedef bool pathglob_guard(void *arg, const char *path, bool follow);

/* The patterns without braces that an absolute one with braces means: appended, at most
 * so many that no line of a unit file takes long. */
void pathglob_braces(const char *pattern, struct strv *out);
/* It has wildcards (braces apart). */
bool pathglob_is_wild(const char *pattern);

/*
 * 1: match (cleared first) is the first that is there, whatever it is; 0: nothing is; -1:
 * nothing was seen, and the guard kept something.  guard may be NULL.
 */
int pathglob_any(
    const char *pattern, pathglob_guard *guard, void *arg, struct buf *match);

#endif
