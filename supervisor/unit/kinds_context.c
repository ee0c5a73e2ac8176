/*
 * kinds_context: what a process gets: user, environment, limits, folders, descriptors,
 * capabilities.  What sets identity or privilege is read strictly: a slip must refuse the
 * unit, never run it with other rights.
 */
#include <sys/resource.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/env.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/quote.h"
#include "unit/signame.h"
#include "unit/span.h"

enum { STDIN_DATA_MAX = 1024 * 1024 };

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
	if (*value == '\0') {
		strv_free(field);
		return 0;
	}
	return kinds_each_word(p, d, QUOTE_UNESCAPE, value, field, add_group);
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
	if (*value == '\0') {
		strv_free(field);
		return 0;
	}
	return kinds_each_word(p, d, QUOTE_UNESCAPE, value, field, add_assignment);
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
	if (*value == '\0') {
		strv_free(field);
		return 0;
	}
	return kinds_each_word(p, d, QUOTE_UNESCAPE, value, field, add_env_name);
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
	if (*value == '\0') {
		strv_free(field);
		return 0;
	}
	return kinds_each_word(p, d, QUOTE_UNESCAPE, value, field, add_unset);
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

/* ---- limits ---- */

enum limit_unit {
	LIMIT_PLAIN,
	LIMIT_BYTES,
	LIMIT_SECONDS,
	LIMIT_MICROSECONDS,
	LIMIT_NICE,
};

struct limit_row {
	const char *name;
	int resource;
	enum limit_unit unit;
};

static const struct limit_row limit_rows[] = {
	{ "AS", RLIMIT_AS, LIMIT_BYTES },
	{ "CORE", RLIMIT_CORE, LIMIT_BYTES },
	{ "CPU", RLIMIT_CPU, LIMIT_SECONDS },
	{ "DATA", RLIMIT_DATA, LIMIT_BYTES },
	{ "FSIZE", RLIMIT_FSIZE, LIMIT_BYTES },
	{ "LOCKS", RLIMIT_LOCKS, LIMIT_PLAIN },
	{ "MEMLOCK", RLIMIT_MEMLOCK, LIMIT_BYTES },
	{ "MSGQUEUE", RLIMIT_MSGQUEUE, LIMIT_BYTES },
	{ "NICE", RLIMIT_NICE, LIMIT_NICE },
	{ "NOFILE", RLIMIT_NOFILE, LIMIT_PLAIN },
	{ "NPROC", RLIMIT_NPROC, LIMIT_PLAIN },
	{ "RSS", RLIMIT_RSS, LIMIT_BYTES },
	{ "RTPRIO", RLIMIT_RTPRIO, LIMIT_PLAIN },
	{ "RTTIME", RLIMIT_RTTIME, LIMIT_MICROSECONDS },
	{ "SIGPENDING", RLIMIT_SIGPENDING, LIMIT_PLAIN },
	{ "STACK", RLIMIT_STACK, LIMIT_BYTES },
};

static const struct limit_row *
limit_row_of(const struct directive *d)
{
	size_t i = sizeof(limit_rows) / sizeof(limit_rows[0]) - 1;

	/* Each Limit...= of the table has a row: a test holds it to that. */
	while (i > 0 && strcmp(d->key + strlen("Limit"), limit_rows[i].name) != 0)
		i--;
	return &limit_rows[i];
}

static int
parse_limit(const char *text, enum limit_unit unit, uint64_t *value)
{
	int64_t nice;
	uint64_t us;

	if (strcmp(text, "infinity") == 0) {
		*value = RLIM_INFINITY;
		return 0;
	}
	switch (unit) {
	case LIMIT_PLAIN:
		return number_parse(text, UINT64_MAX - 1, value);
	case LIMIT_BYTES:
		return size_parse(text, value);
	case LIMIT_SECONDS:
		if (span_parse(text, 1000000, &us) == -1)
			return -1;
		/* Rounded up, so that 500ms is not "no time at all". */
		*value = us / 1000000 + (us % 1000000 != 0);
		return 0;
	case LIMIT_MICROSECONDS:
		return span_parse(text, 1, value);
	case LIMIT_NICE:
		if (*text != '+' && *text != '-')
			return number_parse(text, 40, value);
		if (integer_parse(text, -20, 19, &nice) == -1)
			return -1;
		*value = (uint64_t)(20 - nice);
		return 0;
	}
	errno = EINVAL;
	return -1;
}

