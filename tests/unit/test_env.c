/*
 * Tests of unit/env: `$' in command lines, environment files.
 */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/env.h"
#include "unit/load.h"

/* The words of ExecStart=LINE in ENV, joined by `|'. */
static char *
expand(const char *line, const struct strv *env, struct strv *unset)
{
	struct unit_paths *paths = unit_paths_new();
	char *text = xasprintf("[Service]\nType=oneshot\nExecStart=%s\n", line);
	struct unit_conf *conf =
	    unit_load_text(paths, NULL, "a.service", "a", text, strlen(text), NULL);
	struct strv argv = { 0 };
	char *joined;

	assert_int_equal(conf->load_state, UNIT_LOADED);
	assert_int_equal(conf->service->exec[EXEC_START].n, 1);
	exec_cmd_expand(&conf->service->exec[EXEC_START].v[0], env, &argv, unset);
	joined = strv_join(&argv, "|");
	strv_free(&argv);
	unit_conf_free(conf);
	unit_paths_free(paths);
	free(text);
	return joined;
}

static void
dollars(void **state)
{
	static const struct {
		const char *line;
		const char *want;
	} rows[] = {
		{ "/x $ONE", "/x|1" },
		{ "/x $TWO", "/x|a|b" },
		{ "/x ${TWO}", "/x|a b" },
		{ "/x '$TWO'", "/x|a|b" },
		{ "/x \"${TWO}\"", "/x|a b" },
		{ "/x a${TWO}b${ONE}", "/x|aa bb1" },
		{ "/x a$ONE", "/x|a$ONE" },
		{ "/x $ONE/ $ONE$ONE $ONE-b end", "/x|end" },
		{ "/x $NONE end", "/x|end" },
		{ "/x ${NONE}", "/x|" },
		{ "/x a${NONE}b", "/x|ab" },
		{ "/x $EMPTY end", "/x|end" },
		{ "/x $QUOTED", "/x|q 1|2" },
		{ "/x $$ONE $${ONE} $$", "/x|$ONE|${ONE}|$" },
		{ "/x $ a$ $1 ${1} ${ONE", "/x|a$||${ONE" },
		{ "/x ${ONE:-x} ${A B} ${} x${1}y", "/x|${ONE:-x}|${A|B}||xy" },
		{ "/x '${A B}' x${$$ONE", "/x||x${$$ONE" },
		{ "/x $OPEN $BACK", "/x|a b|c|t\\ d" },
		{ ":/x $ONE ${ONE} $$", "/x|$ONE|${ONE}|$$" },
		{ "@/x $ONE $ONE", "$ONE|1" },
		{ "/x ${DOLLAR}", "/x|${ONE}" },
	};
	struct strv env = { 0 };

	(void)state;
	strv_add(&env, "ONE=1");
	strv_add(&env, "TWO=a b");
	strv_add(&env, "EMPTY=");
	strv_add(&env, "QUOTED='q 1' 2");
	strv_add(&env, "DOLLAR=${ONE}");
	strv_add(&env, "OPEN=a\\ b 'c");
	strv_add(&env, "BACK=\\t\\\\\\ d");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *got = expand(rows[i].line, &env, NULL);

		assert_string_equal(got, rows[i].want);
		free(got);
	}
	strv_free(&env);
}

static void
names_that_are_not_set_are_told(void **state)
{
	struct strv env = { 0 };
	struct strv unset = { 0 };

	(void)state;
	free(expand("/x $A ${B} ${A} $$C", &env, &unset));
	assert_int_equal(unset.n, 2);
	assert_string_equal(unset.v[0], "A");
	assert_string_equal(unset.v[1], "B");
	strv_free(&unset);
}

static void
check_env(const char *text, const char *want)
{
	struct strv env = { 0 };
	char *got;

	env_file_parse("f", text, strlen(text), &env, NULL);
	got = strv_join(&env, "|");
	assert_string_equal(got, want);
	free(got);
	strv_free(&env);
}

