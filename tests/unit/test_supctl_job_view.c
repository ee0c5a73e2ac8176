/* What is shown of jobs follows from one event each, whatever is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/supctl/ctl.h"
#include "../../tools/supctl/job_view.h"

#include "lib/json.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

/* "EVENT: DETAIL" of the entry; NULL: none. */
static char *
entry_of(const char *json)
{
	struct jv *v = jv_parse(json, strlen(json), NULL);
	struct job_entry e;
	char *text = NULL;

	assert_non_null(v);
	if (job_view(v, &e)) {
		text = xasprintf("%s: %s", e.event, buf_str(&e.detail));
		job_entry_clear(&e);
	}
	jv_free(v);
	return text;
}

static void
says(const char *json, const char *wanted)
{
	char *got = entry_of(json);

	if (wanted == NULL)
		assert_null(got);
	else
		assert_string_equal(got, wanted);
	free(got);
}

static void
test_one_entry_for_each_step(void **state)
{
	(void)state;
	says(
	    "{\"event\":\"exec\",\"unit\":\"a.service\",\"kind\":\"main\"}", "started: ");
	says("{\"event\":\"exec\",\"unit\":\"a.service\",\"kind\":\"control\"}", NULL);
	says("{\"event\":\"exec\",\"unit\":\"x@srv-a-two\\\\x20words.service\",\"kind\":"
	     "\"main\",\"path\":\"/srv/a/two words\"}",
	    "started: /srv/a/two words");
	/* Of a watcher that found a file whose name is no text. */
	says("{\"event\":\"exec\",\"unit\":\"x@srv-\\\\xff.service\",\"kind\":"
	     "\"main\",\"path\":\"/srv/\uFFFD\"}",
	    "started: /srv/\uFFFD");
	/* What looks like a file, and what was started for another reason. */
	says("{\"event\":\"exec\",\"unit\":\"digest@2026-11-30.service\",\"kind\":"
	     "\"main\"}",
	    "started: ");
	says("{\"event\":\"exec\",\"unit\":\"digest@2026-11-30.service\",\"kind\":"
	     "\"main\",\"path\":\"/run/flag\"}",
	    "started: ");
	says("{\"event\":\"exec\",\"unit\":\"x@srv.service\",\"kind\":\"main\","
	     "\"path\":\"/srv\"}",
	    "started: /srv");
	says("{\"event\":\"exec\",\"unit\":\"w@gastown.service\",\"kind\":\"main\"}",
	    "started: ");
	says("{\"event\":\"unit-state\",\"state\":\"inactive\",\"result\":\"success\","
	     "\"run_ms\":12300,\"asked\":false}",
	    "completed: 12.3s");
	says("{\"event\":\"unit-state\",\"state\":\"inactive\",\"result\":\"success\","
	     "\"run_ms\":850,\"asked\":true}",
	    "stopped: 850ms");
	says("{\"event\":\"unit-state\",\"state\":\"active\",\"substate\":\"exited\","
	     "\"result\":\"success\",\"run_ms\":252000,\"asked\":false}",
	    "completed: 4m12s");
	/* It waited for its turn, or for a retry, and somebody has ended that. */
	says("{\"event\":\"unit-state\",\"from\":\"queued\",\"state\":\"inactive\","
	     "\"result\":\"success\",\"why\":\"stopped by root\"}",
	    "stopped: stopped by root");
	says("{\"event\":\"unit-state\",\"from\":\"auto-restart\",\"state\":\"inactive\","
	     "\"result\":\"signal\",\"run_ms\":12,\"asked\":true,\"why\":\"stopped\"}",
	    "stopped: stopped");
	says("{\"event\":\"unit-state\",\"from\":\"queued\",\"state\":\"activating\","
	     "\"result\":\"success\",\"why\":\"starting\"}",
	    NULL);
	/* Nothing had run; or it has failed, which has an event of its own. */
	says("{\"event\":\"unit-state\",\"state\":\"inactive\",\"result\":\"success\"}",
	    NULL);
	says("{\"event\":\"unit-state\",\"state\":\"failed\",\"result\":\"exit-code\","
	     "\"run_ms\":1}",
	    NULL);
	says("{\"event\":\"watch-scan\",\"stale\":3,\"done\":2,\"open\":1}",
	    "tick: 3 stale, 2 done, 1 open, 0 waiting, 0 quarantined, 0 started");
	says("{\"event\":\"queued\",\"unit\":\"a.service\",\"pool\":\"llm.pool\","
	     "\"place\":2,\"queued\":7}",
	    "queued: 2 of 7 in llm");
	says("{\"event\":\"queued\",\"unit\":\"a@srv-x.service\",\"pool\":\"llm.pool\","
	     "\"path\":\"/srv/x\"}",
	    "queued: /srv/x");
	says("{\"event\":\"queued\",\"unit\":\"a@2026-11-30.service\",\"pool\":"
	     "\"llm.pool\",\"place\":1,\"queued\":1}",
	    "queued: 1 of 1 in llm");
	says("{\"event\":\"ready\",\"unit\":\"a.service\"}", NULL);
	says("{\"seq\":1}", NULL);
	says("[]", NULL);
}

