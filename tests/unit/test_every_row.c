/*
 * Every row of the table, one after the other: a value of its kind is read, shown, and
 * read back the same; one that is none is told at its place; a key that is only answered
 * gets the answer that its row has.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/effect.h"
#include "unit/kinds.h"
#include "unit/load.h"
#include "unit/table.h"

/* Of each kind a value, and one that is none; NULL: there is none that is refused. */
static const struct {
	enum kind_id kind;
	const char *good, *bad;
} samples[] = {
	{ KIND_ALERT_COUNT, "10", "0" },
	{ KIND_ALERT_EXEC, "/bin/echo a b", "'" },
	{ KIND_ALERT_LIMIT, "2.5%", "much" },
	{ KIND_BOOL, "yes", "maybe" },
	{ KIND_TRANSIENT_USER, "yes", "maybe" },
	{ KIND_DEVICE, "eth0", "no/device" },
	{ KIND_FD_NAME, "name", NULL },
	{ KIND_TOS, "low-delay", "soon" },
	{ KIND_TTL, "64", "0" },
	{ KIND_LISTEN, "/tmp/x", NULL },
	{ KIND_BIND_IPV6_ONLY, "both", "perhaps" },
	{ KIND_PATH_SPEC, "/tmp/x", "tmp/x" },
	{ KIND_UNIT_PATH, "/tmp/x:/tmp/y", "tmp/x" },
	{ KIND_MARK, "5", "soon" },
	{ KIND_BURST, "5", "soon" },
	{ KIND_PROTOCOL, "udplite", "smoke" },
	{ KIND_LINKS, "/tmp/x", "x" },
	{ KIND_TIMESTAMPING, "us", "soon" },
	{ KIND_COUNT, "3", "-1" },
	{ KIND_SLOTS, "3", "0" },
	{ KIND_MARKS_COUNT, "3", "0" },
	{ KIND_TTY_SIZE, "80", "65536" },
	{ KIND_SPAN, "1min 30s", "soon" },
	{ KIND_SPAN_INF, "2h", "soon" },
	{ KIND_TIMEOUT, "20s", "soon" },
	{ KIND_TIMEOUT_BOTH, "20s", "soon" },
	{ KIND_ISOLATE_MODE, "yes", "maybe" },
	{ KIND_TIMEOUT_AUTO, "20s", "soon" },
	{ KIND_WATCHDOG, "20s", "soon" },
	{ KIND_SIZE, "64M", "5Q" },
	{ KIND_MODE, "0750", "0999" },
	{ KIND_SIGNAL, "SIGUSR1", "SIGNOPE" },
	{ KIND_FD, "7", "2" },
	{ KIND_STATUS, "7", "256" },
	{ KIND_TEXT, "some text", NULL },
	{ KIND_STRING, "word", NULL },
	{ KIND_INSTANCE, "word", NULL },
	{ KIND_WORDS, "man:a(1) man:b(2)", "\"a" },
	{ KIND_UNITS, "x.service", NULL },
	{ KIND_POOL, "llm", "x.service" },
	{ KIND_RATE, "60/1min", "60" },
	{ KIND_LOAD, "150%", "much" },
	{ KIND_MEMORY_LEFT, "10%", "101%" },
	{ KIND_PRESSURES, "cpu:50%/1min io:20%/10sec", "disk:5%" },
	{ KIND_INTEGER, "-5", "high" },
	{ KIND_UNIT_NAME, "x.service", "%!" },
	{ KIND_TRIGGERED, "x.service", "%!" },
	{ KIND_TIMER_CALENDAR, "daily", "sometimes" },
	{ KIND_TIMER_SPAN, "1h", "soon" },
	{ KIND_TIMER_OVERLAP, "queue", "allow:0" },
	{ KIND_RUN_PATH, "/run/a.pid", NULL },
	{ KIND_DAY, "20261120", "2026-11-20" },
	{ KIND_EXEC, "/bin/true x", "relative/path" },
	{ KIND_PROBE_PATTERN, "a+", "(" },
	{ KIND_PROBE_TCP, "localhost:80", "x:y:z" },
	{ KIND_PROBE_HTTP, "http://localhost:80/x", "ftp://x" },
	{ KIND_PROBE_EXEC, "/bin/true", "relative/path" },
	{ KIND_BUS_NAME, "org.example.Name", "no name" },
	{ KIND_PROBE_FILE, "/run/x", "x" },
	{ KIND_EXIT_SET, "1 SIGTERM", "NOPE" },
	{ KIND_STOP_SEQUENCE, "SIGTERM:5s,SIGKILL", "NOPE:1s" },
	{ KIND_USER, "nobody", "0day" },
	{ KIND_GROUPS, "nogroup 1", "0day" },
	{ KIND_WORKDIR, "/tmp", "tmp" },
	{ KIND_ENVIRONMENT, "A=b", "=b" },
	{ KIND_ENV_FILE, "/tmp/x", "tmp/x" },
	{ KIND_ENV_NAMES, "A B", "A=b" },
	{ KIND_ENV_UNSET, "A B=c", "=b" },
	{ KIND_LOAD_CREDENTIAL, "a:/tmp/x", "/:x" },
	{ KIND_SET_CREDENTIAL, "a:b", "/:x" },
	{ KIND_SEARCH_PATH, "/bin:/usr/bin", "bin" },
	{ KIND_LIMIT, "1:2", "2:1" },
	{ KIND_NICE, "5", "99" },
	{ KIND_OOM_SCORE, "500", "5000" },
	{ KIND_CPU_POLICY, "batch", "fast" },
	{ KIND_CPU_PRIORITY, "10", "100" },
	{ KIND_CPUS, "0", "x" },
	{ KIND_IO_CLASS, "idle", "fast" },
	{ KIND_IO_PRIORITY, "3", "8" },
	{ KIND_TIMER_SLACK, "1ms", "soon" },
	{ KIND_COREDUMP_FILTER, "default", "nope" },
	{ KIND_PERSONALITY, "x86-64", "vax" },
	{ KIND_SECURE_BITS, "noroot", "nope" },
	{ KIND_DIRS, "a b/c", "/a" },
	{ KIND_STDIN, "null", "nope" },
	{ KIND_STDOUT, "null", "nope" },
	{ KIND_STDIN_TEXT, "text", NULL },
	{ KIND_STDIN_DATA, "dGV4dA==", "!" },
	{ KIND_CAPS_BOUNDING, "CAP_CHOWN", "CAP_NOPE" },
	{ KIND_CAPS_AMBIENT, "CAP_CHOWN", "CAP_NOPE" },
	{ KIND_TERM_SIZE, "100x30", "100" },
	{ KIND_SPAN_MS, "200ms", "soon" },
	{ KIND_NAME, "name", "a b" },
	{ KIND_SLOT, "slot", "a b" },
	{ KIND_INPUT, "text", NULL },
	{ KIND_INPUTS, "text", NULL },
	{ KIND_KEYS, "C-c Enter", "\"a" },
	{ KIND_KEYS_TEXT, "C-u", NULL },
	{ KIND_STATES, "idle waiting", "asleep" },
	{ KIND_TIERS, "0:5min 10min:1h", "5min:0" },
	{ KIND_ABS_PATH, "/tmp/x", "x" },
	{ KIND_ABS_PATHS, "/tmp/x", "x" },
	{ KIND_ABS_GLOB, "/tmp/*", "x" },
	{ KIND_PATTERN, "a+", "(" },
	{ KIND_POINTER, "/a/b", "a" },
	{ KIND_UNTIL, "in 10min", NULL },
	{ KIND_QUOTA, "2500", "-1" },
	{ KIND_QUOTA_BYTES, "64M", "5Q" },
	{ KIND_QUOTA_COST, "12.5", "1.1234567" },
	{ KIND_BUDGET_PERIOD, "week", "soon" },
	{ KIND_BUDGET_SOURCES, "notify", "nope" },
	{ KIND_FROM_JSON, "/tmp/x#/a", "x" },
};

