/*
 * sessions_int: what sessions.c and the session_*.c share.  Nobody else includes it.
 */
#ifndef SUPD_MANAGER_SESSIONS_INT_H
#define SUPD_MANAGER_SESSIONS_INT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "manager/session/input_file.h"
#include "proto/msg.h"
#include "unit/conf.h"

struct heartbeat;
struct input;
struct json_err;
struct jv;
struct jw;
struct loop_io;
struct loop_timer;
struct oracle;
struct watched_file;
struct svc_exit;
struct svc_judgement;
struct session_wait;
struct unit;
struct unit_session;
struct wish_who;

enum {
	SESSION_RULES_MAX = 64, /* for the screen: a bit of msg_term_state.rules */
	SESSION_EARLY_MAX = 16,
};

struct session {
	struct unit *unit;
	uint32_t slot;              /* of the invocation that runs; SLOT_NONE */
	struct msg_term_state term; /* slot SLOT_NONE: nothing was heard yet */
	bool rules_failed;          /* which was told */
	bool known; /* it is told how it is by a terminal that has its rules */
	enum session_state state; /* as it was told to all */
	bool ready;               /* the start is complete */
	uint64_t typed_us;        /* when a person typed last, as far as is known */
	struct loop_timer *draft; /* there is none any more then */

	/* Lines that rules match, told before the start was. */
	struct {
		uint32_t slot;
		size_t rule;
		uint64_t seq;
		char *text;
	} early[SESSION_EARLY_MAX];
	size_t n_early;

	struct watched_file *watched; /* session_watch.c; of the invocation that runs */
	size_t n_watched;
	bool tick_waits; /* for what they say */

	struct oracle *oracle;
	struct loop_timer *oracle_timer;
	bool changed;     /* the oracle has another view than was told */
	int32_t uid, gid; /* of its newest run; -1: supd's own */
	bool frozen;      /* it stands still: nothing of what follows is done meanwhile */
	bool held;        /* a rule holds the unit */
	bool held_by_limit;                  /* so long as it is in that state */
	struct session_pool_hold *pool_hold; /* session_pool.c; NULL: none lasts */
	bool judged;                         /* the end that is being told of */
	bool resumed; /* what is remembered is of the invocation that runs */
	uint64_t line_seq[SESSION_RULES_MAX]; /* of the line that each rule found last */
	TAILQ_HEAD(, session_act) acts;       /* to be done */
	size_t n_acts;
	char *screen_text[SESSION_RULES_MAX]; /* what each rule has found */

	/* Its newest recording, as the logger says. */
	uint8_t cast_invocation[16];
	char cast_day[PROTO_DAY_MAX]; /* empty: there is none */
	uint32_t cast_alt;
	int cast_err; /* it cannot be written */

	struct heartbeat *heartbeat;
	struct loop_timer *heartbeat_timer;
	uint64_t heartbeat_us;           /* when it is due */
	struct filewatch_file *activity; /* ActivityFile=; NULL: not watched */
	bool beating;                    /* what is being sent is a heartbeat */

	struct input *input;
	struct input_file input_file;
	char *input_path; /* its file, below the run folder */
	struct loop_timer *input_timer;
	uint64_t last_id;
	/* Of the entry that was entered: is it on the screen? */
	uint64_t confirm_id;
	uint64_t confirm_changes; /* of the screen, when it was entered */
	bool confirm_asked;
	TAILQ_HEAD(, session_wait) waits;
	struct session_wait *sending; /* of the one that is being put into the queue */
};

/* Something that a rule or a threshold asks for. */
struct session_act {
	TAILQ_ENTRY(session_act) link;
	enum rule_action action;
	enum stale_action stale;
	bool very;
	bool done; /* it only has to be told */
	char *rule, *text, *input;
	struct buf keys;
	session_states when; /* of the input */
	uint64_t wall_until_us;
};

/* ---- sessions.c ---- */
/* What it runs with; all zero when its unit is a session no more. */
const struct unit_session *session_conf(const struct session *s);

