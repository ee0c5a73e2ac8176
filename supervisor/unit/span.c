/*
 * span: reads and writes times, sizes and numbers.  Integer arithmetic only, with every
 * overflow refused: a time that wrapped would be a short one.
 */
#include "unit/span.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "lib/buf.h"
#include "lib/hex.h"

struct unit_row {
	const char *name;
	uint64_t factor;
};

#define SECOND UINT64_C(1000000)

static const struct unit_row time_units[] = {
	{ "us", 1 },
	{ "usec", 1 },
	{ "\xc2\xb5s", 1 }, /* micro sign */
	{ "\xce\xbcs", 1 }, /* Greek mu */
	{ "ms", 1000 },
	{ "msec", 1000 },
	{ "s", SECOND },
	{ "sec", SECOND },
	{ "second", SECOND },
	{ "seconds", SECOND },
	{ "m", 60 * SECOND },
	{ "min", 60 * SECOND },
	{ "minute", 60 * SECOND },
	{ "minutes", 60 * SECOND },
	{ "h", 3600 * SECOND },
	{ "hr", 3600 * SECOND },
	{ "hour", 3600 * SECOND },
	{ "hours", 3600 * SECOND },
	{ "d", 86400 * SECOND },
	{ "day", 86400 * SECOND },
	{ "days", 86400 * SECOND },
	{ "w", 7 * 86400 * SECOND },
	{ "week", 7 * 86400 * SECOND },
	{ "weeks", 7 * 86400 * SECOND },
	{ "M", 2629800 * SECOND }, /* 30.4375 days */
	{ "month", 2629800 * SECOND },
	{ "months", 2629800 * SECOND },
	{ "y", 31557600 * SECOND }, /* 365.25 days */
	{ "year", 31557600 * SECOND },
	{ "years", 31557600 * SECOND },
};

static const struct unit_row size_units[] = {
	{ "B", 1 },
	{ "K", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 },
	{ "P", UINT64_C(1) << 50 },
	{ "E", UINT64_C(1) << 60 },
};

static const char blanks[] = " \t\n\r";

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The row whose name is exactly the n letters at p. */
static const struct unit_row *
find_unit(const struct unit_row *rows, size_t n_rows, const char *p, size_t n)
{
	for (size_t i = 0; i < n_rows; i++)
		if (strlen(rows[i].name) == n && memcmp(rows[i].name, p, n) == 0)
			return &rows[i];
	return NULL;
}

/* NUMBER[.FRACTION] */
struct number {
	uint64_t whole;
	const char *fraction; /* its digits in the text, NULL: none */
};

static int
read_number(const char **pp, struct number *n)
{
	const char *p = *pp;

	*n = (struct number){ 0 };
	if (!is_digit(*p) && !(*p == '.' && is_digit(p[1]))) {
		errno = EINVAL;
		return -1;
	}
	for (; is_digit(*p); p++) {
		if (__builtin_mul_overflow(n->whole, 10, &n->whole) ||
		    __builtin_add_overflow(n->whole, (uint64_t)(*p - '0'), &n->whole)) {
			errno = ERANGE;
			return -1;
		}
	}
	if (*p == '.') {
		if (!is_digit(*++p)) {
			errno = EINVAL;
			return -1;
		}
		n->fraction = p;
		while (is_digit(*p))
			p++;
	}
	*pp = p;
	return 0;
}

/* As systemd has it: to the digit that is worth one. */
static uint64_t
tail_of_span(const struct number *n, uint64_t factor)
{
	const char *p = n->fraction;
	uint64_t tail = 0, worth = factor;

	while (p != NULL && is_digit(*p) && (worth /= 10) > 0)
		tail += (uint64_t)(*p++ - '0') * worth;
	return tail;
}

/* Factors of two: six digits, of all of it. */
static uint64_t
tail_of_size(const struct number *n, uint64_t factor)
{
	const char *p = n->fraction;
	/* At most 10^6 * 2^60: needs more than 64 bits. */
	unsigned __int128 tail = 0;

	for (unsigned worth = 100000; p != NULL && is_digit(*p); worth /= 10)
		tail += (unsigned)(*p++ - '0') * worth;
	return (uint64_t)(tail * factor / 1000000);
}

