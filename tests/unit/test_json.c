/*
 * Tests of lib/json.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/strv.h"

static struct jv *
parse(const char *s)
{
	struct json_err err;
	struct jv *v = jv_parse(s, strlen(s), &err);

	if (v == NULL)
		fail_msg("%s: %s", s, err.text);
	return v;
}

static void
test_write_compact(void **state)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct strv list = { 0 };
	struct buf b = { 0 };

	(void)state;
	strv_split(&list, "a b", " ");
	jw_obj(w);
	jw_kv_str(w, "s", "a\"b\\c\n\x01");
	jw_kv_str(w, "none", NULL);
	jw_kv_strf(w, "f", "%d%%", 5);
	jw_kv_i64(w, "i", INT64_MIN);
	jw_kv_u64(w, "u", UINT64_MAX);
	jw_kv_double(w, "d", 0.1);
	jw_kv_double(w, "zero", -0.0);
	jw_kv_double(w, "big", 1e300);
	jw_kv_double(w, "nan", NAN);
	jw_kv_bool(w, "t", true);
	jw_kv_strv(w, "l", &list);
	jw_kv_obj(w, "o");
	jw_end(w);
	jw_kv_arr(w, "a");
	jw_null(w);
	jw_arr(w);
	jw_end(w);
	jw_end(w);
	jw_end(w);
	jw_take(w, &b);
	assert_string_equal(buf_str(&b),
	    "{\"s\":\"a\\\"b\\\\c\\n\\u0001\",\"none\":null,\"f\":\"5%\","
	    "\"i\":-9223372036854775808,\"u\":18446744073709551615,\"d\":0.1,"
	    "\"zero\":-0.0,\"big\":1e+300,"
	    "\"nan\":null,\"t\":true,\"l\":[\"a\",\"b\"],\"o\":{},\"a\":[null,[]]}");
	/* The writer starts anew, and the buffer is appended to. */
	buf_clear(&b);
	jw_i64(w, 1);
	jw_take(w, &b);
	buf_addc(&b, '\n');
	jw_arr(w);
	jw_end(w);
	jw_take(w, &b);
	assert_string_equal(buf_str(&b), "1\n[]");
	jw_free(w);
	strv_free(&list);
	buf_free(&b);
}

static void
test_write_bad_bytes_never_fails(void **state)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct buf b = { 0 };
	struct json_err err;
	struct jv *v;
	size_t len;

	(void)state;
	jw_obj(w);
	jw_kv_strn(w, "\xff", "a\0\xc3\xed\xa0\x80z", 7);
	jw_end(w);
	jw_take(w, &b);
	v = jv_parse(b.data, b.len, &err);
	assert_non_null(v);
	assert_string_equal(jv_key_at(v, 0), "\xef\xbf\xbd");
	assert_memory_equal(jv_strn(jv_at(v, 0), &len), "a\0\xef\xbf\xbd", 5);
	assert_int_equal(len, 2 + 4 * 3 + 1);
	jv_free(v);
	jw_free(w);
	buf_free(&b);
}

static void
test_write_pretty(void **state)
{
	struct jw *w = jw_new(JW_PRETTY);
	struct buf b = { 0 };

	(void)state;
	jw_obj(w);
	jw_kv_i64(w, "a", 1);
	jw_end(w);
	jw_take(w, &b);
	assert_string_equal(buf_str(&b), "{\n  \"a\": 1\n}\n");
	jw_free(w);
	buf_free(&b);
}

static void
test_read_tree(void **state)
{
	struct jv *v = parse(" {\"a\": [1, -2.5, \"x\\u00e9\\n\", true, null, {}],"
			     " \"b\": {\"c\": false}, \"n\": 9223372036854775807} ");
	const struct jv *a = jv_get(v, "a");
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(jv_type(v), JV_OBJECT);
	assert_int_equal(jv_count(v), 3);
	assert_string_equal(jv_key_at(v, 1), "b");
	assert_int_equal(jv_count(a), 6);
	assert_int_equal(jv_i64(jv_at(a, 0), 0), 1);
	assert_true(jv_double(jv_at(a, 1), 0) == -2.5);
	assert_true(jv_double(jv_at(a, 0), 0) == 1);
	assert_string_equal(jv_str(jv_at(a, 2), ""), "x\xc3\xa9\n");
	assert_true(jv_bool(jv_at(a, 3), false));
	assert_int_equal(jv_type(jv_at(a, 4)), JV_NULL);
	assert_int_equal(jv_type(jv_at(a, 5)), JV_OBJECT);
	assert_null(jv_at(a, 6));
	assert_false(jv_bool(jv_get(jv_get(v, "b"), "c"), true));
	assert_true(jv_i64(jv_get(v, "n"), 0) == INT64_MAX);
	/* Chains over what is not there, and other types, give the default. */
	assert_int_equal(jv_i64(jv_get(jv_get(v, "x"), "y"), 7), 7);
	assert_string_equal(jv_str(jv_at(a, 0), "dflt"), "dflt");
	assert_int_equal(jv_i64(jv_at(a, 1), 5), 5);
	jv_path(jv_at(a, 5), &b);
	assert_string_equal(buf_str(&b), "a[5]");
	buf_clear(&b);
	jv_path(jv_get(jv_get(v, "b"), "c"), &b);
	assert_string_equal(buf_str(&b), "b.c");
	buf_free(&b);
	jv_free(v);
	jv_free(NULL);
}

