/*
 * Any bytes as a unit file, as supd.conf, as an environment file, as a name and as
 * numbers. Nothing may crash; what is accepted must show as text that gives the same
 * value again.
 *
 * The first byte may say the type of the unit, and is no part of it then: T a timer, P a
 * path, S a socket, G a target, L a slice, C a scope; else it is a service.
 */
#include <stddef.h>
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
#include "unit/table.h"

#include "fuzz.h"

static struct unit_paths *paths;

struct again {
	const struct unit_conf *conf;
	const char *name;
	struct buf text;
};

static const struct type {
	char mark;
	const char *name;
	enum section section; /* its own */
} types[] = {
	{ 'T', "fuzz@inst.timer", SECTION_TIMER },
	{ 'P', "fuzz@inst.path", SECTION_PATH },
	{ 'S', "fuzz@inst.socket", SECTION_SOCKET },
	{ 'G', "fuzz@inst.target", SECTION_NONE },
	{ 'L', "fuzz.slice", SECTION_NONE },
	{ 'C', "fuzz.scope", SECTION_NONE },
	{ '\0', "fuzz@inst.service", SECTION_NONE },
};

static const struct type *
type_of(const uint8_t *data, size_t size)
{
	const struct type *t = types;

	while (t->mark != '\0' && (size == 0 || data[0] != (uint8_t)t->mark))
		t++;
	return t;
}

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

/* Of what there may be several of, each has a line of its own. */
static void
write_list(struct again *a, const char *name, const char *value, const char *between)
{
	const char *end;

	do {
		end = strstr(value, between);
		buf_addf(&a->text, "%s=", name);
		if (end == NULL)
			write_value(&a->text, value);
		else {
			char *one = xstrndup(value, (size_t)(end - value));

			write_value(&a->text, one);
			free(one);
			value = end + strlen(between);
		}
	} while (end != NULL);
}

/* Paths may have anything in them; as they are shown, blanks are between. */
static void
write_paths(struct again *a, const char *name)
{
	const struct path_specs *specs = &a->conf->trigger->path.watch;

	for (size_t i = 0; i < specs->n; i++) {
		if (strcmp(path_kind_name(specs->v[i].kind), name) != 0)
			continue;
		buf_addf(&a->text, "%s=", name);
		write_value(&a->text, specs->v[i].path);
	}
}

/* All of [Timer], [Path] and [Socket].  False: it is none of these. */
static bool
write_trigger_line(struct again *a, const char *name, const char *value)
{
	enum section own = SECTION_NONE;
	const struct directive *d;

	for (const struct type *t = types; t->mark != '\0'; t++)
		if (strcmp(t->name, a->name) == 0)
			own = t->section;
	if (own == SECTION_NONE || (d = directive_find(own, name)) == NULL)
		return false;
	if (*value == '\0' || !unit_conf_is_set(a->conf, name))
		return true;
	buf_addf(&a->text, "[%s]\n", section_name(own));
	if (d->offset == offsetof(struct unit_parts, trigger.path.watch))
		write_paths(a, name);
	else
		write_list(a, name, value, own == SECTION_TIMER ? " ; " : "\n");
	return true;
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
	if (write_trigger_line(a, name, value))
		return;
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
	struct again probe = { a->conf, a->name, { 0 } };

	write_line(&probe, name, old_value);
	if (probe.text.len != 0)
		fprintf(stderr, "%s: \"%s\" became \"%s\"\n", name, old_value, new_value);
	check(probe.text.len == 0);
	buf_free(&probe.text);
}

static void
check_round_trip(const struct unit_conf *conf, const char *name)
{
	struct again a = { conf, name, { 0 } };
	struct unit_conf *two;

	unit_conf_show(conf, write_line, &a);
	two = unit_load_text(
	    paths, NULL, name, "again", buf_str(&a.text), a.text.len, NULL);
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
	const struct type *type = type_of(data, size);
	size_t skip = type->mark != '\0';
	char *text = xmalloc(size - skip + 1);
	struct unit_conf *conf;
	struct supd_conf *sc;
	struct strv env = { 0 };
	struct diags d;

	size -= skip;
	memcpy(text, data + skip, size);
	text[size] = '\0';
	if (paths == NULL)
		paths = unit_paths_new();
	diags_init(&d);
	env_file_parse("env", text, size, &env, &d);
	sc = supd_conf_load_text("supd.conf", text, size, &d);
	conf = unit_load_text(paths, sc, type->name, "fuzz", text, size, &d);
	check_diags(&d);
	expand_all(conf, &env);
	check_round_trip(conf, type->name);
	if (size < 256)
		try_text(text);
	unit_conf_free(conf);
	supd_conf_free(sc);
	strv_free(&env);
	diags_clear(&d);
	free(text);
	return 0;
}
