/*
 * until_lex: see the header.
 */
#include "manager/session/until_lex.h"

#include <string.h>
#include <strings.h>

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A blank of Unicode that terminals are full of (U+00A0, U+202F); its length, else 0. */
static size_t
wide_blank(const char *s)
{
	if (strncmp(s, "\xc2\xa0", 2) == 0)
		return 2;
	if (strncmp(s, "\xe2\x80\xaf", 3) == 0)
		return 3;
	return 0;
}

static uint64_t
value_of(const char *s, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return UINT64_MAX;
	return v;
}

int
until_lex(const char *text, struct tokens *t)
{
	bool glued = false;

	if (strnlen(text, UNTIL_TEXT_MAX + 1) > UNTIL_TEXT_MAX)
		return -1;
	t->n = 0;
	while (*text != '\0') {
		struct token *k = &t->v[t->n];
		size_t n = is_blank(*text) ? 1 : wide_blank(text);

		if (n > 0) {
			text += n;
			glued = false;
			continue;
		}
		*k = (struct token){
			.kind = TOKEN_SIGN, .glued = glued, .s = text, .n = 1
		};
		if (is_digit(*text)) {
			k->kind = TOKEN_NUMBER;
			while (is_digit(text[k->n]))
				k->n++;
			k->value = value_of(text, k->n);
		} else if (is_letter(*text)) {
			k->kind = TOKEN_WORD;
			while (is_letter(text[k->n]))
				k->n++;
		}
		text += k->n;
		glued = true;
		t->n++;
	}
	t->v[t->n] = (struct token){ .kind = TOKEN_END, .s = text };
	return 0;
}

bool
token_is(const struct token *t, const char *word)
{
	return t->kind == TOKEN_WORD && strlen(word) == t->n &&
	       strncasecmp(t->s, word, t->n) == 0;
}

bool
token_is_sign(const struct token *t, char sign)
{
	return t->kind == TOKEN_SIGN && *t->s == sign;
}

int
token_find(const struct token *t, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
		if (token_is(t, words[i]))
			return i;
	return -1;
}

int
token_weekday(const struct token *t)
{
	static const char *const words[] = { "sun", "mon", "tue", "wed", "thu", "fri",
		"sat", "sunday", "monday", "tuesday", "wednesday", "thursday", "friday",
		"saturday", NULL };
	int i = token_find(t, words);

	if (token_is(t, "tues"))
		return 2;
	if (token_is(t, "thur") || token_is(t, "thurs"))
		return 4;
	return i == -1 ? -1 : i % 7;
}

size_t
tokens_behind(const struct tokens *t, size_t i, const char *place)
{
	while (i < t->n && t->v[i].s < place)
		i++;
	return i;
}

uint64_t
tokens_fraction(const struct tokens *t, size_t *i)
{
	const struct token *k = &t->v[*i];
	uint64_t millionths = 0, unit = 100000;

	if (!token_is_sign(k, '.') || !k->glued || k[1].kind != TOKEN_NUMBER ||
	    !k[1].glued)
		return 0;
	for (size_t d = 0; d < k[1].n && d < 6; d++, unit /= 10)
		millionths += (uint64_t)(k[1].s[d] - '0') * unit;
	*i += 2;
	return millionths;
}
