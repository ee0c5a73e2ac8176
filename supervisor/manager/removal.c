#include "manager/removal.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/ops_int.h"
#include "manager/service/credentials.h"
#include "manager/service/helper.h"
#include "manager/units.h"
#include "unit/conf.h"

void
removal_add(struct buf *list, enum removal_kind kind, const char *base, const char *name)
{
	buf_addc(list, (char)kind);
	buf_append(list, base, strlen(base) + 1);
	buf_append(list, name, strlen(name) + 1);
}

void
removal_add_dirs(
    struct buf *list, const char *base, const struct exec_dir *dir, bool private)
{
	for (size_t i = 0; i < dir->names.n; i++) {
		char *in_private = xasprintf("private/%s", dir->names.v[i]);

		/* Where that is the folder, the name is a link to it. */
		if (private)
			removal_add(list, REMOVE_FOLDER, base, in_private);
		removal_add(list, REMOVE_FOLDER, base, dir->names.v[i]);
		free(in_private);
	}
	for (size_t i = 0; i < dir->links.n; i++)
		removal_add(list, REMOVE_LINK, base, strchr(dir->links.v[i], ':') + 1);
}

static int
remove_link(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	return S_ISLNK(st.st_mode) ? rm_rf_at(dir, name, 1) : 0;
}

static int
remove_one(enum removal_kind kind, const char *base, const char *name, size_t max)
{
	int dir, r = -1;

	if (kind == REMOVE_FILE)
		return unlink(name) == 0 || errno == ENOENT ? 0 : -1;
	dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return errno == ENOENT ? 0 : -1;
	if (kind == REMOVE_CREDENTIALS)
		r = credentials_remove_at(dir, name, max);
	else if (kind == REMOVE_LINK)
		r = remove_link(dir, name);
	else
		r = rm_rf_at(dir, name, max);
	fd_close(&dir);
	return r;
}

static int
remove_all(const char *list, size_t len, size_t max, struct buf *why)
{
	int err = 0;

	for (const char *p = list; p < list + len;) {
		enum removal_kind kind = (enum removal_kind) * p++;
		const char *base = p, *name = base + strlen(base) + 1;

		p = name + strlen(name) + 1;
		if (remove_one(kind, base, name, max) == 0)
			continue;
		if (err != E2BIG)
			err = errno;
		buf_addf(why, "%s%s%s%s: %s", why->len > 0 ? ", " : "", base,
		    kind == REMOVE_FILE ? "" : "/", name, strerror(errno));
	}
	errno = err;
	return err == 0 ? 0 : -1;
}

int
removal_do(const struct buf *list, size_t max, struct buf *why)
{
	return remove_all(list->data, list->len, max, why);
}

/* ---- by a helper ------------------------------------------------------------------ */

struct question {
	size_t max;
	size_t len;
	char list[];
};

static void
work_remove(const void *question, struct buf *out)
{
	const struct question *q = question;
	struct buf why = { 0 };

	buf_addc(out, 'K');
	if (remove_all(q->list, q->len, q->max, &why) == -1)
		buf_adds(out, buf_str(&why));
}

static void
tell_no_answer(struct unit_removal *r, int err)
{
	char why[160];

	if (err == ETIMEDOUT)
		snprintf(why, sizeof(why), "not all of it went in time");
	else if (err == EPIPE)
		snprintf(why, sizeof(why), "the process that removes it died");
	else
		snprintf(why, sizeof(why), "no process can be made that removes it: %s",
		    strerror(err));
	r->fn(r->arg, why);
}

static void
on_removed(void *arg, const struct buf *answer)
{
	struct unit_removal *r = arg;
	struct unit *u;

	if (answer == NULL)
		tell_no_answer(r, errno);
	else
		r->fn(r->arg, answer->len > 1 ? buf_str(answer) + 1 : NULL);
	u = r->unit;
	free(r);
	if (u == NULL)
		return;
	u->ops->removal = NULL;
	ops_spawns_flush(u);
}

void
removal_begin(struct manager *m, struct unit *u, const struct buf *list, size_t max,
    uint64_t timeout_us, removal_fn *fn, void *arg)
{
	struct unit_removal *r = xcalloc(1, sizeof(*r));
	struct question *q = xcalloc(1, sizeof(*q) + list->len);

	q->max = max;
	q->len = list->len;
	if (list->len > 0)
		memcpy(q->list, list->data, list->len);
	r->unit = u;
	r->fn = fn;
	r->arg = arg;
	if (u != NULL) {
		/* Two of one unit: the first is on its own then. */
		if (unit_ops(u)->removal != NULL)
			unit_ops(u)->removal->unit = NULL;
		u->ops->removal = r;
	}
	(void)helper_new(
	    m->loop, work_remove, q, sizeof(*q) + list->len, timeout_us, on_removed, r);
	free(q);
}
