/*
 * kinds_marks: what [Marks NAME] says, and PhaseYield=.
 */
#include "unit/kinds.h"
#include "unit/parse.h"
#include "unit/span.h"
#include "unit/supd_conf.h"

const char *const phase_yield_words[] = { "no", "stop", "freeze", NULL };

int
set_marks_count(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t n;

	if (number_parse(value, SUPD_MARKS_KEYS_MAX, &n) == -1 || n == 0)
		return kinds_refuse(p, d, NULL, value);
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}
