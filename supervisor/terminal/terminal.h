/*
 * terminal: the role that owns the screens.  It reads the masters of the ptys, which init
 * holds, keeps the screen of each session, shows it to viewers, writes input, and puts
 * the lines of text into the log pipes.  It may be killed at any instruction: what its
 * successor needs is in run/term (keep.h).
 */
#ifndef SUPD_TERMINAL_TERMINAL_H
#define SUPD_TERMINAL_TERMINAL_H

struct session;
struct terminal;

/* The role's main.  Exit status. */
int terminal_main(void);

/* The session has something to do: it gets its turn. */
void terminal_ready(struct terminal *t, struct session *s);
/* TERM_REPLAY_END: all sessions of before are here. */
void terminal_replay_end(struct terminal *t);
/* Tells init and the manager what waits to be told. */
void terminal_flush(struct terminal *t);

#endif
