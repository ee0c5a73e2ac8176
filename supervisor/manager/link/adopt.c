/*
 * adopt: what init and the logger say of slots, and to whom it is said (see adopt.h).
 */
#include "manager/link/adopt.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "manager/budget/budgets.h"
#include "manager/lastwords.h"
#include "manager/link/adopt_int.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/part/part.h"
#include "manager/part/pools.h"
#include "manager/part/sockets.h"
#include "manager/record/store.h"
#include "manager/scan.h"
#include "manager/service/memory.h"
#include "manager/service/notify.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/tell.h"
#include "manager/units.h"
#include "manager/watch/fdwatch.h"
#include "unit/conf.h"

enum {
	NOTIFY_TURN = 64, /* datagrams of one service before others have their turn */
	READY_CLOSED_MS = 300,
};

/* Nothing of what waits for its turn or its restart was begun with an older file. */
static bool
was_begun(const struct svc_memory *m, bool same_boot)
{
	switch (m->state) {
	case SVC_DEAD:
	case SVC_FAILED:
	case SVC_QUEUED:
	case SVC_AUTO_RESTART:
	case SVC_LIMIT_WAIT:
		return false;
	default:
		return same_boot;
	}
}

/* A unit that was running when this manager came: its memory first, then what is. */
static void
restore_unit(struct unit *u)
{
	struct svc_memory mem;
	struct json_err err;
	bool same_boot = false;
	struct jv *v;

	if (u->restored || u->svc == NULL)
		return;
	u->restored = true;
	svc_restore_begin(u->svc);
	if (u->adopted)
		unit_recall_conf(u);
	v = store_memory(u->manager->store, u->name, &same_boot);
	if (v == NULL)
		return;
	svc_memory_init(&mem);
	if (svc_memory_read(v, &mem, &err) == 0) {
		/* Starts are limited against loops within one life of supd.  An instance
		 * that was ended in good order begins afresh. */
		if (!u->manager->revived && !unit_started_here(u->manager, &mem)) {
			mem.limit_begin_us = 0;
			mem.limit_count = mem.backoff = 0;
		}
		/* run/table is of this boot: what is remembered of a time since then,
		 * too. */
		if (store_boot_is_unknown(u->manager->store, u->name) &&
		    mem.changed_wall_us >= u->manager->boot_wall_us)
			same_boot = true;
		/* What was to follow from its end had not begun when the power went; of
		 * an end in good order nothing is left to follow. */
		if (!same_boot && mem.run[0] != '\0' && mem.due != 0 &&
		    !u->manager->ended_in_order)
			mem.due_life = u->manager->boot_wall_us;
		if (!u->adopted && was_begun(&mem, same_boot))
			unit_recall_conf(u);
		svc_restore(u->svc, &mem, same_boot);
		svc_memory_clear(&mem);
	} else {
		log_warnx(
		    "%s: what was remembered of it is damaged: %s", u->name, err.text);
	}
	jv_free(v);
}

static void
replay_slot(struct manager *m, struct slot *s, const struct msg_slot *msg)
{
	struct unit *u;

	slot_use(s, NULL);
	if (msg->closing) {
		slot_closes(s);
		return;
	}
	u = unit_get_own(m, msg->unit);
	if (u == NULL) {
		log_warnx(
		    "slot %u of `%s' is of no unit that can be", msg->slot, msg->unit);
		link_slot_close(m->link, msg->slot);
		return;
	}
	if (u->svc == NULL)
		unit_make_stoppable(u);
	s->unit = u;
	u->adopted = true;
	restore_unit(u);
	svc_on_slot(u->svc, msg);
}

void
adopt_on_slot(struct manager *m, const struct msg_slot *msg)
{
	struct slot *s = slot_of(m, msg->slot);

	if (s == NULL) {
		log_warnx("init speaks of slot %u of %u", msg->slot, m->nslots);
		return;
	}
	s->answered = true;
	s->has_cgroup = msg->has_cgroup != 0;
	/* It had one, into which a scope could not be moved. */
	if (!s->has_cgroup)
		fd_close(&s->cgroup_fd);
	if (m->phase == MANAGER_RESTORING && !s->used) {
		replay_slot(m, s, msg);
		return;
	}
	/* Before the service hears of it, and lets go what it has read until then. */
	if (msg->err != 0 && s->unit != NULL)
		unit_ops_forget_slot(s->unit);
	if (s->unit != NULL && s->unit->svc != NULL)
		svc_on_slot(s->unit->svc, msg);
	if (msg->err != 0) {
		slot_release(s);
		slot_tell_waiting(m);
	}
}

