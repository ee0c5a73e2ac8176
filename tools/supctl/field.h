/*
 * field: lines "NAME: what", one below the other, as status shows them.
 */
#ifndef SUPD_SUPCTL_FIELD_H
#define SUPD_SUPCTL_FIELD_H

#include <stdint.h>

#include "columns.h"

struct ctl;
struct jv;

enum { FIELD_NAME_WIDTH = 12 };

/* The name; what it is follows, and a newline.  "": the line goes on with the field
 * above.
 */
void field_begin(struct ctl *ctl, const char *name);
/* A whole one; text is escaped. */
void field_put(struct ctl *ctl, const char *name, enum style style, const char *text);
/* "3min ago" */
void field_ago(struct ctl *ctl, uint64_t us);
/* " since 2026-11-21 10:30:45 (3min ago)", from the UTC text of a reply; NULL: nothing.
 */
void field_since(struct ctl *ctl, const char *since);
/* A member of a reply: text, NULL when it is none. */
const char *field_text(const struct jv *o, const char *key);
/* One in milliseconds ("..._ms"), as microseconds; 0 when it is none. */
uint64_t field_us(const struct jv *o, const char *key);

#endif
