/*
 * manager: all policy.  Crash-only: what is running is init's table, what was asked for
 * is the event journal, the snapshot and the wishes; a new manager reads them and carries
 * on.  It never waits for a disk (local unit files aside, see reach.h), for the logger,
 * or for init.
 *
 * struct manager is the root of everything and the first argument of what needs more than
 * one unit.  Ownership: manager -> units -> unit -> service.
 */
#ifndef SUPD_MANAGER_MANAGER_H
#define SUPD_MANAGER_MANAGER_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/map.h"
#include "lib/strv.h"
#include "proto/table.h"
#include "unit/load.h"

struct alerts;
struct bonds;
struct budgets;
struct control;
struct emergency;
struct emitter;
struct digest;
struct due;
struct fdwatch;
struct filewatch;
struct history;
struct jobs;
struct kept;
struct link;
struct links;
struct loop;
struct loop_timer;
struct marking;
struct metrics;
struct namewatch;
struct pathwatch;
struct phases;
struct pools;
struct reach;
struct reload;
struct ring;
struct shutdown;
struct scanner;
struct slots;
struct status;
struct store;
struct supd_conf;
struct svc_world;
struct tally;
struct timers;
struct unit;
struct unit_paths;
struct unitwatch;

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
	struct table *table; /* mapped read-only */
	struct ring *ring;
	uint64_t ring_bytes;
	const char *root_path; /* the instance folder */
	const char *run_path;  /* short: socket paths are made of it */
	int root_fd, run_fd, wake_fd, control_fd;
	uid_t owner;   /* of the instance folder, when this manager came */
	int cgroup_fd; /* -1: containment is best effort */
	uint32_t nslots;
	uint32_t generation; /* how often a manager was started */
	const char *ended;   /* "stopped" or "left": all is done; NULL before */
	bool ended_in_order; /* the supd before this one, as far as its events say */
	bool safe_mode;      /* adopt, answer, load nothing */
	struct loop_timer *safe_mode_timer; /* NULL: never was in it */
	uint64_t safe_mode_until_us;        /* wall clock; 0: does not end by itself */
	bool is_pid1;
	bool revived;
	uint64_t boot_wall_us; /* when this supd was started */
	struct manager_role role[ROLE_N];

	struct supd_conf *conf; /* never NULL */
	struct reach *reach;
	bool conf_unanswered; /* supd.conf could not be looked at */
	bool boot_unanswered; /* nor some unit files, when the units were to be started */
	bool has_credentials; /* run/credentials may have folders of units */
	bool memory_unanswered; /* and what is remembered of them waits */
	struct unit_paths *paths;
	enum unit_path_scope scope; /* whose instance it is */
	struct links *links;        /* what starts with it */
	struct map units;           /* name or alias -> struct unit */
	bool edges_stale;           /* see units_set_edges */
	bool sysinit_masked;        /* as it was told (sysinit.c) */
	size_t n_scopes;            /* of the units, those that are scopes */
	struct unit **by_name; /* each once, sorted; NULL: to be made (units_all.c) */
	size_t n_by_name;
	struct strv rested;      /* see unit_ended; oldest first */
	struct strv forgotten;   /* see unit_forget_later */
	struct slots *slots;     /* adopt_slot.c */
	struct scanner *scanner; /* scan.c */
	struct svc_world *world;
	struct loop_timer *jobs_timer;
	LIST_HEAD(, lastword) lastwords;     /* lastwords.c */
	struct loop_timer *jitter_timer;     /* NULL: no start was spread yet */
	struct loop_timer *hold_timer;       /* NULL: no hold ends by itself yet */
	TAILQ_HEAD(, emergency) emergencies; /* that are on, the oldest first */
	struct timers *timers;               /* timers.c; NULL: there never was one */
	struct stales *stales;       /* part/stales.c; NULL: there never was one */
	struct phases *phases;       /* phases.c */
	struct pools *pools;         /* part/pools.c; NULL: there never was one */
	struct due *due;             /* wants.c; NULL: nothing ever was */
	struct filewatch *filewatch; /* NULL: nothing is watched yet */
	struct namewatch *namewatch; /* NULL: no name is watched yet */
	struct pathwatch *pathwatch; /* NULL: no path is watched yet */
	struct jobs *jobs;
	struct emitter *events;
	struct metrics *metrics;
	struct history *history;
	struct digest *digest;
	struct tally *tally;
	struct alerts *alerts; /* NULL while the first supd.conf is read */
	struct store *store;
	struct bonds *bonds; /* NULL: nothing ever followed */
	struct budgets *budgets;
	struct marking *marking; /* marking.c */
	struct kept *kept;
	struct control *control;
	struct link *link;
	struct unitwatch *watch;
	struct fdwatch *fdwatch; /* NULL: nothing kept was to be watched yet */
	struct status *status;
	struct shutdown *shutdown; /* NULL: not ending */
	bool tty;                  /* stderr is a terminal: say what happens */
	char *notify_path;         /* who started supd wants to hear of it; NULL */
	void (*reexec_done)(void *arg, int err); /* NULL: none is asked for */
	void *reexec_arg;
};

