/*
 * run/table: what is running, as a file on tmpfs mapped shared by init, which owns all of
 * it but the log parts, and by the logger, which owns those.  It outlives every role:
 * init always starts from a table (a new one made by boot, its own after a re-exec, or
 * that of a dead supd, revived by boot).  A slot is one invocation of a unit: its
 * processes, its log pipes, its notify socket, its cgroup.  libc only.
 *
 * Layout: struct table, then nslots of struct table_slot, then (each page aligned) nslots
 * of struct table_rare and the carries: [slot][stream][2][CARRY_BYTES].  The file is
 * sparse: what nobody touches costs nothing, so that what most services never need stands
 * apart from what each has.
 */
#ifndef SUPD_PROTO_TABLE_H
#define SUPD_PROTO_TABLE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/msg.h"

enum {
	TABLE_MAGIC = 0x54445553, /* "SUDT" */
	CARRY_BYTES = 65536,      /* longest unfinished line that can be kept */
	STORED_MAX = 1024,        /* descriptors kept for services */
	TABLE_PATH_MAX = 4096,
	TABLE_SIGNALS = 65, /* by number */
};

/* Descriptors that init keeps over its own re-exec, by name; -1: none. */
enum table_fd {
	FD_LOCK, /* run/supd.lock */
	FD_TABLE,
	FD_RING,
	FD_WAKE,    /* eventfd: the ring has lines (manager to logger) */
	FD_EXE,     /* the binary as opened at start */
	FD_ROOT,    /* instance folder */
	FD_RUN,     /* run folder */
	FD_CONTROL, /* listening control socket */
	FD_SCRATCH_R,
	FD_SCRATCH_W,
	FD_STAGING_R,
	FD_STAGING_W,
	FD_CGROUP,  /* folder of the instance's cgroup, -1: best effort containment */
	FD_LINES_R, /* the terminal's: lines on their way into a log pipe */
	FD_LINES_W,
	FD_N,
};

/* Descriptors of a role after its exec, by number; 0, 1, 2 are supd's own. */
enum role_fd {
	ROLE_FD_CHAN = 3,
	ROLE_FD_LOCK,
	ROLE_FD_ROOT,
	ROLE_FD_RUN,
	ROLE_FD_TABLE,
	ROLE_FD_RING,
	ROLE_FD_WAKE,
	ROLE_FD_EXTRA, /* manager: control socket, cgroup folder; logger: the four pipes;
			terminal: the pipe of lines */
};

enum slot_state {
	SLOT_FREE,
	SLOT_OPENING, /* marked before anything is made */
	SLOT_OPEN,
	SLOT_CLOSING, /* the logger drains it */
};
enum slot_cgroup {
	CGROUP_NONE,
	CGROUP_FRESH,
	CGROUP_KILLED, /* something in it was killed, see fork_inside in init/spawn.c */
};
enum proc_state {
	TPROC_NONE,
	TPROC_FORKING, /* marked before the fork; the child writes pid and start time */
	TPROC_RUNNING,
	TPROC_EXITED, /* until the manager acknowledges it */
};

struct table_proc {
	uint32_t state;
	int32_t pid;
	uint64_t start_ticks;
	uint64_t started_us;
	uint64_t seq;
	uint32_t is_child;
	uint32_t execed;
	uint32_t claimed; /* 0: not yet; see table_proc_claim */
	int32_t pidfd;
	int32_t report_fd;     /* read end of a pipe that the exec closes, -1: done */
	uint32_t told_started; /* the manager knows pid (1) and exec (2) */
	uint32_t told_exit;
	uint32_t how;
	int32_t status;
	uint32_t phase;
	int32_t err;
	uint64_t exit_mono_us, exit_wall_us, cpu_us, maxrss_kib;
};

/* The logger's part of a slot. */
struct stream_log {
	uint32_t carry_which; /* the active one of the two carries */
	uint32_t carry_len[2];
	uint32_t carry_split; /* the carry continues a line that was split */
	uint64_t lines, bytes;
	uint64_t dropped_lines, dropped_bytes;
};
struct table_log {
	struct stream_log stream[2];
	char day[PROTO_DAY_MAX]; /* folder of the open file, empty: none yet */
	uint32_t linked;         /* the links point to it */
	uint64_t bytes;          /* of this invocation, over its files */
	uint64_t lines;
	uint32_t tail_len; /* last bytes of stderr: table_rare.tail */
};

/* Of struct slot_log; the name: table_log_name. */
struct table_log_conf {
	char ref[PROTO_REF_MAX];
	char day[PROTO_DAY_MAX];
	uint32_t drop, format, sync, stream_mask;
	uint64_t max_bytes, order;
};

struct table_slot {
	uint32_t state;
	uint32_t told;        /* the manager has seen SLOT */
	uint32_t told_logger; /* LOG_OPEN (1), LOG_CLOSE (2) were sent */
	uint32_t want_notify, want_cgroup;
	uint32_t has_cgroup; /* enum slot_cgroup */
	uint32_t watch_empty, told_empty;
	uint32_t log_done;   /* the logger has finished it */
	uint32_t owed_done;  /* free, and the manager has not heard of it yet */
	uint32_t cgroup_gen; /* part of the folder's name, see table_cgroup_name */
	int32_t open_err;    /* SLOT_OPEN failed with this errno, told by SLOT */
	int32_t uid, gid;
	int32_t fd_out, fd_err, fd_notify, fd_cgroup, fd_events;
	uint32_t stopped; /* frozen by STOP, the cgroup could not: thawed by CONT, too */
	uint64_t fifo_dev, fifo_ino[2];
	uint64_t opened_wall_us;
	uint8_t invocation[16];
	char unit[PROTO_UNIT_MAX];
	uint32_t
	    stem_len;  /* the name of the log is so much of unit; 0: table_rare.name */
	uint32_t step; /* newest one of SIGNAL_STEP that was done; 0: none */
	uint32_t terminal;      /* rows << 16 | columns, as asked for; 0: it has none */
	int32_t fd_master;      /* of its pty, -1: none */
	uint32_t pts;           /* the number of that pty */
	int32_t master_at;      /* a descriptor of the main process for it; 0: none */
	uint32_t told_terminal; /* TERM_OPEN (1), TERM_CLOSE (2) were sent */
	uint32_t term_done;     /* the terminal has finished it */
	struct table_log_conf conf;
	struct table_proc proc[PROC_N];
	struct table_log log;
};

