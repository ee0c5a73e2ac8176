/*
 * sessions: see the header.
 */
#include "manager/sessions/sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "journal/layout.h"
#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/link/adopt.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/session/heartbeat.h"
#include "manager/session/input.h"
#include "manager/session/oracle.h"
#include "manager/sessions/sessions_int.h"
#include "manager/units.h"
#include "manager/wish/wants.h"
#include "unit/load.h"

const struct unit_session *
session_conf(const struct session *s)
{
	/* Of a unit whose files name no session any more nothing comes from now on. */
	static const struct unit_session none;
	const struct unit_session *c = svc_conf(s->unit->svc)->session;

	return c != NULL ? c : &none;
}

bool
unit_is_session(const struct unit *u)
{
	return u->svc != NULL && unit_conf_terminal(svc_conf(u->svc)) != 0;
}

/* ---- a person at the keyboard ---- */

static void
look_for_draft(struct session *s)
{
	uint64_t now = clock_mono_us(), typed = s->term.last_typed_us;
	uint64_t until = clock_add_us(typed, session_conf(s)->session.draft_us);
	bool draft = typed != 0 && now < until && (s->term.flags & TERM_DRAFT) != 0;

	if (draft)
		loop_timer_at(s->draft, until);
	else
		loop_timer_stop(s->draft);
	input_draft(s->input, draft);
}

/* A person who types is a sign of life, whatever becomes of it. */
static void
look_for_person(struct session *s)
{
	if (s->term.last_typed_us <= s->typed_us)
		return;
	/* What was being typed by us stands no more alone there, whatever it is now. */
	input_draft(s->input, true);
	/* What is told again was known to the manager before. */
	if (s->known) {
		oracle_human(s->oracle);
		heartbeat_active(s->heartbeat);
		phases_on_input(s->unit->manager, s->unit);
	}
	s->typed_us = s->term.last_typed_us;
}

static void
on_draft_time(struct loop_timer *t, void *arg)
{
	struct session *s = arg;

	(void)t;
	look_for_draft(s);
	unit_render_drop(s->unit);
}

/* ---- life ---- */

/* A budget alone makes no session of a service. */
static bool
says_something(const struct unit_session *c)
{
	return c != NULL &&
	       (c->session.terminal || c->rules.n > 0 || c->session.stale_files.n > 0);
}

static struct session *
session_of(struct unit *u)
{
	struct loop *loop = u->manager->loop;
	struct session *s = u->session;

	if (s != NULL || u->svc == NULL || !says_something(svc_conf(u->svc)->session))
		return s;
	s = xcalloc(1, sizeof(*s));
	s->unit = u;
	s->slot = s->term.slot = SLOT_NONE;
	s->uid = s->gid = -1;
	TAILQ_INIT(&s->waits);
	s->draft = loop_timer_new(loop, "session-draft", on_draft_time, s);
	u->session = s;
	session_policy_open(s);
	session_input_open(s);
	session_heartbeat_open(s);
	return s;
}

static void
take_early(struct session *s)
{
	for (size_t i = 0; i < s->n_early; i++) {
		if (s->slot != SLOT_NONE && s->slot == s->early[i].slot)
			session_policy_line(
			    s, s->early[i].rule, s->early[i].seq, s->early[i].text);
		free(s->early[i].text);
	}
	s->n_early = 0;
}

void
sessions_forget(struct unit *u)
{
	struct session *s = u->session;

	if (s == NULL)
		return;
	session_heartbeat_close(s);
	session_input_close(s);
	session_watch_end(s);
	session_policy_close(s);
	s->slot = SLOT_NONE;
	take_early(s);
	loop_timer_free(s->draft);
	free(s);
	u->session = NULL;
	wants_forget(u);
}

void
sessions_on_conf(struct unit *u)
{
	struct session *s = u->session;
	const struct unit_session *c;

	if (s == NULL || u->svc == NULL)
		return;
	c = session_conf(s);
	input_set_conf(s->input, &c->session);
	heartbeat_set_conf(s->heartbeat, &c->heartbeat);
	oracle_reconf(s->oracle, &c->session, &c->rules);
	if (s->slot != SLOT_NONE)
		session_watch_begin(s);
	if (s->term.slot != SLOT_NONE)
		session_policy_send_rules(s);
}

