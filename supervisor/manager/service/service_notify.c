/*
 * service_notify: what a service does with what it was told at its $NOTIFY_SOCKET, by
 * whoever sent it, and with what its log and NotifyFD= say.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "journal/layout.h"
#include "lib/clock.h"
#include "manager/service/notify.h"
#include "manager/service/service_int.h"

/* What a service may say of itself so often in such a span is not bounded by its work. */
enum { STORM_MAX = 30 };
#define STORM_SPAN_US (10 * USEC_PER_SEC)

uint64_t
svc_watchdog_period_us(const struct service *s)
{
	return s->m.watchdog_us != UINT64_MAX ? s->m.watchdog_us : svc_sc(s)->watchdog_us;
}

void
svc_watchdog_arm(struct service *s)
{
	uint64_t period = svc_watchdog_period_us(s);

	/* In start: about to leave it. */
	if (s->m.state != SVC_START && !svc_is_up(s))
		return;
	svc_timer(s, SVC_TIMER_WATCHDOG,
	    period == 0 || period == UNIT_INFINITY
		? UINT64_MAX
		: clock_add_us(clock_mono_us(), period));
}

/*
 * Everybody can reach the socket: it is the sender that makes a message the unit's own.
 * Who has ended since is told by its user alone, which is what User= keeps apart.
 */
static bool
is_of_unit(struct service *s, const struct svc_notify *nt)
{
	uint64_t ticks;

	if (nt->pid <= 0 || s->m.slot == SLOT_NONE)
		return false;
	if (nt->pid == s->m.main_pid || nt->pid == s->m.control_pid)
		return true;
	switch (s->ops->pid_check(s->arg, s->m.slot, nt->pid, &ticks)) {
	case SVC_PID_OURS:
		return true;
	case SVC_PID_GONE:
		return nt->uid == 0 || nt->uid == s->ops->slot_uid(s->arg, s->m.slot);
	case SVC_PID_FOREIGN:
	case SVC_PID_TAKEN:
	case SVC_PID_SUPD:
		break;
	}
	return false;
}

static bool
may_notify(struct service *s, const struct svc_notify *nt)
{
	enum notify_access a = s->m.access != 0 ? (enum notify_access)(s->m.access - 1)
						: svc_sc(s)->notify_access;
	uint64_t ticks;
	bool is_main = nt->pid > 0 && nt->pid == s->m.main_pid;
	bool is_control = nt->pid > 0 && nt->pid == s->m.control_pid;

	switch (a) {
	case NOTIFY_ACCESS_NONE:
		return false;
	case NOTIFY_ACCESS_ALL:
		return is_of_unit(s, nt);
	case NOTIFY_ACCESS_EXEC:
		if (is_control)
			return true;
		__attribute__((fallthrough));
	case NOTIFY_ACCESS_MAIN:
		if (is_main)
			return true;
		/* It may be quicker than init's word of its pid. */
		return nt->pid > 0 &&
		       ((s->m.main_running && s->m.main_pid == 0) ||
			   (a == NOTIFY_ACCESS_EXEC && s->m.control_running &&
			       s->m.control_pid == 0)) &&
		       s->ops->pid_check(s->arg, s->m.slot, nt->pid, &ticks) ==
			   SVC_PID_OURS;
	}
	return false;
}

static void
refuse_sender(struct service *s, const struct svc_notify *nt)
{
	svc_note_refused(s, REFUSED_SENDER,
	    "a message of process %" PRId32 " was not heard (NotifyAccess=)",
	    (int32_t)nt->pid);
}

/* A service that says such without end would fill the event journal, and push all else
 * out of it. */
static bool
is_storm(struct svc_span *span)
{
	uint64_t now_us = clock_mono_us();

	if (span->n == 0 || now_us - span->from_us >= STORM_SPAN_US) {
		span->from_us = now_us;
		span->n = 0;
	}
	return span->n++ >= STORM_MAX;
}

static void
note_storm(struct service *s, enum svc_refusal which, const char *what)
{
	svc_note_refused(s, which, "%s more than %d times in %d s", what, STORM_MAX,
	    (int)(STORM_SPAN_US / USEC_PER_SEC));
}

static bool
is_reload_storm(struct service *s)
{
	if (s->m.state != SVC_RUNNING || !is_storm(&s->reloads))
		return false;
	note_storm(s, REFUSED_RELOAD_STORM, "RELOADING=1 is not heard");
	return true;
}

