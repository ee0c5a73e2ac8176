/*
 * kinds_context: what a process gets: user, capabilities, environment, folders.  What
 * sets identity or privilege is read strictly: a slip must refuse the unit, never run it
 * with other rights.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/env.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/signame.h"
#include "unit/span.h"

/* ---- identity ---- */

/*
 * A decimal id that is not the "no id" of the kernel, or a name in the strict syntax.
 * Everything else is refused: "0day" must not become root, "0x1" not user 1.
 */
static bool
is_user(const char *name)
{
	uint64_t id;
	size_t n = strlen(name);

	if (n > 0 && strspn(name, "0123456789") == n)
		return (name[0] != '0' || n == 1) &&
		       number_parse(name, UINT32_MAX - 1, &id) == 0 && id != 65535;
	if (n == 0 || n > 255 || (name[0] >= '0' && name[0] <= '9') || name[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '_' || c == '-' ||
			(c == '.' && i > 0) || (c == '$' && i == n - 1)))
			return false;
	}
	return true;
}

int
set_user(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	char **s = field;

	if (parse_expand(p, value, value, &b) == -1) {
		buf_free(&b);
		return -1;
	}
	if (b.len > 0 && !is_user(buf_str(&b))) {
		parse_error(p, NULL, NULL,
		    "\"%s\" is not a valid name or number for %s=", buf_str(&b), d->key);
		buf_free(&b);
		return -1;
	}
	free(*s);
	*s = b.len > 0 ? buf_take(&b) : NULL;
	buf_free(&b);
	return 0;
}

static int
add_group(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	if (!is_user(word)) {
		parse_error(p, at, NULL,
		    "\"%s\" is not a valid name or number for %s=", word, d->key);
		return -1;
	}
	if (!parse_has_room(p, at, ((struct strv *)field)->n))
		return -1;
	strv_add_unique(field, word);
	return 0;
}

int
set_groups(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return kinds_list(p, d, value, field, add_group);
}

/* The mask of the capabilities named; 0 or -1. */
static int
add_capability(struct parse *p, const struct directive *d, const char *word,
    const char *at, void *field)
{
	int c = capability_from_name(word);

	if (c == -1) {
		parse_error(
		    p, at, NULL, "\"%s\" is not a capability, in %s=", word, d->key);
		return -1;
	}
	*(uint64_t *)field |= UINT64_C(1) << c;
	return 0;
}

/* As systemd: "" and "~" replace, others merge with what earlier lines gave. */
static int
merge_capabilities(struct parse *p, const struct directive *d, const char *value,
    uint64_t initial, uint64_t *set)
{
	const uint64_t all = (UINT64_C(2) << CAPABILITY_LAST) - 1;
	bool invert = *value == '~';
	uint64_t sum = 0;

	if (kinds_each_word(p, d, QUOTE_UNESCAPE, value + invert, &sum, add_capability) ==
	    -1)
		return -1;
	sum &= all;
	if (sum == 0 || *set == initial)
		*set = invert ? all & ~sum : sum;
	else if (invert)
		*set &= ~sum;
	else
		*set |= sum;
	return 0;
}

int
set_caps_bounding(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	const uint64_t all = (UINT64_C(2) << CAPABILITY_LAST) - 1;
	uint64_t set = x->bounding_set_set ? x->bounding_set : all;

	if (merge_capabilities(p, d, value, all, &set) == -1)
		return -1;
	x->bounding_set = set;
	x->bounding_set_set = true;
	return 0;
}

int
set_caps_ambient(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	return merge_capabilities(p, d, value, 0, field);
}

static void
show_caps(uint64_t set, struct buf *b)
{
	size_t start = b->len;

	for (int i = 0; i <= CAPABILITY_LAST; i++)
		if (set & UINT64_C(1) << i)
			buf_addf(
			    b, "%s%s", b->len > start ? " " : "", capability_name(i));
}

void
show_caps_bounding(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;
	const uint64_t all = (UINT64_C(2) << CAPABILITY_LAST) - 1;

	(void)d;
	if (!x->bounding_set_set)
		return;
	if (x->bounding_set == all)
		buf_addc(b, '~');
	else
		show_caps(x->bounding_set, b);
}

void
show_caps_ambient(const struct directive *d, const void *field, struct buf *b)
{
	(void)d;
	show_caps(*(const uint64_t *)field, b);
}

/* ---- environment ---- */

static int
add_assignment(struct parse *p, const struct directive *d, const char *word,
    const char *at, void *field)
{
	const char *eq = strchr(word, '=');

	if (eq == NULL || !env_name_is_valid(word, (size_t)(eq - word))) {
		parse_error(p, at, "write NAME=VALUE, in quotes where it has blanks",
		    "\"%s\" is not an assignment, in %s=", word, d->key);
		return -1;
	}
	if (!parse_has_room(p, at, ((struct strv *)field)->n))
		return -1;
	strv_env_set(field, word);
	return 0;
}

int
set_environment(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	return kinds_list(p, d, value, field, add_assignment);
}

static int
add_env_name(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	bool star = d->section == SECTION_SUPD && strcmp(word, "*") == 0;

	if (!star && !env_name_is_valid(word, strlen(word))) {
		parse_error(p, at, NULL,
		    "\"%s\" is not the name of a variable, in %s=", word, d->key);
		return -1;
	}
	if (!parse_has_room(p, at, ((struct strv *)field)->n))
		return -1;
	strv_add_unique(field, word);
	return 0;
}

