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
#include "unit/quote.h"
#include "unit/signame.h"
#include "unit/span.h"
#include "unit/supd_conf.h"

/* ---- identity ---- */

/*
 * A decimal id that is not the "no id" of the kernel, or a name in the strict syntax.
 * Everything else is refused: "0day" must not become root, "0x1" not user 1.
 */
bool
user_name_is_valid(const char *name)
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
	if (b.len > 0 && !user_name_is_valid(buf_str(&b))) {
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
	if (!user_name_is_valid(word)) {
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

/* ---- secure bits ---- */

static const char *const secure_words[] = { "noroot", "noroot-locked", "no-setuid-fixup",
	"no-setuid-fixup-locked", "keep-caps", "keep-caps-locked" };

static int
add_secure_bit(struct parse *p, const struct directive *d, const char *word,
    const char *at, void *field)
{
	struct exec_conf *x = field;

	for (size_t i = 0; i < sizeof(secure_words) / sizeof(secure_words[0]); i++) {
		if (strcmp(word, secure_words[i]) == 0) {
			x->secure_bits |= UINT32_C(1) << i;
			return 0;
		}
	}
	return kinds_refuse(p, d, at, word);
}

int
set_secure_bits(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;

	if (*value == '\0')
		x->secure_bits = 0;
	return kinds_each_word(p, d, QUOTE_UNESCAPE, value, field, add_secure_bit);
}

void
show_secure_bits(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;
	size_t start = b->len;

	(void)d;
	for (size_t i = 0; i < sizeof(secure_words) / sizeof(secure_words[0]); i++)
		if (x->secure_bits >> i & 1)
			buf_addf(b, "%s%s", b->len > start ? " " : "", secure_words[i]);
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
	if (*value == '\0') {
		strv_free(field);
		return 0;
	}
	/* As systemd reads it; elsewhere it keeps what it does not know. */
	return kinds_each_word(p, d, QUOTE_STRICT, value, field, add_assignment);
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
	size_t start = b->len;

	(void)d;
	for (size_t i = 0; i < x->n_environment_files; i++) {
		const struct env_file *f = &x->environment_files[i];
		char *word = xasprintf("%s%s", f->optional ? "-" : "", f->path);

		quote_append_next(b, start, word);
		free(word);
	}
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

/* The user is made; what systemd takes for granted with him is isolation. */
int
set_transient_user(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	static const char implied[] = "PrivateTmp=, ProtectSystem=strict, "
				      "ProtectHome=read-only and RemoveIPC=";

	if (set_bool(p, d, field, value) == -1)
		return -1;
	if (!*(bool *)field)
		return 0;
	if (p->defaults == NULL || p->defaults->isolation != ISOLATION_REQUIRE) {
		parse_warn(p, p->lex->name, NULL,
		    "%s= makes the user; %s are not applied", d->key, implied);
		return 0;
	}
	parse_error(p, p->lex->name, "set Isolation=warn in supd.conf to run it so",
	    "%s= cannot be applied in full: it implies %s", d->key, implied);
	return -1;
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
dir_error(struct parse *p, const char *at, const struct directive *d, const char *name)
{
	if (strcmp(d->key, "RuntimeDirectory") != 0 && strcmp(name, "private") == 0) {
		parse_error(
		    p, at, NULL, "the name \"private\" is reserved, in %s=", d->key);
		return -1;
	}
	if (is_below(name) && strchr(name, ':') == NULL)
		return 0;
	parse_error(p, at, NULL,
	    "%s= takes paths below its folder, without .., not \"%s\"", d->key, name);
	return -1;
}

/* Without slashes at its end. */
static char *
dir_name(const char *word, size_t n)
{
	while (n > 1 && word[n - 1] == '/')
		n--;
	return xstrndup(word, n);
}

/* NAME or NAME:LINK. */
static int
add_dir(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	struct exec_dir *dir = field;
	const char *colon = strchr(word, ':');
	char *name = dir_name(word, strcspn(word, ":"));
	char *link = colon != NULL ? dir_name(colon + 1, strlen(colon + 1)) : NULL;
	int r = dir_error(p, at, d, name);

	if (r == 0 && link != NULL && strcmp(d->key, "ConfigurationDirectory") == 0) {
		parse_warn(
		    p, at, NULL, "%s= makes no links: %s is not made", d->key, link);
	} else if (r == 0 && link != NULL) {
		r = dir_error(p, at, d, link);
		if (r == 0 && !parse_has_room(p, at, dir->links.n))
			r = -1;
		if (r == 0)
			strv_addf(&dir->links, "%s:%s", name, link);
	}
	if (r == 0 && !parse_has_room(p, at, dir->names.n))
		r = -1;
	if (r == 0)
		strv_add_unique(&dir->names, name);
	free(name);
	free(link);
	return r;
}

int
set_dirs(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_dir *dir = field;

	if (*value != '\0')
		return kinds_each_word(p, d, QUOTE_UNESCAPE, value, dir, add_dir);
	strv_free(&dir->names);
	strv_free(&dir->links);
	return 0;
}

/* Those with links as they were written, the others by their name. */
void
show_dirs(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_dir *dir = field;
	size_t start = b->len;

	(void)d;
	for (size_t i = 0; i < dir->names.n; i++) {
		const char *name = dir->names.v[i];
		size_t n = strlen(name), links = 0;

		for (size_t k = 0; k < dir->links.n; k++) {
			const char *link = dir->links.v[k];

			if (strncmp(link, name, n) != 0 || link[n] != ':')
				continue;
			quote_append_next(b, start, link);
			links++;
		}
		if (links == 0)
			quote_append_next(b, start, name);
	}
}

bool
exec_dir_is_private(const struct exec_conf *x, enum exec_dir_kind kind)
{
	/* What goes with the unit needs no lock. */
	return x->dynamic_user && kind != DIR_CONFIGURATION &&
	       (kind != DIR_RUNTIME || x->runtime_directory_preserve != PRESERVE_NO);
}
