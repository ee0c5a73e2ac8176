#include "lib/decimal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { DECIMALS = 6 };

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* *n = 10 * *n + digit; false: it does not fit. */
static bool
push(uint64_t *n, unsigned digit)
{
	if (*n > (UINT64_MAX - digit) / 10)
		return false;
	*n = *n * 10 + digit;
	return true;
}

int
decimal_parse(const char *text, size_t len, uint64_t *millionths, bool *exact)
{
	size_t i = 0, decimals = 0;
	bool rest = false;
	uint64_t n = 0;

	if (len == 0 || !is_digit(text[0]))
		goto bad;
	for (; i < len && is_digit(text[i]); i++)
		if (!push(&n, (unsigned)(text[i] - '0')))
			goto large;
	if (i < len && (text[i] != '.' || ++i == len))
		goto bad;
	for (; i < len; i++) {
		if (!is_digit(text[i]))
			goto bad;
		if (decimals == DECIMALS)
			rest = rest || text[i] != '0';
		else if (!push(&n, (unsigned)(text[i] - '0')))
			goto large;
		else
			decimals++;
	}
	for (; decimals < DECIMALS; decimals++)
		if (!push(&n, 0))
			goto large;
	if (rest && n == UINT64_MAX)
		goto large;
	*millionths = n + rest;
	if (exact != NULL)
		*exact = !rest;
	return 0;
bad:
	errno = EINVAL;
	return -1;
large:
	errno = ERANGE;
	return -1;
}

char *
decimal_format(char *dst, size_t size, uint64_t millionths)
{
	unsigned long long whole = millionths / DECIMAL_ONE,
			   rest = millionths % DECIMAL_ONE;
	char digits[DECIMALS + 1];
	size_t n = DECIMALS;

	snprintf(digits, sizeof(digits), "%06llu", rest);
	while (n > 0 && digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	snprintf(dst, size, n > 0 ? "%llu.%s" : "%llu%s", whole, digits);
	return dst;
}