/* Until the terminal has told, what was known last holds. */
static void
lose_sight(struct session *s)
{
	const struct manager *m = s->unit->manager;

	s->term = (struct msg_term_state){ .slot = SLOT_NONE };
	s->known = false;
	oracle_blind(s->oracle,
	    s->slot != SLOT_NONE && table_slot(m->table, s->slot)->terminal != 0);
}

/* Nothing is typed before it is known what that meets. */
static void
writer_may_be_up(struct session *s)
{
	if (!s->frozen && s->known && link_has_terminal(s->unit->manager->link))
		input_writer_up(s->input);
}

/* It has a slot: what was being written when a manager died can be asked after. */
static void
take_slot(struct session *s, uint32_t slot)
{
	const struct table_slot *ts = table_slot(s->unit->manager->table, slot);

	s->slot = slot;
	s->uid = ts->uid;
	s->gid = ts->gid;
	writer_may_be_up(s);
}

static void
is_ready(struct session *s, const struct svc_memory *mem)
{
	char invocation[HEX_ID_SIZE];

	s->ready = true;
	hex_encode(invocation, mem->invocation, sizeof(mem->invocation));
	oracle_ready(s->oracle);
	session_policy_settle(s);
	input_ready(s->input, invocation);
	heartbeat_ready(s->heartbeat, invocation);
}

/* What the terminal told before it was known whose the slot is, was not heard, and what
 * rests tells nothing by itself: it answers to rules. */
static void
ask_how_it_is(struct session *s)
{
	if (s->term.slot == SLOT_NONE && link_has_terminal(s->unit->manager->link))
		session_policy_send_rules(s);
}

static void
began(struct session *s, const struct svc_memory *mem)
{
	take_slot(s, mem->slot);
	/* (Of a simple service this is so before its process is heard of.) */
	s->ready = svc_state_active(mem->state) == SVC_ACTIVE_ACTIVE;
	if (s->term.slot != s->slot) {
		s->term = (struct msg_term_state){ .slot = SLOT_NONE };
		s->known = false;
	}
	memset(s->line_seq, 0, sizeof(s->line_seq));
	s->resumed = false;
	oracle_start(s->oracle);
	if (!link_has_terminal(s->unit->manager->link))
		lose_sight(s);
	ask_how_it_is(s);
	session_watch_begin(s);
	input_started(s->input);
	if (s->ready)
		is_ready(s, mem);
	take_early(s);
}

static void
ended(struct session *s, bool comes_back)
{
	s->slot = SLOT_NONE;
	lose_sight(s);
	take_early(s);
	s->ready = false;
	session_watch_end(s);
	loop_timer_stop(s->draft);
	input_ended(s->input, comes_back);
	heartbeat_ended(s->heartbeat);
}

/* It stands still or goes on: it hears nothing meanwhile, and nothing that it does not do
 * is its fault. */
static void
set_frozen(struct session *s, bool on)
{
	if (s->frozen == on)
		return;
	s->frozen = on;
	oracle_pause(s->oracle, on);
	session_heartbeat_pause(s);
	if (on)
		input_writer_down(s->input);
	else
		writer_may_be_up(s);
	if (!on)
		loop_post(s->unit->manager->loop, session_policy_settle, s);
}

void
sessions_on_note(
    struct unit *u, const struct svc_note *note, const struct svc_memory *mem)
{
	struct session *s = session_of(u);

	if (s == NULL)
		return;
	set_frozen(s, mem->frozen_us != 0);
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
		if (note->kind == PROC_MAIN) {
			session_policy_exit(s, &note->exit);
			ended(s, true);
		}
		break;
	case SVC_EMIT_STATE:
		if (note->state == SVC_DEAD || note->state == SVC_FAILED)
			ended(s, false);
		break;
	default:
		break;
	}
}

void
sessions_tell_rules(struct unit *u)
{
	struct session *s = session_of(u);

	if (s != NULL && s->slot != SLOT_NONE && s->term.slot == SLOT_NONE)
		session_policy_send_rules(s);
}

