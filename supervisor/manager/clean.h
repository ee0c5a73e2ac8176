/*
 * clean: what the folders of a unit that is down hold (StateDirectory= and its like), and
 * the descriptors kept for it, are removed because a person says so.  Its next start
 * waits for the end of that.
 */
#ifndef SUPD_MANAGER_CLEAN_H
#define SUPD_MANAGER_CLEAN_H

#include <stddef.h>

#include "unit/conf.h"

struct unit;
struct wish_who;

/* Bits: 1 << enum exec_dir_kind, and this. */
enum { CLEAN_FDSTORE = 1 << DIR_NKINDS };
#define CLEAN_DEFAULT (1U << DIR_RUNTIME | 1U << DIR_CACHE)
#define CLEAN_ALL (((1U << DIR_NKINDS) - 1) | CLEAN_FDSTORE)

/* "state"; 0: no such name.  "all" is all of them. */
unsigned clean_find(const char *name);
/* The name of a bit. */
const char *clean_name(unsigned bit);

/* why: what is left, and the reason; NULL: all is gone. */
typedef void clean_fn(void *arg, const char *why);

/*
 * Begins.  Returns what of it there is to clean, then fn follows from the loop; 0: it
 * cannot be done, why says the reason.
 */
unsigned clean_unit(struct unit *u, unsigned what, const struct wish_who *who,
    clean_fn *fn, void *arg, char *why, size_t size);

#endif