static size_t wrong;

/* All of them are told, not the first one. */
static void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error("# ");
	vprint_error(fmt, ap);
	print_error("\n");
	va_end(ap);
	wrong++;
}

static const char *
sample(const struct directive *d, bool good)
{
	/* What it may be is the business of each condition; see tests of these. */
	if (d->kind == &kinds[KIND_CONDITION])
		return good && (strstr(d->key, "Path") != NULL ||
				   strstr(d->key, "File") != NULL)
			   ? "/tmp"
			   : NULL;
	if (strcmp(d->key, "ListenNetlink") == 0)
		return good ? "kobject-uevent 1" : "nope";
	if (d->kind->words != NULL)
		return good ? d->kind->words[1] != NULL ? d->kind->words[1]
							: d->kind->words[0]
			    : "no-such-word";
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		if (&kinds[samples[i].kind] == d->kind)
			return good ? samples[i].good : samples[i].bad;
	complain("the kind %s of %s= has no sample here", d->kind->name, d->key);
	return NULL;
}

/* A unit with that one line; supd.conf for rows of it. */
struct loaded {
	struct unit_paths *paths;
	struct unit_conf *conf;
	struct supd_conf *supd;
	struct diags d;
};

static const char *
unit_of(enum section s)
{
	switch (s) {
	case SECTION_TIMER:
		return "a.timer";
	case SECTION_PATH:
		return "a.path";
	case SECTION_SOCKET:
		return "a.socket";
	case SECTION_POOL:
		return "a.pool";
	default:
		return "a.service";
	}
}