static void
on_notify(struct loop_io *io, int events, void *arg)
{
	struct slot *s = arg;
	struct slots *ss = s->m->slots;

	(void)events;
	for (int i = 0; i < NOTIFY_TURN; i++) {
		if (s->unit == NULL || s->unit->svc == NULL ||
		    notify_peek(s->notify_fd, &ss->packet) != 1)
			return;
		/* It stays in the socket until what follows from it is in the ring: the
		 * next manager reads it again when this one dies in between. */
		svc_on_notify_take_fds(s->unit->svc, s->number, &ss->packet.nt);
		/* What it says may have closed the slot. */
		if (s->notify_io != io)
			return;
		notify_drop(s->notify_fd);
	}
}

static void
notify_listen(struct slot *s)
{
	s->notify_io =
	    loop_io_new(s->m->loop, "notify", s->notify_fd, LOOP_READ, on_notify, s);
}

void
adopt_on_notify_take_fd(struct manager *m, uint32_t slot, int fd)
{
	struct slot *s = slot_of(m, slot);

	if (s == NULL || s->unit == NULL) {
		fd_close(&fd);
		return;
	}
	if (s->notify_io != NULL)
		loop_io_free(s->notify_io);
	fd_close(&s->notify_fd);
	s->notify_fd = fd;
	/* Before all is known of the unit nobody can say what a message means. */
	if (m->phase != MANAGER_RESTORING)
		notify_listen(s);
}

void
adopt_on_cgroup_take_fd(struct manager *m, uint32_t slot, int fd)
{
	struct slot *s = slot_of(m, slot);

	if (s == NULL || s->unit == NULL) {
		fd_close(&fd);
		return;
	}
	fd_close(&s->cgroup_fd);
	s->cgroup_fd = fd;
}

void
adopt_on_stored_take_fd(struct manager *m, const struct msg_stored *msg, int fd)
{
	struct unit *u;

	if (sockets_on_stored(m, msg, fd))
		return;
	u = unit_get(m, msg->unit);
	if (u != NULL && u->svc != NULL && strcmp(msg->fdname, ":connection") == 0 &&
	    sockets_on_instance(u, msg->id, fd)) {
		restore_unit(u);
		return;
	}
	/* init keeps it; the number is all that a start needs. */
	fdwatch_take_fd(m, msg, fd);
	if (u == NULL || u->svc == NULL) {
		link_fd_drop(m->link, msg->id, msg->unit, msg->fdname);
		return;
	}
	if (m->phase == MANAGER_RESTORING)
		restore_unit(u);
	svc_on_stored(u->svc, msg->id, msg->fdname);
	tell_stored(u, msg->fdname);
}

void
adopt_on_unstored(struct manager *m, const struct msg_stored *msg)
{
	struct unit *u = unit_find(m, msg->unit);

	sockets_on_unstored(m, msg);
	fdwatch_drop(m, msg->id);
	if (u != NULL && u->svc != NULL)
		svc_on_unstored(u->svc, msg->id);
}

/*
 * 1: a line is there, 0: not yet, -1: nobody can write one any more.  A line is looked at
 * and left where it is, for a manager that comes after this one; what is none is eaten.
 */
static int
ready_peek(int fd)
{
	char text[4096];
	int p[2], r = 0;
	ssize_t n;

	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1)
		return 0;
	for (;;) {
		n = tee(fd, p[1], sizeof(text), SPLICE_F_NONBLOCK);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n == 0 ? -1 : 0;
			break;
		}
		n = read(p[0], text, (size_t)n);
		if (n > 0 && memchr(text, '\n', (size_t)n) != NULL) {
			r = 1;
			break;
		}
		if (n <= 0 || read(fd, text, (size_t)n) <= 0)
			break;
	}
	close(p[0]);
	close(p[1]);
	return r;
}

static void
on_ready_closed(struct loop_timer *t, void *arg)
{
	struct slot *s = arg;
	struct unit *u = s->unit;

	(void)t;
	slot_ready_end(s);
	if (u != NULL && u->svc != NULL)
		svc_on_ready_closed(u->svc, s->number);
}