/* sum += number * factor + tail */
static int
add_product(uint64_t *sum, const struct number *n, uint64_t factor, uint64_t tail)
{
	uint64_t part;

	if (__builtin_mul_overflow(n->whole, factor, &part) ||
	    __builtin_add_overflow(part, tail, &part) ||
	    __builtin_add_overflow(*sum, part, sum) || *sum == UINT64_MAX) {
		errno = ERANGE;
		return -1;
	}
	return 0;
}

static bool
is_infinity(const char *p)
{
	return strncmp(p, "infinity", 8) == 0 && p[8 + strspn(p + 8, blanks)] == '\0';
}

int
span_parse(const char *text, uint64_t default_us, uint64_t *us)
{
	const char *p = text + strspn(text, blanks);
	uint64_t sum = 0;

	if (is_infinity(p)) {
		*us = UINT64_MAX;
		return 0;
	}
	if (*p == '\0') {
		errno = EINVAL;
		return -1;
	}
	while (*p != '\0') {
		uint64_t factor = default_us;
		struct number number;
		const char *after;
		size_t n;

		/* (A sign is taken, as by systemd, where it says nothing.) */
		p += *p == '+' && is_digit(p[1]);
		if (read_number(&p, &number) == -1)
			return -1;
		after = p;
		p += strspn(p, blanks);
		n = strcspn(p, " \t\n\r0123456789.+");
		/* "1.2.3" is not 1.2 and .3. */
		if (n == 0 && p == after && *p != '\0') {
			errno = EINVAL;
			return -1;
		}
		if (n > 0) {
			const struct unit_row *u = find_unit(
			    time_units, sizeof(time_units) / sizeof(time_units[0]), p, n);

			if (u == NULL) {
				errno = EINVAL;
				return -1;
			}
			factor = u->factor;
		}
		if (add_product(&sum, &number, factor, tail_of_span(&number, factor)) ==
		    -1)
			return -1;
		p += n;
		p += strspn(p, blanks);
	}
	*us = sum;
	return 0;
}

void
span_format(struct buf *b, uint64_t us)
{
	static const struct unit_row rows[] = {
		{ "d", 86400 * SECOND },
		{ "h", 3600 * SECOND },
		{ "min", 60 * SECOND },
		{ "s", SECOND },
		{ "ms", 1000 },
		{ "us", 1 },
	};
	bool first = true;

	if (us == UINT64_MAX) {
		buf_adds(b, "infinity");
		return;
	}
	if (us == 0) {
		buf_adds(b, "0");
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (us < rows[i].factor)
			continue;
		buf_addf(b, "%s%llu%s", first ? "" : " ",
		    (unsigned long long)(us / rows[i].factor), rows[i].name);
		us %= rows[i].factor;
		first = false;
	}
}

void
span_format_human(struct buf *b, uint64_t us)
{
	static const struct {
		struct unit_row row;
		int digits; /* of its fraction */
	} rows[] = {
		{ { "y", 31557600 * SECOND }, 0 },
		{ { "month", 2629800 * SECOND }, 0 },
		{ { "w", 7 * 86400 * SECOND }, 0 },
		{ { "d", 86400 * SECOND }, 0 },
		{ { "h", 3600 * SECOND }, 0 },
		{ { "min", 60 * SECOND }, 0 },
		{ { "s", SECOND }, 6 },
		{ { "ms", 1000 }, 3 },
		{ { "us", 1 }, 0 },
	};
	const char *space = "";

	if (us == UINT64_MAX || us == 0)
		return span_format(b, us);
	for (size_t i = 0; us > 0; i++) {
		uint64_t whole = us / rows[i].row.factor;

		if (whole == 0)
			continue;
		us %= rows[i].row.factor;
		buf_addf(b, "%s%llu", space, (unsigned long long)whole);
		if (us > 0 && rows[i].digits > 0) {
			buf_addf(b, ".%0*llu", rows[i].digits, (unsigned long long)us);
			us = 0;
		}
		buf_adds(b, rows[i].row.name);
		space = " ";
	}
}

