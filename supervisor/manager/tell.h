/*
 * tell: what happens to units, said as events, to the job layer, to people on a terminal
 * and to the parts of the manager that act on it (ExitUnit=).
 */
#ifndef SUPD_MANAGER_TELL_H
#define SUPD_MANAGER_TELL_H

#include <stdint.h>

struct jw;
struct manager;
struct msg_match;
struct msg_stream_state;
struct svc_memory;
struct svc_note;
struct unit;

/* carried: the memory, when this note is the one to keep it; else NULL. */
void tell_note(
    struct unit *u, const struct svc_note *note, const struct svc_memory *carried);
void tell_adopted(struct manager *m, struct unit *u);
/* Before a signal goes to processes of a unit: by whom and why, in the journal and for
 * status.  main: to that kind of process alone; else to all of the unit. */
void tell_signal(struct unit *u, const char *scope, int signo);
/* The next one is of this person, who gave this reason (static text); NULL: no more. */
void tell_signal_by(struct unit *u, const char *who, const char *why);
/* The member "last_signal" of a status; null: none since this manager began. */
void tell_render_signal(const struct unit *u, struct jw *w);
void tell_forget_signal(struct unit *u);
void tell_stored(struct unit *u, const char *fdname);
void tell_match(struct unit *u, const struct msg_match *x, const char *text);
void tell_stream(struct manager *m, const char *unit, const uint8_t *invocation,
    const char *ref, const struct msg_stream_state *s);

#endif
