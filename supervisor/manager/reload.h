/*
 * reload: all files once more.  First a look at what they say now, which changes nothing
 * and can be told; then that very reading is taken, so that what was told is what holds.
 *
 * A reload is refused as a whole, and leaves everything as it was, when it would take
 * something that is usable away: supd.conf has an error, or the new files of a unit that
 * is loaded are refused, or the name of one that runs has become another name of another
 * unit.  A new unit that is refused spoils nothing.
 *
 * Each file is looked at once (stat(2)), and read when it is another one.
 */
#ifndef SUPD_MANAGER_RELOAD_H
#define SUPD_MANAGER_RELOAD_H

#include <stdbool.h>

#include "unit/diag.h"

struct manager;
struct supd_conf;
struct unit;
struct unit_conf;

struct reload;

/* A look, within which the folders are scanned (unit/load.h) until it is freed: what it
 * points to holds as long as nothing is run in between. */
struct reload *reload_look(struct manager *m);
void reload_free(struct reload *r);

/* supd.conf as it is on the disk.  NULL: its file system does not answer. */
const struct supd_conf *reload_conf(const struct reload *r);
const struct diags *reload_conf_diags(const struct reload *r);

/* Of each unit whose files, or whose defaults, are other ones, but for those made by
 * `supctl run': what they say now. */
typedef void reload_unit_fn(
    void *arg, struct unit *u, const struct unit_conf *now, const struct diags *d);
void reload_each(const struct reload *r, reload_unit_fn *fn, void *arg);

/* Whether the new files of this unit refuse the reload. */
bool reload_refuses(const struct unit *u, const struct unit_conf *now);
/* Says to whoever looks on that it was refused, and why. */
void reload_say_refused(struct manager *m, const char *unit, const struct diags *d);
/* The same decision for who needs no details; tells it by reload_say_refused. */
bool reload_is_refused(const struct reload *r);

/* The units are what was found; says what changed.  all: settings that all inherit are
 * others than those that were looked at with, so that all are read anew.  Nothing is
 * started or restarted. */
void reload_take_units(struct reload *r, const char *who, bool all);

#endif
