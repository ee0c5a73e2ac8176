/*
 * trigger_list: what `timers', `paths' and `sockets' have in common: --all, patterns, the
 * units that are asked for, and a table or JSON of those that are shown.  What a row says
 * is the command's.
 */
#ifndef SUPD_SUPCTL_TRIGGER_LIST_H
#define SUPD_SUPCTL_TRIGGER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl.h"

struct jv;
struct jw;

struct trigger_column {
	const char *head; /* NULL: behind the last one */
	unsigned flags;   /* COL_* */
};

struct trigger_list {
	const char *pattern; /* where none is given; "*.timer" */
	const struct trigger_column *columns;
	/* Said where nothing is shown: with all of them, without. */
	const char *none, *none_active;
	bool (*is_shown)(const struct jv *unit, bool all);
	/* For qsort, of pointers to units; NULL: as supd has them. */
	int (*compare)(const void *a, const void *b);
	/* The rows of a unit, of the table and of the array. */
	void (*add)(struct columns *t, const struct jv *unit);
	void (*write)(struct jw *w, const struct jv *unit);
};

/* Reads the options and does it.  An exit status. */
int trigger_list_run(
    struct ctl *ctl, int argc, char **argv, const struct trigger_list *list);

/* A cell with the time as it is shown here, "-" where there is none (NULL). */
void trigger_put_time(struct columns *t, const char *utc);
/* Begins an object: these keys of the unit, then all members of its part. */
void trigger_write_object(struct jw *w, const struct jv *unit, const char *const *keys,
    size_t n, const struct jv *part);

#endif
