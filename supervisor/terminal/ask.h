/*
 * ask: the screen of a session, as JSON, for whoever asks the manager.
 */
#ifndef SUPD_TERMINAL_ASK_H
#define SUPD_TERMINAL_ASK_H

struct msg_term_ask;
struct terminal;

void ask_answer(struct terminal *t, const struct msg_term_ask *q);

#endif
