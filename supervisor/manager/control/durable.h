/*
 * durable: replies that say whether what was decided outlives a power loss.  The deed is
 * done by then; the reply comes as soon as the logger has its newest wish on the disk, or
 * after WishSyncSec= without that, and says which of the two.
 */
#ifndef SUPD_MANAGER_CONTROL_DURABLE_H
#define SUPD_MANAGER_CONTROL_DURABLE_H

#include <stdbool.h>
#include <stdint.h>

struct call;
struct control;
struct jw;

/* The wish of that number is on the disk, and all before it; 0: there was none. */
bool durable_is(const struct control *c, uint64_t seq);

/* The members of the reply, as things are when it is sent. */
typedef void durable_write_fn(struct jw *w, void *arg, bool durable);
typedef void durable_free_fn(void *arg);

/*
 * Replies once seq is durable, or late; perhaps at once.  write NULL: "durable" is all
 * there is to say (beside what call_begin got before).  arg goes with the reply, or with
 * a caller that is gone, by end (NULL: it need not).
 */
void durable_reply(struct control *c, struct call *call, uint64_t seq,
    durable_write_fn *write, void *arg, durable_free_fn *end);

#endif
