/*
 * health: Ready...= lines during the start, Health...= lines while it runs.
 *
 * At most one try of each line is in flight.  Commands are tried one after the other (a
 * slot holds one process of that kind) and are killed at their time limit; one that does
 * not even end by that counts as a failure each round and is never doubled.  What is
 * known of health begins anew with a new manager.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/service/probe.h"
#include "manager/service/service_int.h"

enum {
	READY_FIRST_MS = 10, /* then doubled up to ReadyIntervalSec= */
};

static unsigned
ready_count(const struct service *s)
{
	size_t n = svc_sc(s)->ready.n;

	return n > SVC_PROBES_MAX ? SVC_PROBES_MAX : (unsigned)n;
}

static unsigned
health_count(const struct service *s)
{
	size_t n = svc_sc(s)->health.n;

	return n > SVC_PROBES_MAX ? SVC_PROBES_MAX : (unsigned)n;
}

/* Made when a configuration has such lines; then it stays. */
static bool
has_probes(struct service *s)
{
	if (s->probes == NULL && (ready_count(s) > 0 || health_count(s) > 0)) {
		s->probes = xcalloc(1, sizeof(*s->probes));
		/* Answers to an earlier manager's life of this are not mixed up. */
		s->probes->last_id = clock_mono_us();
	}
	return s->probes != NULL;
}

void
svc_probes_reset(struct service *s)
{
	struct svc_probes *p = s->probes;

	if (p == NULL)
		return;
	p->known = p->ok = p->round_open = false;
	p->failures = p->successes = 0;
	p->at_us = 0;
	p->text[0] = '\0';
}

static void
spawn_aux(struct service *s, enum probe_use use, unsigned index)
{
	const struct probe_list *l =
	    use == PROBE_USE_READY ? &svc_sc(s)->ready : &svc_sc(s)->health;
	struct svc_aux *a = &s->probes->aux[use];
	struct svc_spawn *sp = &svc_deed(s, DEED_SPAWN)->u.spawn;

	a->running = true;
	a->killed = false;
	a->seq = ++s->m.seq;
	a->pid = 0;
	a->index = index;
	sp->slot = s->m.slot;
	sp->kind = use == PROBE_USE_READY ? PROC_READY : PROC_HEALTH;
	sp->seq = a->seq;
	memcpy(sp->invocation, s->m.invocation, sizeof(sp->invocation));
	sp->exec = EXEC_START;
	sp->cmd = &l->v[index].cmd;
	svc_timer(s, use == PROBE_USE_READY ? SVC_TIMER_PROBE : SVC_TIMER_PROBE_HEALTH,
	    clock_add_us(clock_mono_us(), svc_sc(s)->health_timeout_us));
}

static void
kill_aux(struct service *s, enum probe_use use)
{
	svc_timer(s, use == PROBE_USE_READY ? SVC_TIMER_PROBE : SVC_TIMER_PROBE_HEALTH,
	    UINT64_MAX);
	if (s->probes != NULL && s->probes->aux[use].running && s->m.slot != SLOT_NONE) {
		s->probes->aux[use].killed = true;
		svc_deed_signal(s, use == PROBE_USE_READY ? PROC_READY : PROC_HEALTH,
		    SIGNAL_PROC_GROUP, SIGKILL);
	}
}

static uint64_t
start_probe(struct service *s, enum probe_use use, const struct probe_conf *p)
{
	struct deed *d = svc_deed(s, DEED_PROBE_START);

	d->u.probe.use = use;
	d->u.probe.id = ++s->probes->last_id;
	d->u.probe.conf = p;
	d->u.probe.since_wall_us = use == PROBE_USE_READY ? s->m.started_wall_us : 0;
	d->u.probe.timeout_us = svc_sc(s)->health_timeout_us;
	return d->u.probe.id;
}

/* ---- readiness --------------------------------------------------------------- */

bool
svc_ready_probes_hold(const struct service *s)
{
	unsigned n = ready_count(s);
	uint64_t all = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;

	if (n == 0)
		return true;
	return svc_sc(s)->ready_when == READY_ANY ? (s->m.ready_mask & all) != 0
						  : (s->m.ready_mask & all) == all;
}

/* Those that hold, or those that do not. */
static void
list_ready(const struct service *s, bool hold, struct buf *out)
{
	static const char *const names[] = {
		[PROBE_PATTERN] = "ReadyPattern",
		[PROBE_TCP] = "ReadyTCP",
		[PROBE_HTTP] = "ReadyHTTP",
		[PROBE_EXEC] = "ReadyExec",
		[PROBE_FILE] = "ReadyFile",
		[PROBE_BUS] = "BusName",
	};

	for (unsigned i = 0; i < ready_count(s); i++) {
		const struct probe_conf *p = &svc_sc(s)->ready.v[i];

		if ((s->m.ready_mask >> i & 1) == hold)
			buf_addf(out, "%s%s=%s", out->len > 0 ? ", " : "", names[p->kind],
			    p->text != NULL ? p->text : "");
	}
}