static struct limit_conf *
find_limit(const struct exec_conf *x, int resource)
{
	for (size_t i = 0; i < x->n_limits; i++)
		if (x->limits[i].resource == resource)
			return &x->limits[i];
	return NULL;
}

int
set_limit(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;
	const struct limit_row *row = limit_row_of(d);
	struct limit_conf *limit = find_limit(x, row->resource);
	uint64_t soft, hard;
	char *copy;
	char *colon;
	int r;

	if (*value == '\0') {
		if (limit != NULL)
			*limit = x->limits[--x->n_limits];
		return 0;
	}
	copy = xstrdup(value);
	colon = strchr(copy, ':');
	if (colon != NULL)
		*colon = '\0';
	r = parse_limit(copy, row->unit, &soft);
	hard = soft;
	if (r == 0 && colon != NULL)
		r = parse_limit(colon + 1, row->unit, &hard);
	free(copy);
	if (r == -1) {
		parse_error(p, NULL, NULL, "\"%s\" is not understood: %s= takes %s",
		    value, d->key, d->kind->syntax);
		return -1;
	}
	if (soft > hard) {
		parse_error(
		    p, NULL, NULL, "the soft limit of %s= is above the hard one", d->key);
		return -1;
	}
	if (limit == NULL) {
		x->limits = xreallocarray(x->limits, x->n_limits + 1, sizeof(*x->limits));
		limit = &x->limits[x->n_limits++];
	}
	*limit = (struct limit_conf){ row->resource, soft, hard };
	return 0;
}

static void
show_limit_value(uint64_t v, struct buf *b)
{
	if (v == (uint64_t)RLIM_INFINITY)
		buf_adds(b, "infinity");
	else
		buf_addf(b, "%llu", (unsigned long long)v);
}

void
show_limit(const struct directive *d, const void *field, struct buf *b)
{
	const struct limit_conf *limit = find_limit(field, limit_row_of(d)->resource);

	if (limit == NULL)
		return;
	show_limit_value(limit->soft, b);
	if (limit->hard != limit->soft) {
		buf_addc(b, ':');
		show_limit_value(limit->hard, b);
	}
}

static int
set_ranged(struct parse *p, const struct directive *d, const char *value, int min,
    int max, int *number, bool *is_set)
{
	int64_t n = 0;

	if (*value != '\0' && integer_parse(value, min, max, &n) == -1) {
		parse_error(p, NULL, NULL,
		    errno == ERANGE ? "\"%s\" is out of range for %s=, which takes %s"
				    : "\"%s\" is not understood: %s= takes %s",
		    value, d->key, d->kind->syntax);
		return -1;
	}
	*number = (int)n;
	*is_set = *value != '\0';
	return 0;
}

int
set_nice(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;

	return set_ranged(p, d, value, -20, 19, &x->nice, &x->nice_set);
}

void
show_nice(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->nice_set)
		buf_addf(b, "%d", x->nice);
}

int
set_oom_score(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_conf *x = field;

	return set_ranged(
	    p, d, value, -1000, 1000, &x->oom_score_adjust, &x->oom_score_adjust_set);
}

void
show_oom_score(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_conf *x = field;

	(void)d;
	if (x->oom_score_adjust_set)
		buf_addf(b, "%d", x->oom_score_adjust);
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
	if (*value == '\0') {
		strv_free(field);
		return 0;
	}
	return kinds_each_word(p, d, QUOTE_UNESCAPE, value, field, add_dir);
}

/* ---- standard descriptors ---- */

struct stdio_row {
	const char *word; /* with `:' where an argument follows */
	enum stdio_kind kind;
	bool in;
	bool out;
	const char *note; /* a warning, NULL if none */
};

