/*
 * run_text: see the header.
 */
#include "manager/control/run_text.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "unit/conf.h"
#include "unit/env.h"
#include "unit/table.h"

enum { RUN_TEXT_MAX = 1024 * 1024 }; /* a unit file's longest line, too */

/* One word of a command line or an environment, quoted so that it is read back as it is.
 */
static void
add_quoted(struct buf *out, const char *s)
{
	buf_addc(out, '"');
	for (; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '"' || ch == '\\')
			buf_addf(out, "\\%c", ch);
		else if (ch == '%')
			buf_adds(out, "%%");
		else if (ch < 0x20 || ch == 0x7f)
			buf_addf(out, "\\x%02x", ch);
		else
			buf_addc(out, (char)ch);
	}
	buf_addc(out, '"');
}

/* A value that takes the rest of its line and no quotes. */
static void
add_plain(struct buf *out, const char *key, const char *s)
{
	buf_addf(out, "%s=", key);
	for (; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if (ch == '%')
			buf_adds(out, "%%");
		else
			buf_addc(out, ch < 0x20 || ch == 0x7f ? ' ' : (char)ch);
	}
	/* A backslash at the end would join the next line. */
	if (out->data[out->len - 1] == '\\')
		buf_addc(out, '.');
	buf_addc(out, '\n');
}

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

/* The program as a path that supd can start, malloc'd; NULL: the call was answered. */
static char *
program_path(struct control *c, struct call *call, const char *argv0, const char *cwd)
{
	if (*argv0 == '\0' || has_control(argv0)) {
		call_invalid(call, "argv[0]", "expected the name of a program");
		return NULL;
	}
	if (*argv0 == '/')
		return xstrdup(argv0);
	if (strchr(argv0, '/') != NULL)
		return xasprintf("%s/%s", cwd != NULL ? cwd : c->m->root_path, argv0);
	if (strchr("-@:+!|", *argv0) != NULL) {
		call_invalid(
		    call, "argv[0]", "a name cannot begin with %c; give a path", *argv0);
		return NULL;
	}
	return xstrdup(argv0);
}

static int
add_environment(struct call *call, struct buf *out, const struct jv *env)
{
	for (size_t i = 0; i < jv_count(env); i++) {
		const char *s = jv_str(jv_at(env, i), "");
		const char *eq = strchr(s, '=');

		if (eq == NULL || !env_name_is_valid(s, (size_t)(eq - s))) {
			call_invalid(call, "env", "`%s' is not NAME=VALUE", s);
			return -1;
		}
		buf_adds(out, "Environment=");
		add_quoted(out, s);
		buf_addc(out, '\n');
	}
	return 0;
}

/* ---- properties ---- */

/* Lines by section, in the order of enum section. */
struct properties {
	struct buf lines[SECTION_NKINDS];
};

static void
properties_clear(struct properties *p)
{
	for (int s = 0; s < SECTION_NKINDS; s++)
		buf_free(&p->lines[s]);
}

/* "KEY=VALUE" as a line of a unit file has it; -1: the call was answered. */
static int
add_property(
    struct call *call, struct properties *p, enum unit_type type, const char *text)
{
	size_t n = strcspn(text, "="), len = strlen(text);
	char *key = xstrndup(text, n);
	const struct directive *d = directive_by_shown_name(type, key);
	const struct directive *near = directive_nearest(SECTION_NONE, key);
	int r = -1;

	if (text[n] != '=' || has_control(text) || text[len - 1] == '\\')
		call_invalid(
		    call, "properties", "`%s' is not KEY=VALUE in one line", text);
	else if (d == NULL && near != NULL)
		call_invalid(call, "properties",
		    "there is no directive %s; did you mean %s?", key, near->key);
	else if (d == NULL)
		call_invalid(call, "properties", "there is no directive %s", key);
	else if (d->section == SECTION_RULE || d->section == SECTION_INSTALL ||
		 d->section == SECTION_INSTANCES || strcmp(d->key, "ExecStart") == 0)
		call_invalid(call, "properties", "%s cannot be said of what is run", key);
	else if (type == UNIT_SCOPE && !directive_is_of_scope(d))
		call_invalid(call, "properties",
		    "%s is not for a scope: its process is there already", key);
	else
		r = 0;
	if (r == 0)
		buf_addf(&p->lines[d->section], "%s%s\n", d->key, text + n);
	free(key);
	return r;
}

