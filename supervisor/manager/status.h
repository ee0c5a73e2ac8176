/*
 * status: run/status.json, the status as a file, for scripts and for a supctl that finds
 * no supd.  Written by the logger after something changed, at most once in
 * StatusFileIntervalSec=; never while nothing does.
 */
#ifndef SUPD_MANAGER_STATUS_H
#define SUPD_MANAGER_STATUS_H

#include <stdbool.h>
#include <stdint.h>

struct manager;
struct status;

struct status *status_new(struct manager *m);
void status_free(struct status *st);
/* Whether a SNAPSHOT_DONE of that id is about the status. */
bool status_is_mine(uint64_t id);
/* The logger has answered (or a new one is there). */
void status_on_done(struct status *st, uint64_t id, int err);
void status_on_logger(struct status *st);
/* Write it now: at the end. */
void status_now(struct status *st);

#endif
