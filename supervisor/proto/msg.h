/*
 * Messages between the roles: one SOCK_SEQPACKET packet each, a head and a payload of
 * fixed size, in host byte order.  No pointers, no variable tails: what varies is a
 * memfd. The list is msg.def; chan.c sends and receives.  libc only: init includes this.
 */
#ifndef SUPD_PROTO_MSG_H
#define SUPD_PROTO_MSG_H

#include <sys/types.h>

#include <assert.h>
#include <stdint.h>

#include "proto/version.h"

enum {
	PROTO_UNIT_MAX = 256,   /* unit name with suffix and NUL (SEMANTICS 2) */
	PROTO_REF_MAX = 68,     /* ref: at most 64 bytes and NUL */
	PROTO_NAME_MAX = 256,   /* log name and NUL */
	PROTO_DAY_MAX = 12,     /* YYYYMMDD and NUL */
	PROTO_FDNAME_MAX = 256, /* FDNAME=: at most 255 bytes and NUL */
	PROTO_TAIL_MAX = 500,   /* bytes of stderr that a failure carries */
	PROTO_FDS_MAX = 2,
	SLOT_NONE = 0xffffffff,
};

enum role { ROLE_NONE, ROLE_INIT, ROLE_MANAGER, ROLE_LOGGER, ROLE_TERMINAL, ROLE_N };

/* The processes that a slot can hold at one time. */
enum proc_kind {
	PROC_MAIN,    /* the service itself */
	PROC_CONTROL, /* ExecCondition, StartPre, StartPost, Reload, Stop, StopPost */
	PROC_READY,   /* ReadyExec= */
	PROC_HEALTH,  /* HealthExec= */
	PROC_N,
};

/* How a process of a slot ended, beside the CLD_ codes of waitid. */
enum exit_how {
	EXIT_EXITED = 1,  /* status: exit status */
	EXIT_KILLED,      /* status: signal */
	EXIT_DUMPED,      /* status: signal, with a core */
	EXIT_UNKNOWN,     /* ended while no supd was its parent */
	EXIT_NOT_STARTED, /* fork, pipe or descriptor limit: err says why */
};

/* Who a SIGNAL reaches. */
enum signal_scope {
	SIGNAL_PROC,       /* the process only, by its pidfd */
	SIGNAL_PROC_GROUP, /* its process group */
	SIGNAL_SLOT,       /* every process of the cgroup; else the groups of all procs */
	SIGNAL_SLOT_KILL,  /* cgroup.kill: the end of all at once */
	SIGNAL_SLOT_PROCS, /* its procs alone: who sends it looks for the others itself */
	SIGNAL_SLOT_WAKE,  /* SIGNAL_SLOT, and CONT behind it for what is stopped */
	SIGNAL_SLOT_FREEZE, /* no signal: cgroup.freeze; else STOP to the groups of all
			       procs */
	SIGNAL_SLOT_THAW,   /* the opposite */
};

struct msg_head {
	uint16_t id;
	uint16_t version;
	uint32_t size; /* of the payload */
};
static_assert(sizeof(struct msg_head) == 8, "message head");

struct msg_none {
	uint32_t pad;
};
struct msg_slot_ref {
	uint32_t slot;
};
struct msg_ping {
	uint64_t seq;
};
struct msg_failed {
	int32_t err;
	int32_t pad;
};

struct msg_hello {
	uint32_t version;
	uint32_t nslots;
	uint32_t safe_mode;  /* 1: adopt, open the control socket, load nothing */
	uint32_t generation; /* how often this role was started */
	int32_t init_pid;
	uint32_t is_pid1;
	uint32_t revived; /* 1: services of a dead supd were taken over */
	uint32_t pad;
	uint64_t boot_us; /* wall clock, when this supd started */
};

/* What of a slot is kept: its streams in the log, its terminal in a recording. */
enum slot_log_stream {
	SLOT_LOG_STDOUT = 1 << 0,
	SLOT_LOG_STDERR = 1 << 1,
	SLOT_LOG_STREAMS = SLOT_LOG_STDOUT | SLOT_LOG_STDERR,
	SLOT_LOG_CAST = 1 << 2,
	SLOT_LOG_TYPED = 1 << 3, /* what is typed is in the recording, too */
};

