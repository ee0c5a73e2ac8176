/*
 * units_int: between units.c, units_names.c, units_all.c and units_ended.c.
 */
#ifndef SUPD_MANAGER_UNITS_INT_H
#define SUPD_MANAGER_UNITS_INT_H

#include <stdbool.h>

struct diags;
struct manager;
struct unit;
struct unit_conf;

/* A unit that is not known yet, by that name and by those of its configuration.  Takes
 * conf and diags. */
struct unit *unit_new(
    struct manager *m, const char *name, struct unit_conf *conf, struct diags *diags);
/* What a person decided holds, but for starts and stops. */
bool unit_has_flags(const struct unit *u);
/* Takes it out of all that knows it, and frees it; whether that may be is the caller's.
 */
void unit_drop(struct unit *u);

/* It is known by name, too, unless that is a unit's already. */
void unit_add_name(struct unit *u, const char *name);
/* The same of its own name and those that its configuration has. */
void unit_register_names(struct unit *u);
/* It is known by none any more. */
void unit_unregister_names(struct unit *u);
/* Its name has become another one of a unit that we may have as well. */
bool unit_is_moved(const struct unit *u);
/* The same, or its newest load was before that, which was seen meanwhile. */
bool unit_is_lost(const struct unit *u);
/* Gives up the other names that lead elsewhere by now, or nowhere. */
void unit_check_names(struct unit *u);
/* What it says of others, as it holds now, to the jobs. */
void unit_set_edges(struct unit *u);

/* The set of units, or a name of one, is another from now on. */
void units_forget_order(struct manager *m);

#endif
