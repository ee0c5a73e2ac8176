/*
 * service_int: what the files of this folder share of a service.  Nobody else includes
 * it.
 *
 * service.c owns the queue, service_table.c the table, service_event.c what becomes an
 * event, service_commit.c the commit and svc_set_state; service_begin.c,
 * service_start.c, service_forking.c, service_run.c, service_reload.c, service_stop.c and
 * service_end.c the actions, and service_act.c what they share; restart.c, health.c,
 * service_notify.c and adopt.c a part of the decisions each.
 */
#ifndef SUPD_MANAGER_SERVICE_SERVICE_INT_H
#define SUPD_MANAGER_SERVICE_SERVICE_INT_H

#include <sys/queue.h>

#include "manager/service/service.h"

enum {
	SVC_QUEUE_MAX = 32, /* events that can wait; more would be a loop of ours */
	SVC_PROBES_MAX = 64,
	SVC_RETRY_MAX = 32, /* ", retry 4294967295/4294967295" */
};

enum deed_kind {
	DEED_SLOT_OPEN,
	DEED_SLOT_CLOSE,
	DEED_POOL_LEAVE,
	DEED_SPAWN,
	DEED_PROC_SET,
	DEED_PROC_JOIN,
	DEED_SIGNAL,
	DEED_WATCH_EMPTY,
	DEED_PROBE_START,
	DEED_PROBE_STOP,
	DEED_PATTERNS,
	DEED_FD_DROP,
	DEED_CLEANUP,
	DEED_DONE,
	DEED_ACTION,
	DEED_RELEASE,
};

struct deed {
	enum deed_kind kind;
	union {
		struct msg_slot_open *open; /* owned */
		uint32_t slot;
		struct svc_spawn spawn;
		struct {
			uint32_t slot;
			int32_t pid;
			uint64_t ticks;
		} proc;
		struct {
			uint32_t slot;
			enum proc_kind kind;
			enum signal_scope scope;
			int signo;
			uint32_t step; /* 0: none */
		} sig;
		struct {
			enum probe_use use;
			uint64_t id;
			const struct probe_conf *conf;
			uint64_t since_wall_us, timeout_us;
		} probe;
		struct {
			uint32_t slot;
			uint8_t invocation[16];
			const struct probe_list *list;
		} patterns;
		char *name; /* owned */
		struct {
			const struct unit_conf *conf;
			bool restarts;
		} cleanup;
		struct {
			enum svc_done what;
			enum svc_done_result r;
			char *why; /* owned */
		} done;
		struct {
			enum unit_action action;
			int status;
			char *why; /* owned */
		} action;
		const struct unit_conf *conf;
	} u;
};

/* A note that waits for the commit. */
struct svc_waiting_note {
	struct svc_note note;
	char *text; /* owned */
};

/* A process beside main and control: ReadyExec=, HealthExec=. */
struct svc_aux {
	bool running;
	bool killed; /* by its time limit */
	uint64_t seq;
	int32_t pid;
	unsigned index; /* of the probe */
};

struct svc_event_in {
	enum svc_event ev;
	struct msg_exit exit;
	enum svc_result result; /* of an exit */
	bool from_health;       /* WATCHDOG: by health, not by the watchdog */
	bool triggered;         /* WATCHDOG: the service asked for it */
};

/* What is known of Ready...= and Health...= lines. */
struct svc_probes {
	uint64_t last_id;                   /* newest given out */
	uint64_t ready_id[SVC_PROBES_MAX];  /* in flight, 0: none */
	uint64_t health_id[SVC_PROBES_MAX]; /* in flight, 0: none */
	struct svc_aux aux[2];              /* by enum probe_use */
	unsigned ready_tries;
	char ready_text[SVC_WHY_MAX]; /* what the newest try that failed met with */
	bool round_open, round_ok;
	unsigned round_left;
	bool known, ok;
	uint32_t failures, successes;
	uint64_t at_us;
	char text[SVC_WHY_MAX];
	char round_text[SVC_WHY_MAX];
};

struct svc_slot_seen {
	struct msg_slot slot;
	struct msg_started started[PROC_N];
	struct msg_exit exit[PROC_N];
	bool has_started[PROC_N];
	bool has_exit[PROC_N];
};

struct svc_foreign {
	uint32_t slot; /* of an invocation that is not ours: being ended */
};

