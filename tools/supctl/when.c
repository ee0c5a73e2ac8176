/* when: see the header. */
#include "when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "unit/span.h"

static int
midnight(uint64_t wall_us, uint64_t *out)
{
	char day[CLOCK_DAY_MAX];

	return clock_parse_day(clock_day(day, sizeof(day), wall_us), out);
}

static int
before(const char *span, size_t len, uint64_t now_us, uint64_t *out)
{
	char *text = xstrndup(span, len);
	uint64_t us;
	int r = span_parse(text, USEC_PER_SEC, &us);

	free(text);
	if (r == -1)
		return -1;
	*out = us > now_us ? 0 : now_us - us;
	return 0;
}

/* "2026-11-21 10:30 UTC", "2026-11-21 UTC" */
static int
in_utc(const char *text, size_t len, uint64_t *out)
{
	char *z = xasprintf("%.*s%sZ", (int)len, text, len > 10 ? "" : "T00:00");
	int r = clock_parse(z, out);

	free(z);
	return r;
}

/* "10:30", "9:05:30": of the day of wall_us. */
static int
time_of_day(const char *text, uint64_t wall_us, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");
	char day[CLOCK_DAY_MAX], full[CLOCK_TEXT_MAX];

	if (digits < 1 || digits > 2 || text[digits] != ':' ||
	    text[strspn(text, "0123456789:.")] != '\0')
		return -1;
	clock_day(day, sizeof(day), wall_us);
	snprintf(full, sizeof(full), "%.4s-%.2s-%.2s %s%.15s", day, day + 4, day + 6,
	    digits == 1 ? "0" : "", text);
	return clock_parse(full, out);
}

int
when_parse(const char *text, uint64_t now_us, uint64_t *wall_us)
{
	size_t len = strlen(text);
	uint64_t today;

	if (strcmp(text, "now") == 0) {
		*wall_us = now_us;
		return 0;
	}
	if (strcmp(text, "today") == 0)
		return midnight(now_us, wall_us);
	if (strcmp(text, "yesterday") == 0) {
		if (midnight(now_us, &today) == -1 || today < USEC_PER_HOUR)
			return -1;
		/* A day has 23 to 25 hours: any time of yesterday leads to its start. */
		return midnight(today - USEC_PER_HOUR, wall_us);
	}
	if (text[0] == '-')
		return before(text + 1, len - 1, now_us, wall_us);
	if (len > 4 && strcmp(text + len - 4, " ago") == 0)
		return before(text, len - 4, now_us, wall_us);
	if (time_of_day(text, now_us, wall_us) == 0)
		return 0;
	if (len == 8 && strspn(text, "0123456789") == 8)
		return clock_parse_day(text, wall_us);
	if (len > 4 && strcmp(text + len - 4, " UTC") == 0)
		return in_utc(text, len - 4, wall_us);
	return clock_parse(text, wall_us);
}

int
when_parse_ahead(const char *text, uint64_t now_us, uint64_t *wall_us)
{
	uint64_t us;

	/* Of today, or of tomorrow when it is over. */
	if (time_of_day(text, now_us, wall_us) == 0)
		return *wall_us > now_us
			   ? 0
			   : time_of_day(text, clock_next_midnight_us(now_us), wall_us);
	if (text[0] != '+')
		return when_parse(text, now_us, wall_us);
	if (span_parse(text + 1, USEC_PER_SEC, &us) == -1 || us == USEC_INFINITY)
		return -1;
	*wall_us = clock_add_us(now_us, us);
	return 0;
}
