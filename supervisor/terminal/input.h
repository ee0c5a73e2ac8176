/*
 * input: what goes to a session's program: steps that the manager asks for, each written
 * once; what a person types; and the answers of the terminal itself.
 *
 * The keep notes a step before its first byte is written and again after its last: a role
 * that finds one begun says TERM_TAKEN_UNCERTAIN and never writes it again.
 */
#ifndef SUPD_TERMINAL_INPUT_H
#define SUPD_TERMINAL_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/msg.h"

struct msg;
struct session;
struct terminal;

/* MSG_TERM_INPUT; its descriptor stays the message's. */
void input_step(struct session *s, const struct msg *m);
/* TERM_ASK_TAKEN: how did the newest step go?  Told now, or when it is done. */
void input_ask(struct session *s);
/* The answer to either for a session that is not here: TERM_TAKEN_REFUSED (the step was
 * not written), TERM_TAKEN_LOST (of those before nothing is known). */
void input_no_session(struct terminal *t, uint32_t slot, enum term_taken_how how);
/* A person typed it.  False: the program has not read what is there; it is dropped. */
bool input_typed(struct session *s, const char *bytes, size_t len);
void input_answer(struct session *s, const char *bytes, size_t len);
/* The pty may take more. */
void input_go_on(struct session *s);
/* A new role, or the end of the session: a step in the middle is uncertain. */
void input_recover(struct session *s);

#endif
