/*
 * run_unit: what Job.Run and Job.Scope share: the transient unit, from its name to the
 * answer of who cannot have it.
 */
#ifndef SUPD_MANAGER_CONTROL_RUN_UNIT_H
#define SUPD_MANAGER_CONTROL_RUN_UNIT_H

#include <stdbool.h>

struct buf;
struct call;
struct control;
struct jw;
struct manager;
struct unit;

/* Nothing is started now: the call was answered. */
bool run_is_refused(struct control *c, struct call *call);
/* The prefix, NAME-MILLISECONDS and the suffix, which is in no use: malloc'd; NULL: that
 * is no name. */
char *run_unit_name(
    struct manager *m, const char *prefix, const char *name, const char *suffix);
/* A unit has the name: the call was answered. */
bool run_unit_is_in_use(struct control *c, struct call *call, const char *name);
/* The unit of that text; NULL: the call was answered. */
struct unit *run_unit_make(
    struct control *c, struct call *call, const char *name, const struct buf *text);
/* "warnings": what its properties do not do here; u may be NULL. */
void run_unit_write_warnings(struct jw *w, const struct unit *u);

#endif
