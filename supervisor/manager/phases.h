/*
 * phases: of the person, by activity (activate/phase.h), and what follows from them:
 * ConditionPhase=, the targets phase-*.target and what is WantedBy= them, and services
 * that yield (PhaseYield=).
 *
 * Without [Phases] in supd.conf there are none, and nothing of this costs anything.  With
 * it there is one timer for the next phase.  Files are looked at when their time is over,
 * and watched only while the person is away; then the first change ends that.
 *
 * The phase is in its event, which a new manager reads back, and so is whatever follows:
 * it is compared with what runs, not remembered.  When there was activity last is in
 * run/activity, and in snapshots for the next boot.
 */
#ifndef SUPD_MANAGER_PHASES_H
#define SUPD_MANAGER_PHASES_H

#include <stdbool.h>
#include <stddef.h>

struct jw;
struct manager;
struct phases;
struct unit;
struct unit_conf;

/* Restored; m->store, m->events and m->conf must be there. */
struct phases *phases_new(struct manager *m);
/* Units may be started and stopped from now on. */
void phases_begin(struct manager *m);
void phases_on_conf(struct manager *m);
/* Also when the machine has slept. */
void phases_on_clock_set(struct manager *m);
/* A person did something: "input (a.service)". */
void phases_on_input(struct manager *m, const struct unit *u);
/* The same by a call: "command (supctl of root)". */
void phases_on_command(struct manager *m, const char *user, const char *command);
/* It is in another state. */
void phases_on_unit(struct unit *u);
/* It is gone. */
void phases_forget(struct unit *u);

/* NULL: there are no phases. */
const char *phases_word(const struct manager *m);
/* A start of conf has to wait: why says for what. */
bool phases_wait(
    const struct unit *u, const struct unit_conf *conf, char *why, size_t size);
/* It stands still by PhaseYield=freeze. */
bool phases_freezes(const struct unit *u);
/* It is WantedBy= phases alone, which start it instead of the instance. */
bool phases_start(const struct unit *u);
/* Those of its conditions that are not for a start alone are left out of an ask. */
bool phases_asks(const struct unit_conf *conf);

/* Members of the object that is open, "phase" null when there are none. */
void phases_render(struct manager *m, struct jw *w);

#endif
