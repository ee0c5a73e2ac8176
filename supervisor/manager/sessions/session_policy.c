/*
 * session_policy: what a session does, as the oracle sees it, and when what its rules ask
 * for is done.
 *
 * The oracle must not be called from within its own calls, nor a service from within its:
 * what it says is noted and done by the loop, soon after.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "lib/zone.h"
#include "manager/budget/budgets.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/session/heartbeat.h"
#include "manager/session/input.h"
#include "manager/session/oracle.h"
#include "manager/session/until.h"
#include "manager/sessions/sessions.h"
#include "manager/sessions/sessions_int.h"
#include "manager/units.h"
#include "manager/wish/drain.h"
#include "manager/wish/jitter.h"
#include "manager/wish/wants.h"
#include "unit/load.h"

enum {
	MATCHES_MAX = 10, /* of a pattern: Until= counts to 9 */
};

/* ---- what the oracle says ---- */

void
session_policy_later(struct session *s)
{
	loop_post(s->unit->manager->loop, session_policy_settle, s);
}

static void
ops_act(void *arg, const struct oracle_act *act)
{
	struct session_act *a = session_act_note(arg);

	if (act->conf != NULL)
		session_act_rule(a, act->conf);
	a->stale = act->stale;
	a->very = act->very;
	a->text = xstrdup(act->text);
	a->wall_until_us = act->wall_until_us;
}

static void
ops_changed(void *arg, const struct oracle_view *view)
{
	struct session *s = arg;

	(void)view;
	s->changed = true;
	session_policy_later(s);
}

static void
ops_arm(void *arg, uint64_t mono_us)
{
	struct session *s = arg;

	loop_timer_at(s->oracle_timer, mono_us == 0 ? USEC_INFINITY : mono_us);
}

static const struct zone *
ops_zone(void *arg)
{
	(void)arg;
	return zone_here();
}

static uint64_t
ops_slack(void *arg, uint64_t wall_us)
{
	const struct session *s = arg;

	return jitter_slack(s->unit, wall_us);
}

/* ---- what is remembered ---- */

void
session_policy_save(struct session *s)
{
	const struct rule_list *rules = &session_conf(s)->rules;
	struct jw *w = jw_new(JW_COMPACT);
	char invocation[HEX_ID_SIZE];

	hex_encode(invocation, svc_memory(s->unit->svc)->invocation,
	    sizeof(svc_memory(s->unit->svc)->invocation));
	jw_obj(w);
	jw_kv_str(w, "invocation", invocation);
	jw_kv_obj(w, "lines");
	for (size_t i = 0; i < rules->n && i < SESSION_RULES_MAX; i++)
		if (s->line_seq[i] != 0)
			jw_kv_u64(w, rules->v[i].name, s->line_seq[i]);
	jw_end(w);
	jw_kv_bool(w, "held_by_limit", s->held_by_limit);
	session_pool_save(s, w);
	jw_kv_obj(w, "oracle");
	oracle_save(s->oracle, w);
	jw_end(w);
	jw_end(w);
	session_file_write(s, "st", w);
}

static int
restore(struct session *s, const struct jv *v, struct json_err *err)
{
	const struct rule_list *rules = &session_conf(s)->rules;
	const struct jv *oracle = jv_get(v, "oracle"), *lines = jv_get(v, "lines");
	char invocation[HEX_ID_SIZE];

	s->held = session_holds_by_rule(s->unit);
	s->held_by_limit = s->held && jv_bool(jv_get(v, "held_by_limit"), false);
	session_pool_restore(s, v);
	if (oracle_restore(s->oracle, oracle, err) == -1)
		return -1;
	hex_encode(invocation, svc_memory(s->unit->svc)->invocation,
	    sizeof(svc_memory(s->unit->svc)->invocation));
	s->resumed = strcmp(jv_str(jv_get(v, "invocation"), ""), invocation) == 0 &&
		     jv_bool(jv_get(oracle, "up"), false);
	for (size_t i = 0; s->resumed && i < rules->n && i < SESSION_RULES_MAX; i++) {
		int64_t seq = jv_i64(jv_get(lines, rules->v[i].name), 0);

		s->line_seq[i] = seq > 0 ? (uint64_t)seq : 0;
	}
	return 0;
}

