/*
 * rmtree: a folder is removed with all that is in it, whoever made that.
 */
#ifndef SUPD_LIB_RMTREE_H
#define SUPD_LIB_RMTREE_H

#include <stddef.h>

/*
 * 0, or -1 with errno: rm -r below dirfd, never through a link, also on the way to it
 * (ENOTDIR), never onto another file system, at most max_entries removals (E2BIG beyond),
 * however deep.  A path that is not there is fine; the way of an absolute one is the
 * caller's.
 */
int rm_rf_at(int dirfd, const char *path, size_t max_entries);

#endif
