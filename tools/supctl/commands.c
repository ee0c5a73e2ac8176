/*
 * commands: the table of what supctl can do, in the order in which help shows it.  Each
 * row lives in the file of its command.
 */
#include "commands.h"

#include <string.h>
#include <strings.h>

#include "ctl.h"

const struct command *const ctl_commands[] = {
#define COMMAND(row) &row,
#include "commands.def"
#undef COMMAND
	NULL,
};

const struct command *
ctl_command_find(const char *name)
{
	size_t i;

	for (i = 0; ctl_commands[i] != NULL; i++)
		if (strcmp(ctl_commands[i]->name, name) == 0 ||
		    (ctl_commands[i]->alias != NULL &&
			strcmp(ctl_commands[i]->alias, name) == 0))
			return ctl_commands[i];
	return NULL;
}

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edit distance of short words; too long ones are far from everything. */
static size_t
distance(const char *a, const char *b)
{
	enum { WORD_MAX = 32 };
	size_t row[WORD_MAX + 1];
	size_t la = strlen(a);
	size_t lb = strlen(b);
	size_t i, j, diagonal, above;

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= lb; j++) {
			above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1,
			    diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
			diagonal = above;
		}
	}
	return row[lb];
}

const char *
ctl_command_nearest(const char *name)
{
	const char *best = NULL;
	size_t best_distance = 3;
	size_t i, d;

	for (i = 0; ctl_commands[i] != NULL; i++) {
		d = distance(name, ctl_commands[i]->name);
		if (d < best_distance) {
			best_distance = d;
			best = ctl_commands[i]->name;
		}
	}
	return best;
}
