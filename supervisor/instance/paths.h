/*
 * paths: where an instance has its unit files, by its folder.
 */
#ifndef SUPD_INSTANCE_PATHS_H
#define SUPD_INSTANCE_PATHS_H

struct diags;
struct unit_paths;

/* What --unit-path said when supd was started, for managers to come; NULL: nothing.
 * malloc'd. */
char *paths_named(const char *run);
/* ROOT/units first, then the transient ones (ROOT/run/units), then those that --unit-path
 * or else LIST (UnitPath=, may be NULL) names, or the host's. */
struct unit_paths *paths_units(
    const char *root, const char *run, const char *list, struct diags *d);

#endif
