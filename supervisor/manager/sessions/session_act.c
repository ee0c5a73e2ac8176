/*
 * session_act: what rules and thresholds ask for: noted, told, and done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/budget/budgets.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/session/heartbeat.h"
#include "manager/session/input.h"
#include "manager/session/oracle.h"
#include "manager/sessions/sessions.h"
#include "manager/sessions/sessions_int.h"
#include "manager/units.h"
#include "manager/wish/hold.h"
#include "unit/keys.h"
#include "unit/load.h"

enum {
	ACTS_MAX = 64,
};

/* ---- what is to be done ---- */

void
session_act_free(struct session_act *a)
{
	free(a->rule);
	free(a->text);
	free(a->input);
	buf_free(&a->keys);
	free(a);
}

struct session_act *
session_act_note(struct session *s)
{
	struct session_act *a = xcalloc(1, sizeof(*a));

	/* More than these at once is a rule that nobody can have meant. */
	if (s->n_acts == ACTS_MAX) {
		struct session_act *first = TAILQ_FIRST(&s->acts);

		TAILQ_REMOVE(&s->acts, first, link);
		session_act_free(first);
		s->n_acts--;
	}
	TAILQ_INSERT_TAIL(&s->acts, a, link);
	s->n_acts++;
	session_policy_later(s);
	return a;
}

void
session_act_rule(struct session_act *a, const struct rule_conf *r)
{
	a->action = r->action;
	a->rule = xstrdup(r->name);
	if (r->text != NULL)
		a->input = xstrdup(r->text);
	for (size_t i = 0; i < r->keys.n; i++)
		(void)key_bytes(r->keys.v[i], false, &a->keys);
	a->when = r->state != SESSION_UNKNOWN ? SESSION_STATE_BIT(r->state) : 0;
}

/* ---- what is done ---- */

static void
tell_act(struct session *s, const struct session_act *a, const char *what)
{
	struct emitter *ev = s->unit->manager->events;

	event_begin(ev, EVENT_SESSION_ACTION, s->unit->name,
	    svc_memory(s->unit->svc)->invocation);
	event_str(ev, "action", what);
	if (a->rule != NULL)
		event_str(ev, "rule", a->rule);
	event_str(ev, "why", a->text);
	if (a->action == RULE_HOLD_POOL && svc_memory(s->unit->svc)->pool[0] == '\0')
		event_str(ev, "note", "it is in no pool; it holds the unit");
	event_end(ev);
}

static void
ask_job(struct session *s, const struct session_act *a, enum job_type type)
{
	struct buf why = { 0 };
	char origin[SVC_WHO_MAX];
	struct job_request r = { .type = type, .mode = JOB_AUTOMATIC, .origin = origin };

	if (a->rule != NULL)
		snprintf(origin, sizeof(origin), "rule %s", a->rule);
	else
		snprintf(origin, sizeof(origin), "%sStaleSec=", a->very ? "Very" : "");
	if (type == JOB_RESTART || a->action == RULE_RETRY)
		budgets_on_restart(s->unit);
	if (job_request(
		s->unit->manager->jobs, s->unit->job_unit, &r, NULL, NULL, &why) == 0)
		log_warnx("%s: %s: %s", s->unit->name, origin, buf_str(&why));
	buf_free(&why);
}

static void
type_text(struct session *s, const struct session_act *a)
{
	struct input_request r = { .sender = a->rule, .slot = a->rule };
	const char *why = "";

	if (a->keys.len > 0) {
		r.data = buf_str(&a->keys);
		r.len = a->keys.len;
		r.flags = INPUT_KEYS | INPUT_NOW;
	} else {
		r.data = a->input != NULL ? a->input : "";
		r.len = strlen(r.data);
		r.flags = INPUT_ENTER | (a->when != 0 ? 0U : (uint32_t)INPUT_NOW);
		r.when = a->when;
	}
	if (session_send(s->unit, &r, NULL, NULL, &why) == 0)
		log_warnx("%s: rule %s: %s", s->unit->name, a->rule, why);
}

