#include "unit/builtin.h"

#include <stddef.h>
#include <string.h>

#include "lib/buf.h"
#include "unit/name.h"

struct builtin {
	const char *name;
	const char *description; /* NULL: name is another name of target */
	const char *text;        /* or the target */
};

#define BUILTIN(name, description, text) { name, description, text },
#define OTHER_NAME(name, target) { name, NULL, target },
static const struct builtin rows[] = {
#include "unit/builtin.def"
};
#undef BUILTIN
#undef OTHER_NAME

enum { NROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct builtin *
find(const char *name)
{
	size_t low = 0, high = NROWS;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = strcmp(name, rows[mid].name);

		if (c == 0)
			return &rows[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* What exists elsewhere or not at all: that it is named anywhere is all that supd knows.
 */
static bool
is_of_builtin_type(const char *name)
{
	switch (unit_name_type(name)) {
	case UNIT_SLICE:
	case UNIT_MOUNT:
	case UNIT_AUTOMOUNT:
	case UNIT_SWAP:
	case UNIT_DEVICE:
		return strchr(name, '@') == NULL;
	default:
		return false;
	}
}

bool
unit_name_is_builtin(const char *name)
{
	return find(name) != NULL || is_of_builtin_type(name);
}

const char *
builtin_alias(const char *name)
{
	const struct builtin *b = find(name);

	return b != NULL && b->description == NULL ? b->text : NULL;
}

void
builtin_text(const char *name, struct buf *out)
{
	const struct builtin *b = find(name);

	if (b == NULL)
		buf_adds(out, "[Unit]\nDefaultDependencies=no\n");
	else
		buf_addf(out, "[Unit]\nDescription=%s\n%s",
		    b->description != NULL ? b->description : b->name,
		    b->description != NULL ? b->text : "");
}

const char *
builtin_name(unsigned i)
{
	return i < NROWS ? rows[i].name : NULL;
}
