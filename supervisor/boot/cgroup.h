/*
 * cgroup: a folder of the version 2 hierarchy for this instance, in which init makes one
 * folder for each invocation.  It lies below the cgroup that supd was started in, so that
 * what delegated it to us keeps its hold on everything; nothing above it is changed and
 * no controller is switched on.  Where none can be made and used, containment is best
 * effort.
 */
#ifndef SUPD_BOOT_CGROUP_H
#define SUPD_BOOT_CGROUP_H

#include <stdbool.h>

/*
 * Opens (or makes) the folder.  known: the path that a dead supd used, or NULL; it is
 * taken when it still holds processes.  Returns a descriptor and its path (malloc'd) in
 * *path, or -1 with *why (malloc'd) saying why there is none.  *fork_inside: whether a
 * process can be forked into a folder below it, so that it need not move there.
 */
int cgroup_open(
    const char *root, const char *known, char **path, bool *fork_inside, char **why);

#endif
