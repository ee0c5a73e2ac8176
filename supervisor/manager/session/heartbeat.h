/*
 * heartbeat: a message to a session now and then, and none when there is no reason.
 *
 * One is due at once when an invocation is ready, then after IntervalSec=, or after what
 * IdleIntervals= says of how long nobody did anything.  The interval is chosen anew with
 * each heartbeat; a long one is shortened as soon as somebody does something.
 *
 * It costs nothing while nothing can come of it: no timer in a state that When= does not
 * name, no watch where nothing could be shortened, and no message where OnlyIfNew= finds
 * nothing new.  What became due meanwhile is sent once, not as often as it was missed:
 * time is monotonic, which stands still while the machine sleeps; after a new manager's
 * start it is the wall clock, and those that are late are spread, so that a fleet does
 * not wake as one.
 *
 * The message goes into the input queue, which knows when it may be typed; it expires
 * there shortly before the next one is due.  Whoever hears its result calls
 * heartbeat_lost unless it was delivered.
 */
#ifndef SUPD_MANAGER_SESSION_HEARTBEAT_H
#define SUPD_MANAGER_SESSION_HEARTBEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

struct buf;
struct heartbeat;
struct input_request;
struct json_err;
struct jv;
struct jw;

struct heartbeat_ops {
	/* Appends at most max bytes of a file, and the time of its last change; -1: it
	 * cannot be read. */
	int (*read)(void *arg, const char *path, size_t max, struct buf *out,
	    uint64_t *mtime_wall_us);
	/* The latest change of all files that match; 0: there are none. */
	uint64_t (*newest)(void *arg, const char *glob);
	/* heartbeat_file_changed is wanted when this file changes or appears; NULL: no
	 * more. */
	void (*watch)(void *arg, const char *path);
	/* What heartbeat_write writes has changed, and is to be recorded: before the
	 * message is sent. */
	void (*record)(void *arg);
	/* Into the input queue; false: refused. */
	bool (*send)(void *arg, const struct input_request *r);
	/* heartbeat_tick is wanted at this monotonic time; INFINITY: not at all. */
	void (*arm)(void *arg, uint64_t due_us);
	/* A number below n, evenly. */
	uint32_t (*random)(void *arg, uint32_t n);
	void *arg;
};

/* What is to survive the manager.  Texts are the heartbeat's. */
struct heartbeat_memory {
	uint64_t last_wall_us; /* of the last message; 0: there was none */
	uint64_t count;        /* of messages */
	uint64_t skipped;      /* times that nothing was new */
	uint32_t last;         /* which message it was; UINT32_MAX: none */
	uint64_t seen_wall_us; /* OnlyIfNew=: the latest change then */
	/* heartbeat_active, where idle tiers go by it; to a second */
	uint64_t active_wall_us;
	char *invocation; /* that had its first one; NULL: none */
};

/* conf is not copied: see heartbeat_set_conf. */
struct heartbeat *heartbeat_new(
    const struct heartbeat_conf *conf, const struct heartbeat_ops *ops);
void heartbeat_free(struct heartbeat *h);
void heartbeat_set_conf(struct heartbeat *h, const struct heartbeat_conf *conf);

/* An invocation is ready, also to a new manager; one that had its first heartbeat
 * already goes on. */
void heartbeat_ready(struct heartbeat *h, const char *invocation);
void heartbeat_ended(struct heartbeat *h);
void heartbeat_state(struct heartbeat *h, enum session_state state);
/* Somebody other than the heartbeat gave it something to do.  Of interest where there is
 * no ActivityFile=. */
void heartbeat_active(struct heartbeat *h);
void heartbeat_file_changed(struct heartbeat *h);
/* Sends what is due. */
void heartbeat_tick(struct heartbeat *h);
/* One at once, whatever interval and OnlyIfNew= say, and to a session that is stuck, too.
 * false: it does not run, or the queue refused it. */
bool heartbeat_poke(struct heartbeat *h);
/* The last one did not reach the session: what was new then is new still. */
void heartbeat_lost(struct heartbeat *h);

/* The monotonic time of the next; INFINITY: none is armed. */
uint64_t heartbeat_due_us(const struct heartbeat *h);
const struct heartbeat_memory *heartbeat_memory(const struct heartbeat *h);

/* Members of the object that is open in w. */
void heartbeat_write(const struct heartbeat *h, struct jw *w);
/* Before anything else is said to a new one.  -1 with err: as if there were nothing. */
int heartbeat_restore(struct heartbeat *h, const struct jv *obj, struct json_err *err);

#endif
