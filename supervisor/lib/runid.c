#include "lib/runid.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

enum {
	TIME_DIGITS = 10,
	DRAWN_DIGITS = 4,
	DIGIT_BITS = 5,
};

/* Crockford's: without letters that are taken for digits, and sorted as ASCII is. */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static char *
put(char *end, uint64_t value, int n)
{
	while (n-- > 0) {
		*--end = digits[value & 31];
		value >>= DIGIT_BITS;
	}
	return end;
}

char *
run_id_make(char dst[RUN_ID_SIZE])
{
	static uint64_t last_ms;
	uint64_t now_ms = clock_wall_us() / USEC_PER_MSEC;

	last_ms = now_ms > last_ms ? now_ms : last_ms + 1;
	dst[0] = 'r';
	put(dst + 1 + TIME_DIGITS, last_ms, TIME_DIGITS);
	put(dst + 1 + TIME_DIGITS + DRAWN_DIGITS, arc4random(), DRAWN_DIGITS);
	dst[RUN_ID_SIZE - 1] = '\0';
	return dst;
}

bool
run_id_is(const char *text)
{
	if (text == NULL || text[0] != 'r' || strlen(text) != RUN_ID_SIZE - 1)
		return false;
	return strspn(text + 1, digits) == RUN_ID_SIZE - 2;
}