/* The role's main.  Returns only when there is nothing to serve any more. */
int manager_main(void);
/* supd --explain=WHAT: prints the table of the states of a service.  Exit status. */
int manager_explain(const char *what);

/* Why the instance ends, and with what status. */
struct manager_end {
	const char *reason; /* "signal TERM", "uid 1000 (supctl)", "ExitUnit=main" */
	uint32_t how;       /* enum halt_how */
	int status;
	bool leave; /* the services keep running (OnExit=leave) */
	bool force; /* KILL now, no order */
	/* A manager that died had begun it: no new event, and what it has taken already
	 * counts for ShutdownTimeoutSec=. */
	bool resumed;
	uint64_t spent_us;
};
/* Begin the end of the instance; again with force to hurry it. */
void manager_end(struct manager *m, const struct manager_end *why);

/* Ask init for new processes of all roles from the binary on the disk.  done is called
 * with an errno when it did not work; on success this manager is gone. */
typedef void manager_reexec_fn(void *arg, int err);
void manager_reexec(
    struct manager *m, const char *who, manager_reexec_fn *done, void *arg);
/* arg is gone: its done is not called. */
void manager_reexec_cancel(struct manager *m, void *arg);
/* supd.conf into m->conf; what is wrong in it is logged.  When its file system does not
 * answer m->conf stays as it is. */
void manager_read_conf(struct manager *m);
/* The end of safe mode, if it is on: units are loaded and started. */
void manager_leave_safe_mode(struct manager *m, const char *why);
/* Read supd.conf and all unit files again; a person who asks for it ends safe mode. */
void manager_reload(struct manager *m, const char *who);
/* The second half of it, of a look (reload.h) that remains the caller's. */
void manager_take_reload(struct manager *m, struct reload *r, const char *who);

/* ---- what link.c hands on ---- */
void manager_on_hello(struct manager *m, const struct msg_hello *hello);
void manager_on_replay_end(struct manager *m);
void manager_on_orphan(struct manager *m);
void manager_on_signal(struct manager *m, const struct msg_got_signal *sig);
void manager_on_reexec_failed(struct manager *m, int err);
void manager_on_role(struct manager *m, const struct msg_role *role);
/* A logger is there (a new one, usually). */
void manager_on_logger(struct manager *m);
void manager_on_event_ack(struct manager *m, const struct msg_event_ack *ack);
void manager_on_snapshot_done(struct manager *m, const struct msg_snapshot_done *done);

/* A text for people on supd's terminal; where that is none, failures alone are logged. */
enum manager_mark { MARK_START, MARK_STOP, MARK_RESTART, MARK_FAIL, MARK_NOTE };
void manager_say(struct manager *m, enum manager_mark mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
