#include "unit/version.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* ASCII alone counts, whatever the locale says. */
static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *
skip_noise(const char *p)
{
	while (
	    *p != '\0' && !is_digit(*p) && !is_letter(*p) && strchr("~-^.", *p) == NULL)
		p++;
	return p;
}

static int
sign(long a, long b)
{
	return a < b ? -1 : a > b;
}

/* A block of digits at both: by value, and one that is there before one that is not. */
static int
compare_numbers(const char **pa, const char **pb)
{
	const char *a = *pa + strspn(*pa, "0"), *b = *pb + strspn(*pb, "0");
	const char *ea = a + strspn(a, "0123456789"), *eb = b + strspn(b, "0123456789");
	int r = sign(ea - *pa > 0, eb - *pb > 0);

	if (r == 0)
		r = sign(ea - a, eb - b);
	if (r == 0)
		r = strncmp(a, b, (size_t)(ea - a));
	*pa = ea;
	*pb = eb;
	return r;
}

static int
compare_letters(const char **pa, const char **pb)
{
	const char *a = *pa, *b = *pb;
	size_t na = 0, nb = 0;
	int r;

	while (is_letter(a[na]))
		na++;
	while (is_letter(b[nb]))
		nb++;
	r = strncmp(a, b, na < nb ? na : nb);
	if (r == 0)
		r = sign((long)na, (long)nb);
	*pa = a + na;
	*pb = b + nb;
	return r;
}

/* Where both have the mark it is passed by. */
static int
compare_mark(char mark, const char **pa, const char **pb)
{
	if (**pa != mark && **pb != mark)
		return 0;
	if (**pa != **pb)
		return **pa == mark ? -1 : 1;
	(*pa)++;
	(*pb)++;
	return 0;
}

int
version_compare(const char *a, const char *b)
{
	/* What is only on one side makes it the older one, in this order. */
	static const char marks[] = "-^.";
	int r;

	for (;;) {
		a = skip_noise(a);
		b = skip_noise(b);
		if ((r = compare_mark('~', &a, &b)) != 0)
			return r;
		if (*a == '\0' || *b == '\0')
			return sign(*a != '\0', *b != '\0');
		/* Behind a mark, noise is no noise but the end of an empty block. */
		for (const char *m = marks; *m != '\0'; m++)
			if ((r = compare_mark(*m, &a, &b)) != 0)
				return r;
		r = is_digit(*a) || is_digit(*b) ? compare_numbers(&a, &b)
						 : compare_letters(&a, &b);
		if (r != 0)
			return r;
	}
}

enum order
order_parse(const char **p, bool globs)
{
	static const struct {
		const char *text;
		enum order order;
	} known[] = {
		{ "$=", ORDER_MATCH },
		{ "=$", ORDER_MATCH },
		{ "!$=", ORDER_NOMATCH },
		{ "!=$", ORDER_NOMATCH },
		{ "<>", ORDER_OTHER },
		{ "==", ORDER_SAME },
		{ "<=", ORDER_LESS_EQUAL },
		{ ">=", ORDER_GREATER_EQUAL },
		{ "<", ORDER_LESS },
		{ ">", ORDER_GREATER },
		{ "=", ORDER_EQUAL },
		{ "!=", ORDER_UNEQUAL },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t n = strlen(known[i].text);

		if (strncmp(*p, known[i].text, n) != 0 ||
		    (!globs && strchr(known[i].text, '$') != NULL))
			continue;
		*p += n;
		return known[i].order;
	}
	return ORDER_NONE;
}

bool
order_holds(enum order o, int cmp)
{
	switch (o) {
	case ORDER_LESS_EQUAL:
		return cmp <= 0;
	case ORDER_GREATER_EQUAL:
		return cmp >= 0;
	case ORDER_LESS:
		return cmp < 0;
	case ORDER_GREATER:
		return cmp > 0;
	case ORDER_EQUAL:
	case ORDER_SAME:
		return cmp == 0;
	case ORDER_UNEQUAL:
	case ORDER_OTHER:
		return cmp != 0;
	default:
		return false;
	}
}
