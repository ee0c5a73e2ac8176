/*
 * service: the state machine of one service.
 *
 * THE MODEL
 *
 * A service is in one state (service.def), in which it waits for events; svc_table
 * [state][event] (service_table.c) names the action for every pair.  The states are
 * those of systemd:
 *
 *	start   dead -> [queued] -> [condition] -> [start-pre] -> start -> [start-post] ->
 *running Condition*= and Assert*= are asked first, and leave it as it is queued: with
 *Pool=, until there is a slot of the pool, which is given back when nothing of the
 *service is left (not: when it is ready) oneshot: start runs all ExecStart= lines, then
 *exited or dead stop    running -> [stop] -> stop-sigterm -> stop-sigkill -> [stop-post]
 *	        -> final-sigterm -> final-sigkill -> dead | failed
 *	failure in condition … start-post -> stop-sigterm … (no ExecStop=, but
 *ExecStopPost=) main process ends in running -> [stop] -> stop-sigterm for what is left
 *-> … after   dead | failed -> auto-restart -> start …; start-limit-wait -> start …
 *
 * States in brackets are passed only when there are such commands.
 *
 * RULES
 *
 *  1. One instance.  A start is possible only in dead, failed, auto-restart and
 *     start-limit-wait, and only while no slot is held.  Each start is a new invocation
 *     with a new slot.
 *  2. Stopped means empty.  With KillMode= control-group and mixed, a service leaves
 *     final-sigterm and final-sigkill only when init says EMPTY, or when what is left has
 *     survived FinalKillSignal= for TimeoutStopSec=: then it is failed (timeout), keeps
 *     its slot, is not started again while it does, and says so.
 *  3. A stop that was asked for wins over every restart: it sets forbid_restart, which
 *     only a start takes away.
 *  4. The first result that is not success stays until the next start.
 *  5. Intent before deed.  An action decides and changes only the struct; it queues its
 *     deeds.  After it the memory (memory.h) is emitted, then an exit is acknowledged
 *     and the deeds are done in order.  So a new manager finds either the old state with
 *     the event still to come, or the new one with deeds that it can see are missing and
 *     does (svc_adopt).
 *  6. An action never dispatches.  What follows at once (an empty list of commands, a
 *     deed that failed) is a further event in the queue of the service, drained by
 *     svc_dispatch.  Nothing here calls back into the caller except svc_ops, whose
 *     functions must not call svc_* of the same service.
 *  7. What comes late is harmless: exits, timers, probes and datagrams carry slot and
 *     sequence number, and those of an earlier invocation are acknowledged and dropped.
 *
 * The world is reached only through struct svc_ops and clock_*_us(); tests drive a
 * virtual clock (clock_set_source) and a fake init (tests/sim).
 *
 * Ownership: the manager's unit owns the service; the service owns nothing but itself and
 * the files handed to svc_on_notify.  unit_conf: see svc_set_conf.
 */
#ifndef SUPD_MANAGER_SERVICE_SERVICE_H
#define SUPD_MANAGER_SERVICE_SERVICE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/service/memory.h"
#include "unit/conf.h"

struct buf;
struct service;
struct svc_fds;

enum svc_event {
#define SVC_EVENT(name, text) SVC_EV_##name,
#include "manager/service/service.def"
	SVC_NEVENTS
};

/* What a request was about, in svc_ops.done. */
enum svc_done {
	SVC_DONE_START,
	SVC_DONE_STOP,
	SVC_DONE_RELOAD,
};
enum svc_done_result {
	SVC_DONE_OK,
	SVC_DONE_FAILED,
	SVC_DONE_TIMEOUT,
	SVC_DONE_SKIPPED,  /* a condition, or ExecCondition=, said no */
	SVC_DONE_ASSERT,   /* an Assert*= said no */
	SVC_DONE_CANCELED, /* the opposite was asked for meanwhile */
};