/* What was said changed the memory: after many changes in a span the rest waits for the
 * next reason to record it. */
static void
limit_news(struct service *s)
{
	uint64_t sum = svc_memory_sum(s);

	if (sum == s->told || !is_storm(&s->news))
		return;
	note_storm(s, REFUSED_NEWS_STORM, "what it says of itself is not recorded");
	s->told = sum;
}

static void
change_main(struct service *s, const struct svc_notify *nt, int32_t pid)
{
	uint64_t ticks = 0;

	if (pid == s->m.main_pid || s->m.slot == SLOT_NONE)
		return;
	if (pid == s->m.control_pid) {
		svc_note_refused(s, REFUSED_MAINPID_CONTROL,
		    "MAINPID=%" PRId32 " is the control process", pid);
		return;
	}
	if (s->m.state != SVC_START && !svc_is_up(s))
		return;
	switch (s->ops->pid_check(s->arg, s->m.slot, pid, &ticks)) {
	case SVC_PID_OURS:
		break;
	case SVC_PID_FOREIGN:
		if (nt->uid == 0)
			break;
		svc_note_refused(s, REFUSED_MAINPID_FOREIGN,
		    "MAINPID=%" PRId32 " is not of this unit", pid);
		return;
	case SVC_PID_TAKEN:
		svc_note_refused(s, REFUSED_MAINPID_TAKEN,
		    "MAINPID=%" PRId32 " is of another unit", pid);
		return;
	case SVC_PID_SUPD:
		svc_note_refused(s, REFUSED_MAINPID_SUPD,
		    "MAINPID=%" PRId32 " is supd, init or the kernel", pid);
		return;
	case SVC_PID_GONE:
		svc_note_refused(
		    s, REFUSED_MAINPID_GONE, "MAINPID=%" PRId32 " does not exist", pid);
		return;
	}
	if (is_storm(&s->mainpids)) {
		note_storm(s, REFUSED_MAINPID_STORM, "MAINPID= is not heard");
		return;
	}
	svc_take_main(s, pid, ticks, "MAINPID=");
}

static void
extend(struct service *s, uint64_t us)
{
	struct svc_memory *m = &s->m;
	uint64_t to = clock_add_us(clock_mono_us(), us), limit;

	/* Not earlier than the file has it, and never later than asked for. */
	if (m->state == SVC_RUNNING) {
		if (m->deadline_us[SVC_TIMER_RUNTIME] != UINT64_MAX) {
			limit = m->runtime_us > to ? m->runtime_us : to;
			svc_timer(s, SVC_TIMER_RUNTIME, limit);
		}
		return;
	}
	if (m->deadline_us[SVC_TIMER_PHASE] == UINT64_MAX ||
	    m->state == SVC_AUTO_RESTART || m->state == SVC_LIMIT_WAIT)
		return;
	limit = m->hard_us > to ? m->hard_us : to;
	svc_timer(s, SVC_TIMER_PHASE, limit);
}

/* Descriptors used are set to -1. */
static void
store_fds(struct service *s, const struct notify_fields *f, const struct svc_notify *nt)
{
	const char *name = f->has_fdname ? f->fdname : "stored";
	size_t kept = s->nstored + s->fds_on_the_way;
	size_t room = svc_sc(s)->fd_store_max;

	room = room > kept ? room - kept : 0;
	for (size_t i = 0; i < nt->nfds; i++) {
		if (nt->fds[i] < 0)
			continue;
		if (room == 0) {
			svc_note_refused(s, REFUSED_FD_MAX,
			    "a descriptor was not kept: FileDescriptorStoreMax= is "
			    "reached");
			return;
		}
		s->ops->fd_store(s->arg, name, nt->fds[i], f->fdpoll);
		nt->fds[i] = -1;
		s->fds_on_the_way++;
		s->may_store = true;
		room--;
	}
}

/* Of a reload that began before the one that was asked for. */
static bool
is_old_reload(const struct service *s, const struct notify_fields *f)
{
	return s->m.state == SVC_RELOAD_SIGNAL &&
	       (!f->has_monotonic || f->monotonic_us < s->m.reload_us);
}