/* ---- all that was noted ---- */

/* Of what has no terminal only its rules say something, and its silence. */
static enum session_state
known_state(const struct session *s, const struct oracle_view *v)
{
	return unit_is_session(s->unit) || v->rule != NULL || v->state == SESSION_STUCK
		   ? v->state
		   : SESSION_UNKNOWN;
}

static void
take_view(struct session *s)
{
	struct emitter *ev = s->unit->manager->events;
	enum session_state state;
	struct oracle_view v;

	oracle_view(s->oracle, &v);
	state = known_state(s, &v);
	if (state != s->state) {
		event_begin(ev, EVENT_SESSION_STATE, s->unit->name,
		    svc_memory(s->unit->svc)->invocation);
		event_str(ev, "from", session_state_name(s->state));
		event_str(ev, "to", session_state_name(state));
		event_str(ev, "evidence", v.evidence);
		event_end(ev);
	}
	s->state = state;
	if (v.state != SESSION_LIMITED)
		session_hold_end(s);
	unit_render_drop(s->unit);
	session_policy_save(s);
	input_state(s->input, v.state);
	heartbeat_state(s->heartbeat, v.state);
	drain_look(s->unit);
}

void
session_policy_settle(void *arg)
{
	struct session *s = arg;
	struct session_act *a;

	if (s->frozen)
		return;
	if (s->changed) {
		s->changed = false;
		take_view(s);
	}
	while ((a = TAILQ_FIRST(&s->acts)) != NULL) {
		TAILQ_REMOVE(&s->acts, a, link);
		s->n_acts--;
		session_act_do(s, a);
		session_act_free(a);
	}
}

/* ---- what the terminal and the log say ---- */

/* What Until= is with what the pattern captured; appended.  NULL: the rule has none. */
static const char *
expand_until(const struct rule_conf *r, const char *text, struct buf *out)
{
	regmatch_t m[MATCHES_MAX];
	regex_t re;

	if (r->until == NULL || r->pattern == NULL ||
	    regcomp(&re, r->pattern, REG_EXTENDED) != 0)
		return NULL;
	if (regexec(&re, text, MATCHES_MAX, m, 0) == 0)
		until_expand(out, r->until, text, m, MATCHES_MAX);
	regfree(&re);
	return out->len > 0 ? buf_str(out) : NULL;
}

static const struct rule_list *
rules_of(const struct session *s)
{
	return &session_conf(s)->rules;
}

void
session_policy_match(struct session *s, const struct msg_match *x)
{
	size_t n = x->text_len < sizeof(x->text) ? x->text_len : sizeof(x->text);

	if (x->rule >= SESSION_RULES_MAX)
		return;
	free(s->screen_text[x->rule]);
	s->screen_text[x->rule] = xstrndup(x->text, n);
	budgets_on_text(s->unit, x->rule, s->screen_text[x->rule]);
}

void
session_policy_screen(struct session *s)
{
	const struct rule_list *rules = rules_of(s);
	struct oracle_match m[SESSION_RULES_MAX];
	struct buf until[SESSION_RULES_MAX] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < rules->n && i < SESSION_RULES_MAX; i++) {
		if ((s->term.rules >> i & 1) == 0 || s->screen_text[i] == NULL ||
		    rules->v[i].source != RULE_SCREEN)
			continue;
		m[n].rule = i;
		m[n].text = s->screen_text[i];
		m[n].until = expand_until(&rules->v[i], s->screen_text[i], &until[i]);
		n++;
	}
	oracle_screen(s->oracle, m, n);
	for (size_t i = 0; i < SESSION_RULES_MAX; i++)
		buf_free(&until[i]);
}

