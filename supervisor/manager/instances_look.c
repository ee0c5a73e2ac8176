/*
 * instances_look: the source of a template as it is, through all that may be wrong with
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"
#include "manager/instances_int.h"
#include "manager/units.h"
#include "manager/watch/pathlook.h"
#include "unit/instance_set.h"

struct reading {
	struct instances *s;
	struct instance_set *set;
	char *problem;
	size_t n_files; /* that the glob matches */
};

/* The first one is told: the others may follow from it. */
static void
note_problem(struct reading *r, char *problem)
{
	if (r->problem == NULL)
		r->problem = problem;
	else
		free(problem);
}

static bool
on_json(void *arg, const char *path, const char *captured)
{
	struct reading *r = arg;
	const struct instances_conf *c = &r->s->conf;
	struct buf text = { 0 };
	char *why = NULL;

	(void)captured;
	if (file_read_at(AT_FDCWD, path, INSTANCE_JSON_BYTES, &text) == -1)
		note_problem(r, xasprintf("%s: %s", c->json_file, strerror(errno)));
	else if (instance_set_add_json(r->set, r->s->unit->name, c->json_pointer,
		     buf_str(&text), text.len, &why) == -1)
		note_problem(r, xasprintf("%s: %s", c->json_file, why));
	free(why);
	buf_free(&text);
	return true;
}

static bool
on_file(void *arg, const char *path, const char *captured)
{
	struct reading *r = arg;

	(void)path;
	r->n_files++;
	/* Without a wildcard there is no name: it is refused when the file is read. */
	if (captured == NULL ||
	    instance_set_add(r->set, r->s->unit->name, captured, strlen(captured)) == 0)
		return true;
	note_problem(r, xasprintf("%s: it names more than %d instances", r->s->conf.glob,
			    (int)INSTANCE_SET_MAX));
	return false;
}

/* An empty folder where a share was mounted is no reason to end what ran on it. */
static bool
is_unmounted(const struct instances *s, size_t n)
{
	dev_t device = pathlook_device(s->look);

	return n == 0 && s->n_named > 0 && s->device != 0 && device != 0 &&
	       device != s->device;
}

int
instances_read(struct instances *s, struct instance_set *set, char **problem)
{
	struct reading r = { .s = s, .set = set };
	char *why;

	pathlook_begin(s->look);
	if (s->conf.json_file != NULL) {
		why = pathlook_walk(s->look, s->conf.json_file, false, on_json, &r);
		if (why != NULL)
			note_problem(&r, why);
	}
	if (s->conf.glob != NULL) {
		r.n_files = 0;
		why = pathlook_walk(s->look, s->conf.glob, true, on_file, &r);
		if (why != NULL)
			note_problem(&r, why);
		if (r.problem == NULL && is_unmounted(s, r.n_files))
			note_problem(
			    &r, xasprintf("%s: nothing is there, on another file system "
					  "than before; is it not mounted?",
				    s->conf.glob));
	}
	if (r.problem == NULL) {
		s->device = pathlook_device(s->look);
		return 0;
	}
	*problem = r.problem;
	return -1;
}
