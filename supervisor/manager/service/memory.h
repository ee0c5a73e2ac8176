/*
 * memory: what of a service must survive the death of the manager.
 *
 * Plain data and a few texts, emitted with every change (svc_ops.emit) into the event
 * ring before any deed that follows from it, and given back to svc_restore.  Together
 * with what init replays (its slots, its unacknowledged exits) it is enough to carry on
 * from between any two instructions: no start twice, no restart lost.
 *
 * Strings are bounded, so that a service cannot make a line of the event journal too long
 * (svc_memory_write stays below SVC_MEMORY_JSON_MAX bytes), and valid UTF-8 is made of
 * them by the writer.
 */
#ifndef SUPD_MANAGER_SERVICE_MEMORY_H
#define SUPD_MANAGER_SERVICE_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/runid.h"
#include "proto/msg.h"

struct json_err;
struct jv;
struct jw;

enum svc_state {
#define SVC_STATE(id, name, text, active) SVC_##name = id,
#include "manager/service/service.def"
	SVC_NSTATES
};

enum svc_result {
#define SVC_RESULT(id, name, text) SVC_RESULT_##name = id,
#include "manager/service/service.def"
	SVC_NRESULTS
};

enum svc_active {
	SVC_ACTIVE_INACTIVE,
	SVC_ACTIVE_ACTIVATING,
	SVC_ACTIVE_ACTIVE,
	SVC_ACTIVE_RELOADING,
	SVC_ACTIVE_DEACTIVATING,
	SVC_ACTIVE_FAILED,
	SVC_NACTIVES,
};

/* Deadlines that a service may wait for; monotonic times, UINT64_MAX: none. */
enum svc_timer {
	SVC_TIMER_PHASE,    /* the time of this state: Timeout*Sec=, RestartSec= */
	SVC_TIMER_RUNTIME,  /* RuntimeMaxSec= */
	SVC_TIMER_WATCHDOG, /* WatchdogSec= */
	SVC_TIMER_READY,    /* the next try of Ready*= */
	SVC_TIMER_HEALTH,   /* the next try of Health*= */
	SVC_TIMER_PROBE,    /* the limit of a ReadyExec= that runs */
	SVC_TIMER_PROBE_HEALTH,
	SVC_NTIMERS,
};

enum {
	SVC_WHY_MAX = 240,
	SVC_STATUS_MAX = 256,
	SVC_WHO_MAX = 64,
	SVC_START_ENV_MAX = 481, /* with its NUL */
	SVC_UNMET_MAX = 160,     /* a condition, as it is written */
	SVC_FOUND_MAX = 96,      /* and what was seen instead */
	SVC_ID_MAX = 33,         /* an invocation in hex */
	SVC_SESSION_ID_MAX = 129,
	SVC_POOL_MAX = 128, /* a name of a unit; see UNIT_POOL_NAME_MAX */
	SVC_MEMORY_JSON_MAX = 3500,
};

/* What [Rule] sections say of the end of a main process, beside Restart=.  (Remembered:
 * numbers stay.) */
enum svc_verdict {
	SVC_VERDICT_NONE = 0,
	SVC_VERDICT_RESTART = 1,    /* whatever Restart= says */
	SVC_VERDICT_NO_RESTART = 2, /* likewise */
};

/* What must still follow from a change of the state (manager/bonds.h).  (Remembered:
 * numbers stay.) */
enum svc_due {
	SVC_DUE_FAILURE = 1 << 0, /* it has failed */
	SVC_DUE_SUCCESS = 1 << 1, /* it has become inactive without a failure */
	SVC_DUE_NEEDS = 1 << 2,   /* it was not started, for want of another */
};

/* How a process ended. */
struct svc_exit {
	uint32_t how; /* enum exit_how; 0: it did not */
	int32_t status;
	uint32_t phase; /* step before exec that failed */
	int32_t err;
	uint64_t wall_us;
};

struct svc_memory {
	enum svc_state state;
	enum svc_result result;        /* sticky until the next start */
	enum svc_result reload_result; /* of the last reload */

	uint8_t invocation[16]; /* zero: never started */
	uint32_t slot;          /* SLOT_NONE: nothing runs and nothing is left */
	uint64_t order;         /* milliseconds: the REF, unless the caller named one */
	char *ref;
	char *log_name;  /* empty: the stem of the unit */
	char *day;       /* pinned by the caller, or empty */
	char *run;       /* the run that the newest start was part of, or empty */
	uint32_t job;    /* the job of that start; 0: none, or Restart= began it */
	char *start_env; /* what triggered this start: lines NAME=VALUE, or empty */

	/* The processes.  A seq is the number of the SPAWN: with it a new manager knows
	 * whether the process it meets is the one it wanted. */
	int32_t main_pid; /* 0: none (yet) */
	uint64_t main_seq;
	uint64_t main_ticks;
	uint32_t main_index; /* which ExecStart= line (oneshot) */
	bool main_alien;     /* set by MAINPID= or PIDFile=: not our child */
	bool main_running;   /* wanted or there: no second one while this is set */
	bool main_execed;
	int32_t control_pid;
	uint64_t control_seq;
	bool control_running;
	uint64_t seq; /* the last one given */
	uint32_t cmd; /* enum service_exec of the command that runs */
	uint32_t cmd_index;
	struct svc_exit main_exit; /* of the newest main process */
	struct svc_exit control_exit;

