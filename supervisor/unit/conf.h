/*
 * conf: what unit files say, as typed values.
 *
 * These structs are plain data: they are filled by the loader (load.h), read by
 * everybody, changed by nobody afterwards.  Defaults are already applied, also those of
 * supd.conf, so that a reader never asks "was it set?" to learn a value (unit_conf_is_set
 * answers it for those who show it).  Every string and array is owned by the struct that
 * holds it.
 *
 * All times are microseconds; UNIT_INFINITY means without limit.
 */
#ifndef SUPD_UNIT_CONF_H
#define SUPD_UNIT_CONF_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/strv.h"
#include "unit/exit_set.h"
#include "unit/session_conf.h"
#include "unit/trigger.h"

#define UNIT_INFINITY UINT64_MAX

enum {
	UNIT_NAME_MAX = 255,      /* bytes of a unit name, suffix included */
	UNIT_POOL_NAME_MAX = 127, /* of a pool that services name: they remember it */
	UNIT_ROWS_MAX = 1024,     /* more than directives.def has rows */
	UNIT_LIST_MAX = 4096,     /* members of one list: look-ups in it are linear */
	UNIT_LINE_MAX = 1 << 20,  /* bytes of a line, also of one joined by continuation,
				   * and of a value with its specifiers replaced */
	/* What all files of a unit may have together: bytes of values, of which a word
	 * costs more than its letters, for it is kept and looked up. */
	UNIT_BYTES_MAX = 32 << 20,
	UNIT_WORD_COST = 256,
};

enum unit_type {
	UNIT_SERVICE,
	UNIT_TIMER,
	UNIT_PATH,
	UNIT_SOCKET,
	UNIT_TARGET,
	UNIT_SLICE,
	UNIT_POOL,
	UNIT_MOUNT,     /* never loaded: known only as a name in dependencies */
	UNIT_AUTOMOUNT, /* likewise */
	UNIT_SWAP,      /* likewise */
	UNIT_DEVICE,    /* likewise */
	UNIT_SCOPE,     /* likewise */
	UNIT_NTYPES,
	UNIT_TYPE_NONE = -1,
};

enum unit_load_state {
	UNIT_LOADED,
	UNIT_NOT_FOUND,   /* no file of that name on the search path */
	UNIT_BAD_SETTING, /* read, and refused: see the diagnostics */
	UNIT_LOAD_ERROR,  /* a file could not be read */
	UNIT_MASKED,
	UNIT_NLOAD_STATES,
};

enum unit_dep {
	DEP_REQUIRES,
	DEP_WANTS,
	DEP_AFTER,
	DEP_BEFORE,
	DEP_REQUISITE,
	DEP_BINDS_TO,
	DEP_PART_OF,
	DEP_UPHOLDS,
	DEP_CONFLICTS,
	DEP_ON_FAILURE,
	DEP_ON_SUCCESS,
	DEP_PROPAGATES_RELOAD_TO,
	DEP_RELOAD_PROPAGATED_FROM,
	DEP_PROPAGATES_STOP_TO,
	DEP_STOP_PROPAGATED_FROM,
	DEP_JOINS_NAMESPACE_OF,
	DEP_TRIGGERS, /* what a timer, path or socket starts */
	DEP_NKINDS,
};

/* What FailureAction=, SuccessAction=, StartLimitAction= ask for. */
enum unit_action {
	ACTION_NONE,
	ACTION_EXIT, /* supd stops everything and ends */
	ACTION_EXIT_FORCE,
	ACTION_REBOOT,
	ACTION_REBOOT_FORCE,
	ACTION_REBOOT_IMMEDIATE,
	ACTION_POWEROFF,
	ACTION_POWEROFF_FORCE,
	ACTION_POWEROFF_IMMEDIATE,
};

/* OnFailureJobMode= and OnSuccessJobMode=, by the words of --job-mode=. */
enum unit_job_mode {
	UNIT_JOB_REPLACE,
	UNIT_JOB_FAIL,
	UNIT_JOB_REPLACE_IRREVERSIBLY,
	UNIT_JOB_ISOLATE,
	UNIT_JOB_FLUSH,
	UNIT_JOB_IGNORE_DEPENDENCIES,
	UNIT_JOB_IGNORE_REQUIREMENTS,
};