void
session_policy_line(struct session *s, size_t rule, uint64_t seq, const char *text)
{
	const struct rule_list *rules = rules_of(s);
	struct buf until = { 0 };
	struct oracle_match m = { .rule = rule, .text = text };

	if (rule >= rules->n)
		return;
	/* Told again: by a new logger, or to a new manager. */
	if (rule < SESSION_RULES_MAX) {
		if (seq <= s->line_seq[rule])
			return;
		s->line_seq[rule] = seq;
	}
	budgets_on_text(s->unit, rule, text);
	m.until = expand_until(&rules->v[rule], text, &until);
	oracle_line(s->oracle, &m, 1);
	buf_free(&until);
	/* For the next manager. */
	s->changed = true;
	session_policy_later(s);
}

/* The rules for the screen, to the terminal. */
void
session_policy_send_rules(struct session *s)
{
	const struct rule_list *rules = rules_of(s);
	struct jw *w = jw_new(JW_COMPACT);
	struct buf text = { 0 };
	int fd;

	jw_arr(w);
	for (size_t i = 0; i < rules->n && i < SESSION_RULES_MAX; i++) {
		if (rules->v[i].source == RULE_FILE || rules->v[i].pattern == NULL)
			continue;
		jw_obj(w);
		jw_kv_u64(w, "rule", i);
		jw_kv_str(w, "pattern", rules->v[i].pattern);
		jw_kv_u64(w, "lines", rules->v[i].lines);
		jw_end(w);
	}
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	fd = memfd_create("supd-rules", MFD_CLOEXEC);
	if (fd != -1 && full_write(fd, text.data, text.len) == -1)
		fd_close(&fd);
	/* (Each report asks for them again.) */
	if (fd == -1 && !s->rules_failed)
		log_warn("%s: its rules", s->unit->name);
	s->rules_failed = fd == -1;
	if (fd != -1)
		(void)link_rules_take_fd(s->unit->manager->link, s->slot, fd, text.len);
	buf_free(&text);
}

/* Of a session all rules are matched against its screen, which is the end of what it
 * said. */
static size_t
tail_of(const struct session *s, struct oracle_match *m)
{
	const struct rule_list *rules = rules_of(s);
	size_t n = 0;

	for (size_t i = 0; i < rules->n && i < SESSION_RULES_MAX; i++)
		if ((s->term.rules >> i & 1) != 0 && s->screen_text[i] != NULL &&
		    rules->v[i].source != RULE_SCREEN)
			m[n++] =
			    (struct oracle_match){ .rule = i, .text = s->screen_text[i] };
	return n;
}

static void
verdict_of(struct session *s, const struct msg_exit *x, struct oracle_verdict *v)
{
	const struct rule_list *rules = rules_of(s);
	struct oracle_match tail[SESSION_RULES_MAX];
	struct buf until[SESSION_RULES_MAX] = { 0 };
	struct oracle_exit e = { .tail = tail };

	e.n_tail = tail_of(s, tail);
	for (size_t i = 0; i < e.n_tail; i++)
		tail[i].until =
		    expand_until(&rules->v[tail[i].rule], tail[i].text, &until[i]);
	if (x->how == EXIT_EXITED)
		e.status = x->status;
	else if (x->how == EXIT_KILLED || x->how == EXIT_DUMPED)
		e.signal = x->status;
	else
		e.status = -1; /* of no set */
	oracle_exit(s->oracle, &e, v);
	for (size_t i = 0; i < e.n_tail; i++)
		buf_free(&until[i]);
}

