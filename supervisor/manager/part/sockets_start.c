/*
 * sockets_start: starts that connections ask for.  By name: the unit that waits for the
 * end of one may be gone by then.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/xalloc.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/part/sockets_int.h"
#include "manager/units.h"

struct asked {
	struct manager *m;
	char *about;
	socket_started_fn *fn;
};

static void
on_done(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct asked *a = arg;
	struct unit *u = unit_find(a->m, a->about);

	(void)id;
	if (u != NULL)
		a->fn(u, result, message);
	free(a->about);
	free(a);
}

int
sockets_start(struct unit *u, const char *socket, const struct unit *about,
    const char *env, socket_started_fn *fn, char *why, size_t size)
{
	char *origin = xasprintf("a connection to %s", socket);
	struct job_request r = {
		.type = JOB_START, .mode = JOB_AUTOMATIC, .origin = origin, .env = env
	};
	struct asked *a = xcalloc(1, sizeof(*a));
	struct buf text = { 0 };
	uint32_t id;

	a->m = u->manager;
	a->about = xstrdup(about->name);
	a->fn = fn;
	/* (on_done is called in any case.) */
	id = job_request(u->manager->jobs, u->job_unit, &r, on_done, a, &text);
	if (id == 0)
		snprintf(why, size, "%s cannot be started: %s", u->name, buf_str(&text));
	buf_free(&text);
	free(origin);
	return id == 0 ? -1 : 0;
}
