/*
 * oracle: what one session does, from what is seen of it.
 *
 * Rules come first: the first in the order of the files that holds and names a state
 * wins. Where none does, a session is starting until it is ready, works while output
 * moves, and is idle after IdleSec= of quiet.  Each state comes with its evidence and
 * since when.
 *
 * What it promises:
 *
 *  1. No state is older than its evidence: other evidence, even for the same state,
 * begins anew.
 *  2. The action of a rule is asked for once each time the rule comes to hold, and never
 *     twice within its Cooldown=; one that falls into it is done at its end, if the rule
 *     still holds then.  Where a hold had no known end and gets one, it is asked again.
 *  3. Silence is not death.  A session in a state of StaleExempt= is never stale, and its
 *     silence counts from when it leaves that state.  VeryStaleAction= never comes sooner
 *     after StaleAction= than the two thresholds are apart.  What is but the echo of
 * input is no sign of life.
 *  4. A machine that slept does not age its sessions: on wake each threshold begins anew,
 *     not for all sessions at one instant.
 *  5. A limit with a known end lasts until then, and its slack, whatever becomes of the
 * screen and of the process; the same words that are still there afterwards mean nothing.
 * One without lasts while its rule holds, and its words are read again whenever they
 * change.
 *  6. While nothing can change by itself, no timer is armed.
 *
 * Pure: no descriptors.  Times are those of lib/clock.  Ops must not call back.
 */
#ifndef SUPD_MANAGER_SESSION_ORACLE_H
#define SUPD_MANAGER_SESSION_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

struct json_err;
struct jv;
struct jw;
struct oracle;
struct zone;

enum {
	ORACLE_TEXT_MAX = 256,     /* bytes that are kept of what a rule matched */
	ORACLE_EVIDENCE_MAX = 448, /* enough for the evidence in words */
};

/* A rule by its place in the list that the oracle has now. */
#define ORACLE_NO_RULE SIZE_MAX

/* How long after a line a rule on it and an exit status still holds at the exit. */
#define ORACLE_EXIT_WINDOW_US UINT64_C(60000000)
/* Output so soon after input may be its echo. */
#define ORACLE_ECHO_US UINT64_C(2000000)
/* After a restart of the manager nothing is stale before it can know what it missed. */
#define ORACLE_RESTORE_US UINT64_C(30000000)

/* A rule whose pattern matches. */
struct oracle_match {
	size_t rule;
	const char *text;  /* what matched */
	const char *until; /* Until= with its captures (until_expand); NULL: none */
};

struct oracle_act {
	size_t rule;                  /* ORACLE_NO_RULE: of a threshold */
	const struct rule_conf *conf; /* NULL then */
	enum stale_action stale;      /* what the threshold asks for */
	bool very;                    /* it is that of VeryStaleSec= */
	const char *text;             /* what matched, or how long it was silent */
	uint64_t wall_until_us;       /* Until=; 0: none, or not known */
};

struct oracle_view {
	enum session_state state;
	const char *rule; /* its name; NULL: no rule says so.  Of the rules in force. */
	char evidence[ORACLE_EVIDENCE_MAX];
	uint64_t since_us, wall_since_us;
	uint64_t seen_us;       /* when the evidence was last confirmed */
	uint64_t wall_until_us; /* of a limit; 0: not known */
};

struct oracle_ops {
	void (*act)(void *arg, const struct oracle_act *act);
	/* The state or what it rests on is another. */
	void (*changed)(void *arg, const struct oracle_view *view);
	/* Call oracle_tick at that monotonic time, and no more at the one before; 0: no
	 * more.  A limit ends by the wall clock: call it when that was set, too. */
	void (*arm)(void *arg, uint64_t mono_us);
	/* That of times without one; NULL: UTC. */
	const struct zone *(*zone)(void *arg);
	/* How long after a time that Until= says it is taken to be over; NULL: at once.
	 */
	uint64_t (*slack)(void *arg, uint64_t wall_us);
};