/* What svc_ops.emit is told of. */
enum svc_emit {
	SVC_EMIT_STATE,   /* the state changed (old, state): told here and nowhere else */
	SVC_EMIT_MEMORY,  /* the memory changed within a state */
	SVC_EMIT_EXEC,    /* a process was started: kind, pid, cmd */
	SVC_EMIT_EXIT,    /* a process ended: kind, pid, exit, duration_us */
	SVC_EMIT_RESTART, /* a restart was decided: delay_us */
	SVC_EMIT_READY,   /* start is complete: duration_us since it began */
	SVC_EMIT_NOTIFY,  /* a status text came: text */
	SVC_EMIT_USAGE,   /* it says what it has used: usage */
	SVC_EMIT_HEALTH,  /* health became good (ok) or bad: text is the evidence */
	SVC_EMIT_REFUSED, /* something a service or its files asked for was refused: text
			   */
	SVC_EMIT_SKIPPED, /* a condition or an assertion does not hold: memory.unmet */
	SVC_EMIT_LEFTOVER, /* processes outlived FinalKillSignal=: text lists them */
	SVC_EMIT_QUEUED,   /* it waits for a slot of its pool */
	SVC_EMIT_ADMITTED, /* it has one: duration_us is how long it waited */
	SVC_EMIT_BUG,      /* an undecided cell or a broken invariant: text */
};

/* Of X_SUPD_TOKENS= and X_SUPD_COST=, by enum budget_counted; cost in millionths. */
struct svc_usage {
	bool has[BUDGET_NCOUNTED];
	bool more[BUDGET_NCOUNTED]; /* so much more, not so much in all */
	uint64_t n[BUDGET_NCOUNTED];
};

struct svc_note {
	enum svc_emit what;
	enum svc_state old, state;
	enum proc_kind kind;
	int32_t pid;
	const struct exec_cmd *cmd; /* EXEC of a command; NULL else */
	struct svc_exit exit;
	uint64_t duration_us; /* EXIT: of the process; STATE: of the old state */
	uint64_t delay_us;
	uint32_t
	    retries; /* RESTART: it is one of so many, which are memory.retry; 0: none */
	uint64_t cpu_us;
	uint64_t maxrss_kib;
	bool ok;
	bool first; /* HEALTH: nothing was known before */
	struct svc_usage usage;
	bool keep;        /* the memory that comes with it must be recorded */
	const char *text; /* NULL: none */
};

/* The answer of svc_ops.judge. */
struct svc_judgement {
	enum svc_verdict verdict;
	bool uncounted; /* it is no failure, and no start that is counted follows */
	uint64_t not_sooner_us; /* a restart comes no sooner than so long from now */
	const char *rule;       /* that says so; NULL: none.  Valid during the call. */
};

/* What the conditions of a unit came to (svc_ops.conditions). */
struct svc_conditions {
	bool held;
	bool asserted;             /* it is an Assert*= that does not hold */
	bool any;                  /* nor does any other with `|' */
	char unmet[SVC_UNMET_MAX]; /* "ConditionPathExists=/x" */
	char found[SVC_FOUND_MAX]; /* "No such file or directory" */
};

/* One process to start.  svc_exec_spec (service_exec.h) makes its context. */
struct svc_spawn {
	uint32_t slot;
	enum proc_kind kind;
	uint64_t seq;
	uint8_t invocation[16];
	enum service_exec exec;     /* which list (MAIN: EXEC_START) */
	const struct exec_cmd *cmd; /* of a command or probe */
	const struct svc_fds *fds;  /* of its sockets (service_fds.h); NULL: none */
};

/* The answer of svc_ops.pool_enter. */
enum svc_pool {
	SVC_POOL_NONE,     /* conf names none */
	SVC_POOL_ADMITTED, /* it has a slot of it */
	SVC_POOL_QUEUED,   /* svc_on_admitted comes when it has one */
	SVC_POOL_REFUSED,  /* there is no such pool: why says it */
	SVC_POOL_PHASE, /* it is not the time for it: why says it, svc_on_phase comes */
};

enum svc_pid {
	SVC_PID_GONE,    /* not there, or a zombie */
	SVC_PID_OURS,    /* in the cgroup of the slot, else its descendant */
	SVC_PID_FOREIGN, /* somebody else's */
	SVC_PID_SUPD,    /* pid 1, a role of supd, or of the kernel */
	SVC_PID_TAKEN,   /* what supd itself has started for another unit */
};

enum svc_pidfile {
	SVC_PIDFILE_OK,
	SVC_PIDFILE_MISSING, /* not there, or nothing in it yet */
	SVC_PIDFILE_BAD,     /* no number in it, or not to be trusted: why says it */
};

