/*
 * end: how an instance ends: by signal, by a person, by a unit (ExitUnit=,
 * FailureAction=), and with what status.  Everything is stopped in reverse order, within
 * ShutdownTimeoutSec= when there is one; then init is told to halt.  A stop of the
 * instance is no wish of a person about any unit.
 */
#ifndef SUPD_MANAGER_END_H
#define SUPD_MANAGER_END_H

#include <stdbool.h>

#include "unit/conf.h"

struct manager;
struct svc_memory;
struct unit;

/* A manager that died while the instance ended: its successor goes on with it.  True when
 * there was one. */
bool end_resume(struct manager *m);
/* FailureAction= and its like. */
void end_by_unit(struct unit *u, enum unit_action action, int status, const char *why);
/* A unit is dead or failed: is it the one that the instance lives for? */
void end_on_unit_down(struct unit *u, const struct svc_memory *mem);
/* A start did not work: the same question. */
void end_on_start_failed(struct manager *m, const char *unit, const char *message);
/* Start the unit of ExitUnit= even when nothing else does; without it there is nothing to
 * live for. */
void end_start_exit_unit(struct manager *m);
/* The stop of a unit was begun: while the end is bounded, it gets a share of the time. */
void end_on_stop_begun(struct unit *u);

#endif