static int
add_properties(
    struct call *call, struct properties *p, enum unit_type type, const struct jv *list)
{
	for (size_t i = 0; i < jv_count(list); i++)
		if (add_property(call, p, type, jv_str(jv_at(list, i), "")) == -1)
			return -1;
	return 0;
}

/* Behind what is there, so that they have the last word. */
static void
put_properties(const struct properties *p, enum unit_type type, struct buf *out)
{
	for (int s = 0; s < SECTION_NKINDS; s++)
		if (p->lines[s].len > 0)
			buf_addf(out, "[%s]\n%s",
			    type == UNIT_SCOPE && s == SECTION_SERVICE
				? "Scope"
				: section_name((enum section)s),
			    buf_str(&p->lines[s]));
}

static int
finish(struct call *call, struct properties *p, enum unit_type type, const char *member,
    struct buf *out)
{
	int r = add_properties(call, p, type, jv_get(call_params(call), member));

	if (r == 0)
		put_properties(p, type, out);
	properties_clear(p);
	if (r == 0 && out->len > RUN_TEXT_MAX) {
		call_invalid(call, "argv", "it is too long");
		r = -1;
	}
	return r;
}

/* ---- the texts ---- */

int
run_unit_text(struct control *c, struct call *call, const char *title, struct buf *out)
{
	const struct jv *p = call_params(call), *argv = jv_get(p, "argv");
	const char *cwd = jv_str(jv_get(p, "cwd"), NULL);
	const char *argv0 = jv_str(jv_at(argv, 0), "");
	struct properties lines = { 0 };
	char *path;

	if (cwd != NULL && (*cwd != '/' || has_control(cwd))) {
		call_invalid(call, "cwd", "expected an absolute path");
		return -1;
	}
	path = program_path(c, call, argv0, cwd);
	if (path == NULL)
		return -1;
	buf_adds(out, "[Unit]\n");
	add_plain(out, "Description", title);
	buf_adds(out, "[Service]\nType=exec\nRestart=no\n");
	add_plain(out, "WorkingDirectory", cwd != NULL ? cwd : c->m->root_path);
	buf_addf(out, "TimeoutStopSec=%lluus\n",
	    (unsigned long long)c->m->conf->transient_timeout_stop_us);
	/* `:' keeps every `$' as it is, `@' gives argv[0] its own word. */
	buf_adds(out, "ExecStart=:@");
	add_quoted(out, path);
	free(path);
	for (size_t i = 0; i < jv_count(argv); i++) {
		buf_addc(out, ' ');
		add_quoted(out, jv_str(jv_at(argv, i), ""));
	}
	buf_addc(out, '\n');
	if (add_environment(call, out, jv_get(p, "env")) == -1)
		return -1;
	return finish(call, &lines, UNIT_SERVICE, "properties", out);
}

int
run_trigger_text(struct call *call, const char *type, const char *title, struct buf *out)
{
	struct properties lines = { 0 };

	buf_adds(out, "[Unit]\n");
	add_plain(out, "Description", title);
	/* What is over is forgotten, as the service is. */
	if (strcmp(type, "timer") == 0)
		buf_adds(out, "[Timer]\nRemainAfterElapse=no\n");
	return finish(call, &lines,
	    strcmp(type, "timer") == 0  ? UNIT_TIMER
	    : strcmp(type, "path") == 0 ? UNIT_PATH
					: UNIT_SOCKET,
	    "trigger_properties", out);
}

int
run_scope_text(struct control *c, struct call *call, const char *title, struct buf *out)
{
	struct properties lines = { 0 };

	buf_adds(out, "[Unit]\n");
	add_plain(out, "Description", title);
	buf_addf(out, "[Scope]\nTimeoutStopSec=%lluus\n",
	    (unsigned long long)c->m->conf->transient_timeout_stop_us);
	return finish(call, &lines, UNIT_SCOPE, "properties", out);
}
