/*
 * Tests of the table of directives: every row can be read, shown and explained.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/explain.h"
#include "unit/kinds.h"
#include "unit/load.h"
#include "unit/table.h"

static void
rows_are_whole(void **state)
{
	(void)state;
	assert_true(directive_count() > 400);
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		const struct directive *r = directive_resolve(d);

		if (r == NULL || r->form == FORM_ALIAS)
			fail_msg("%s= leads to no row", d->key);
		if (r->help[0] == '\0')
			fail_msg("%s= has no help", d->key);
		if (r->form == FORM_DIRECTIVE && r->kind->syntax[0] == '\0')
			fail_msg("%s= has no syntax", d->key);
		if (r->form == FORM_DIRECTIVE && r->status != DIRECTIVE_OK &&
		    r->status != DIRECTIVE_LATER)
			fail_msg("%s= has a field that nothing reads", d->key);
		assert_ptr_equal(directive_find(d->section, d->key), d);
		assert_int_equal(directive_index(d), i);
	}
	assert_null(directive_find(SECTION_SERVICE, "Nonsense"));
	assert_null(directive_at(directive_count()));
}

static void
every_row_is_explained(void **state)
{
	char *name;
	size_t n = 0;

	(void)state;
	while ((name = unit_explain_name(n)) != NULL) {
		char *text = unit_explain(strchr(name, '.') + 1);

		assert_non_null(text);
		assert_non_null(strstr(text, "Status:"));
		free(text);
		free(name);
		n++;
	}
	assert_int_equal(n, directive_count());
	assert_null(unit_explain("Nonsense"));
	assert_null(unit_explain(""));
	name = unit_explain("restartsec=");
	assert_non_null(name);
	assert_non_null(strstr(name, "RestartSec="));
	free(name);
	assert_string_equal(unit_explain_nearest("ExceStart"), "ExecStart");
}

static void
has(char *text, const char *part)
{
	assert_non_null(text);
	if (strstr(text, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, text);
	free(text);
}

static void
other_words_are_explained(void **state)
{
	struct strv near = { 0 };

	(void)state;
	has(unit_explain_word("[service]"), "\n  ExecStart=\n");
	has(unit_explain_word("Rule"), "[Rule NAME]\n");
	has(unit_explain_word("203"), "exit status 203/EXEC\n  The program was not run");
	has(unit_explain_word("EXEC"), "203/EXEC");
	has(unit_explain_word("200/CHDIR"), "200/CHDIR");
	has(unit_explain_word("137"), "ended by SIGKILL");
	has(unit_explain_word("3"), "SuccessExitStatus=");
	has(unit_explain_word("on-abnormal"), "Restart=on-abnormal in [Service]");
	assert_null(unit_explain_word("256"));
	assert_null(unit_explain_word(""));
	assert_null(unit_explain_word("[]"));
	assert_null(unit_explain_word("[Nothing]"));
	has(unit_explain("ExecStartPre"), "Changed: it holds from the next start on\n");
	has(unit_explain("After"), "Changed: it holds at once");
	has(unit_explain("MaxSlots"), "when supd is started again");
	unit_explain_near("timeout", 3, &near);
	assert_int_equal(near.n, 3);
	strv_free(&near);
}

struct defaults {
	size_t n;
};

/* What is shown for a unit that says nothing must be what the table promises. */
static void
check_default(void *arg, const char *name, const char *value)
{
	struct defaults *d = arg;
	const struct directive *row = directive_find(SECTION_SERVICE, name);

	d->n++;
	if (row == NULL || row->dflt[0] == '\0' || row->kind->words == NULL)
		return;
	if (strcmp(row->dflt, value) != 0)
		fail_msg("%s= is %s, not %s", name, value, row->dflt);
}

static void
defaults_are_what_the_table_says(void **state)
{
	static const char text[] = "[Service]\nExecStart=/bin/true\n";
	struct unit_paths *paths = unit_paths_new();
	struct unit_conf *conf = unit_load_text(
	    paths, NULL, "a.service", "a.service", text, strlen(text), NULL);
	struct supd_conf *sc = supd_conf_load_text("supd.conf", "", 0, NULL);
	struct unit_conf *with =
	    unit_load_text(paths, sc, "a.service", "a.service", text, strlen(text), NULL);
	struct defaults d = { 0 };

	(void)state;
	unit_conf_show(conf, check_default, &d);
	assert_true(d.n > 100);
	assert_int_equal(conf->service->context.umask, 022);
	assert_true(conf->service->timeout_stop_us == 90000000);
	assert_true(conf->service->restart_us == 100000);
	assert_int_equal(conf->rules->start_limit_burst, 5);
	assert_true(conf->service->context.ignore_sigpipe);
	assert_true(conf->service->kill.send_sigkill);
	assert_int_equal(conf->rules->failure_action_status, -1);
	/* An empty supd.conf is none. */
	assert_true(with->service->timeout_stop_us == conf->service->timeout_stop_us);
	assert_true(with->service->restart_us == conf->service->restart_us);
	assert_true(
	    with->service->context.log_max_bytes == conf->service->context.log_max_bytes);
	assert_true(
	    with->rules->start_limit_interval_us == conf->rules->start_limit_interval_us);
	assert_true(sc->shutdown_timeout_us == SUPD_TIMEOUT_AUTO);
	unit_conf_free(conf);
	unit_conf_free(with);
	supd_conf_free(sc);
	unit_paths_free(paths);
}

static void
every_limit_is_its_own(void **state)
{
	struct unit_paths *paths = unit_paths_new();
	struct buf text = { 0 };
	struct unit_conf *conf;
	uint64_t seen = 0;
	size_t n = 0;

	(void)state;
	buf_adds(&text, "[Service]\nExecStart=/bin/true\n");
	for (size_t i = 0; i < directive_count(); i++) {
		if (directive_at(i)->kind != &kinds[KIND_LIMIT])
			continue;
		buf_addf(&text, "%s=1:2\n", directive_at(i)->key);
		n++;
	}
	conf =
	    unit_load_text(paths, NULL, "a.service", "a", buf_str(&text), text.len, NULL);
	assert_int_equal(conf->load_state, UNIT_LOADED);
	assert_int_equal(conf->service->context.n_limits, n);
	for (size_t i = 0; i < n; i++) {
		const struct limit_conf *l = &conf->service->context.limits[i];

		assert_true((seen & UINT64_C(1) << l->resource) == 0);
		seen |= UINT64_C(1) << l->resource;
		assert_true(l->soft == 1 && l->hard == 2);
	}
	assert_int_equal(seen, 0xffff);
	unit_conf_free(conf);
	unit_paths_free(paths);
	buf_free(&text);
}

static void
distances(void **state)
{
	(void)state;
	assert_int_equal(edit_distance("abc", "abc", 3), 0);
	assert_int_equal(edit_distance("abc", "ABC", 3), 0);
	assert_int_equal(edit_distance("abc", "abd", 3), 1);
	assert_int_equal(edit_distance("abc", "abcd", 3), 1);
	assert_int_equal(edit_distance("", "abc", 3), 3);
	assert_int_equal(edit_distance("kitten", "sitting", 3), 3);
	assert_int_equal(edit_distance("abcdef", "uvwxyz", 2), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_whole),
		cmocka_unit_test(every_row_is_explained),
		cmocka_unit_test(other_words_are_explained),
		cmocka_unit_test(defaults_are_what_the_table_says),
		cmocka_unit_test(every_limit_is_its_own),
		cmocka_unit_test(distances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