int
size_parse(const char *text, uint64_t *bytes)
{
	const char *p = text + strspn(text, blanks);
	uint64_t last = UINT64_MAX;
	uint64_t sum = 0;

	if (is_infinity(p)) {
		*bytes = UINT64_MAX;
		return 0;
	}
	if (*p == '\0') {
		errno = EINVAL;
		return -1;
	}
	while (*p != '\0') {
		const struct unit_row *u = &size_units[0];
		struct number number;
		const char *after;
		size_t n;

		if (read_number(&p, &number) == -1)
			return -1;
		after = p;
		p += strspn(p, blanks);
		n = strcspn(p, " \t\n\r0123456789.");
		/* "1.2.3" is not 1.2 and .3. */
		if (n == 0 && p == after && *p != '\0') {
			errno = EINVAL;
			return -1;
		}
		if (n > 0)
			u = find_unit(
			    size_units, sizeof(size_units) / sizeof(size_units[0]), p, n);
		/* From big to small, each once, so that "1M 2G" is seen as a slip. */
		if (u == NULL || u->factor >= last) {
			errno = EINVAL;
			return -1;
		}
		last = u->factor;
		if (add_product(
			&sum, &number, u->factor, tail_of_size(&number, u->factor)) == -1)
			return -1;
		p += n;
		p += strspn(p, blanks);
	}
	*bytes = sum;
	return 0;
}

void
size_format(struct buf *b, uint64_t bytes)
{
	size_t i = sizeof(size_units) / sizeof(size_units[0]) - 1;

	if (bytes == UINT64_MAX) {
		buf_adds(b, "infinity");
		return;
	}
	while (i > 0 && (bytes == 0 || bytes % size_units[i].factor != 0))
		i--;
	buf_addf(b, "%llu%s", (unsigned long long)(bytes / size_units[i].factor),
	    i == 0 ? "" : size_units[i].name);
}

int
bool_parse(const char *text, bool *value)
{
	static const char *const yes[] = { "1", "yes", "y", "true", "t", "on" };
	static const char *const no[] = { "0", "no", "n", "false", "f", "off" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (strcasecmp(text, yes[i]) == 0) {
			*value = true;
			return 0;
		}
		if (strcasecmp(text, no[i]) == 0) {
			*value = false;
			return 0;
		}
	}
	errno = EINVAL;
	return -1;
}

int
mode_parse(const char *text, mode_t *mode)
{
	unsigned m = 0;

	if (*text == '\0' || strlen(text) > 6) {
		errno = EINVAL;
		return -1;
	}
	for (const char *p = text; *p != '\0'; p++) {
		if (*p < '0' || *p > '7') {
			errno = EINVAL;
			return -1;
		}
		m = m * 8 + (unsigned)(*p - '0');
	}
	if (m > 07777) {
		errno = ERANGE;
		return -1;
	}
	*mode = (mode_t)m;
	return 0;
}

int
number_parse(const char *text, uint64_t max, uint64_t *value)
{
	const char *p = text;
	uint64_t v = 0;
	int base = 10;

	if (p[0] == '0' && p[1] != '\0' && strchr("xXoObB", p[1]) != NULL) {
		base = strchr("xX", p[1]) != NULL   ? 16
		       : strchr("oO", p[1]) != NULL ? 8
						    : 2;
		p += 2;
	}
	if (*p == '\0') {
		errno = EINVAL;
		return -1;
	}
	for (; *p != '\0'; p++) {
		int d = hex_value(*p);

		if (d == -1 || d >= base) {
			errno = EINVAL;
			return -1;
		}
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v)) {
			errno = ERANGE;
			return -1;
		}
	}
	if (v > max) {
		errno = ERANGE;
		return -1;
	}
	*value = v;
	return 0;
}

int
integer_parse(const char *text, int64_t min, int64_t max, int64_t *value)
{
	bool negative = text[0] == '-';
	uint64_t v;
	int64_t i;

	if (number_parse(text + (negative || text[0] == '+'), INT64_MAX, &v) == -1)
		return -1;
	i = negative ? -(int64_t)v : (int64_t)v;
	if (i < min || i > max) {
		errno = ERANGE;
		return -1;
	}
	*value = i;
	return 0;
}
