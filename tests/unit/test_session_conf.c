/*
 * Tests of what unit files say of sessions: profiles, rules over several files, what
 * follows from what, and what differs between two.
 */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"
#include "unit/load.h"
#include "units_rig.h"

#define S UINT64_C(1000000)

static struct unit_conf *
load(struct fixture *f, const char *name, enum unit_load_state want)
{
	struct unit_conf *c;

	diags_clear(&f->d);
	c = unit_load(f->paths, NULL, name, &f->d);
	if (c->load_state != want) {
		diags_print(&f->d, stderr);
		fail_msg("%s is %s", name, unit_load_state_name(c->load_state));
	}
	return c;
}

static bool
told(const struct fixture *f, const char *what)
{
	for (size_t i = 0; i < f->d.n; i++) {
		char *line = diag_format(&f->d.v[i]);
		bool found = strstr(line, what) != NULL;

		free(line);
		if (found)
			return true;
	}
	return false;
}

static void
rules_are(const struct unit_conf *c, const char *names)
{
	struct buf b = { 0 };

	assert_non_null(c->session);
	for (size_t i = 0; i < c->session->rules.n; i++)
		buf_addf(&b, "%s%s", i > 0 ? " " : "", c->session->rules.v[i].name);
	assert_string_equal(buf_str(&b), names);
	buf_free(&b);
}

static const char plain[] = "[Service]\nExecStart=/bin/a\n";
static const char session[] =
    "[Service]\nExecStart=/bin/a\n[Session]\nTerminal=yes\nProfile=agent\n";

/* ---- what is and what is no session ---- */

static void
a_service_is_no_session(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c;

	put(f, "high/a.service", plain);
	c = load(f, "a.service", UNIT_LOADED);
	assert_null(c->session);
	assert_int_equal(c->service->type, SERVICE_SIMPLE);
	assert_int_equal(c->service->timeout_stop_us, 90 * S);
	unit_conf_free(c);
}

static void
a_session_has_its_defaults(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c, *twin;
	const struct session_conf *s;

	put(f, "high/a.service",
	    "[Service]\nExecStart=/bin/a\n[Session]\nTerminal=yes\n");
	put(f, "high/b.service",
	    "[Service]\nExecStart=/bin/a\n[Session]\nTerminal=yes\n");
	c = load(f, "a.service", UNIT_LOADED);
	assert_non_null(c->session);
	s = &c->session->session;
	assert_true(s->terminal);
	assert_int_equal(s->cols, 120);
	assert_int_equal(s->rows, 40);
	assert_null(s->profile);
	assert_null(s->initial_input);
	assert_int_equal(s->pending_start_us, 300 * S);
	assert_int_equal(s->input_debounce_us, 100000);
	assert_string_equal(s->input_clear, "C-u");
	assert_int_equal(s->input_when, SESSION_STATE_BIT(SESSION_IDLE));
	assert_int_equal(s->input_expire_us, 600 * S);
	assert_int_equal(s->input_confirm_us, 5 * S);
	assert_int_equal(s->input_retries, 3);
	assert_int_equal(s->draft_us, 60 * S);
	assert_int_equal(s->idle_us, 10 * S);
	assert_true(s->stale_us == UNIT_INFINITY && s->very_stale_us == UNIT_INFINITY);
	assert_int_equal(s->stale_action, STALE_NOTIFY);
	assert_int_equal(s->very_stale_action, STALE_RESTART);
	assert_int_equal(s->stale_grace_us, 300 * S);
	assert_int_equal(s->stale_exempt, SESSION_STATE_BIT(SESSION_IDLE) |
					      SESSION_STATE_BIT(SESSION_WAITING) |
					      SESSION_STATE_BIT(SESSION_LIMITED));
	assert_int_equal(s->record, RECORD_NO);
	/* Nothing to say: no heartbeat. */
	assert_int_equal(c->session->heartbeat.interval_us, 0);
	assert_string_equal(c->session->heartbeat.coalesce, "heartbeat");
	for (int i = 0; i < BUDGET_NKINDS; i++)
		assert_true(c->session->budget.limit[i] == UNIT_INFINITY);
	assert_int_equal(c->session->budget.period.calendar, BUDGET_DAY);
	assert_int_equal(c->session->budget.n_sources, 0);
	assert_int_equal(c->session->budget.on_exceed, BUDGET_HOLD);
	assert_int_equal(c->session->instances.on_remove, INSTANCES_LEAVE);
	assert_int_equal(c->session->instances.max_new, 10);
	assert_int_equal(c->service->type, SERVICE_EXEC);
	assert_int_equal(c->service->timeout_stop_us, 15 * S);
	assert_int_equal(c->service->timeout_abort_us, 15 * S);
	/* Units that say the same share it. */
	twin = load(f, "b.service", UNIT_LOADED);
	assert_ptr_equal(twin->session, c->session);
	unit_conf_free(c);
	assert_string_equal(twin->session->session.input_clear, "C-u");
	unit_conf_free(twin);
}

