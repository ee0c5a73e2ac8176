/*
 * Any bytes as a unit file, as supd.conf, as an environment file, as a name and as
 * numbers. Nothing may crash; what is accepted must show as text that gives the same
 * value again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "unit/explain.h"
#include "unit/keys.h"
#include "unit/load.h"
#include "unit/span.h"

#include "fuzz.h"

static struct unit_paths *paths;

struct again {
	const struct unit_conf *conf;
	struct buf text;
};

/* A value, its percent signs doubled. */
static void
write_value(struct buf *b, const char *value)
{
	for (const char *p = value; *p != '\0'; p++) {
		buf_addc(b, *p);
		if (*p == '%')
			buf_addc(b, '%');
	}
	buf_addc(b, '\n');
}

/* "Session.KEY" and "Rule.NAME.KEY": all of them read back, but for several messages or
 * sources, which are shown in one line, and what is nothing without them. */
static void
write_session_line(struct again *a, const char *name, const char *value)
{
	const char *dot = strchr(name, '.');
	const char *key = strrchr(name, '.') + 1;
	const struct unit_session *s = a->conf->session;

	if (*value == '\0' || !unit_conf_is_set(a->conf, name) ||
	    (s->heartbeat.messages.n > 1 && strncmp(name, "Heartbeat.", 10) == 0) ||
	    (s->budget.n_sources > 1 && strcmp(name, "Budget.Source") == 0))
		return;
	if (dot + 1 == key)
		buf_addf(&a->text, "[%.*s]\n", (int)(dot - name), name);
	else
		buf_addf(&a->text, "[Rule %.*s]\n", (int)(key - dot - 2), dot + 1);
	buf_addf(&a->text, "%s=", key);
	write_value(&a->text, value);
}

/* Keys whose text reads back to the same value, one line each. */
static void
write_line(void *arg, const char *name, const char *value)
{
	static const char *const keys[] = { "ExecStart", "ExecStartPre", "ExecStop",
		"Environment", "RestartSec", "TimeoutStopSec", "StopSequence",
		"KillSignal", "SuccessExitStatus", "LimitCPU", "LimitAS", "Nice", "UMask",
		"LogMaxBytes", "AmbientCapabilities", "StandardInputData", "Restart",
		"RuntimeDirectory" };
	struct again *a = arg;

	if (strchr(name, '.') != NULL) {
		write_session_line(a, name, value);
		return;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(name, keys[i]) != 0 || *value == '\0' ||
		    !unit_conf_is_set(a->conf, name))
			continue;
		buf_addf(&a->text, "[Service]\n%s=", name);
		write_value(&a->text, value);
	}
}

static void
no_difference(void *arg, const char *name, const char *old_value, const char *new_value)
{
	const struct again *a = arg;
	struct again probe = { a->conf, { 0 } };

	write_line(&probe, name, old_value);
	if (probe.text.len != 0)
		fprintf(stderr, "%s: \"%s\" became \"%s\"\n", name, old_value, new_value);
	check(probe.text.len == 0);
	buf_free(&probe.text);
}

static void
check_round_trip(const struct unit_conf *conf)
{
	struct again a = { conf, { 0 } };
	struct unit_conf *two;

	unit_conf_show(conf, write_line, &a);
	two = unit_load_text(paths, NULL, "fuzz@inst.service", "again", buf_str(&a.text),
	    a.text.len, NULL);
	unit_conf_diff(conf, two, no_difference, &a);
	unit_conf_free(two);
	buf_free(&a.text);
}

static void
check_diags(const struct diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char *line = diag_format(&d->v[i]);

		check(utf8_is_valid(line, strlen(line)));
		check(strpbrk(line, "\n\r\033") == NULL);
		free(line);
	}
}

static void
expand_all(const struct unit_conf *conf, const struct strv *env)
{
	for (int k = 0; k < EXEC_NKINDS; k++) {
		for (size_t i = 0; i < conf->service->exec[k].n; i++) {
			struct strv argv = { 0 };
			struct strv unset = { 0 };

			exec_cmd_expand(&conf->service->exec[k].v[i], env, &argv, &unset);
			check(argv.n > 0);
			strv_free(&argv);
			strv_free(&unset);
		}
	}
}

static void
try_text(const char *text)
{
	uint64_t a, b;
	struct buf out = { 0 };
	char *escaped;
	char *plain;

	if (span_parse(text, 1000000, &a) == 0) {
		span_format(&out, a);
		check(span_parse(buf_str(&out), 1000000, &b) == 0 && a == b);
	}
	buf_clear(&out);
	if (size_parse(text, &a) == 0) {
		size_format(&out, a);
		check(size_parse(buf_str(&out), &b) == 0 && a == b);
	}
	buf_free(&out);
	escaped = unit_name_escape(text);
	plain = unit_name_unescape(escaped);
	check(plain != NULL && strcmp(plain, text) == 0);
	free(escaped);
	free(plain);
	escaped = unit_name_path_escape(text);
	free(escaped);
	free(unit_name_path_unescape(text));
	free(unit_name_add_suffix(text));
	free(unit_explain(text));
	buf_clear(&out);
	key_nearest(text);
	check(
	    (key_bytes(text, true, &out) == KEY_BAD) == (out.len == 0) || *text == '\0');
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xmalloc(size + 1);
	struct unit_conf *conf;
	struct supd_conf *sc;
	struct strv env = { 0 };
	struct diags d;

	memcpy(text, data, size);
	text[size] = '\0';
	if (paths == NULL)
		paths = unit_paths_new();
	diags_init(&d);
	env_file_parse("env", text, size, &env, &d);
	sc = supd_conf_load_text("supd.conf", text, size, &d);
	conf = unit_load_text(paths, sc, "fuzz@inst.service", "fuzz", text, size, &d);
	check_diags(&d);
	expand_all(conf, &env);
	check_round_trip(conf);
	if (size < 256)
		try_text(text);
	unit_conf_free(conf);
	supd_conf_free(sc);
	strv_free(&env);
	diags_clear(&d);
	free(text);
	return 0;
}
