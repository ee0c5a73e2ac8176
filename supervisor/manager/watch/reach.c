#include "manager/watch/reach.h"

#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/mounts.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/start.h"

enum { READ_MAX = 8 << 20 };
/* What a command waits for at most, how long an answer counts, and how long a helper
 * waits before it is made anew. */
#define ASK_US (200 * USEC_PER_MSEC)
#define FRESH_US (1 * USEC_PER_SEC)
#define WAIT_US (60 * USEC_PER_SEC)

/* A file system that may hang; it stays in the list, there are few. */
struct remote {
	SLIST_ENTRY(remote) next;
	struct reach *reach;
	char *point;
	uint64_t fresh_until_us;
	bool hangs;
	char *path; /* that it hung on */
	struct helper *helper;
};

struct reach {
	struct manager *m;
	struct mounts *mounts;
	bool posted;
	SLIST_HEAD(, remote) remotes;
};

struct reach *
reach_new(struct manager *m)
{
	struct reach *r = xcalloc(1, sizeof(*r));

	r->m = m;
	r->mounts = mounts_new();
	SLIST_INIT(&r->remotes);
	return r;
}

/* ---- in the helper ------------------------------------------------------------- */

static void
read_folder(const char *path)
{
	DIR *d = opendir(path);

	while (d != NULL && readdir(d) != NULL)
		;
}

static void
read_file(const char *path)
{
	static char part[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	for (size_t all = 0; fd != -1 && all < READ_MAX; all += (size_t)n) {
		n = read(fd, part, sizeof(part));
		if (n <= 0)
			break;
	}
}

/* All that the manager would do, and a question that no cache answers. */
static void
work_touch(const void *question, struct buf *out)
{
	const char *path = question;
	struct statfs fs;
	struct stat st;

	(void)!statfs(path, &fs);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		read_folder(path);
	else if (S_ISREG(st.st_mode))
		read_file(path);
	/* An error is an answer, too. */
	buf_addc(out, 'K');
}

/* ---- what is known of a mount -------------------------------------------------- */

static struct remote *
remote_of(struct reach *r, const char *point)
{
	struct remote *x;

	SLIST_FOREACH(x, &r->remotes, next)
	if (strcmp(x->point, point) == 0)
		return x;
	x = xcalloc(1, sizeof(*x));
	x->reach = r;
	x->point = xstrdup(point);
	SLIST_INSERT_HEAD(&r->remotes, x, next);
	return x;
}

static void
on_answers(void *arg)
{
	struct reach *r = arg;

	r->posted = false;
	start_answered(r->m);
}

static void wait_for(struct remote *x);

static void
on_answer(void *arg, const struct buf *answer)
{
	struct remote *x = arg;
	struct reach *r = x->reach;

	x->helper = NULL;
	if (answer == NULL) {
		wait_for(x);
		return;
	}
	x->hangs = false;
	x->fresh_until_us = clock_add_us(clock_mono_us(), FRESH_US);
	log_info("%s answers again", x->point);
	event_begin(r->m->events, EVENT_FILES_ANSWER, NULL, NULL);
	event_str(r->m->events, "mount", x->point);
	event_end(r->m->events);
	/* Several may be of one server: what they held up is read once. */
	if (!r->posted)
		loop_post(r->m->loop, on_answers, r);
	r->posted = true;
}

static void
wait_for(struct remote *x)
{
	x->helper = helper_new(x->reach->m->loop, work_touch, x->path,
	    strlen(x->path) + 1, WAIT_US, on_answer, x);
}

static void
set_hangs(struct remote *x, const char *path)
{
	struct manager *m = x->reach->m;

	x->hangs = true;
	free(x->path);
	x->path = xstrdup(path);
	event_begin(m->events, EVENT_FILES_HANG, NULL, NULL);
	event_str(m->events, "mount", x->point);
	event_str(m->events, "path", path);
	event_end(m->events);
	manager_say(
	    m, MARK_FAIL, "%s does not answer; files on it are not read", x->point);
	wait_for(x);
}

/* ---- questions ----------------------------------------------------------------- */

static int
ask(struct remote *x, const char *path, helper_work *work, const void *question,
    struct buf *answer)
{
	uint64_t now;

	if (x->hangs) {
		errno = ETIMEDOUT;
		return -1;
	}
	if (helper_ask(work, question, ASK_US, answer) == -1) {
		/* No process now says nothing about the mount. */
		if (errno == ETIMEDOUT)
			set_hangs(x, path);
		errno = ETIMEDOUT;
		return -1;
	}
	now = clock_mono_us();
	x->fresh_until_us = clock_add_us(now, FRESH_US);
	return 0;
}

bool
reach_is_local(struct reach *r, const char *path, bool follow)
{
	return mounts_remote(r->mounts, path, follow) == NULL;
}

int
reach_ask(struct reach *r, const char *path, helper_work *work, const void *question,
    struct buf *answer)
{
	const char *point = mounts_remote(r->mounts, path, true);

	return ask(
	    remote_of(r, point != NULL ? point : "/"), path, work, question, answer);
}

bool
reach_may(void *arg, const char *path, bool follow)
{
	struct reach *r = arg;
	const char *point = mounts_remote(r->mounts, path, follow);
	struct buf b = { 0 };
	struct remote *x;
	int rc;

	if (point == NULL)
		return true;
	x = remote_of(r, point);
	if (!x->hangs && clock_mono_us() < x->fresh_until_us)
		return true;
	rc = ask(x, path, work_touch, path, &b);
	buf_free(&b);
	return rc == 0;
}

void
reach_write(const struct reach *r, struct jw *w)
{
	const struct remote *x;

	jw_kv_arr(w, "unanswered");
	SLIST_FOREACH(x, &r->remotes, next)
	if (x->hangs)
		jw_str(w, x->point);
	jw_end(w);
}
