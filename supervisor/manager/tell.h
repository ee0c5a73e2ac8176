/*
 * tell: what happens to units, said as events, to the job layer, to people on a terminal
 * and to the parts of the manager that act on it (ExitUnit=).
 */
#ifndef SUPD_MANAGER_TELL_H
#define SUPD_MANAGER_TELL_H

#include <stdint.h>

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
void tell_stored(struct unit *u, const char *fdname);
void tell_match(struct unit *u, const struct msg_match *x, const char *text);
void tell_stream(struct manager *m, const char *unit, const uint8_t *invocation,
    const char *ref, const struct msg_stream_state *s);

#endif
