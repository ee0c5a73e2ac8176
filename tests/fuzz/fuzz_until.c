/*
 * Any bytes as the time that a program printed: the first two say which now and zone, the
 * rest is the text.  What is accepted lies ahead within the limit, is the same the second
 * time, and a time of day is as far ahead a second later.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "lib/zone.h"
#include "manager/session/until.h"

#include "fuzz.h"

static struct zone *
zone_of(uint8_t n)
{
	static const char *const names[] = { "Europe/Berlin", "America/New_York",
		"Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe" };

	if (n < sizeof(names) / sizeof(names[0]))
		return zone_load(names[n]);
	return n < 128 ? zone_fixed((int32_t)(n - 64) * 900) : NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct until_time one = { 0 }, two = { 0 };
	const char *why = NULL;
	struct zone *zone;
	uint64_t now;
	char *text;

	if (size < 2)
		return 0;
	/* Quarters of an hour around the end of a year and the changes of clocks. */
	now = UINT64_C(1774000000000000) + data[0] * UINT64_C(130000000007);
	zone = zone_of(data[1]);
	text = xstrndup((const char *)data + 2, size - 2);
	if (until_parse(text, now, zone, &one, &why) == 0) {
		check(one.wall_us > now && one.wall_us - now <= UNTIL_AHEAD_MAX_US);
		check(until_parse(text, now, zone, &two, &why) == 0);
		check(one.wall_us == two.wall_us && one.relative == two.relative);
		if (one.wall_us - now > USEC_PER_SEC &&
		    until_parse(text, now + USEC_PER_SEC, zone, &two, &why) == 0 &&
		    one.relative)
			check(two.wall_us == one.wall_us + USEC_PER_SEC);
	} else {
		check(why != NULL && why[0] != '\0' && one.wall_us == 0);
	}
	free(text);
	zone_free(zone);
	return 0;
}
