/*
 * lines: what a session's screen has for the log, on its way into the log pipe, each
 * byte once, also when the role is killed on the way.
 *
 * A batch is written into a pipe of our own that init holds (staging, empty before), and
 * spliced from there.  How much is left in it tells a successor how much has arrived:
 *
 *	FILLING		nothing has arrived; what is in staging is thrown away
 *	MOVING		n less what is in staging has arrived
 *	RETURNING	the pipe was full: the rest is thrown away and made again
 *
 * half.done of the keep says how far it is; it changes in one store.
 */
#ifndef SUPD_TERMINAL_LINES_H
#define SUPD_TERMINAL_LINES_H

#include <stdbool.h>
#include <stddef.h>

struct session;
struct terminal;

enum lines_phase { LINES_NONE, LINES_FILLING, LINES_MOVING, LINES_RETURNING };

enum { LINES_MAX = 256 * 1024 }; /* that wait; more is not read from the pty */

/* A line of the screen (screen_ops.line). */
void lines_add(void *session, const char *text, size_t len);
/* As much as the pipe takes.  True: nothing waits. */
bool lines_flush(struct session *s);
/* At the start, with the keep of each session that was there: finishes the batch that a
 * killed role had begun. */
void lines_recover(struct session *s);
/* After all of those: staging is empty. */
void lines_clear_staging(struct terminal *t);

#endif
