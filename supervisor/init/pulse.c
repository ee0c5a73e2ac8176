/*
 * Pings: one is owed some time after something began to wait for the role, and is
 * answered in time by a role that lives.
 */
#include "init/pulse.h"

#include <sys/epoll.h>

#include "init/core.h"
#include "init/role.h"

struct pulse {
	bool on;     /* the role runs */
	int busy_fd; /* epoll set of what waits for it */
	uint64_t ping_at, pong_by, ping_seq;
	bool ping_owed, busy_again;
	bool was_late; /* the answer was given more time, once */
};

static struct pulse pulses[ROLE_N];

static uint64_t
ping_us(void)
{
	return tab->settings.ping_us != 0 ? tab->settings.ping_us : 10 * SECOND_US;
}

static uint64_t
ping_timeout_us(void)
{
	return tab->settings.ping_timeout_us != 0 ? tab->settings.ping_timeout_us
						  : 30 * SECOND_US;
}

void
pulse_note(enum role r)
{
	struct pulse *p = &pulses[r];

	if (!p->on)
		return;
	if (p->pong_by != NEVER)
		p->busy_again = true;
	else if (p->ping_at == NEVER)
		p->ping_at = now_us() + ping_us();
}

void
pulse_watch(enum role r, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };

	if (fd != -1 && pulses[r].busy_fd != -1)
		(void)epoll_ctl(pulses[r].busy_fd, EPOLL_CTL_ADD, fd, &ev);
}

void
pulse_unwatch(enum role r, int fd)
{
	if (fd != -1 && pulses[r].busy_fd != -1)
		(void)epoll_ctl(pulses[r].busy_fd, EPOLL_CTL_DEL, fd, NULL);
}

void
pulse_on_busy(enum role r)
{
	pulse_note(r); /* one shot: the next one comes after the pong */
}

/* Forget what was ready, and look again once. */
static void
arm_busy(enum role r)
{
	struct epoll_event ev[64];

	if (pulses[r].busy_fd == -1)
		return;
	for (int i = 0; i < 1024 && epoll_wait(pulses[r].busy_fd, ev, 64, 0) > 0; i++)
		;
	(void)watch_change(
	    pulses[r].busy_fd, EPOLLIN | EPOLLONESHOT, WATCH_BUSY, (uint32_t)r, 0);
}

void
pulse_on_pong(enum role r, const struct msg *m)
{
	struct pulse *p = &pulses[r];

	if (p->pong_by == NEVER || m->u.PONG.seq != p->ping_seq)
		return;
	p->pong_by = NEVER;
	arm_busy(r);
	if (p->busy_again) {
		p->busy_again = false;
		pulse_note(r);
	}
}

int
pulse_send_ping(enum role r)
{
	static const enum msg_id ids[ROLE_N] = { [ROLE_MANAGER] = MSG_PING,
		[ROLE_LOGGER] = MSG_LOG_PING,
		[ROLE_TERMINAL] = MSG_TERM_PING };
	struct pulse *p = &pulses[r];
	struct msg m;

	if (!p->ping_owed)
		return 1;
	msg_init(&m, ids[r]);
	m.u.PING.seq = p->ping_seq;
	if (role_send(r, &m) != 1)
		return 0;
	p->ping_owed = false;
	return 1;
}

bool
pulse_is_lost(enum role r, uint64_t now)
{
	struct pulse *p = &pulses[r];

	if (now >= p->ping_at) {
		p->ping_at = NEVER;
		p->pong_by = now + ping_timeout_us();
		p->ping_seq++;
		p->ping_owed = true;
		p->was_late = false;
	}
	if (now < p->pong_by)
		return false;
	/* Init itself comes late: the container was frozen, or the machine is. */
	if (now - p->pong_by > SECOND_US && !p->was_late) {
		p->was_late = true;
		p->pong_by = now + ping_timeout_us();
	}
	return now >= p->pong_by;
}

uint64_t
pulse_next_us(enum role r)
{
	const struct pulse *p = &pulses[r];

	return p->ping_at < p->pong_by ? p->ping_at : p->pong_by;
}

void
pulse_begin(enum role r)
{
	struct pulse *p = &pulses[r];

	p->on = true;
	p->ping_owed = p->busy_again = false;
	p->ping_at = p->pong_by = NEVER;
	arm_busy(r);
}

void
pulse_end(enum role r)
{
	struct pulse *p = &pulses[r];

	p->on = p->ping_owed = false;
	p->ping_at = p->pong_by = NEVER;
}

void
pulse_set_up(enum role r)
{
	struct pulse *p = &pulses[r];

	p->ping_at = p->pong_by = NEVER;
	p->busy_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->busy_fd != -1)
		(void)watch_add(p->busy_fd, EPOLLONESHOT, WATCH_BUSY, (uint32_t)r, 0);
}
