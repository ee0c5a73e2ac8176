/*
 * restart: is it started again, when, and how often.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

static bool
set_has(const struct exit_set *set, const struct svc_exit *x)
{
	if (x->how == EXIT_EXITED)
		return x->status >= 0 && x->status <= 255 &&
		       (set->status[x->status / 64] >> (x->status % 64) & 1);
	if (x->how == EXIT_KILLED || x->how == EXIT_DUMPED)
		return x->status >= 1 && x->status <= 64 &&
		       (set->signals >> (x->status - 1) & 1);
	return false;
}

bool
svc_shall_restart(const struct service *s, const char **reason)
{
	const struct service_conf *c = svc_sc(s);
	enum svc_result r = s->m.result;

	if (s->m.forbid_restart) {
		*reason = "stopped on purpose";
		return false;
	}
	if (r == SVC_RESULT_EXEC_CONDITION || r == SVC_RESULT_START_LIMIT) {
		*reason = "it was not started";
		return false;
	}
	if (s->m.verdict == SVC_VERDICT_NO_RESTART ||
	    s->m.verdict == SVC_VERDICT_RESTART) {
		*reason = "a rule says so";
		return s->m.verdict == SVC_VERDICT_RESTART;
	}
	if (set_has(&c->exit_prevent, &s->m.main_exit)) {
		*reason = "RestartPreventExitStatus=";
		return false;
	}
	if (set_has(&c->exit_force, &s->m.main_exit)) {
		*reason = "RestartForceExitStatus=";
		return !(c->type == SERVICE_ONESHOT && r == SVC_RESULT_SUCCESS);
	}
	*reason = "Restart=";
	switch (c->restart) {
	case RESTART_NO:
		return false;
	case RESTART_ALWAYS:
		return true;
	case RESTART_ON_SUCCESS:
		return r == SVC_RESULT_SUCCESS;
	case RESTART_ON_FAILURE:
		return r != SVC_RESULT_SUCCESS;
	case RESTART_ON_ABNORMAL:
		return r != SVC_RESULT_SUCCESS && r != SVC_RESULT_EXIT_CODE;
	case RESTART_ON_ABORT:
		return r == SVC_RESULT_SIGNAL || r == SVC_RESULT_CORE_DUMP;
	case RESTART_ON_WATCHDOG:
		return r == SVC_RESULT_WATCHDOG;
	}
	return false;
}

uint64_t
svc_restart_delay_us(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	uint64_t base = c->restart_us, max = c->restart_max_us, delay = base, jitter;
	uint32_t n = c->restart_steps;
	uint32_t k; /* this restart, from 1 */

	if (s->m.backoff < UINT32_MAX && !s->m.uncounted)
		s->m.backoff++;
	k = s->m.backoff;
	if (n > 0 && max != UNIT_INFINITY && max > base && k > 1) {
		if (k > n) {
			delay = max;
		} else {
			double from = base > 0 ? (double)base : 1.0;

			delay = (uint64_t)(from * pow((double)max / from,
						      (double)(k - 1) / (double)n));
		}
	}
	jitter = c->restart_jitter_us;
	if (jitter > 0 && jitter != UNIT_INFINITY)
		delay = clock_add_us(
		    delay, (uint64_t)((double)jitter * (arc4random() / 4294967296.0)));
	/* CooldownSec= of a rule that asks for it. */
	return delay > s->m.not_sooner_us ? delay : s->m.not_sooner_us;
}

bool
svc_limit_allows(struct service *s)
{
	struct svc_memory *m = &s->m;
	uint64_t interval = s->conf->rules->start_limit_interval_us;
	uint32_t burst = s->conf->rules->start_limit_burst;
	uint64_t now = clock_mono_us();

	if (interval == 0 || burst == 0 || s->m.uncounted)
		return true;
	if (m->limit_begin_us == 0 || now < m->limit_begin_us ||
	    now > clock_add_us(m->limit_begin_us, interval)) {
		m->limit_begin_us = now > 0 ? now : 1;
		m->limit_count = 1;
		return true;
	}
	if (m->limit_count >= burst)
		return false;
	m->limit_count++;
	return true;
}

/* ---- rules ------------------------------------------------------------------- */

/* A stop that was asked for is not judged; nor is what says nothing any more. */
static bool
is_judged(const struct service *s)
{
	return !s->m.forbid_restart && s->m.state != SVC_FAILED;
}

void
svc_judge(struct service *s, struct svc_event_in *in)
{
	struct svc_memory *m = &s->m;
	struct svc_judgement j = { 0 };

	if (!is_judged(s))
		return;
	s->ops->judge(s->arg, &in->exit, &j);
	m->verdict = j.verdict;
	m->uncounted = j.uncounted;
	m->not_sooner_us = j.not_sooner_us;
	/* Of what is up an end that does not count is a success; a start that does not
	 * succeed is none, whatever the reason. */
	if (j.uncounted && svc_is_up(s))
		in->result = SVC_RESULT_SUCCESS;
	free(s->rule);
	s->rule = xstrdup_opt(j.rule);
}

void
svc_judged(struct service *s)
{
	char why[SVC_WHY_MAX];

	if (s->rule == NULL)
		return;
	strlcpy(why, s->m.why, sizeof(why));
	svc_set_why(s, "%.160s; rule %.64s%s", why, s->rule,
	    s->m.verdict == SVC_VERDICT_NO_RESTART ? ": no restart"
	    : s->m.uncounted                       ? ": not counted"
						   : "");
	free(s->rule);
	s->rule = NULL;
}

void
svc_restart_settle(struct service *s)
{
	uint64_t reset = svc_sc(s)->restart_reset_us;

	if (reset != UNIT_INFINITY && s->m.active_us != 0 &&
	    clock_mono_us() >= clock_add_us(s->m.active_us, reset))
		s->m.backoff = 0;
}