void
sessions_judge(struct unit *u, const struct msg_exit *x, struct svc_judgement *out)
{
	struct session *s = session_of(u);

	if (s != NULL)
		session_policy_judge(s, x, out);
}

void
sessions_on_released(struct unit *u)
{
	if (u->session != NULL)
		session_policy_released(u->session);
	if (u->conf->type == UNIT_POOL)
		session_pool_released(u);
}

/* ---- the terminal ---- */

static struct session *
session_of_slot(struct manager *m, uint32_t slot)
{
	struct unit *u = adopt_slot_unit(m, slot);
	struct session *s = u != NULL ? session_of(u) : NULL;

	return s != NULL && s->slot == slot ? s : NULL;
}

/* What changed since the last report.  All of the first one is told as one: what the
 * session does follows from the whole of it. */
static void
tell_oracle(struct session *s, const struct msg_term_state *old)
{
	bool moved = s->known && (old->flags & TERM_MOVES) != 0;
	bool moves = (s->term.flags & TERM_MOVES) != 0;

	if (moves && !moved)
		oracle_output_began(s->oracle);
	else if (!moves &&
		 (moved || !s->known || s->term.last_output_us != old->last_output_us))
		oracle_output_ended(s->oracle, s->term.last_output_us);
	session_policy_screen(s);
	if (s->known)
		return;
	s->known = true;
	oracle_blind(s->oracle, false);
	session_policy_settle(s);
	writer_may_be_up(s);
}

void
sessions_on_state(struct manager *m, const struct msg_term_state *st)
{
	struct session *s = session_of_slot(m, st->slot);
	struct msg_term_state old;

	if (s == NULL)
		return;
	old = s->term;
	s->term = *st;
	/* It has none yet, or could not be given them for want of a descriptor. */
	if ((st->flags & TERM_RULED) == 0)
		session_policy_send_rules(s);
	input_password(s->input, (st->flags & TERM_PASSWORD) != 0);
	look_for_person(s);
	look_for_draft(s);
	if ((st->flags & TERM_RULED) != 0)
		tell_oracle(s, &old);
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
	struct session *s = session_of_slot(m, match->slot);

	if (s == NULL)
		return;
	session_policy_match(s, match);
	/* Usually the state follows that names it; not when that was known already. */
	if (s->known && match->rule < SESSION_RULES_MAX &&
	    (s->term.rules >> match->rule & 1) != 0)
		session_policy_screen(s);
}

bool
sessions_line_is_new(const struct unit *u, uint32_t slot, size_t rule, uint64_t seq)
{
	const struct session *s = u->session;

	/* (Of one that nobody has told yet that it runs it is known later.) */
	return s == NULL || s->slot == SLOT_NONE ||
	       (s->slot == slot &&
		   (rule >= SESSION_RULES_MAX || seq > s->line_seq[rule]));
}

void
sessions_on_line(
    struct unit *u, uint32_t slot, size_t rule, uint64_t seq, const char *text)
{
	struct session *s = session_of(u);

	if (s == NULL)
		return;
	if (s->slot != SLOT_NONE) {
		/* (What the one before said is over with it.) */
		if (s->slot == slot)
			session_policy_line(s, rule, seq, text);
		return;
	}
	/* The logger was quicker than init: nobody has told yet that it runs. */
	if (s->n_early == SESSION_EARLY_MAX) {
		free(s->early[0].text);
		memmove(&s->early[0], &s->early[1],
		    (SESSION_EARLY_MAX - 1) * sizeof(s->early[0]));
		s->n_early--;
	}
	s->early[s->n_early].slot = slot;
	s->early[s->n_early].rule = rule;
	s->early[s->n_early].seq = seq;
	s->early[s->n_early++].text = xstrdup(text);
}

/* ---- the recording ---- */

void
sessions_on_cast(
    struct unit *u, const uint8_t invocation[16], const struct msg_stream_state *st)
{
	struct session *s = session_of(u);
	char day[32];

