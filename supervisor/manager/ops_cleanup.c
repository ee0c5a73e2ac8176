/*
 * ops_cleanup: what is left in the file system of a service that ended is removed: at
 * once when it is little and local, else by a helper process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/ops_int.h"
#include "manager/reach.h"
#include "manager/record/event.h"
#include "manager/service/helper.h"
#include "manager/units.h"
#include "unit/load.h"

enum {
	REMOVALS_MAX = 1000000,
	REMOVALS_NOW = 64, /* are done at once; more are a helper's */
	REMOVAL_SEC = 30,
};

/*
 * What to remove is a list of texts, each ended by NUL: the PIDFile= (may be ""), the
 * folder of the folders, and their names.  -1 with errno: why says what is left.
 */
static int
remove_listed(const char *list, size_t len, size_t max, struct buf *why)
{
	const char *pid_file = list, *base = pid_file + strlen(pid_file) + 1;
	const char *name = base + strlen(base) + 1;
	int dir = -1, err = 0;

	if (*pid_file != '\0' && unlink(pid_file) == -1 && errno != ENOENT) {
		err = errno;
		buf_addf(why, "%s: %s", pid_file, strerror(err));
	}
	if (name < list + len)
		dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (; dir != -1 && name < list + len; name += strlen(name) + 1) {
		if (rm_rf_at(dir, name, max) == 0)
			continue;
		if (err != E2BIG)
			err = errno;
		buf_addf(why, "%s%s/%s: %s", why->len > 0 ? ", " : "", base, name,
		    strerror(err));
	}
	fd_close(&dir);
	errno = err;
	return err == 0 ? 0 : -1;
}

struct removal_question {
	size_t len;
	char list[];
};

static void
work_remove(const void *question, struct buf *out)
{
	const struct removal_question *q = question;
	struct buf why = { 0 };

	buf_addc(out, 'K');
	if (remove_listed(q->list, q->len, REMOVALS_MAX, &why) == -1)
		buf_adds(out, buf_str(&why));
}

static void
tell_not_removed(struct manager *m, const char *unit, const char *why)
{
	log_warnx("%s: cannot be removed: %s", unit, why);
	event_begin(m->events, EVENT_CLEANUP_FAILED, unit, NULL);
	event_str(m->events, "why", why);
	event_end(m->events);
}

static void
on_removed(void *arg, const struct buf *answer)
{
	struct unit_removal *r = arg;
	struct unit *u = r->unit;

	if (answer == NULL)
		tell_not_removed(r->manager, r->name, strerror(errno));
	else if (answer->len > 1)
		tell_not_removed(r->manager, r->name, buf_str(answer) + 1);
	free(r->name);
	free(r);
	if (u == NULL)
		return;
	u->ops->removal = NULL;
	ops_spawns_flush(u);
}

/* The next start of the unit makes the folders anew: it waits for this. */
static void
remove_by_helper(struct unit *u, const struct buf *list)
{
	struct unit_removal *r = xcalloc(1, sizeof(*r));
	struct removal_question *q = xcalloc(1, sizeof(*q) + list->len);

	q->len = list->len;
	memcpy(q->list, list->data, list->len);
	r->manager = u->manager;
	r->unit = u;
	r->name = xstrdup(u->name);
	/* Two of one unit: the first is on its own then. */
	if (unit_ops(u)->removal != NULL)
		unit_ops(u)->removal->unit = NULL;
	u->ops->removal = r;
	r->helper = helper_new(u->manager->loop, work_remove, q, sizeof(*q) + list->len,
	    REMOVAL_SEC * USEC_PER_SEC, on_removed, r);
	free(q);
}

/* False: to touch one of the paths may take for ever. */
static bool
is_local(
    struct manager *m, const char *pid_file, const char *base, const struct strv *names)
{
	bool local = pid_file == NULL || reach_is_local(m->reach, pid_file, false);

	for (size_t i = 0; local && i < names->n; i++) {
		char *path = xasprintf("%s/%s", base, names->v[i]);

		local = reach_is_local(m->reach, path, false);
		free(path);
	}
	return local;
}

void
ops_cleanup(void *arg, const struct unit_conf *conf, bool restarts)
{
	static const struct strv none;
	struct unit *u = arg;
	const struct exec_conf *x = &conf->service->context;
	enum dir_preserve keep = x->runtime_directory_preserve;
	const char *base = unit_paths_base(u->manager->paths, DIR_RUNTIME);
	bool removes = base != NULL &&
		       (keep == PRESERVE_NO || (keep == PRESERVE_RESTART && !restarts));
	const struct strv *names = removes ? &x->dirs[DIR_RUNTIME].names : &none;
	const char *pid_file = conf->service->pid_file;
	struct buf list = { 0 }, why = { 0 };

	if (names->n == 0 && pid_file == NULL)
		return;
	buf_append(&list, pid_file != NULL ? pid_file : "",
	    pid_file != NULL ? strlen(pid_file) + 1 : 1);
	buf_append(&list, base != NULL ? base : "/", base != NULL ? strlen(base) + 1 : 2);
	for (size_t i = 0; i < names->n; i++)
		buf_append(&list, names->v[i], strlen(names->v[i]) + 1);
	if (!is_local(u->manager, pid_file, base, names))
		remove_by_helper(u, &list);
	else if (remove_listed(list.data, list.len, REMOVALS_NOW, &why) == -1) {
		if (errno == E2BIG)
			remove_by_helper(u, &list);
		else
			tell_not_removed(u->manager, u->name, buf_str(&why));
	}
	buf_free(&list);
	buf_free(&why);
}
