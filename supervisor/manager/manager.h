/*
 * manager: all policy.  Crash-only: what is running is init's table, what was asked for
 * is the event journal, the snapshot and the wishes; a new manager reads them and carries
 * on.  It never waits for a disk (unit files aside), for the logger, or for init.
 *
 * struct manager is the root of everything and the first argument of what needs more than
 * one unit.  Ownership: manager -> units -> unit -> service.
 */
#ifndef SUPD_MANAGER_MANAGER_H
#define SUPD_MANAGER_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/map.h"
#include "proto/table.h"

struct control;
struct emitter;
struct history;
struct jobs;
struct link;
struct loop;
struct loop_timer;
struct metrics;
struct ring;
struct shutdown;
struct store;
struct supd_conf;
struct unit_paths;
struct watch;

enum manager_phase {
	MANAGER_RESTORING, /* until REPLAY_END: init tells what it remembers */
	MANAGER_RUNNING,
	MANAGER_STOPPING, /* the whole instance ends */
};

struct manager_role {
	int32_t pid;
	uint32_t restarts;
	uint32_t hung; /* how often it did not answer */
};

struct manager {
	struct loop *loop;
	enum manager_phase phase;

	/* From the table and the HELLO. */
	const struct table *table; /* mapped read-only */
	struct ring *ring;
	uint64_t ring_bytes;
	const char *root_path; /* the instance folder */
	const char *run_path;  /* short: socket paths are made of it */
	int root_fd, run_fd, wake_fd, control_fd;
	int cgroup_fd; /* -1: containment is best effort */
	uint32_t nslots;
	uint32_t generation; /* how often a manager was started */
	bool safe_mode;      /* adopt, answer, load nothing */
	bool is_pid1;
	bool revived;
	uint64_t boot_wall_us; /* when this supd was started */
	struct manager_role role[ROLE_N];

	struct supd_conf *conf; /* never NULL */
	struct unit_paths *paths;
	struct map units;         /* name or alias -> struct unit */
	struct unit **slot_units; /* slot -> unit, NULL: free for us */
	struct jobs *jobs;
	struct emitter *events;
	struct metrics *metrics;
	struct history *history;
	struct store *store;
	struct control *control;
	struct link *link;
	struct watch *watch;
	struct shutdown *shutdown; /* NULL: not ending */
	bool tty;                  /* stderr is a terminal: say what happens */
	int exit_status;           /* of supd, when ExitUnit= ended; -1: not yet */
};

/* The role's main.  Returns only when there is nothing to serve any more. */
int manager_main(void);

/* Why the instance ends, and with what status. */
struct manager_end {
	const char *reason; /* "signal TERM", "uid 1000 (supctl)", "ExitUnit=main" */
	uint32_t how;       /* enum halt_how */
	int status;
	bool leave; /* the services keep running (OnExit=leave) */
	bool force; /* KILL now, no order */
};
/* Begin the end of the instance; again with force to hurry it. */
void manager_end(struct manager *m, const struct manager_end *why);

/* Ask init for new processes of all roles from the binary on the disk.  done is called
 * with an errno when it did not work; on success this manager is gone. */
typedef void manager_reexec_fn(void *arg, int err);
void manager_reexec(struct manager *m, manager_reexec_fn *done, void *arg);

/* A text for people on supd's terminal: "started deacon"; nothing when it is not one. */
enum manager_mark { MARK_START, MARK_STOP, MARK_FAIL, MARK_NOTE };
void manager_say(struct manager *m, enum manager_mark mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
