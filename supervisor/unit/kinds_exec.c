/*
 * kinds_exec: command lines, and how processes end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/quote.h"
#include "unit/signame.h"
#include "unit/span.h"

void
exec_cmd_clear(struct exec_cmd *c)
{
	free(c->path);
	strv_free(&c->argv);
	memset(c, 0, sizeof(*c));
}

/* ---- command lines ---- */

/* Takes prefixes off the first word.  -1 if one stands twice, or two exclude each other.
 */
static int
take_prefixes(struct parse *p, const char *at, const char **word, uint32_t *flags)
{
	static const struct {
		const char *text;
		uint32_t flag;
	} rows[] = { { "-", EXEC_IGNORE_FAILURE }, { "@", EXEC_ARGV0 },
		{ ":", EXEC_NO_EXPAND }, { "+", EXEC_FULL_PRIVILEGES },
		{ "!!", EXEC_AMBIENT_MAGIC }, { "!", EXEC_NO_SETUID } };
	const uint32_t privileges =
	    EXEC_FULL_PRIVILEGES | EXEC_NO_SETUID | EXEC_AMBIENT_MAGIC;

	for (;;) {
		size_t i = 0;

		while (i < sizeof(rows) / sizeof(rows[0]) &&
		       strncmp(*word, rows[i].text, strlen(rows[i].text)) != 0)
			i++;
		if (i == sizeof(rows) / sizeof(rows[0]))
			break;
		if ((*flags & rows[i].flag) != 0 ||
		    ((rows[i].flag & privileges) != 0 && (*flags & privileges) != 0)) {
			p->lenient = (*flags & EXEC_IGNORE_FAILURE) != 0;
			parse_error(p, at,
			    "-, @ and : may stand once each, and one of +, !, !!",
			    "prefix %s does not go with those before it", rows[i].text);
			return -1;
		}
		*flags |= rows[i].flag;
		*word += strlen(rows[i].text);
	}
	if (**word == '|') {
		parse_error(p, at, "write /bin/sh -c '...'",
		    "the prefix | (run by a shell) is not supported");
		return -1;
	}
	return 0;
}

/* Whether PATH can be the program; tells why not. */
static int
check_path(struct parse *p, const char *at, const char *path)
{
	size_t n = strlen(path);

	if (n == 0) {
		parse_error(p, at, NULL, "the command is empty");
		return -1;
	}
	for (const char *c = path; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f ||
		    strchr("\"'\\", *c) != NULL) {
			parse_error(p, at, NULL,
			    "the path of the command has a quote, backslash or control "
			    "character");
			return -1;
		}
	}
	if (path[n - 1] == '/') {
		parse_error(p, at, NULL, "\"%s\" is a folder, not a command", path);
		return -1;
	}
	if (path[0] != '/' && strchr(path, '/') != NULL) {
		parse_error(p, at,
		    "write an absolute path (%Y is the folder of this file), or a bare "
		    "name",
		    "the path \"%s\" is relative", path);
		return -1;
	}
	return 0;
}

/* An unquoted word of its own: C, or \C when ESCAPED. */
static size_t
is_semicolon(const char *q, bool escaped)
{
	size_t n = escaped ? 2 : 1;

	if (escaped && *q++ != '\\')
		return 0;
	if (*q != ';' || (q[1] != '\0' && strchr(" \t\n\r", q[1]) == NULL))
		return 0;
	return n;
}

static int
next_word(struct parse *p, const char **q, struct buf *raw, struct buf *word)
{
	const char *at = *q;
	const char *unknown = NULL;
	const char *why;
	int r = quote_next(q, QUOTE_UNESCAPE, raw, &unknown, &why);

	if (r == -1) {
		parse_error(p, *q, NULL, "%s", why);
		return -1;
	}
	if (unknown != NULL)
		kinds_unknown_escape(p, unknown, " and is kept as it is");
	if (r == 1 && word != NULL && parse_expand(p, buf_str(raw), at, word) == -1)
		return -1;
	return r;
}