/* ---- session_file.c ---- */
/* "term/UNIT.SUFFIX" below the run folder; the caller frees it. */
char *session_file_path(const struct unit *u, const char *suffix);
/* The value that is whole in w, which is freed; what fails is logged. */
void session_file_write(const struct session *s, const char *suffix, struct jw *w);
/* fn with what stands there, if anything does; -1 with err: not all of it is good, and
 * that is logged. */
typedef int session_file_fn(struct session *s, const struct jv *v, struct json_err *err);
void session_file_read(struct session *s, const char *suffix, session_file_fn *fn);

/* ---- session_policy.c ---- */
void session_policy_open(struct session *s);
void session_policy_close(struct session *s);
/* A rule has found something on the screen; which hold now stands in s->term. */
void session_policy_match(struct session *s, const struct msg_match *x);
void session_policy_screen(struct session *s);
/* A rule on stdout or stderr matches a line. */
void session_policy_line(struct session *s, size_t rule, uint64_t seq, const char *text);
void session_policy_send_rules(struct session *s);
/* svc_ops.judge; and the end itself, judged or not. */
void session_policy_judge(
    struct session *s, const struct msg_exit *x, struct svc_judgement *out);
void session_policy_exit(struct session *s, const struct svc_exit *x);
/* Does what was noted; arg is the session (loop_post). */
void session_policy_settle(void *arg);
/* That, soon. */
void session_policy_later(struct session *s);
/* What the next manager has to know is written. */
void session_policy_save(struct session *s);

/* A threshold or a rule is due. */
void session_policy_tick(struct session *s);

/* ---- session_act.c ---- */
/* A new one, of the session's, to be filled by the caller; session_policy_settle does it.
 */
struct session_act *session_act_note(struct session *s);
/* It is what r asks for. */
void session_act_rule(struct session_act *a, const struct rule_conf *r);
/* Tells and does it. */
void session_act_do(struct session *s, const struct session_act *a);
void session_act_free(struct session_act *a);
/* By an action of the rule, RULE_HOLD_POOL also its pool; by_limit: as long as the limit
 * lasts.  What a person holds stays as it is; the hold of a rule may get an end. */
void session_hold_by(struct session *s, enum rule_action action, bool by_limit,
    const char *rule, const char *text, uint64_t wall_until_us);
/* The same of one unit. */
void session_hold_unit(
    struct unit *u, const char *rule, const char *reason, uint64_t wall_until_us);
/* A hold that a limit had asked for ends with it, or by its own time. */
void session_hold_end(struct session *s);
bool session_holds_by_rule(const struct unit *u);
/* A hold of a rule was ended by somebody else. */
void session_policy_released(struct session *s);

/* ---- session_pool.c ---- */
/* The pool in which it runs is held, if it is in one. */
void session_pool_hold(struct session *s, bool by_limit, const char *rule,
    const char *text, uint64_t wall_until_us);
/* The limit is over: so is what it asked for of the pool, unless another session's lasts.
 */
void session_pool_end(struct session *s, const struct wish_who *who);
/* Somebody, or its time, has released the pool: that was for all. */
void session_pool_released(struct unit *pool);
/* Nothing of that is remembered any more; and as part of what is. */
void session_pool_forget(struct session *s);
void session_pool_save(const struct session *s, struct jw *w);
void session_pool_restore(struct session *s, const struct jv *v);

/* ---- session_watch.c ---- */
/* An invocation runs: its files are watched, and looked at. */
void session_watch_begin(struct session *s);
void session_watch_end(struct session *s);
/* false: some are being asked for; session_watch_looked follows. */
bool session_watch_look(struct session *s);
bool session_watch_wait(const struct session *s);
/* The files of rules, now: their session has ended. */
void session_watch_judge(struct session *s);
/* (Of session_policy.c.) */
void session_watch_looked(struct session *s);

/* ---- session_heartbeat.c ---- */
void session_heartbeat_open(struct session *s);
void session_heartbeat_close(struct session *s);

/* It stands still or goes on. */
void session_heartbeat_pause(struct session *s);

/* ---- session_input.c ---- */
void session_input_open(struct session *s);
void session_input_close(struct session *s);
/* What the terminal said of a step. */
void session_input_taken(struct session *s, const struct msg_term_taken *t);
/* The screen changed: was it the input? */
void session_input_look(struct session *s);

#endif
