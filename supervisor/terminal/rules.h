/*
 * rules: what to look for on a session's screen, by numbers that the manager gave
 * (MSG_TERM_RULES: a JSON array of {rule, pattern, lines}).  They are tried when the
 * screen has come to rest, and now and then while it moves; looking is bounded in time.
 */
#ifndef SUPD_TERMINAL_RULES_H
#define SUPD_TERMINAL_RULES_H

#include <stdbool.h>
#include <stdint.h>

struct msg;
struct rules;
struct session;

enum { RULES_MAX = 64 };

/* From the message; its descriptor stays the message's. */
void rules_set(struct session *s, const struct msg *m);
void rules_free(struct rules *r);
/* Which hold now: bit n for rule n.  The row of each that holds anew, or in another row
 * than before, is told to the manager.  changed: all are to be tried; else those that are
 * left of the look before, which had no time for them. */
uint64_t rules_look(struct session *s, bool changed);
bool rules_left(const struct session *s);

#endif
