/*
 * requests: claimed, carried out as a job, recorded.  No other file writes the events of
 * them.
 */
#include "manager/wish/requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/budget/budgets.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "manager/wish/freeze.h"
#include "unit/conf.h"

struct unit_request {
	struct unit *unit;
	uint64_t id; /* the number of its event request-claimed */
	enum request_action action;
	char *who, *via, *file;
	char *reason, *message; /* NULL: none */
	uint64_t claimed_wall_us;
	uint64_t done_wall_us;
	char *result; /* NULL: claimed, and not done */
	char *text;
	request_done_fn *done;
	void *arg;
};

/* What each action is called, and the job that it becomes. */
static const struct {
	const char *word;
	enum job_type type;
	unsigned mode;
} actions[REQUEST_NACTIONS] = {
	[REQUEST_CYCLE] = { "cycle", JOB_RESTART, 0 },
	[REQUEST_RESTART] = { "restart", JOB_RESTART, JOB_AUTOMATIC },
	[REQUEST_SHUTDOWN] = { "shutdown", JOB_STOP, 0 },
};

enum request_action
request_action_find(const char *word)
{
	if (strcasecmp(word, "stop") == 0)
		return REQUEST_SHUTDOWN;
	for (int i = 0; i < REQUEST_NACTIONS; i++)
		if (strcasecmp(actions[i].word, word) == 0)
			return (enum request_action)i;
	return REQUEST_NACTIONS;
}

const char *
request_action_name(enum request_action action)
{
	return actions[action].word;
}

uint64_t
request_id(const struct unit_request *r)
{
	return r->id;
}

const char *
request_result(const struct unit_request *r)
{
	return r->result;
}

const char *
request_text(const struct unit_request *r)
{
	return r->text;
}

static void
request_free(struct unit_request *r)
{
	if (r == NULL)
		return;
	free(r->who);
	free(r->via);
	free(r->file);
	free(r->reason);
	free(r->message);
	free(r->result);
	free(r->text);
	free(r);
}

static char *
copy(const char *text)
{
	return text == NULL ? NULL : xstrdup(text);
}

/* ---- events -------------------------------------------------------------------------
 */

static void
put_head(struct emitter *ev, const struct unit_request *r)
{
	event_str(ev, "action", request_action_name(r->action));
	event_str(ev, "who", r->who);
	event_str(ev, "via", r->via);
	if (r->reason != NULL)
		event_str(ev, "reason", r->reason);
	if (r->message != NULL)
		event_str(ev, "message", r->message);
}

static void
tell_claimed(struct unit_request *r)
{
	struct emitter *ev = r->unit->manager->events;

	event_begin(ev, EVENT_REQUEST_CLAIMED, r->unit->name, NULL);
	put_head(ev, r);
	if (r->file != NULL)
		event_str(ev, "file", r->file);
	r->id = event_end(ev);
}

/* It has its result: in the journal first, then to who waits. */
static void
finish(struct unit_request *r, const char *result, const char *text)
{
	struct emitter *ev = r->unit->manager->events;
	request_done_fn *done = r->done;

	r->result = xstrdup(result);
	r->text = copy(text);
	r->done_wall_us = clock_wall_us();
	r->done = NULL;
	event_begin(ev, EVENT_REQUEST_DONE, r->unit->name, NULL);
	event_int(ev, "request", (int64_t)r->id);
	put_head(ev, r);
	event_int(ev, "claimed_us", (int64_t)r->claimed_wall_us);
	event_str(ev, "result", r->result);
	if (r->text != NULL)
		event_str(ev, "text", r->text);
	event_end(ev);
	if (done != NULL)
		done(r->arg, r);
}

/* ---- a new one ----------------------------------------------------------------------
 */

static void
on_job_done(void *arg, uint32_t id, enum job_result result, const char *message)
{
	(void)id;
	finish(arg, job_result_name(result), message);
}

/* NULL, or why it cannot be done (malloc'd). */
static char *
refusal(const struct unit *u, enum request_action action)
{
	if (u->manager->phase != MANAGER_RUNNING)
		return xstrdup("supd is stopping");
	if (u->request != NULL && u->request->result == NULL)
		return xasprintf("%s has a request already, to %s", u->name,
		    request_action_name(u->request->action));
	if (u->svc == NULL || !unit_is_running(u))
		return xasprintf("%s does not run", u->name);
	/* It would come up again behind the stop that goes on. */
	if (action != REQUEST_SHUTDOWN && u->wish == WISH_STOPPED &&
	    svc_active(u->svc) == SVC_ACTIVE_DEACTIVATING)
		return xasprintf("%s is being stopped by %s", u->name, u->wish_who.name);
	if (action != REQUEST_SHUTDOWN)
		return unit_refusal(u);
	if (u->conf->rules->refuse_manual_stop)
		return xasprintf(
		    "%s is stopped only with others (RefuseManualStop=)", u->name);
	return NULL;
}

/* What comes from a file must not be there for the next manager to find once more. */
static bool
take_file(const struct unit_request *r, char *why, size_t size)
{
	char path[600];

	if (r->file == NULL)
		return true;
	/* The journal that it may come from is no place to be trusted with a path. */
	if (strncmp(r->file, "../", 3) == 0 || strstr(r->file, "/../") != NULL) {
		snprintf(why, size, "its file is none of ours");
		return false;
	}
	snprintf(path, sizeof(path), "requests/%s", r->file);
	if (unlinkat(r->unit->manager->run_fd, path, 0) == 0)
		return true;
	snprintf(why, size, "its file cannot be removed: %s", strerror(errno));
	return false;
}

