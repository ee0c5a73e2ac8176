/*
 * sessions: see the header.
 */
#include "manager/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/adopt.h"
#include "manager/link.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/session/input.h"
#include "manager/sessions_int.h"
#include "manager/units.h"
#include "unit/load.h"

enum { WORK_US = 500 * 1000 }; /* output that goes on for so long */

static const struct session_conf *
conf_of(const struct session *s)
{
	return &svc_conf(s->unit->svc)->session->session;
}

bool
unit_is_session(const struct unit *u)
{
	return u->svc != NULL && unit_conf_terminal(svc_conf(u->svc)) != 0;
}

/* ---- its state ---- */

static void
set_state(struct session *s, enum session_state st, const char *evidence)
{
	struct emitter *ev = s->unit->manager->events;

	if (s->state == st)
		return;
	event_begin(
	    ev, EVENT_SESSION_STATE, s->unit->name, svc_memory(s->unit->svc)->invocation);
	event_str(ev, "from", session_state_name(s->state));
	event_str(ev, "to", session_state_name(st));
	event_str(ev, "evidence", evidence);
	event_end(ev);
	s->state = st;
	s->since_us = clock_mono_us();
	s->since_wall_us = clock_wall_us();
	free(s->evidence);
	s->evidence = xstrdup(evidence);
	unit_render_drop(s->unit);
	input_state(s->input, st);
}

/* Without rules: output is work, and a while without it is idleness. */
static void
judge(struct session *s)
{
	const struct session_conf *c = conf_of(s);
	uint64_t now = clock_mono_us(), quiet = now - s->term.last_output_us;

	loop_timer_stop(s->quiet);
	if (s->slot == SLOT_NONE || s->term.slot == SLOT_NONE)
		return;
	if (!s->ready) {
		set_state(s, SESSION_STARTING, "its start is not complete");
	} else if ((s->term.flags & TERM_MOVES) != 0) {
		/* What it draws when it was typed at is no work. */
		if (s->state != SESSION_IDLE || now - s->moves_us >= WORK_US)
			set_state(s, SESSION_WORKING, "output is coming");
		else
			loop_timer_at(s->quiet, s->moves_us + WORK_US);
	} else if (quiet >= c->idle_us) {
		set_state(s, SESSION_IDLE, "no output");
	} else {
		loop_timer_at(s->quiet, s->term.last_output_us + c->idle_us);
	}
}

static void
on_quiet(struct loop_timer *t, void *arg)
{
	(void)t;
	judge(arg);
}

/* ---- a person at the keyboard ---- */

static void
look_for_draft(struct session *s)
{
	uint64_t now = clock_mono_us(), typed = s->term.last_typed_us;
	uint64_t until = clock_add_us(typed, conf_of(s)->draft_us);
	bool draft = typed != 0 && now < until;

	if (draft)
		loop_timer_at(s->draft, until);
	else
		loop_timer_stop(s->draft);
	input_draft(s->input, draft);
}

static void
on_draft_time(struct loop_timer *t, void *arg)
{
	(void)t;
	look_for_draft(arg);
}

/* ---- life ---- */

static struct session *
session_of(struct unit *u)
{
	struct loop *loop = u->manager->loop;
	struct session *s = u->session;

	if (s != NULL || !unit_is_session(u))
		return s;
	s = xcalloc(1, sizeof(*s));
	s->unit = u;
	s->slot = s->term.slot = SLOT_NONE;
	s->evidence = xstrdup("");
	TAILQ_INIT(&s->waits);
	s->quiet = loop_timer_new(loop, "session-quiet", on_quiet, s);
	s->draft = loop_timer_new(loop, "session-draft", on_draft_time, s);
	u->session = s;
	session_input_open(s);
	if (link_has_terminal(u->manager->link))
		input_writer_up(s->input);
	return s;
}

void
sessions_forget(struct unit *u)
{
	struct session *s = u->session;

	if (s == NULL)
		return;
	session_input_close(s);
	loop_timer_free(s->quiet);
	loop_timer_free(s->draft);
	free(s->evidence);
	free(s);
	u->session = NULL;
}

void
sessions_on_conf(struct unit *u)
{
	if (u->session != NULL && unit_is_session(u))
		input_set_conf(u->session->input, conf_of(u->session));
}

static void
is_ready(struct session *s, const struct svc_memory *mem)
{
	char invocation[HEX_ID_SIZE];

	s->ready = true;
	hex_encode(invocation, mem->invocation, sizeof(mem->invocation));
	judge(s);
	input_ready(s->input, invocation);
}

static void
began(struct session *s, const struct svc_memory *mem)
{
	s->slot = mem->slot;
	/* (Of a simple service this is so before its process is heard of.) */
	s->ready = svc_state_active(mem->state) == SVC_ACTIVE_ACTIVE;
	if (s->term.slot != s->slot)
		s->term.slot = SLOT_NONE;
	set_state(s, SESSION_STARTING, "it was started");
	input_started(s->input);
	if (s->ready)
		is_ready(s, mem);
}