static void
test_write_back(void **state)
{
	static const char text[] =
	    "{\"a\":[1,-2.5,\"x\",true,null,{}],\"b\":{\"c\":\"\\u0000\"}}";
	struct jv *v = parse(text);
	struct jw *w = jw_new(JW_COMPACT);
	struct buf b = { 0 };

	(void)state;
	jv_write(v, w);
	jw_take(w, &b);
	assert_string_equal(buf_str(&b), text);
	buf_free(&b);
	jw_free(w);
	jv_free(v);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "premature EOF" },
		{ "{", "premature EOF" },
		{ "[1,]", "[1]: " },
		{ "{\"a\":1}{", "trailing garbage" },
		{ "1 2", "trailing garbage" },
		{ "/* c */ 1", "" },
		{ "{\"a\":{\"b\":1,\"b\":2}}", "a.b: given twice" },
		{ "[{\"a\":1,\"b\":2},{\"a\":1,\"a\":2}]", "[1].a: given twice" },
		{ "[{\"a\":1,\"b\":2},{\"b\":1,\"b\":2}]", "[1].b: given twice" },
		{ "[{\"a\":1,\"b\":2,\"c\":3},{\"c\":1,\"b\":2,\"c\":3}]",
		    "[1].c: given twice" },
		{ "{\"a\":[0,9223372036854775808]}",
		    "a[1]: number 9223372036854775808 is too large" },
		{ "-9223372036854775809", "too large" },
		{ "1e999", "too large" },
		{ "\"\xff\"", "UTF8" },
		{ "{\"a\\u0000b\":1}", "NUL" },
		{ "{\"\\u001b[31m\":tru}", "\\e[31m: " },
		{ "{\n \"a\": nul }", "line 2, column " },
		{ "nan", "" },
		{ "'x'", "" },
		{ "01", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct json_err err = { .text = "untouched" };

		assert_null(jv_parse(rows[i].text, strlen(rows[i].text), &err));
		assert_null(jv_parse(rows[i].text, strlen(rows[i].text), NULL));
		if (strstr(err.text, rows[i].says) == NULL ||
		    strcmp(err.text, "untouched") == 0 ||
		    strchr(err.text, '\n') != NULL || strchr(err.text, '\x1b') != NULL)
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_true(err.offset <= strlen(rows[i].text));
		assert_true(err.line >= 1 && err.col >= 1);
	}
}

static void
nest(struct buf *b, const char *open, const char *middle, const char *close, int n)
{
	buf_clear(b);
	for (int i = 0; i < n; i++)
		buf_adds(b, open);
	buf_adds(b, middle);
	for (int i = 0; i < n; i++)
		buf_adds(b, close);
}

static void
test_limits(void **state)
{
	struct json_limits few = { .max_bytes = 20, .max_nodes = 4, .max_depth = 2 };
	struct json_err err;
	struct buf b = { 0 };
	struct jv *v;

	(void)state;
	nest(&b, "[", "1", "]", JSON_DEPTH_MAX);
	v = jv_parse(b.data, b.len, &err);
	assert_non_null(v);
	jv_free(v);
	nest(&b, "[", "1", "]", JSON_DEPTH_MAX + 1);
	assert_null(jv_parse(b.data, b.len, &err));
	assert_non_null(strstr(err.text, "nested more than 32 deep"));
	nest(&b, "{\"a\":", "1", "}", 100000);
	assert_null(jv_parse(b.data, b.len, &err));
	assert_non_null(strstr(err.text, "nested more than 32 deep"));
	assert_true(strlen(err.text) < JSON_ERR_MAX);
	buf_free(&b);

	v = jv_parse_limits("[1,[2]]", 7, &few, &err);
	assert_non_null(v);
	jv_free(v);
	assert_null(jv_parse_limits("[1,2,3,4]", 9, &few, &err));
	assert_non_null(strstr(err.text, "[3]: more than 4 values"));
	assert_null(jv_parse_limits("[1,[2,[]]]", 10, &few, &err));
	assert_null(jv_parse_limits("                    1", 21, &few, &err));
	assert_non_null(strstr(err.text, "more than the 20 allowed"));
}

