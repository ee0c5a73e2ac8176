/*
 * trigger: what [Timer], [Path], [Socket] and [Pool] say, as typed values.  Part of
 * conf.h, which includes it; the rules there hold here.
 *
 * A unit of the first three types starts another one, the one of Unit= (of a socket:
 * Service=), which is that of the same name unless it says so.  Which one it is, is an
 * edge of the graph (DEP_TRIGGERS), made when the unit is loaded.
 */
#ifndef SUPD_UNIT_TRIGGER_H
#define SUPD_UNIT_TRIGGER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/strv.h"
#include "unit/socket_conf.h"

enum timer_base {
	TIMER_ON_ACTIVE,
	TIMER_ON_BOOT,
	TIMER_ON_STARTUP,
	TIMER_ON_UNIT_ACTIVE,
	TIMER_ON_UNIT_INACTIVE,
};

struct timer_span {
	enum timer_base base;
	uint64_t us;
};

/* All that says when. */
struct timer_when {
	struct strv calendars; /* expressions as written, each of which can be read */
	struct timer_span *spans;
	size_t n_spans;
};

/* What comes of an occurrence while the unit runs. */
enum timer_overlap {
	OVERLAP_DEFAULT, /* as systemd has it: one that comes during a run of its own
			    follows at its end, any other is left out */
	OVERLAP_SKIP,
	OVERLAP_QUEUE,
	OVERLAP_REPLACE,
	OVERLAP_ALLOW, /* in another instance of the template */
};

enum { TIMER_ALLOW_MAX = 16 };

struct timer_policy {
	enum timer_overlap overlap;
	uint32_t allow; /* of OVERLAP_ALLOW: so many at once */
};

struct timer_conf {
	char *unit; /* NULL: as it is called, with .service */
	struct timer_when when;
	struct timer_policy policy;
	uint64_t accuracy_us;
	uint64_t random_delay_us;
	uint64_t random_offset_us;
	bool fixed_random;
	bool persistent;
	bool wake_system;
	bool remain_after_elapse;
	bool on_clock_change;
	bool on_timezone_change;
	bool defer_reactivation;
};

enum path_kind {
	PATH_EXISTS,
	PATH_EXISTS_GLOB,
	PATH_DIRECTORY_NOT_EMPTY,
	PATH_CHANGED,  /* an edge: it was written and closed, or came or went */
	PATH_MODIFIED, /* the same, and each write */
	PATH_STALE, /* a watcher: each file, once, when nobody has written it for long */
};

struct path_spec {
	enum path_kind kind;
	char *path;
};

struct path_specs {
	struct path_spec *v;
	size_t n;
};

struct path_conf {
	char *unit; /* likewise */
	struct path_specs watch;
	uint64_t limit_interval_us; /* 0: no limit */
	uint32_t limit_burst;
	mode_t directory_mode;
	bool make_directory;
	/* Of a watcher (path_is_watcher), whose paths are all StaleGlob=. */
	uint64_t stale_us;
	uint64_t scan_us;
	uint64_t retry_us, retry_max_us; /* of a failed run: doubled each time */
	uint32_t max_tries;              /* 0: no limit */
	uint32_t max_new;                /* 0: no limit */
	bool require_closed;
	bool require_not_done;
};

/* It starts instances of a template for files; unit is that template then. */
bool path_is_watcher(const struct path_conf *c);
/* "PathExists" */
const char *path_kind_name(enum path_kind kind);
/* It starts its unit once for each change, and not as long as it holds. */
bool path_kind_is_edge(enum path_kind kind);

enum pool_pressure_of {
	POOL_PRESSURE_CPU,
	POOL_PRESSURE_MEMORY,
	POOL_PRESSURE_IO,
	POOL_NPRESSURES,
};
/* "cpu", "memory", "io" */
const char *pool_pressure_name(enum pool_pressure_of of);

enum { UNIT_POOL_RATE_MAX = 1000 };
struct pool_rate {
	uint32_t n; /* 0: no limit */
	uint64_t us;
};
struct pool_load {
	uint32_t centi;     /* hundredths; 0: no limit */
	bool of_processors; /* of a percent of their number */
};
struct pool_memory {
	uint64_t bytes; /* both 0: no limit */
	uint32_t permyriad;
};
struct pool_pressure {
	uint32_t permyriad;
	uint32_t window_s; /* 0: no limit */
};

struct pool_conf {
	uint32_t slots;
	uint64_t start_spacing_us, start_spacing_jitter_us; /* 0: none */
	struct pool_rate rate;
	struct pool_load max_load;
	struct pool_memory min_memory;
	struct pool_pressure max_pressure[POOL_NPRESSURES];
};

/* NULL in struct unit_conf of all other types. */
struct unit_trigger {
	struct timer_conf timer;
	struct path_conf path;
	struct socket_conf socket;
	struct pool_conf pool;
};

#endif
