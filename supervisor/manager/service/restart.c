/*
 * restart: is it started again, when, and how often.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
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

enum said { SAID_NOTHING, SAID_NO, SAID_YES };

/* What is said of this very end, beside Restart= and Retries=. */
static enum said
said_of_end(const struct service *s, const char **reason)
{
	const struct service_conf *c = svc_sc(s);
	enum svc_result r = s->m.result;

	if (s->m.forbid_restart) {
		*reason = "stopped on purpose";
		return SAID_NO;
	}
	if (r == SVC_RESULT_EXEC_CONDITION || r == SVC_RESULT_START_LIMIT) {
		*reason = "it was not started";
		return SAID_NO;
	}
	if (s->m.verdict != SVC_VERDICT_NONE) {
		*reason = "a rule says so";
		return s->m.verdict == SVC_VERDICT_RESTART ? SAID_YES : SAID_NO;
	}
	if (set_has(&c->exit_prevent, &s->m.main_exit)) {
		*reason = "RestartPreventExitStatus=";
		return SAID_NO;
	}
	if (set_has(&c->exit_force, &s->m.main_exit)) {
		*reason = "RestartForceExitStatus=";
		return c->type == SERVICE_ONESHOT && r == SVC_RESULT_SUCCESS ? SAID_NO
									     : SAID_YES;
	}
	return SAID_NOTHING;
}

static bool
setting_says_yes(const struct service_conf *c, enum svc_result r)
{
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

/* Its program could not be executed, and not for want of something that may be there the
 * next time: another run would fail in the same step. */
static bool
is_hopeless(const struct svc_exit *x)
{
	if (x->how != EXIT_EXITED || x->phase == 0)
		return false;
	switch (x->err) {
	case EAGAIN:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case ENOSPC:
	case EDQUOT:
	case ETXTBSY:
	case EBUSY:
	case EIO:
		return false;
	default:
		return true;
	}
}

/* Of a failure: may it be followed by a further run at all? */
static bool
is_retryable(const struct service *s, enum said said, const char **reason)
{
	const struct service_conf *c = svc_sc(s);

	if (said != SAID_NOTHING)
		return said == SAID_YES;
	if (is_hopeless(&s->m.main_exit)) {
		*reason = "the next run would not begin either";
		return false;
	}
	*reason = "Restart=";
	return c->restart == RESTART_NO || c->restart == RESTART_ON_SUCCESS ||
	       setting_says_yes(c, s->m.result);
}

bool
svc_shall_restart(struct service *s, const char **reason)
{
	const struct service_conf *c = svc_sc(s);
	struct svc_memory *m = &s->m;
	bool failed = m->result != SVC_RESULT_SUCCESS;
	enum said said = said_of_end(s, reason);

	m->again = false;
	if (c->retries == 0 || !failed) {
		if (said == SAID_NOTHING) {
			*reason = "Restart=";
			said = setting_says_yes(c, m->result) ? SAID_YES : SAID_NO;
		}
		/* What ran well has all of them before it again. */
		if (said == SAID_YES && !failed && !m->uncounted)
			m->retry = 0;
		return said == SAID_YES;
	}
	if (!is_retryable(s, said, reason))
		return false;
	m->again = m->uncounted || m->retry < c->retries;
	if (!m->again)
		*reason = NULL;
	return m->again;
}

void
svc_say_no_retry(struct service *s, const char *reason)
{
	const struct svc_memory *m = &s->m;
	uint32_t n = svc_sc(s)->retries;
	char why[SVC_WHY_MAX];

	if (n == 0 || m->forbid_restart || m->result == SVC_RESULT_SUCCESS ||
	    m->result == SVC_RESULT_EXEC_CONDITION)
		return;
	strlcpy(why, m->why, sizeof(why));
	if (reason == NULL)
		svc_set_why(s, "%.160s; no retry is left (%" PRIu32 "/%" PRIu32 ")", why,
		    m->retry, n);
	else if (m->verdict == SVC_VERDICT_NONE)
		svc_set_why(s, "%.160s; no retry: %s", why, reason);
}

const char *
svc_retry_text(const struct service *s, char *dst, size_t size)
{
	uint32_t n = svc_sc(s)->retries;

	*dst = '\0';
	if (s->m.retry > 0 && n > 0)
		snprintf(dst, size, ", retry %" PRIu32 "/%" PRIu32, s->m.retry, n);
	return dst;
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

	/* (The runs of Retries= have a bound of their own.) */
	if (interval == 0 || burst == 0 || m->uncounted || m->again)
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
		s->m.backoff = s->m.retry = 0;
}