/* Whether it comes back, beside Restart=.  What holds it says when. */
static enum svc_verdict
comes_back(const struct session *s, enum rule_action action)
{
	const struct service_conf *c = svc_conf(s->unit->svc)->service;

	switch (action) {
	case RULE_RETRY:
	case RULE_RESTART:
		return SVC_VERDICT_RESTART;
	case RULE_FATAL:
	case RULE_STOP:
		return SVC_VERDICT_NO_RESTART;
	case RULE_HOLD:
	case RULE_HOLD_POOL:
		return c->restart != RESTART_NO || c->retries > 0 ? SVC_VERDICT_RESTART
								  : SVC_VERDICT_NONE;
	default:
		return SVC_VERDICT_NONE;
	}
}

void
session_policy_judge(
    struct session *s, const struct msg_exit *x, struct svc_judgement *out)
{
	const struct rule_list *rules = rules_of(s);
	const struct rule_conf *r;
	struct oracle_verdict v;
	struct session_act *a;
	bool holds;

	s->judged = true;
	session_watch_judge(s);
	verdict_of(s, x, &v);
	if (v.rule == ORACLE_NO_RULE || v.rule >= rules->n)
		return;
	r = &rules->v[v.rule];
	holds = v.action == RULE_HOLD || v.action == RULE_HOLD_POOL;
	out->verdict = comes_back(s, v.action);
	out->uncounted = !v.counts;
	out->not_sooner_us = v.cooldown_us;
	if (out->verdict != SVC_VERDICT_NONE || out->uncounted)
		out->rule = r->name;
	/* Now: its restart may be due at once. */
	if (holds || (v.action == RULE_RETRY && v.wall_until_us != 0)) {
		/* Nothing of it is seen any more until it runs again. */
		session_hold_by(s, v.action, false, r->name, v.text, v.wall_until_us);
	}
	if (v.action == RULE_NONE)
		return;
	a = session_act_note(s);
	session_act_rule(a, r);
	a->action = v.action;
	a->done = true;
	a->text = xstrdup(v.text);
	a->wall_until_us = v.wall_until_us;
}

void
session_policy_exit(struct session *s, const struct svc_exit *x)
{
	struct msg_exit e = { .how = x->how, .status = x->status };
	struct oracle_verdict v;

	/* Of one that was told to stop nothing is asked. */
	if (!s->judged)
		verdict_of(s, &e, &v);
	s->judged = false;
}

/* ---- life ---- */

static void
on_due(struct loop_timer *t, void *arg)
{
	struct session *s = arg;

	(void)t;
	wants(s->unit, DUE_STALE);
}

/* What a file says of life is asked before anybody is called dead. */
void
session_policy_tick(struct session *s)
{
	s->tick_waits = !session_watch_look(s);
	if (!s->tick_waits)
		oracle_tick(s->oracle);
}

void
session_watch_looked(struct session *s)
{
	if (!s->tick_waits || session_watch_wait(s))
		return;
	s->tick_waits = false;
	oracle_tick(s->oracle);
}

void
session_policy_open(struct session *s)
{
	static const struct oracle_ops ops = { .act = ops_act,
		.changed = ops_changed,
		.arm = ops_arm,
		.zone = ops_zone,
		.slack = ops_slack };
	const struct unit_session *c = session_conf(s);

	TAILQ_INIT(&s->acts);
	s->oracle_timer = loop_timer_new(s->unit->manager->loop, "oracle", on_due, s);
	s->oracle = oracle_new(&c->session, &c->rules, &ops, s);
	session_file_read(s, "st", restore);
}

void
session_policy_close(struct session *s)
{
	struct session_act *a;

	loop_post_cancel(s->unit->manager->loop, session_policy_settle, s);
	while ((a = TAILQ_FIRST(&s->acts)) != NULL) {
		TAILQ_REMOVE(&s->acts, a, link);
		session_act_free(a);
	}
	for (size_t i = 0; i < SESSION_RULES_MAX; i++)
		free(s->screen_text[i]);
	session_pool_forget(s);
	oracle_free(s->oracle);
	loop_timer_free(s->oracle_timer);
}
