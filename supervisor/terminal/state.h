/*
 * What the files of the terminal share: the role and its sessions.
 */
#ifndef SUPD_TERMINAL_STATE_H
#define SUPD_TERMINAL_STATE_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "lib/buf.h"
#include "proto/chan.h"
#include "proto/table.h"
#include "terminal/keep.h"
#include "terminal/screen.h"
#include "terminal/typed.h"

struct answer;
struct loop;
struct loop_io;
struct loop_timer;
struct record;
struct rules;
struct terminal;
struct viewer;

struct session {
	struct terminal *t;
	uint32_t slot;
	const struct table_slot *ts;
	int master; /* owned, non-blocking */
	int pipe_w; /* owned: the log pipe of stdout */
	bool ready; /* on t->ready */
	bool closing, done, done_told;
	bool stuck;       /* the log pipe is full: pipe_io tells when it is not */
	bool coming_back; /* it is rebuilt from its keep */
	bool forgot;      /* there is no keep, so steps of before are not known */
	struct loop_io *pipe_io;
	struct keep *keep;     /* NULL: no room, the screen does not outlive the role */
	struct screen *screen; /* NULL: put away, see session_screen */
	struct screen_ops screen_ops;
	struct screen_look slept; /* how it was when it was put away */
	char title[256];
	uint64_t changes_before; /* of the screens before this one */

	struct buf lines; /* derived, not in the pipe yet */
	size_t skip;      /* bytes of the next lines that are there already */
	struct loop_timer *rest;
	uint64_t last_output_us, last_typed_us, looked_us;
	uint64_t looked_changes; /* of the screen, when the rules were last tried */
	uint64_t fed_us;         /* what the half of the keep has taken so far */
	bool moves;
	bool as_before; /* opened again, and nothing came since: it does not move */

	struct typed typed;     /* by a person */
	struct buf in;          /* to the pty */
	size_t in_at;           /* written so far */
	size_t step_end;        /* where the step of input in it ends; 0: there is none */
	struct keep_input step; /* the newest one */

	struct rules *rules;      /* NULL: none */
	bool ruled;               /* they are of the manager that is there now */
	uint64_t held;            /* which of them hold */
	struct record *record;    /* NULL: not recorded */
	uint64_t record_again_us; /* when that is tried again; 0: it was never in vain */
	uint32_t report_flags;    /* as last told */
	bool report_due;
	struct msg_term_state told;
	TAILQ_HEAD(, viewer) viewers;
	struct viewer *writer; /* NULL: nobody may type */
	TAILQ_ENTRY(session) ready_link, report_link;
};
TAILQ_HEAD(sessionq, session);

struct terminal {
	struct loop *loop;
	struct table *table; /* mapped read-only */
	int run_fd, lines_r, lines_w;
	struct chan init, manager; /* manager.fd -1: none is there */
	struct loop_io *init_io, *manager_io;
	int pty_fd; /* edge-triggered epoll set of the masters */
	struct loop_io *pty_io;
	struct loop_timer *rest;        /* ends the role when there is nothing to do */
	struct loop_timer *record_tell; /* the logger has something to store then */
	struct loop_timer *record_owed; /* while a recording waits for room */
	bool replayed, lines_recovered;
	struct session **sessions; /* by slot, NULL: none */
	size_t n_sessions, n_viewers;
	struct sessionq ready, reports;
	bool done_waits;
	TAILQ_HEAD(, answer) answers;
	size_t n_answers;
};

#endif
