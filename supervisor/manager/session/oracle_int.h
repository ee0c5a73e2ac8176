/*
 * oracle_int: what the parts of the oracle share, and nobody else includes.
 */
#ifndef SUPD_MANAGER_SESSION_ORACLE_INT_H
#define SUPD_MANAGER_SESSION_ORACLE_INT_H

#include "manager/session/oracle.h"

/* The two clocks are not read in one instant. */
#define SLEPT_MIN_US USEC_PER_SEC

/* What is known of one rule. */
struct oracle_rule {
	bool holds;
	bool owed;    /* its action is still to be asked for, since it came to hold */
	bool acted;   /* ever, at: */
	bool latched; /* a limit until wall_until_us, whether it holds or not */
	bool spent;   /* that time is over, and these are still the same words */
	bool relative;
	bool hit; /* a line of this invocation matched, at: */
	uint64_t acted_us;
	uint64_t hit_us;
	uint64_t seen_us;
	uint64_t wall_until_us; /* 0: not known */
	char *text;
	char *until_text;
	char *ended_text; /* of the last limit that ended by its time, at: */
	uint64_t wall_ended_us;
};

/* What a state rests on, where no rule does. */
enum oracle_basis {
	BASIS_RULE,
	BASIS_DOWN,
	BASIS_STARTING,
	BASIS_OUTPUT,
	BASIS_QUIET,
	BASIS_STALE,
};

struct oracle {
	const struct session_conf *conf;
	const struct rule_list *rules;
	const struct oracle_ops *ops;
	void *arg;
	struct oracle_rule *r; /* one for each of rules */

	bool up, ready, moving;
	uint64_t start_us, ready_us;
	uint64_t began_us;  /* moving since */
	uint64_t output_us; /* the last output, echo or not */
	uint64_t life_us;   /* the last that was no echo */
	uint64_t human_us;
	uint64_t file_us; /* StaleFile= */
	uint64_t echo_us; /* output before it may be an echo */

	bool exempt;            /* the state was, when it was last looked at */
	uint64_t fresh_us;      /* thresholds count from here at the earliest */
	uint64_t base_us;       /* what they counted from when level was set */
	int level;              /* thresholds passed: 0, 1, 2 */
	uint64_t level_us;      /* when */
	uint64_t asleep_us;     /* by how much the machine has slept, since its boot */
	uint64_t not_before_us; /* after a restart of the manager */

	enum session_state state;
	enum oracle_basis basis;
	size_t rule;              /* of BASIS_RULE */
	enum session_state under; /* what it would be if it were not stale */
	uint64_t since_us, wall_since_us;
	uint64_t armed_us;
	uint64_t paused_us; /* it stands still since then; 0: it does not */
	bool blind;         /* what it shows is not known */
	bool settling;
};

/* The clocks, read once for each call. */
struct oracle_now {
	uint64_t mono_us, wall_us;
};

/* A due time that is sooner; 0 is none. */
void oracle_sooner(uint64_t *due_us, uint64_t us);
void oracle_set_text(char **kept, const char *text, size_t max);

/* oracle_rule.c */
/* Is it one of exits alone? */
bool rule_is_of_exit(const struct rule_conf *c);
bool rule_counts(const struct oracle *o, size_t i);
/* The first that names a state and holds, ORACLE_NO_RULE. */
size_t rule_winner(const struct oracle *o);
void rule_match(struct oracle *o, size_t i, const struct oracle_match *m,
    const struct oracle_now *now);
void rule_unmatch(struct oracle *o, size_t i);
/* A line of it was seen: for the exit, which may come soon. */
void rule_hit(
    struct oracle *o, const struct oracle_match *m, const struct oracle_now *now);
/* Reads its Until=: a limit is in force from then on, where it is one. */
void rule_read_until(
    struct oracle *o, size_t i, const char *until, const struct oracle_now *now);
/* Ends limits whose time has come. */
void rules_end_limits(struct oracle *o, const struct oracle_now *now);
/* Asks for what is owed and not in its cooldown. */
void rules_act(struct oracle *o, const struct oracle_now *now);
void rules_due(const struct oracle *o, const struct oracle_now *now, uint64_t *due_us);
/* An invocation began or ended: what matched was of the one before; limits stay. */
void rules_reset(struct oracle *o);
void rule_clear(struct oracle_rule *r);

/* oracle_stale.c */
/* By the state that it would have without thresholds; may ask for their actions. */
void stale_settle(
    struct oracle *o, enum session_state under, const struct oracle_now *now);
void stale_due(const struct oracle *o, const struct oracle_now *now, uint64_t *due_us);
/* The machine slept. */
void stale_wake(struct oracle *o, const struct oracle_now *now);
/* Since when there was no sign of life. */
uint64_t stale_silent_since(const struct oracle *o);

/* What the thresholds count from. */
uint64_t stale_base(const struct oracle *o);

/* oracle.c */
/* Without output since then. */
uint64_t oracle_quiet_since(const struct oracle *o);
void oracle_settle(struct oracle *o);
struct oracle_now oracle_clocks(void);
/* How long the machine has slept since its boot. */
uint64_t oracle_asleep_us(const struct oracle_now *now);

#endif
