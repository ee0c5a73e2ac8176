/*
 * session_heartbeat: the heartbeats of a session, and the world: files that tell of
 * activity, what is remembered (run/term/UNIT.hb), and the queue of input.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/as_user.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/service/service.h"
#include "manager/session/heartbeat.h"
#include "manager/session/input.h"
#include "manager/sessions/sessions.h"
#include "manager/sessions/sessions_int.h"
#include "manager/units.h"
#include "manager/watch/filewatch.h"
#include "manager/watch/reach.h"
#include "manager/wish/wants.h"

static uint64_t
mtime_us(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * USEC_PER_SEC +
	       (uint64_t)st->st_mtim.tv_nsec / 1000;
}

static int
ops_read(void *arg, const char *path, size_t max, struct buf *out, uint64_t *mtime)
{
	const struct session *s = arg;
	struct stat st;
	int r = -1;

	/* What stands in it goes to the program of that user. */
	if (!reach_may(s->unit->manager->reach, path, true) ||
	    !as_user_begin(s->uid, s->gid))
		return -1;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
		*mtime = mtime_us(&st);
		r = file_read_follow_at(AT_FDCWD, path, max, out);
	}
	as_user_end();
	return r;
}

static uint64_t
ops_newest(void *arg, const char *pattern)
{
	const struct session *s = arg;
	uint64_t newest = 0;
	glob_t g;

	if (!reach_may(s->unit->manager->reach, pattern, true) ||
	    glob(pattern, GLOB_NOSORT, NULL, &g) != 0)
		return 0;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct stat st;

		if (stat(g.gl_pathv[i], &st) == 0 && mtime_us(&st) > newest)
			newest = mtime_us(&st);
	}
	globfree(&g);
	return newest;
}

/* ---- the activity file ---- */

static void
on_changed(void *arg)
{
	const struct session *s = arg;

	heartbeat_file_changed(s->heartbeat);
}

/* Written in place, replaced, or only touched. */
static void
ops_watch(void *arg, const char *path)
{
	struct session *s = arg;

	filewatch_remove(s->activity);
	s->activity = NULL;
	if (path != NULL)
		s->activity = filewatch_add(s->unit->manager, path, on_changed, s);
}

/* ---- what is remembered ---- */

static void
ops_record(void *arg)
{
	const struct session *s = arg;
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	heartbeat_write(s->heartbeat, w);
	jw_end(w);
	session_file_write(s, "hb", w);
}

static int
restore(struct session *s, const struct jv *v, struct json_err *err)
{
	return heartbeat_restore(s->heartbeat, v, err);
}

/* ---- sending ---- */

static void
on_result(void *arg, const struct input_entry *e)
{
	struct session *s = arg;

	if (e->result != INPUT_DELIVERED && e->result != INPUT_CONFIRMED)
		heartbeat_lost(s->heartbeat);
}

static bool
ops_send(void *arg, const struct input_request *r)
{
	struct session *s = arg;
	const char *why = "";

	s->beating = true; /* it is no activity of its own */
	if (session_send(s->unit, r, on_result, s, &why) == 0) {
		log_warnx("%s: heartbeat: %s", s->unit->name, why);
		s->beating = false;
		return false;
	}
	s->beating = false;
	return true;
}

static void
ops_arm(void *arg, uint64_t due_us)
{
	struct session *s = arg;

	s->heartbeat_us = due_us;
	loop_timer_at(s->heartbeat_timer, s->frozen ? USEC_INFINITY : due_us);
}

static uint32_t
ops_random(void *arg, uint32_t n)
{
	(void)arg;
	return arc4random_uniform(n);
}

static void
on_due(struct loop_timer *t, void *arg)
{
	struct session *s = arg;

	(void)t;
	wants(s->unit, DUE_POKE);
}

void
session_heartbeat_pause(struct session *s)
{
	loop_timer_at(s->heartbeat_timer, s->frozen ? USEC_INFINITY : s->heartbeat_us);
}

/* ---- life ---- */

void
session_heartbeat_open(struct session *s)
{
	const struct heartbeat_ops ops = { .read = ops_read,
		.newest = ops_newest,
		.watch = ops_watch,
		.record = ops_record,
		.send = ops_send,
		.arm = ops_arm,
		.random = ops_random,
		.arg = s };

	s->heartbeat_us = USEC_INFINITY;
	s->heartbeat_timer =
	    loop_timer_new(s->unit->manager->loop, "heartbeat", on_due, s);
	s->heartbeat = heartbeat_new(&session_conf(s)->heartbeat, &ops);
	session_file_read(s, "hb", restore);
}

void
session_heartbeat_close(struct session *s)
{
	heartbeat_free(s->heartbeat);
	filewatch_remove(s->activity);
	loop_timer_free(s->heartbeat_timer);
}
