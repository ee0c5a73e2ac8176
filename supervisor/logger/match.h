/*
 * match: the patterns of a slot, looked for in each finished line after it is in the log.
 * Hits of one rule are folded into one report until the manager takes it.  A slot whose
 * patterns cost too much time is looked at less, and so are all of them when they cost
 * too much together: matching never delays the draining.
 */
#ifndef SUPD_LOGGER_MATCH_H
#define SUPD_LOGGER_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logger;
struct logslot;

/* Takes the list in fd (journal/pattern.h), replaces the one before, and looks at what
 * this invocation has logged so far.  The descriptor stays the caller's. */
void match_set(struct logger *lg, struct logslot *ls, int fd);
bool match_wants(const struct logslot *ls, unsigned stream);
/* seq: number of the line in its invocation. */
void match_line(struct logger *lg, struct logslot *ls, unsigned stream, uint64_t seq,
    const char *text, size_t n);
/* Sends what was found.  False: the channel is full, call again. */
bool match_flush(struct logger *lg, struct logslot *ls);
void match_free(struct logslot *ls);

#endif