/* When a unit without a file of its own is forgotten. */
enum unit_collect {
	COLLECT_INACTIVE, /* a failed one stays, and others for a while */
	COLLECT_INACTIVE_OR_FAILED,
};

/* One file that a unit was made of.  A file of zero size with mtime 0 and ino 0 was
 * absent. */
struct unit_source {
	char *path;
	dev_t dev;
	ino_t ino;
	off_t size;
	int64_t wall_mtime_ns;
	int64_t wall_ctime_ns; /* of a regular file, 0 while that tells nothing */
	uint64_t sum;          /* of what was read of it, else 0 */
};

/* Condition*= and Assert*=: name without that prefix, for example "PathExists". */
struct unit_condition {
	char *name;
	char *arg;
	bool is_assert;
	bool trigger; /* `|': at least one of these must hold */
	bool negate;  /* `!' */
	char *file;   /* where it stands */
	uint32_t line;
};

/* ---- [Service] ----------------------------------------------------------------------
 */

enum service_type {
	SERVICE_SIMPLE,
	SERVICE_EXEC,
	SERVICE_FORKING,
	SERVICE_ONESHOT,
	SERVICE_NOTIFY,
	SERVICE_IDLE, /* started as simple */
	SERVICE_NOTIFY_RELOAD,
	SERVICE_DBUS, /* as exec; BusName= is a probe of readiness, and watched */
};

enum service_exit {
	SERVICE_EXIT_MAIN,
	SERVICE_EXIT_CGROUP, /* the end of the last process is the end of the service */
};

enum service_restart {
	RESTART_NO,
	RESTART_ALWAYS,
	RESTART_ON_SUCCESS,
	RESTART_ON_FAILURE,
	RESTART_ON_ABNORMAL,
	RESTART_ON_ABORT,
	RESTART_ON_WATCHDOG,
};

enum service_restart_mode {
	RESTART_NORMAL,
	RESTART_DIRECT, /* who depends on it does not hear of it */
};

enum service_exec {
	EXEC_CONDITION,
	EXEC_START_PRE,
	EXEC_START,
	EXEC_START_POST,
	EXEC_RELOAD,
	EXEC_STOP,
	EXEC_STOP_POST,
	EXEC_RESUME, /* instead of EXEC_START, when the last run was interrupted */
	EXEC_NKINDS,
};

enum notify_access {
	NOTIFY_ACCESS_NONE,
	NOTIFY_ACCESS_MAIN,
	NOTIFY_ACCESS_EXEC, /* main and control processes */
	NOTIFY_ACCESS_ALL,
};

enum kill_mode {
	KILL_CONTROL_GROUP,
	KILL_MIXED,
	KILL_PROCESS,
	KILL_NONE,
};

enum keyring_mode {
	KEYRING_INHERIT,
	KEYRING_PRIVATE,
	KEYRING_SHARED,
};

enum timeout_mode {
	TIMEOUT_TERMINATE,
	TIMEOUT_ABORT,
	TIMEOUT_KILL,
};

enum oom_policy {
	OOM_STOP,
	OOM_CONTINUE,
	OOM_KILL,
};

enum {
	EXEC_IGNORE_FAILURE = 1 << 0,  /* - */
	EXEC_ARGV0 = 1 << 1,           /* @  (argv[0] is already the second word) */
	EXEC_NO_EXPAND = 1 << 2,       /* : */
	EXEC_FULL_PRIVILEGES = 1 << 3, /* + */
	EXEC_NO_SETUID = 1 << 4,       /* ! */
	EXEC_AMBIENT_MAGIC =
	    1 << 5, /* !! : as ! on kernels without ambient capabilities */
};

/*
 * One command line.  Specifiers are resolved, `$' is not: exec_cmd_expand (env.h) does it
 * with the environment of the process.  A path without `/' is looked up in
 * exec_conf.search_path, else in UNIT_EXEC_PATH.
 */
struct exec_cmd {
	char *path;
	struct strv argv;
	uint32_t flags;
	uint32_t line; /* in the file that it came from */
};

#define UNIT_EXEC_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct exec_list {
	struct exec_cmd *v;
	size_t n;
};

struct stop_step {
	int signal;
	uint64_t wait_us; /* UNIT_INFINITY after the last step that names no time */
};

