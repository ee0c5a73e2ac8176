/*
 * session_conf: what [Session], [Heartbeat], [Rule NAME], [Budget] and [Instances] say.
 * Part of conf.h, which includes it; the rules there hold here.
 */
#ifndef SUPD_UNIT_SESSION_CONF_H
#define SUPD_UNIT_SESSION_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/strv.h"
#include "unit/exit_set.h"

/* What a session does, as the rules and its screen say (DESIGN 6). */
enum session_state {
	SESSION_UNKNOWN, /* not running, or nothing is known */
	SESSION_STARTING,
	SESSION_WORKING,
	SESSION_IDLE,
	SESSION_WAITING, /* for a human */
	SESSION_LIMITED, /* by a rate or usage limit, until a time where one is known */
	SESSION_STUCK,
	SESSION_NSTATES,
};

/* A set of session states: bit n for state n. */
typedef uint32_t session_states;
#define SESSION_STATE_BIT(s) (1U << (s))

enum stale_action {
	STALE_NONE,
	STALE_NOTIFY, /* an event, and the state is stuck */
	STALE_POKE,   /* a heartbeat at once, whatever its interval */
	STALE_RESTART,
	STALE_STOP,
};

enum session_record {
	RECORD_NO,
	RECORD_YES,   /* an asciicast beside the log of each invocation */
	RECORD_INPUT, /* and what is typed, too */
};

struct session_conf {
	bool terminal;
	uint16_t rows, cols; /* TerminalSize=COLSxROWS of a session that nobody watches */
	char *profile;       /* NULL: none; its file was read before the unit's */
	char *initial_input; /* sent once an invocation is ready; NULL: nothing */
	uint64_t pending_start_us;  /* how long InitialInput= may wait for its state */
	uint64_t input_debounce_us; /* between text and Enter */
	char *input_clear;          /* keys of replace mode, as "C-u"; "": none */
	session_states input_when;
	uint64_t input_expire_us;
	uint64_t
	    input_confirm_us;   /* for the screen to show that it took it; 0: not asked */
	uint32_t input_retries; /* of Enter, while it was not confirmed */
	uint64_t
	    draft_us; /* a person who typed so lately has a draft: no input meanwhile */
	uint64_t idle_us;  /* no output for so long is idle, where no rule says more */
	uint64_t stale_us; /* INFINITY: off, also below */
	enum stale_action stale_action;
	uint64_t very_stale_us;
	enum stale_action very_stale_action;
	uint64_t stale_grace_us; /* after the start */
	session_states
	    stale_exempt;    /* states that are never stale: idle, waiting, limited */
	char *drain_message; /* told before a drain; NULL: nothing */
	uint64_t drain_window_us; /* what it has to come to its end */
	struct strv stale_files;  /* their age counts instead of that of the output */
	enum session_record record;
};

struct idle_tier {
	uint64_t idle_us;     /* from this idle age on ... */
	uint64_t interval_us; /* ... so long between two heartbeats */
};

enum pick {
	PICK_ROTATE,
	PICK_RANDOM, /* never the same twice in a row */
	PICK_RANDOM_REPEAT,
};

struct heartbeat_conf {
	uint64_t interval_us;    /* 0: no heartbeat, unless there are tiers */
	struct idle_tier *tiers; /* IdleIntervals=, by rising idle_us */
	size_t n_tiers;
	char *activity_file; /* idle age is that of its content or mtime; NULL: the
				session */
	struct strv messages;
	char *message_file; /* one message a line, read when due; NULL */
	enum pick pick;
	session_states when;
	char *coalesce;    /* slot of the input queue: a newer one replaces the older */
	bool replace;      /* InputClear= is sent before it */
	char *only_if_new; /* glob of files: none changed since the last, no heartbeat;
			      NULL */
};

enum rule_source {
	RULE_SCREEN,
	RULE_STDOUT,
	RULE_STDERR,
	RULE_EXIT,
	RULE_FILE,
};

enum rule_action {
	RULE_NONE,
	RULE_NOTIFY,
	RULE_SEND, /* Text= into the input queue */
	RULE_KEY,  /* Keys= at once */
	RULE_HOLD, /* as supctl hold, until Until= or a release */
	RULE_HOLD_POOL,
	RULE_RESTART,
	RULE_STOP,
	RULE_FATAL, /* no restart follows */
	RULE_RETRY, /* a restart follows, whatever Restart= says */
	RULE_NACTIONS,
};

/* One [Rule NAME]; they are tried in the order of the files, and all that it names must
 * hold. */
