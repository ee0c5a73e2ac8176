/*
 * version: which of two versions is the newer one, and comparisons as unit files write
 * them (">=5.10").
 *
 * The order is that of the UAPI group's version format: numbers by value, `~' before
 * anything else, letters before numbers.  It never fails: any text has a place in it.
 */
#ifndef SUPD_UNIT_VERSION_H
#define SUPD_UNIT_VERSION_H

#include <stdbool.h>

enum order {
	ORDER_LESS_EQUAL,
	ORDER_GREATER_EQUAL,
	ORDER_LESS,
	ORDER_GREATER,
	ORDER_EQUAL,
	ORDER_UNEQUAL,
	ORDER_SAME,    /* == : the same by value, where = may compare texts */
	ORDER_OTHER,   /* <> */
	ORDER_MATCH,   /* $= : a glob; =$ before systemd 252 */
	ORDER_NOMATCH, /* !$= , !=$ */
	ORDER_NONE,    /* none stands there */
};

/* < 0, 0 or > 0, as a is older than, as old as, or newer than b. */
int version_compare(const char *a, const char *b);

/* The operator at the start of *P, which is moved behind it; globs are known only where
 * they may be. */
enum order order_parse(const char **p, bool globs);
/* Whether a value that compared as cmp (the outcome of a comparison) satisfies it; not
 * for globs. */
bool order_holds(enum order, int cmp);

#endif
