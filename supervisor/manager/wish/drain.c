#include "manager/wish/drain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/session/input.h"
#include "manager/sessions/sessions.h"
#include "manager/units.h"
#include "manager/wish/freeze.h"
#include "unit/conf.h"
#include "unit/load.h"

enum { SETTLE_SEC_MAX = 10 };

/* The slot of the message in the queue of input: a newer one takes its place. */
static const char input_slot[] = "drain";

struct drain {
	struct unit *unit;
	struct drain_view view;
	struct loop_timer *timer;
	uint64_t began_us;  /* monotonic */
	uint64_t settle_us; /* the same: it may be taken for idle from then on */
	uint64_t frozen_us; /* wall clock: it stands still since then; 0: it does not */
	bool told;          /* something is, or may have been, sent to it */
	bool worked;        /* since it was told */
};

static struct drain *
drain_of(struct unit *u)
{
	if (u->drain == NULL) {
		u->drain = xcalloc(1, sizeof(*u->drain));
		u->drain->unit = u;
	}
	return u->drain;
}

bool
drain_is_on(const struct unit *u)
{
	return u->flag[WISH_FLAG_DRAINING];
}

const struct drain_view *
drain_view(const struct unit *u)
{
	return u->drain == NULL ? NULL : &u->drain->view;
}

const char *
drain_phase_name(enum drain_phase phase)
{
	static const char *const names[] = {
		[DRAIN_TELLING] = "telling",
		[DRAIN_WAITING] = "waiting",
		[DRAIN_STOPPING] = "stopping",
		[DRAIN_DONE] = "done",
	};

	return names[phase];
}

static void
tell(struct unit *u, const struct wish_who *who)
{
	const struct drain *d = u->drain;
	struct emitter *ev = u->manager->events;
	uint64_t now_us = clock_mono_us();

	event_begin(ev, EVENT_DRAIN, u->name,
	    u->svc == NULL ? NULL : svc_memory(u->svc)->invocation);
	event_str(ev, "phase", drain_phase_name(d->view.phase));
	event_strf(ev, "who", "%s (%s)", who->name, who->command);
	if (u->terms[WISH_FLAG_DRAINING].reason != NULL)
		event_str(ev, "reason", u->terms[WISH_FLAG_DRAINING].reason);
	if (d->view.result != NULL)
		event_str(ev, "result", d->view.result);
	event_us(ev, "waited_us", now_us > d->began_us ? now_us - d->began_us : 0);
	event_end(ev);
	unit_render_drop(u);
}

static const struct session_conf *
conf_of(const struct unit *u)
{
	return &svc_conf(u->svc)->session->session;
}

static void
set_phase(struct unit *u, enum drain_phase phase)
{
	struct drain *d = u->drain;

	d->view.phase = phase;
	if (phase == DRAIN_WAITING && unit_is_session(u)) {
		uint64_t settle_us = conf_of(u)->idle_us;

		/* What it was told moves its screen within IdleSec=, or it was idle all
		 * the while; of one that was told nothing that is known already.  (Where
		 * silence is never idle, IdleSec= is infinite.) */
		if (settle_us > SETTLE_SEC_MAX * USEC_PER_SEC)
			settle_us = SETTLE_SEC_MAX * USEC_PER_SEC;
		d->worked = false;
		d->settle_us = d->told ? clock_add_us(clock_mono_us(), settle_us) : 0;
	}
	tell(u, u->flag_who[WISH_FLAG_DRAINING]);
}

/* ---- what is to be done now ----------------------------------------------------------
 */

/* Down, or on its way up again by itself, which is to be called off. */
static bool
has_ended(const struct unit *u)
{
	return u->svc == NULL || !svc_has_slot(u->svc);
}

/* It has come to its end: in the journal before the deed, and once. */
static void
begin_stop(struct unit *u, const char *result)
{
	const struct wish_who *who = u->flag_who[WISH_FLAG_DRAINING];

	session_withdraw(u, input_slot, "the drain is over");
	u->drain->view.result = result;
	set_phase(u, DRAIN_STOPPING);
	if (who->pid != 0 && !u->transient)
		(void)unit_set_wish(u, WISH_STOPPED, who);
}

static void
stop(struct unit *u, const char *result)
{
	const struct wish_who *who = u->flag_who[WISH_FLAG_DRAINING];
	char origin[200];
	struct job_request r = { .type = JOB_STOP,
		.mode = who->pid == 0 ? JOB_AUTOMATIC : 0,
		.origin = origin };
	struct buf why = { 0 };

	begin_stop(u, result);
	snprintf(origin, sizeof(origin), "drain (%s) of %s (%s)", result, who->name,
	    who->command);
	if (job_request(u->manager->jobs, u->job_unit, &r, NULL, NULL, &why) == 0)
		log_warnx("%s: drain: %s", u->name, buf_str(&why));
	buf_free(&why);
}

