#include "manager/session/usage.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/decimal.h"
#include "lib/json.h"

enum { TEXT_MAX = 64 };

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* 1 for none of them, 0 for what is no such sign. */
static uint64_t
factor_of(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 1000;
	case 'm':
	case 'M':
		return 1000000;
	case 'g':
	case 'G':
	case 'b':
	case 'B':
		return 1000000000;
	default:
		return is_digit(c) ? 1 : 0;
	}
}

/* From millionths to what is counted. */
static int
finish(enum budget_counted what, uint64_t millionths, uint64_t factor, uint64_t *n)
{
	if (millionths > (uint64_t)INT64_MAX / factor)
		return -1;
	millionths *= factor;
	if (what == BUDGET_COUNTED_COST)
		*n = millionths;
	else
		*n = millionths / DECIMAL_ONE + (millionths % DECIMAL_ONE != 0);
	return 0;
}

int
usage_parse(enum budget_counted what, const char *text, size_t len, uint64_t *n)
{
	char plain[TEXT_MAX];
	uint64_t millionths, factor;
	size_t used = 0;
	bool point = false;

	while (len > 0 && (*text == ' ' || *text == '\t')) {
		text++;
		len--;
	}
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len == 0 || len >= sizeof(plain))
		return -1;
	factor = factor_of(text[len - 1]);
	if (factor == 0)
		return -1;
	if (factor > 1)
		len--;
	for (size_t i = 0; i < len; i++) {
		point = point || text[i] == '.';
		if ((text[i] == ',' || text[i] == '_') && !point && i > 0 &&
		    is_digit(text[i - 1]) && i + 3 < len && is_digit(text[i + 1]) &&
		    is_digit(text[i + 2]) && is_digit(text[i + 3]))
			continue;
		plain[used++] = text[i];
	}
	if (decimal_parse(plain, used, &millionths, NULL) == -1)
		return -1;
	return finish(what, millionths, factor, n);
}

int
usage_of_json(enum budget_counted what, const struct jv *v, uint64_t *n)
{
	char text[TEXT_MAX];
	const char *s;
	int64_t i;
	double d;

	switch (jv_type(v)) {
	case JV_INT:
		i = jv_i64(v, -1);
		if (i < 0 ||
		    (what == BUDGET_COUNTED_COST && i > INT64_MAX / (int64_t)DECIMAL_ONE))
			return -1;
		*n =
		    what == BUDGET_COUNTED_COST ? (uint64_t)i * DECIMAL_ONE : (uint64_t)i;
		return 0;
	case JV_DOUBLE:
		d = jv_double(v, -1);
		/* What a double holds of a sum of money is the nearest there is to its
		 * decimal digits: these are what was meant. */
		if (!isfinite(d) || d < 0 || d > 9e12)
			return -1;
		snprintf(text, sizeof(text), "%.6f", d);
		return usage_parse(what, text, strlen(text), n);
	case JV_STRING:
		s = jv_str(v, "");
		return usage_parse(what, s, strlen(s), n);
	default:
		return -1;
	}
}
