/*
 * state: the logger's memory.  One struct logger holds everything; a struct logslot
 * stands for a slot of the table whose pipes we were given.  What must outlive this
 * process is not here but in the table and the ring.
 */
#ifndef SUPD_LOGGER_STATE_H
#define SUPD_LOGGER_STATE_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/layout.h"
#include "lib/buf.h"
#include "lib/map.h"
#include "logger/stamp.h"
#include "proto/chan.h"
#include "proto/ring.h"
#include "proto/table.h"

struct castlog;
struct compress;
struct logslot;
struct logger;
struct loop;
struct loop_io;
struct loop_timer;
struct match;
struct mirror;
struct viewer;

enum {
	TURN_BYTES = 256 * 1024, /* a stream gets at most this, then the next one */
	FULL_BYTES = 48 * 1024,  /* a turn that found so much was awaited by the writer */
	FLOODS = 4,              /* pipes that are larger than others */
	OUT_BYTES = 1024 * 1024, /* stamped bytes of one batch */
	DAYDIRS = 4,             /* open folders of days */
	STREAM_WHATS = STREAM_ALARM + 1,
};

/* One log pipe. */
struct stream {
	struct logslot *slot;
	unsigned which; /* 0 stdout, 1 stderr */
	int fd;         /* read end, owned; -1: none */
	bool ready;     /* on the ready queue */
	bool watched; /* in the epoll set; if not, it is ready or about to be closed … */
	bool unwatchable; /* … or the kernel refused it: its slot is parked */
	bool empty;       /* the last look found nothing; an edge says more */
	unsigned again;   /* turns in a row that found something */
	unsigned full;    /* turns in a row that found FULL_BYTES */
	size_t room[2];   /* bytes of each carry that are known to have memory */
	TAILQ_ENTRY(stream) link;
};

/* The open file of an invocation. */
struct sink {
	int fd; /* owned; -1: none */
	char day[PROTO_DAY_MAX];
	uint8_t alt; /* of its name, see layout_log_file and sink_file */
	uint64_t dev, ino;
	uint64_t checked_us; /* monotonic: when its place was looked at */
	bool dirty;          /* LogSync=interval: written since the last sync */
	/* Half a batch that could not be taken back yet: its place; 0, 0: none. */
	uint64_t torn_at, torn_end;
};

struct logslot {
	uint32_t n;
	struct table_slot *ts;
	uint8_t invocation[16];
	char *tail;       /* of stderr, in the table; its length: ts->log */
	bool tail_room;   /* it has memory */
	char *name, *ref; /* owned */
	int32_t pid;      /* of the newest main process that was seen; 0: none */
	struct stream stream[2];
	struct sink sink;
	struct match *match;    /* owned; NULL: no patterns */
	struct castlog *cast;   /* owned; NULL: it is not recorded */
	bool closing;           /* LOG_CLOSE came */
	uint64_t alarm_bytes;   /* of the log, of which the manager wants to hear */
	uint64_t close_left[2]; /* bytes that were in the pipes then, and room */
	bool done;              /* drained: LOG_DONE waits for the channel */
	bool parked;            /* cannot write: parked_err */
	int parked_err;
	bool try_again; /* parked, but the timer says look again */
	bool due;       /* waits for its file to be made */
	uint64_t due_us;
	/* Reports for the manager that wait for the channel. */
	bool on_reports;
	uint32_t report[STREAM_OF_N]; /* bits 1 << enum stream_what */
	int report_err[STREAM_OF_N];
	uint64_t unreported_lines[STREAM_OF_N],
	    unreported_bytes[STREAM_OF_N]; /* dropped */
	uint64_t told_dropped_us;          /* monotonic */
	TAILQ_ENTRY(logslot) parked_link, due_link, report_link;
};

/* The newest invocation that a link points to, by log name. */
struct linkrec {
	uint64_t top_order;
	uint64_t day_order;
	char day[PROTO_DAY_MAX];
};

