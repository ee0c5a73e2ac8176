/*
 * Slots: opening and closing invocations, and signalling them.
 */
#ifndef SUPD_INIT_SLOT_H
#define SUPD_INIT_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/chan.h"
#include "proto/table.h"

/* Bits of table_slot.told, of told_logger and told_terminal, and of
 * table_proc.told_started. */
enum {
	TOLD_SLOT = 1,
	TOLD_NOTIFY = 2,
	TOLD_CGROUP = 4,
	TOLD_FORKED = 1,
	TOLD_EXECED = 2,
	TOLD_OPEN = 1, /* the logger, or the terminal */
	TOLD_CLOSE = 2,
};

/* After a start from a table that was in use: descriptors, pids, half-made slots. */
void slot_recover(void);

/* Messages. */
void slot_on_open(const struct msg *m);
void slot_on_close(const struct msg *m);
void slot_on_watch_empty(const struct msg *m);
void slot_on_log_done(const struct msg *m);
void slot_on_term_done(const struct msg *m);
void slot_on_signal(const struct msg *m);
void slot_on_signal_step(const struct msg *m);
/* cgroup.events of the slot changed. */
void slot_on_cgroup_event(uint32_t slot);

/* Something of the slot is to be told to the manager, or may be over. */
void slot_changed(uint32_t slot);
/* Free the slot when everything of it is done and told. */
void slot_end_if_over(uint32_t slot);
/* Begin the end of a slot: terminal and logger drain it. */
void slot_close(uint32_t slot);
/* Signal all processes of a slot, as one of the scopes SIGNAL_SLOT... says. */
void slot_signal_all(uint32_t slot, int signo, enum signal_scope scope);
/* Its cgroup, if it has one, goes on: what it stood still for is over. */
void slot_thaw(uint32_t slot);
/* True while a process of the slot lives, as far as init can know. */
bool slot_is_alive(const struct table_slot *s);
bool proc_is_alive(const struct table_proc *p);

#endif
