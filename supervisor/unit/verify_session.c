/*
 * verify_session: rules about several keys of a session.
 */
#include "unit/verify_session.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/instance_set.h"
#include "unit/kinds.h"
#include "unit/load.h"

#define SESSION_TIMEOUT_STOP_US (15 * UINT64_C(1000000))

/* ---- completion ---- */

static bool
rule_has(const struct rule_conf *r, const char *key)
{
	const struct directive *d = directive_find(SECTION_RULE, key);

	return (r->set >> directive_place(d) & 1) != 0;
}

static bool
has_exit_status(const struct rule_conf *r)
{
	const struct exit_set *s = &r->exit_status;

	return s->signals != 0 || s->status[0] != 0 || s->status[1] != 0 ||
	       s->status[2] != 0 || s->status[3] != 0;
}

static void
complete_rule(struct rule_conf *r, bool terminal)
{
	r->exit_status_set = has_exit_status(r);
	if (rule_has(r, "Source"))
		return;
	if (r->file != NULL)
		r->source = RULE_FILE;
	else if (r->exit_status_set && r->pattern == NULL)
		r->source = RULE_EXIT;
	else
		r->source = terminal ? RULE_SCREEN : RULE_STDOUT;
}

static bool
has_message(const struct heartbeat_conf *h)
{
	return h->messages.n > 0 || h->message_file != NULL;
}

bool
session_wants_notify(const struct unit_session *u)
{
	const struct budget_conf *b = &u->budget;

	if (!u->any || (b->limit[BUDGET_TOKENS] == UNIT_INFINITY &&
			   b->limit[BUDGET_COST] == UNIT_INFINITY))
		return false;
	for (size_t i = 0; i < b->n_sources; i++)
		if (b->sources[i].kind == BUDGET_FROM_NOTIFY)
			return true;
	return b->n_sources == 0;
}

void
session_complete(struct unit_parts *parts)
{
	struct unit_session *u = &parts->session;
	struct service_conf *s = &parts->service;

	if (!u->any)
		return;
	/* Readers see from this alone that there is none. */
	if (!has_message(&u->heartbeat)) {
		u->heartbeat.interval_us = 0;
		free(u->heartbeat.tiers);
		u->heartbeat.tiers = NULL;
		u->heartbeat.n_tiers = 0;
	}
	for (size_t i = 0; i < u->rules.n; i++)
		complete_rule(&u->rules.v[i], u->session.terminal);
	if (!u->session.terminal)
		return;
	if (!unit_conf_is_set(&parts->unit, "Type") && s->exec[EXEC_START].n > 0)
		s->type = SERVICE_EXEC;
	if (!unit_conf_is_set(&parts->unit, "TimeoutStopSec"))
		s->timeout_stop_us = SESSION_TIMEOUT_STOP_US;
	/* Interactive shells do not end by TERM; a terminal that goes away is a HUP. */
	if (!unit_conf_is_set(&parts->unit, "SendSIGHUP"))
		s->kill.send_sighup = true;
}

/* ---- telling ---- */

struct check {
	const struct unit_conf *conf;
	const struct unit_session *u;
	const struct places *places;
	struct diags *d;
};