struct rule_conf {
	char *name;
	bool profile; /* it came with the profile, and stands behind those of the unit */
	uint32_t set; /* bit n: a file assigned the nth row of [Rule] */
	enum rule_source source;
	char *pattern; /* extended regular expression; NULL: any */
	uint32_t
	    lines;     /* RULE_SCREEN: only the last so many that are not blank; 0: all */
	char *file;    /* RULE_FILE: absolute path */
	char *pointer; /* RULE_FILE: JSON pointer of the text; NULL: the whole file */
	struct exit_set exit_status;
	bool exit_status_set;
	enum session_state state; /* SESSION_UNKNOWN: says nothing of it */
	enum rule_action action;
	char *text;       /* of RULE_SEND */
	struct strv keys; /* of RULE_KEY */
	char *until;      /* a time, with "\\1" to "\\9" for what was captured; NULL */
	bool count_as_failure;
	uint64_t cooldown_us; /* the action is not done again before */
};

enum { UNIT_RULES_MAX = 256 };

/* The logger looks for it, line by line.  (The last words of one with a terminal stand on
 * its screen.) */
static inline bool
rule_reads_log(const struct rule_conf *r, bool terminal)
{
	return (r->source == RULE_STDOUT || r->source == RULE_STDERR ||
		   (r->source == RULE_EXIT && !terminal)) &&
	       r->pattern != NULL;
}

struct rule_list {
	struct rule_conf *v;
	size_t n;
};

enum budget_kind {
	BUDGET_RESTARTS,
	BUDGET_RUN_TIME, /* microseconds */
	BUDGET_LOG_BYTES,
	BUDGET_TOKENS,
	BUDGET_COST, /* millionths of the unit that the agent counts in */
	BUDGET_NKINDS,
};

/* The key of a limit; also its name in what is kept of it. */
static inline const char *
budget_kind_name(enum budget_kind kind)
{
	static const char *const names[] = {
		[BUDGET_RESTARTS] = "Restarts",
		[BUDGET_RUN_TIME] = "RunTimeSec",
		[BUDGET_LOG_BYTES] = "LogBytes",
		[BUDGET_TOKENS] = "Tokens",
		[BUDGET_COST] = "Cost",
	};

	return kind < BUDGET_NKINDS ? names[kind] : "?";
}

enum budget_action {
	BUDGET_HOLD, /* stopped and held: a person decides */
	BUDGET_STOP,
	BUDGET_NOTIFY,
};

/* What sources count. */
enum budget_counted {
	BUDGET_COUNTED_TOKENS,
	BUDGET_COUNTED_COST,
	BUDGET_NCOUNTED,
};

enum budget_source_kind {
	BUDGET_FROM_NOTIFY, /* X_SUPD_TOKENS=, X_SUPD_COST= in sd_notify */
	BUDGET_FROM_FILE,   /* file:PATH#/pointer/to/tokens,/pointer/to/cost */
	BUDGET_FROM_RULE,   /* rule:NAME#1,2: what it captured first and second */
};

enum {
	BUDGET_SOURCES_MAX = 8,
	BUDGET_NAME_MAX = 600, /* bytes of "file:PATH#POINTER", by which it is kept */
};

struct budget_source {
	enum budget_source_kind kind;
	char *arg; /* PATH or NAME; NULL of BUDGET_FROM_NOTIFY */
	/* By enum budget_counted.  NULL of a file: not there. */
	char *pointer[BUDGET_NCOUNTED];
	uint8_t capture[BUDGET_NCOUNTED]; /* of a rule; 0: none */
};

enum budget_calendar {
	BUDGET_SPAN, /* of period_us, begun by the first use after the last one */
	BUDGET_HOUR,
	BUDGET_DAY,
	BUDGET_WEEK, /* from Monday */
	BUDGET_MONTH,
};

struct budget_period {
	enum budget_calendar calendar;
	uint64_t us; /* of BUDGET_SPAN; INFINITY: for ever */
};

struct budget_conf {
	uint64_t limit[BUDGET_NKINDS]; /* INFINITY: none */
	struct budget_period period;
	struct budget_source *sources; /* none: notify */
	size_t n_sources;
	enum budget_action on_exceed;
};

enum instances_on_remove {
	INSTANCES_LEAVE,
	INSTANCES_STOP,
	INSTANCES_DRAIN,
};

struct instances_conf {
	char *json_file;    /* NULL: not from JSON */
	char *json_pointer; /* of an object (its keys) or an array (its strings) */
	char *glob;         /* NULL: not from files */
	uint32_t max_new;   /* per scan; 0: no limit */
	enum instances_on_remove on_remove;
};

/* NULL in struct unit_conf when no file of the unit has such a section. */
struct unit_session {
	bool any;
	struct session_conf session;
	struct heartbeat_conf heartbeat;
	struct rule_list rules;
	struct budget_conf budget;
	struct instances_conf instances;
};

#endif
