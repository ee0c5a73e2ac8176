/*
 * env: `$' in command lines, and environment files.
 */
#include "unit/env.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "unit/quote.h"

enum {
	ENV_FILE_MAX = 4 * 1024 * 1024,
	ENV_MAX = 8192, /* look-ups are linear */
};

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static size_t
name_length(const char *p)
{
	size_t n = 0;

	if (!is_name_start(*p))
		return 0;
	while (is_name_start(p[n]) || (p[n] >= '0' && p[n] <= '9'))
		n++;
	return n;
}

bool
env_name_is_valid(const char *name, size_t len)
{
	return len > 0 && name_length(name) >= len;
}

void
env_unset(struct strv *env, const char *what)
{
	if (strchr(what, '=') != NULL)
		strv_remove(env, what);
	else
		strv_env_unset(env, what);
}

/* ---- command lines ---- */

/* The value of the n letters at p; "" and a note if it is not set. */
static const char *
look_up(const struct strv *env, const char *p, size_t n, struct strv *unset)
{
	char *name = xstrndup(p, n);
	const char *value = strv_env_get(env, name);

	if (value == NULL && unset != NULL)
		strv_add_unique(unset, name);
	free(name);
	return value;
}

/* The words of a value, quotes removed, as for a word that is $NAME. */
static void
add_words(const char *value, struct strv *argv)
{
	struct buf word = { 0 };
	const char *why;

	while (quote_next(&value, QUOTE_VALUE, &word, NULL, &why) == 1)
		strv_add(argv, buf_str(&word));
	buf_free(&word);
}

static void
add_word(const char *word, const struct strv *env, struct strv *argv, struct strv *unset)
{
	struct buf out = { 0 };
	const char *p = word;

	while (*p != '\0') {
		const char *value;
		size_t n;

		if (p[0] == '$' && p[1] == '$') {
			buf_addc(&out, '$');
			p += 2;
		} else if (p[0] == '$' && p[1] == '{') {
			/* What has a colon in it, or no end, stands for itself. */
			n = 2 + strcspn(p + 2, ":}");
			value = p[n] == '}' ? look_up(env, p + 2, n - 2, unset) : NULL;
			if (value != NULL)
				buf_adds(&out, value);
			else if (p[n] != '}')
				buf_append(&out, p, n);
			p += n + (p[n] == '}');
		} else {
			buf_addc(&out, *p++);
		}
	}
	strv_take(argv, buf_take(&out));
}

void
exec_cmd_expand(const struct exec_cmd *cmd, const struct strv *env, struct strv *argv,
    struct strv *unset)
{
	for (size_t i = 0; i < cmd->argv.n; i++) {
		const char *word = cmd->argv.v[i];

		/* The program's own name is never taken from the environment. */
		if (i == 0 || (cmd->flags & EXEC_NO_EXPAND) ||
		    strchr(word, '$') == NULL) {
			strv_add(argv, word);
		} else if (word[0] == '$' && word[1] != '{' && word[1] != '$') {
			/* All of it is the name: $A-b and $A$B name nothing. */
			const char *value =
			    look_up(env, word + 1, strlen(word + 1), unset);

			if (value != NULL)
				add_words(value, argv);
		} else {
			add_word(word, env, argv, unset);
		}
	}
}

/* ---- environment files ---- */

struct env_reader {
	const char *file;
	const char *p;
	const char *end;
	uint32_t line;
	struct diags *diags;
};

static int
peek(const struct env_reader *r)
{
	return r->p < r->end ? (unsigned char)*r->p : -1;
}

static int
take(struct env_reader *r)
{
	int c = peek(r);

	if (c == -1)
		return -1;
	r->p++;
	if (c == '\n')
		r->line++;
	return c;
}

static bool
is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A carriage return alone ends a line as well. */
static bool
is_end(int c)
{
	return c == -1 || c == '\n' || c == '\r';
}

static void
skip_line(struct env_reader *r)
{
	while (!is_end(take(r)))
		;
}

/* Up to the closing quote, over line ends. */
static void
read_quoted(struct env_reader *r, int quote, struct buf *value)
{
	int c;

	while ((c = take(r)) != -1 && c != quote) {
		if (c == '\\' && quote == '"') {
			int next = take(r);

			if (next == -1)
				break;
			if (is_end(next))
				continue;
			if (strchr("\"\\`$", next) == NULL)
				buf_addc(value, '\\');
			buf_addc(value, (char)next);
		} else {
			buf_addc(value, (char)c);
		}
	}
}

