/*
 * input_int: what the files of input share: the queue (input.c), its steps
 * (input_deliver.c) and its entries (input_entry.c).
 *
 * Only the first entry of the list is ever under way.  Everything that happens changes
 * data and ends in input_settle, which is the only one that calls ops and takes entries
 * out.
 */
#ifndef SUPD_MANAGER_SESSION_INPUT_INT_H
#define SUPD_MANAGER_SESSION_INPUT_INT_H

#include <sys/queue.h>

#include "manager/session/input.h"

/* Of what is restored: newer ones are greater, and must have room. */
#define INPUT_ID_MAX ((uint64_t)INT64_MAX / 2)

enum { INPUT_RETRY_US = 1000 * 1000 }; /* what could not be recorded or written, again */

/* The public part comes first, so that one is the other. */
struct input_item {
	struct input_entry e;
	TAILQ_ENTRY(input_item) link;
};
TAILQ_HEAD(input_list, input_item);

/* An entry that had a token, and has its result. */
struct input_past {
	uint64_t id;
	char *token;
	enum input_result result;
	char *reason; /* NULL: none */
	TAILQ_ENTRY(input_past) link;
};
TAILQ_HEAD(input_past_list, input_past);

struct input {
	const struct session_conf *conf;
	struct input_ops ops;
	struct input_list list;
	struct input_past_list past; /* the oldest first */
	size_t n_past;
	size_t n, bytes;
	char *initial_for; /* the invocation that had InitialInput= last; NULL: none */
	char *initial_due; /* the one that is to have it, as soon as it can be recorded */

	enum session_state state;
	bool running;
	bool draft;
	bool password;
	bool writer_up;
	bool restored; /* the writer has to be asked before anything is begun */

	/* Of the delivery that is under way. */
	uint64_t due_us;    /* the end of a pause, or of the confirm window */
	uint64_t retry_us;  /* a step that could not be taken is not tried again before */
	uint64_t report_us; /* the same of a result that could not be recorded */
	bool asked;         /* ops.ask, and no answer yet */
	bool touched;       /* a person typed into it */

	uint64_t armed_us;
	bool settling, again;
};

/* ---- input_deliver.c ---- */
/* Does what is due, until nothing is.  Nested calls return at once: the outer one goes
 * on. */
void input_settle(struct input *q);
/* e has its result; the next settle records and reports it. */
void input_finish(struct input_item *it, enum input_result r, const char *reason);
/* The entry that is under way, NULL if none is. */
struct input_item *input_active(const struct input *q);
bool input_in_flight(const struct input_item *it);
bool input_begun(const struct input_item *it);

/* ---- input_entry.c ---- */
/* NULL: it is fine; else what is wrong with it. */
const char *input_check(const struct input_request *r);
struct input_item *input_item_new(uint64_t id, const struct input_request *r);
void input_item_free(struct input_item *it);

/* ---- input_past.c ---- */
/* Nothing without a token, or when it is there already. */
void input_remember(struct input *q, uint64_t id, const char *token,
    enum input_result result, const char *reason);
void input_past_free(struct input *q);

/* ---- input.c ---- */
/* Where it belongs; an older one of its slot that is not begun is superseded. */
void input_insert(struct input *q, struct input_item *it);
/* Not begun any more: the next one, but for keys that are to be pressed now. */
void input_requeue(struct input *q, struct input_item *it);
/* At the end. */
void input_append(struct input *q, struct input_item *it);
struct input_item *input_find(const struct input *q, uint64_t id);
/* InitialInput= of initial_due. */
void input_queue_initial(struct input *q);
void input_remove(struct input *q, struct input_item *it);

#endif
