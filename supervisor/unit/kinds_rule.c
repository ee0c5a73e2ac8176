/*
 * kinds_rule: what [Rule NAME] and [Instances] say: patterns, places in JSON.
 */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "lib/regexp.h"
#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/parse.h"
#include "unit/specifier.h"

const char *const rule_source_words[] = { "screen", "stdout", "stderr", "exit", "file",
	NULL };
const char *const rule_action_words[] = { "none", "notify", "send", "key", "hold",
	"hold-pool", "restart", "stop", "fatal", "retry", NULL };
const char *const on_remove_words[] = { "leave", "stop", "drain", NULL };

const char *
rule_source_name(enum rule_source s)
{
	return s <= RULE_FILE ? rule_source_words[s] : "?";
}

const char *
rule_action_name(enum rule_action a)
{
	return a < RULE_NACTIONS ? rule_action_words[a] : "?";
}

/* ---- paths and pointers ---- */

int
set_abs_path(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	int r = 0;

	if (parse_expand(p, value, value, &b) == -1) {
		r = -1;
	} else if (*value != '\0' && *buf_str(&b) != '/') {
		parse_error(p, NULL,
		    p->parts != NULL ? "%Y is the folder of the unit file" : NULL,
		    "%s= needs an absolute path, not \"%s\"", d->key, buf_str(&b));
		r = -1;
	}
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

/* Each line adds one; an empty one begins anew. */
int
set_abs_paths(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct strv *list = field;
	char *path = NULL;
	int r;

	if (*value == '\0') {
		strv_free(list);
		return 0;
	}
	if (!parse_has_room(p, NULL, list->n))
		return -1;
	r = set_abs_path(p, d, &path, value);
	if (r == 0 && path != NULL)
		strv_add(list, path);
	free(path);
	return r;
}

bool
kinds_is_pointer(const char *text)
{
	if (*text != '\0' && *text != '/')
		return false;
	for (; *text != '\0'; text++)
		if (*text == '~' && text[1] != '0' && text[1] != '1')
			return false;
	return true;
}

int
set_pointer(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	int r = 0;

	if (parse_expand(p, value, value, &b) == -1)
		r = -1;
	else if (!kinds_is_pointer(buf_str(&b)))
		r = kinds_refuse(p, d, NULL, buf_str(&b));
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

/* Splits PATH#POINTER in place.  -1 after telling. */
static int
split_place(struct parse *p, const struct directive *d, char *text, char **pointer)
{
	char *hash = strchr(text, '#');

	if (text[0] != '/' || hash == NULL || !kinds_is_pointer(hash + 1))
		return kinds_refuse(p, d, NULL, text);
	*hash = '\0';
	*pointer = hash + 1;
	return 0;
}

int
set_from_json(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct instances_conf *c = field;
	struct buf b = { 0 };
	char *pointer = NULL;
	int r = 0;

	if (parse_expand(p, value, value, &b) == -1)
		r = -1;
	else if (*value != '\0')
		r = split_place(p, d, b.data, &pointer);
	if (r == 0) {
		free(c->json_file);
		free(c->json_pointer);
		c->json_file = pointer != NULL ? xstrdup(b.data) : NULL;
		c->json_pointer = pointer != NULL ? xstrdup(pointer) : NULL;
	}
	buf_free(&b);
	return r;
}

void
show_from_json(const struct directive *d, const void *field, struct buf *b)
{
	const struct instances_conf *c = field;

	(void)d;
	if (c->json_file != NULL)
		buf_addf(b, "%s#%s", c->json_file, c->json_pointer);
}

/* ---- patterns ---- */

int
pattern_groups(const char *pattern)
{
	regex_t re;
	int n;

	if (regcomp(&re, pattern, REG_EXTENDED) != 0)
		return 0;
	n = (int)re.re_nsub;
	regfree(&re);
	return n;
}

int
set_pattern(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	const char *why = NULL;
	int r = parse_expand(p, value, value, &b);

	if (r == 0 && *value != '\0')
		why = regexp_refused(buf_str(&b), false);
	if (why != NULL) {
		parse_error(p, NULL, NULL, "%s= refuses the expression: %s", d->key, why);
		r = -1;
	}
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

int
until_groups(const char *until)
{
	int highest = -1;

	for (; *until != '\0'; until++) {
		if (*until != '\\')
			continue;
		until++;
		if (*until >= '0' && *until <= '9' && *until - '0' > highest)
			highest = *until - '0';
	}
	return highest;
}

int
set_until(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	int r = parse_expand(p, value, value, &b);

	for (const char *c = buf_str(&b); r == 0 && *c != '\0'; c++) {
		if (*c != '\\')
			continue;
		c++;
		if (*c != '\\' && (*c < '0' || *c > '9')) {
			parse_error(p, NULL, "write \\\\ for a backslash",
			    "a backslash in %s= stands before a number from 0 to 9",
			    d->key);
			r = -1;
			break;
		}
	}
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

/* As the template says it, whichever of its instances is loaded: %i stands for nothing.
 * What can be no instance is none. */
int
set_instance(struct parse *p, const struct directive *d, void *field, const char *value)
{
	const struct specifier *own = p->spec;
	char **instance = field, *template = NULL, *name;
	struct specifier spec;
	int r;

	if (own != NULL && own->instance != NULL)
		template = unit_name_template(own->id);
	if (template != NULL) {
		spec = *own;
		spec.id = template;
		spec.instance = NULL;
		p->spec = &spec;
	}
	r = set_string(p, d, field, value);
	p->spec = own;
	free(template);
	if (r == -1 || *instance == NULL || own == NULL || strchr(own->id, '@') == NULL)
		return r;
	name = unit_name_replace_instance(own->id, *instance);
	if (name == NULL || unit_name_is_template(name)) {
		parse_warn(
		    p, value, NULL, "DefaultInstance=%s makes no name of a unit", value);
		free(*instance);
		*instance = NULL;
	}
	free(name);
	return 0;
}