/* The arguments up to the end or a lone `;'.  1: there is one more command. */
static int
take_arguments(struct parse *p, const char **q, struct exec_cmd *c)
{
	struct buf raw = { 0 };
	struct buf word = { 0 };
	int r = 0;

	for (;;) {
		size_t n;

		if (is_semicolon(*q, false)) {
			*q += 1;
			*q += strspn(*q, " \t\n\r");
			r = 1;
			break;
		}
		n = is_semicolon(*q, true);
		if (n > 0) {
			strv_add(&c->argv, ";");
			*q += n;
			*q += strspn(*q, " \t\n\r");
			continue;
		}
		r = next_word(p, q, &raw, &word);
		if (r != 1)
			break;
		strv_add(&c->argv, buf_str(&word));
		r = 0;
	}
	buf_free(&raw);
	buf_free(&word);
	return r;
}

int
kinds_take_command(struct parse *p, const char **q, struct exec_cmd *c)
{
	struct buf raw = { 0 };
	struct buf path = { 0 };
	const char *at = *q;
	const char *first;
	uint32_t col;
	int r = next_word(p, q, &raw, NULL);

	if (r != 1)
		goto out;
	r = -1;
	lex_where(p->lex, at, &c->line, &col);
	first = buf_str(&raw);
	if (take_prefixes(p, at, &first, &c->flags) == -1)
		goto out;
	p->lenient = (c->flags & EXEC_IGNORE_FAILURE) != 0;
	if (parse_expand(p, first, at + (first - buf_str(&raw)), &path) == -1 ||
	    check_path(p, at, buf_str(&path)) == -1)
		goto out;
	c->path = buf_take(&path);
	if ((c->flags & EXEC_ARGV0) == 0)
		strv_add(&c->argv, c->path);
	r = take_arguments(p, q, c);
	if (r != -1 && c->argv.n == 0) {
		parse_error(p, at, NULL, "the prefix @ needs a second word, for argv[0]");
		r = -1;
	}
out:
	buf_free(&raw);
	buf_free(&path);
	return r;
}

static void
clear_list(struct exec_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		exec_cmd_clear(&list->v[i]);
	free(list->v);
	list->v = NULL;
	list->n = 0;
}

int
set_exec(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_list *list = field;
	const char *q = value;
	int r = 1;

	(void)d;
	if (*value == '\0') {
		clear_list(list);
		return 0;
	}
	while (r == 1) {
		struct exec_cmd c = { 0 };

		/* A trailing `;' ends the line and starts nothing. */
		while (is_semicolon(q, false)) {
			q++;
			q += strspn(q, " \t\n\r");
		}
		if (*q == '\0')
			break;
		if (!parse_has_room(p, q, list->n))
			return -1;

		r = kinds_take_command(p, &q, &c);
		if (r == -1) {
			exec_cmd_clear(&c);
			r = p->lenient ? 0 : -1;
			p->lenient = false;
			return r;
		}
		p->lenient = false;
		list->v = xreallocarray(list->v, list->n + 1, sizeof(*list->v));
		list->v[list->n++] = c;
	}
	return 0;
}

static void
show_command(const struct exec_cmd *c, struct buf *b)
{
	if (c->flags & EXEC_IGNORE_FAILURE)
		buf_addc(b, '-');
	if (c->flags & EXEC_ARGV0)
		buf_addc(b, '@');
	if (c->flags & EXEC_NO_EXPAND)
		buf_addc(b, ':');
	if (c->flags & EXEC_FULL_PRIVILEGES)
		buf_addc(b, '+');
	if (c->flags & EXEC_NO_SETUID)
		buf_addc(b, '!');
	if (c->flags & EXEC_AMBIENT_MAGIC)
		buf_adds(b, "!!");
	quote_append(b, c->path);
	for (size_t i = (c->flags & EXEC_ARGV0) ? 0 : 1; i < c->argv.n; i++) {
		buf_addc(b, ' ');
		quote_append(b, c->argv.v[i]);
	}
}

void
show_exec(const struct directive *d, const void *field, struct buf *b)
{
	const struct exec_list *list = field;

	(void)d;
	for (size_t i = 0; i < list->n; i++) {
		if (i > 0)
			buf_adds(b, " ; ");
		show_command(&list->v[i], b);
	}
}

/* ---- how processes end ---- */

