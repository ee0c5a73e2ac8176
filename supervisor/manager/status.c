#include "manager/status.h"

#include <sys/mman.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/control/control.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "unit/conf.h"

/* SNAPSHOT_DONE names no kind: these ids are never the store's. */
#define STATUS_IDS (UINT64_C(1) << 63)

enum { GATHER_US = 20000 };

struct status {
	struct manager *m;
	struct loop_timer *timer;
	uint64_t id; /* of the newest one sent */
	uint64_t sent_us;
	bool writing; /* sent and not answered */
	bool dirty;
};

void
status_now(struct status *st)
{
	struct manager *m = st->m;
	struct jw *w = jw_new(JW_COMPACT);
	struct buf text = { 0 };
	char ts[CLOCK_TEXT_MAX];
	int fd;

	loop_timer_stop(st->timer);
	st->dirty = false;
	st->sent_us = clock_mono_us();
	jw_obj(w);
	jw_kv_str(w, "ts", clock_format_utc(ts, sizeof(ts), clock_wall_us()));
	control_write_status(m, w);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	buf_addc(&text, '\n');
	fd = memfd_create("supd-status", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1 || full_write(fd, text.data, text.len) == -1) {
		log_warn("run/status.json");
		fd_close(&fd);
	} else {
		st->writing = link_snapshot_take_fd(
				  m->link, ++st->id, SNAPSHOT_STATUS, fd, text.len) == 0;
	}
	buf_free(&text);
}

static void
on_timer(struct loop_timer *t, void *arg)
{
	struct status *st = arg;

	(void)t;
	/* A logger that hangs is asked again when it has answered. */
	if (!st->writing)
		status_now(st);
}

static void
arm(struct status *st)
{
	uint64_t next_us =
	    clock_add_us(st->sent_us, st->m->conf->status_file_interval_us);
	uint64_t soon_us = clock_add_us(clock_mono_us(), GATHER_US);

	/* Not between the end of a service and its restart. */
	if (next_us < soon_us)
		next_us = soon_us;
	if (!st->writing && !loop_timer_is_armed(st->timer))
		loop_timer_at(st->timer, next_us);
}

static void
on_event(void *arg, const struct event_view *v)
{
	struct status *st = arg;

	/* Failing to write it must not lead to the next try at once. */
	if (v->id == EVENT_SNAPSHOT_FAILED)
		return;
	st->dirty = true;
	arm(st);
}

bool
status_is_mine(uint64_t id)
{
	return (id & STATUS_IDS) != 0;
}

void
status_on_done(struct status *st, uint64_t id, int err)
{
	if (id != st->id)
		return;
	st->writing = false;
	if (err != 0)
		log_debug("run/status.json: %s", strerror(err));
	if (st->dirty)
		arm(st);
}

void
status_on_logger(struct status *st)
{
	st->writing = false;
	arm(st);
}

struct status *
status_new(struct manager *m)
{
	struct status *st = xcalloc(1, sizeof(*st));

	st->m = m;
	st->id = STATUS_IDS;
	st->timer = loop_timer_new(m->loop, "status", on_timer, st);
	emitter_add_sink(m->events, on_event, st);
	arm(st);
	return st;
}

void
status_free(struct status *st)
{
	if (st == NULL)
		return;
	emitter_remove_sink(st->m->events, on_event, st);
	loop_timer_free(st->timer);
	free(st);
}
