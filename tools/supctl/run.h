/*
 * run: what `supctl run' was asked for, and what it has been told.
 */
#ifndef SUPD_SUPCTL_RUN_H
#define SUPD_SUPCTL_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/strv.h"

struct ctl;
struct opt;

struct run {
	bool wait, no_block, pty, scope, pipe;
	const char *ref, *day, *description;
	char *name;
	char *cwd;
	struct strv env;
	struct strv properties;         /* KEY=VALUE of the service */
	const char *trigger;            /* "timer", "path", "socket"; NULL: started now */
	struct strv trigger_properties; /* of that */
	uint64_t timeout_us;
	uint64_t limit_us; /* when the program's time is over; USEC_INFINITY: never */
	bool timed_out;

	/* As told by the first reply. */
	char *unit, *triggers, *started_ref, *log;
	int64_t pid;
	int code; /* when it has ended */
	bool ended;
};

extern const struct opt run_opts[];

/* Reads the options: 0, or an exit status after telling. */
int run_options(struct ctl *ctl, int argc, char **argv, struct run *q);
void run_options_clear(struct run *q);
/* Asks that it be stopped, and waits for nothing: whether that was taken. */
bool run_stop(struct ctl *ctl, const struct run *q);
/* FIFOs in the run folder, the properties that name them, and a child that copies from
 * now on: 0, or an exit status.  A signal that would end us stops the unit. */
int run_pipe_prepare(struct ctl *ctl, struct run *q);
/* The name of the unit is known. */
void run_pipe_named(const struct run *q);
/* It has ended, or was never started: what it has written is passed on to its end. */
void run_pipe_end(void);
/* Becomes the program, as a unit; an exit status, after telling, when that cannot be. */
int run_scope(struct ctl *ctl, struct run *q, char **argv);

#endif
