/*
 * paths: where an instance has its supd.conf and its unit files, by its folder.
 */
#ifndef SUPD_INSTANCE_PATHS_H
#define SUPD_INSTANCE_PATHS_H

struct unit_paths;

/* ROOT/supd.conf; for the system's and the user's instance the one where configuration
 * belongs, if ROOT has none.  malloc'd. */
char *paths_conf(const char *root);
/* ROOT/units first, then the transient ones (ROOT/run/units), then the host's. */
struct unit_paths *paths_units(const char *root, const char *run);

#endif
