/*
 * logslot: opening and closing the slots of the table in our memory.  A slot is drained
 * until its pipes are empty, or were read as far as they went when it was closed.
 */
#ifndef SUPD_LOGGER_LOGSLOT_H
#define SUPD_LOGGER_LOGSLOT_H

#include <stdbool.h>
#include <stdint.h>

struct logger;
struct logslot;
struct loop_timer;
struct msg;

/* NULL: no such slot, or it is not open. */
struct logslot *logslot_get(struct logger *lg, uint32_t n);
/* LOG_OPEN; takes its descriptors. */
void logslot_open(struct logger *lg, struct msg *m);
/* LOG_CLOSE: drain it.  False: it is not open, there is nothing to drain. */
bool logslot_close(struct logger *lg, uint32_t n);
/* Takes it out of every list; its files stay. */
void logslot_free(struct logger *lg, struct logslot *ls);
/* PATTERNS, SLOT_PATTERNS: for an invocation whose LOG_OPEN is still on its way they are
 * kept, at most one list a slot, the newest.  invocation NULL: whoever has the slot or
 * gets it next.  May take the descriptor: then *fd is -1. */
void logslot_patterns(struct logger *lg, uint32_t n, const uint8_t *invocation, int *fd);
/* Makes the file of a slot now, if it waits for that. */
void logslot_make_due(struct logger *lg, struct logslot *ls);
/* Makes the files of programs that said nothing for a while. */
void logslot_on_due(struct loop_timer *t, void *arg);

#endif
