/*
 * condition_phase: the phase of the person, which the world is told; see PHASES of
 * supd.conf(5).
 */
#include <string.h>

#include "lib/buf.h"
#include "unit/condition_int.h"

static const char blanks[] = " \t";

static bool
is_word(const char *p, size_t n, const char *word)
{
	return strlen(word) == n && strncmp(p, word, n) == 0;
}

const char *
check_phases(const char *arg)
{
	static const char *const known[] = { "wake", "transitioning", "sleep",
		"dreaming" };
	size_t found = 0;

	for (const char *p = arg; *(p += strspn(p, blanks)) != '\0';
	     p += strcspn(p, blanks)) {
		size_t n = strcspn(p, blanks), i = 0;

		while (i < sizeof(known) / sizeof(known[0]) && !is_word(p, n, known[i]))
			i++;
		if (i == sizeof(known) / sizeof(known[0]))
			return "the phases are wake, transitioning, sleep and dreaming";
		found++;
	}
	return found > 0 ? NULL : "it names no phase";
}

enum condition_answer
test_Phase(const struct condition_world *w, const char *arg, struct buf *found)
{
	const char *bad = check_phases(arg);
	bool dreams;

	if (bad != NULL)
		return condition_unknown(found, bad);
	if (w->phase == NULL)
		return condition_unknown(
		    found, "there are no phases: supd.conf has no [Phases]");
	buf_addf(found, "it is %s", w->phase);
	dreams = strcmp(w->phase, "dreaming") == 0;
	for (const char *p = arg; *(p += strspn(p, blanks)) != '\0';
	     p += strcspn(p, blanks)) {
		size_t n = strcspn(p, blanks);

		/* Who dreams sleeps: work that is done meanwhile must not end it. */
		if (is_word(p, n, w->phase) || (dreams && is_word(p, n, "sleep")))
			return CONDITION_YES;
	}
	return CONDITION_NO;
}