static void
what_is_set_wins_over_what_follows(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c;

	put(f, "high/a.service",
	    "[Service]\nExecStart=/bin/a\nType=simple\nTimeoutSec=40\n"
	    "[Session]\nTerminal=yes\nInputClear=none\nInputClear=\nInputWhen=any\n"
	    "TerminalSize=\nStaleExempt=none\n"
	    "[Heartbeat]\nMessage=a\nCoalesce=none\nIdleIntervals=0:1min 1h:2h\n");
	c = load(f, "a.service", UNIT_LOADED);
	assert_int_equal(c->service->type, SERVICE_SIMPLE);
	assert_int_equal(c->service->timeout_stop_us, 40 * S);
	assert_string_equal(c->session->session.input_clear, "C-u");
	assert_int_equal(c->session->session.cols, 120);
	assert_int_equal(c->session->session.stale_exempt, 0);
	assert_true(
	    (c->session->session.input_when & SESSION_STATE_BIT(SESSION_UNKNOWN)) != 0);
	assert_string_equal(c->session->heartbeat.coalesce, "");
	assert_int_equal(c->session->heartbeat.interval_us, 300 * S);
	assert_int_equal(c->session->heartbeat.n_tiers, 2);
	assert_int_equal(c->session->heartbeat.tiers[1].idle_us, 3600 * S);
	assert_int_equal(c->session->heartbeat.tiers[1].interval_us, 7200 * S);
	unit_conf_free(c);

	put(f, "high/a.service",
	    "[Service]\nExecStart=/bin/a\n[Session]\nInputClear=none\n"
	    "[Heartbeat]\nMessage=a\nMessage=\nIdleIntervals=0:1min\n");
	c = load(f, "a.service", UNIT_LOADED);
	assert_string_equal(c->session->session.input_clear, "");
	/* No terminal. */
	assert_int_equal(c->service->type, SERVICE_SIMPLE);
	assert_int_equal(c->service->timeout_stop_us, 90 * S);
	assert_int_equal(c->session->heartbeat.messages.n, 0);
	assert_int_equal(c->session->heartbeat.n_tiers, 0);
	unit_conf_free(c);
}

/* ---- rules ---- */

static void
a_rule_looks_where_its_keys_say(void **state)
{
	struct fixture *f = *state;
	const struct rule_conf *r;
	struct unit_conf *c;

	put(f, "high/a.service",
	    "[Service]\nExecStart=/bin/a\n[Session]\nTerminal=yes\n"
	    "[Rule screen]\nPattern=x\nState=idle\n"
	    "[Rule exit]\nExitStatus=2 KILL\nAction=fatal\n"
	    "[Rule both]\nExitStatus=2\nPattern=x\nAction=fatal\n"
	    "[Rule file]\nFile=/x\nPattern=x\nState=idle\n"
	    "[Rule said]\nSource=stdout\nPattern=x\nState=idle\n");
	c = load(f, "a.service", UNIT_LOADED);
	rules_are(c, "screen exit both file said");
	r = c->session->rules.v;
	assert_int_equal(r[0].source, RULE_SCREEN);
	assert_false(r[0].exit_status_set);
	assert_true(r[0].count_as_failure);
	assert_int_equal(r[0].cooldown_us, 5 * S);
	assert_int_equal(r[1].source, RULE_EXIT);
	assert_true(r[1].exit_status_set);
	assert_int_equal(r[1].exit_status.status[0], 4);
	assert_int_equal(r[1].exit_status.signals, 1 << 8);
	assert_int_equal(r[2].source, RULE_SCREEN);
	assert_int_equal(r[3].source, RULE_FILE);
	assert_int_equal(r[4].source, RULE_STDOUT);
	unit_conf_free(c);

	put(f, "high/a.service",
	    "[Service]\nExecStart=/bin/a\n[Rule x]\nPattern=x\nAction=notify\n");
	c = load(f, "a.service", UNIT_LOADED);
	assert_int_equal(c->session->rules.v[0].source, RULE_STDOUT);
	unit_conf_free(c);
}

