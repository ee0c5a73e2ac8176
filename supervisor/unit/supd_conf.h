/*
 * supd_conf: what supd.conf says, as typed values; plain data as that of conf.h.
 *
 * All times are microseconds; UNIT_INFINITY means without limit.
 */
#ifndef SUPD_UNIT_SUPD_CONF_H
#define SUPD_UNIT_SUPD_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/strv.h"
#include "unit/alert_conf.h"
#include "unit/conf.h"

enum supd_on_exit {
	ON_EXIT_STOP,
	ON_EXIT_LEAVE,
};

enum supd_log_mirror {
	LOG_MIRROR_AUTO, /* stdout when PID 1 without a terminal */
	LOG_MIRROR_NO,
	LOG_MIRROR_STDOUT,
};

enum supd_isolation {
	ISOLATION_WARN,
	ISOLATION_REQUIRE,
};

enum supd_unknown_keys {
	UNKNOWN_KEYS_WARN,
	UNKNOWN_KEYS_ERROR,
};

enum log_precision {
	LOG_PRECISION_S,
	LOG_PRECISION_MS,
	LOG_PRECISION_US,
};

enum log_zone {
	LOG_ZONE_LOCAL,
	LOG_ZONE_UTC,
};

/* A container's PID 1 gets 8 s, others no limit: chosen by whoever knows which one it is.
 */
#define SUPD_TIMEOUT_AUTO (UINT64_MAX - 1)

/* One [Marks NAME]: a set of keys, each with a time. */
struct marks_conf {
	char *name;
	uint32_t set;             /* bit n: the file assigned the nth row of [Marks] */
	uint32_t max;             /* the newest so many are kept; at least 1 */
	uint64_t expire_us;       /* older ones go silently; INFINITY: none */
	uint64_t expire_event_us; /* the same, each with an event */
};

/* [Phases]: what a person does, by which there are phases. */
struct phases_conf {
	bool any; /* there is such a section */
	struct strv
	    files;     /* paths that may have wildcards: a change of one is activity */
	bool input;    /* what a person types into a session is */
	bool commands; /* a person's call that changes something is */
	uint64_t
	    transition_us; /* without activity, until transitioning; INFINITY: never */
	uint64_t sleep_us; /* the same, until sleep */
};

struct marks_list {
	struct marks_conf *v;
	size_t n;
};

enum {
	SUPD_MARKS_MAX = 256,        /* sets that supd.conf can declare */
	SUPD_MARKS_KEYS_MAX = 10000, /* Max= */
};

struct supd_conf {
	/* defaults of units */
	uint64_t default_timeout_start_us;
	uint64_t default_timeout_stop_us;
	uint64_t transient_timeout_stop_us;
	uint64_t default_restart_us;
	uint64_t default_start_limit_interval_us;
	uint32_t default_start_limit_burst;
	struct strv default_environment;
	struct strv pass_environment; /* may hold "*" */
	enum supd_isolation isolation;
	enum supd_unknown_keys unknown_keys;

	/* start and end of the instance */
	enum supd_on_exit on_exit;
	char *exit_unit;              /* NULL: none */
	uint64_t shutdown_timeout_us; /* SUPD_TIMEOUT_AUTO: see above */
	uint32_t max_slots;
	char *control_group; /* NULL: only root and the owner */
	char *unit_path;     /* DIR[:DIR...]; NULL: the usual folders */
	struct strv launcher_names;
	struct strv status_groups; /* names or globs, in the order of status screens */

	/* roles */
	uint64_t role_ping_us;
	uint64_t role_hang_us;
	uint64_t role_restart_max_us;
	uint32_t safe_mode_after;    /* quick deaths of the manager */
	uint64_t request_max_age_us; /* INFINITY: none is too old */
	uint64_t boot_jitter_us;     /* start_jitter_us of sessions */
	uint64_t safe_mode_us;       /* INFINITY: it does not end by itself */
	uint64_t timer_catch_up_us;  /* over which what timers missed is spread */

	/* logs */
	enum supd_log_mirror log_mirror;
	enum log_overflow log_overflow;
	enum log_format log_format;
	enum log_sync log_sync;
	uint64_t log_sync_interval_us;
	enum log_precision log_precision;
	enum log_zone log_zone;
	uint64_t log_line_max;
	uint64_t log_max_bytes;      /* of one invocation; 0: without limit, also below */
	uint64_t log_unit_max_bytes; /* of all files of one unit */
	uint64_t log_total_max_bytes; /* of the whole journal */
	uint64_t log_max_age_us;      /* INFINITY: for ever */
	bool log_compress;            /* closed days */

	/* events and state */
	uint64_t event_ring_bytes;
	uint64_t wish_sync_us;
	uint64_t status_file_interval_us;
	uint64_t snapshot_interval_us;
	uint64_t failure_tail_us;
	uint64_t digest_interval_us;
	uint64_t unit_watch_delay_us;
	uint64_t file_watch_delay_us;
	uint64_t path_retry_us;

	/* control socket */
	uint32_t control_max_clients;
	uint64_t control_message_max_bytes;
	uint64_t control_pending_max_bytes;
	uint64_t control_stall_us;

	struct marks_conf mark; /* what a new set begins with */
	struct marks_list marks;
	struct phases_conf phases;
	struct alert_list alerts;
	struct alert_conf alert; /* what a new one begins with */

	uint64_t set[UNIT_ROWS_MAX / 64];
};

#endif