static void
set_bit(uint64_t *bits, int i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

int
set_exit_set(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exit_set *set = field;
	struct exit_set added = { 0 };
	struct buf raw = { 0 };
	struct buf word = { 0 };
	const char *q = value;
	int r;

	if (*value == '\0') {
		memset(set, 0, sizeof(*set));
		return 0;
	}
	for (;;) {
		const char *at = q;
		uint64_t n;
		int found;

		r = next_word(p, &q, &raw, &word);
		if (r != 1)
			break;
		found = exit_status_from_name(buf_str(&word));
		if (number_parse(buf_str(&word), 255, &n) == 0)
			found = (int)n;
		if (found >= 0) {
			set_bit(added.status, found);
			continue;
		}
		/* PIPE alone is the signal; numbers are always statuses. */
		found = signal_from_name(buf_str(&word));
		if (found < 1 || (buf_str(&word)[0] >= '0' && buf_str(&word)[0] <= '9')) {
			parse_error(p, at, NULL,
			    "\"%s\" is neither an exit status nor a signal, in %s=",
			    buf_str(&word), d->key);
			r = -1;
			break;
		}
		set_bit(&added.signals, found - 1);
	}
	for (size_t i = 0; r == 0 && i < 4; i++)
		set->status[i] |= added.status[i];
	if (r == 0)
		set->signals |= added.signals;
	buf_free(&raw);
	buf_free(&word);
	return r;
}

void
show_exit_set(const struct directive *d, const void *field, struct buf *b)
{
	const struct exit_set *set = field;
	size_t start = b->len;

	(void)d;
	for (int i = 0; i < 256; i++)
		if (set->status[i / 64] & UINT64_C(1) << (i % 64))
			buf_addf(b, "%s%d", b->len > start ? " " : "", i);
	for (int i = 0; i < 64; i++)
		if (set->signals & UINT64_C(1) << i)
			buf_addf(
			    b, "%s%s", b->len > start ? " " : "", signal_name(i + 1));
}

/* One SIGNAL[:TIME] of n bytes. */
static int
parse_step(const char *text, size_t n, struct stop_step *step)
{
	char *copy = xstrndup(text, n);
	char *colon = strchr(copy, ':');
	char *name = copy + strspn(copy, " \t");
	int r = 0;

	step->wait_us = UNIT_INFINITY;
	if (colon != NULL) {
		*colon = '\0';
		r = span_parse(colon + 1, 1000000, &step->wait_us);
	}
	name[strcspn(name, " \t")] = '\0';
	step->signal = signal_from_name(name);
	free(copy);
	return step->signal == -1 ? -1 : r;
}

int
set_stop_sequence(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct kill_conf *kill = field;
	struct stop_step *steps = NULL;
	size_t n_steps = 0;
	const char *q = value;

	while (*q != '\0') {
		size_t n = strcspn(q, ",");
		bool last = q[n] == '\0';

		steps = xreallocarray(steps, n_steps + 1, sizeof(*steps));
		if (parse_step(q, n, &steps[n_steps]) == -1) {
			parse_error(p, q, NULL,
			    "\"%.*s\" is not understood: %s= takes %s", (int)n, q, d->key,
			    d->kind->syntax);
			free(steps);
			return -1;
		}
		if (!last && steps[n_steps].wait_us == UNIT_INFINITY) {
			parse_error(p, q, "as in INT:10s,TERM:10s,KILL",
			    "this step needs a time, or the next is never reached");
			free(steps);
			return -1;
		}
		n_steps++;
		q += n + !last;
	}
	free(kill->sequence);
	kill->sequence = steps;
	kill->n_sequence = n_steps;
	return 0;
}

void
show_stop_sequence(const struct directive *d, const void *field, struct buf *b)
{
	const struct kill_conf *kill = field;

	(void)d;
	for (size_t i = 0; i < kill->n_sequence; i++) {
		buf_addf(b, "%s%s", i > 0 ? "," : "",
		    signal_name(kill->sequence[i].signal) + 3);
		if (kill->sequence[i].wait_us != UNIT_INFINITY) {
			buf_addc(b, ':');
			span_format(b, kill->sequence[i].wait_us);
		}
	}
}
