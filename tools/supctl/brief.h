/*
 * brief: lists of units in their light form, from the server or, when supd does not run,
 * from the file that it left.
 */
#ifndef SUPD_SUPCTL_BRIEF_H
#define SUPD_SUPCTL_BRIEF_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl.h"

struct ctl;
struct jv;
struct jw;

struct briefs {
	struct jv **roots; /* replies, kept because the units lie in them */
	size_t n_roots;
	const struct jv **units;
	size_t n;
	/* Whether what the unit says is over; NULL: never. */
	bool (*ended)(const void *arg, const struct jv *unit);
	const void *arg;
	/* By groups (StatusGroup=), in the order of StatusGroups=; those with
	 * StatusSummary= are counted: of their units those that run are listed, and the
	 * last that failed. */
	bool grouped;
	bool with_took; /* of the table: some work is over */
};

/*
 * Calls a method whose replies have `units'; w is finished and freed.  0, or an exit
 * status after telling.
 */
int briefs_get(struct ctl *ctl, const char *method, struct jw *w, struct briefs *out);
/* Appends the units of an array; the tree becomes the list's. */
void briefs_take(struct briefs *b, struct jv *root, const struct jv *array);
void briefs_clear(struct briefs *b);
/* How to show what a session does (waiting, idle ...). */
enum style briefs_session_style(const char *state);
/* By groups, if that is asked for; failed ones first, then what is on its way or waits
 * for a person, then by name. */
void briefs_sort(struct briefs *b);
void briefs_json(struct ctl *ctl, const struct briefs *b);
/* Sorts, then shows. */
void briefs_table(struct ctl *ctl, struct briefs *b);

#endif
