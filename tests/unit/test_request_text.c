/*
 * request_text: what files of requests may say, and what they may be called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/wish/request_text.h"

static const char *
read_text(const char *text, struct request_text *t, struct jv **v)
{
	*v = jv_parse(text, strlen(text), NULL);
	return request_text_read(*v, t);
}

static void
says_what_is_asked_for(void **state)
{
	static const struct {
		const char *text;
		enum request_action action;
	} good[] = {
		{ "{\"action\":\"cycle\"}", REQUEST_CYCLE },
		{ "{\"action\":\"RESTART\"}", REQUEST_RESTART },
		{ "{\"action\":\"shutdown\",\"reason\":null}", REQUEST_SHUTDOWN },
		{ "{\"action\":\"stop\",\"more\":[1,{}]}", REQUEST_SHUTDOWN },
	};
	struct request_text t;
	struct jv *v;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_null(read_text(good[i].text, &t, &v));
		assert_int_equal(t.action, good[i].action);
		assert_null(t.unit);
		assert_null(t.reason);
		assert_true(t.wall_us == USEC_INFINITY);
		jv_free(v);
	}
	assert_null(read_text("{\"action\":\"restart\",\"unit\":\"a\",\"reason\":\"r\","
			      "\"message\":\"m\",\"time\":\"2026-11-21T10:30:45Z\"}",
	    &t, &v));
	assert_string_equal(t.unit, "a");
	assert_string_equal(t.reason, "r");
	assert_string_equal(t.message, "m");
	assert_true(t.wall_us == UINT64_C(1795257045000000));
	jv_free(v);
}

static void
says_what_is_wrong(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "it is no object of JSON" },
		{ "{\"action\":\"cycle\"", "it is no object of JSON" },
		{ "[\"cycle\"]", "it is no object of JSON" },
		{ "\"cycle\"", "it is no object of JSON" },
		{ "{}", "its action is neither cycle, restart nor shutdown" },
		{ "{\"action\":\"kill\"}",
		    "its action is neither cycle, restart nor shutdown" },
		{ "{\"action\":null}",
		    "its action is neither cycle, restart nor shutdown" },
		{ "{\"action\":1}", "a member of it is no string" },
		/* It names a unit, if not as it should: not the folder's. */
		{ "{\"action\":\"cycle\",\"unit\":7}", "a member of it is no string" },
		{ "{\"action\":\"cycle\",\"reason\":[]}", "a member of it is no string" },
		{ "{\"action\":\"cycle\",\"message\":{}}",
		    "a member of it is no string" },
		{ "{\"action\":\"cycle\",\"time\":1795257045}",
		    "a member of it is no string" },
		{ "{\"action\":\"cycle\",\"time\":\"yesterday\"}", "its time is none" },
		{ "{\"action\":\"cycle\",\"time\":\"\"}", "its time is none" },
	};
	struct request_text t = { .unit = "kept" };
	struct jv *v;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = read_text(bad[i].text, &t, &v);

		if (why == NULL)
			fail_msg("accepted: %s", bad[i].text);
		assert_string_equal(why, bad[i].why);
		assert_string_equal(t.unit, "kept");
		jv_free(v);
	}
}

static void
is_bounded(void **state)
{
	static const struct {
		const char *key;
		size_t max;
	} keys[] = { { "reason", REQUEST_REASON_MAX },
		{ "message", REQUEST_MESSAGE_MAX } };
	struct buf text = { 0 };
	struct request_text t;
	struct jv *v;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (size_t more = 0; more < 2; more++) {
			buf_clear(&text);
			buf_addf(&text, "{\"action\":\"cycle\",\"%s\":\"", keys[i].key);
			for (size_t n = 0; n < keys[i].max + more; n++)
				buf_addc(&text, 'x');
			buf_adds(&text, "\"}");
			if (more == 0)
				assert_null(read_text(buf_str(&text), &t, &v));
			else
				assert_string_equal(read_text(buf_str(&text), &t, &v),
				    "its reason or message is too long");
			jv_free(v);
		}
	}
	buf_free(&text);
}

static void
names(void **state)
{
	static const char *const good[] = { "a.json", "A-b_c.9.json", "a..json" };
	static const char *const bad[] = { "", ".json", ".a.json", "a.jso", "a.JSON",
		"a.json.bad", "a b.json", "a/b.json", "../a.json", "a\n.json",
		"\xc3\xa4.json", "json" };
	char text[REQUEST_FILE_NAME_MAX + 8];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(request_text_is_name(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(request_text_is_name(bad[i]));
	memset(text, 'a', sizeof(text));
	memcpy(text + REQUEST_FILE_NAME_MAX - 5, ".json", 6);
	assert_true(request_text_is_name(text));
	memset(text, 'a', sizeof(text));
	memcpy(text + REQUEST_FILE_NAME_MAX - 4, ".json", 6);
	assert_false(request_text_is_name(text));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_is_asked_for),
		cmocka_unit_test(says_what_is_wrong),
		cmocka_unit_test(is_bounded),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