void
svc_ready_evidence(const struct service *s, struct buf *out)
{
	list_ready(s, true, out);
}

void
svc_ready_missing(const struct service *s, struct buf *out)
{
	struct buf lines = { 0 };

	if (svc_ready_probes_hold(s))
		return;
	list_ready(s, false, &lines);
	buf_addf(out, "%s%s%s", out->len > 0 ? ", " : "",
	    svc_sc(s)->ready_when == READY_ANY && ready_count(s) > 1 ? "one of " : "",
	    buf_str(&lines));
	buf_free(&lines);
	if (s->probes != NULL && s->probes->ready_text[0] != '\0')
		buf_addf(out, " (%s)", s->probes->ready_text);
}

static bool
has_active_ready(const struct service *s)
{
	for (unsigned i = 0; i < ready_count(s); i++)
		if (svc_sc(s)->ready.v[i].kind != PROBE_PATTERN &&
		    !(s->m.ready_mask >> i & 1))
			return true;
	return false;
}

static void
plan_ready(struct service *s)
{
	uint64_t wait = READY_FIRST_MS * USEC_PER_MSEC;
	uint64_t max = svc_sc(s)->ready_interval_us;

	if (!has_active_ready(s))
		return;
	if (s->probes->ready_tries < 20)
		wait <<= s->probes->ready_tries;
	if (wait > max || s->probes->ready_tries >= 20)
		wait = max > 0 ? max : USEC_PER_MSEC;
	s->probes->ready_tries++;
	svc_timer(s, SVC_TIMER_READY, clock_add_us(clock_mono_us(), wait));
}

/* Lines of the log are looked at: for readiness, or by a rule. */
static bool
wants_lines(const struct unit_conf *conf, bool is_ready)
{
	const struct probe_list *l = &conf->service->ready;
	const struct unit_session *u = conf->session;

	for (size_t i = 0; !is_ready && i < l->n; i++)
		if (l->v[i].kind == PROBE_PATTERN)
			return true;
	for (size_t i = 0; u != NULL && i < u->rules.n; i++)
		if (rule_reads_log(&u->rules.v[i], u->session.terminal))
			return true;
	return false;
}

void
svc_deed_patterns(struct service *s)
{
	struct deed *d;

	if (!wants_lines(s->conf, svc_is_up(s)))
		return;
	d = svc_deed(s, DEED_PATTERNS);
	d->u.patterns.slot = s->m.slot;
	memcpy(
	    d->u.patterns.invocation, s->m.invocation, sizeof(d->u.patterns.invocation));
	d->u.patterns.list = &svc_sc(s)->ready;
}

void
svc_ready_begin(struct service *s)
{
	if (!has_probes(s))
		return;
	memset(s->probes->ready_id, 0, sizeof(s->probes->ready_id));
	s->probes->ready_tries = 0;
	s->probes->ready_text[0] = '\0';
	if (svc_sc(s)->type == SERVICE_FORKING && !s->m.ready)
		return; /* begins when the starter is done */
	plan_ready(s);
}

void
svc_ready_end(struct service *s)
{
	bool any = false;

	svc_timer(s, SVC_TIMER_READY, UINT64_MAX);
	if (s->probes == NULL)
		return;
	for (unsigned i = 0; i < SVC_PROBES_MAX; i++) {
		any |= s->probes->ready_id[i] != 0;
		s->probes->ready_id[i] = 0;
	}
	if (any)
		svc_deed(s, DEED_PROBE_STOP)->u.probe.use = PROBE_USE_READY;
	kill_aux(s, PROBE_USE_READY);
}

void
svc_ready_try(struct service *s)
{
	const struct probe_list *l = &svc_sc(s)->ready;

	if (s->m.state != SVC_START || !has_probes(s))
		return;
	for (unsigned i = 0; i < ready_count(s); i++) {
		if ((s->m.ready_mask >> i & 1) || s->probes->ready_id[i] != 0)
			continue;
		switch (l->v[i].kind) {
		case PROBE_PATTERN:
			break;
		case PROBE_EXEC:
			if (!s->probes->aux[PROBE_USE_READY].running)
				spawn_aux(s, PROBE_USE_READY, i);
			break;
		default:
			s->probes->ready_id[i] =
			    start_probe(s, PROBE_USE_READY, &l->v[i]);
			break;
		}
	}
	plan_ready(s);
}

