/*
 * instances: the instances that a template has by its section [Instances].
 *
 * A template that is on (see instances_is_on) is held against its source when the manager
 * starts, when the source or the template changes, and with daemon-reload.  What the
 * source names and did not name before is started, MaxNewPerScan= at a time: the next
 * ones when these have come up.  What it does not name any more is treated by OnRemove=.
 *
 * A source that is missing, half written, malformed or does not answer changes nothing of
 * what runs: it is told (event instances-problem, status of the template), and the look
 * is repeated when it changes.  Only a source that was read whole removes.
 *
 * What a person decided about an instance counts for more: one that was stopped, held,
 * disabled or masked is not started by any look.  What ended by itself is its Restart='s
 * affair.  An instance whose name is gone, and which is down, is forgotten with what was
 * wished of it.
 *
 * What the source named is noted in run/instances/TEMPLATE, so that a new manager (and
 * the next supd) knows what is new to it and what is gone, and starts nothing twice.
 */
#ifndef SUPD_MANAGER_INSTANCES_H
#define SUPD_MANAGER_INSTANCES_H

#include <stdbool.h>

struct instances;
struct jw;
struct manager;
struct member;
struct unit;

/* The conf of a template is another one, or a person has decided about it: it is looked
 * at, soon. */
void instances_on_conf(struct unit *template);
/* All sources are looked at, now: at the start of a manager, when files were read again.
 */
void instances_look_all(struct manager *m);
/* The template goes; what is noted stays, should its file come back. */
void instances_forget(struct unit *template);

/* It is looked at its source: loaded, not masked or disabled, and in the instance's
 * folder or enabled. */
bool instances_is_on(const struct unit *template);
/* All that are named by the source of a template now. */
typedef void instances_fn(struct unit *u, void *arg);
void instances_each(struct unit *template, instances_fn *fn, void *arg);

/* ---- of an instance ---- */

/* Its template's source names it. */
bool member_is_named(const struct unit *u);
/* It is named, and was not started since: also not by an earlier manager. */
bool member_is_due(const struct unit *u);
/* "/srv/rigs.json#/rigs"; NULL: nothing names it. */
const char *member_source(const struct unit *u);
/* The unit is down, or a job of it ended. */
void member_on_rest(struct unit *u);
/* The unit goes. */
void member_forget(struct unit *u);

/* The members "source" and "instances" of a status, null where there is none. */
void instances_render(const struct unit *u, struct jw *w);

#endif
