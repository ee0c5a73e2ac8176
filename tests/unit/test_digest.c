/*
 * digest: what is counted, when it may be handed out, and how it comes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/record/digest.h"

static void tell(struct digest *d, enum event_id id, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
tell(struct digest *d, enum event_id id, const char *fmt, ...)
{
	va_list ap;
	char *fields, *text;
	struct jv *v;

	va_start(ap, fmt);
	fields = xvasprintf(fmt, ap);
	va_end(ap);
	text = xasprintf("{\"ts\":\"2026-11-30T10:00:00Z\",%s}", fields);
	v = jv_parse(text, strlen(text), NULL);
	assert_non_null(v);
	assert_true(digest_wants(id));
	digest_event(d, id, v);
	jv_free(v);
	free(text);
	free(fields);
}

static void
run_of(struct digest *d, const char *unit)
{
	tell(d, EVENT_EXIT, "\"unit\":\"%s\",\"kind\":\"main\"", unit);
}

static char *
text_of(const struct digest *d, enum digest_which which)
{
	struct buf b = { 0 };

	digest_text(d, which, &b);
	return buf_take(&b);
}

static char *
json_of(const struct digest *d)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf b = { 0 };

	digest_write_json(d, w);
	jw_take(w, &b);
	jw_free(w);
	return buf_take(&b);
}

static struct digest *
from_json(const char *text)
{
	struct digest *d = digest_new();
	struct jv *v = jv_parse(text, strlen(text), NULL);

	assert_non_null(v);
	digest_read_json(d, v);
	jv_free(v);
	return d;
}

static void
what_is_taken_is_the_last_one(void **state)
{
	struct digest *d = digest_new();
	char *text;

	(void)state;
	assert_true(digest_is_empty(d, DIGEST_NOW));
	run_of(d, "a.service");
	tell(d, EVENT_EXIT, "\"unit\":\"a.service\",\"kind\":\"health\"");
	tell(d, EVENT_FAILED, "\"unit\":\"a.service\",\"why\":\"one\\ntwo\"");
	tell(d, EVENT_SESSION_STATE, "\"unit\":\"s.service\",\"to\":\"idle\"");
	tell(d, EVENT_SESSION_STATE, "\"unit\":\"s.service\",\"to\":\"limited\"");
	tell(d, EVENT_DIGEST_ENTRY, "\"who\":\"root\",\"text\":\"note\"");
	tell(d, EVENT_DIGEST_ENTRY,
	    "\"who\":\"root\",\"unit\":\"x.service\",\"text\":\"second\"");
	text = text_of(d, DIGEST_NOW);
	assert_non_null(strstr(text, "\n- a: 1 failure (last: one two), 1 run\n"));
	assert_non_null(strstr(text, "\n- s: 1 time limited\n"));
	assert_non_null(strstr(text, "\nNotes:\n- note (root, "));
	assert_non_null(strstr(text, "\n- second (x.service, "));
	free(text);
	tell(d, EVENT_DIGEST_TAKEN, "\"who\":\"root\",\"key\":\"k\"");
	assert_true(digest_is_empty(d, DIGEST_NOW));
	assert_false(digest_is_empty(d, DIGEST_LAST));
	assert_true(digest_is_of(d, "k"));
	assert_false(digest_is_of(d, NULL));
	assert_false(digest_is_of(d, ""));
	run_of(d, "b.service");
	tell(d, EVENT_DIGEST_TAKEN, "\"who\":\"root\"");
	text = text_of(d, DIGEST_LAST);
	assert_non_null(strstr(text, "1 run of 1 unit (b)"));
	assert_null(strstr(text, "note"));
	assert_false(digest_is_of(d, "k"));
	assert_false(digest_is_of(d, ""));
	free(text);
	digest_free(d);
}

/* Never shown, or a time that cannot be: now.  Else so long after it. */
static void
when_it_is_due(void **state)
{
	static const uint64_t hour = 3600 * USEC_PER_SEC;
	struct digest *d = digest_new();
	uint64_t shown;

	(void)state;
	assert_int_equal(digest_due_us(d, 18 * hour, 100 * hour), 0);
	tell(d, EVENT_DIGEST_TAKEN, "\"who\":\"root\"");
	shown = digest_shown_us(d);
	assert_int_equal(
	    digest_due_us(d, 18 * hour, shown + 18 * hour - 1), shown + 18 * hour);
	assert_int_equal(digest_due_us(d, 18 * hour, shown + 18 * hour), 0);
	/* The clock was set back, a little, and by more than can be. */
	assert_int_equal(digest_due_us(d, 18 * hour, shown - hour), shown + 18 * hour);
	assert_int_equal(digest_due_us(d, 18 * hour, shown - 18 * hour - 1), 0);
	assert_int_equal(digest_due_us(d, 0, shown), 0);
	digest_free(d);
	/* What is no time was never. */
	d = from_json("{\"shown\":\"yesterday\"}");
	assert_int_equal(digest_shown_us(d), 0);
	digest_free(d);
	d = from_json("{\"shown\":-5}");
	assert_int_equal(digest_due_us(d, 18 * hour, 100 * hour), 0);
	digest_free(d);
}

