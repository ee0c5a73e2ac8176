/*
 * stream: one log pipe, from its bytes to a batch.
 */
#ifndef SUPD_LOGGER_STREAM_H
#define SUPD_LOGGER_STREAM_H

#include <stdbool.h>
#include <stdint.h>

struct logger;
struct logslot;
struct stream;

enum stream_turn {
	STREAM_AGAIN, /* there may be more: give it another turn */
	STREAM_EMPTY, /* an edge will tell when there is more */
	STREAM_STUCK, /* its slot is parked: the retry timer will tell */
};

/*
 * Edges of the pipe make the stream ready; one comes at once when something is in it.
 * Each write makes one, which costs the writer as much as a short line does: a stream on
 * the ready queue, which is going to be read anyway, can do without.  When the kernel has
 * no memory for that, the slot is parked, and looked at as often as those that are.
 */
void stream_watch(struct logger *lg, struct stream *s);
void stream_unwatch(struct logger *lg, struct stream *s);
/* One turn: at most TURN_BYTES. */
enum stream_turn stream_read(struct logger *lg, struct stream *s);
/* What is unfinished becomes a marked line.  0; -1: cannot write now. */
int stream_finish(struct logger *lg, struct stream *s);
/* Bytes that are in the pipe now. */
uint64_t stream_waiting(const struct stream *s);
/* The log of a slot cannot be written: its pipes wait (LogOverflow=block) or are dropped
 * until it can. */
void stream_park(struct logger *lg, struct logslot *ls, int err);
void stream_unpark(struct logger *lg, struct logslot *ls);
/* The retry timer came: look again at all that is parked; true while some still are. */
bool stream_retry(struct logger *lg);

#endif