/* Nothing of it is left. */
static void
finish(struct unit *u)
{
	struct wish_who who = *u->flag_who[WISH_FLAG_DRAINING];

	loop_timer_free(u->drain->timer);
	u->drain->timer = NULL;
	set_phase(u, DRAIN_DONE);
	who.wall_us = clock_wall_us();
	(void)unit_set_flag(u, WISH_FLAG_DRAINING, false, &who);
}

/* It was told, or is not to be: why it can be stopped now; NULL: not yet. */
static const char *
is_idle(struct unit *u)
{
	struct drain *d = u->drain;
	uint64_t now_us = clock_mono_us();

	switch (session_state(u)) {
	case SESSION_WORKING:
		d->worked = true;
		return NULL;
	case SESSION_IDLE:
	case SESSION_WAITING:
		if (!d->worked && now_us < d->settle_us) {
			/* Its window may be over before. */
			if (d->settle_us < loop_timer_deadline_us(d->timer))
				loop_timer_at(d->timer, d->settle_us);
			return NULL;
		}
		return session_state(u) == SESSION_IDLE ? "idle" : "asks";
	default:
		return NULL;
	}
}

/* It had no use of so much of its window. */
static void
extend(struct unit *u, uint64_t by_us)
{
	struct drain *d = u->drain;
	const struct wish_who who = *u->flag_who[WISH_FLAG_DRAINING];
	const char *reason = u->terms[WISH_FLAG_DRAINING].reason;
	char *kept = reason == NULL ? NULL : xstrdup(reason);

	d->frozen_us = 0;
	d->view.until_wall_us = clock_add_us(d->view.until_wall_us, by_us);
	d->settle_us = clock_add_us(d->settle_us, by_us);
	(void)unit_set_terms(u, WISH_FLAG_DRAINING, kept, d->view.until_wall_us, &who);
	free(kept);
}

/* Its stop was asked for: is that still so? */
static void
go_on_stopping(struct unit *u)
{
	const struct job *j = job_unit_job(u->job_unit);

	if (j != NULL && (job_type(j) == JOB_STOP || unit_is_running(u)))
		return;
	if (j != NULL && u->wish == WISH_STOPPED) {
		/* A start that nobody but a program wants came behind it. */
		stop(u, u->drain->view.result);
	} else if (j != NULL) {
		finish(u); /* that start waits for nothing but us */
	} else if (svc_has_slot(u->svc) && svc_active(u->svc) == SVC_ACTIVE_ACTIVE) {
		u->drain->view.result = "canceled"; /* its stop was */
		finish(u);
	}
}

static void
go_on(struct unit *u)
{
	struct drain *d = u->drain;
	uint64_t until_us = d->view.until_wall_us, now_us = clock_wall_us();
	uint64_t stood_us;
	const char *result = NULL;

	if (!unit_is_running(u) && job_unit_job(u->job_unit) == NULL) {
		if (d->view.phase != DRAIN_STOPPING)
			begin_stop(u, "ended");
		finish(u);
		return;
	}
	if (d->view.phase == DRAIN_STOPPING) {
		go_on_stopping(u);
		return;
	}
	if (has_ended(u)) {
		stop(u, "ended");
		return;
	}
	/* Somebody else stops it, or it ends. */
	if (svc_active(u->svc) == SVC_ACTIVE_DEACTIVATING)
		return;
	if (!unit_is_session(u)) {
		stop(u, "untold");
		return;
	}
	if (freeze_is_on(u)) {
		/* Looked at again when it goes on.  It may have stood still before this
		 * manager. */
		stood_us = clock_mono_us() - svc_memory(u->svc)->frozen_us;
		if (d->frozen_us == 0)
			d->frozen_us = now_us > stood_us ? now_us - stood_us : now_us;
		loop_timer_stop(d->timer);
		return;
	}
	if (d->frozen_us != 0)
		extend(u, now_us - d->frozen_us);
	until_us = d->view.until_wall_us;
	if (now_us >= until_us) {
		stop(u, "window");
		return;
	}
	loop_timer_in(d->timer, until_us - now_us);
	if (d->view.phase == DRAIN_TELLING && !session_has_input(u, input_slot))
		set_phase(u, DRAIN_WAITING);
	if (d->view.phase == DRAIN_WAITING)
		result = is_idle(u);
	if (result != NULL)
		stop(u, result);
}

static void
settle(void *arg)
{
	struct drain *d = arg;

	if (drain_is_on(d->unit))
		go_on(d->unit);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	(void)t;
	settle(arg);
}

void
drain_look(struct unit *u)
{
	if (u->drain != NULL && drain_is_on(u))
		loop_post(u->manager->loop, settle, u->drain);
}

void
drain_on_input(struct unit *u, const struct input_entry *e)
{
	if (e->slot != NULL && strcmp(e->slot, input_slot) == 0)
		drain_look(u);
}