/* How often something happened in the span that began then. */
struct svc_span {
	uint64_t from_us;
	unsigned n;
};

struct service {
	const struct svc_ops *ops;
	void *arg;
	const char *unit;
	const struct unit_conf *conf;     /* newest */
	const struct unit_conf *run_conf; /* in use; NULL: none */

	struct svc_memory m;
	uint64_t told; /* sum of it as emitted last */
	uint64_t armed_us[SVC_NTIMERS];

	/* Only between events of one manager's life: requests that wait for an answer. */
	bool open[3];           /* by enum svc_done */
	struct svc_start start; /* of the request that is being handled; strings owned */
	char *reload_who; /* of the last reload that was asked for; owned, or NULL */
	unsigned down;    /* enum svc_down */

	bool busy;           /* in svc_dispatch */
	bool empty;          /* init said so, and nothing was spawned since */
	bool watching;       /* an EMPTY is asked for */
	bool watch_stale;    /* something was spawned since */
	bool stop_signalled; /* the group got the stop signal of this stop already */
	char *rule;          /* between svc_judge and svc_judged; NULL */
	unsigned refused;    /* kinds of refusals told in this invocation */
	/* What it may say so often in a span: that it reloads, who its main process is,
	 * and what else changes the memory. */
	struct svc_span reloads, mainpids, news;
	int32_t starter_pid;

	struct svc_event_in *queue; /* NULL while nothing waits */
	uint32_t qhead, qlen, qcap;
	uint32_t ndeeds, deeds_cap;
	uint32_t nnotes, notes_cap;
	uint32_t nacks, acks_cap;
	const struct svc_event_in *in; /* being handled; NULL outside of actions */
	struct deed *deeds;
	struct svc_waiting_note *notes;
	struct msg_exit *acks;

	bool name_watched; /* by ops->name_watch */
	bool name_gone;    /* it has no owner; Type=dbus */

	struct svc_probes *probes; /* readiness and health (health.c); NULL: none */

	/* Kept descriptors, as init has them. */
	uint32_t *stored_ids;
	char **stored_names;
	size_t nstored;
	size_t fds_on_the_way; /* given to init, and not yet told by it */
	bool may_store;        /* since this manager began there was one */

	/* A new manager (adopt.c). */
	bool restoring, remembered;
	struct svc_slot_seen *seen;
	size_t nseen;
	struct svc_foreign *foreign;
	size_t nforeign;
};

typedef void svc_action(struct service *s);

