/*
 * kinds_session: what [Session] and [Heartbeat] say: sizes, keys, typed text, states,
 * tiers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "unit/keys.h"
#include "unit/kinds.h"
#include "unit/load.h"
#include "unit/parse.h"
#include "unit/quote.h"
#include "unit/span.h"

enum {
	/* Of the screens that a terminal can have. */
	COLS_MIN = 10,
	COLS_MAX = 1000,
	ROWS_MIN = 2,
	ROWS_MAX = 500,
	NAME_LEN_MAX = 64,
	TIERS_MAX = 64,
};

const char *const stale_action_words[] = { "none", "notify", "poke", "restart", "stop",
	NULL };
const char *const record_words[] = { "no", "yes", "input", NULL };
const char *const pick_words[] = { "rotate", "random", "random-repeat", NULL };
const char *const session_state_words[] = { "unknown", "starting", "working", "idle",
	"waiting", "limited", "stuck", NULL };

const char *
session_state_name(enum session_state s)
{
	return s < SESSION_NSTATES ? session_state_words[s] : "?";
}

int
kinds_refuse(struct parse *p, const struct directive *d, const char *at, const char *what)
{
	parse_error(p, at, NULL, "\"%s\" is not understood: %s= takes %s", what, d->key,
	    d->kind->syntax);
	return -1;
}

void
kinds_keep(void *field, struct buf *text)
{
	char **s = field;

	free(*s);
	*s = text->len > 0 ? buf_take(text) : NULL;
	buf_free(text);
}

/* ---- the terminal ---- */

int
set_term_size(struct parse *p, const struct directive *d, void *field, const char *value)
{
	const char *x = strpbrk(value, "xX");
	char *cols = xstrndup(value, x != NULL ? (size_t)(x - value) : 0);
	uint16_t *size = field; /* rows, then cols, as in struct session_conf */
	int64_t c, r;
	int result = 0;

	if (x == NULL || integer_parse(cols, COLS_MIN, COLS_MAX, &c) == -1 ||
	    integer_parse(x + 1, ROWS_MIN, ROWS_MAX, &r) == -1) {
		result = kinds_refuse(p, d, NULL, value);
	} else {
		size[0] = (uint16_t)r;
		size[1] = (uint16_t)c;
	}
	free(cols);
	return result;
}

void
show_term_size(const struct directive *d, const void *field, struct buf *b)
{
	const uint16_t *size = field;

	(void)d;
	buf_addf(b, "%ux%u", size[1], size[0]);
}

int
set_span_ms(struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t us;

	if (span_parse(value, 1000, &us) == -1 || us == UNIT_INFINITY)
		return kinds_refuse(p, d, NULL, value);
	*(uint64_t *)field = us;
	return 0;
}

/* ---- names ---- */

bool
session_name_is_valid(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789-_");

	return n > 0 && n <= NAME_LEN_MAX && name[n] == '\0';
}