/* What the log of a slot is like: written into the table for the logger. */
struct slot_log {
	char name[PROTO_NAME_MAX]; /* unit name without suffix, or --name */
	char ref[PROTO_REF_MAX];
	char day[PROTO_DAY_MAX]; /* pinned day, or empty */
	uint32_t drop;           /* LogOverflow=drop */
	uint32_t format;         /* enum log_format of journal/line.h */
	uint32_t sync;           /* LogSync= */
	uint32_t stream_mask;    /* enum slot_log_stream */
	uint64_t max_bytes;      /* of this invocation; 0: no limit */
	uint64_t order;          /* rank of the invocation, for the links */
};

struct msg_slot_open {
	uint32_t slot;
	uint32_t want_notify; /* make run/n/SLOT */
	uint32_t want_cgroup;
	int32_t uid; /* owner of FIFOs and notify socket */
	int32_t gid;
	uint32_t terminal; /* rows << 16 | columns of its pty; 0: it gets none */
	uint8_t invocation[16];
	char unit[PROTO_UNIT_MAX];
	struct slot_log log;
};

struct slot_proc {
	int32_t pid;          /* 0: none */
	uint32_t is_child;    /* 0: watched by pidfd only, its status is lost */
	uint64_t start_ticks; /* field 22 of /proc/PID/stat */
	uint64_t started_us;  /* monotonic */
	uint32_t execed;      /* exec is known to have worked, or nobody asked */
	uint32_t pad;
};

struct msg_slot {
	uint32_t slot;
	uint32_t has_cgroup;
	uint32_t closing; /* SLOT_CLOSE was asked for */
	int32_t err;      /* SLOT_OPEN failed: errno; the slot is free */
	uint8_t invocation[16];
	char unit[PROTO_UNIT_MAX];
	char ref[PROTO_REF_MAX];
	char name[PROTO_NAME_MAX];
	uint32_t step; /* newest SIGNAL_STEP that was done, 0: none */
	uint64_t opened_wall_us;
	struct slot_proc proc[PROC_N];
};

struct msg_spawn {
	uint32_t slot;
	uint32_t kind; /* enum proc_kind */
	uint8_t invocation[16];
	uint64_t seq; /* manager's number of the request */
	uint64_t spec_size;
};

struct msg_proc_set {
	uint32_t slot;
	uint32_t kind;
	int32_t pid;
	uint32_t pad;
	uint64_t start_ticks; /* 0: not known; else refused when it differs */
};

struct msg_started {
	uint32_t slot;
	uint32_t kind;
	int32_t pid;
	uint32_t execed;
	uint64_t seq;
	uint64_t start_ticks;
	uint64_t mono_us;
};

struct msg_exit {
	uint32_t slot;
	uint32_t kind;
	int32_t pid;
	uint32_t how;     /* enum exit_how */
	int32_t status;   /* exit status or signal */
	uint32_t phase;   /* spec.h: the step that failed before exec, or 0 */
	int32_t err;      /* its errno */
	uint32_t empty;   /* no process of the slot lives, as its cgroup says; 0: ask */
	uint64_t seq;     /* of the SPAWN */
	uint64_t mono_us; /* when it was reaped */
	uint64_t wall_us;
	uint64_t cpu_us; /* user and system time of the process and its reaped */
	uint64_t maxrss_kib;
};

struct msg_exit_ack {
	uint32_t slot;
	uint32_t kind;
	int32_t pid;
	uint32_t pad;
	uint64_t seq;
};

struct msg_orphan {
	uint64_t reaped; /* in total since start */
};

struct msg_signal {
	uint32_t slot;
	uint32_t kind;
	uint32_t scope; /* enum signal_scope */
	int32_t signo;
};
struct msg_signal_step {
	struct msg_signal signal;
	uint32_t step; /* from 1, of the invocation; a newer one is greater */
	uint32_t pad;
};
struct msg_signal_pidfd {
	int32_t signo;
	int32_t pad;
};
struct msg_got_signal {
	int32_t signo;
	int32_t pid; /* sender, 0: the kernel */
	uint32_t uid;
	uint32_t count;
};

struct msg_stored {
	uint32_t id;   /* init's number, 0 in FD_PUT */
	uint32_t poll; /* drop it when it hangs up */
	char unit[PROTO_UNIT_MAX];
	char fdname[PROTO_FDNAME_MAX];
};

enum halt_how {
	HALT_EXIT,
	HALT_REBOOT,
	HALT_POWEROFF,
	HALT_KEXEC,
	HALT_HALT,
	HALT_LEAVE
};

