/*
 * flood: larger pipes for the few programs that write as fast as they can.
 *
 * What a program wrote stays in its pipe until it is in the log, so that in full flood it
 * waits for each batch; with a larger pipe it fills one part while we write the other,
 * and the batches are larger, too.  Nothing depends on it: the kernel may refuse.
 *
 * Only a few at a time.  The pipes of an ordinary user count against a limit, beyond
 * which all new ones are small; and with many of them the bytes no longer fit into the
 * processor's caches, which costs more than larger batches save.
 */
#ifndef SUPD_LOGGER_FLOOD_H
#define SUPD_LOGGER_FLOOD_H

#include <stddef.h>

struct logger;
struct stream;

/* The two pipes of the protocol, as large as a turn of such a stream. */
void flood_start(struct logger *lg);
/* A turn found n bytes. */
void flood_note(struct logger *lg, struct stream *s, size_t n);
/* The stream is closed. */
void flood_forget(struct logger *lg, struct stream *s);

#endif
