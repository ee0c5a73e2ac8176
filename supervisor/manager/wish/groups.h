/*
 * groups: the units of one StatusGroup=.  Whatever takes units takes "@NAME" for those of
 * a group, also as a glob of names of groups ("@extract*", "@*").
 */
#ifndef SUPD_MANAGER_GROUPS_H
#define SUPD_MANAGER_GROUPS_H

#include <stdbool.h>

struct manager;
struct unit;

/* By the newest file, else by that which it was started with; NULL: it is of none. */
const char *unit_group(const struct unit *u);
/* Where StatusGroups= of supd.conf has its group, from 1; 0: nowhere. */
unsigned unit_group_place(const struct unit *u);
/* Its group is counted, not listed (StatusSummary=). */
bool unit_is_summarised(const struct unit *u);
/* By either of them: what runs and is edited is of both. */
bool unit_is_of_group(const struct unit *u, const char *group);
/* The same of a pattern, without its "@". */
bool unit_matches_group(const struct unit *u, const char *pattern);
bool units_have_group(struct manager *m, const char *group);

#endif
