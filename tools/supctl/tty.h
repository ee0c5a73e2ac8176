/*
 * tty: the person's terminal while a session is attached to it: raw, and given back as it
 * was, whatever the session had made of it.
 */
#ifndef SUPD_SUPCTL_TTY_H
#define SUPD_SUPCTL_TTY_H

#include <stdbool.h>
#include <stdint.h>

/* Raw mode, when stdin is a terminal; and signals are noted instead of ending us.  -1:
 * errno. */
int tty_begin(void);
/* The second of these alone. */
void tty_note_signals(void);
/* As it was, below what was shown. */
void tty_end(void);
bool tty_is_one(void);
/* Its size; false: unknown. */
bool tty_size(uint16_t *rows, uint16_t *cols);
/*
 * Waits, at most so many milliseconds (-1: any time), for what is wanted: stdin, the peer
 * to be readable, or to take more; or for a signal.  What there is, a mask of TTY_...
 */
enum { TTY_STDIN = 1, TTY_PEER = 2, TTY_RESIZED = 4, TTY_ENDED = 8, TTY_ROOM = 16 };
int tty_wait(int peer_fd, int wanted, int timeout_ms);

#endif