static const struct stdio_row stdio_rows[] = {
	{ "null", STDIO_NULL, true, true, NULL },
	{ "inherit", STDIO_INHERIT, false, true, NULL },
	{ "journal", STDIO_LOG, false, true, NULL },
	{ "journal+console", STDIO_LOG, false, true, NULL },
	{ "kmsg", STDIO_LOG, false, true, "it goes to the log of supd" },
	{ "kmsg+console", STDIO_LOG, false, true, "it goes to the log of supd" },
	{ "syslog", STDIO_LOG, false, true, "it goes to the log of supd" },
	{ "syslog+console", STDIO_LOG, false, true, "it goes to the log of supd" },
	{ "tty", STDIO_TTY, false, true,
	    "terminals come with the sessions: it goes to the log of supd" },
	{ "tty", STDIO_TTY, true, false,
	    "terminals come with the sessions: null is used" },
	{ "tty-force", STDIO_TTY, true, false,
	    "terminals come with the sessions: null is used" },
	{ "tty-fail", STDIO_TTY, true, false,
	    "terminals come with the sessions: null is used" },
	{ "data", STDIO_DATA, true, false, NULL },
	{ "file:", STDIO_FILE, true, true, NULL },
	{ "append:", STDIO_APPEND, false, true, NULL },
	{ "truncate:", STDIO_TRUNCATE, false, true, NULL },
	{ "fd:", STDIO_FD, true, true, NULL },
	{ "fd", STDIO_FD, true, true, NULL },
};

static const struct stdio_row *
find_stdio(const char *value, bool in)
{
	for (size_t i = 0; i < sizeof(stdio_rows) / sizeof(stdio_rows[0]); i++) {
		const struct stdio_row *r = &stdio_rows[i];
		size_t n = strlen(r->word);
		bool argument = r->word[n - 1] == ':';

		if ((in ? r->in : r->out) && (argument ? strncmp(value, r->word, n) == 0
						       : strcmp(value, r->word) == 0))
			return r;
	}
	return NULL;
}

/* The argument of file:, fd: and the like; NULL after telling. */
static char *
take_stdio_arg(struct parse *p, const struct directive *d, const struct stdio_row *r,
    const char *arg)
{
	struct buf b = { 0 };

	if (parse_expand(p, arg, arg, &b) == -1) {
		buf_free(&b);
		return NULL;
	}
	if (r->kind == STDIO_FD ? strpbrk(buf_str(&b), ": \t/") != NULL || b.len > 255
				: *buf_str(&b) != '/') {
		parse_error(p, arg, NULL,
		    r->kind == STDIO_FD ? "\"%s\" cannot name a descriptor, in %s="
					: "\"%s\" is not an absolute path, in %s=",
		    buf_str(&b), d->key);
		buf_free(&b);
		return NULL;
	}
	return buf_take(&b);
}

static int
set_stdio(struct parse *p, const struct directive *d, struct stdio_conf *s,
    const char *value, bool in)
{
	const struct stdio_row *r;
	char *arg = NULL;

	if (*value == '\0')
		value = d->dflt;
	r = find_stdio(value, in);
	if (r == NULL) {
		parse_error(p, NULL,
		    strcmp(value, "socket") == 0 ? "socket units come later" : NULL,
		    "\"%s\" is not understood: %s= takes %s", value, d->key,
		    d->kind->syntax);
		return -1;
	}
	if (r->word[strlen(r->word) - 1] == ':') {
		arg = take_stdio_arg(p, d, r, value + strlen(r->word));
		if (arg == NULL)
			return -1;
	} else if (r->kind == STDIO_FD) {
		arg = xstrdup(in                                      ? "stdin"
			      : strcmp(d->key, "StandardOutput") == 0 ? "stdout"
								      : "stderr");
	}
	if (r->note != NULL)
		parse_warn(p, NULL, NULL, "%s=%s: %s", d->key, value, r->note);
	free(s->arg);
	s->arg = arg;
	s->kind = r->kind != STDIO_TTY ? r->kind : in ? STDIO_NULL : STDIO_LOG;
	return 0;
}

int
set_stdin(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return set_stdio(p, d, field, value, true);
}

