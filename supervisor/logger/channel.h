/*
 * channel: init and the manager, as the logger speaks with them.  Neither ever waits for
 * us, nor we for them: what a channel does not take is folded and sent when it does.
 */
#ifndef SUPD_LOGGER_CHANNEL_H
#define SUPD_LOGGER_CHANNEL_H

#include "proto/msg.h"

struct logger;
struct logslot;

/* Watch init's channel; it brings that of the manager. */
void channel_start(struct logger *lg);
/* Handle what init has sent, before something that it may explain. */
void channel_take_init(struct logger *lg);

/* Queue a copy of an answer (BARRIER_DONE, …) for the manager. */
void channel_answer(struct logger *lg, const struct msg *m);
/* Note a report of a stream (0, 1; 2: the file); folded with those that still wait. */
void channel_report(struct logger *lg, struct logslot *ls, unsigned stream,
    enum stream_what what, int err);
/* A pattern of the slot was found. */
void channel_match_found(struct logger *lg, struct logslot *ls);
/* Send what waits, as far as the channels take it. */
void channel_flush(struct logger *lg);

#endif
