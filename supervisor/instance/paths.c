#include "instance/paths.h"

#include <fcntl.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"
#include "unit/instance.h"
#include "unit/load.h"

char *
paths_named(const char *run)
{
	char *path = xasprintf("%s/" UNIT_PATH_FILE, run), *list = NULL;
	struct buf text = { 0 };

	if (file_read_at(AT_FDCWD, path, UNIT_PATH_TEXT_MAX, &text) == 0)
		list = xstrdup(buf_str(&text));
	buf_free(&text);
	free(path);
	return list;
}

struct unit_paths *
paths_units(const char *root, const char *run, const char *list, struct diags *d)
{
	char *named = paths_named(run);
	struct unit_paths *p = unit_paths_of_instance(root, run,
	    unit_scope_of_instance(instance_kind_of(root)), named != NULL ? named : list,
	    d);

	free(named);
	return p;
}
