/*
 * alerts: the alerts of supd.conf.  When one fires is in activate/alert.h; here are the
 * events, the values, the loop, and what is started.
 *
 * An event that an alert counts is told by the store, live or of an earlier manager
 * alike; a value is looked at when an event could have moved it.  Only of the disk, the
 * load and the memory nothing tells: as long as there is an alert about one of them it is
 * looked at each IntervalSec=, and otherwise never.  An alert fires from the loop, never
 * within the event that is the last of those it counts.
 *
 * That it fires is an event before anything is started for it, and what came of that is
 * another one: a new manager starts what the last one had not, and nothing twice.  Events
 * of alerts, and of what they start, are not counted, so that none leads to itself.
 */
#ifndef SUPD_MANAGER_ALERTS_H
#define SUPD_MANAGER_ALERTS_H

#include <stdbool.h>
#include <stdint.h>

struct alerts;
struct jw;
struct manager;
struct strv;

/* By m->conf; a part of the store from now on. */
struct alerts *alerts_new(struct manager *m);
/* All is restored, and the units are loaded: alerts fire from now on.  Again when safe
 * mode, in which there are only those that run, is over. */
void alerts_begin(struct manager *m);
/* m->conf is another one; the old one is freed after this. */
void alerts_on_conf(struct manager *m);
void alerts_on_clock_set(struct manager *m);
/* A run of a unit has ended. */
void alerts_on_run(struct manager *m, const char *unit, bool failed);

/* Each as an object Alert into the array that is open, in the order of supd.conf. */
void alerts_render(const struct manager *m, struct jw *w);
void alerts_names(const struct manager *m, struct strv *names);
bool alerts_has(const struct manager *m, const char *name);
/* And it cannot fire again now. */
bool alerts_has_fired(const struct manager *m, const char *name);
/* It can fire again at once.  False: it was armed. */
bool alerts_reset(struct manager *m, const char *name);

#endif