enum probe_use {
	PROBE_USE_READY,
	PROBE_USE_HEALTH,
};

/*
 * The world.  arg is what svc_new was given.  Deeds are called in the order of the
 * decision, after emit.  None of them may call svc_* of the same service; all must be
 * there.
 */
struct svc_ops {
	/* Fills SLOT_OPEN from a configuration (svc_exec_open).  -1: why and the exit
	 * status that a child would have had (217 …) say what is wrong with it. */
	int (*slot_fill)(void *arg, const struct unit_conf *conf,
	    struct msg_slot_open *open, int *status, char *why, size_t size);
	/* A free slot, kept for this service until slot_close.  SLOT_NONE: why says it.
	 * SVC_SLOT_SOON: svc_on_slot_free comes when it is worth another try. */
	uint32_t (*slot_take)(void *arg, char *why, size_t size);
	/* A slot of the pool that conf names, which it has or waits for until pool_leave.
	 * number is its place among those that wait, and is given when it is 0; whoever
	 * waits already is put where conf says now.  why: the name of the pool's unit,
	 * or why there is none, or for which phase conf has to wait (it is in no pool
	 * then). */
	enum svc_pool (*pool_enter)(void *arg, const struct unit_conf *conf,
	    uint64_t *number, char *why, size_t size);
	void (*pool_leave)(void *arg);
	/* SLOT_OPEN.  -1 with errno: the slot is free again. */
	int (*slot_open)(void *arg, const struct msg_slot_open *open);
	void (*slot_close)(void *arg, uint32_t slot);
	/* SPAWN.  -1 with errno: nothing was sent, why says more (may be left empty). */
	int (*spawn)(void *arg, const struct svc_spawn *sp, char *why, size_t size);
	/* PROC_SET: main is this process from now on. */
	void (*proc_set)(void *arg, uint32_t slot, enum proc_kind kind, int32_t pid,
	    uint64_t start_ticks);
	/* PROC_JOIN: main is this process, which is moved into the slot.  Answered by
	 * svc_on_started or svc_on_exit. */
	void (*proc_join)(void *arg, uint32_t slot, int32_t pid, uint64_t start_ticks);
	/* SIGNAL; the scopes SLOT and SLOT_KILL reach escapees, too.  step: as in
	 * SIGNAL_STEP, 0: none. */
	void (*signal)(void *arg, uint32_t slot, enum proc_kind kind,
	    enum signal_scope scope, int signo, uint32_t step);
	/* Answered by svc_on_empty, once, when no process of the slot is left. */
	void (*watch_empty)(void *arg, uint32_t slot);
	void (*exit_ack)(void *arg, const struct msg_exit *x);

	/* Monotonic; UINT64_MAX stops it.  Answered by svc_on_timer. */
	void (*timer_set)(void *arg, enum svc_timer which, uint64_t deadline_us);

	/* Try a TCP, HTTP or FILE probe (probe.h); answered by svc_on_probe with the same
	 * id, once, within timeout_us.  A file counts when it changed at since_wall_us or
	 * later.  probe_stop: none of this use is wanted any more. */
	void (*probe_start)(void *arg, enum probe_use use, uint64_t id,
	    const struct probe_conf *conf, uint64_t since_wall_us, uint64_t timeout_us);
	void (*probe_stop)(void *arg, enum probe_use use);
	/* BusName= of what is up and has it: svc_on_name from now on.  NULL: not any
	 * more. */
	void (*name_watch)(void *arg, const char *name);
	/* ReadyPattern= lines of this invocation in its slot, for the logger: rule i is
	 * conf->ready.v[i].  Answered by svc_on_match. */
	void (*patterns)(void *arg, uint32_t slot, const uint8_t invocation[16],
	    const struct probe_list *list);

	/* FDSTORE=1: fd is the op's.  FDSTOREREMOVE=1; name NULL: all of the unit. */
	void (*fd_store)(void *arg, const char *name, int fd, bool poll);
	void (*fd_drop)(void *arg, const char *name);

