/*
 * adopt: slots to units.  Every message of init about a slot comes here: it is handed to
 * the service of the unit that the slot is of, also right after a start, when init tells
 * all it remembers; a slot of a unit that nobody knows is adopted by its name.
 */
#ifndef SUPD_MANAGER_ADOPT_H
#define SUPD_MANAGER_ADOPT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/msg.h"

struct manager;
struct unit;

/* Messages of init, and below those of the logger.  A descriptor that came along is ours
 * from then on, whatever becomes of it. */
void adopt_on_slot(struct manager *m, const struct msg_slot *s);
void adopt_on_notify_take_fd(struct manager *m, uint32_t slot, int fd);
void adopt_on_cgroup_take_fd(struct manager *m, uint32_t slot, int fd);
void adopt_on_stored_take_fd(struct manager *m, const struct msg_stored *s, int fd);
void adopt_on_unstored(struct manager *m, const struct msg_stored *s);
void adopt_on_started(struct manager *m, const struct msg_started *s);
void adopt_on_exit(struct manager *m, const struct msg_exit *x);
/* The same, and at once: its last words are read. */
void adopt_exit(struct manager *m, const struct msg_exit *x);
void adopt_on_empty(struct manager *m, uint32_t slot);
void adopt_on_slot_done(struct manager *m, uint32_t slot);
void adopt_on_stream_state(struct manager *m, const struct msg_stream_state *s);
void adopt_on_match(struct manager *m, const struct msg_match *x);
/* REPLAY_END: all that init remembers is known, let the services catch up. */
void adopt_finish(struct manager *m);
/* A unit whose files could not be read then was loaded: what is remembered of it. */
void adopt_late(struct unit *u);

/* A slot number that neither init nor we use, kept for that unit; SLOT_NONE: all used. */
uint32_t adopt_take_slot(struct manager *m, struct unit *u);
/* All are used, but one is being closed that nobody waits for yet: the unit's service is
 * told when it is free.  False: there is none. */
bool adopt_wait_slot(struct manager *m, struct unit *u);
void adopt_wait_end(struct unit *u);
/* The slot was closed by its service: it stays taken until init says SLOT_DONE. */
void adopt_close_slot(struct manager *m, uint32_t slot);
/* NULL when the slot is free or being closed. */
struct unit *adopt_slot_unit(struct manager *m, uint32_t slot);
/* The descriptor of its cgroup folder, -1: none. */
int adopt_slot_cgroup(struct manager *m, uint32_t slot);
/* init can end all of it by a cgroup.  Of a slot that init has not spoken of yet that is
 * so where cgroups can be made: what is sent to init comes behind its making. */
bool adopt_slot_is_contained(struct manager *m, uint32_t slot);
size_t adopt_slots_used(const struct manager *m);

#endif