enum probe_kind {
	PROBE_PATTERN,
	PROBE_TCP,
	PROBE_HTTP,
	PROBE_EXEC,
	PROBE_FILE,
	PROBE_BUS, /* BusName= of Type=dbus */
};

struct probe_conf {
	enum probe_kind kind;
	char *text;    /* as written: the pattern, the path of the file, or for show */
	char *host;    /* TCP, HTTP: name or address, without brackets */
	char *path;    /* HTTP: with leading `/' */
	uint16_t port; /* TCP, HTTP */
	struct exec_cmd cmd; /* EXEC */
};

struct probe_list {
	struct probe_conf *v;
	size_t n;
};

enum ready_when {
	READY_ALL,
	READY_ANY,
};

enum health_action {
	HEALTH_RESTART, /* the service fails with result watchdog, Restart= decides */
	HEALTH_REPORT,  /* only status and events say so */
};

/* ---- what a process gets --------------------------------------------------------------
 */

struct env_file {
	char *path;    /* may be a glob */
	bool optional; /* `-' */
};

struct limit_conf {
	int resource; /* RLIMIT_* */
	uint64_t soft;
	uint64_t hard; /* RLIM_INFINITY where without limit */
};

/* The key without its "Limit", as NOFILE. */
const char *limit_conf_name(const struct limit_conf *l);

enum exec_dir_kind {
	DIR_RUNTIME,
	DIR_STATE,
	DIR_CACHE,
	DIR_LOGS,
	DIR_CONFIGURATION,
	DIR_NKINDS,
};

struct exec_dir {
	struct strv names; /* relative, without `..' */
	struct strv links; /* NAME:LINK: LINK is a link to NAME */
	mode_t mode;
};

enum dir_preserve {
	PRESERVE_NO,
	PRESERVE_YES,
	PRESERVE_RESTART,
};

enum stdio_kind {
	STDIO_NULL,
	STDIO_LOG, /* journal, kmsg, syslog and their +console forms: the log of supd */
	STDIO_INHERIT,  /* output: as stdin if that is a file, error: as output */
	STDIO_FILE,     /* file:PATH, created, not truncated */
	STDIO_APPEND,   /* append:PATH */
	STDIO_TRUNCATE, /* truncate:PATH */
	STDIO_DATA,     /* input: StandardInputText=, StandardInputData= */
	STDIO_FD,       /* fd:NAME, from the file descriptor store or a listener */
	STDIO_TTY,
	STDIO_SOCKET,
	STDIO_TTY_FORCE, /* of stdin: taken from who has it */
	STDIO_TTY_FAIL,  /* of stdin: not when somebody has it */
};

static inline bool
stdio_is_tty(enum stdio_kind k)
{
	return k == STDIO_TTY || k == STDIO_TTY_FORCE || k == STDIO_TTY_FAIL;
}

struct stdio_conf {
	enum stdio_kind kind;
	char *arg; /* path or name */
};

enum log_overflow {
	LOG_OVERFLOW_BLOCK,
	LOG_OVERFLOW_DROP,
};

enum log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON,
	LOG_FORMAT_RAW, /* lines as they are, without prefix */
};

enum log_sync {
	LOG_SYNC_NEVER,
	LOG_SYNC_INTERVAL,
	LOG_SYNC_EACH,
};