	/* Questions, answered at once. */
	/* The number of this supd, the same for all of its managers; never 0. */
	uint64_t (*life)(void *arg);
	enum svc_pid (*pid_check)(
	    void *arg, uint32_t slot, int32_t pid, uint64_t *start_ticks);
	/* Who the processes of the slot are started as; (uid_t)-1: not known. */
	uid_t (*slot_uid)(void *arg, uint32_t slot);
	/* PIDFile=: trusted says that it is root's and was reached without a link. */
	enum svc_pidfile (*pidfile_read)(void *arg, const char *path, int32_t *pid,
	    bool *trusted, char *why, size_t size);
	/* The only process of the slot, 0 when there is none or more than one. */
	int32_t (*guess_main)(void *arg, uint32_t slot);
	/* "123 (mysqld) wchan=io_schedule, …" */
	void (*survivors)(void *arg, uint32_t slot, struct buf *out);

	/* The main process ended, and no stop was asked for: what do rules say of it? out
	 * is zeroed. */
	void (*judge)(void *arg, const struct msg_exit *x, struct svc_judgement *out);

	/* It has nothing to do now: what ends it cuts nothing short. */
	bool (*is_idle)(void *arg);
	/* A restart that is due has to wait for svc_on_released. */
	bool (*held)(void *arg);
	/* Do all Condition*= and Assert*= of conf, which has some, hold now? */
	void (*conditions)(
	    void *arg, const struct unit_conf *conf, struct svc_conditions *out);

	/* Remove RuntimeDirectory= and PIDFile= after the stop. */
	void (*cleanup)(void *arg, const struct unit_conf *conf, bool restarts);

	/* m is the memory as of this note; it is to be kept when note->keep says so (the
	 * others are states that were passed within one decision, and mere news). */
	void (*emit)(void *arg, const struct svc_note *note, const struct svc_memory *m);
	/* A request of svc_want_* is answered. */
	void (*done)(
	    void *arg, enum svc_done what, enum svc_done_result r, const char *why);
	/* FailureAction=, SuccessAction=, StartLimitAction=; status -1: that of the main
	 * process counts. */
	void (*action)(void *arg, enum unit_action action, int status, const char *why);
	/* A configuration is neither the newest nor in use any more. */
	void (*conf_release)(void *arg, const struct unit_conf *conf);
};

/* What one start may have its own of.  NULL strings: as usual. */
struct svc_start {
	const char *who; /* for `status': "uid 1000 (supctl)", "dependency", "boot" */
	bool automatic;  /* not a person: counters stay (start limit, delays) */
	const char *ref; /* name of the log, checked by the caller */
	const char *day;
	const char *log_name;
	const char *env; /* lines NAME=VALUE, at most SVC_START_ENV_MAX bytes */
	const char *run; /* the run that it is part of (lib/runid.h) */
	uint32_t job;    /* whose answer it is; 0: of none that must outlive a manager */
	/* Of a scope: the process that it is for, and when that was started.  0: there is
	 * none, and no start. */
	int32_t pid;
	uint64_t pid_ticks;
};

/* Bits. */
enum svc_down {
	SVC_DOWN_STOP = 0,
	SVC_DOWN_RESTART =
	    1 << 0, /* RestartKillSignal=; kept descriptors stay; comes up again */
	SVC_DOWN_AUTOMATIC =
	    1 << 1, /* no person meant this unit: what it did is cut short */
};

enum {
	/* Of slot_take: all are used, and one is being closed. */
	SVC_SLOT_SOON = SLOT_NONE - 1,
};

enum svc_whom {
	SVC_WHOM_ALL,
	SVC_WHOM_MAIN,
	SVC_WHOM_CONTROL,
};

/* A datagram of the notify socket (notify.h reads one). */
struct svc_notify {
	const char *text;
	size_t len;
	bool truncated;
	pid_t pid; /* 0: no credentials came with it */
	uid_t uid;
	gid_t gid;
	int *fds;
	size_t nfds;
	size_t nremote; /* that came with it and were not let in */
};

/*
 * A dead service.  conf must be of a loaded unit; it, the name of the unit and ops must
 * outlive it.
 */
struct service *svc_new(
    const struct svc_ops *ops, void *arg, const char *unit, const struct unit_conf *conf);
/* Stops timers and probes; touches no process. */
void svc_free(struct service *s);

