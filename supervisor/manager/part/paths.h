/*
 * paths: path units.  When one starts its unit is decided in activate/path.h; here is the
 * part that it is, what is at its paths (unit/condition.h), and what is watched
 * (pathlook.h).  What may hang is asked by a helper first (reach.h).
 */
#ifndef SUPD_MANAGER_PATHS_H
#define SUPD_MANAGER_PATHS_H

struct manager;
struct part_kind;

extern const struct part_kind part_path;

/* File systems were mounted, unmounted, or answer again: all paths are looked at. */
void paths_look_all(struct manager *m);

#endif
