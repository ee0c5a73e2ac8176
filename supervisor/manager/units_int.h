/*
 * units_int: between units.c, units_all.c and units_ended.c.
 */
#ifndef SUPD_MANAGER_UNITS_INT_H
#define SUPD_MANAGER_UNITS_INT_H

#include <stdbool.h>

struct manager;
struct unit;

/* What a person decided holds, but for starts and stops. */
bool unit_has_flags(const struct unit *u);
/* Takes it out of all that knows it, and frees it; whether that may be is the caller's.
 */
void unit_drop(struct unit *u);

/* Gives up the other names that lead elsewhere by now, or nowhere. */
void unit_check_names(struct unit *u);
/* What it says of others, as it holds now, to the jobs. */
void unit_set_edges(struct unit *u);

/* The set of units, or a name of one, is another from now on. */
void units_forget_order(struct manager *m);

#endif