static void
apply(struct service *s, const struct notify_fields *f, const struct svc_notify *nt)
{
	struct svc_memory *m = &s->m;

	if (f->has_mainpid)
		change_main(s, nt, f->mainpid);
	if (f->has_access)
		m->access = (uint32_t)f->access + 1;
	if (f->has_session_id && strcmp(f->session_id, m->session_id) != 0)
		svc_memory_text(&m->session_id, SVC_SESSION_ID_MAX, f->session_id);
	if (f->has_status && strcmp(f->status, m->status) != 0) {
		svc_memory_text(&m->status, SVC_STATUS_MAX, f->status);
		svc_note(s, &(struct svc_note){ .what = SVC_EMIT_NOTIFY }, m->status);
	}
	if (f->usage.has[BUDGET_COUNTED_TOKENS] || f->usage.has[BUDGET_COUNTED_COST])
		svc_note(s,
		    &(struct svc_note){ .what = SVC_EMIT_USAGE, .usage = f->usage },
		    NULL);
	if (f->has_errno)
		m->notify_errno = f->err;
	if (f->has_watchdog_us) {
		m->watchdog_us = f->watchdog_us;
		if (m->state != SVC_START)
			svc_watchdog_arm(s);
	}
	if (f->watchdog && m->state != SVC_START)
		svc_watchdog_arm(s);
	if (f->watchdog_trigger)
		svc_dispatch(s,
		    &(struct svc_event_in){ .ev = SVC_EV_WATCHDOG, .triggered = true });
	if (f->has_extend)
		extend(s, f->extend_us);
	if (f->restart_reset)
		m->restarts = m->backoff = 0;
	/* What has not been up cannot have all of its runs before it for ever. */
	if (f->restart_reset && svc_is_up(s))
		m->retry = 0;
	if (f->fdstore_remove) {
		if (f->has_fdname)
			svc_drop_stored(s, f->fdname);
	} else if (f->fdstore) {
		store_fds(s, f, nt);
	}
	/* READY=1 together with RELOADING=1 ends what it begins. */
	if (f->reloading && !is_old_reload(s, f) && !is_reload_storm(s)) {
		m->reloading = true;
		svc_raise(s, SVC_EV_RELOADING);
	}
	if (f->ready && svc_is_notify(svc_sc(s))) {
		m->reloading = false;
		if (m->state == SVC_START)
			m->ready = true;
		svc_raise(s, SVC_EV_READY);
	}
	if (f->stopping) {
		m->stopping = true;
		svc_raise(s, SVC_EV_STOPPING);
	}
}

void
svc_on_log_named(struct service *s, const uint8_t invocation[16], uint32_t alt)
{
	if (s->restoring || alt > LAYOUT_ALT_MAX ||
	    memcmp(invocation, s->m.invocation, sizeof(s->m.invocation)) != 0)
		return;
	s->m.log_alt = alt;
	svc_settle(s);
}

void
svc_on_ready_line(struct service *s, uint32_t slot)
{
	if (s->restoring || slot != s->m.slot || s->m.state != SVC_START ||
	    svc_sc(s)->notify_fd < 0)
		return;
	s->m.ready = true;
	svc_raise(s, SVC_EV_READY);
	svc_settle(s);
}

void
svc_on_ready_closed(struct service *s, uint32_t slot)
{
	if (s->restoring || slot != s->m.slot || s->m.state != SVC_START ||
	    svc_sc(s)->notify_fd < 0 || s->m.ready || !s->m.main_running)
		return;
	svc_fail(s, SVC_RESULT_PROTOCOL, "NotifyFD=%d was closed without a line",
	    svc_sc(s)->notify_fd);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
	svc_settle(s);
}

void
svc_on_notify_take_fds(struct service *s, uint32_t slot, const struct svc_notify *nt)
{
	struct notify_fields f;

	if (s->restoring || slot != s->m.slot || nt->truncated) {
		/* Late, or more than there may be: dropped whole. */
	} else {
		notify_parse(nt->text, nt->len, &f);
		if (f.newline_ready) {
			/* A line is for NotifyFD=; here it says nothing. */
		} else if (f.barrier) {
			/* All before it was handled: closing the descriptor says so. */
		} else if (may_notify(s, nt)) {
			apply(s, &f, nt);
			limit_news(s);
		} else if (nt->len > 0) {
			refuse_sender(s, nt);
		}
	}
	if (nt->nremote > 0 && may_notify(s, nt))
		svc_note_refused(s, REFUSED_FD_REMOTE,
		    "a file on a file system that may not answer is not kept "
		    "(FDSTORE=1)");
	for (size_t i = 0; i < nt->nfds; i++)
		if (nt->fds[i] >= 0)
			close(nt->fds[i]);
	svc_settle(s);
}
