/*
 * kinds_stdio: where the standard descriptors of a process lead, and what is on its
 * standard input.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/quote.h"

enum { STDIN_DATA_MAX = 1024 * 1024 };

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
	{ "syslog", STDIO_LOG, false, true, "it is journal now, the log of supd" },
	{ "syslog+console", STDIO_LOG, false, true,
	    "it is journal now, the log of supd" },
	{ "tty", STDIO_TTY, true, true, NULL },
	{ "tty-force", STDIO_TTY_FORCE, true, false, NULL },
	{ "tty-fail", STDIO_TTY_FAIL, true, false, NULL },
	{ "data", STDIO_DATA, true, false, NULL },
	{ "socket", STDIO_SOCKET, true, true, NULL },
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
		parse_error(p, NULL, NULL, "\"%s\" is not understood: %s= takes %s",
		    value, d->key, d->kind->syntax);
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
	s->kind = r->kind;
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
