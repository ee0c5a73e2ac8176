/*
 * method: the dispatch table, the interface descriptions and each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "manager/control/idl.h"
#include "manager/control/varlink.h"
#include "manager/control/varlink_text.h"

static const struct {
	const char *name;
	enum access_class class;
	unsigned flags;
} rows[] = {
#define METHOD(nm, fn, cls, flg) { .name = nm, .class = ACCESS_##cls, .flags = flg },
#include "manager/control/method.def"
#undef METHOD
};

enum { NROWS = sizeof(rows) / sizeof(rows[0]) };

static struct idl *
parse(const struct varlink_text *t)
{
	struct buf err = { 0 };
	struct idl *d = idl_parse(t->text, &err);

	if (d == NULL)
		fail_msg("%s: %s", t->name, buf_str(&err));
	assert_string_equal(d->name, t->name);
	buf_free(&err);
	return d;
}

static bool
has_row(const char *interface, const char *method)
{
	char *name = xasprintf("%s.%s", interface, method);
	bool found = false;

	for (size_t i = 0; i < NROWS; i++)
		found |= strcmp(rows[i].name, name) == 0;
	free(name);
	return found;
}

static void
every_described_method_has_a_row_and_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < varlink_ntexts; i++) {
		struct idl *d = parse(&varlink_texts[i]);

		assert_true(strlen(d->doc) > 10);
		for (const struct idl_member *m = d->members; m != NULL; m = m->next) {
			if (m->kind != IDL_METHOD ||
			    strncmp(d->name, "org.varlink.", 12) == 0)
				continue;
			if (!has_row(d->name, m->name))
				fail_msg(
				    "%s.%s has no row in method.def", d->name, m->name);
		}
		idl_free(d);
	}
}

static void
every_row_is_described(void **state)
{
	struct map seen = { 0 };
	size_t found = 0;

	(void)state;
	for (size_t i = 0; i < varlink_ntexts; i++) {
		struct idl *d = parse(&varlink_texts[i]);
		size_t n = strlen(d->name);

		for (size_t r = 0; r < NROWS; r++)
			if (strncmp(rows[r].name, d->name, n) == 0 &&
			    rows[r].name[n] == '.' &&
			    idl_find(d, IDL_METHOD, rows[r].name + n + 1) != NULL)
				found++;
		idl_free(d);
	}
	assert_int_equal(found, NROWS);
	for (size_t r = 0; r < NROWS; r++)
		assert_null(map_set(&seen, rows[r].name, &seen));
	map_clear(&seen, NULL);
}

/* Types named but not described would refuse every call. */
static void
check_named(const struct idl *d, const struct idl_type *t)
{
	if (t == NULL)
		return;
	if (t->kind == IDL_NAMED && idl_find(d, IDL_TYPE, t->name) == NULL)
		fail_msg("%s: type %s is not described", d->name, t->name);
	check_named(d, t->item);
	for (const struct idl_field *f = t->fields; f != NULL; f = f->next)
		check_named(d, f->type);
}

static void
every_type_is_described(void **state)
{
	(void)state;
	for (size_t i = 0; i < varlink_ntexts; i++) {
		struct idl *d = parse(&varlink_texts[i]);

		for (const struct idl_member *m = d->members; m != NULL; m = m->next) {
			check_named(d, m->type);
			check_named(d, m->out);
		}
		idl_free(d);
	}
}

static void
what_changes_something_is_not_for_readers(void **state)
{
	static const char *const for_readers[] = { "Status", "Version", "List", "Cat",
		"Show", "Tree", "Graph", "Plan", "IsEnabled", "History", "Wait",
		"WaitDrain", "Budget", "Follow", "Subscribe", "Position", "Read",
		"Screen", "Attach", "Has" };

	(void)state;
	for (size_t r = 0; r < NROWS; r++) {
		const char *last = strrchr(rows[r].name, '.') + 1;
		bool reads = false;

		for (size_t i = 0; i < sizeof(for_readers) / sizeof(for_readers[0]); i++)
			reads |= strcmp(for_readers[i], last) == 0;
		/* (Those of a session are typed.) */
		reads |= strcmp(rows[r].name, "io.supd.Marks.Keys") == 0;
		assert_int_equal(reads, rows[r].class == ACCESS_READ);
	}
}

