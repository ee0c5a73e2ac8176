/*
 * session: one pty and its screen, from TERM_OPEN to TERM_DONE.
 */
#ifndef SUPD_TERMINAL_SESSION_H
#define SUPD_TERMINAL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct screen;
struct screen_look;
struct session;
struct terminal;

enum session_turn {
	SESSION_EMPTY, /* all that was there is read */
	SESSION_AGAIN, /* there may be more */
	SESSION_FULL,  /* the log pipe is full: pipe_io tells when it goes on */
};

/* Takes the master.  The screen comes back from its keep. */
void session_open(struct terminal *t, uint32_t slot, int master);
void session_free(struct session *s);
struct session *session_get(struct terminal *t, uint32_t slot);

/* Its turn: reads, draws, shows and logs a bounded number of bytes. */
enum session_turn session_turn(struct session *s);
/* Until all that is there now is read; at most so much as is good for the others. */
void session_catch_up(struct session *s);
/* No more will come: what is in the pty is read, and it is done when all is in the log.
 */
void session_close(struct session *s);
/* The size of screen and pty. */
void session_resize(struct session *s, uint16_t rows, uint16_t cols);
/* That of TerminalSize=, which it has while nobody is attached. */
void session_own_size(struct session *s);
/* Its screen, which may have to be drawn anew first; and how it looks, which has not. */
struct screen *session_screen(struct session *s);
void session_screen_look(struct session *s, struct screen_look *look);
/* A password is asked for: lines are read, and what is typed is not shown. */
bool session_hides_input(const struct session *s);
/* Something that the manager has to know may have changed. */
void session_report(struct session *s);
/* The screen is looked at by the rules when it has come to rest, or sometimes while it
 * moves; now: whatever it does. */
void session_look(struct session *s);
/* The same for somebody who waits for what all rules say: it may take longer. */
void session_look_whole(struct session *s);

#endif
