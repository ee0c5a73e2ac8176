/*
 * sessions_int: what sessions.c and session_input.c share.  Nobody else includes it.
 */
#ifndef SUPD_MANAGER_SESSIONS_INT_H
#define SUPD_MANAGER_SESSIONS_INT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "proto/msg.h"
#include "unit/conf.h"

struct input;
struct loop_timer;
struct session_wait;
struct unit;

struct session {
	struct unit *unit;
	uint32_t slot;              /* of the invocation that runs; SLOT_NONE */
	struct msg_term_state term; /* slot SLOT_NONE: nothing was heard yet */
	enum session_state state;
	uint64_t since_us, since_wall_us;
	char *evidence;    /* never NULL */
	bool ready;        /* the start is complete */
	uint64_t moves_us; /* since then output is coming */

	struct loop_timer *quiet; /* it may be idle then */
	struct loop_timer *draft; /* nobody types any more then */

	struct input *input;
	struct loop_timer *input_timer;
	uint64_t last_id;
	/* Of the entry that was entered: is it on the screen? */
	uint64_t confirm_id;
	uint64_t confirm_changes; /* of the screen, when it was entered */
	bool confirm_asked;
	TAILQ_HEAD(, session_wait) waits;
	struct session_wait *sending; /* of the one that is being put into the queue */
};

/* ---- session_input.c ---- */
void session_input_open(struct session *s);
void session_input_close(struct session *s);
/* What the terminal said of a step. */
void session_input_taken(struct session *s, const struct msg_term_taken *t);
/* The screen changed: was it the input? */
void session_input_look(struct session *s);

#endif