int
set_stdout(struct parse *p, const struct directive *d, void *field, const char *value)
{
	return set_stdio(p, d, field, value, false);
}

void
show_stdio(const struct directive *d, const void *field, struct buf *b)
{
	const struct stdio_conf *s = field;
	bool in = strcmp(d->key, "StandardInput") == 0;

	for (size_t i = 0; i < sizeof(stdio_rows) / sizeof(stdio_rows[0]); i++) {
		const struct stdio_row *r = &stdio_rows[i];

		if (r->kind != s->kind || !(in ? r->in : r->out))
			continue;
		buf_adds(b, r->word);
		if (r->word[strlen(r->word) - 1] == ':')
			buf_adds(b, s->arg != NULL ? s->arg : "");
		return;
	}
}

static int
add_stdin(struct parse *p, const struct directive *d, struct exec_conf *x,
    const void *data, size_t len)
{
	if (x->stdin_data_len + len > STDIN_DATA_MAX) {
		parse_error(p, NULL, "use StandardInput=file:PATH",
		    "%s= holds more than 1 MiB", d->key);
		return -1;
	}
	x->stdin_data = xreallocarray(x->stdin_data, x->stdin_data_len + len + 1, 1);
	memcpy(x->stdin_data + x->stdin_data_len, data, len);
	x->stdin_data_len += len;
	return 0;
}

static int
reset_stdin(struct exec_conf *x)
{
	free(x->stdin_data);
	x->stdin_data = NULL;
	x->stdin_data_len = 0;
	return 0;
}

int
set_stdin_text(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf plain = { 0 };
	struct buf text = { 0 };
	const char *why;
	int r = -1;

	if (*value == '\0')
		return reset_stdin(field);
	if (quote_unescape(value, &plain, &why) == -1) {
		parse_error(p, NULL, NULL, "%s", why);
	} else if (parse_expand(p, buf_str(&plain), NULL, &text) == 0) {
		buf_addc(&text, '\n');
		r = add_stdin(p, d, field, text.data, text.len);
	}
	buf_free(&plain);
	buf_free(&text);
	return r;
}

static int
base64_digit(char c)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* Appends what TEXT encodes; blanks are skipped, padding is asked for. */
static int
base64_decode(const char *text, struct buf *out)
{
	uint32_t bits = 0;
	int n = 0;
	int pad = 0;

	for (; *text != '\0'; text++) {
		int digit = base64_digit(*text);

		if (*text == ' ' || *text == '\t')
			continue;
		if (*text == '=') {
			digit = 0;
			pad++;
		} else if (digit == -1 || pad > 0) {
			return -1;
		}
		bits = bits << 6 | (uint32_t)digit;
		if (++n < 4)
			continue;
		if (pad > 2)
			return -1;
		for (int i = 0; i < 3 - pad; i++)
			buf_addc(out, (char)(bits >> (16 - 8 * i)));
		bits = 0;
		n = 0;
	}
	return n == 0 ? 0 : -1;
}

int
set_stdin_data(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf data = { 0 };
	int r;

	if (*value == '\0')
		return reset_stdin(field);
	r = base64_decode(value, &data);
	if (r == -1)
		parse_error(p, NULL, NULL, "%s= is not base64", d->key);
	else
		r = add_stdin(p, d, field, buf_str(&data), data.len);
	buf_free(&data);
	return r;
}

void
show_stdin_data(const struct directive *d, const void *field, struct buf *b)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const struct exec_conf *x = field;

	(void)d;
	for (size_t i = 0; i < x->stdin_data_len; i += 3) {
		size_t left = x->stdin_data_len - i;
		uint32_t bits = (uint32_t)x->stdin_data[i] << 16;

		if (left > 1)
			bits |= (uint32_t)x->stdin_data[i + 1] << 8;
		if (left > 2)
			bits |= x->stdin_data[i + 2];
		buf_addc(b, digits[bits >> 18]);
		buf_addc(b, digits[bits >> 12 & 63]);
		buf_addc(b, left > 1 ? digits[bits >> 6 & 63] : '=');
		buf_addc(b, left > 2 ? digits[bits & 63] : '=');
	}
}