struct msg_halt {
	uint32_t how;
	int32_t status; /* exit status of supd */
};

/* What init must know of supd.conf. */
struct msg_settings {
	uint64_t ping_us;         /* between two pings of a role */
	uint64_t ping_timeout_us; /* silence after which it is killed */
	uint64_t shutdown_us;     /* bound of the whole end, 0: none */
	uint64_t backoff_max_us;  /* longest delay before a role is started again */
	uint32_t on_exit_leave;
	uint32_t safe_mode_after; /* quick deaths of the manager */
};

struct msg_role {
	uint32_t role;
	int32_t pid;
	uint32_t restarts;
	uint32_t how; /* how the last one ended */
	int32_t status;
	uint32_t hung; /* it did not answer and was killed */
};

struct msg_slot_patterns {
	uint32_t slot;
	uint8_t invocation[16];
};
struct msg_log_alarm {
	uint64_t bytes; /* UINT64_MAX: never */
	uint32_t slot;
	uint8_t invocation[16];
	uint32_t pad;
};
struct msg_viewer {
	uint64_t request_size; /* of the JSON in the memfd */
};
struct msg_barrier {
	uint32_t slot;
	uint32_t pad;
	uint64_t id;
};
struct msg_barrier_done {
	uint32_t slot;
	uint32_t tail_len; /* last bytes of stderr, cut on a character */
	uint64_t id;
	uint64_t lines; /* of this slot so far */
	uint64_t bytes;
	char tail[PROTO_TAIL_MAX + 4];
};
struct msg_snapshot {
	uint64_t id;
	uint64_t size;
	uint32_t kind; /* enum snapshot_kind */
	uint32_t pad;
};
enum snapshot_kind {
	SNAPSHOT_STATE,   /* state/snapshot.json */
	SNAPSHOT_STATUS,  /* run/status.json */
	SNAPSHOT_BUDGETS, /* state/budgets.json */
	SNAPSHOT_MARKS,   /* state/marks.json */
};
struct msg_snapshot_done {
	uint64_t id;
	int32_t err;
	int32_t pad;
};
struct msg_vacuum {
	uint64_t id;
	uint64_t max_bytes; /* 0: the configured bounds */
	uint64_t max_age_us;
};
struct msg_vacuum_done {
	uint64_t id;
	uint64_t freed_bytes;
	uint64_t files;
	int32_t err;
	int32_t pad;
};
struct msg_log_settings {
	uint64_t unit_max_bytes; /* bounds: 0 is none */
	uint64_t total_max_bytes;
	uint64_t max_age_us;
	uint64_t compress_after_us; /* closed days older than this, 0: never */
	uint32_t precision;         /* digits after the second: 0, 3, 6 */
	uint32_t utc;
	uint32_t line_max; /* bytes of a line; longer ones are split and marked */
	uint32_t mirror;   /* copy lines to supd's stdout, best effort */
	uint32_t file_mode;
	uint32_t dir_mode;
	uint64_t sync_interval_us;
	uint64_t retry_us; /* a parked stream looks again */
};
struct msg_event_ack {
	uint64_t seq;      /* all up to this are in the journal */
	uint64_t wish_seq; /* all wishes up to this are on the disk */
};
/* Of stdout, of stderr, of the file of both, of the recording. */
enum stream_of {
	STREAM_OF_STDOUT,
	STREAM_OF_STDERR,
	STREAM_OF_FILE,
	STREAM_OF_CAST,
	STREAM_OF_N
};
struct msg_stream_state {
	uint32_t slot;
	uint32_t stream; /* enum stream_of */
	uint32_t what;   /* enum stream_what */
	int32_t err;
	uint64_t lines;
	uint64_t bytes;
};
enum stream_what {
	STREAM_PARKED = 1, /* cannot write: err */
	STREAM_RESUMED,
	STREAM_DROPPED,   /* lines and bytes dropped since the last report */
	STREAM_DISTURBED, /* somebody else changed the file */
	STREAM_LIMIT,     /* max_bytes reached */
	STREAM_ROLLED,    /* a new day's file */
	/* Its name was taken: lines is the ALT of its file.  Of a recording: it is there,
	 * bytes is its day as a number. */
	STREAM_NAMED,
	STREAM_ALARM, /* what LOG_ALARM asked for: its bytes */
};
struct msg_match {
	uint32_t slot;
	uint32_t rule;
	uint64_t seq;   /* line number of the invocation */
	uint32_t count; /* matches folded into this report */
	uint32_t text_len;
	char text[256]; /* the matched line; U+2026 at its end: cut */
};