static void
load(struct loaded *l, const struct directive *d, const char *value,
    const struct supd_conf *sc)
{
	struct buf text = { 0 };
	bool named = section_is_named(d->section);

	memset(l, 0, sizeof(*l));
	diags_init(&l->d);
	buf_addf(&text, "[%s%s]\n%s=%s\n", section_name(d->section), named ? " r" : "",
	    d->key, value);
	if (section_is_of_supd(d->section)) {
		l->supd = supd_conf_load_text("f", buf_str(&text), text.len, &l->d);
	} else {
		l->paths = unit_paths_new();
		l->conf = unit_load_text(l->paths, sc, unit_of(d->section), "f",
		    buf_str(&text), text.len, &l->d);
	}
	buf_free(&text);
}

static void
unload(struct loaded *l)
{
	unit_conf_free(l->conf);
	supd_conf_free(l->supd);
	unit_paths_free(l->paths);
	diags_clear(&l->d);
}

/* What is said of the line itself. */
static const struct diag *
of_line(const struct loaded *l)
{
	for (size_t i = 0; i < l->d.n; i++)
		if (l->d.v[i].line == 2)
			return &l->d.v[i];
	return NULL;
}

struct wanted {
	const char *name;
	char *value;
};

static void
take(void *arg, const char *name, const char *value)
{
	struct wanted *w = arg;

	if (strcmp(name, w->name) == 0) {
		free(w->value);
		w->value = xstrdup(value);
	}
}

static char *
shown(const struct loaded *l, const struct directive *d)
{
	char *name = directive_shown_name(d, section_is_named(d->section) ? "r" : NULL);
	struct wanted w = { name, NULL };

	if (l->supd != NULL)
		supd_conf_show(l->supd, take, &w);
	else
		unit_conf_show(l->conf, take, &w);
	free(name);
	return w.value;
}

static void
check_good(const struct directive *d)
{
	const char *value = sample(d, true);
	const struct diag *g;
	struct loaded l, again;
	char *first, *second;

	if (value == NULL)
		return;
	load(&l, d, value, NULL);
	g = of_line(&l);
	/* Alone, many a line of a session means nothing. */
	if (g != NULL && g->level == DIAG_ERROR && !section_is_session(d->section))
		complain("%s=%s: %s", d->key, value, g->text);
	first = shown(&l, d);
	if (first == NULL) {
		if (d->kind->show != show_nothing)
			complain("%s= is not shown", d->key);
	} else if (d->kind->show != show_set_credential &&
		   !(*first == '\0' && section_is_session(d->section))) {
		load(&again, d, first, NULL);
		second = shown(&again, d);
		if (*first == '\0' || second == NULL || strcmp(first, second) != 0)
			complain("%s=%s is shown as %s, which is read as %s", d->key,
			    value, first, second != NULL ? second : "nothing");
		free(second);
		unload(&again);
	}
	free(first);
	unload(&l);
}