/* Names of objects in a list are kept once; each object still has its own. */
static void
test_objects_alike(void **state)
{
	struct jv *v = parse("[{\"a\":1,\"b\":[{\"a\":2}]},{\"a\":3,\"b\":[{\"a\":4,"
			     "\"ab\":5}]},{\"a\":6},{\"ab\":7,\"b\":8},{},{\"a\":9},7,"
			     "{\"a\":10}]");

	(void)state;
	assert_int_equal(jv_i64(jv_get(jv_at(v, 1), "a"), 0), 3);
	assert_int_equal(jv_i64(jv_get(jv_at(jv_get(jv_at(v, 1), "b"), 0), "ab"), 0), 5);
	assert_int_equal(jv_i64(jv_get(jv_at(v, 2), "a"), 0), 6);
	assert_null(jv_get(jv_at(v, 2), "b"));
	assert_int_equal(jv_i64(jv_get(jv_at(v, 3), "ab"), 0), 7);
	assert_int_equal(jv_i64(jv_get(jv_at(v, 3), "b"), 0), 8);
	assert_null(jv_get(jv_at(v, 3), "a"));
	assert_int_equal(jv_i64(jv_get(jv_at(v, 5), "a"), 0), 9);
	assert_int_equal(jv_i64(jv_get(jv_at(v, 7), "a"), 0), 10);
	jv_free(v);
}

/* Many members: still found, and twice still seen, without comparing all with all. */
static void
test_large_object(void **state)
{
	enum { N = 50000 };
	struct json_err err;
	struct buf b = { 0 };
	struct jv *v;
	char key[16];

	(void)state;
	buf_addc(&b, '{');
	for (int i = 0; i < N; i++)
		buf_addf(&b, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
	buf_addc(&b, '}');
	v = jv_parse(b.data, b.len, &err);
	assert_non_null(v);
	for (int i = 0; i < N; i += 7) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(jv_i64(jv_get(v, key), -1), i);
	}
	assert_null(jv_get(v, "k"));
	assert_string_equal(jv_key_at(v, 1234), "k1234");
	jv_free(v);
	b.data[b.len - 1] = ',';
	buf_adds(&b, "\"k77\":1}");
	assert_null(jv_parse(b.data, b.len, &err));
	assert_non_null(strstr(err.text, "k77: given twice"));
	buf_free(&b);
}

static void
test_typed_readers(void **state)
{
	struct jv *v =
	    parse("{\"parameters\":{\"unit\":5,\"s\":\"x\",\"n\":-1,\"big\":1.5,"
		  "\"b\":true,\"z\":null,\"l\":[\"a\",\"b\"],\"bad\":[\"a\",1],"
		  "\"nul\":\"a\\u0000b\",\"o\":{}}}");
	const struct jv *p = NULL;
	struct strv list = { 0 };
	const char *s = "keep";
	struct json_err err;
	uint64_t u = 42;
	int64_t i = 42;
	bool b = false;

	(void)state;
	assert_int_equal(jr_obj(v, "parameters", &p, &err), 0);
	assert_int_equal(jr_str(p, "unit", &s, &err), -1);
	assert_string_equal(err.text, "parameters.unit: expected a string, not a number");
	assert_string_equal(s, "keep");
	assert_int_equal(jr_str(p, "none", &s, &err), -1);
	assert_string_equal(err.text, "parameters.none: missing (expected a string)");
	assert_int_equal(jr_str(p, "nul", &s, &err), -1);
	assert_string_equal(err.text, "parameters.nul: holds a NUL character");
	assert_string_equal(jv_str(jv_get(p, "nul"), "dflt"), "dflt");
	assert_int_equal(jr_u64(p, "n", &u, &err), -1);
	assert_string_equal(err.text, "parameters.n: must not be negative");
	assert_int_equal(u, 42);
	assert_int_equal(jr_i64(p, "big", &i, &err), -1);
	assert_int_equal(jr_i64(p, "n", &i, &err), 0);
	assert_int_equal(i, -1);
	assert_int_equal(jr_bool(p, "b", &b, NULL), 0);
	assert_true(b);
	assert_int_equal(jr_bool(p, "s", &b, NULL), -1);
	assert_int_equal(jr_strv(p, "bad", &list, &err), -1);
	assert_string_equal(
	    err.text, "parameters.bad: item 1: expected a string, not a number");
	assert_int_equal(list.n, 0);
	assert_int_equal(jr_strv(p, "l", &list, &err), 0);
	assert_int_equal(list.n, 2);
	strv_free(&list);

	assert_int_equal(jr_opt_str(p, "none", &s, &err), 0);
	assert_int_equal(jr_opt_str(p, "z", &s, &err), 0);
	assert_string_equal(s, "keep");
	assert_int_equal(jr_opt_str(p, "s", &s, &err), 0);
	assert_string_equal(s, "x");
	assert_int_equal(jr_opt_str(p, "b", &s, &err), -1);
	assert_int_equal(jr_opt_strv(p, "none", &list, &err), 0);
	assert_int_equal(jr_opt_i64(p, "none", &i, &err), 0);
	assert_int_equal(jr_opt_u64(p, "none", &u, &err), 0);
	assert_int_equal(jr_opt_bool(p, "none", &b, &err), 0);
	assert_int_equal(jr_opt_obj(p, "s", &p, &err), -1);
	assert_int_equal(jr_opt_arr(p, "o", &p, &err), -1);
	assert_int_equal(jr_arr(NULL, "x", &p, &err), -1);
	assert_string_equal(err.text, "x: missing (expected an array)");
	jv_free(v);
}