	if (s == NULL)
		return;
	if (memcmp(s->cast_invocation, invocation, sizeof(s->cast_invocation)) != 0) {
		memcpy(s->cast_invocation, invocation, sizeof(s->cast_invocation));
		s->cast_day[0] = '\0';
		s->cast_err = 0;
	}
	switch ((enum stream_what)st->what) {
	case STREAM_NAMED:
		snprintf(day, sizeof(day), "%llu", (unsigned long long)st->bytes);
		if (!layout_day_is_valid(day) || st->lines > LAYOUT_ALT_MAX)
			return;
		strlcpy(s->cast_day, day, sizeof(s->cast_day));
		s->cast_alt = (uint32_t)st->lines;
		break;
	case STREAM_PARKED:
		s->cast_err = st->err != 0 ? st->err : EIO;
		break;
	case STREAM_RESUMED:
		s->cast_err = 0;
		break;
	default:
		break;
	}
	unit_render_drop(u);
}

bool
session_cast(const struct unit *u, char day[PROTO_DAY_MAX], unsigned *alt, int *err)
{
	const struct session *s = u->session;

	if (s == NULL || u->svc == NULL ||
	    memcmp(s->cast_invocation, svc_memory(u->svc)->invocation,
		sizeof(s->cast_invocation)) != 0)
		return false;
	*err = s->cast_err;
	*alt = s->cast_alt;
	strlcpy(day, s->cast_day, PROTO_DAY_MAX);
	return day[0] != '\0' || *err != 0;
}

static void
tell_down(struct unit *u, void *arg)
{
	(void)arg;
	if (u->session == NULL)
		return;
	lose_sight(u->session);
	input_writer_down(u->session->input);
}

void
sessions_on_terminal(struct manager *m)
{
	m->role[ROLE_TERMINAL].pid = m->table->role[ROLE_TERMINAL].pid;
}

void
sessions_on_terminal_gone(struct manager *m)
{
	m->role[ROLE_TERMINAL].pid = 0;
	units_look(m, tell_down, NULL);
}

/* ---- the start of a manager ---- */

/* It ended, and the manager before may have died before it had told everybody. */
static void
restore_ended(struct unit *u)
{
	char *path = session_file_path(u, "in");

	if (u->session == NULL &&
	    faccessat(u->manager->run_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		input_ended(session_of(u)->input, unit_is_running(u));
	free(path);
}

static void
restore(struct unit *u, void *arg)
{
	const struct svc_memory *mem;
	char invocation[HEX_ID_SIZE];
	struct session *s;

	(void)arg;
	if (u->svc == NULL || !says_something(svc_conf(u->svc)->session))
		return;
	mem = svc_memory(u->svc);
	if (mem->slot == SLOT_NONE || mem->main_pid == 0) {
		restore_ended(u);
		return;
	}
	s = session_of(u);
	if (s->slot != SLOT_NONE)
		return;
	set_frozen(s, mem->frozen_us != 0);
	take_slot(s, mem->slot);
	input_started(s->input);
	/* (InitialInput= went with the start, whichever manager was there then.) */
	s->ready = svc_state_active(mem->state) == SVC_ACTIVE_ACTIVE;
	if (!s->resumed)
		oracle_start(s->oracle);
	if (!s->known)
		lose_sight(s);
	ask_how_it_is(s);
	/* The others do not know yet what the oracle remembers. */
	s->changed = true;
	loop_post(s->unit->manager->loop, session_policy_settle, s);
	session_watch_begin(s);
	if (s->ready) {
		hex_encode(invocation, mem->invocation, sizeof(mem->invocation));
		oracle_ready(s->oracle);
		heartbeat_ready(s->heartbeat, invocation);
	} else {
		oracle_tick(s->oracle);
	}
	take_early(s);
}

static void
tick(struct unit *u, void *arg)
{
	(void)arg;
	if (u->session != NULL)
		wants(u, DUE_STALE);
}

void
sessions_on_clock_set(struct manager *m)
{
	units_look(m, tick, NULL);
}

bool
sessions_do(struct unit *u, enum due_step step)
{
	struct session *s = u->session;

	if (s == NULL)
		return true;
	switch (step) {
	case DUE_POKE:
		heartbeat_tick(s->heartbeat);
		break;
	case DUE_PENDING:
		input_tick(s->input);
		break;
	case DUE_STALE:
		session_policy_tick(s);
		break;
	default:
		return false;
	}
	return true;
}

void
sessions_restore(struct manager *m)
{
	units_look(m, restore, NULL);
}
