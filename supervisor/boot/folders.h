/*
 * folders: the instance's own folders.  journal/ and state/ are made where they are
 * missing; run/ is a link to a folder on a tmpfs, so that no mapped page ever waits for a
 * disk and socket paths stay short.  Nobody else may own or write what is used here.
 */
#ifndef SUPD_BOOT_FOLDERS_H
#define SUPD_BOOT_FOLDERS_H

#include <sys/types.h>

#include <stdbool.h>

/* Opens root, made first (0755) when create is set.  The descriptor or -1, reported. */
int folders_open_root(const char *root, bool create);
/* journal/ and state/.  A file system that is read-only or full is a warning only: the
 * services matter more than their logs. */
void folders_make(int root_fd, const char *root);
/* The run folder: returns its descriptor, and its path (malloc'd) in *path; -1 reported.
 */
int folders_open_run(int root_fd, const char *root, char **path);

#endif
