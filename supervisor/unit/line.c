/*
 * line: the answers by name, and who is told.
 */
#include "unit/line.h"

#include "unit/paths.h"

static const char *const names[LINE_NANSWERS] = {
	[LINE_HONOURED] = "honoured",
	[LINE_NOTE] = "note",
	[LINE_DOUBTED] = "honoured-with-warning",
	[LINE_LATER] = "later",
	[LINE_NO_EFFECT] = "no-effect",
	[LINE_UNKNOWN] = "unknown",
	[LINE_REFUSED] = "refused",
};

const char *
line_answer_name(enum line_answer a)
{
	return a < LINE_NANSWERS ? names[a] : "?";
}

void
unit_paths_on_line(struct unit_paths *paths, unit_line_fn *fn, void *arg)
{
	paths->on_line = (struct line_hook){ fn, arg };
}
