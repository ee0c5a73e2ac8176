/*
 * record: the recording of a session (Record=), an asciicast that `asciinema play' plays.
 * Made here, written by the logger (proto/cast.h): nothing here waits for a disk, and a
 * session does not wait for its recording.
 *
 * What a program wrote is in it once, in order, also when this role is killed: the keep
 * has the bytes, the ring says which of them are recorded.  What found no room is
 * missing, and then the whole screen is drawn.  A new day is a new file that begins with
 * the whole screen.
 */
#ifndef SUPD_TERMINAL_RECORD_H
#define SUPD_TERMINAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>

struct session;
struct terminal;

/* For a session that is recorded, once its screen is there, with all of its keep; found:
 * it is that of an earlier role. */
void record_open(struct session *s, bool found);
/* The recording stays, for the next role or the logger. */
void record_free(struct session *s);

/* Bytes of the program, which the screen and the keep have already. */
void record_output(struct session *s, const char *bytes, size_t len);
/* May what is typed now be recorded?  Asked before it is written. */
bool record_wants_typed(const struct session *s);
/* Bytes that were typed. */
void record_typed(struct session *s, const char *bytes, size_t len);
/* The window has another size. */
void record_resized(struct session *s);
/* The keep is about to begin its other half, which will be this one. */
void record_half(struct session *s, unsigned which);
/* The screen has come to rest: what the recording owes is drawn, as soon as it finds
 * room. */
void record_rest(struct session *s);
/* No more will come. */
void record_end(struct session *s);

/* The logger is told of what it has not been told of (loop_timer). */
void record_start(struct terminal *t);

#endif
