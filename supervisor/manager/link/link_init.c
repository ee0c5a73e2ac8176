/*
 * link_init: what the manager says to init, a function a message.
 */
#include <string.h>

#include "manager/link/link.h"
#include "manager/link/link_int.h"
#include "proto/chan.h"

void
link_slot_open(struct link *l, const struct msg_slot_open *open)
{
	struct msg msg;

	msg_init(&msg, MSG_SLOT_OPEN);
	msg.u.SLOT_OPEN = *open;
	link_send_init(l, &msg);
}

void
link_spawn_take_fd(struct link *l, const struct msg_spawn *spawn, bool quick, int spec_fd)
{
	struct msg msg;

	msg_init(&msg, quick ? MSG_SPAWN_QUICK : MSG_SPAWN);
	msg.u.SPAWN = *spawn;
	msg.nfds = 1;
	msg.fds[0] = spec_fd;
	link_send_init(l, &msg);
}

void
link_proc_set(
    struct link *l, uint32_t slot, enum proc_kind kind, int32_t pid, uint64_t start_ticks)
{
	struct msg msg;

	msg_init(&msg, MSG_PROC_SET);
	msg.u.PROC_SET.slot = slot;
	msg.u.PROC_SET.kind = kind;
	msg.u.PROC_SET.pid = pid;
	msg.u.PROC_SET.start_ticks = start_ticks;
	link_send_init(l, &msg);
}

void
link_proc_join(struct link *l, uint32_t slot, int32_t pid, uint64_t start_ticks)
{
	struct msg msg;

	msg_init(&msg, MSG_PROC_JOIN);
	msg.u.PROC_JOIN.slot = slot;
	msg.u.PROC_JOIN.kind = PROC_MAIN;
	msg.u.PROC_JOIN.pid = pid;
	msg.u.PROC_JOIN.start_ticks = start_ticks;
	link_send_init(l, &msg);
}

void
link_signal(struct link *l, uint32_t slot, enum proc_kind kind, enum signal_scope scope,
    int signo, uint32_t step)
{
	struct msg_signal q = {
		.slot = slot, .kind = kind, .scope = scope, .signo = signo
	};
	struct msg msg;

	if (step == 0) {
		msg_init(&msg, MSG_SIGNAL);
		msg.u.SIGNAL = q;
	} else {
		msg_init(&msg, MSG_SIGNAL_STEP);
		msg.u.SIGNAL_STEP.signal = q;
		msg.u.SIGNAL_STEP.step = step;
	}
	link_send_init(l, &msg);
}

void
link_signal_take_pidfd(struct link *l, int pidfd, int signo)
{
	struct msg msg;

	msg_init(&msg, MSG_SIGNAL_PIDFD);
	msg.u.SIGNAL_PIDFD.signo = signo;
	msg.nfds = 1;
	msg.fds[0] = pidfd;
	link_send_init(l, &msg);
}

void
link_exit_ack(struct link *l, const struct msg_exit *x)
{
	struct msg msg;

	msg_init(&msg, MSG_EXIT_ACK);
	msg.u.EXIT_ACK.slot = x->slot;
	msg.u.EXIT_ACK.kind = x->kind;
	msg.u.EXIT_ACK.pid = x->pid;
	msg.u.EXIT_ACK.seq = x->seq;
	link_send_init(l, &msg);
}

void
link_watch_empty(struct link *l, uint32_t slot)
{
	struct msg msg;

	msg_init(&msg, MSG_WATCH_EMPTY);
	msg.u.WATCH_EMPTY.slot = slot;
	link_send_init(l, &msg);
}

void
link_slot_close(struct link *l, uint32_t slot)
{
	struct msg msg;

	msg_init(&msg, MSG_SLOT_CLOSE);
	msg.u.SLOT_CLOSE.slot = slot;
	link_send_init(l, &msg);
}

void
link_fd_put_take_fd(
    struct link *l, const char *unit, const char *fdname, bool poll_it, int fd)
{
	struct msg msg;

	msg_init(&msg, MSG_FD_PUT);
	msg.u.FD_PUT.poll = poll_it;
	strlcpy(msg.u.FD_PUT.unit, unit, sizeof(msg.u.FD_PUT.unit));
	strlcpy(msg.u.FD_PUT.fdname, fdname, sizeof(msg.u.FD_PUT.fdname));
	msg.nfds = 1;
	msg.fds[0] = fd;
	link_send_init(l, &msg);
}

void
link_fd_drop(struct link *l, uint32_t id, const char *unit, const char *fdname)
{
	struct msg msg;

	msg_init(&msg, MSG_FD_DROP);
	msg.u.FD_DROP.id = id;
	strlcpy(msg.u.FD_DROP.unit, unit, sizeof(msg.u.FD_DROP.unit));
	strlcpy(msg.u.FD_DROP.fdname, fdname, sizeof(msg.u.FD_DROP.fdname));
	link_send_init(l, &msg);
}

void
link_fd_accept(
    struct link *l, uint32_t listener, uint32_t max, const char *unit, const char *fdname)
{
	struct msg msg;

	msg_init(&msg, MSG_FD_ACCEPT);
	msg.u.FD_ACCEPT.id = listener;
	msg.u.FD_ACCEPT.poll = max;
	strlcpy(msg.u.FD_ACCEPT.unit, unit, sizeof(msg.u.FD_ACCEPT.unit));
	strlcpy(msg.u.FD_ACCEPT.fdname, fdname, sizeof(msg.u.FD_ACCEPT.fdname));
	link_send_init(l, &msg);
}

void
link_fd_rename(struct link *l, uint32_t id, const char *unit, const char *fdname)
{
	struct msg msg;

	msg_init(&msg, MSG_FD_RENAME);
	msg.u.FD_RENAME.id = id;
	strlcpy(msg.u.FD_RENAME.unit, unit, sizeof(msg.u.FD_RENAME.unit));
	strlcpy(msg.u.FD_RENAME.fdname, fdname, sizeof(msg.u.FD_RENAME.fdname));
	link_send_init(l, &msg);
}

void
link_halt(struct link *l, enum halt_how how, int status)
{
	struct msg msg;

	msg_init(&msg, MSG_HALT);
	msg.u.HALT.how = how;
	msg.u.HALT.status = status;
	link_send_init(l, &msg);
}

void
link_reexec(struct link *l)
{
	struct msg msg;

	msg_init(&msg, MSG_REEXEC);
	link_send_init(l, &msg);
}

void
link_settings(struct link *l, const struct msg_settings *s)
{
	struct msg msg;

	msg_init(&msg, MSG_SETTINGS);
	msg.u.SETTINGS = *s;
	link_send_init(l, &msg);
}