/* ---- begin and end -------------------------------------------------------------------
 */

static void
watch(struct unit *u)
{
	struct drain *d = drain_of(u);

	if (d->timer == NULL)
		d->timer = loop_timer_new(u->manager->loop, "drain", on_timer, d);
	d->view.until_wall_us = u->terms[WISH_FLAG_DRAINING].until_wall_us;
	d->view.result = NULL;
	d->view.phase = DRAIN_TELLING;
	d->began_us = clock_mono_us();
	d->told = true; /* (a new manager does not know) */
}

/* False: it cannot be told.  What is not ready yet is told when it is; *sent is false
 * when there is nothing to be told. */
static bool
send(struct unit *u, const struct drain_ask *ask, bool *sent, const char **why)
{
	const char *text =
	    ask->message != NULL ? ask->message : conf_of(u)->drain_message;
	char sender[INPUT_NAME_MAX];
	struct input_request r = {
		.data = text,
		.flags = INPUT_ENTER | INPUT_CONFIRM,
		.slot = input_slot,
		.sender = sender,
		/* Its window ends it, which stands still with the session. */
		.expire_wall_us = UNIT_INFINITY,
	};

	*sent = text != NULL && *text != '\0';
	if (!*sent)
		return true;
	r.len = strlen(text);
	snprintf(sender, sizeof(sender), "drain of %s", ask->who->name);
	return session_send(u, &r, NULL, NULL, why) != 0;
}

uint64_t
drain_unit(struct unit *u, const struct drain_ask *ask, const char **why)
{
	bool told = unit_is_session(u) && svc_has_slot(u->svc) &&
		    svc_active(u->svc) != SVC_ACTIVE_DEACTIVATING;
	bool before = u->drain != NULL && drain_is_on(u) && u->drain->told;
	bool sent = false;
	uint64_t window_us = ask->window_us, until_us, seq;

	if (window_us == 0)
		window_us = unit_is_session(u) ? conf_of(u)->drain_window_us : 0;
	until_us = clock_add_us(clock_wall_us(), window_us);
	if (u->drain != NULL && drain_is_on(u) && u->drain->view.phase == DRAIN_STOPPING)
		told = false;
	if (freeze_is_on(u)) {
		*why = "it is frozen; thaw it first, or stop it";
		return 0;
	}
	if (told && !send(u, ask, &sent, why))
		return 0;
	seq = unit_set_terms(u, WISH_FLAG_DRAINING, ask->reason, until_us, ask->who);
	watch(u);
	u->drain->told = sent || before;
	tell(u, ask->who);
	drain_look(u);
	return seq;
}

uint64_t
drain_cancel(struct unit *u, const struct wish_who *who)
{
	uint64_t seq;

	if (!drain_is_on(u))
		return 0;
	session_withdraw(u, input_slot, "the drain was called off");
	seq = unit_set_flag(u, WISH_FLAG_DRAINING, false, who);
	if (u->drain == NULL)
		return seq;
	loop_timer_free(u->drain->timer);
	u->drain->timer = NULL;
	u->drain->view.phase = DRAIN_DONE;
	u->drain->view.result = "canceled";
	tell(u, who);
	return seq;
}

/* ---- shown ---------------------------------------------------------------------------
 */

void
drain_render(const struct unit *u, struct jw *w)
{
	const struct drain *d = u->drain;
	const struct wish_who *who = u->flag_who[WISH_FLAG_DRAINING];
	char text[CLOCK_TEXT_MAX];

	if (d == NULL || !drain_is_on(u)) {
		jw_kv_null(w, "drain");
		return;
	}
	jw_kv_obj(w, "drain");
	jw_kv_str(w, "phase", drain_phase_name(d->view.phase));
	jw_kv_strf(w, "who", "%s (%s)", who->name, who->command);
	jw_kv_str(w, "since", clock_format_utc(text, sizeof(text), who->wall_us));
	jw_kv_str(
	    w, "until", clock_format_utc(text, sizeof(text), d->view.until_wall_us));
	jw_kv_str(w, "reason", u->terms[WISH_FLAG_DRAINING].reason);
	jw_kv_str(w, "result", d->view.result);
	jw_end(w);
}

/* ---- life ----------------------------------------------------------------------------
 */

static void
restore(struct unit *u, void *arg)
{
	(void)arg;
	if (!drain_is_on(u))
		return;
	watch(u);
	drain_look(u);
}

void
drains_restore(struct manager *m)
{
	units_look(m, restore, NULL);
}

void
drain_forget(struct unit *u)
{
	if (u->drain == NULL)
		return;
	loop_post_cancel(u->manager->loop, settle, u->drain);
	loop_timer_free(u->drain->timer);
	free(u->drain);
	u->drain = NULL;
}
