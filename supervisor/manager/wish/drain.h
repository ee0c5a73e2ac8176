/*
 * drain: a session that is told to come to an end, is given time for it, and is stopped.
 *
 * The message goes into its queue of input like any other, for a state of InputWhen=.
 * Once it was told (at once, when there is nothing to tell), it is stopped as soon as it
 * is idle or asks for a human, or has ended by itself, and at the latest when its window
 * is over.  What has no terminal can be told nothing and is stopped at once.  The stop is
 * the ordinary one: ExecStop=, then the signals, bounded by TimeoutStopSec=.
 *
 * It is the wish DRAINING (units.h), whose end is that of the window, so that it goes on
 * after the death of the manager, and of supd.  While it is on nothing starts the unit
 * anew.  It goes when the unit is down, or when somebody starts it, which calls the drain
 * off.  A frozen session is not stopped for the end of its window: it has not had it.
 *
 * The message is in the queue before the drain is recorded: a manager that dies in
 * between has told the session and will not stop it; whoever asked has no answer then,
 * and asks again.
 */
#ifndef SUPD_MANAGER_DRAIN_H
#define SUPD_MANAGER_DRAIN_H

#include <stdbool.h>
#include <stdint.h>

struct input_entry;
struct jw;
struct manager;
struct unit;
struct wish_who;

enum drain_phase {
	DRAIN_TELLING,  /* the message is not delivered yet */
	DRAIN_WAITING,  /* until it is idle, asks or ends */
	DRAIN_STOPPING, /* the stop is asked for, and goes on */
	DRAIN_DONE,     /* nothing of it is left, or it was called off */
};

/* What is asked for; zero is a default in each.  The strings are copied. */
struct drain_ask {
	const char *message; /* NULL: DrainMessage=; "": none */
	uint64_t window_us;  /* 0: DrainWindowSec= */
	const char *reason;  /* NULL: none */
	/* pid 0: no person (OnRemove=, a rule).  Only what a person drains is stopped for
	 * good afterwards, as by `supctl stop'; else nothing but the end of the run is
	 * meant, and whoever wants the unit may start it again. */
	const struct wish_who *who;
};

/*
 * Begins it, or asks anew with other terms for one that goes on.  Also for what does not
 * run: then it is but the stop.  Returns the number of the newest wish, after which it is
 * durable; 0: it is refused (frozen; the message cannot be queued), and *why (static
 * text) says the reason.
 */
uint64_t drain_unit(struct unit *u, const struct drain_ask *ask, const char **why);
/* Calls it off, unless the stop has begun: what runs goes on.  Returns the same number,
 * 0: there is none. */
uint64_t drain_cancel(struct unit *u, const struct wish_who *who);

/* It is being drained; nothing else may be said of a unit of which this is false. */
bool drain_is_on(const struct unit *u);
/* Of the newest drain of this manager; NULL: there was none. */
struct drain_view {
	enum drain_phase phase;
	const char *result; /* "idle", "asks", "ended", "window", "untold", "canceled" */
	uint64_t until_wall_us;
};
const struct drain_view *drain_view(const struct unit *u);
const char *drain_phase_name(enum drain_phase phase);
/* The member "drain" of a status, null where there is none. */
void drain_render(const struct unit *u, struct jw *w);

/* ---- what happens ---- */

/* The state of the unit or of its session changed.  From anywhere: it is looked at soon.
 */
void drain_look(struct unit *u);
/* An input of the session has its result. */
void drain_on_input(struct unit *u, const struct input_entry *e);
/* The start of a manager, when the sessions are known. */
void drains_restore(struct manager *m);
/* The unit goes. */
void drain_forget(struct unit *u);

#endif
