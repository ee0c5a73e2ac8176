/*
 * peers: what init and the manager say to the terminal, and what it says to them.
 */
#ifndef SUPD_TERMINAL_PEERS_H
#define SUPD_TERMINAL_PEERS_H

#include "proto/chan.h"

struct session;
struct terminal;

void peers_start(struct terminal *t);
/* The manager has to hear s->told. */
void peers_report(struct session *s);
/* The same, before whatever is told after this. */
void peers_report_now(struct session *s);
/* It is gone: nothing more is told of it. */
void peers_forget(struct session *s);
/* A message to the manager that must not be lost while it lives; descriptors in it are
 * taken. */
void peers_answer(struct terminal *t, const struct msg *m);
/* Sends what waits and can go. */
void peers_flush(struct terminal *t);

#endif