/*
 * A value to the end of its line.  `bare' is true inside an unquoted run, where a quote
 * is a character like any other; KEEP is the length that trailing blanks are not cut
 * below.
 */
static void
read_value(struct env_reader *r, struct buf *value)
{
	size_t keep = 0;
	bool bare = false;
	int c;

	while (!is_end(c = take(r))) {
		if (!bare && is_blank(c))
			continue;
		if (!bare && (c == '"' || c == '\'')) {
			read_quoted(r, c, value);
			keep = value->len;
		} else if (c == '\\') {
			int next = take(r);

			/* Blanks before it stay, too. */
			bare = true;
			if (!is_end(next))
				buf_addc(value, (char)next);
			keep = value->len;
		} else {
			bare = true;
			buf_addc(value, (char)c);
		}
	}
	while (value->len > keep && is_blank((unsigned char)value->data[value->len - 1]))
		buf_truncate(value, value->len - 1);
}

static void
store(struct env_reader *r, uint32_t line, const struct buf *key, const struct buf *value,
    struct strv *env)
{
	char *assignment;

	if (!env_name_is_valid(buf_str(key), key->len)) {
		diag_add(r->diags, DIAG_WARNING, r->file, line, 0,
		    "names are letters, digits and _",
		    /* Not what stands there: it may be half of a secret. */
		    "no name of a variable before the `=', line ignored");
		return;
	}
	if (!utf8_is_valid(buf_str(value), value->len) ||
	    memchr(buf_str(value), '\0', value->len) != NULL) {
		diag_add(r->diags, DIAG_WARNING, r->file, line, 0, NULL,
		    "the value of %s is not valid UTF-8, line ignored", buf_str(key));
		return;
	}
	if (env->n >= ENV_MAX) {
		diag_add(r->diags, DIAG_WARNING, r->file, line, 0, NULL,
		    "more than %d variables, line ignored", ENV_MAX);
		return;
	}
	assignment = xasprintf("%s=%s", buf_str(key), buf_str(value));
	strv_env_set(env, assignment);
	free(assignment);
}

void
env_file_parse(
    const char *file, const char *text, size_t len, struct strv *env, struct diags *d)
{
	struct env_reader r = { file, text, text + len, 1, d };
	struct buf key = { 0 };
	struct buf value = { 0 };

	while (peek(&r) != -1) {
		uint32_t line = r.line;
		int c = peek(&r);

		if (is_blank(c) || c == '\n') {
			take(&r);
			continue;
		}
		if (c == '#' || c == ';') {
			skip_line(&r);
			continue;
		}
		buf_clear(&key);
		buf_clear(&value);
		while (!is_end(c = take(&r)) && c != '=')
			buf_addc(&key, (char)c);
		while (key.len > 0 && is_blank((unsigned char)key.data[key.len - 1]))
			buf_truncate(&key, key.len - 1);
		if (c != '=') {
			diag_add(
			    d, DIAG_WARNING, file, line, 0, NULL, "no `=', line ignored");
			continue;
		}
		read_value(&r, &value);
		store(&r, line, &key, &value, env);
	}
	buf_free(&key);
	buf_free(&value);
}

static int
load_one(const char *path, struct strv *env, struct diags *d)
{
	struct buf b = { 0 };
	int r = file_read_follow_at(AT_FDCWD, path, ENV_FILE_MAX, &b);

	if (r == 0)
		env_file_parse(path, buf_str(&b), b.len, env, d);
	buf_free(&b);
	return r;
}

int
env_file_load(const struct env_file *f, struct strv *env, struct diags *d)
{
	int error = 0;
	glob_t g;
	int r = glob(f->path, 0, NULL, &g);

	if (r == GLOB_NOMATCH)
		error = ENOENT;
	else if (r != 0)
		error = r == GLOB_NOSPACE ? ENOMEM : EIO;
	for (size_t i = 0; r == 0 && i < g.gl_pathc; i++)
		if (load_one(g.gl_pathv[i], env, d) == -1 && error == 0)
			error = errno;
	if (r == 0)
		globfree(&g);
	if (error == 0 || f->optional)
		return 0;
	diag_add(d, DIAG_ERROR, f->path, 0, 0,
	    "write - in front of the path if it may be missing", "cannot be read: %s",
	    strerror(error));
	errno = error;
	return -1;
}