static void
ready_holds(struct service *s, unsigned i)
{
	if (i >= ready_count(s) || s->m.state != SVC_START)
		return;
	s->m.ready_mask |= UINT64_C(1) << i;
	if (svc_ready_probes_hold(s))
		svc_raise(s, SVC_EV_READY);
}

void
svc_on_match(struct service *s, uint32_t slot, uint32_t rule, const char *text)
{
	(void)text;
	if (s->restoring || slot != s->m.slot || rule >= ready_count(s) ||
	    svc_sc(s)->ready.v[rule].kind != PROBE_PATTERN)
		return;
	ready_holds(s, rule);
	svc_settle(s);
}

/* ---- health ------------------------------------------------------------------ */

static bool
health_applies(const struct service *s)
{
	return svc_is_up(s) && s->m.state != SVC_START_POST && health_count(s) > 0;
}

void
svc_health_begin(struct service *s)
{
	if (!health_applies(s) || s->m.deadline_us[SVC_TIMER_HEALTH] != UINT64_MAX)
		return;
	svc_timer(s, SVC_TIMER_HEALTH,
	    clock_add_us(clock_mono_us(), svc_sc(s)->health_interval_us));
}

void
svc_health_end(struct service *s)
{
	bool any = false;

	svc_timer(s, SVC_TIMER_HEALTH, UINT64_MAX);
	if (s->probes == NULL)
		return;
	s->probes->round_open = false;
	for (unsigned i = 0; i < SVC_PROBES_MAX; i++) {
		any |= s->probes->health_id[i] != 0;
		s->probes->health_id[i] = 0;
	}
	if (any)
		svc_deed(s, DEED_PROBE_STOP)->u.probe.use = PROBE_USE_HEALTH;
	kill_aux(s, PROBE_USE_HEALTH);
}

static void
set_text(char *dst, size_t size, const char *src)
{
	size_t n = utf8_head(src, strlen(src), size - 1);

	memmove(dst, src, n);
	dst[n] = '\0';
}

static bool
in_grace(const struct service *s)
{
	return s->m.active_us != 0 &&
	       clock_mono_us() < clock_add_us(s->m.active_us, svc_sc(s)->health_grace_us);
}

static void
round_over(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	struct svc_note note = { .what = SVC_EMIT_HEALTH, .first = !s->probes->known };
	bool ok = s->probes->round_ok;

	s->probes->round_open = false;
	s->probes->at_us = clock_mono_us();
	set_text(s->probes->text, sizeof(s->probes->text), s->probes->round_text);
	if (ok) {
		s->probes->failures = 0;
		if (s->probes->successes < UINT32_MAX)
			s->probes->successes++;
		if (s->probes->successes >= c->health_successes &&
		    (!s->probes->known || !s->probes->ok)) {
			s->probes->known = s->probes->ok = note.ok = true;
			svc_note(s, &note, s->probes->text);
		}
		return;
	}
	s->probes->successes = 0;
	if (in_grace(s))
		return;
	if (s->probes->failures < UINT32_MAX)
		s->probes->failures++;
	if (s->probes->failures < c->health_failures)
		return;
	if (!s->probes->known || s->probes->ok) {
		s->probes->known = true;
		s->probes->ok = false;
		svc_note(s, &note, s->probes->text);
	}
	if (c->health_action == HEALTH_RESTART)
		svc_dispatch(s,
		    &(struct svc_event_in){ .ev = SVC_EV_WATCHDOG, .from_health = true });
}

static void
round_result(struct service *s, bool ok, const char *text)
{
	if (s->probes == NULL || !s->probes->round_open)
		return;
	/* The evidence is the first failure, else the newest success. */
	if (s->probes->round_ok)
		set_text(s->probes->round_text, sizeof(s->probes->round_text), text);
	if (!ok)
		s->probes->round_ok = false;
	if (s->probes->round_left > 0 && --s->probes->round_left == 0)
		round_over(s);
}

/* The next HealthExec= line from index on. */
static void
next_exec(struct service *s, unsigned from)
{
	const struct probe_list *l = &svc_sc(s)->health;

	for (unsigned i = from; i < health_count(s); i++) {
		if (l->v[i].kind == PROBE_EXEC) {
			spawn_aux(s, PROBE_USE_HEALTH, i);
			return;
		}
	}
}

