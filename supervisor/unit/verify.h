/*
 * verify: what can only be said about a whole unit: defaults that depend on other lines,
 * and combinations that cannot work.
 */
#ifndef SUPD_UNIT_VERIFY_H
#define SUPD_UNIT_VERIFY_H

#include "unit/conf.h"
#include "unit/diag.h"

/* Fills what follows from other values.  Call once, after the last file. */
void conf_complete(struct unit_parts *);
/*
 * Tells D what is wrong with the whole; errors refuse the unit.  BAD_LINES: some lines
 * were refused already, so that what they would have set is not called missing.
 */
void conf_verify(const struct unit_conf *, bool bad_lines, struct diags *d);

#endif
