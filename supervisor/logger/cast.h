/*
 * cast: the recordings of sessions, from the ring of each (proto/cast.h) into
 * journal/DAY/health/REF_NAME.cast, whole lines, exactly once.  The terminal puts them
 * there and says when files begin; it never waits for us.  What the disk does not take
 * waits in the ring; when that is full the terminal leaves out what comes and draws the
 * whole screen later.
 */
#ifndef SUPD_LOGGER_CAST_H
#define SUPD_LOGGER_CAST_H

#include <stdbool.h>
#include <stdint.h>

struct castlog;
struct logger;
struct logslot;

/* The slot's terminal is recorded, as its table says; or nothing happens. */
void cast_open(struct logger *lg, struct logslot *ls);
/* Store all that the rings hold, as far as the disk takes it. */
void cast_run(struct logger *lg);
/* The same, and of those the disk did not take before.  True: some still wait. */
bool cast_retry(struct logger *lg);
/* The end of the slot: what is left is stored now or never, and the ring goes. */
void cast_close(struct logger *lg, struct logslot *ls);
/* Nothing is stored; the ring stays for the next logger. */
void cast_free(struct logger *lg, struct logslot *ls);
/* Closes the file, to look at its place again (slot SLOT_NONE: of all). */
void cast_rotate(struct logger *lg, uint32_t slot);
/* A new manager is told where they are, and what is wrong with them. */
void cast_tell(struct logger *lg);
/* What reports of the recording say of it: bytes so far; day and alt of its file. */
uint64_t cast_bytes(const struct logslot *ls);
uint32_t cast_alt(const struct logslot *ls);
uint64_t cast_day(const struct logslot *ls);
/* Whether a slot has that file, or writes to it again when it is not open now. */
bool cast_has(struct logger *lg, uint64_t dev, uint64_t ino);

#endif
