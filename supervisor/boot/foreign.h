/*
 * foreign: the run folder that another user's supd left in this instance, or uses now.
 * What it holds is of no use to us, because its owner may have written anything into it;
 * but two that supervise one instance would run every service twice, so it is asked
 * whether somebody is there.  Nothing in it is trusted: a lie keeps us from starting, and
 * who can tell it can write in the instance folder anyway.
 */
#ifndef SUPD_BOOT_FOREIGN_H
#define SUPD_BOOT_FOREIGN_H

#include <stdbool.h>

/* True, reported: the instance is another user's at the moment. */
bool foreign_is_in_use(int root_fd, const char *root);

#endif