/* Both confs must stay until oracle_free or the next oracle_reconf has returned. */
struct oracle *oracle_new(const struct session_conf *conf, const struct rule_list *rules,
    const struct oracle_ops *ops, void *arg);
void oracle_free(struct oracle *o);
/* Rules are known again by their names; one that looks at something else now does not
 * hold until it is said that it does.  The older confs must still be there. */
void oracle_reconf(
    struct oracle *o, const struct session_conf *conf, const struct rule_list *rules);

/* ---- what happens ---- */

/* Its program is started: nothing is known of it; then, that the start is complete. */
void oracle_start(struct oracle *o);
void oracle_ready(struct oracle *o);
/* All rules with Source=screen that match the screen now. */
void oracle_screen(struct oracle *o, const struct oracle_match *m, size_t n);
/* The rules on stdout or stderr that match one line.  One that names a state holds until
 * output begins anew, or another line has one.  Those of Source=exit are remembered. */
void oracle_line(struct oracle *o, const struct oracle_match *m, size_t n);
/* The file of a rule matches (m->rule is it), or does not any more (text is NULL). */
void oracle_file(struct oracle *o, const struct oracle_match *m);
/* Output moves from now on; it has ended, the last of it at that monotonic time. */
void oracle_output_began(struct oracle *o);
void oracle_output_ended(struct oracle *o, uint64_t last_us);
/* A person typed; we did (what it shows then may be an echo). */
void oracle_human(struct oracle *o);
void oracle_input(struct oracle *o);
/* StaleFile= was changed at that monotonic time. */
void oracle_stale_file(struct oracle *o, uint64_t changed_us);
/* A person says that no limit is in force. */
void oracle_release(struct oracle *o);
/* It stands still and can show nothing: nothing counts until it goes on, and then from
 * anew. */
void oracle_pause(struct oracle *o, bool on);
/* Nobody sees what it shows: its state stays as it is, whatever else is told, until
 * somebody does.  Not over oracle_start. */
void oracle_blind(struct oracle *o, bool on);
/* Something is due, a clock was set, or the machine woke. */
void oracle_tick(struct oracle *o);

/* ---- what it is ---- */

void oracle_view(const struct oracle *o, struct oracle_view *view);
/* "working"; the other way -1 for no such name. */
const char *oracle_state_name(enum session_state state);
int oracle_state_parse(const char *name, enum session_state *state);

/* ---- the end of an invocation ---- */

struct oracle_exit {
	int status; /* when no signal */
	int signal; /* 0: none */
	/* Rules whose pattern matches the last output, where its lines were not told one
	 * by one: those of Source=exit, stdout and stderr. */
	const struct oracle_match *tail;
	size_t n_tail;
};

struct oracle_verdict {
	size_t rule;             /* ORACLE_NO_RULE: nothing special */
	enum rule_action action; /* RULE_NONE: as Restart= says */
	bool counts;             /* as a failure, if it is one */
	uint64_t wall_until_us;  /* no start before; 0: not known, or none */
	uint64_t cooldown_us; /* so much of CooldownSec= is left since it was last so */
	char text[ORACLE_TEXT_MAX + 1];
};

/*
 * The first rule decides that is of exits (Source=exit, or with ExitStatus=) and of which
 * all keys hold.  Where there is none, what the session was in decides whether it counts,
 * and a limit with action hold or hold-pool still holds.  The action is the caller's to
 * do; ops.act is not called for it.
 */
void oracle_exit(
    struct oracle *o, const struct oracle_exit *e, struct oracle_verdict *verdict);

/* ---- over a restart of the manager ---- */

/* Members of an object that is open in w. */
void oracle_save(const struct oracle *o, struct jw *w);
/*
 * Into a new oracle: -1 with err and as it was when v is not what oracle_save wrote. Ages
 * are kept by the wall clock.  Nothing is asked for and nothing changed before the next
 * call; tell it first what happened meanwhile.
 */
int oracle_restore(struct oracle *o, const struct jv *v, struct json_err *err);

#endif