struct table_rare {
	char name[PROTO_NAME_MAX];
	char tail[PROTO_TAIL_MAX + 12];
};

struct table_stored {
	uint32_t used, told, poll;
	int32_t fd;
	char unit[PROTO_UNIT_MAX];
	char fdname[PROTO_FDNAME_MAX];
};

struct table_role {
	int32_t pid;
	int32_t chan_fd; /* init's end of the channel, -1: none */
	uint64_t start_ticks;
	uint32_t restarts;
	uint32_t quick_deaths;
};

/* A signal that supd got and the manager has not heard of yet. */
struct table_signal {
	uint32_t count;
	int32_t pid;
	uint32_t uid;
};

/* The logger's batch in flight (DESIGN 5); it handles one at a time. */
struct table_intent {
	uint32_t phase;
	uint32_t slot, stream;
	uint32_t carry_which, carry_len, carry_split; /* the state to flip to */
	uint64_t n;                                   /* bytes to take from the pipe */
	uint64_t dev, ino, before, after, sum;
	uint64_t raw_sum; /* of the first of the n bytes as they were in the pipe */
	/* Counters of the stream and the slot as they are after the batch, so that
	 * finishing it twice counts it once. */
	uint64_t lines, bytes, dropped_lines, dropped_bytes;
	uint64_t log_lines, log_bytes;
	char day[PROTO_DAY_MAX];
	uint32_t pad;
};

struct table {
	uint32_t magic, version;
	uint32_t readable_by; /* the oldest build that can use it */
	uint32_t fork_inside; /* a process can be forked into a cgroup below FD_CGROUP */
	uint32_t proto_version, nslots;
	/* One beyond the highest slot that was ever opened.  Those from there on are as
	 * the file was made, all zero, and nobody looks at them: they cost no memory. */
	uint32_t slots_high;
	uint32_t stored_high; /* likewise */
	uint64_t total_bytes, slot_size, slots_at, carries_at;
	char boot_id[40]; /* nothing before it ever moves */
	uint64_t rare_at;
	char root[TABLE_PATH_MAX]; /* path of the instance folder */
	char run[TABLE_PATH_MAX];  /* path of the run folder, short */
	/* Path of the instance's cgroup folder, for who revives it; empty: none. */
	char cgroup[TABLE_PATH_MAX];
	char exe[TABLE_PATH_MAX]; /* path of the binary, for MSG_REEXEC */
	int32_t fd[FD_N];
	int32_t init_pid;
	uint64_t init_start_ticks;
	uint64_t start_wall_us;
	uint32_t is_pid1;
	uint32_t revived;
	uint32_t crashes; /* of init itself */
	uint32_t reexecs;
	int32_t oom_adjust_orig; /* given back to children */
	uint64_t nofile_soft_orig, nofile_hard_orig;
	uint64_t orphans;
	struct table_role role[ROLE_N];
	uint32_t halting; /* the end has begun: 1 + enum halt_how */
	int32_t halt_status;
	struct table_signal signal[TABLE_SIGNALS];
	struct msg_settings settings;
	struct msg_log_settings log_settings;
	struct table_intent intent;
	struct table_stored stored[STORED_MAX];
};

/* Total bytes of a table of nslots slots. */
uint64_t table_bytes(uint32_t nslots);
/* Make the head of a new table in zeroed memory. */
void table_init(struct table *t, uint32_t nslots);
/* Why this build cannot use the mapped file of total_bytes, or NULL when it can. */
const char *table_invalid(const struct table *t, uint64_t total_bytes);
/* This build writes it from now on. */
void table_sign(struct table *t);
struct table_slot *table_slot(struct table *t, uint32_t i);
/* How many slots there are to look at; those behind have no memory yet, and on a full
 * tmpfs a look would be a SIGBUS. */
uint32_t table_used(const struct table *t);
struct table_rare *table_rare(struct table *t, uint32_t i);
/* The bytes of unit that are this log name: its stem; 0: it is another. */
uint32_t table_stem_len(const char *unit, const char *name);
/* The name of the log of a slot whose unit is set: most are the unit's without suffix. */
void table_set_log_name(struct table *t, uint32_t i, const char *name);
/* Into dst of PROTO_NAME_MAX bytes, terminated. */
void table_log_name(struct table *t, uint32_t i, char *dst);
/* How many entries of stored there are to look at. */
uint32_t table_stored_used(const struct table *t);
/* Name of the slot's cgroup folder below FD_CGROUP, into buf of NAME_MAX + 1 bytes. */
void table_cgroup_name(const struct table_slot *s, uint32_t slot, char *buf);
/* A forked child is resolved by exactly one of these two, however init dies meanwhile and
 * however slow the child is: the child, with its pid and start time written, claims its
 * entry before it goes on to exec; or who recovers the table gives it up, and the child,
 * when there is one, ends without exec.  True: this one it was. */
bool table_proc_claim(struct table_proc *p);
bool table_proc_give_up(struct table_proc *p);
/* The carry of a stream: which is 0 or 1. */
char *table_carry(struct table *t, uint32_t slot, unsigned stream, unsigned which);

#endif