static void
ended(struct session *s, bool comes_back)
{
	s->slot = s->term.slot = SLOT_NONE;
	s->ready = false;
	loop_timer_stop(s->quiet);
	loop_timer_stop(s->draft);
	set_state(s, SESSION_UNKNOWN, "it does not run");
	input_ended(s->input, comes_back);
}

void
sessions_on_note(
    struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct session *s = session_of(u);

	if (s == NULL)
		return;
	switch (note->what) {
	case SVC_EMIT_EXEC:
		if (note->kind == PROC_MAIN)
			began(s, mem);
		break;
	case SVC_EMIT_READY:
		if (s->slot != SLOT_NONE)
			is_ready(s, mem);
		break;
	case SVC_EMIT_EXIT:
		/* Whether another run follows is not decided yet. */
		if (note->kind == PROC_MAIN)
			ended(s, true);
		break;
	case SVC_EMIT_STATE:
		if (note->state == SVC_DEAD || note->state == SVC_FAILED)
			ended(s, false);
		break;
	default:
		break;
	}
}

/* ---- the terminal ---- */

static struct session *
session_of_slot(struct manager *m, uint32_t slot)
{
	struct unit *u = adopt_slot_unit(m, slot);
	struct session *s = u != NULL ? session_of(u) : NULL;

	return s != NULL && s->slot == slot ? s : NULL;
}

void
sessions_on_state(struct manager *m, const struct msg_term_state *st)
{
	struct session *s = session_of_slot(m, st->slot);

	if (s == NULL)
		return;
	if ((st->flags & TERM_MOVES) != 0 &&
	    ((s->term.flags & TERM_MOVES) == 0 || s->term.slot == SLOT_NONE))
		s->moves_us = clock_mono_us();
	s->term = *st;
	input_modes(
	    s->input, (st->flags & TERM_PASTE) != 0, (st->flags & TERM_PASSWORD) != 0);
	look_for_draft(s);
	judge(s);
	session_input_look(s);
	unit_render_drop(s->unit);
}

void
sessions_on_taken(struct manager *m, const struct msg_term_taken *t)
{
	struct session *s = session_of_slot(m, t->slot);

	if (s != NULL)
		session_input_taken(s, t);
}

void
sessions_on_match(struct manager *m, const struct msg_match *match)
{
	(void)m;
	(void)match;
}

static void
tell_up(struct unit *u, void *arg)
{
	(void)arg;
	if (u->session != NULL)
		input_writer_up(u->session->input);
}

static void
tell_down(struct unit *u, void *arg)
{
	(void)arg;
	if (u->session != NULL)
		input_writer_down(u->session->input);
}

void
sessions_on_terminal(struct manager *m)
{
	m->role[ROLE_TERMINAL].pid = m->table->role[ROLE_TERMINAL].pid;
	units_look(m, tell_up, NULL);
}

void
sessions_on_terminal_gone(struct manager *m)
{
	m->role[ROLE_TERMINAL].pid = 0;
	units_look(m, tell_down, NULL);
}

/* ---- the start of a manager ---- */

static void
restore(struct unit *u, void *arg)
{
	const struct svc_memory *mem;
	struct session *s;

	(void)arg;
	if (!unit_is_session(u))
		return;
	mem = svc_memory(u->svc);
	if (mem->slot == SLOT_NONE || mem->main_pid == 0)
		return;
	s = session_of(u);
	if (s->slot != SLOT_NONE)
		return;
	s->slot = mem->slot;
	input_started(s->input);
	/* (InitialInput= went with the start, whichever manager was there then.) */
	s->ready = svc_state_active(mem->state) == SVC_ACTIVE_ACTIVE;
	set_state(s, SESSION_STARTING, "a new manager has not heard of it yet");
}

void
sessions_restore(struct manager *m)
{
	units_look(m, restore, NULL);
}

/* ---- status ---- */

void
session_render(const struct unit *u, struct jw *w)
{
	const struct session *s = u->session;

	if (s == NULL)
		return;
	jw_kv_obj(w, "session");
	jw_kv_str(w, "state", session_state_name(s->state));
	jw_kv_str(w, "evidence", s->evidence);
	jw_kv_u64(w, "age_ms", (clock_mono_us() - s->since_us) / USEC_PER_MSEC);
	if (s->term.slot != SLOT_NONE) {
		jw_kv_u64(w, "viewers", s->term.viewers);
		jw_kv_u64(w, "quiet_ms",
		    s->term.last_output_us == 0
			? 0
			: (clock_mono_us() - s->term.last_output_us) / USEC_PER_MSEC);
	}
	jw_kv_u64(w, "inputs", input_count(s->input));
	jw_end(w);
}
