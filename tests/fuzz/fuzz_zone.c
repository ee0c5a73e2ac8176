/*
 * Any bytes as a compiled time zone, and as the rule at its end.  What is accepted
 * answers any question with a possible offset, and times lead back to the instants they
 * are of.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "lib/zone.h"
#include "lib/zone_rule.h"

#include "fuzz.h"

static void
ask(const struct zone *z, int64_t t)
{
	int32_t offset = zone_offset_s(z, t);
	int64_t found[2];
	struct civil c;
	size_t n;

	check(offset >= -26 * 3600 && offset <= 26 * 3600);
	zone_civil(z, t, &c);
	check(civil_is_valid(&c));
	n = zone_instants(z, &c, found);
	check(n == 1 || n == 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct zone_rule rule;
	struct zone *z = zone_parse(data, size);
	char *text = xstrndup((const char *)data, size);

	if (z != NULL)
		for (int64_t t = -3000000000; t < 9000000000; t += 86400 * 41 + 3601)
			ask(z, t);
	zone_free(z);
	if (zone_rule_parse(text, &rule) == 0)
		for (int64_t t = -3000000000; t < 9000000000; t += 86400 * 41 + 3601)
			check(labs(zone_rule_offset_s(&rule, t)) <= 26 * 3600);
	free(text);
	return 0;
}
