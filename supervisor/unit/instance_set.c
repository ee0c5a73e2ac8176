#include "unit/instance_set.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "unit/name.h"

enum { SHOWN_MAX = 60 }; /* bytes of a name that is refused */

void
instance_set_clear(struct instance_set *set)
{
	strv_free(&set->units);
	strv_free(&set->refused);
	map_clear(&set->seen, free);
	set->n_refused = 0;
}

/* Any bytes as a text that a terminal and a journal can show. */
void
instance_set_refuse(
    struct instance_set *set, const char *text, size_t len, const char *why)
{
	struct buf b = { 0 };

	if (set->n_refused++ >= INSTANCE_REFUSED_SHOWN)
		return;
	for (size_t i = 0; i < len && b.len < SHOWN_MAX; i++) {
		if (text[i] >= ' ' && text[i] <= '~')
			buf_addc(&b, text[i]);
		else
			buf_addf(&b, "\\x%02x", (unsigned char)text[i]);
	}
	strv_addf(&set->refused, "%s: %s", len > 0 ? buf_str(&b) : "\"\"", why);
	buf_free(&b);
}

/* Nothing has to be escaped, and the unit is called as it is written. */
static bool
is_plain(const char *text)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.-";

	return text[0] != '.' && text[strspn(text, chars)] == '\0';
}

int
instance_set_add(
    struct instance_set *set, const char *template, const char *text, size_t len)
{
	char *copy, *part, *unit;
	const char *other;
	int r = 0;

	if (len == 0 || memchr(text, '\0', len) != NULL) {
		instance_set_refuse(
		    set, text, len, len == 0 ? "no name" : "a zero byte in a name");
		return 0;
	}
	copy = xstrndup(text, len);
	part = is_plain(copy) ? xstrdup(copy) : unit_name_escape(copy);
	unit = unit_name_replace_instance(template, part);
	other = unit == NULL ? NULL : map_get(&set->seen, unit);
	if (unit == NULL) {
		instance_set_refuse(set, text, len, "too long for the name of a unit");
	} else if (other == NULL && set->units.n >= INSTANCE_SET_MAX) {
		r = -1;
	} else if (other == NULL) {
		map_set(&set->seen, unit, copy);
		strv_add(&set->units, unit);
		copy = NULL;
	} else if (strcmp(other, copy) != 0) {
		instance_set_refuse(
		    set, text, len, "another name is that of the same unit");
	}
	free(copy);
	free(part);
	free(unit);
	return r;
}

/* ---- JSON ---- */

/* An item of an array. */
static int
add_item(struct instance_set *set, const char *template, const struct jv *item)
{
	const struct jv *name = jv_type(item) == JV_OBJECT ? jv_get(item, "name") : item;
	struct buf at = { 0 };
	const char *text;
	size_t len;

	text = jv_strn(name, &len);
	if (text != NULL)
		return instance_set_add(set, template, text, len);
	jv_path(item, &at);
	instance_set_refuse(set, buf_str(&at), at.len,
	    jv_type(item) == JV_OBJECT ? "an object without a text \"name\""
				       : "neither a text nor an object with a \"name\"");
	buf_free(&at);
	return 0;
}

static int
add_all(struct instance_set *set, const char *template, const struct jv *v)
{
	for (size_t i = 0; i < jv_count(v); i++) {
		const char *key = jv_key_at(v, i);
		int r = jv_type(v) == JV_OBJECT
			    ? instance_set_add(set, template, key, strlen(key))
			    : add_item(set, template, jv_at(v, i));

		if (r == -1)
			return -1;
	}
	return 0;
}

int
instance_set_add_json(struct instance_set *set, const char *template, const char *pointer,
    const char *data, size_t len, char **why)
{
	static const struct json_limits limits = { .max_bytes = INSTANCE_JSON_BYTES,
		.max_nodes = INSTANCE_JSON_NODES,
		.max_depth = JSON_DEPTH_MAX };
	struct json_err err = { .text = "" };
	struct jv *root = jv_parse_limits(data, len, &limits, &err);
	const struct jv *v = jv_pointer(root, pointer);
	int r = -1;

	if (root == NULL) {
		*why = xasprintf("no valid JSON: %s", err.text);
	} else if (v == NULL) {
		*why = xasprintf("nothing is at %s", pointer);
	} else if (jv_type(v) != JV_OBJECT && jv_type(v) != JV_ARRAY) {
		*why = xasprintf("%s is %s, neither an object nor an array",
		    *pointer == '\0' ? "it" : pointer, jv_type_name(v));
	} else {
		r = add_all(set, template, v);
		if (r == -1)
			*why = xasprintf(
			    "it names more than %d instances", (int)INSTANCE_SET_MAX);
	}
	jv_free(root);
	if (r == -1)
		instance_set_clear(set);
	return r;
}

/* ---- wildcards ---- */

bool
instance_is_wild(const char *component, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("*?[", component[i]) != NULL)
			return true;
	return false;
}

char *
instance_capture(const char *component, const char *name)
{
	size_t head = strcspn(component, "*?["), tail = 0, n = strlen(component);
	size_t len = strlen(name);

	if (fnmatch(component, name, FNM_PERIOD | FNM_NOESCAPE) != 0)
		return NULL;
	while (tail < n && strchr("*?]", component[n - 1 - tail]) == NULL)
		tail++;
	/* A `[' that closes nowhere is a letter like any other. */
	if (head + tail > len || head + tail >= n)
		return xstrdup(name);
	return xstrndup(name + head, len - head - tail);
}
