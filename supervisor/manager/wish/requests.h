/*
 * requests: what a unit asks of supd about itself, or somebody of a unit: cycle, restart,
 * shutdown.
 *
 * A request is claimed before it is carried out: the event request-claimed is in the ring
 * before the job is asked for, and request-done says what became of it.  At most once: a
 * claim whose manager died is never carried out by the next one; it is told as lost, and
 * whoever wants it still asks again.  Who may ask for which unit is the caller's to know.
 */
#ifndef SUPD_MANAGER_REQUESTS_H
#define SUPD_MANAGER_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

struct jw;
struct manager;
struct unit;
struct unit_request;
struct wish_who;

enum request_action {
	REQUEST_CYCLE,    /* restart with a fresh start: its counters are cleared */
	REQUEST_RESTART,  /* restart; it counts as one that nobody asked for */
	REQUEST_SHUTDOWN, /* stop, and stay so until somebody starts it */
	REQUEST_NACTIONS,
};

enum {
	REQUEST_REASON_MAX = 200, /* bytes; both fit into a line of the journal however */
	REQUEST_MESSAGE_MAX = 600, /* they are escaped */
};

/* What is asked for; the strings are copied. */
struct request_ask {
	enum request_action action;
	const char *via;     /* "call" or "file" */
	const char *reason;  /* NULL: none was given */
	const char *message; /* the same */
	const char *file;    /* below run/requests, NULL: none; goes before the deed */
	const struct wish_who *who;
};

/* Called once, when it has its result; r is valid during the call only. */
typedef void request_done_fn(void *arg, const struct unit_request *r);

/* The action of a word ("stop" is shutdown); REQUEST_NACTIONS: it is none. */
enum request_action request_action_find(const char *word);
const char *request_action_name(enum request_action action);

/*
 * Claims it and asks for the job.  done (may be NULL) is called later.  Returns the
 * number of the request; 0: it was refused and nothing was claimed, *why (malloc'd) says
 * the reason.
 */
uint64_t request_submit(struct unit *u, const struct request_ask *ask,
    request_done_fn *done, void *arg, char **why);
/* arg is gone: its done is not called. */
void request_wait_cancel(struct unit *u, void *arg);

uint64_t request_id(const struct unit_request *r);
/* "done", "failed", … as of a job, "lost"; NULL: it is not known yet. */
const char *request_result(const struct unit_request *r);
/* What there is to say of the result; NULL: nothing. */
const char *request_text(const struct unit_request *r);
/* The member "request" of a status: the last one, null where there was none. */
void request_render(const struct unit *u, struct jw *w);

/* The start of a manager: the last request of each unit; what was claimed and not done is
 * told as lost. */
void requests_restore(struct manager *m);
/* The unit goes. */
void requests_forget(struct unit *u);

#endif