static void
rules_of_one_name_are_one(void **state)
{
	struct fixture *f = *state;
	const struct rule_conf *r;
	struct unit_conf *c;

	put(f, "high/a.service",
	    "[Service]\nExecStart=/bin/a\n[Session]\nTerminal=yes\n"
	    "[Rule one]\nPattern=a\nState=limited\nAction=hold\nCooldownSec=9\n"
	    "[Rule two]\nPattern=b\nState=idle\n"
	    "[Rule one]\nPattern=c\n");
	put(f, "high/a.service.d/x.conf",
	    "[Rule three]\nPattern=d\nState=idle\n"
	    "[Rule one]\nAction=\nCooldownSec=\nUntil=in 5min\n");
	c = load(f, "a.service", UNIT_LOADED);
	rules_are(c, "one two three");
	r = c->session->rules.v;
	assert_string_equal(r[0].pattern, "c");
	assert_int_equal(r[0].state, SESSION_LIMITED);
	assert_int_equal(r[0].action, RULE_NONE);
	assert_int_equal(r[0].cooldown_us, 5 * S);
	assert_string_equal(r[0].until, "in 5min");
	assert_true(unit_conf_is_set(c, "Rule.one.Pattern"));
	assert_false(unit_conf_is_set(c, "Rule.one.Action"));
	assert_false(unit_conf_is_set(c, "Rule.four.Action"));
	assert_false(unit_conf_is_set(c, "Rule.one"));
	assert_true(unit_conf_is_set(c, "Session.Terminal"));
	assert_false(unit_conf_is_set(c, "Session.Profile"));
	assert_false(unit_conf_is_set(c, "Terminal"));
	unit_conf_free(c);
}

static void
rules_have_a_bound(void **state)
{
	struct fixture *f = *state;
	struct buf text = { 0 };
	struct unit_conf *c;

	buf_adds(&text, plain);
	for (int i = 0; i < UNIT_RULES_MAX + 5; i++)
		buf_addf(&text, "[Rule r%d]\nPattern=x\nState=idle\nSource=stdout\n", i);
	put(f, "high/a.service", buf_str(&text));
	c = load(f, "a.service", UNIT_BAD_SETTING);
	assert_int_equal(c->session->rules.n, UNIT_RULES_MAX);
	assert_true(told(f, "more than 256 rules"));
	unit_conf_free(c);
	buf_free(&text);
}

/* ---- profiles ---- */

static const char profile[] = "[Service]\nEnvironment=FROM=profile BOTH=profile\n"
			      "[Session]\nIdleSec=3\nDraftSec=4\n"
			      "[Rule idle]\nPattern=^> \nState=idle\n"
			      "[Rule limit]\nPattern=resets (.*)\nState=limited\n"
			      "Action=hold\nUntil=\\1\n";

static void
a_profile_is_read_before_the_unit(void **state)
{
	struct fixture *f = *state;
	const struct rule_conf *r;
	struct unit_conf *c;

	put(f, "low/profiles/agent.conf", profile);
	put(f, "high/a.service",
	    "[Service]\nExecStart=/bin/a\nEnvironment=BOTH=unit\n"
	    "[Rule own]\nPattern=x\nState=working\n"
	    "[Rule limit]\nAction=notify\n"
	    "[Session]\nTerminal=yes\nDraftSec=8\nProfile=agent\n");
	put(f, "high/a.service.d/x.conf", "[Rule late]\nPattern=y\nState=stuck\n");
	for (int scan = 0; scan < 2; scan++) {
		if (scan)
			unit_paths_scan(f->paths);
		c = load(f, "a.service", UNIT_LOADED);
		assert_string_equal(c->session->session.profile, "agent");
		assert_int_equal(c->session->session.idle_us, 3 * S);
		assert_int_equal(c->session->session.draft_us, 8 * S);
		rules_are(c, "own late idle limit");
		r = &c->session->rules.v[3];
		assert_true(r->profile);
		assert_false(c->session->rules.v[0].profile);
		assert_string_equal(r->until, "\\1");
		assert_int_equal(r->state, SESSION_LIMITED);
		assert_int_equal(r->action, RULE_NOTIFY);
		assert_string_equal(
		    strv_env_get(&c->service->context.environment, "BOTH"), "unit");
		assert_string_equal(
		    strv_env_get(&c->service->context.environment, "FROM"), "profile");
		assert_int_equal(c->n_sources, 3);
		unit_conf_free(c);
	}
}