void
svc_on_health_timer(struct service *s)
{
	const struct probe_list *l = &svc_sc(s)->health;
	bool exec_stuck;

	if (!health_applies(s) || !has_probes(s))
		return;
	exec_stuck = s->probes->aux[PROBE_USE_HEALTH].running;
	svc_timer(s, SVC_TIMER_HEALTH,
	    clock_add_us(clock_mono_us(), svc_sc(s)->health_interval_us));
	if (s->probes->round_open) {
		/* The last round is not over: only what cannot be ended counts. */
		if (exec_stuck && s->probes->aux[PROBE_USE_HEALTH].killed) {
			s->probes->round_ok = false;
			set_text(s->probes->round_text, sizeof(s->probes->round_text),
			    "a HealthExec= command does not end by KILL");
			round_over(s);
		}
		return;
	}
	if (exec_stuck) {
		s->probes->round_ok = false;
		set_text(s->probes->round_text, sizeof(s->probes->round_text),
		    "a HealthExec= command does not end by KILL");
		round_over(s);
		return;
	}
	s->probes->round_open = s->probes->round_ok = true;
	s->probes->round_text[0] = '\0';
	s->probes->round_left = health_count(s);
	for (unsigned i = 0; i < health_count(s); i++) {
		if (l->v[i].kind == PROBE_EXEC || l->v[i].kind == PROBE_PATTERN)
			continue;
		s->probes->health_id[i] = start_probe(s, PROBE_USE_HEALTH, &l->v[i]);
	}
	next_exec(s, 0);
}

/* Where no bus is there was nothing to ask, and is nothing to lose. */
static void
name_held(struct service *s, const char *name, const char *text)
{
	s->m.has_name = strncmp(text, PROBE_NO_BUS, strlen(PROBE_NO_BUS)) != 0;
	if (!s->m.has_name)
		log_warnx("%s: %s; BusName=%s is not waited for", svc_conf(s)->stem, text,
		    name);
}

static void
probe_holds(struct service *s, unsigned i, const char *text)
{
	const struct probe_conf *p = &svc_sc(s)->ready.v[i];

	if (i < ready_count(s) && p->kind == PROBE_BUS)
		name_held(s, p->text, text);
	ready_holds(s, i);
}

void
svc_on_probe(
    struct service *s, enum probe_use use, uint64_t id, bool ok, const char *text)
{
	uint64_t *ids;

	if (id == 0 || s->restoring || s->probes == NULL)
		return;
	ids = use == PROBE_USE_READY ? s->probes->ready_id : s->probes->health_id;
	for (unsigned i = 0; i < SVC_PROBES_MAX; i++) {
		if (ids[i] != id)
			continue;
		ids[i] = 0;
		if (use == PROBE_USE_HEALTH)
			round_result(s, ok, text);
		else if (ok)
			probe_holds(s, i, text);
		else
			set_text(
			    s->probes->ready_text, sizeof(s->probes->ready_text), text);
		break;
	}
	svc_settle(s);
}

void
svc_on_aux_timer(struct service *s, enum probe_use use)
{
	if (s->probes != NULL && s->probes->aux[use].running)
		kill_aux(s, use);
}

void
svc_on_aux_exit(struct service *s, enum probe_use use, const struct msg_exit *x)
{
	struct svc_aux *a;
	struct svc_exit e = {
		.how = x->how, .status = x->status, .phase = x->phase, .err = x->err
	};
	char what[128], text[SVC_WHY_MAX];
	const struct probe_list *l =
	    use == PROBE_USE_READY ? &svc_sc(s)->ready : &svc_sc(s)->health;
	bool ok = x->how == EXIT_EXITED && x->status == 0 && x->phase == 0;
	bool killed;

	if (s->probes == NULL)
		return;
	a = &s->probes->aux[use];
	killed = a->killed;
	if (!a->running || a->seq != x->seq)
		return;
	a->running = a->killed = false;
	svc_timer(s, use == PROBE_USE_READY ? SVC_TIMER_PROBE : SVC_TIMER_PROBE_HEALTH,
	    UINT64_MAX);
	svc_exit_text(&e, what, sizeof(what));
	if (a->index >= l->n)
		return;
	snprintf(text, sizeof(text), "%.100s %s",
	    l->v[a->index].text != NULL ? l->v[a->index].text : "command",
	    killed ? "took too long" : what);
	if (use == PROBE_USE_HEALTH) {
		if (s->probes->round_open && s->probes->round_left > 1)
			next_exec(s, a->index + 1);
		round_result(s, ok, text);
	} else if (ok) {
		ready_holds(s, a->index);
	} else {
		set_text(s->probes->ready_text, sizeof(s->probes->ready_text), text);
	}
}

void
svc_health(const struct service *s, struct svc_health *out)
{
	memset(out, 0, sizeof(*out));
	out->configured = svc_sc(s)->health.n > 0;
	out->evidence = "";
	if (s->probes == NULL)
		return;
	out->known = s->probes->known;
	out->ok = s->probes->ok;
	out->failures = s->probes->failures;
	out->successes = s->probes->successes;
	out->at_us = s->probes->at_us;
	out->evidence = s->probes->text;
}
