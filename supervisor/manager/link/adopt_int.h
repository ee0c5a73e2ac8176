/*
 * adopt_int: the slots as the manager knows them, between adopt.c (what is said of them)
 * and adopt_slot.c (whose they are, and who waits for one).  Nobody else includes it.
 */
#ifndef SUPD_MANAGER_ADOPT_INT_H
#define SUPD_MANAGER_ADOPT_INT_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/service/notify.h"

struct loop_io;
struct loop_timer;
struct manager;
struct unit;

struct slot {
	struct manager *m;
	struct unit *unit; /* NULL: free, or being closed */
	struct loop_io *notify_io;
	int notify_fd;
	struct loop_io *ready_io; /* NotifyFD=, until it has spoken */
	struct loop_timer *ready_timer;
	int ready_fd;
	int cgroup_fd;
	uint32_t number;
	bool used;     /* from slot_take until SLOT_DONE */
	bool closing;  /* the logger takes what is left in its pipes */
	bool answered; /* init has spoken of it */
	bool has_cgroup;
	/* Whose it was, from its close until SLOT_DONE: the logger's last words of it
	 * come when init has forgotten it.  NULL else. */
	char *closed_unit, *closed_ref;
	uint8_t closed_invocation[16];
};

/* A unit that is to start as soon as a slot is free. */
struct slot_wait {
	TAILQ_ENTRY(slot_wait) next;
	struct unit *unit;
};

struct slots {
	TAILQ_HEAD(slot_wait_list, slot_wait) waits; /* who came first is first */
	size_t closing;
	struct slot **v; /* made on first use; there are many numbers and few services */
	uint32_t n;
	uint32_t lowest; /* none below is free */
	size_t used;
	struct notify_packet packet;
};

/* Made on first use; NULL: there is no such number. */
struct slot *slot_of(struct manager *m, uint32_t number);
/* It is the unit's from now on. */
void slot_use(struct slot *s, struct unit *u);
/* NotifyFD= has spoken, or has nothing to say any more. */
void slot_ready_end(struct slot *s);
/* It stays taken until slot_release: the logger takes what is left in its pipes. */
void slot_closes(struct slot *s);
/* It is free, and its number can be taken again. */
void slot_release(struct slot *s);
/* After the release of a slot; with none left that is being closed all others hear of it,
 * too, and that there is none for them. */
void slot_tell_waiting(struct manager *m);

#endif