static const char sample[] =
    "# Doc.\n"
    "interface a.b\n"
    "type T (x: int, y: ?string)\n"
    "type E (one, two)\n"
    "# Does it.\n"
    "method M(units: []string, t: ?T, e: ?E, m: ?[string]int, o: ?object, f: ?float, b: "
    "?bool)\n"
    "  -> ()\n"
    "error Bad (why: string)\n";

static void
parameters_are_checked_with_their_path(void **state)
{
	static const struct {
		const char *json, *path; /* path NULL: fine */
	} cases[] = {
		{ "{\"units\":[\"a\"]}", NULL },
		{ "{\"units\":[],\"t\":{\"x\":1},\"e\":\"two\",\"m\":{\"k\":2},\"o\":[1],"
		  "\"f\":1,\"b\":true}",
		    NULL },
		{ "{\"units\":[],\"t\":null}", NULL },
		{ "{}", "units" },
		{ "[]", "" },
		{ "{\"units\":\"a\"}", "units" },
		{ "{\"units\":[\"a\",1]}", "units[1]" },
		{ "{\"units\":[\"a\\u0000b\"]}", "units[0]" },
		{ "{\"units\":[],\"t\":{}}", "t.x" },
		{ "{\"units\":[],\"t\":{\"x\":1,\"z\":1}}", "t.z" },
		{ "{\"units\":[],\"t\":{\"x\":1.5}}", "t.x" },
		{ "{\"units\":[],\"e\":\"three\"}", "e" },
		{ "{\"units\":[],\"m\":{\"k\":\"v\"}}", "m[k]" },
		{ "{\"units\":[],\"b\":0}", "b" },
		{ "{\"units\":[],\"more\":0}", "more" },
	};
	struct buf err = { 0 };
	struct idl *d = idl_parse(sample, &err);
	const struct idl_member *m;

	(void)state;
	assert_non_null(d);
	m = idl_find(d, IDL_METHOD, "M");
	assert_string_equal(m->doc, "Does it.\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf path = { 0 }, why = { 0 };
		struct jv *v = jv_parse(cases[i].json, strlen(cases[i].json), NULL);
		int rc = idl_check(d, m->type, v, &path, &why);

		assert_int_equal(rc, cases[i].path == NULL ? 0 : -1);
		if (rc == -1) {
			assert_string_equal(buf_str(&path), cases[i].path);
			assert_true(why.len > 0);
		}
		jv_free(v);
		buf_free(&path);
		buf_free(&why);
	}
	idl_free(d);
	buf_free(&err);
}

static void
broken_descriptions_are_refused_with_their_line(void **state)
{
	static const char *const bad[] = {
		"",
		"interface",
		"interface a.b\nfoo X ()",
		"interface a.b\nmethod M() ()",
		"interface a.b\nmethod M(x: ) -> ()",
		"interface a.b\nmethod M(x: int, y) -> ()",
		"interface a.b\ntype T (x: int",
		"interface a.b\ntype T (((((((((((((((((((((((((",
		"interface a.b\ntype T (a: ????????????????????????????????????int)",
		"interface a.b\ntype T (a: [][][][][][][][][][][][][][][][][][][][]int)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf err = { 0 };

		assert_null(idl_parse(bad[i], &err));
		assert_memory_equal(buf_str(&err), "line ", 5);
		buf_free(&err);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_described_method_has_a_row_and_words),
		cmocka_unit_test(every_row_is_described),
		cmocka_unit_test(every_type_is_described),
		cmocka_unit_test(what_changes_something_is_not_for_readers),
		cmocka_unit_test(parameters_are_checked_with_their_path),
		cmocka_unit_test(broken_descriptions_are_refused_with_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
