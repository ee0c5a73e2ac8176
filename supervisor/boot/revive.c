#include "boot/revive.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "proto/table.h"

/* Fields of /proc/PID/stat, as proc(5) counts them. */
enum {
	STAT_COMM = 2,
	STAT_THREADS = 20,
	STAT_START = 22,
};

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
	s->fd_master = -1;
	for (int k = 0; k < PROC_N; k++) {
		s->proc[k].pidfd = s->proc[k].report_fd = -1;
		s->proc[k].is_child = 0;
	}
}

/* Start time of a process as the kernel counts it, 0: there is none, or it has ended and
 * its parent has not looked yet, which some never do. */
static uint64_t
start_ticks(pid_t pid)
{
	char path[32], text[1024], *p;
	uint64_t ticks = 0;
	bool ended;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The name in field 2 may hold anything: count from the last parenthesis. */
	p = strrchr(text, ')');
	ended = p != NULL && p[1] == ' ' && (p[2] == 'Z' || p[2] == 'X');
	for (int field = STAT_COMM; p != NULL && field < STAT_START; field++) {
		p = strchr(p + 1, ' ');
		/* (Its first thread may have ended before the others.) */
		if (field == STAT_THREADS - 1 && p != NULL && ended &&
		    strtol(p + 1, NULL, 10) <= 1)
			return 0;
	}
	if (p != NULL)
		ticks = strtoull(p + 1, NULL, 10);
	return ticks;
}

/* Something of what the dead supd ran is still there. */
static bool
something_lives(struct table *t)
{
	for (uint32_t i = 0; i < table_used(t); i++) {
		const struct table_slot *s = table_slot(t, i);

		for (int k = 0; s->state != SLOT_FREE && k < PROC_N; k++) {
			const struct table_proc *p = &s->proc[k];

			if ((p->state == TPROC_RUNNING || p->state == TPROC_FORKING) &&
			    p->pid > 0 && p->start_ticks != 0 &&
			    start_ticks(p->pid) == p->start_ticks)
				return true;
		}
	}
	return false;
}

void
revive_table(struct table *t)
{
	/* When nothing lived on, the units start as with any start of the instance.  Else
	 * this supd carries on: what was done is not done again. */
	if (!something_lives(t))
		t->start_wall_us = clock_wall_us();
	for (uint32_t i = 0; i < table_used(t); i++) {
		if (table_slot(t, i)->state != SLOT_FREE)
			forget_slot_fds(table_slot(t, i));
	}
	/* Descriptors that were kept for services died with who kept them. */
	for (uint32_t i = 0; i < table_stored_used(t); i++) {
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
	t->revived = 1;
}