static void
test_values_of_any_type(void **state)
{
	struct strv kinds = { 0 };
	static const char *const values[] = { "null", "1", "[]", "{}", "true",
		"\"\\u0000\"" };

	(void)state;
	job_view_kinds(&kinds);
	for (size_t i = 0; i < kinds.n; i++)
		for (size_t k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
			const char *v = values[k];
			char *json =
			    xasprintf("{\"event\":\"%s\",\"unit\":%s,\"kind\":%s,"
				      "\"why\":%s,\"stderr_tail\":%s,\"run_ms\":%s,"
				      "\"state\":%s,\"stale\":%s,\"starts\":%s}",
				kinds.v[i], v, v, v, v, v, v, v, v);

			free(entry_of(json));
			free(json);
		}
	strv_free(&kinds);
}

static void
test_the_end_of_stderr_is_whole_characters(void **state)
{
	static const char head[] = "failed: 2.0s: exited, status=1: ";
	struct buf json = { 0 };
	char *got;

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		buf_clear(&json);
		buf_adds(&json, "{\"event\":\"failed\",\"why\":\"exited, status=1\","
				"\"run_ms\":2000,\"stderr_tail\":\"");
		for (size_t i = 0; i < 300; i++)
			buf_adds(&json, "€");
		for (size_t i = 0; i < shift; i++)
			buf_adds(&json, "x");
		buf_adds(&json, " \\r\\n\\n\"}");
		got = entry_of(buf_str(&json));
		assert_non_null(got);
		assert_int_equal(strncmp(got, head, sizeof(head) - 1), 0);
		assert_true(utf8_is_valid(got, strlen(got)));
		assert_true(strlen(got + sizeof(head) - 1) <= JOB_STDERR_MAX);
		assert_true(strlen(got + sizeof(head) - 1) > JOB_STDERR_MAX - 4);
		free(got);
	}
	buf_free(&json);
	says("{\"event\":\"failed\",\"why\":\"exited, status=1\",\"stderr_tail\":\" "
	     "\\n\"}",
	    "failed: exited, status=1");
}

static char *
shown(bool json, const char *ts, const char *detail)
{
	struct job_entry e = { .ts = ts, .job = "a.service", .event = "failed" };
	struct ctl ctl;
	char *text;

	ctl_init(&ctl);
	ctl.json = json;
	buf_adds(&e.detail, detail);
	job_entry_put(&ctl, &e);
	text = xstrdup(buf_str(&ctl.out));
	job_entry_clear(&e);
	buf_clear(&ctl.out);
	ctl_clear(&ctl);
	return text;
}

static void
test_how_an_entry_is_shown(void **state)
{
	static const char ts[] = "2026-11-21T10:30:45.123456Z";
	const struct {
		bool json;
		const char *detail, *wanted;
	} cases[] = {
		{ true, "",
		    "{\"ts\":\"2026-11-21T10:30:45\",\"job\":\"a.service\","
		    "\"event\":\"failed\"}\n" },
		{ true, "tab\t quote\" back\\ line\n bell\a",
		    "{\"ts\":\"2026-11-21T10:30:45\",\"job\":\"a.service\",\"event\":"
		    "\"failed\",\"detail\":\"tab\\t quote\\\" back\\\\ line\\n "
		    "bell\\u0007\"}\n" },
		{ false, "", "10:30:45 a.service            failed\n" },
		{ false, "short", "10:30:45 a.service            failed       short\n" },
		{ false, "esc\033[2J",
		    "10:30:45 a.service            failed       esc\\e[2J\n" },
		{ false,
		    "/srv/projects/one/folder/that/goes/on/and/on/and/on/and/on/x.jsonl",
		    "10:30:45 a.service            failed       x.jsonl\n" },
		{ false, "/srv/short/x.jsonl",
		    "10:30:45 a.service            failed       /srv/short/x.jsonl\n" },
		{ false,
		    "exited with status 3 after it could not open the file /srv/a/b/c: "
		    "no",
		    "10:30:45 a.service            failed       exited with status 3 "
		    "after "
		    "it could not open the file /srv/a\n" },
	};

	(void)state;
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *got = shown(cases[i].json, ts, cases[i].detail);

		assert_string_equal(got, cases[i].wanted);
		free(got);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_entry_for_each_step),
		cmocka_unit_test(test_values_of_any_type),
		cmocka_unit_test(test_the_end_of_stderr_is_whole_characters),
		cmocka_unit_test(test_how_an_entry_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
