/*
 * What the files of control/ share: the struct, the choice of units, waiting, rendering.
 * For control/ only.
 */
#ifndef SUPD_MANAGER_CONTROL_CONTROL_INT_H
#define SUPD_MANAGER_CONTROL_CONTROL_INT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/layout.h"
#include "lib/map.h"
#include "manager/control/control.h"
#include "manager/control/varlink.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/units.h"

struct buf;
struct event_view;
struct jw;
struct request;
struct strv;
struct subscription;
struct svc_memory;

/* Something that is looked at again whenever the state of a unit or job changed. */
struct wait;
typedef void wait_fn(struct wait *w);
struct wait {
	TAILQ_ENTRY(wait) link;
	wait_fn *check; /* may end and free the wait, no other one */
};

/* News whose number a caller chooses: some in each span are told, the others counted. */
struct ration {
	uint64_t until_us;
	unsigned told;
	unsigned left_out;
};

struct control {
	struct manager *m;
	struct varlink *varlink;
	char *cgroup; /* path of the instance's, NULL: none */
	gid_t group;  /* of ControlGroup=, -1: none */
	TAILQ_HEAD(wait_head, wait) waits;
	TAILQ_HEAD(request_head, request) requests;
	TAILQ_HEAD(subscription_head, subscription) subscriptions;
	unsigned delivering; /* depth of event deliveries; nothing is freed meanwhile */
	struct map tails;    /* unit to the stderr tail of its last failure */
	/* Of strangers (1), who must not hide what others do, and of everybody else. */
	struct ration denied[2], cut[2];
};

/* ---- choosing units (select.c) ---- */

/* Whether a caller may see all that the files of a unit say (method_file.c). */
bool control_may_read_unit(
    struct control *c, const struct access_peer *peer, const struct unit_conf *conf);

enum { NEAREST_MAX = 3 }; /* names that an error about a wrong one offers */

/* Each pattern is held against all names, while everybody else waits. */
enum { SELECT_GLOBS_MAX = 100 };

enum select_flag {
	SELECT_START = 1 << 0,  /* they must be fit to be started */
	SELECT_LOADED = 1 << 1, /* without a file it must at least run */
	SELECT_FILES = 1 << 2,  /* templates, too */
	SELECT_UNITS = 1 << 3,  /* templates only by their whole name, not by a glob */
};

/* Units chosen by a call; names, because units come and go. */
struct selection {
	struct unit **v; /* valid until the loop runs on */
	size_t n;
};

/*
 * The units of parameter `units' (names and globs), each once, their files looked at
 * again.  -1: the call was answered with an error.  selection_clear in both cases.
 */
int select_units(
    struct control *c, struct call *call, unsigned flags, struct selection *out);
/* The one unit of a parameter. */
struct unit *select_unit(
    struct control *c, struct call *call, const char *parameter, unsigned flags);
/* The same of a name, which came with the call or is the caller's own. */
struct unit *select_named(
    struct control *c, struct call *call, const char *name, unsigned flags);
void selection_clear(struct selection *s);
/* Answers that u is masked, with what to do: its wish undone, or its file removed. */
void select_fail_masked(struct call *call, const struct unit *u);
/* Answers that u has no terminal now: its file is refused, names none, or it does not
 * run.
 */
void select_fail_no_terminal(struct call *call, const struct unit *u);
/* A name that is no unit, and of which nothing is known, is not kept. */
void select_forget(struct control *c, struct unit *u);
void control_who(const struct call *call, struct wish_who *who);
/* What the start by a person means for later, for the unit and for what it needs, unless
 * it is refused.  The seq of the newest wish, 0: none. */
uint64_t control_wish_start(struct unit *u, const struct wish_who *who);
/* NULL, or why a person's request for this unit is refused (malloc'd). */
char *control_job_refusal(enum job_type type, const struct unit *u);
/* The parameter job_mode; -1: it was refused. */
int control_job_how(struct call *call, enum job_how *how);
/* "uid root (supctl)" into dst, which is returned. */
const char *control_origin(const struct call *call, char *dst, size_t size);

/* ---- another role answers (hand_over.c) ---- */

/*
 * Gives the connection of the call and the request (an object, finished; freed here) to a
 * role, by one of the functions of link.h that take both descriptors.  The call is over,
 * or was answered with an error: with unavailable where the role takes nothing.  One that
 * dies before it has answered leaves the caller with the end of the connection only.
 */
void control_hand_over(struct control *c, struct call *call, struct jw *request,
    int (*take_fds)(struct link *, int client_fd, int request_fd, uint64_t size),
    const char *unavailable);

/* ---- waiting (control.c) ---- */
void control_wait(struct control *c, struct wait *w, wait_fn *check);
void control_wait_end(struct control *c, struct wait *w);
/* Look at all waits soon, with nothing of a unit or job on the stack. */
void control_check_later(struct control *c);

/* ---- rendering (render.c, render_status.c) ---- */

/* The cached JSON of the light form, or of that with what a table shows.  w is what it
 * is made with when it has to be, empty before and after. */
const char *render_brief(struct unit *u, bool in_short, struct jw *w, size_t *len);
/* The same, written anew. */
void render_brief_to(const struct unit *u, struct jw *w);
void render_forget(struct unit *u);
/* "took_ms", of a unit whose work is over. */
void render_took(const struct unit *u, struct jw *w);
/* What is wrong with its files, a text each. */
void render_diagnostics(const struct unit *u, struct jw *w);
/* The full form: an object of its own. */
void render_status(struct control *c, struct unit *u, struct jw *w);
const char *render_active(const struct unit *u);
const char *render_sub(const struct unit *u);
const char *render_result(const struct unit *u);
const char *render_enabled(const struct unit *u);
const char *render_why(const struct unit *u);
/* Members of both forms: its process, invocation, log, restarts and since when. */
void render_run(const struct unit *u, struct jw *w);
/* An errno: its lines are not written; 0: they are. */
int render_log_error(const struct unit *u);
/* By what name it logs. */
void render_log_name(const struct unit *u, char dst[LAYOUT_NAME_MAX + 1]);
/* When it came into its state, wall clock, 0: never; a reload is no new life of what is
 * active.  mem may be NULL. */
uint64_t render_since_us(const struct unit *u);
/* What a timer, path or socket has beside the rest; nothing of other units. */
void render_part(const struct unit *u, struct jw *w);
/* Path of the log of the newest invocation, malloc'd; NULL: it never ran. */
char *render_log_path(const struct unit *u);
/* The paths of its drop-ins, in the order in which they hold. */
void render_drop_ins(const struct unit *u, struct strv *paths);
/* The members of an object Exit. */
void render_exit(struct jw *w, int how, int status, uint64_t wall_us,
    uint64_t duration_us, const char *text);

/* ---- life of the parts ---- */
void subscribe_deliver(struct control *c, const struct event_view *v);
void subscribe_sweep(struct control *c);
void requests_on_ack(struct control *c);
void requests_free(struct control *c);

#define METHOD(name, fn, class, flags) void fn(struct call *call, void *arg);
#include "manager/control/method.def"
#undef METHOD

#endif
