/*
 * budgets: what the units use of their [Budget], and what is done when a limit is used
 * up.  How it is counted is in session/budget.h; here it meets the world: processes,
 *logs, files, holds, and what must outlive everything.
 *
 * A unit whose limit is used up is, as OnExceed= says,
 *
 *	hold	stopped, and held (hold.h) until its period ends; then it starts again.
 *		Who releases it before allows as much again, and so does who raises the
 *		limit.
 *	stop	stopped; started by a person it may use as much again.  Whatever else
 *		starts it, it is stopped again.
 *	notify	told of, by an event.
 *
 * What was used is in run/budget/UNIT with each change, for the next manager, and in
 * state/budgets.json, which the logger writes some time later, for the next boot.  Of the
 * two the one with the greater number is true.
 */
#ifndef SUPD_MANAGER_BUDGETS_H
#define SUPD_MANAGER_BUDGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/session/budget.h"
#include "unit/conf.h"

struct budgets;
struct jw;
struct manager;
struct svc_memory;
struct svc_note;
struct unit;
struct wish_who;

/* ---- the start and the end of a manager ---- */

/* Reads what is remembered; what cannot be used is set aside and told. */
struct budgets *budgets_new(struct manager *m);
/* All units are known: what a manager that died had begun is done. */
void budgets_restore(struct manager *m);
/* The whole ledger to the logger, now: before a re-exec, at the end. */
void budgets_write_now(struct manager *m);
/* SNAPSHOT_DONE of ours, true; else it is another's. */
bool budgets_on_done(struct manager *m, uint64_t id, int err);
/* Another logger is there: it knows of no alarm, and answers nothing. */
void budgets_on_logger(struct manager *m);
void budgets_on_clock_set(struct manager *m);

/* ---- what happens ---- */

void budgets_on_note(
    struct unit *u, const struct svc_note *note, const struct svc_memory *mem);
/* It was loaded: a hold of a budget that it does not have any more ends. */
void budgets_on_load(struct unit *u);
/* The unit has another configuration; it is forgotten (what it used is not). */
void budgets_on_conf(struct unit *u);
void budgets_forget(struct unit *u);
/* Its log has grown as much as was asked for. */
void budgets_on_log(struct unit *u);
/* The log of an invocation is complete; the slot is not used again yet. */
void budgets_on_slot_done(struct manager *m, uint32_t slot);
/* A rule has found this text; of interest when a source names it. */
void budgets_on_text(struct unit *u, size_t rule, const char *text);
/* A rule, its silence, or the unit itself asks for a restart. */
void budgets_on_restart(struct unit *u);
/* It is not held any more.  A person (who has a pid) who releases it allows as much
 * again; what only ended another hold does not. */
void budgets_on_released(struct unit *u, const struct wish_who *who);
/* Other file systems are mounted now: the files of what runs are read, soon. */
void budget_files_again(struct manager *m);
/* It stands still, or goes on: nothing is used by who stands still. */
void budgets_on_freeze(struct unit *u);
/* A restart that is due must wait: its budget is used up, and that is not dealt with
 * yet. */
bool budgets_keep_down(const struct unit *u);

/* ---- what persons ask ---- */

/* False: it has no budget. */
bool budget_of_unit(struct unit *u, struct budget_view *v);
/* Nothing is used.  A hold that its budget had begun ends.  False: it has no budget. */
bool budgets_reset(struct unit *u, const struct wish_who *who);
/* The members of an object Budget; nothing for a unit that has none. */
void budget_render(struct unit *u, struct jw *w);
/* The member "budget" of a status. */
void budget_render_status(struct unit *u, struct jw *w);

#endif