/* About a key, where it was last set, else about its rule or the unit. */
static void tell(const struct check *c, enum diag_level level, enum section section,
    const struct rule_conf *rule, const char *key, const char *hint, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

static void
tell(const struct check *c, enum diag_level level, enum section section,
    const struct rule_conf *rule, const char *key, const char *hint, const char *fmt, ...)
{
	const struct directive *d = directive_find(section, key);
	const struct place *at;
	const char *file = c->conf->fragment != NULL ? c->conf->fragment : c->conf->id;
	va_list ap;
	char *text;

	assert(d != NULL);
	at = place_find(c->places, d, rule);
	if (at == NULL && rule != NULL)
		at = place_find(c->places, NULL, rule);
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (rule != NULL) {
		char *of_rule = xasprintf("[Rule %s] %s", rule->name, text);

		free(text);
		text = of_rule;
	}
	diag_add(c->d, level, at != NULL ? at->file : file, at != NULL ? at->line : 0,
	    at != NULL ? at->col : 0, hint, "%s", text);
	free(text);
}

static bool
is_key_set(const struct check *c, enum section section, const char *key)
{
	return place_find(c->places, directive_find(section, key), NULL) != NULL;
}

/* ---- [Session] ---- */

static void
verify_terminal(const struct check *c)
{
	static const char *const streams[] = { "StandardInput", "StandardOutput",
		"StandardError" };
	const struct service_conf *s = c->conf->service;
	const bool defaults[] = {
		s->context.in.kind == STDIO_NULL || stdio_is_tty(s->context.in.kind),
		s->context.out.kind == STDIO_LOG || s->context.out.kind == STDIO_TTY,
		s->context.err.kind == STDIO_INHERIT ||
		    s->context.err.kind == STDIO_LOG || s->context.err.kind == STDIO_TTY
	};

	for (size_t i = 0; i < 3; i++)
		if (!defaults[i])
			tell(c, DIAG_WARNING, SECTION_SESSION, NULL, "Terminal", NULL,
			    "%s= has no effect: the terminal is stdin, stdout and stderr "
			    "of the session",
			    streams[i]);
	if (unit_conf_is_set(c->conf, "Type") &&
	    (s->type == SERVICE_FORKING || s->type == SERVICE_ONESHOT))
		tell(c, DIAG_WARNING, SECTION_SESSION, NULL, "Terminal",
		    "leave Type= out, or set exec, simple or notify",
		    "a session is the program that has the terminal, which Type=%s is "
		    "not",
		    s->type == SERVICE_FORKING ? "forking" : "oneshot");
}

/* What cannot be without a terminal. */
static void
verify_no_terminal(const struct check *c)
{
	static const char *const keys[] = { "InitialInput", "Record" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (is_key_set(c, SECTION_SESSION, keys[i]))
			tell(c, DIAG_WARNING, SECTION_SESSION, NULL, keys[i],
			    "add Terminal=yes to [Session]",
			    "%s= has no effect without a terminal", keys[i]);
	if (has_message(&c->u->heartbeat))
		tell(c, DIAG_WARNING, SECTION_HEARTBEAT, NULL,
		    c->u->heartbeat.messages.n > 0 ? "Message" : "MessageFile",
		    "add Terminal=yes to [Session]",
		    "a heartbeat has no effect without a terminal");
}

static void
verify_stale(const struct check *c)
{
	const struct session_conf *s = &c->u->session;
	bool poke =
	    (s->stale_us != UNIT_INFINITY && s->stale_action == STALE_POKE) ||
	    (s->very_stale_us != UNIT_INFINITY && s->very_stale_action == STALE_POKE);

	if (s->very_stale_us != UNIT_INFINITY && s->stale_us != UNIT_INFINITY &&
	    s->very_stale_us <= s->stale_us)
		tell(c, DIAG_WARNING, SECTION_SESSION, NULL, "VeryStaleSec", NULL,
		    "VeryStaleSec= is not more than StaleSec=");
	if (poke && !has_message(&c->u->heartbeat))
		tell(c, DIAG_WARNING, SECTION_SESSION, NULL,
		    s->stale_action == STALE_POKE ? "StaleAction" : "VeryStaleAction",
		    "add Message= to [Heartbeat]",
		    "a poke has no effect without a message");
}

static void
verify_heartbeat(const struct check *c)
{
	static const char *const keys[] = { "IntervalSec", "IdleIntervals" };

	for (size_t i = 0; i < 2; i++)
		if (is_key_set(c, SECTION_HEARTBEAT, keys[i]) &&
		    !has_message(&c->u->heartbeat))
			tell(c, DIAG_WARNING, SECTION_HEARTBEAT, NULL, keys[i],
			    "add Message= or MessageFile=",
			    "%s= has no effect: there is nothing to say", keys[i]);
}

/* ---- [Rule NAME] ---- */

/* What it captures is counted. */
static bool
is_budget_source(const struct check *c, const struct rule_conf *r)
{
	const struct budget_conf *b = &c->u->budget;

	for (size_t i = 0; i < b->n_sources; i++)
		if (b->sources[i].kind == BUDGET_FROM_RULE &&
		    strcmp(b->sources[i].arg, r->name) == 0)
			return true;
	return false;
}

static void
verify_rule_action(const struct check *c, const struct rule_conf *r)
{
	if (r->action == RULE_SEND && r->text == NULL)
		tell(c, DIAG_ERROR, SECTION_RULE, r, "Action",
		    "add Text=", "Action=send has no text");
	if (r->action != RULE_SEND && r->text != NULL)
		tell(c, DIAG_WARNING, SECTION_RULE, r, "Text", "add Action=send",
		    "Text= has no effect without Action=send");
	if (r->action == RULE_KEY && r->keys.n == 0)
		tell(c, DIAG_ERROR, SECTION_RULE, r, "Action",
		    "add Keys=", "Action=key has no keys");
	if (r->action != RULE_KEY && r->keys.n > 0)
		tell(c, DIAG_WARNING, SECTION_RULE, r, "Keys", "add Action=key",
		    "Keys= has no effect without Action=key");
	if ((r->action == RULE_SEND || r->action == RULE_KEY) && !c->u->session.terminal)
		tell(c, DIAG_WARNING, SECTION_RULE, r, "Action",
		    "add Terminal=yes to [Session]",
		    "Action=%s has no effect without a terminal",
		    rule_action_name(r->action));
	if (r->action == RULE_HOLD_POOL && c->conf->service->pool == NULL)
		tell(c, DIAG_WARNING, SECTION_RULE, r, "Action", "add Pool= to [Service]",
		    "Action=hold-pool holds the unit alone: it is in no pool");
	if (r->action == RULE_NONE && r->state == SESSION_UNKNOWN &&
	    !rule_has(r, "Action") && !rule_has(r, "State") &&
	    !rule_has(r, "CountAsFailure") && !is_budget_source(c, r))
		tell(c, DIAG_WARNING, SECTION_RULE, r, "Pattern",
		    "add State= or Action=", "says nothing");
}

static void
verify_rule_source(const struct check *c, const struct rule_conf *r)
{
	bool terminal = c->u->session.terminal;
	/* Of a key that was completed there is no place. */
	const char *key = rule_has(r, "Source") ? "Source" : "Pattern";

	if (r->source == RULE_SCREEN && !terminal)
		tell(c, DIAG_WARNING, SECTION_RULE, r, key,
		    "use Source=stdout, or add Terminal=yes to [Session]",
		    "Source=screen never matches without a terminal");
	if (r->source == RULE_STDERR && terminal)
		tell(c, DIAG_WARNING, SECTION_RULE, r, key, "use Source=stdout",
		    "Source=stderr never matches: with a terminal all output is stdout");
	if (r->source == RULE_FILE && r->file == NULL)
		tell(c, DIAG_ERROR, SECTION_RULE, r, key,
		    "add File=", "Source=file has no file");
	if (r->source != RULE_FILE && r->file != NULL)
		tell(c, DIAG_WARNING, SECTION_RULE, r, "File", "use Source=file",
		    "File= has no effect with Source=%s", rule_source_name(r->source));
	if (r->pointer != NULL && r->source != RULE_FILE)
		tell(c, DIAG_WARNING, SECTION_RULE, r, "Pointer", "use Source=file",
		    "Pointer= has no effect with Source=%s", rule_source_name(r->source));
	if (r->lines > 0 && r->source != RULE_SCREEN)
		tell(c, DIAG_WARNING, SECTION_RULE, r, "ScreenLines", "use Source=screen",
		    "ScreenLines= has no effect with Source=%s",
		    rule_source_name(r->source));
	if (r->source != RULE_EXIT && r->source != RULE_FILE && !rule_has(r, "Pattern") &&
	    !rule_has(r, "ExitStatus") &&
	    (r->action != RULE_NONE || r->state != SESSION_UNKNOWN))
		tell(c, DIAG_WARNING, SECTION_RULE, r, key,
		    "add Pattern=", "holds always: it names no pattern");
}

static void
verify_rule_until(const struct check *c, const struct rule_conf *r)
{
	int named = r->until != NULL ? until_groups(r->until) : -1;
	int groups = r->pattern != NULL ? pattern_groups(r->pattern) : -1;

	if (named > groups && groups == -1)
		tell(c, DIAG_ERROR, SECTION_RULE, r, "Until", "add Pattern=",
		    "Until= names what a pattern captured, and there is none");
	else if (named > groups)
		tell(c, DIAG_ERROR, SECTION_RULE, r, "Until",
		    "put ( ) around the time in Pattern=",
		    "Until= names group %d, and the pattern has %d", named, groups);
	if (r->until != NULL && r->state == SESSION_UNKNOWN && r->action != RULE_HOLD &&
	    r->action != RULE_HOLD_POOL && r->action != RULE_RETRY)
		tell(c, DIAG_WARNING, SECTION_RULE, r, "Until",
		    "add State=limited or Action=hold",
		    "Until= ends nothing: the rule names no state and does not hold");
}

static void
verify_rules(const struct check *c)
{
	for (size_t i = 0; i < c->u->rules.n; i++) {
		const struct rule_conf *r = &c->u->rules.v[i];

		verify_rule_source(c, r);
		verify_rule_action(c, r);
		verify_rule_until(c, r);
	}
}

/* ---- [Budget], [Instances] ---- */

/* The rule that a source names; NULL: there is none. */
static const struct rule_conf *
rule_of_source(const struct check *c, const struct budget_source *s)
{
	for (size_t i = 0; i < c->u->rules.n; i++)
		if (strcmp(c->u->rules.v[i].name, s->arg) == 0)
			return &c->u->rules.v[i];
	return NULL;
}

static void
refuse_missing_rule(const struct check *c, const struct budget_source *s)
{
	size_t limit = strlen(s->arg) < 6 ? 1 : 2;
	char *hint = NULL;

	for (size_t i = 0; hint == NULL && i < c->u->rules.n; i++) {
		const char *name = c->u->rules.v[i].name;

		if (edit_distance(name, s->arg, limit) <= limit)
			hint = xasprintf("did you mean rule:%s?", name);
	}
	tell(c, DIAG_ERROR, SECTION_BUDGET, NULL, "Source", hint,
	    "Source= names a rule that is not there: %s", s->arg);
	free(hint);
}

static void
verify_budget_rule(const struct check *c, const struct budget_source *s)
{
	const struct rule_conf *r = rule_of_source(c, s);
	int groups, named = 1;

	if (r == NULL) {
		refuse_missing_rule(c, s);
		return;
	}
	groups = r->pattern != NULL ? pattern_groups(r->pattern) : 0;
	for (int i = 0; i < BUDGET_NCOUNTED; i++)
		if (s->capture[i] > named)
			named = s->capture[i];
	if (named > groups)
		tell(c, DIAG_ERROR, SECTION_BUDGET, NULL, "Source",
		    "put ( ) around the number in Pattern=",
		    "Source= wants group %d of rule %s, whose pattern has %d", named,
		    r->name, groups);
	if (r->source == RULE_EXIT || r->source == RULE_FILE)
		tell(c, DIAG_WARNING, SECTION_BUDGET, NULL, "Source",
		    "use a rule with Source=screen, stdout or stderr",
		    "nothing is counted of rule %s: it has Source=%s", r->name,
		    rule_source_name(r->source));
}

static bool
has_limit(const struct check *c, enum budget_kind kind)
{
	return c->u->budget.limit[kind] != UNIT_INFINITY;
}

/* What a source without groups tells is what there is a limit of. */
static bool
source_counts(
    const struct check *c, const struct budget_source *s, enum budget_counted what)
{
	switch (s->kind) {
	case BUDGET_FROM_FILE:
		return s->pointer[what] != NULL;
	case BUDGET_FROM_RULE:
		if (s->capture[0] != 0 || s->capture[1] != 0)
			return s->capture[what] != 0;
		return what == BUDGET_COUNTED_TOKENS || !has_limit(c, BUDGET_TOKENS);
	default:
		return true;
	}
}

/* A limit of what no source tells. */
static void
verify_budget_counted(const struct check *c, enum budget_kind kind, const char *hint,
    enum budget_counted what)
{
	const struct budget_conf *b = &c->u->budget;

	if (!has_limit(c, kind) || b->n_sources == 0)
		return;
	for (size_t i = 0; i < b->n_sources; i++)
		if (source_counts(c, &b->sources[i], what))
			return;
	tell(c, DIAG_WARNING, SECTION_BUDGET, NULL, budget_kind_name(kind), hint,
	    "%s= is never known: no Source= tells it", budget_kind_name(kind));
}

/* The longest that a period may last; INFINITY: for ever. */
static uint64_t
period_length_us(const struct budget_period *period)
{
	static const uint64_t hours[] = { [BUDGET_HOUR] = 1,
		[BUDGET_DAY] = 25,
		[BUDGET_WEEK] = 7 * 24 + 1,
		[BUDGET_MONTH] = 31 * 24 + 1 };

	return period->calendar == BUDGET_SPAN
		   ? period->us
		   : hours[period->calendar] * 3600 * UINT64_C(1000000);
}

static void
verify_budget_use(const struct check *c)
{
	static const char *const keys[] = { "Period", "OnExceed", "Source" };
	bool any = false;

	/* One that is switched off, or wrong, is a limit all the same. */
	for (int k = 0; k < BUDGET_NKINDS; k++)
		any = any || is_key_set(c, SECTION_BUDGET,
				 budget_kind_name((enum budget_kind)k));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!any && is_key_set(c, SECTION_BUDGET, keys[i]))
			tell(c, DIAG_WARNING, SECTION_BUDGET, NULL, keys[i],
			    "add Cost=, Tokens=, RunTimeSec=, LogBytes= or Restarts=",
			    "%s= has no effect: there is no limit", keys[i]);
	if (any && is_key_set(c, SECTION_BUDGET, "Source") &&
	    !is_key_set(c, SECTION_BUDGET, "Tokens") &&
	    !is_key_set(c, SECTION_BUDGET, "Cost"))
		tell(c, DIAG_WARNING, SECTION_BUDGET, NULL, "Source",
		    "add Tokens= or Cost=",
		    "Source= has no effect: it tells tokens and cost, and neither has a "
		    "limit");
}

static void
verify_budget(const struct check *c)
{
	const struct budget_conf *b = &c->u->budget;
	uint64_t longest_us = period_length_us(&b->period);

	for (size_t i = 0; i < b->n_sources; i++)
		if (b->sources[i].kind == BUDGET_FROM_RULE)
			verify_budget_rule(c, &b->sources[i]);
	verify_budget_use(c);
	verify_budget_counted(c, BUDGET_TOKENS,
	    "write Source=file:PATH#/TOKENS or rule:NAME#GROUP", BUDGET_COUNTED_TOKENS);
	verify_budget_counted(c, BUDGET_COST,
	    "write Source=file:PATH#/TOKENS,/COST or rule:NAME#,GROUP",
	    BUDGET_COUNTED_COST);
	if (has_limit(c, BUDGET_RUN_TIME) && longest_us != UNIT_INFINITY &&
	    b->limit[BUDGET_RUN_TIME] > longest_us)
		tell(c, DIAG_WARNING, SECTION_BUDGET, NULL, "RunTimeSec", NULL,
		    "RunTimeSec= is never reached: Period= is shorter");
}

static void
verify_instances(const struct check *c)
{
	static const char *const keys[] = { "FromJSON", "FromGlob", "MaxNewPerScan",
		"OnRemove" };
	const struct instances_conf *i = &c->u->instances;
	bool from = i->json_file != NULL || i->glob != NULL;

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		if (!is_key_set(c, SECTION_INSTANCES, keys[k]))
			continue;
		if (c->conf->instance == NULL)
			tell(c, DIAG_ERROR, SECTION_INSTANCES, NULL, keys[k],
			    "name the file NAME@.service",
			    "%s= in a unit that is no template: only these have "
			    "instances",
			    keys[k]);
		else if (k >= 2 && !from)
			tell(c, DIAG_WARNING, SECTION_INSTANCES, NULL, keys[k],
			    "add FromJSON= or FromGlob=", "%s= has no effect", keys[k]);
	}
	if (i->glob != NULL && !instance_is_wild(i->glob, strlen(i->glob)))
		tell(c, DIAG_ERROR, SECTION_INSTANCES, NULL, "FromGlob",
		    "put * where their names stand, as in /srv/rigs/*",
		    "FromGlob= names one file: instances are called by what a wildcard "
		    "stands for");
}

void
session_verify(const struct unit_conf *conf, const struct places *places, struct diags *d)
{
	const struct check c = { conf, conf->session, places, d };

	if (conf->session == NULL || !conf->session->any)
		return;
	if (conf->session->session.terminal)
		verify_terminal(&c);
	else
		verify_no_terminal(&c);
	verify_stale(&c);
	verify_heartbeat(&c);
	verify_rules(&c);
	verify_budget(&c);
	verify_instances(&c);
}
