/*
 * mask: what of an environment may be shown.  A value is hidden by the name that it has,
 * and so is the password of an address; who must not even see the rest closes it.
 */
#ifndef SUPD_MANAGER_CONTROL_MASK_H
#define SUPD_MANAGER_CONTROL_MASK_H

#include <stdbool.h>

struct buf;

/* Appends NAME=VALUE, or NAME=***; closed: never the value. */
void mask_assignment(struct buf *out, const char *assignment, bool closed);

/* Of a setting: those of environments word by word, all others as they are. */
void mask_setting(struct buf *out, const char *key, const char *value);

#endif