struct exec_conf {
	char *user;        /* NULL: as supd */
	bool dynamic_user; /* user is one that needs not be there */
	char *group;
	struct strv supplementary_groups;
	mode_t umask;
	char *working_directory; /* NULL: not set; "~": home of the user */
	bool working_directory_optional;
	struct strv environment; /* NAME=VALUE, each name once */
	struct env_file *environment_files;
	size_t n_environment_files;
	struct strv pass_environment;
	struct strv unset_environment; /* NAME or NAME=VALUE */
	struct strv search_path;       /* ExecSearchPath= */
	struct strv load_credentials; /* ID:SOURCE, each id once; see credential_source */
	struct strv set_credentials;  /* ID:VALUE, each id once; a secret: never shown */
	struct limit_conf *limits;
	size_t n_limits;
	int nice;
	bool nice_set;
	int oom_score_adjust;
	bool oom_score_adjust_set;
	int cpu_policy; /* SCHED_*, when set */
	bool cpu_policy_set;
	bool cpu_reset_on_fork;
	int cpu_priority;          /* as written; see exec_cpu_priority */
	unsigned long *cpus;       /* the kernel's mask */
	size_t n_cpus;             /* words; 0: all */
	int io_class, io_priority; /* when io_set */
	bool io_set;
	bool timer_slack_set;
	bool coredump_filter_set;
	bool personality_set;
	uint64_t timer_slack_ns;
	uint32_t coredump_filter; /* as in /proc/PID/coredump_filter */
	uint32_t personality;
	uint32_t secure_bits; /* SECBIT_*; 0: none */
	enum keyring_mode keyring;
	struct exec_dir dirs[DIR_NKINDS];
	enum dir_preserve runtime_directory_preserve;
	char *tty_path; /* NULL: the console */
	bool tty_reset, tty_vhangup;
	uint32_t tty_rows, tty_columns; /* 0: as they are */
	struct stdio_conf in;
	struct stdio_conf out;
	struct stdio_conf err;
	uint8_t *stdin_data; /* StandardInputText= and StandardInputData= together */
	size_t stdin_data_len;
	bool no_new_privileges;
	bool ignore_sigpipe;
	bool bounding_set_set;
	uint64_t
	    bounding_set; /* bit n for capability n; meaningful if bounding_set_set */
	uint64_t ambient_set;

	enum log_overflow log_overflow;
	enum log_format log_format;
	enum log_sync log_sync;
	uint64_t log_max_bytes; /* of one invocation; 0: without limit */
	char *log_day;          /* YYYYMMDD: pinned; NULL: the day of each line */
};

/* The priority that its policy can have next to CPUSchedulingPriority=. */
int exec_cpu_priority(const struct exec_conf *x);

/* Whether folders of that kind lie in private/ and only a link to them beside it. */
bool exec_dir_is_private(const struct exec_conf *x, enum exec_dir_kind kind);

static inline bool
exec_has_credentials(const struct exec_conf *x)
{
	return x->load_credentials.n > 0 || x->set_credentials.n > 0;
}

struct kill_conf {
	enum kill_mode mode;
	int signal;
	int restart_signal; /* 0: as signal */
	int final_signal;
	int watchdog_signal;
	bool send_sighup;
	bool send_sigkill;
	struct stop_step *sequence; /* StopSequence=; n 0: the signals above */
	size_t n_sequence;
};

/* What happens to it when its ConditionPhase= does not hold. */
enum phase_yield {
	PHASE_YIELD_NO, /* it is asked at a start only, as other conditions are */
	PHASE_YIELD_STOP,
	PHASE_YIELD_FREEZE,
};

struct service_conf {
	enum service_type type;
	enum service_exit exit_type;
	int reload_signal; /* of Type=notify-reload */
	struct exec_list exec[EXEC_NKINDS];

	enum service_restart restart;
	enum service_restart_mode restart_mode;
	uint64_t restart_us;
	uint32_t retries; /* further runs after failures; 0: Restart= alone decides */
	uint32_t restart_steps;
	uint64_t restart_max_us;    /* UNIT_INFINITY: RestartSec= for ever */
	uint64_t restart_jitter_us; /* up to so much is added to each delay */
	uint64_t start_jitter_us;   /* after a boot; INFINITY: as supd.conf says */
	uint64_t resume_grace_us;   /* an end sooner than that is a failure to resume */
	uint32_t resume_tries;      /* so many in a row, then EXEC_START */
	uint64_t restart_reset_us;  /* after so long up, the delays begin anew; INFINITY:
				       never */
	uint64_t start_limit_retry_us; /* INFINITY: give up at the limit; else try again
					  after it */
	struct exit_set exit_success;  /* what SuccessExitStatus= adds */
	struct exit_set exit_prevent;
	struct exit_set exit_force;

	uint64_t timeout_start_us; /* INFINITY for oneshot unless set */
	uint64_t timeout_stop_us;
	uint64_t timeout_abort_us;
	uint64_t timeout_clean_us;
	uint64_t runtime_max_us;
	uint64_t runtime_randomized_extra_us;
	enum timeout_mode timeout_start_mode;
	enum timeout_mode timeout_stop_mode;