static void
on_ready(struct loop_io *io, int events, void *arg)
{
	struct slot *s = arg;
	int r;

	(void)io;
	(void)events;
	if (s->m->phase == MANAGER_RESTORING)
		return; /* it is told when the service can hear it */
	r = ready_peek(s->ready_fd);
	if (r == 0)
		return;
	loop_io_free(s->ready_io);
	s->ready_io = NULL;
	if (r == 1) {
		slot_ready_end(s);
		if (s->unit != NULL && s->unit->svc != NULL)
			svc_on_ready_line(s->unit->svc, s->number);
		return;
	}
	/* A process that ends closes it as well, and its end says more. */
	s->ready_timer = loop_timer_new(s->m->loop, "ready", on_ready_closed, s);
	loop_timer_in(s->ready_timer, READY_CLOSED_MS * USEC_PER_MSEC);
}

/* The child has made the FIFO before it became the program. */
static void
ready_watch(struct slot *s)
{
	char path[32];

	slot_ready_end(s);
	snprintf(path, sizeof(path), "fifo/%" PRIu32 ".rdy", s->number);
	s->ready_fd =
	    openat(s->m->run_fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (s->ready_fd == -1) {
		log_warn("%s: NotifyFD=", s->unit->name);
		return;
	}
	s->ready_io =
	    loop_io_new(s->m->loop, "ready", s->ready_fd, LOOP_READ, on_ready, s);
}

void
adopt_on_started(struct manager *m, const struct msg_started *msg)
{
	struct unit *u = adopt_slot_unit(m, msg->slot);

	if (u == NULL || u->svc == NULL)
		return;
	svc_on_started(u->svc, msg);
	if (u->connection != NULL && msg->kind == PROC_MAIN && msg->execed != 0)
		sockets_on_executed(u);
	/* The slot may be closed by now, and may be another's. */
	if (adopt_slot_unit(m, msg->slot) == u && msg->kind == PROC_MAIN &&
	    msg->execed != 0 && svc_conf(u->svc)->service->notify_fd >= 0)
		ready_watch(slot_of(m, msg->slot));
}

void
adopt_exit(struct manager *m, const struct msg_exit *x)
{
	struct unit *u = adopt_slot_unit(m, x->slot);

	if (u == NULL || u->svc == NULL) {
		/* Of a slot that is being closed: nobody wants to know. */
		link_exit_ack(m->link, x);
		return;
	}
	svc_on_exit(u->svc, x);
}

void
adopt_on_exit(struct manager *m, const struct msg_exit *x)
{
	struct unit *u = adopt_slot_unit(m, x->slot);

	if (u == NULL || u->svc == NULL || !lastwords_wait(u, x))
		adopt_exit(m, x);
}

void
adopt_on_empty(struct manager *m, uint32_t slot)
{
	struct unit *u = adopt_slot_unit(m, slot);

	if (u == NULL || u->svc == NULL)
		return;
	/* Without a cgroup init knows of its own children only. */
	if (adopt_slot_is_contained(m, slot))
		svc_on_empty(u->svc, slot);
	else
		scan_watch(u, slot);
}

void
adopt_on_slot_done(struct manager *m, uint32_t slot)
{
	struct slot *s = slot_of(m, slot);

	if (s == NULL)
		return;
	budgets_on_slot_done(m, slot);
	slot_release(s);
	slot_tell_waiting(m);
}

/* Whether its lines are written is part of its state; the logger says it anew to each
 * manager. */
static void
note_log(struct unit *u, const struct msg_stream_state *msg)
{
	if (u == NULL)
		return;
	if (msg->what == STREAM_PARKED) {
		u->log_err = msg->err != 0 ? msg->err : EIO;
		u->log_err_slot = msg->slot;
	} else if (msg->what == STREAM_RESUMED) {
		u->log_err = 0;
	}
	unit_render_drop(u);
}

void
adopt_on_stream_state(struct manager *m, const struct msg_stream_state *msg)
{
	const struct slot *s = slot_of(m, msg->slot);
	const struct table_slot *t;
	const uint8_t *invocation;
	const char *unit, *ref;
	struct unit *u;

	if (s == NULL || msg->slot >= table_used(m->table))
		return;
	t = table_slot(m->table, msg->slot);
	unit = s->closed_unit != NULL ? s->closed_unit : t->unit;
	ref = s->closed_unit != NULL ? s->closed_ref : t->conf.ref;
	invocation = s->closed_unit != NULL ? s->closed_invocation : t->invocation;
	/* By the invocation: one that was short has given up its slot by now. */
	u = unit[0] != '\0' ? unit_find(m, unit) : NULL;
	if (msg->stream == STREAM_OF_CAST) {
		if (u != NULL)
			sessions_on_cast(u, invocation, msg);
	} else {
		if (msg->what == STREAM_NAMED && u != NULL && u->svc != NULL)
			svc_on_log_named(u->svc, invocation, (uint32_t)msg->lines);
		note_log(adopt_slot_unit(m, msg->slot), msg);
		if (msg->what == STREAM_ALARM)
			budgets_on_log(adopt_slot_unit(m, msg->slot));
	}
	tell_stream(m, unit, invocation, ref, msg);
}

void
adopt_on_match(struct manager *m, const struct msg_match *x)
{
	struct unit *u = adopt_slot_unit(m, x->slot);
	char text[sizeof(x->text) + 1];
	size_t n = x->text_len < sizeof(x->text) ? x->text_len : sizeof(x->text);

	if (u == NULL || u->svc == NULL)
		return;
	memcpy(text, x->text, n);
	text[n] = '\0';
	if (x->rule >= SESSIONS_RULE_AT) {
		uint32_t rule = x->rule - SESSIONS_RULE_AT;

		if (!sessions_line_is_new(u, x->slot, rule, x->seq))
			return;
		tell_match(u, x, text);
		sessions_on_line(u, x->slot, rule, x->seq, text);
		return;
	}
	tell_match(u, x, text);
	svc_on_match(u->svc, x->slot, x->rule, text);
}

/* ---- the end of the replay ----------------------------------------------------------
 */

/* It is not down: a restart is due.  (Over a boot nothing of it goes on.) */
static bool
is_to_go_on(struct unit *u)
{
	struct svc_memory mem;
	struct json_err err;
	bool same_boot = false, goes_on;
	struct jv *v = store_memory(u->manager->store, u->name, &same_boot);

	if (v == NULL)
		return false;
	if (part_kind_of(u->conf) != NULL) {
		goes_on = part_memory_is_up(u->manager, v, same_boot);
		jv_free(v);
		return goes_on;
	}
	svc_memory_init(&mem);
	goes_on = svc_memory_read(v, &mem, &err) == 0 && same_boot &&
		  mem.state != SVC_DEAD && mem.state != SVC_FAILED;
	svc_memory_clear(&mem);
	jv_free(v);
	return goes_on;
}

static void
restore_one(void *arg, const char *name)
{
	struct manager *m = arg;
	struct unit *u = unit_get(m, name);

	if (u == NULL)
		return;
	/* As if its file had become so while it was known: what is due is done. */
	if (!unit_can_start(u) && u->conf->load_state != UNIT_MASKED && is_to_go_on(u))
		(void)unit_take_kept(u);
	m->memory_unanswered =
	    m->memory_unanswered || (!unit_can_start(u) && u->unanswered);
	if (u->part != NULL)
		part_restore(u);
	else if (u->svc == NULL)
		(void)unit_forget(u);
	else
		restore_unit(u);
}

static void
adopt_one(struct unit *u, void *arg)
{
	struct manager *m = arg;

	unit_know_active(u);
	if (!u->restored || u->svc == NULL)
		return;
	/* By what it remembers, and by what it has come to. */
	pools_sync(u);
	svc_adopt(u->svc);
	pools_sync(u);
	if (u->adopted && svc_has_slot(u->svc))
		tell_adopted(m, u);
}

static void
resume_one(struct unit *u, void *arg)
{
	(void)arg;
	if (u->part != NULL)
		part_resume(u->part);
	if (u->connection != NULL)
		sockets_settle_instance(u);
}

/* Of what was loaded because another unit asked for it. */
static void
know_one(struct unit *u, void *arg)
{
	(void)arg;
	if (!u->tells_active)
		unit_know_active(u);
}

void
adopt_finish(struct manager *m)
{
	store_each_memory(m->store, restore_one, m);
	units_foreach(m, adopt_one, m);
	units_foreach(m, resume_one, NULL);
	units_look(m, know_one, NULL);
	sockets_settle(m);
	for (uint32_t i = 0; m->slots != NULL && i < m->slots->n; i++) {
		struct slot *s = m->slots->v[i];

		if (s != NULL && s->notify_fd != -1 && s->notify_io == NULL)
			notify_listen(s);
	}
	/* Of what cannot be read yet nobody knows whether it is a service. */
	if (!m->memory_unanswered)
		store_forget_memories(m->store);
}

void
adopt_late(struct unit *u)
{
	if (!u->manager->memory_unanswered || u->manager->phase != MANAGER_RUNNING ||
	    u->restored || !unit_can_start(u))
		return;
	if (u->part != NULL) {
		part_restore(u);
		unit_note_active(u);
		part_resume(u->part);
		return;
	}
	restore_unit(u);
	pools_sync(u);
	svc_adopt(u->svc);
	pools_sync(u);
}