int
set_name(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	int r = 0;

	if (parse_expand(p, value, value, &b) == -1)
		r = -1;
	else if (*value != '\0' && !session_name_is_valid(buf_str(&b)))
		r = kinds_refuse(p, d, NULL, buf_str(&b));
	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

/* A text that is there, and empty. */
static void
keep_empty(void *field)
{
	char **s = field;

	free(*s);
	*s = xstrdup("");
}

int
set_slot(struct parse *p, const struct directive *d, void *field, const char *value)
{
	if (strcmp(value, "none") != 0)
		return set_name(p, d, field, value);
	keep_empty(field);
	return 0;
}

void
show_slot(const struct directive *d, const void *field, struct buf *b)
{
	const char *s = *(char *const *)field;

	(void)d;
	if (s != NULL)
		buf_adds(b, *s != '\0' ? s : "none");
}

/* ---- typed text ---- */

/* Text that a keyboard could have typed: of control characters only tab and newline. */
static int
read_input(
    struct parse *p, const struct directive *d, const char *value, struct buf *text)
{
	struct buf raw = { 0 };
	const char *why;
	int r = 0;

	if (quote_unescape(value, &raw, &why) == -1) {
		parse_error(p, NULL, NULL, "%s", why);
		r = -1;
	} else if (parse_expand(p, buf_str(&raw), value, text) == -1) {
		r = -1;
	}
	buf_free(&raw);
	if (r == 0 && !utf8_is_valid(buf_str(text), text->len)) {
		parse_error(
		    p, NULL, NULL, "%s= takes text in UTF-8, which this is not", d->key);
		r = -1;
	}
	for (const char *c = buf_str(text); r == 0 && *c != '\0'; c++) {
		if (((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t') ||
		    *c == 0x7f) {
			parse_error(p, NULL, "keys are for Keys= of a [Rule]",
			    "%s= takes text, not control characters", d->key);
			r = -1;
		}
	}
	return r;
}

static void
add_escaped(struct buf *b, const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++) {
		bool edge = i == 0 || i == n - 1;

		if (text[i] == '\n')
			buf_adds(b, "\\n");
		else if (text[i] == '\t')
			buf_adds(b, "\\t");
		else if (text[i] == '\\')
			buf_adds(b, "\\\\");
		else if (text[i] == ' ' && edge)
			buf_adds(b, "\\x20");
		else
			buf_addc(b, text[i]);
	}
}

int
set_input(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf b = { 0 };
	int r = read_input(p, d, value, &b);

	if (r == 0)
		kinds_keep(field, &b);
	buf_free(&b);
	return r;
}

void
show_input(const struct directive *d, const void *field, struct buf *b)
{
	const char *s = *(char *const *)field;

	(void)d;
	if (s != NULL)
		add_escaped(b, s);
}

int
set_inputs(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct strv *list = field;
	struct buf b = { 0 };
	int r;

	if (*value == '\0') {
		strv_free(list);
		return 0;
	}
	if (!parse_has_room(p, NULL, list->n))
		return -1;
	r = read_input(p, d, value, &b);
	if (r == 0 && b.len > 0)
		strv_add(list, buf_str(&b));
	buf_free(&b);
	return r;
}

/* As commands are shown: one behind the other. */
void
show_inputs(const struct directive *d, const void *field, struct buf *b)
{
	const struct strv *list = field;

	(void)d;
	for (size_t i = 0; i < list->n; i++) {
		if (i > 0)
			buf_adds(b, " ; ");
		add_escaped(b, list->v[i]);
	}
}

/* ---- keys ---- */

static int
add_key(struct parse *p, const struct directive *d, const char *word, const char *at,
    void *field)
{
	const char *near = key_nearest(word);
	char *hint = near != NULL ? xasprintf("did you mean %s?", near) : NULL;
	struct strv *list = field;
	int r = 0;

	switch (
	    utf8_is_valid(word, strlen(word)) ? key_bytes(word, false, NULL) : KEY_BAD) {
	case KEY_BAD:
		parse_error(p, at, hint, "\"%s\" in %s= is not a key that can be sent",
		    word, d->key);
		r = -1;
		break;
	case KEY_TEXT:
		if (near != NULL)
			parse_warn(p, at, hint,
			    "\"%s\" in %s= is no key: it is typed as text", word, d->key);
		break;
	case KEY_NAMED:
		break;
	}
	free(hint);
	if (r == 0 && !parse_has_room(p, at, list->n))
		r = -1;
	/* The same key may be pressed twice. */
	if (r == 0)
		strv_add(list, word);
	return r;
}

int
set_keys(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct strv *list = field;

	if (*value == '\0') {
		strv_free(list);
		return 0;
	}
	return kinds_each_word(p, d, QUOTE_UNESCAPE, value, field, add_key);
}

int
set_keys_text(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct strv list = { 0 };
	struct buf b = { 0 };
	int r;

	if (strcmp(value, "none") == 0) {
		keep_empty(field);
		return 0;
	}
	r = kinds_each_word(p, d, QUOTE_UNESCAPE, value, &list, add_key);
	if (r == 0) {
		show_strv(d, &list, &b);
		kinds_keep(field, &b);
	}
	strv_free(&list);
	return r;
}

/* ---- states ---- */

static int
state_of(const char *word)
{
	for (int i = 0; i < SESSION_NSTATES; i++)
		if (strcmp(word, session_state_words[i]) == 0)
			return i;
	return -1;
}

static void
unknown_state(
    struct parse *p, const struct directive *d, const char *word, const char *at)
{
	char *hint = NULL;

	for (int i = 1; hint == NULL && i < SESSION_NSTATES; i++)
		if (edit_distance(word, session_state_words[i], 2) <= 2)
			hint = xasprintf("did you mean %s?", session_state_words[i]);
	parse_error(p, at, hint, "\"%s\" in %s= is not a session state", word, d->key);
	free(hint);
}

/* Not a list that grows: the last line says it. */
int
set_states(struct parse *p, const struct directive *d, void *field, const char *value)
{
	static const char separators[] = " \t,|";
	session_states states = 0;
	const char *q = value + strspn(value, separators);
	int r = 0;

	while (*q != '\0') {
		size_t n = strcspn(q, separators);
		char *word = xstrndup(q, n);
		int s = state_of(word);

		if (strcmp(word, "any") == 0) {
			states = SESSION_STATE_BIT(SESSION_NSTATES) - 1;
		} else if (s > 0) {
			states |= SESSION_STATE_BIT(s);
		} else if (strcmp(word, "none") != 0) {
			unknown_state(p, d, word, q);
			r = -1;
		}
		free(word);
		q += n;
		q += strspn(q, separators);
	}
	if (r == 0)
		*(session_states *)field = states;
	return r;
}

void
show_states(const struct directive *d, const void *field, struct buf *b)
{
	session_states states = *(const session_states *)field;
	size_t start = b->len;

	(void)d;
	if (states == SESSION_STATE_BIT(SESSION_NSTATES) - 1) {
		buf_adds(b, "any");
		return;
	}
	for (int i = 1; i < SESSION_NSTATES; i++)
		if ((states & SESSION_STATE_BIT(i)) != 0)
			buf_addf(
			    b, "%s%s", b->len > start ? " " : "", session_state_words[i]);
	if (b->len == start)
		buf_adds(b, "none");
}

/* ---- tiers ---- */

/* AGE:INTERVAL; PREVIOUS is NULL for the first. */
static int
read_tier(struct parse *p, const struct directive *d, const char *word, const char *at,
    const struct idle_tier *previous, struct idle_tier *tier)
{
	const char *colon = strchr(word, ':');
	char *age = xstrndup(word, colon != NULL ? (size_t)(colon - word) : 0);
	int r = 0;

	if (colon == NULL || span_parse(age, 1000000, &tier->idle_us) == -1 ||
	    span_parse(colon + 1, 1000000, &tier->interval_us) == -1 ||
	    tier->idle_us == UNIT_INFINITY || tier->interval_us == 0 ||
	    tier->interval_us == UNIT_INFINITY) {
		r = kinds_refuse(p, d, at, word);
	} else if (previous == NULL && tier->idle_us != 0) {
		parse_error(p, at, "begin with 0:INTERVAL",
		    "the first age of %s= is not 0", d->key);
		r = -1;
	} else if (previous != NULL && tier->idle_us <= previous->idle_us) {
		parse_error(
		    p, at, NULL, "the ages of %s= do not rise at \"%s\"", d->key, word);
		r = -1;
	}
	free(age);
	return r;
}

int
set_tiers(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct heartbeat_conf *h = field;
	struct idle_tier *tiers = NULL;
	const char *q = value + strspn(value, " \t");
	size_t n = 0;
	int r = 0;

	while (r == 0 && *q != '\0') {
		size_t len = strcspn(q, " \t");
		char *word = xstrndup(q, len);

		tiers = xreallocarray(tiers, n + 1, sizeof(tiers[0]));
		if (n == TIERS_MAX) {
			parse_error(
			    p, q, NULL, "%s= has more than %d tiers", d->key, TIERS_MAX);
			r = -1;
		} else {
			r = read_tier(
			    p, d, word, q, n > 0 ? &tiers[n - 1] : NULL, &tiers[n]);
		}
		n++;
		free(word);
		q += len;
		q += strspn(q, " \t");
	}
	if (r == -1) {
		free(tiers);
		return -1;
	}
	free(h->tiers);
	h->tiers = tiers;
	h->n_tiers = n;
	return 0;
}

/* A time of several words is written as one here: blanks are between tiers. */
static void
show_time(struct buf *b, uint64_t us)
{
	struct buf t = { 0 };

	span_format(&t, us);
	for (const char *c = buf_str(&t); *c != '\0'; c++)
		if (*c != ' ')
			buf_addc(b, *c);
	buf_free(&t);
}

void
show_tiers(const struct directive *d, const void *field, struct buf *b)
{
	const struct heartbeat_conf *h = field;

	(void)d;
	for (size_t i = 0; i < h->n_tiers; i++) {
		if (i > 0)
			buf_addc(b, ' ');
		show_time(b, h->tiers[i].idle_us);
		buf_addc(b, ':');
		show_time(b, h->tiers[i].interval_us);
	}
}