	enum notify_access
	    notify_access;   /* already raised from none to main where needed */
	bool non_blocking;   /* of the sockets that are passed */
	struct strv sockets; /* Sockets=, beside those that trigger it */
	int notify_fd;       /* -1: none; else the number in the child */
	char *pid_file;      /* absolute */
	char *bus_name;      /* of Type=dbus also in ready */
	bool guess_main_pid;
	bool remain_after_exit;
	bool permissions_start_only; /* already in the flags of the commands */
	uint64_t watchdog_us;        /* 0: off */
	uint32_t fd_store_max;
	enum phase_yield phase_yield;
	enum dir_preserve fd_store_preserve;
	enum oom_policy oom_policy;

	struct probe_list ready;
	enum ready_when ready_when;
	uint64_t ready_interval_us;
	struct probe_list health;
	uint64_t health_interval_us;
	uint64_t health_timeout_us; /* of one probe, ready ones too */
	uint32_t health_failures;
	uint32_t health_successes;
	uint64_t health_grace_us;
	enum health_action health_action;

	char *pool;           /* its unit, "llm.pool"; NULL: none */
	int priority;         /* the higher one is admitted before */
	uint32_t pool_weight; /* slots that it takes */

	char *status_group;  /* under which status screens list it; NULL: its template */
	bool status_summary; /* they count its group instead of listing it */

	struct exec_conf context;
	struct kill_conf kill;
};

/* ---- a unit -------------------------------------------------------------------------
 */

/* What the sections [Unit] and [Install] say, but for what is of this unit alone. */
struct unit_rules {
	struct strv documentation;
	struct strv deps[DEP_NKINDS];     /* full unit names */
	uint64_t start_limit_interval_us; /* 0: no limit */
	uint32_t start_limit_burst;
	enum unit_action start_limit_action;
	enum unit_action failure_action;
	enum unit_action success_action;
	int failure_action_status; /* -1: of the main process */
	int success_action_status; /* likewise */
	enum unit_job_mode on_failure_mode;
	enum unit_job_mode on_success_mode;
	enum unit_collect collect;
	bool stop_when_unneeded;
	bool default_dependencies;
	bool refuse_manual_start;
	bool refuse_manual_stop;
	bool allow_isolate;
	bool ignore_on_isolate;
	uint64_t job_timeout_us; /* UNIT_INFINITY: none */
	uint64_t job_running_timeout_us;
	enum unit_action job_timeout_action;
	bool has_install; /* an [Install] section was seen: started with the instance */
	struct unit_condition *conditions;
	size_t n_conditions;

	struct strv wanted_by;
	struct strv required_by;
	struct strv upheld_by;
	struct strv alias;
	struct strv also;
	char *default_instance;

	uint64_t set[UNIT_ROWS_MAX / 64]; /* which rows of the table a file assigned */
};

/*
 * A unit has thousands of bytes of settings, and a fleet has them a thousand times over:
 * units that say the same share rules and service (pack.h).
 */
struct unit_conf {
	char *id;       /* the main name, for example "witness@gastown.service" */
	char *stem;     /* id without the suffix: the name of its log */
	char *prefix;   /* before `@', or the stem */
	char *instance; /* after `@', escaped as in the name; NULL if not an instance */
	struct strv aliases; /* other names that lead here by symbolic links */
	enum unit_type type;
	enum unit_load_state load_state;
	bool
	    builtin; /* a standard target (network.target, ...): always active, no file */

	char *fragment; /* path of the main file, NULL if there is none */
	/* The main file first, then drop-ins as applied, folders of links, the profile.
	 */
	struct unit_source *sources;
	size_t n_sources;

	char *description; /* never NULL: else the id */

	const struct unit_rules *rules;
	const struct service_conf *service;
	const struct unit_session *session; /* NULL: an ordinary service */
	const struct unit_trigger *trigger; /* NULL: no timer, path, socket or pool */
};

/* rows << 16 | columns of its terminal, 0: it has none. */
static inline uint32_t
unit_conf_terminal(const struct unit_conf *c)
{
	const struct unit_session *s = c->session;

	return s != NULL && s->session.terminal
		   ? (uint32_t)s->session.rows << 16 | s->session.cols
		   : 0;
}

/* The same while it is made; rows of the table say where in it their field is. */
struct unit_parts {
	struct unit_conf unit;
	struct unit_rules rules;
	struct service_conf service;
	struct unit_session session;
	struct unit_trigger trigger;
	struct rule_conf rule; /* what a new rule begins with */
};

#endif