static void
carry_out(struct unit_request *r, const struct wish_who *who)
{
	struct unit *u = r->unit;
	char origin[SVC_WHO_MAX];
	struct job_request q = {
		.type = actions[r->action].type,
		.mode = actions[r->action].mode,
		.origin = origin,
	};

	snprintf(origin, sizeof(origin), "request of %s", r->who);
	if (r->action == REQUEST_SHUTDOWN)
		(void)freeze_forget(u, who);
	/* What ended itself on purpose stays down: Restart= does not bring it back, nor
	 * the next start of the instance.  A transient unit is not started by it anyway.
	 */
	if (r->action == REQUEST_SHUTDOWN && !u->transient)
		(void)unit_set_wish(u, WISH_STOPPED, who);
	if (r->action != REQUEST_SHUTDOWN)
		budgets_on_restart(u);
	(void)job_request(u->manager->jobs, u->job_unit, &q, on_job_done, r, NULL);
}

uint64_t
request_submit(struct unit *u, const struct request_ask *ask, request_done_fn *done,
    void *arg, char **why)
{
	struct unit_request *r;
	char text[160];

	*why = refusal(u, ask->action);
	if (*why != NULL)
		return 0;
	r = xcalloc(1, sizeof(*r));
	r->unit = u;
	r->action = ask->action;
	r->who = ask->who->command[0] == '\0'
		     ? xasprintf("uid %s", ask->who->name)
		     : xasprintf("uid %s (%s)", ask->who->name, ask->who->command);
	r->via = xstrdup(ask->via);
	r->file = copy(ask->file);
	r->reason = copy(ask->reason);
	r->message = copy(ask->message);
	r->claimed_wall_us = clock_wall_us();
	r->done = done;
	r->arg = arg;
	requests_forget(u);
	u->request = r;
	/* From here on it is claimed: it is carried out now, or never. */
	tell_claimed(r);
	if (take_file(r, text, sizeof(text)))
		carry_out(r, ask->who);
	else
		finish(r, "failed", text);
	return r->id;
}

void
request_wait_cancel(struct unit *u, void *arg)
{
	if (u->request != NULL && u->request->arg == arg)
		u->request->done = NULL;
}

void
requests_forget(struct unit *u)
{
	if (u->request == NULL)
		return;
	job_forget_waiters(u->manager->jobs, u->request);
	request_free(u->request);
	u->request = NULL;
}

/* ---- shown --------------------------------------------------------------------------
 */

void
request_render(const struct unit *u, struct jw *w)
{
	const struct unit_request *r = u->request;

	if (r == NULL) {
		jw_kv_null(w, "request");
		return;
	}
	jw_kv_obj(w, "request");
	jw_kv_u64(w, "request", r->id);
	jw_kv_str(w, "action", request_action_name(r->action));
	jw_kv_str(w, "who", r->who);
	jw_kv_str(w, "via", r->via);
	jw_kv_str(w, "reason", r->reason);
	jw_kv_str(w, "message", r->message);
	jw_kv_time(w, "claimed", r->claimed_wall_us);
	jw_kv_time(w, "done", r->done_wall_us);
	jw_kv_str(w, "result", r->result);
	jw_kv_str(w, "text", r->text);
	jw_end(w);
}

/* ---- after the death of a manager ---------------------------------------------------
 */

/* The number, action and texts of an event of either kind; NULL: it is damaged. */
static struct unit_request *
read_event(const struct jv *v)
{
	enum request_action action = request_action_find(jv_str(jv_get(v, "action"), ""));
	int64_t claimed = jv_i64(jv_get(v, "claimed_us"), 0);
	struct unit_request *r;

	if (action == REQUEST_NACTIONS)
		return NULL;
	r = xcalloc(1, sizeof(*r));
	r->action = action;
	r->id = (uint64_t)jv_i64(jv_get(v, "request"), jv_i64(jv_get(v, "seq"), 0));
	r->who = xstrdup(jv_str(jv_get(v, "who"), "?"));
	r->via = xstrdup(jv_str(jv_get(v, "via"), "?"));
	r->file = copy(jv_str(jv_get(v, "file"), NULL));
	r->reason = copy(jv_str(jv_get(v, "reason"), NULL));
	r->message = copy(jv_str(jv_get(v, "message"), NULL));
	r->result = copy(jv_str(jv_get(v, "result"), NULL));
	r->text = copy(jv_str(jv_get(v, "text"), NULL));
	if (r->result == NULL)
		(void)clock_parse(jv_str(jv_get(v, "ts"), ""), &r->claimed_wall_us);
	else
		(void)clock_parse(jv_str(jv_get(v, "ts"), ""), &r->done_wall_us);
	if (claimed > 0)
		r->claimed_wall_us = (uint64_t)claimed;
	return r;
}

static void
restore_one(void *arg, const char *line, size_t len)
{
	struct manager *m = arg;
	struct jv *v = jv_parse(line, len, NULL);
	struct unit *u = unit_get(m, jv_str(jv_get(v, "unit"), ""));
	struct unit_request *r = u == NULL ? NULL : read_event(v);
	char text[160];

	jv_free(v);
	if (r == NULL)
		return;
	requests_forget(u);
	r->unit = u;
	u->request = r;
	if (r->result != NULL)
		return;
	/* Its file may be there still; told as lost, it must not be carried out. */
	(void)take_file(r, text, sizeof(text));
	finish(r, "lost",
	    "supd's manager was replaced before the end; it is not done again, and may "
	    "have been done");
}

void
requests_restore(struct manager *m)
{
	store_each_request(m->store, restore_one, m);
}