/* ---- the terminal -------------------------------------------------------------------
 */

/* One write to a session's pty.  A step is written once, however often it is asked for,
 * also over the death of the terminal: who asks again is told how it went. */
struct msg_term_input {
	uint32_t slot;
	uint32_t step;  /* from 1 within id; a newer one is greater */
	uint64_t id;    /* of the entry, in any order */
	uint64_t size;  /* of the bytes in the memfd */
	uint32_t flags; /* enum term_input_flag */
	uint32_t pad;
};
enum term_input_flag {
	TERM_INPUT_PASTE =
	    1 << 0, /* as a bracketed paste, where the program wants that */
	TERM_INPUT_QUIET = 1 << 1, /* refused (EBUSY) while a person is typing */
	TERM_INPUT_ECHO = 1 << 2,  /* refused (EPERM) while a password is asked for */
};
enum term_taken_how {
	TERM_TAKEN_OK = 1,    /* all bytes were written */
	TERM_TAKEN_UNCERTAIN, /* the terminal died meanwhile: some, all or none */
	/* err says why nothing of the newest request was written; id and step are those
	 * of the last that was, 0: none. */
	TERM_TAKEN_REFUSED,
	TERM_TAKEN_LOST, /* what was written before is not known */
};
struct msg_term_taken {
	uint32_t slot;
	uint32_t step;
	uint64_t id;
	uint32_t how; /* enum term_taken_how */
	int32_t err;
};

enum term_ask {
	TERM_ASK_TEXT = 1, /* the screen as JSON, with its text, cursor and modes */
	TERM_ASK_ANSI,     /* the same with the bytes that draw it */
	TERM_ASK_TAKEN, /* how did the newest step of input go?  Answered by TERM_TAKEN */
	TERM_ASK_LOOK,  /* read all that is there and look at the rules: TERM_MATCH and
			   TERM_STATE are told before the answer, which has no text */
};
struct msg_term_ask {
	uint32_t slot;
	uint32_t what; /* enum term_ask */
	uint64_t id;   /* of the answer */
};
struct msg_term_answer {
	uint64_t id;
	uint64_t size; /* of the JSON in the memfd */
	int32_t err;   /* 0, or why there is none: ENOENT no such session */
	uint32_t pad;
};
struct msg_term_rules {
	uint32_t slot;
	uint32_t pad;
	uint64_t size;
};
/* What the manager has to know of a session; sent when something of it changes. */
struct msg_term_state {
	uint32_t slot;
	uint32_t flags;          /* enum term_flag */
	uint64_t rules;          /* bit n: rule n of TERM_RULES holds on the screen */
	uint64_t last_output_us; /* monotonic, 0: never */
	uint64_t last_typed_us;  /* when a person last typed, 0: never */
	uint64_t changes;        /* of the screen, to see that it took something */
	uint32_t viewers;
	uint32_t pad;
};
enum term_flag {
	TERM_MOVES = 1 << 0, /* output is coming */
	TERM_PASSWORD =
	    1 << 1, /* what is typed is not shown (ECHO is off, lines are read) */
	TERM_PASTE = 1 << 2,     /* bracketed paste is on */
	TERM_ALTERNATE = 1 << 3, /* the alternate screen */
	TERM_WRITER = 1 << 4,    /* a person is attached and may type */
	TERM_DRAFT = 1 << 6,     /* who typed last did not press Enter */
	TERM_RULED = 1 << 5,     /* the rules are those of this manager, and were tried */
};

enum msg_id {
#define MSG(id, name, from, to, payload, nfds) MSG_##name = id,
#include "proto/msg.def"
#undef MSG
};

/* One message as sent or received.  fds are owned by the holder of the struct, -1 if
 * empty; chan_send does not close them. */
struct msg {
	struct msg_head head;
	union {
#define MSG(id, name, from, to, payload, nfds) struct msg_##payload name;
#include "proto/msg.def"
#undef MSG
	} u;
	int nfds;
	int fds[PROTO_FDS_MAX];
};

#define MSG(id, name, from, to, payload, nfds) \
	static_assert(sizeof(struct msg_##payload) % 4 == 0, #name " is padded");
#include "proto/msg.def"
#undef MSG

#endif