static void
check_bad(const struct directive *d)
{
	const char *value = sample(d, false);
	const struct diag *g;
	struct loaded l;

	if (value == NULL)
		return;
	load(&l, d, value, NULL);
	g = of_line(&l);
	/* At the value, or at the key for what is said of the whole line. */
	if (g == NULL)
		complain("%s=%s is taken", d->key, value);
	else if (strcmp(g->file, "f") != 0 || (g->col > 1 && g->col <= strlen(d->key)))
		complain(
		    "%s=%s is told at %s:%u:%u", d->key, value, g->file, g->line, g->col);
	unload(&l);
}

static void
values_are_read_shown_and_read_back(void **state)
{
	size_t n = 0;

	(void)state;
	wrong = 0;
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);

		if (d->form != FORM_DIRECTIVE)
			continue;
		check_good(d);
		check_bad(d);
		n++;
	}
	assert_true(n > 200);
	assert_int_equal(wrong, 0);
}

static bool
says(const struct diag *g, enum diag_level level, const char *what)
{
	return g != NULL && g->level == level && strstr(g->text, what) != NULL;
}

static void
check_answer(const struct directive *d, const struct supd_conf *require)
{
	const struct diag *g;
	struct loaded l;
	bool strict = require != NULL;

	load(&l, d, "x", require);
	g = of_line(&l);
	switch (d->status) {
	case DIRECTIVE_SILENT:
		assert_null(g);
		break;
	case DIRECTIVE_IGNORED:
		assert_true(says(g, DIAG_WARNING, "has no effect"));
		assert_true(says(g, DIAG_WARNING, d->help));
		break;
	case DIRECTIVE_ISOLATES:
		assert_true(strict ? says(g, DIAG_ERROR, "cannot be applied")
				   : says(g, DIAG_WARNING, "is not applied"));
		break;
	case DIRECTIVE_REFUSED:
		assert_true(says(g, DIAG_ERROR, "is refused"));
		assert_int_equal(l.conf->load_state, UNIT_BAD_SETTING);
		break;
	default:
		complain("%s= is honoured, and is only answered", d->key);
	}
	unload(&l);
	/* What switches it off can always be granted. */
	load(&l, d, "no", require);
	assert_null(of_line(&l));
	unload(&l);
}

static void
answers_are_what_the_table_says(void **state)
{
	static const char text[] = "[Supd]\nIsolation=require\n";
	struct supd_conf *sc = supd_conf_load_text("supd.conf", text, strlen(text), NULL);
	size_t n = 0;

	(void)state;
	wrong = 0;
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);

		if (d->form != FORM_ANSWER)
			continue;
		check_answer(d, NULL);
		check_answer(d, sc);
		n++;
	}
	assert_true(n > 100);
	supd_conf_free(sc);
}

static void
old_names_mean_the_new_ones(void **state)
{
	(void)state;
	wrong = 0;
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *old = directive_at(i);
		const struct directive *d = directive_resolve(old);
		struct loaded l, m;
		char *by_old, *by_new;

		if (old->form != FORM_ALIAS || d->form != FORM_DIRECTIVE)
			continue;
		if (sample(d, true) == NULL)
			continue;
		load(&l, old, sample(d, true), NULL);
		load(&m, d, sample(d, true), NULL);
		by_old = shown(&l, d);
		by_new = shown(&m, d);
		if (by_old == NULL || by_new == NULL || strcmp(by_old, by_new) != 0)
			complain("%s= is not %s=", old->key, d->key);
		free(by_old);
		free(by_new);
		unload(&l);
		unload(&m);
	}
	assert_int_equal(wrong, 0);
}

static void
every_row_says_when_a_change_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_at(i);
		enum effect e = directive_effect(d);

		assert_true(e < EFFECT_N);
		assert_true((e == EFFECT_SUPD) <= (d->section == SECTION_SUPD));
		assert_int_equal(d->since > 0, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_shown_and_read_back),
		cmocka_unit_test(answers_are_what_the_table_says),
		cmocka_unit_test(old_names_mean_the_new_ones),
		cmocka_unit_test(every_row_says_when_a_change_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
