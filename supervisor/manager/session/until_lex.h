/*
 * until_lex: words, numbers and signs of a text with a time in it (until.h).
 */
#ifndef SUPD_MANAGER_SESSION_UNTIL_LEX_H
#define SUPD_MANAGER_SESSION_UNTIL_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/session/until.h"

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,   /* ASCII letters and `_' */
	TOKEN_NUMBER, /* digits */
	TOKEN_SIGN,   /* any other byte that is no blank */
};

struct token {
	enum token_kind kind;
	bool glued; /* no blank before it */
	const char *s;
	size_t n;
	uint64_t value; /* TOKEN_NUMBER; UINT64_MAX when too large */
};

/* The last of them is TOKEN_END; n does not count it. */
struct tokens {
	struct token v[UNTIL_TEXT_MAX + 1];
	size_t n;
};

/* -1 when the text is too long. */
int until_lex(const char *text, struct tokens *t);
/* Is it that word, in any case? */
bool token_is(const struct token *t, const char *word);
bool token_is_sign(const struct token *t, char sign);
/* One of a NULL-terminated list: its index, else -1. */
int token_find(const struct token *t, const char *const *words);
/* "Tue", "tuesday": 0 is Sunday; -1 for other words. */
int token_weekday(const struct token *t);
/* The first token that begins at or behind that place. */
size_t tokens_behind(const struct tokens *t, size_t i, const char *place);
/* A fraction that follows, ".5", as millionths of one; *i moves behind it.  0 where there
 * is none. */
uint64_t tokens_fraction(const struct tokens *t, size_t *i);

#endif