/* Who holds by a rule: so it is known which holds a limit ends, also by the next manager.
 */
static const char rules_command[] = "supd";

bool
session_holds_by_rule(const struct unit *u)
{
	const struct wish_who *who = u->flag_who[WISH_FLAG_HELD];

	return u->flag[WISH_FLAG_HELD] && strncmp(who->name, "rule ", 5) == 0 &&
	       strcmp(who->command, rules_command) == 0;
}

void
session_hold_unit(
    struct unit *u, const char *rule, const char *reason, uint64_t wall_until_us)
{
	struct wish_who who = { .uid = u->manager->owner, .wall_us = clock_wall_us() };
	char why[WISH_REASON_MAX + 1];

	if (u->flag[WISH_FLAG_HELD] &&
	    (!session_holds_by_rule(u) ||
		u->terms[WISH_FLAG_HELD].until_wall_us == wall_until_us))
		return;
	if (wall_until_us != 0 && wall_until_us <= who.wall_us)
		return;
	snprintf(who.name, sizeof(who.name), "rule %s", rule);
	strlcpy(who.command, rules_command, sizeof(who.command));
	strlcpy(why, reason, sizeof(why));
	why[strcspn(why, "\r\n")] = '\0';
	(void)hold_unit(u, why, wall_until_us, &who);
}

void
session_hold_by(struct session *s, enum rule_action action, bool by_limit,
    const char *rule, const char *text, uint64_t wall_until_us)
{
	if (action == RULE_HOLD_POOL)
		session_pool_hold(s, by_limit, rule, text, wall_until_us);
	s->held_by_limit = by_limit;
	session_hold_unit(s->unit, rule, text, wall_until_us);
	s->held |= session_holds_by_rule(s->unit);
	session_policy_save(s);
}

void
session_hold_end(struct session *s)
{
	struct wish_who who = { .uid = s->unit->manager->owner,
		.wall_us = clock_wall_us(),
		.name = "the end of the limit" };

	strlcpy(who.command, rules_command, sizeof(who.command));
	session_pool_end(s, &who);
	if (!session_holds_by_rule(s->unit) || !s->held_by_limit)
		return;
	s->held = s->held_by_limit = false;
	(void)hold_release(s->unit, &who);
}

void
session_policy_released(struct session *s)
{
	if (!s->held)
		return;
	s->held = s->held_by_limit = false;
	oracle_release(s->oracle);
	session_policy_save(s);
}

static void
do_stale(struct session *s, const struct session_act *a)
{
	static const char *const names[] = { [STALE_NONE] = "none",
		[STALE_NOTIFY] = "notify",
		[STALE_POKE] = "poke",
		[STALE_RESTART] = "restart",
		[STALE_STOP] = "stop" };

	tell_act(s, a, names[a->stale]);
	switch (a->stale) {
	case STALE_POKE:
		if (!heartbeat_poke(s->heartbeat))
			log_warnx(
			    "%s: there is no heartbeat to poke it with", s->unit->name);
		break;
	case STALE_RESTART:
		ask_job(s, a, JOB_RESTART);
		break;
	case STALE_STOP:
		ask_job(s, a, JOB_STOP);
		break;
	default:
		break;
	}
}

void
session_act_do(struct session *s, const struct session_act *a)
{
	if (a->rule == NULL) {
		do_stale(s, a);
		return;
	}
	tell_act(s, a, rule_action_name(a->action));
	if (a->done)
		return;
	switch (a->action) {
	case RULE_SEND:
	case RULE_KEY:
		type_text(s, a);
		break;
	case RULE_HOLD:
	case RULE_HOLD_POOL:
		session_hold_by(s, a->action,
		    a->when == SESSION_STATE_BIT(SESSION_LIMITED), a->rule, a->text,
		    a->wall_until_us);
		break;
	case RULE_RESTART:
	case RULE_RETRY:
		ask_job(s, a, JOB_RESTART);
		break;
	case RULE_STOP:
	case RULE_FATAL:
		ask_job(s, a, JOB_STOP);
		break;
	default:
		break;
	}
}