static size_t
count_of(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void
it_is_bounded(void **state)
{
	struct digest *d = digest_new();
	char name[64], *text, *json;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "t@%d.service", i);
		run_of(d, name);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "u%d.service", i);
		tell(d, EVENT_FAILED, "\"unit\":\"%s\",\"why\":\"x\"", name);
	}
	for (int i = 0; i < 100; i++)
		tell(d, EVENT_DIGEST_ENTRY, "\"who\":\"w\",\"text\":\"%0600d\"", i);
	for (int i = 0; i < 1000; i++)
		tell(d, EVENT_ALERT, "\"alert\":\"a%d\",\"evidence\":\"e\"", i);
	text = text_of(d, DIGEST_NOW);
	assert_true(count_of(text, "\n") < 64);
	assert_true(strlen(text) < 20000);
	/* None of it is lost, only its name. */
	assert_non_null(strstr(text, "t@ (others) 4992"));
	assert_non_null(strstr(text, "- other units: 4497 failures (last: x)\n"));
	assert_non_null(strstr(text, "(80 older ones are left out)"));
	free(text);
	json = json_of(d);
	assert_true(strlen(json) < 128 * 1024);
	free(json);
	digest_free(d);
}

static void
a_snapshot_brings_it_back(void **state)
{
	struct digest *d = digest_new(), *e;
	char name[64], *a, *b;

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "t@%d.service", i);
		run_of(d, name);
	}
	tell(d, EVENT_ALERT, "\"alert\":\"a\",\"evidence\":\"e\"");
	tell(d, EVENT_DIGEST_ENTRY, "\"who\":\"w\",\"text\":\"note\"");
	tell(d, EVENT_DIGEST_TAKEN, "\"who\":\"root\",\"key\":\"k\"");
	run_of(d, "t@1.service");
	tell(d, EVENT_ROLE_DIED, "\"role\":\"logger\"");
	a = json_of(d);
	e = from_json(a);
	free(a);
	for (int which = DIGEST_NOW; which <= DIGEST_LAST; which++) {
		a = text_of(d, (enum digest_which)which);
		b = text_of(e, (enum digest_which)which);
		assert_string_equal(a, b);
		free(a);
		free(b);
	}
	assert_true(digest_is_of(e, "k"));
	assert_int_equal(digest_shown_us(e), digest_shown_us(d));
	digest_free(d);
	digest_free(e);
}

/* It is pasted into prompts and terminals. */
static void
its_text_is_inert(void **state)
{
	struct digest *d = digest_new();
	char *text;

	(void)state;
	tell(d, EVENT_DIGEST_ENTRY,
	    "\"who\":\"w\\u001b[2J\","
	    "\"text\":\"a\\n- forged\\u009b31m\\u0085b\\u2028c\\u202ed é\"");
	text = text_of(d, DIGEST_NOW);
	assert_non_null(
	    strstr(text, "\n- a - forged\\x9b31m\\x85b\\u2028c\\u202ed é (w [2J, "));
	free(text);
	digest_free(d);
}

/* Whatever stands there, nothing happens but that it is not there. */
static void
a_damaged_one_is_an_empty_one(void **state)
{
	static const char *const texts[] = { "[]", "7", "{\"now\":7,\"last\":[]}",
		"{\"now\":{\"units\":{\"a\":7,\"b\":[],\"c\":[-1,\"x\",null]}}}",
		"{\"now\":{\"entries\":[7,[],[\"x\",1,2]],\"alerts\":{\"a\":3}}}",
		"{\"key\":7,\"shown\":{}}" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct digest *d = from_json(texts[i]);

		free(text_of(d, DIGEST_NOW));
		free(text_of(d, DIGEST_LAST));
		free(json_of(d));
		digest_free(d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_is_the_last_one),
		cmocka_unit_test(when_it_is_due),
		cmocka_unit_test(it_is_bounded),
		cmocka_unit_test(its_text_is_inert),
		cmocka_unit_test(a_snapshot_brings_it_back),
		cmocka_unit_test(a_damaged_one_is_an_empty_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