/*
 * The newest configuration: used with the next start.  The service reads the pointer
 * until ops->conf_release gives it back (maybe at once); the newest one at svc_free is
 * the caller's without a call.
 */
void svc_set_conf(struct service *s, const struct unit_conf *conf);
/* The same, also for the running invocation: what it had was a stand-in. */
void svc_replace_conf(struct service *s, const struct unit_conf *conf);
/* What the running invocation was started with, else the newest. */
const struct unit_conf *svc_conf(const struct service *s);
/* There is such an invocation: a newer configuration waits for the next start. */
bool svc_has_run_conf(const struct service *s);

/* ---- requests; each is answered by ops->done (also at once, from within) ----- */
/* In states where it runs already: done OK.  While it stops: it is an error (the job
 * layer waits for the end first): done FAILED. */
void svc_want_up(struct service *s, const struct svc_start *start);
void svc_want_down(struct service *s, unsigned how, const char *who);
/* (By no person.)  KILL now, whatever it does; no ExecStop=. */
void svc_force_down(struct service *s, const char *who);
/* Before a stop that ends its run: the result will be canceled, and nothing follows from
 * its end. */
void svc_cancel(struct service *s);
void svc_want_reload(struct service *s, const char *who);
/* The job that began its start (memory.job) is not done: it is on its way up, waits in
 * its pool, or for the next run of Retries=. */
bool svc_job_is_open(const struct service *s);
/* After svc_adopt: svc_ops.done is to be called at the end of the start that goes on. */
void svc_expect_start(struct service *s);
/* NULL, or why it cannot be reloaded (static text). */
const char *svc_reload_refusal(const struct service *s);
/* All processes of it stand still, and its time limits with them, or go on.  Nothing
 * happens to what has no processes, or is on its way down.  A stop, and an end, make it
 * go on by themselves; what it was frozen for is then the caller's to know. */
void svc_set_frozen(struct service *s, bool on);
/* Clears failed, the counters and the start limit. */
void svc_reset_failed(struct service *s);
/* A start, maybe the second half of a restart, was given up before it reached the
 * service: no later manager makes up for it.  why, unless NULL, becomes the reason of its
 * state. */
void svc_start_given_up(struct service *s, const char *why);
/* Its restart was due and could not be had yet, for why: its time begins anew. */
void svc_restart_again(struct service *s, const char *why);
/* It was not started, for want of another: OnFailure= is due. */
void svc_not_started(struct service *s);
/* All that follows from its newest end (svc_memory.due) was done. */
void svc_due_done(struct service *s);
/* -1 with ESRCH: no such process. */
int svc_kill(struct service *s, enum svc_whom whom, int signo);

/* ---- what happened (slot: of the message; others than the current are dropped)  */
void svc_on_slot(struct service *s, const struct msg_slot *slot);
void svc_on_slot_free(struct service *s);
/* What pool_enter has put into the queue has a slot of its pool. */
void svc_on_admitted(struct service *s);
/* The phase is another one: what is queued may begin, or has to wait. */
void svc_on_phase(struct service *s);
/* It is not the time for what runs: it is stopped, which is no failure whatever it makes
 * of the signals, and started again, which waits for its phase.  Whoever waits for its
 * end waits for that of the next run.  A stop that is wanted meanwhile is a stop. */
void svc_yield(struct service *s);
/* It runs, or starts, and is not on its way down. */
bool svc_may_yield(const struct service *s);
void svc_on_started(struct service *s, const struct msg_started *st);
void svc_on_exit(struct service *s, const struct msg_exit *x);
void svc_on_empty(struct service *s, uint32_t slot);
/* A spawn that ops->spawn took could not be done after all (how NOT_STARTED, err), or was
 * ended by a signal before it began (how KILLED, status), or failed in a step that the
 * child would have had (how EXITED, status: enum spec_phase).  why may be "". */
void svc_on_not_started(struct service *s, const struct svc_spawn *sp, enum exit_how how,
    int status, int err, const char *why);
/* All descriptors of nt are the service's from the call on. */
void svc_on_notify_take_fds(
    struct service *s, uint32_t slot, const struct svc_notify *nt);