static void
environment_files(void **state)
{
	(void)state;
	check_env("A=1\nB=2\n", "A=1|B=2");
	check_env("A=1\nA=2", "A=2");
	check_env("# c\n; c\n\n  A = x y  \n", "A=x y");
	check_env("A=\nB=  ", "A=|B=");
	check_env("A=\"a b\"", "A=a b");
	check_env("A=\"a\"b", "A=ab");
	check_env("A=\"a\" b", "A=ab");
	check_env("A='a'\"b\"", "A=ab");
	check_env("A=a\"b\"", "A=a\"b\"");
	check_env("A=\"two\nlines\"", "A=two\nlines");
	check_env("A='raw \\n $X'", "A=raw \\n $X");
	check_env("A=\"\\\"\\\\\\`\\$\\n\"", "A=\"\\`$\\n");
	check_env("A=\"joined\\\nline\"", "A=joinedline");
	check_env("A=joined\\\nline", "A=joinedline");
	check_env("A=a\\ \\\\b", "A=a \\b");
	check_env("A=keep\\ ", "A=keep ");
	check_env("A=keep \\\r\nB=2", "A=keep |B=2");
	check_env("A=1\rB=2\r# c\rC=\"3\r4\"", "A=1|B=2|C=3\r4");
	check_env("A=x # not a comment", "A=x # not a comment");
	check_env("noequal\nA=1", "A=1");
	check_env("export A=1\nB=2", "B=2");
	check_env("1A=1\nA-B=2\n=3\nC=3", "C=3");
	check_env("A=1\r\nB=2\r\n", "A=1|B=2");
	check_env("A=\xff\nB=2", "B=2");
	check_env("A='open", "A=open");
	check_env("A=\\", "A=");
	check_env("# comment \\\nA=1", "A=1");
}

static void
files_are_read_in_order(void **state)
{
	char dir[] = "/tmp/supd-env-XXXXXX";
	struct strv env = { 0 };
	struct env_file f = { 0 };
	struct diags d;
	FILE *out;

	(void)state;
	diags_init(&d);
	assert_non_null(mkdtemp(dir));
	for (int i = 1; i <= 2; i++) {
		char *path = xasprintf("%s/%d.env", dir, i);

		out = fopen(path, "w");
		assert_non_null(out);
		fprintf(out, "A=%d\nF%d=x\n", i, i);
		fclose(out);
		free(path);
	}
	f.path = xasprintf("%s/*.env", dir);
	assert_int_equal(env_file_load(&f, &env, &d), 0);
	assert_string_equal(strv_env_get(&env, "A"), "2");
	assert_string_equal(strv_env_get(&env, "F1"), "x");
	free(f.path);
	f.path = xasprintf("%s/none", dir);
	assert_int_equal(env_file_load(&f, &env, &d), -1);
	assert_int_equal(d.n_errors, 1);
	f.optional = true;
	assert_int_equal(env_file_load(&f, &env, &d), 0);
	free(f.path);
	/* A folder is no file, and a FIFO is not waited for. */
	f.optional = false;
	f.path = xstrdup(dir);
	assert_int_equal(env_file_load(&f, &env, &d), -1);
	free(f.path);
	f.path = xasprintf("%s/fifo", dir);
	assert_int_equal(mkfifo(f.path, 0600), 0);
	assert_int_equal(env_file_load(&f, &env, &d), -1);
	unlink(f.path);
	free(f.path);
	for (int i = 1; i <= 2; i++) {
		char *path = xasprintf("%s/%d.env", dir, i);

		unlink(path);
		free(path);
	}
	assert_int_equal(rmdir(dir), 0);
	strv_free(&env);
	diags_clear(&d);
}

static void
unsetting(void **state)
{
	struct strv env = { 0 };

	(void)state;
	strv_add(&env, "A=1");
	strv_add(&env, "AB=2");
	env_unset(&env, "A=2");
	assert_int_equal(env.n, 2);
	env_unset(&env, "A=1");
	assert_int_equal(env.n, 1);
	env_unset(&env, "A");
	assert_int_equal(env.n, 1);
	env_unset(&env, "AB");
	assert_int_equal(env.n, 0);
	strv_free(&env);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dollars),
		cmocka_unit_test(names_that_are_not_set_are_told),
		cmocka_unit_test(environment_files),
		cmocka_unit_test(files_are_read_in_order),
		cmocka_unit_test(unsetting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