static void
a_change_of_the_profile_is_a_change_of_the_unit(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c;

	put(f, "low/profiles/agent.conf", profile);
	put(f, "high/a.service", session);
	c = load(f, "a.service", UNIT_LOADED);
	assert_false(unit_conf_changed(f->paths, c));
	put(f, "low/profiles/agent.conf", "[Session]\nIdleSec=44\n");
	assert_true(unit_conf_changed(f->paths, c));
	unit_conf_free(c);
	c = load(f, "a.service", UNIT_LOADED);
	assert_int_equal(c->session->session.idle_us, 44 * S);
	assert_false(unit_conf_changed(f->paths, c));
	/* One in an earlier folder wins. */
	put(f, "high/profiles/agent.conf", "[Session]\nIdleSec=55\n");
	assert_true(unit_conf_changed(f->paths, c));
	unit_conf_free(c);
	c = load(f, "a.service", UNIT_LOADED);
	assert_int_equal(c->session->session.idle_us, 55 * S);
	/* A unit that takes it back has no such source. */
	put(f, "high/a.service.d/x.conf", "[Session]\nProfile=\n");
	assert_true(unit_conf_changed(f->paths, c));
	unit_conf_free(c);
	c = load(f, "a.service", UNIT_LOADED);
	assert_int_equal(c->session->session.idle_us, 10 * S);
	assert_int_equal(c->n_sources, 2);
	assert_false(unit_conf_changed(f->paths, c));
	unit_conf_free(c);
}

static void
a_missing_profile_refuses_the_unit_until_it_is_there(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c;

	put(f, "high/a.service", session);
	put(f, "high/profiles/agnet.conf", profile);
	put(f, "low/profiles/other.conf", profile);
	c = load(f, "a.service", UNIT_BAD_SETTING);
	assert_true(told(f, "a.service:5:9: error: there is no profile agent; did you "
			    "mean agnet?"));
	assert_false(unit_conf_changed(f->paths, c));
	put(f, "low/profiles/agent.conf", profile);
	assert_true(unit_conf_changed(f->paths, c));
	unit_conf_free(c);
	unit_conf_free(load(f, "a.service", UNIT_LOADED));
}

static void
a_profile_has_not_all_sections(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c;

	put(f, "high/a.service", session);
	put(f, "high/profiles/agent.conf",
	    "[Unit]\nDescription=x\n[Install]\nWantedBy=x.target\n"
	    "[Instances]\nFromGlob=/x\n[Session]\nProfile=other\nIdleSec=2\n");
	c = load(f, "a.service", UNIT_LOADED);
	assert_false(c->rules->has_install);
	assert_string_equal(c->description, "a.service");
	assert_null(c->session->instances.glob);
	assert_string_equal(c->session->session.profile, "agent");
	assert_int_equal(c->session->session.idle_us, 2 * S);
	assert_true(told(f, "agent.conf:1:2: warning: section [Unit] has no effect: "
			    "the file is a profile"));
	assert_true(told(f, "Profile= has no effect in a profile"));
	unit_conf_free(c);
}

static void
errors_in_a_profile_refuse_the_unit(void **state)
{
	struct fixture *f = *state;

	put(f, "high/a.service", session);
	put(f, "high/profiles/agent.conf", "[Session]\nIdleSec=never\n");
	unit_conf_free(load(f, "a.service", UNIT_BAD_SETTING));
	assert_true(told(f, "profiles/agent.conf:2:9: error:"));
	/* What the unit and its profile say together is told where it stands. */
	put(f, "high/profiles/agent.conf",
	    "[Rule r]\nPattern=no group\nState=idle\n"
	    "Until=\\1\n");
	unit_conf_free(load(f, "a.service", UNIT_BAD_SETTING));
	assert_true(told(f, "profiles/agent.conf:4:7: error: [Rule r] Until= names "
			    "group 1, and the pattern has 0"));
	assert_int_equal(unlinkat(f->fd, "high/profiles/agent.conf", 0), 0);
	assert_int_equal(mkdirat(f->fd, "high/profiles/agent.conf", 0700), 0);
	unit_conf_free(load(f, "a.service", UNIT_LOAD_ERROR));
}

