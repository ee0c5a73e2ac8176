#include "boot/revive.h"

#include <string.h>

#include "lib/clock.h"
#include "proto/table.h"

bool
revive_has_slots(struct table *t)
{
	for (uint32_t i = 0; i < table_used(t); i++) {
		if (table_slot(t, i)->state != SLOT_FREE)
			return true;
	}
	return false;
}

/* Numbers of descriptors of a dead process mean nothing, or something else, in ours. */
static void
forget_slot_fds(struct table_slot *s)
{
	s->fd_out = s->fd_err = s->fd_notify = s->fd_cgroup = s->fd_events = -1;
	for (int k = 0; k < PROC_N; k++) {
		s->proc[k].pidfd = s->proc[k].report_fd = -1;
		s->proc[k].is_child = 0;
	}
}

void
revive_table(struct table *t)
{
	for (uint32_t i = 0; i < table_used(t); i++) {
		if (table_slot(t, i)->state != SLOT_FREE)
			forget_slot_fds(table_slot(t, i));
	}
	/* Descriptors that were kept for services died with who kept them. */
	for (int i = 0; i < STORED_MAX; i++) {
		t->stored[i].used = 0;
		t->stored[i].fd = -1;
	}
	memset(t->role, 0, sizeof(t->role));
	for (int i = 0; i < ROLE_N; i++)
		t->role[i].chan_fd = -1;
	memset(t->signal, 0, sizeof(t->signal));
	for (int i = 0; i < FD_N; i++)
		t->fd[i] = -1;
	t->halting = 0;
	t->halt_status = 0;
	t->crashes = 0;
	t->start_wall_us = clock_wall_us();
	t->revived = 1;
}
