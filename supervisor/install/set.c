#include "install/set.h"

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/diag.h"
#include "unit/name.h"
#include "unit/paths.h"

enum { SET_MAX = 4096 }; /* units of one request, Also= and all */

void
install_set_clear(struct install_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		info_clear(&set->v[i]);
	free(set->v);
	map_clear(&set->known, NULL);
	memset(set, 0, sizeof(*set));
}

void
install_set_mark(const struct install_set *set, struct map *marked)
{
	for (size_t i = 0; i < set->n; i++)
		map_set(marked, set->v[i].name, marked);
}

static int
tell_missing(
    struct install *in, const char *name, enum found found, bool also, enum set_mode mode)
{
	/* What only Also= names may be missing, as a package that is not installed. */
	enum diag_level level = also || mode == SET_DISABLE ? DIAG_WARNING : DIAG_ERROR;
	char *hint;

	if (found == FOUND_MASK) {
		hint = xasprintf("supctl unmask %s", name);
		diag_add(in->diags, level, name, 0, 0, hint, "it is masked");
		free(hint);
	} else {
		diag_add(in->diags, level, name, 0, 0,
		    "supctl list-unit-files shows what there is",
		    "there is no such unit");
	}
	return level == DIAG_ERROR ? -1 : 0;
}

/* The info goes into the set, unless its unit is there already. */
static struct info *
take(struct install_set *set, struct info *info)
{
	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(set->v[i].name, info->name) != 0)
			continue;
		set->v[i].also = set->v[i].also && info->also;
		info_clear(info);
		return NULL;
	}
	set->v = xreallocarray(set->v, set->n + 1, sizeof(*set->v));
	set->v[set->n] = *info;
	return &set->v[set->n++];
}

static int
add(struct install *in, struct install_set *set, const char *name, bool also,
    enum set_mode mode)
{
	struct info info;
	enum found found;
	int r = 0;

	if (also && map_has(&set->known, name))
		return 0;
	map_set(&set->known, name, set);
	if (set->n == SET_MAX) {
		diag_add(in->diags, DIAG_ERROR, name, 0, 0, NULL,
		    "more than %d units at once", SET_MAX);
		return -1;
	}
	if (!unit_name_is_valid(name)) {
		diag_add(in->diags, also ? DIAG_WARNING : DIAG_ERROR, name, 0, 0,
		    "NAME.service or NAME@INSTANCE.service, of letters, digits and "
		    ":-_.\\",
		    "not the name of a unit");
		return also ? 0 : -1;
	}
	found = info_find(in->paths, name, &info, in->diags);
	info.also = also;
	if (found == FOUND) {
		(void)take(set, &info);
		return 0;
	}
	if (found == FOUND_BAD)
		r = also || mode == SET_DISABLE ? 0 : -1;
	else
		r = tell_missing(in, info.name, found, also, mode);
	/* What is not there, or cannot be read, may still have links. */
	if (mode == SET_DISABLE && found != FOUND_MASK) {
		free(info.name);
		info.name = xstrdup(name);
		(void)take(set, &info);
	} else {
		info_clear(&info);
	}
	return r;
}

/* A path: the file is linked where it can be found, and its name is meant. */
static int
link_file(struct install *in, const char *file)
{
	struct strv one = { 0 };
	int r;

	strv_add(&one, file);
	r = install_link(in, &one);
	strv_free(&one);
	return r;
}

int
install_set_gather(struct install *in, struct install_set *set, const struct strv *names,
    enum set_mode mode)
{
	int r = 0;

	for (size_t i = 0; i < names->n; i++) {
		const char *name = names->v[i];

		if (name[0] == '/' && mode == SET_ENABLE && link_file(in, name) == -1) {
			r = -1;
			continue;
		}
		if (name[0] == '/')
			name = strrchr(name, '/') + 1;
		if (add(in, set, name, false, mode) == -1)
			r = -1;
	}
	/* It grows while it is walked: what Also= names may name others.  Each name is
	 * looked at once, so circles end. */
	for (size_t i = 0; mode != SET_ALONE && i < set->n; i++) {
		for (size_t k = 0; k < set->v[i].also_names.n; k++) {
			const struct info *info = &set->v[i];
			char *name = info_expand(
			    in->paths, info, info->also_names.v[k], "Also", in->diags);

			if (name == NULL || add(in, set, name, true, mode) == -1)
				r = -1;
			free(name);
		}
	}
	return r;
}
