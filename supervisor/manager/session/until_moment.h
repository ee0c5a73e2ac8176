/*
 * until_moment: a day and a time of day as people write them (until.h).
 */
#ifndef SUPD_MANAGER_SESSION_UNTIL_MOMENT_H
#define SUPD_MANAGER_SESSION_UNTIL_MOMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/zone.h"
#include "manager/session/until_lex.h"

/* What was said of it; it is the reader's to fill in the rest. */
struct moment {
	struct civil c; /* what the booleans say is there */
	bool has_date, has_year, has_time;
	int weekday;      /* -1: none */
	int days_ahead;   /* today 0, tomorrow 1; -1: none */
	uint32_t frac_us; /* of the second */
	bool has_zone;
	struct zone *zone;   /* NULL with has_zone: that of the reader; owned */
	const char *refused; /* why it cannot be meant, though it looks like one */
};

/*
 * Reads a moment at token i, as much of it as there is.  Returns how many tokens, 0 when
 * no moment begins there; then and otherwise moment_clear is called afterwards.
 */
size_t moment_read(const struct tokens *t, size_t i, struct moment *m);
void moment_clear(struct moment *m);
/*
 * The first such moment after now.  -1 and *why when there is none within what the text
 * may mean.
 */
int moment_next(const struct moment *m, const struct zone *zone, uint64_t wall_now_us,
    uint64_t *wall_us, const char **why);

#endif