/* ---- service.c --------------------------------------------------------------- */
/* Queues an event; dispatches unless that is going on already. */
void svc_dispatch(struct service *s, const struct svc_event_in *in);
/* The same without data. */
void svc_raise(struct service *s, enum svc_event ev);
/* Outside of an event: svc_commit, and then the events that this raised. */
void svc_settle(struct service *s);
/* What the configuration of this run says. */
const struct service_conf *svc_sc(const struct service *s);
void svc_bug(struct service *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- service_table.c --------------------------------------------------------- */
extern svc_action *const svc_table[SVC_NSTATES][SVC_NEVENTS];
/* As in service.def: "WANT_UP". */
const char *svc_event_name(enum svc_event ev);

/* ---- service_event.c --------------------------------------------------------- */
/* Kept descriptors of that name, NULL: all.  Forgotten at once, so that no start waits
 * for what init is about to close; init's word of it comes, too, for those on the way. */
void svc_drop_stored(struct service *s, const char *name);

/* ---- service_commit.c -------------------------------------------------------- */
void svc_set_state(struct service *s, enum svc_state st);
void svc_set_why(struct service *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
struct deed *svc_deed(struct service *s, enum deed_kind kind);
/* text (may be NULL) is copied. */
void svc_note(struct service *s, const struct svc_note *note, const char *text);
/* What of a service is not believed; each is told once in an invocation. */
enum svc_refusal {
	REFUSED_PIDFILE_READ,
	REFUSED_PIDFILE,
	REFUSED_MAINPID_CONTROL,
	REFUSED_MAINPID_FOREIGN,
	REFUSED_MAINPID_TAKEN,
	REFUSED_MAINPID_SUPD,
	REFUSED_MAINPID_GONE,
	REFUSED_MAINPID_STORM,
	REFUSED_FD_MAX,
	REFUSED_FD_REMOTE,
	REFUSED_SENDER,
	REFUSED_RELOAD_STORM,
	REFUSED_NEWS_STORM,
};
void svc_note_refused(struct service *s, enum svc_refusal what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What was wrong with the context tells more than the errno that it became. */
void svc_note_no_spawn(
    struct service *s, enum proc_kind kind, uint32_t phase, const char *why);
void svc_timer(struct service *s, enum svc_timer which, uint64_t deadline_us);
/* Answers a request, if one is open. */
void svc_done(
    struct service *s, enum svc_done what, enum svc_done_result r, const char *why);
void svc_deed_signal(
    struct service *s, enum proc_kind kind, enum signal_scope scope, int signo);
/* The same, to be done once whoever does it: step is the newest of m.steps. */
void svc_deed_step(struct service *s, enum proc_kind kind, enum signal_scope scope,
    int signo, uint32_t step);
void svc_deed_watch_empty(struct service *s);
uint64_t svc_memory_sum(const struct service *s);
/* Emit and do what is decided. */
void svc_commit(struct service *s);
/* Of a service that ends: frees what was decided and not done. */
void svc_undone_clear(struct service *s);

/* ---- the actions, each in the file of its part of a life -------------------- */
svc_action svc_ignore;
#define SVC_ACTION(name) svc_action act_##name;
#include "manager/service/service.def"

/* ---- service_act.c ----------------------------------------------------------- */
/* The result of a process that ended. */
enum svc_result svc_exit_result(
    const struct service *s, const struct msg_exit *x, bool is_main);
void svc_spawn_main(struct service *s, unsigned index);
void svc_spawn_control(struct service *s, enum service_exec kind, unsigned index);
/* The next command of a list that runs; false: that was the last one. */
bool svc_next_control(struct service *s, enum service_exec kind, unsigned index);
/* Spawn again what the memory says is wanted (same sequence number). */
void svc_respawn(struct service *s, enum proc_kind kind);
/* Probes of readiness and health end. */
void svc_kill_aux(struct service *s);
/* Main is another process from now on. */
void svc_take_main(struct service *s, int32_t pid, uint64_t ticks, const char *from);
/* Main of a scope is this process, once init has moved it into the slot. */
void svc_join_main(struct service *s, int32_t pid, uint64_t ticks);
/* The unit is a scope: its processes were started by somebody else. */
bool svc_is_scope(const struct service *s);
/* A process ended: tell it, and what it means for the result when it was main. */
void svc_note_exit(struct service *s, const struct svc_event_in *in, bool is_main);
/* The first failure names the result and the reason. */
void svc_fail(struct service *s, enum svc_result r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Begins the time limit of the state. */
void svc_phase_timer(struct service *s, uint64_t timeout_us);
/* Its start has done what it was for, no stop has begun, and its processes count (they do
 * not in exited). */
bool svc_is_up(const struct service *s);
/* In a state that ends with EMPTY. */
bool svc_waits_for_empty(const struct service *s);
/* KillMode= asks that a stop sees the whole group gone. */
bool svc_waits_for_group(const struct service *s);
/*
 * How a process ended, and of what it was: with the NAME of a kind of command
 * ("ExecStop="), of the control process; NULL: of main.
 */
void svc_exit_line(const struct service *s, const struct msg_exit *x, const char *name,
    char *dst, size_t size);

/* ---- service_begin.c --------------------------------------------------------- */
/* Goes on with a start that waits for a slot, if there is one now. */
void svc_begin_in_slot(struct service *s);
void svc_begin_start(struct service *s, bool automatic);
/* What is queued has a newer configuration, which may name another pool, or none. */
void svc_queue_again(struct service *s);
void svc_say_restart_waits(struct service *s, const char *why);

/* ---- service_start.c --------------------------------------------------------- */
void svc_open_slot(struct service *s);
/* ExecCondition= number index, counted from 0, or what comes after the last of them. */
void svc_enter_condition(struct service *s, unsigned index);
/* In start: go on when everything that start waits for is there. */
void svc_check_ready(struct service *s);

/* ---- service_forking.c ------------------------------------------------------- */
/* Reads PIDFile=: 1 main is known, 0 it is not there yet, -1 it will never be, with the
 * reason in why. */
int svc_pidfile_load(struct service *s, char *why, size_t size);
/* In start, its timer: the file is looked for again, and the start goes on or fails. */
void svc_pidfile_poll(struct service *s);

/* ---- service_run.c ----------------------------------------------------------- */
/* What is up goes on being so: after the start, and after a reload. */
void svc_enter_running(struct service *s);

/* ---- service_resume.c -------------------------------------------------------- */
/* A start begins: by ResumeExec=, or anew. */
void svc_resume_decide(struct service *s);
/* A stop that was asked for begins. */
void svc_resume_on_stop(struct service *s);
/* The same of what is down: a person who stops it wants it anew. */
void svc_resume_give_up(struct service *s);
/* The run is over: was its work cut short? */
void svc_resume_on_end(struct service *s);
/* The list that main is of. */
enum service_exec svc_main_list(const struct service *s);

/* ---- service_freeze.c -------------------------------------------------------- */
/* It goes on, if it is frozen: its end begins. */
void svc_thaw(struct service *s);
/* Of a process that came meanwhile, or (again) by a new manager: what init was asked for
 * is asked once more. */
void svc_resume_freeze(struct service *s, bool again);

/* ---- service_stop.c ---------------------------------------------------------- */
/* With ExecStop=, if there is one; else the signals. */
void svc_enter_stop(struct service *s);
void svc_enter_signal(struct service *s, enum svc_state st, enum svc_result f);
/* The signals of the stop state it is in, unless a manager before this one has sent them:
 * done is the newest step that init knows of. */
void svc_resend_stop_signals(struct service *s, uint32_t done);

/* ---- service_end.c ----------------------------------------------------------- */
/* Nothing of it is left: it restarts where its settings and f say so and allow_restart
 * lets it, else it is down. */
void svc_enter_dead(struct service *s, enum svc_result f, bool allow_restart);
void svc_enter_auto_restart(struct service *s);

/* Nothing of it is left: its slot of the pool is another's. */
void svc_leave_pool(struct service *s);

/* What must follow from an end that is now. */
void svc_set_due(struct service *s, uint32_t due, uint64_t wall_us);

/* ---- restart.c --------------------------------------------------------------- */
/* Shall it be started again after this end, m.again: as one of Retries=.  *reason is
 * static text, or NULL: none of Retries= is left. */
bool svc_shall_restart(struct service *s, const char **reason);
/* It has failed for good, for that reason, with Retries=: why tells it. */
void svc_say_no_retry(struct service *s, const char *reason);
/* ", retry 1/2" of a run that is one, else nothing; into dst, which is returned. */
const char *svc_retry_text(const struct service *s, char *dst, size_t size);
uint64_t svc_restart_delay_us(struct service *s);
/* Counts a start; false: too many. */
bool svc_limit_allows(struct service *s);
/* The main process ended: what rules say of it is remembered, and in->result a success
 * where that is no failure; then, when its reason is known, the rule is put to it. */
void svc_judge(struct service *s, struct svc_event_in *in);
void svc_judged(struct service *s);
/* Called when the main process ended: were the delays earned again? */
void svc_restart_settle(struct service *s);

/* ---- health.c ---------------------------------------------------------------- */
bool svc_ready_probes_hold(const struct service *s);
/* Appends the Ready...= lines that hold: "ReadyTCP=8080, ReadyFile=/run/x". */
void svc_ready_evidence(const struct service *s, struct buf *out);
/* Appends the lines that a start still waits for, and what the newest try met with. */
void svc_ready_missing(const struct service *s, struct buf *out);
/* A start begins: nothing is known. */
void svc_probes_reset(struct service *s);
void svc_ready_begin(struct service *s);
/* Gives the logger ReadyPattern=; it looks at all that this invocation has logged. */
void svc_deed_patterns(struct service *s);
void svc_ready_end(struct service *s);
void svc_health_begin(struct service *s);
void svc_health_end(struct service *s);
void svc_on_ready_timer(struct service *s);
void svc_ready_try(struct service *s);
void svc_on_health_timer(struct service *s);
void svc_on_aux_timer(struct service *s, enum probe_use use);
void svc_on_aux_exit(struct service *s, enum probe_use use, const struct msg_exit *x);

/* ---- adopt.c ----------------------------------------------------------------- */
/* true: it was one of an earlier invocation, and is dealt with. */
bool svc_foreign_exit(struct service *s, const struct msg_exit *x);
bool svc_foreign_empty(struct service *s, uint32_t slot);

/* ---- service_notify.c -------------------------------------------------------- */
void svc_watchdog_arm(struct service *s);
uint64_t svc_watchdog_period_us(const struct service *s);

#endif
