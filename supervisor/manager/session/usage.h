/*
 * usage: how much an agent says that it has used, as it writes it: "12.3k", "1,234.56",
 * a number in JSON.  What it says is hostile: anything that is no number is refused.
 */
#ifndef SUPD_MANAGER_SESSION_USAGE_H
#define SUPD_MANAGER_SESSION_USAGE_H

#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

struct jv;

/*
 * Digits, with a comma or _ between three of them, a point, and k, m or g (thousands,
 * millions, …) behind; in blanks.  *n is in tokens, or in millionths of the money; what
 * is finer is rounded up.  -1: it is no such number, or too large.
 */
int usage_parse(enum budget_counted what, const char *text, size_t len, uint64_t *n);
/* A number that is not negative, or a text as above. */
int usage_of_json(enum budget_counted what, const struct jv *v, uint64_t *n);

#endif
