/*
 * kinds_trigger: the kinds of values of [Timer], [Path] and [Socket].
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "unit/condition.h"
#include "unit/kinds.h"
#include "unit/name.h"
#include "unit/parse.h"
#include "unit/quote.h"

int
set_triggered(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct buf name = { 0 };
	char **unit = field;

	if (*value != '\0' && parse_expand(p, value, value, &name) == -1) {
		buf_free(&name);
		return -1;
	}
	/* A timer may have several of a template run at once (Overlap=allow:N), a path an
	 * instance for each file (StaleGlob=). */
	if (name.len > 0 &&
	    (!unit_name_is_valid(buf_str(&name)) ||
		(unit_name_is_template(buf_str(&name)) && d->section != SECTION_TIMER &&
		    d->section != SECTION_PATH))) {
		parse_error(p, value, "as NAME.service",
		    "%s=%s is not the name of a unit that can be started", d->key,
		    buf_str(&name));
		buf_free(&name);
		return -1;
	}
	free(*unit);
	*unit = name.len > 0 ? buf_take(&name) : NULL;
	return 0;
}

/* ---- [Path] ---- */

static const char *const path_names[] = {
	[PATH_EXISTS] = "PathExists",
	[PATH_EXISTS_GLOB] = "PathExistsGlob",
	[PATH_DIRECTORY_NOT_EMPTY] = "DirectoryNotEmpty",
	[PATH_CHANGED] = "PathChanged",
	[PATH_MODIFIED] = "PathModified",
	[PATH_STALE] = "StaleGlob",
};

bool
path_is_watcher(const struct path_conf *c)
{
	return c->watch.n > 0 && c->watch.v[0].kind == PATH_STALE;
}

const char *
path_kind_name(enum path_kind kind)
{
	return path_names[kind];
}

bool
path_kind_is_edge(enum path_kind kind)
{
	return kind == PATH_CHANGED || kind == PATH_MODIFIED;
}

static enum path_kind
path_kind_of(const struct directive *d)
{
	size_t i = 0;

	while (strcmp(path_names[i], d->key) != 0)
		i++;
	return (enum path_kind)i;
}

static void
clear_specs(struct path_specs *specs)
{
	for (size_t i = 0; i < specs->n; i++)
		free(specs->v[i].path);
	free(specs->v);
	*specs = (struct path_specs){ 0 };
}

int
set_path_spec(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct path_specs *specs = field;
	struct buf path = { 0 }, why = { 0 };

	if (*value == '\0') {
		clear_specs(specs);
		return 0;
	}
	if (parse_expand(p, value, value, &path) == -1 ||
	    !parse_has_room(p, NULL, specs->n)) {
		buf_free(&path);
		return -1;
	}
	if (condition_check("PathExists", buf_str(&path), &why) == -1) {
		parse_error(
		    p, value, NULL, "%s=%s: %s", d->key, buf_str(&path), buf_str(&why));
		buf_free(&why);
		buf_free(&path);
		return -1;
	}
	condition_simplify(&path);
	specs->v = xreallocarray(specs->v, specs->n + 1, sizeof(specs->v[0]));
	specs->v[specs->n++] =
	    (struct path_spec){ .kind = path_kind_of(d), .path = buf_take(&path) };
	return 0;
}

void
show_path_spec(const struct directive *d, const void *field, struct buf *b)
{
	const struct path_specs *specs = field;
	size_t start = b->len;

	for (size_t i = 0; i < specs->n; i++)
		if (specs->v[i].kind == path_kind_of(d))
			quote_append_next(b, start, specs->v[i].path);
}
