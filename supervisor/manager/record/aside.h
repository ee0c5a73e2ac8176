/*
 * aside: a state file that cannot be used gets another name, so that whoever wants to
 * know what was in it still can.
 */
#ifndef SUPD_MANAGER_RECORD_ASIDE_H
#define SUPD_MANAGER_RECORD_ASIDE_H

#include <stddef.h>

/* The new name, which no file had, goes into kept_as (of size bytes).  -1, after logging
 * it: it stays where it is, and kept_as is empty. */
int file_set_aside(int dirfd, const char *path, char *kept_as, size_t size);

#endif
