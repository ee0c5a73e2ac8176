/*
 * verify_session: what is true of a session as a whole, once all its files are read.
 */
#ifndef SUPD_UNIT_VERIFY_SESSION_H
#define SUPD_UNIT_VERIFY_SESSION_H

#include <stdbool.h>

#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/parse.h"

/* Fills in what follows from other settings.  A unit without such sections is left alone.
 */
void session_complete(struct unit_parts *);

/* It has a limit of what it tells by sd_notify. */
bool session_wants_notify(const struct unit_session *);

/* Adds what is wrong with the whole, at the places of the keys that say it. */
void session_verify(const struct unit_conf *, const struct places *, struct diags *);

#endif
