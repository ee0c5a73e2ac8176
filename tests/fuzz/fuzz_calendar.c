/*
 * Any bytes as a calendar expression: the first two say from when and in which zone, the
 * rest is the text.  What is accepted is written so that it is accepted and written the
 * same again, comes later than asked for, and comes at the same times either way.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "lib/zone.h"
#include "unit/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int holds)
{
	if (!holds)
		abort();
}

static void
same(const struct calendar *a, const struct calendar *b, const struct zone *zone,
    uint64_t from_us)
{
	uint64_t at = from_us, x, y;

	for (int i = 0; i < 8; i++) {
		int r = calendar_next(a, zone, at, &x);

		check(calendar_next(b, zone, at, &y) == r);
		if (r == -1)
			return;
		check(x > at && x == y);
		/* There is nothing between. */
		if (x - at > 1)
			check(calendar_next(a, zone, x - 1, &y) == 0 && y == x);
		at = x;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct calendar_error error = { SIZE_MAX, NULL };
	struct calendar *one, *two;
	struct buf b = { 0 }, c = { 0 };
	struct zone *zone;
	char *text;

	if (size < 2)
		return 0;
	text = xstrndup((const char *)data + 2, size - 2);
	one = calendar_parse(text, &error);
	if (one == NULL) {
		check(error.why != NULL && error.at <= strlen(text));
		free(text);
		return 0;
	}
	calendar_format(&b, one);
	two = calendar_parse(buf_str(&b), &error);
	check(two != NULL);
	calendar_format(&c, two);
	check(strcmp(buf_str(&b), buf_str(&c)) == 0);
	zone = data[1] < 128 ? zone_fixed((int32_t)(data[1] - 64) * 900)
			     : zone_load("Europe/Berlin");
	/* Thirty years, in steps that fall on all hours. */
	same(one, two, zone, data[0] * UINT64_C(3700000000007));
	zone_free(zone);
	calendar_free(one);
	calendar_free(two);
	buf_free(&b);
	buf_free(&c);
	free(text);
	return 0;
}