static void
a_profile_is_verified_by_itself(void **state)
{
	struct fixture *f = *state;
	char *path = xasprintf("%s/high/profiles/agent.conf", f->dir);

	put(f, "high/profiles/agent.conf", profile);
	unit_profile_verify(f->paths, path, "profile.service", &f->d);
	assert_int_equal(f->d.n_errors, 0);
	for (size_t i = 0; i < f->d.n; i++)
		assert_non_null(strstr(f->d.v[i].text, "not acted on yet"));
	put(f, "high/profiles/agent.conf", "[Rule a]\nAction=key\n[Rule b]\nUntil=\\1\n");
	diags_clear(&f->d);
	unit_profile_verify(f->paths, path, "profile.service", &f->d);
	assert_int_equal(f->d.n_errors, 2);
	assert_true(told(f, ":2:8: error: [Rule a] Action=key has no keys"));
	assert_int_equal(unlinkat(f->fd, "high/profiles/agent.conf", 0), 0);
	diags_clear(&f->d);
	unit_profile_verify(f->paths, path, "profile.service", &f->d);
	assert_true(told(f, "cannot be read"));
	free(path);
}

static void
a_profile_is_named_by_the_instance(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c;

	put(f, "high/a@.service",
	    "[Service]\nExecStart=/bin/a\n[Session]\nTerminal=yes\nProfile=%i\n"
	    "[Instances]\nFromGlob=/srv/*\n");
	put(f, "high/profiles/claude.conf", "[Session]\nIdleSec=7\n");
	c = load(f, "a@claude.service", UNIT_LOADED);
	assert_int_equal(c->session->session.idle_us, 7 * S);
	assert_string_equal(c->session->instances.glob, "/srv/*");
	unit_conf_free(c);
}

/* ---- differences ---- */

static void
add_difference(void *arg, const char *name, const char *old_value, const char *new_value)
{
	buf_addf(arg, "%s: %s -> %s\n", name, old_value, new_value);
}

static void
differ(struct fixture *f, const char *old_text, const char *new_text, const char *want)
{
	struct unit_conf *a = unit_load_text(
	    f->paths, NULL, "a.service", "a", old_text, strlen(old_text), NULL);
	struct unit_conf *b = unit_load_text(
	    f->paths, NULL, "a.service", "a", new_text, strlen(new_text), NULL);
	struct buf got = { 0 };

	unit_conf_diff(a, b, add_difference, &got);
	assert_string_equal(buf_str(&got), want);
	buf_free(&got);
	unit_conf_free(a);
	unit_conf_free(b);
}

static void
differences_are_told_key_by_key(void **state)
{
	struct fixture *f = *state;

#define HEAD "[Service]\nExecStart=/bin/a\nType=exec\nTimeoutStopSec=9\nSendSIGHUP=no\n"
	differ(f, HEAD, HEAD "[Session]\nTerminal=yes\nInputClear=C-c\n",
	    "Session.InputClear:  -> C-c\nSession.Terminal:  -> yes\n");
	differ(f, HEAD "[Session]\nTerminal=yes\n", HEAD, "Session.Terminal: yes -> \n");
	differ(f, HEAD "[Session]\nIdleSec=1\n[Rule a]\nPattern=x\n[Rule b]\nPattern=y\n",
	    HEAD "[Session]\nIdleSec=2\n[Rule b]\nPattern=z\n[Rule a]\nPattern=x\n",
	    "Session.IdleSec: 1s -> 2s\nRule: a b -> b a\nRule.b.Pattern: y -> z\n");
	differ(f, HEAD "[Rule a]\nPattern=x\n", HEAD "[Rule b]\nState=idle\n",
	    "Rule: a -> b\nRule.a.Pattern: x -> \nRule.b.State:  -> idle\n");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_service_is_no_session),
		TEST(a_session_has_its_defaults),
		TEST(what_is_set_wins_over_what_follows),
		TEST(a_rule_looks_where_its_keys_say),
		TEST(rules_of_one_name_are_one),
		TEST(rules_have_a_bound),
		TEST(a_profile_is_read_before_the_unit),
		TEST(a_change_of_the_profile_is_a_change_of_the_unit),
		TEST(a_missing_profile_refuses_the_unit_until_it_is_there),
		TEST(a_profile_has_not_all_sections),
		TEST(errors_in_a_profile_refuse_the_unit),
		TEST(a_profile_is_verified_by_itself),
		TEST(a_profile_is_named_by_the_instance),
		TEST(differences_are_told_key_by_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