/* A stream whose pipe was made larger. */
struct flood {
	struct stream *s; /* NULL: none */
	uint64_t full_us; /* monotonic: when it was last seen full */
};

struct daydir {
	char day[PROTO_DAY_MAX]; /* "" is journal/health */
	int fd;
	uint64_t dev, ino, used_us;
};

struct logger {
	struct table *t;
	struct ring *ring;
	struct logslot **slots; /* t->nslots pointers */
	struct loop *loop;
	struct chan init, manager;
	struct loop_io *init_io, *manager_io, *wake_io, *pipes_io;
	int root_fd, run_fd, wake_fd, pipes_fd;
	int scratch_r, scratch_w, staging_r, staging_w;
	int null_fd;   /* /dev/null; -1: there is none */
	bool replayed; /* LOG_REPLAY_END came: recovery is done */

	TAILQ_HEAD(streamq, stream) ready;
	TAILQ_HEAD(, logslot) parked, due, reports;
	TAILQ_HEAD(, castlog) casts;
	/* Of the last run of turns: its end (monotonic), what it found, and whether a
	 * writer may have waited for it; hot: runs in quick succession that found little.
	 */
	uint64_t ran_us, ran_bytes;
	bool ran_full, ran_all; /* ran_all: no stream was left for the next run */
	unsigned hot;
	struct flood flood[FLOODS];
	struct loop_timer *retry_timer, *due_timer, *sync_timer;
	uint64_t match_second_us, match_spent_us; /* match.c: of all slots */
	/* patterns of invocations whose LOG_OPEN is still on its way */
	TAILQ_HEAD(, early_patterns) early;
	TAILQ_HEAD(, early_alarm) alarms; /* the same of alarms */
	bool done_waits, pong_waits;
	bool reports_hold; /* a slot is done, but for its last reports */
	uint64_t pong_seq;

	struct stamp_clock clock;
	char *in;       /* CARRY_BYTES + TURN_BYTES */
	struct buf out; /* stamped lines of the batch */
	struct map links;
	struct daydir daydir[DAYDIRS];
	struct daydir top;
	bool no_links; /* the file system has no symbolic links; that was said */

	/* the event journal */
	int events_fd;
	char events_day[PROTO_DAY_MAX];
	uint64_t events_dev, events_ino, events_checked_us;
	struct loop_timer *events_timer;
	int events_err;
	bool ack_waits;
	struct buf events_out, wishes_out;

	/* answers for the manager that wait for the channel, oldest first */
	TAILQ_HEAD(, answer) answers;
	size_t nanswers;
	/* its questions that cannot be answered before init has told us more */
	TAILQ_HEAD(, early_barrier) barriers;
	size_t nbarriers;

	TAILQ_HEAD(, viewer) viewers;
	struct mirror *mirror;
	struct vacuum *vacuum;
	struct compress *compress;
};

/* Tests cut the protocol at each step with this; NULL in the product. */
void logger_step_hook(int step) __attribute__((weak));
#define LOGGER_STEP(n)                        \
	do {                                  \
		if (logger_step_hook != NULL) \
			logger_step_hook(n);  \
	} while (0)

/* logger.c */
/* Put a stream at the end of the ready queue. */
void logger_ready(struct logger *lg, struct stream *s);
/* The settings, with defaults for what is 0. */
uint64_t logger_retry_us(const struct logger *lg);
size_t logger_line_max(const struct logger *lg);
uint32_t logger_file_mode(const struct logger *lg);
uint32_t logger_dir_mode(const struct logger *lg);
void logger_clock(struct logger *lg, const struct logslot *ls);
/* All slots of the table are there: recovery, and from now on everything. */
void logger_replay_end(struct logger *lg);
/* init is gone, the end of supd: what is only in our memory goes to the disk. */
void logger_finish(struct logger *lg);

#endif
