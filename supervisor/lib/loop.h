/*
 * loop: the event loop of a role.  loop.c is the only file that includes <ev.h>.
 *
 * Promises: an idle loop never wakes up; a timer never fires early; a watcher may be
 * freed in any callback, its own included.  Never the default loop of libev, which would
 * reap everybody's children; never the environment (LIBEV_FLAGS).
 *
 * Deadlines are those of clock_mono_us; a test that replaces that clock drives its code
 * by hand and does not run a loop.
 *
 * Watchers are heap objects owned by who made them, and must be freed before the loop.
 * Their names are for debugging and must be literals.
 */
#ifndef SUPD_LIB_LOOP_H
#define SUPD_LIB_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_io;
struct loop_signal;
struct loop_timer;
struct signalfd_siginfo;

enum {
	LOOP_READ = 1,
	LOOP_WRITE = 2,
	LOOP_FAILED = 4, /* never asked for, see loop_io_may_fail */
};

/* events: what is ready now.  A hang-up or error of the descriptor reports what is set.
 */
typedef void loop_io_fn(struct loop_io *io, int events, void *arg);
typedef void loop_timer_fn(struct loop_timer *t, void *arg);
typedef void loop_signal_fn(const struct signalfd_siginfo *si, void *arg);
typedef void loop_post_fn(void *arg);

/* Never NULL: a role that can have none ends here. */
struct loop *loop_new(void);
void loop_free(struct loop *l);
/* Until loop_stop. */
void loop_run(struct loop *l);
/* Handles what is ready, without waiting.  For tests. */
void loop_run_once(struct loop *l);
/* Ends loop_run after the current callback. */
void loop_stop(struct loop *l);
/* Monotonic microseconds, now. */
uint64_t loop_now_us(struct loop *l);

/* The descriptor stays the caller's; free the watcher before it is closed. */
struct loop_io *loop_io_new(
    struct loop *l, const char *name, int fd, int events, loop_io_fn *fn, void *arg);
/* 0 pauses. */
void loop_io_set(struct loop_io *io, int events);
/*
 * The kernel may have no memory to watch a descriptor.  That ends the process, which is
 * started again; a watcher of which this was said gets LOOP_FAILED, once, instead.
 */
void loop_io_may_fail(struct loop_io *io);
int loop_io_fd(const struct loop_io *io);
void loop_io_free(struct loop_io *io);

/* Made disarmed; one shot: arm again in the callback for the next. */
struct loop_timer *loop_timer_new(
    struct loop *l, const char *name, loop_timer_fn *fn, void *arg);
/* Arms or moves to a monotonic deadline; USEC_INFINITY disarms. */
void loop_timer_at(struct loop_timer *t, uint64_t deadline_us);
void loop_timer_in(struct loop_timer *t, uint64_t delay_us);
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_armed(const struct loop_timer *t);
/* USEC_INFINITY when disarmed. */
uint64_t loop_timer_deadline_us(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

/* The caller has blocked the signal in all threads.  NULL with errno on failure. */
struct loop_signal *loop_signal_new(
    struct loop *l, int signo, loop_signal_fn *fn, void *arg);
void loop_signal_free(struct loop_signal *s);

/*
 * Calls fn(arg) once before the loop waits again, in the order of posting.  Posting the
 * same pair again while it waits changes nothing.  What a posted call posts runs in the
 * next round, and the loop does not wait in between.
 */
void loop_post(struct loop *l, loop_post_fn *fn, void *arg);
/* Forgets it, if it has not run; for the end of arg's life. */
void loop_post_cancel(struct loop *l, loop_post_fn *fn, void *arg);
/* Called (may be NULL to stop) whenever the wall clock was set. */
void loop_on_clock_set(struct loop *l, loop_post_fn *fn, void *arg);

#endif