int
set_env_names(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return kinds_list(p, d, value, field, add_env_name);
}

static int
add_unset(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	if (!env_name_is_valid(word, strcspn(word, "="))) {
		parse_error(
		    p, at, NULL, "\"%s\" is not a variable, in %s=", word, d->key);
		return -1;
	}
	if (!parse_has_room(p, at, ((struct strv *)field)->n))
		return -1;
	strv_add_unique(field, word);
	return 0;
}

int
set_env_unset(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return kinds_list(p, d, value, field, add_unset);
}

int
set_env_file(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	struct env_file f = { .optional = *value == '-' };
	struct buf b = { 0 };

	if (*value == '\0') {
		for (size_t i = 0; i < x->n_environment_files; i++)
			free(x->environment_files[i].path);
		free(x->environment_files);
		x->environment_files = NULL;
		x->n_environment_files = 0;
		return 0;
	}
	if (!parse_has_room(p, NULL, x->n_environment_files))
		return -1;
	if (parse_expand(p, value + f.optional, value + f.optional, &b) == -1) {
		buf_free(&b);
		return -1;
	}
	if (*buf_str(&b) != '/') {
		parse_error(p, NULL, "%Y is the folder of this file",
		    "%s= needs an absolute path, not \"%s\"", d->key, buf_str(&b));
		buf_free(&b);
		return -1;
	}
	f.path = buf_take(&b);
	x->environment_files =
	    xreallocarray(x->environment_files, x->n_environment_files + 1, sizeof(f));
	x->environment_files[x->n_environment_files++] = f;
	return 0;
}

void
show_env_file(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	for (size_t i = 0; i < x->n_environment_files; i++)
		buf_addf(b, "%s%s%s", i > 0 ? " " : "",
		    x->environment_files[i].optional ? "-" : "",
		    x->environment_files[i].path);
}

int
set_search_path(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct strv *list = field;
	struct strv added = { 0 };
	struct buf b = { 0 };
	int r = parse_expand(p, value, value, &b);

	strv_split(&added, buf_str(&b), ":");
	if (r == 0 && !parse_has_room(p, NULL, list->n + added.n))
		r = -1;
	for (size_t i = 0; r == 0 && i < added.n; i++) {
		if (added.v[i][0] != '/') {
			parse_error(p, NULL, NULL, "%s= needs absolute paths, not \"%s\"",
			    d->key, added.v[i]);
			r = -1;
		}
	}
	if (r == 0 && *value == '\0')
		strv_free(list);
	else if (r == 0)
		strv_add_all(list, &added);
	strv_free(&added);
	buf_free(&b);
	return r;
}

void
show_search_path(const struct directive *d, const void *field, struct buf *b)
{
	const struct strv *list = field;

	(void)d;
	for (size_t i = 0; i < list->n; i++)
		buf_addf(b, "%s%s", i > 0 ? ":" : "", list->v[i]);
}

int
set_workdir(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	bool optional = *value == '-';
	struct buf b = { 0 };

	if (parse_expand(p, value + optional, value + optional, &b) == -1) {
		buf_free(&b);
		return -1;
	}
	if (*value != '\0' && strcmp(buf_str(&b), "~") != 0 && *buf_str(&b) != '/') {
		parse_error(p, NULL, "%Y is the folder of this file",
		    "%s= needs an absolute path or ~, not \"%s\"", d->key, buf_str(&b));
		buf_free(&b);
		return -1;
	}
	free(x->working_directory);
	x->working_directory = b.len > 0 ? buf_take(&b) : NULL;
	x->working_directory_optional = optional;
	buf_free(&b);
	return 0;
}

void
show_workdir(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->working_directory != NULL)
		buf_addf(b, "%s%s", x->working_directory_optional ? "-" : "",
		    x->working_directory);
}

/* ---- folders ---- */

/* Relative, and going only down. */
static bool
is_below(const char *path)
{
	if (*path == '\0' || *path == '/')
		return false;
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 1 && path[0] == '.') ||
		    (n == 2 && strncmp(path, "..", 2) == 0))
			return false;
		path += n;
		if (*path == '/' && path[1] != '\0')
			path++;
		else if (*path == '/')
			return true;
	}
	return true;
}

static int
add_dir(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	size_t n = strcspn(word, ":");
	char *name = xstrndup(word, n);

	while (n > 1 && name[n - 1] == '/')
		name[--n] = '\0';
	if (!is_below(name)) {
		parse_error(p, at, NULL,
		    "%s= takes paths below its folder, without .., not \"%s\"", d->key,
		    name);
		free(name);
		return -1;
	}
	if (strcmp(d->key, "RuntimeDirectory") != 0 && strcmp(name, "private") == 0) {
		parse_error(
		    p, at, NULL, "the name \"private\" is reserved, in %s=", d->key);
		free(name);
		return -1;
	}
	if (word[strcspn(word, ":")] == ':')
		parse_warn(p, at, NULL, "the link after `:' is not made, in %s=", d->key);
	if (!parse_has_room(p, at, ((struct strv *)field)->n)) {
		free(name);
		return -1;
	}
	strv_add_unique(field, name);
	free(name);
	return 0;
}

int
set_dirs(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return kinds_list(p, d, value, field, add_dir);
}