/* A line came through NotifyFD=, or it was closed without one. */
void svc_on_ready_line(struct service *s, uint32_t slot);
void svc_on_ready_closed(struct service *s, uint32_t slot);
/* The log of an invocation has another name than it wanted. */
void svc_on_log_named(struct service *s, const uint8_t invocation[16], uint32_t alt);
void svc_on_timer(struct service *s, enum svc_timer which);
/* It is not held any more: a restart that waited is done.  After svc_adopt. */
void svc_on_released(struct service *s);
/* A restart that is due goes on waiting: it is held, or, when it is not, for why. */
void svc_on_still_waiting(struct service *s, const char *why);
void svc_on_match(struct service *s, uint32_t slot, uint32_t rule, const char *text);
void svc_on_probe(
    struct service *s, enum probe_use use, uint64_t id, bool ok, const char *text);
/* The name that name_watch was given has an owner, or none any more. */
void svc_on_name(struct service *s, bool owned);
/* init keeps (or no longer keeps) a descriptor of the unit. */
void svc_on_stored(struct service *s, uint32_t id, const char *fdname);
void svc_on_unstored(struct service *s, uint32_t id);

/*
 * ---- a new manager ----
 * svc_restore_conf, when what may run was started with another configuration than the
 * newest (it is given back by ops->conf_release, as an older one; NULL: with the newest).
 * svc_restore then (or not at all, when nothing is remembered; same_boot false: the
 * machine was started anew since), then the rows of init's replay by svc_on_slot,
 * svc_on_started, svc_on_exit, svc_on_stored, then svc_adopt: catch up.  Between
 * svc_restore_begin and svc_adopt nothing is done.  svc_on_slot with the slot of an
 * invocation that is not the remembered one is adopted when nothing better is known,
 * else its processes are ended and it is closed.  The start of a restart whose stop was
 * begun (m.then_start) is the caller's, as it always is.
 */
void svc_restore_begin(struct service *s);
void svc_restore_conf(struct service *s, const struct unit_conf *run);
void svc_restore(struct service *s, const struct svc_memory *m, bool same_boot);
void svc_adopt(struct service *s);

/* ---- questions --------------------------------------------------------------- */
const struct svc_memory *svc_memory(const struct service *s);
const char *svc_unit(const struct service *s);
enum svc_state svc_state(const struct service *s);
enum svc_active svc_active(const struct service *s);
/* It waits for a slot of its pool. */
bool svc_is_queued(const struct service *s);
/* It is being started, and there was no slot for it yet. */
bool svc_waits_for_slot(const struct service *s);
bool svc_is_frozen(const struct service *s);
/* There are processes, or a slot. */
bool svc_has_slot(const struct service *s);
/* Monotonic; 0: no restart is due. */
uint64_t svc_next_restart_us(const struct service *s);
/* Why it is in its state: never empty. "main process exited, status=3; restart in 5.2 s
 * (2/5)" */
const char *svc_why(const struct service *s);
/* In words why a start came to nothing: "skipped: ConditionPathExists=/x: No such file or
 * directory". */
void svc_conditions_text(const struct svc_conditions *c, char *dst, size_t size);
/* Appends what a start that goes on still waits for, "READY=1, ReadyTCP=8080
 * (127.0.0.1:8080: Connection refused)"; nothing when it waits for nothing of the
 * service, or is over. */
void svc_waits_for(const struct service *s, struct buf *out);
/* Kept descriptors: n of them, for LISTEN_FDS. */
size_t svc_stored(const struct service *s, const uint32_t **ids, char *const **names);

struct svc_health {
	bool configured;
	bool known; /* at least one answer */
	bool ok;
	uint32_t failures; /* in a row */
	uint32_t successes;
	uint64_t at_us; /* of the newest answer, monotonic */
	const char *evidence;
};
void svc_health(const struct service *s, struct svc_health *out);
/* Type=notify or notify-reload. */
bool svc_is_notify(const struct service_conf *c);

/* The table [state][event] as text: a line a state, below it an event and the action for
 * it, a line each; what is not there is ignored on purpose (supd --explain=states). */
void svc_explain(struct buf *out);
/* Cells of the table that nobody decided: 0. */
unsigned svc_undecided(void);
/* How often an undecided cell or a broken invariant was met, in this process. */
uint64_t svc_bugs(void);

#endif
