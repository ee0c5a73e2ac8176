/*
 * stales: path units that are watchers (StaleGlob=): an instance of a template for each
 * file that nobody has written for long.
 *
 * What is to be started is decided in activate/stale.h and looked up in a helper
 * (stale_scan.h), at the start, every ScanIntervalSec=, and sooner when the kernel tells
 * that something came or was written, or the ledger says when something is tried again.
 *
 * Nothing is started twice and nothing is forgotten, whatever dies: a run is in the
 * ledger before its job is asked for, and what became of it is written when the instance
 * is down.  A run that the ledger has begun and whose end it does not have is held
 * against the instance, by the next manager as by this one: it goes on, has ended, or
 * never began and is begun.  What of an instance was part of a run is told by the id of
 * that (lib/runid.h), whatever the clock does; and as long as the ledger has not its end,
 * the instance is not forgotten.
 *
 * A run that somebody else begins for a file that is to be tried again, or was given up,
 * is a run for that file: it is not done once more.
 */
#ifndef SUPD_MANAGER_STALES_H
#define SUPD_MANAGER_STALES_H

#include <stdbool.h>

struct manager;
struct part_kind;
struct unit;

extern const struct part_kind part_stale;

/* All that are up look at their files: a new manager has adopted all, safe mode is over.
 */
void stales_begin(struct manager *m);
/* The active state of a unit is another one. */
void stales_on_active(struct unit *u);
/* Some that are up have not yet asked how the runs of an earlier manager ended. */
bool stales_are_blind(const struct manager *m);

/* It is a watcher with a usable file. */
bool stales_is_one(const struct unit *u);
/* The run for that instance goes on. */
bool stales_has_run(const struct unit *u, const char *instance);
/* The file of that instance is as new.  -1: errno, why the ledger cannot be written. */
int stales_forget(struct unit *u, const char *instance);

#endif