static void
test_unknown_members(void **state)
{
	static const char *const known[] = { "a", "b", NULL };
	struct jv *v = parse("{\"a\":1,\"b\":2}"), *w = parse("{\"a\":1,\"c\\n\":2}");
	struct json_err err;

	(void)state;
	assert_int_equal(jr_only(v, known, &err), 0);
	assert_int_equal(jr_only(NULL, known, &err), 0);
	assert_int_equal(jr_only(w, known, &err), -1);
	assert_string_equal(err.text, "c\\n: not known here");
	jv_free(v);
	jv_free(w);
}

/* yajl makes a question mark of it, which in the name of a unit is a glob. */
static void
half_characters_are_refused(void **state)
{
	static const char *const bad[] = { "\"\\ud800\"", "\"a\\udc00\"",
		"{\"\\uD83D\":1}", "\"\\ud83d\\u0041\"", "\"\\ud83dx\"" };
	static const char *const good[] = { "\"\\ud83d\\ude00\"", "\"\\\\ud800\"",
		"\"\\u00e4\\\\\"" };
	struct json_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(jv_parse(bad[i], strlen(bad[i]), &err));
		assert_non_null(strstr(err.text, "half a character"));
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct jv *v = jv_parse(good[i], strlen(good[i]), &err);

		assert_non_null(v);
		jv_free(v);
	}
}

static void
pointers_lead_to_values(void **state)
{
	struct jv *v = parse("{\"a\":{\"b\":[10,{\"c\":7}],\"\":1},\"x/y\":2,\"m~n\":3,"
			     "\"07\":4}");
	static const struct {
		const char *pointer;
		int64_t value;
	} good[] = { { "/a/b/0", 10 }, { "/a/b/1/c", 7 }, { "/a/", 1 }, { "/x~1y", 2 },
		{ "/m~0n", 3 }, { "/07", 4 } };
	static const char *const none[] = { "/a/b/2", "/a/b/00", "/a/b/-", "/a/b/x",
		"/a/b/99999999999999999999", "a", "/a/b/0/z", "/m~n", "/m~", "/nothing",
		"/a/b/" };

	(void)state;
	assert_ptr_equal(jv_pointer(v, ""), v);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(
		    jv_i64(jv_pointer(v, good[i].pointer), -1), good[i].value);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(jv_pointer(v, none[i]));
	assert_null(jv_pointer(NULL, "/a"));
	jv_free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_compact),
		cmocka_unit_test(test_write_bad_bytes_never_fails),
		cmocka_unit_test(test_write_pretty),
		cmocka_unit_test(test_read_tree),
		cmocka_unit_test(test_write_back),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_objects_alike),
		cmocka_unit_test(test_large_object),
		cmocka_unit_test(test_typed_readers),
		cmocka_unit_test(test_unknown_members),
		cmocka_unit_test(half_characters_are_refused),
		cmocka_unit_test(pointers_lead_to_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
