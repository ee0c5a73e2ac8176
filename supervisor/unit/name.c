/*
 * name: the grammar of unit names.  Pure text; must never look at a file.
 */
#include "unit/name.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/xalloc.h"

static const char *const type_names[UNIT_NTYPES] = {
	[UNIT_SERVICE] = "service",
	[UNIT_TIMER] = "timer",
	[UNIT_PATH] = "path",
	[UNIT_SOCKET] = "socket",
	[UNIT_TARGET] = "target",
	[UNIT_SLICE] = "slice",
	[UNIT_POOL] = "pool",
	[UNIT_MOUNT] = "mount",
	[UNIT_AUTOMOUNT] = "automount",
	[UNIT_SWAP] = "swap",
	[UNIT_DEVICE] = "device",
	[UNIT_SCOPE] = "scope",
};

const char *
unit_type_name(enum unit_type t)
{
	return t >= 0 && t < UNIT_NTYPES ? type_names[t] : "unknown";
}

bool
unit_type_is_known(enum unit_type t)
{
	switch (t) {
	case UNIT_SERVICE:
	case UNIT_TIMER:
	case UNIT_PATH:
	case UNIT_SOCKET:
	case UNIT_TARGET:
	case UNIT_SLICE:
	case UNIT_POOL:
		return true;
	default:
		return false;
	}
}

bool
unit_type_triggers(enum unit_type t)
{
	return t == UNIT_TIMER || t == UNIT_PATH || t == UNIT_SOCKET;
}

enum unit_type
unit_name_type(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot == NULL)
		return UNIT_TYPE_NONE;
	for (int i = 0; i < UNIT_NTYPES; i++)
		if (dot[1] == type_names[i][0] && strcmp(dot + 1, type_names[i]) == 0)
			return (enum unit_type)i;
	return UNIT_TYPE_NONE;
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* What may stand in a name besides `@'. */
static bool
is_name_char(char c)
{
	return is_alnum(c) || (c != '\0' && strchr(":-_.\\", c) != NULL);
}

bool
unit_name_is_valid(const char *name)
{
	size_t len = strlen(name);
	const char *dot;

	if (len == 0 || len > UNIT_NAME_MAX || unit_name_type(name) == UNIT_TYPE_NONE)
		return false;
	dot = strrchr(name, '.');
	/* A leading dot hides a file: no scan finds it, and no log or cgroup has it. */
	if (name[0] == '.' || name[0] == '@')
		return false;
	for (const char *p = name; p < dot; p++) {
		/* An instance may hold further `@', as in a mail address. */
		if (*p != '@' && !is_name_char(*p))
			return false;
	}
	return true;
}

bool
unit_name_is_template(const char *name)
{
	const char *at = strchr(name, '@');

	return unit_name_is_valid(name) && at != NULL && at + 1 == strrchr(name, '.');
}

bool
unit_name_is_instance(const char *name)
{
	return unit_name_is_valid(name) && strchr(name, '@') != NULL &&
	       !unit_name_is_template(name);
}

char *
unit_name_add_suffix(const char *typed)
{
	char *name;

	if (unit_name_type(typed) != UNIT_TYPE_NONE)
		name = xstrdup(typed);
	else
		name = xasprintf("%s.service", typed);
	if (unit_name_is_valid(name))
		return name;
	free(name);
	return NULL;
}

char *
unit_name_template(const char *name)
{
	if (!unit_name_is_instance(name))
		return NULL;
	return xasprintf(
	    "%.*s@%s", (int)(strchr(name, '@') - name), name, strrchr(name, '.'));
}

char *
unit_name_replace_instance(const char *name, const char *instance)
{
	const char *at = strchr(name, '@');
	const char *dot = strrchr(name, '.');
	char *made;

	if (at == NULL || dot == NULL)
		return NULL;
	made = xasprintf("%.*s@%s%s", (int)(at - name), name, instance, dot);
	if (unit_name_is_valid(made))
		return made;
	free(made);
	return NULL;
}

char *
unit_name_prefix(const char *name)
{
	const char *at = strchr(name, '@');

	if (at == NULL)
		return unit_name_stem(name);
	return xstrndup(name, (size_t)(at - name));
}

char *
unit_name_instance(const char *name)
{
	const char *at = strchr(name, '@');
	const char *dot = strrchr(name, '.');

	if (at == NULL)
		return NULL;
	if (dot == NULL || dot < at)
		return xstrdup(at + 1);
	return xstrndup(at + 1, (size_t)(dot - at - 1));
}

char *
unit_name_stem(const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot == NULL || unit_name_type(name) == UNIT_TYPE_NONE)
		return xstrdup(name);
	return xstrndup(name, (size_t)(dot - name));
}

static void
escape_into(struct buf *b, const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '/')
			buf_addc(b, '-');
		else if ((p == text && *p == '.') ||
			 !(is_alnum(*p) || strchr(":_.", *p) != NULL))
			buf_addf(b, "\\x%02x", (unsigned char)*p);
		else
			buf_addc(b, *p);
	}
}

char *
unit_name_escape(const char *text)
{
	struct buf b = { 0 };

	escape_into(&b, text);
	return buf_take(&b);
}

char *
unit_name_unescape(const char *text)
{
	struct buf b = { 0 };

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '-') {
			buf_addc(&b, '/');
		} else if (*p == '\\') {
			int hi = p[1] == 'x' ? hex_value(p[2]) : -1;
			int lo = hi >= 0 ? hex_value(p[3]) : -1;

			if (lo < 0 || (hi == 0 && lo == 0)) {
				buf_free(&b);
				return NULL;
			}
			buf_addc(&b, (char)(hi * 16 + lo));
			p += 3;
		} else {
			buf_addc(&b, *p);
		}
	}
	return buf_take(&b);
}

char *
unit_name_path_escape(const char *path)
{
	struct buf simple = { 0 };
	struct buf b = { 0 };
	const char *p = path;

	while (*p != '\0') {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 2 && strncmp(p, "..", 2) == 0) {
			buf_free(&simple);
			return NULL;
		}
		if (n > 0 && !(n == 1 && *p == '.')) {
			if (simple.len > 0)
				buf_addc(&simple, '/');
			buf_append(&simple, p, n);
		}
		p += n;
	}
	if (simple.len == 0)
		buf_addc(&b, '-');
	else
		escape_into(&b, buf_str(&simple));
	buf_free(&simple);
	return buf_take(&b);
}

char *
unit_name_path_unescape(const char *text)
{
	char *inner;
	char *path;

	if (strcmp(text, "-") == 0)
		return xstrdup("/");
	inner = unit_name_unescape(text);
	if (inner == NULL)
		return NULL;
	path = xasprintf("/%s", inner);
	free(inner);
	return path;
}