	/* ResumeExec=. */
	bool interrupted; /* its work was cut: by this run when it ended, or runs still */
	bool resumes;     /* this run was begun by ResumeExec= */
	bool idle;        /* it did nothing when the stop that goes on began */
	uint32_t
	    resume_fails; /* runs begun by it that were cut again at once, in a row */
	char *previous;   /* the invocation before this one, in hex, or empty */
	char *session_id; /* as the program calls its work, or empty */

	/* Pool=. */
	char *pool; /* the unit of which it has a slot, or waits for one; or empty */
	uint64_t pool_number; /* its place among those that wait; 0: none was given */
	uint64_t queued_us;   /* it waits since then; monotonic */

	/* Restarts and the start limit. */
	uint32_t restarts; /* automatic ones since a person started it */
	uint32_t due;      /* enum svc_due, of the newest end that has consequences */
	uint64_t due_life; /* as life, of that */
	uint64_t due_us;   /* when it was; wall clock */
	uint32_t log_alt;  /* the name of its log was taken: the ALT of layout_log_file */
	uint32_t backoff;  /* steps of RestartSteps= taken */
	uint32_t retry;    /* of Retries=: further runs that were taken of it */
	uint64_t limit_begin_us;
	uint32_t limit_count;
	bool forbid_restart;    /* stopped on purpose */
	bool canceled;          /* with its run: nothing follows from its end */
	bool stopped;           /* it is down because that was asked for, not by itself */
	bool restart_deferred;  /* due as soon as the slot is empty */
	bool again;             /* this run, or the one that is due, is of Retries= */
	bool then_start;        /* the stop of a restart: it comes up again */
	bool yields;            /* that is by PhaseYield=: no failure, and not counted */
	bool fresh_start;       /* a person asked: counters were cleared */
	uint32_t verdict;       /* enum svc_verdict: of the rules, about the last end */
	bool uncounted;         /* that end, and the start after it, count for no limit */
	uint64_t not_sooner_us; /* the restart after it comes no sooner than so long */

	/* What the service said of itself. */
	bool ready;      /* READY=1 or the Ready*= lines, of this start */
	bool stopping;   /* STOPPING=1 */
	bool stop_after; /* a stop waits for the end of ExecReload= */
	bool reloading;
	int32_t notify_errno;
	uint64_t watchdog_us; /* WATCHDOG_USEC=, UINT64_MAX: as in the file */
	uint32_t access; /* NOTIFYACCESS=: enum notify_access + 1, 0: as in the file */
	char *status;
	bool has_name;       /* BusName= was had by this start */
	uint64_t ready_mask; /* which Ready*= lines held already */
	uint64_t reload_us;  /* ReloadSignal= was sent; monotonic */
	uint64_t frozen_us;  /* it stands still since then; monotonic, 0: it does not */
	bool was_frozen;     /* in this invocation */
	uint64_t hard_us;    /* the limit of the state as the file has it */
	uint64_t runtime_us; /* RuntimeMaxSec= as the file has it */

	/* Signals of the stop. */
	uint32_t stop_step; /* of StopSequence= */
	uint32_t steps;     /* signals decided that must not be sent twice */
	uint32_t leftover;  /* processes outlived FinalKillSignal= */

	uint64_t deadline_us[SVC_NTIMERS];

	uint64_t changed_wall_us; /* of the state */
	uint64_t started_wall_us; /* the start began */
	uint64_t life;           /* by which supd: svc_ops.life; 0: never, or not known */
	uint64_t active_wall_us; /* it was ready */
	uint64_t active_us;      /* the same, monotonic; 0: not since the last start */
	uint64_t ended_wall_us;
	uint64_t main_started_wall_us;

	/* Condition*= and Assert*=, asked when a start begins. */
	uint64_t checked_wall_us; /* 0: never */
	char *unmet;              /* that did not hold then, or empty */
	char *found;              /* what was seen */

	char *why; /* why it is in its state */
	char *who; /* who asked for it last */
};

/* Texts are never NULL, and are owned by the memory that they are in: thousands of
 * services have short ones, or none.  They change by svc_memory_text alone. */
void svc_memory_init(struct svc_memory *m);
void svc_memory_clear(struct svc_memory *m);
/* dst is initialised. */
void svc_memory_copy(struct svc_memory *dst, const struct svc_memory *src);
/* field is one of m's, max what memory.def says of it; longer ones are cut between two
 * characters.  NULL: empty. */
void svc_memory_text(char **field, size_t max, const char *text);
/* Members of the object that is open in w. */
void svc_memory_write(const struct svc_memory *m, struct jw *w);
/* How long the work of a unit took that is over, by the wall clock; 0: it is not, or
 * nothing ran. */
uint64_t svc_took_us(const struct svc_memory *m);
/* 0, or -1 with err; m, which is not initialised before, has nothing to clear then.
 * Members that are absent keep the values of svc_memory_init, unknown ones are skipped:
 * older and newer builds read each other. */
int svc_memory_read(const struct jv *obj, struct svc_memory *m, struct json_err *err);

const char *svc_state_name(enum svc_state st); /* sub-state */
const char *svc_result_name(enum svc_result r);
enum svc_active svc_state_active(enum svc_state st);
const char *svc_active_name(enum svc_active a);
/* -1 when there is none of that text. */
int svc_state_find(const char *text);
int svc_result_find(const char *text);
/* "exited", "killed", … */
const char *svc_how_name(uint32_t how);
/* "status=3", "signal=TERM", "could not be started: …": into dst, which is returned. */
const char *svc_exit_text(const struct svc_exit *x, char *dst, size_t size);
/* "TERM" of 15; "RTMIN+3"; into dst. */
const char *svc_signal_name(int signo, char *dst, size_t size);

#endif
