/*
 * timer_queue: who wants to be woken up when: one wake-up for all.
 *
 * Each entry names a time from which, and a time until which, it wants to be woken.  Of
 * the moments in between one is chosen that others choose as well: the full minute, 10
 * seconds, second or quarter of one, all later by an offset that is the same for all of
 * this instance, so that those of a machine, or of many machines, do not meet.
 *
 * Adding, moving and taking costs the logarithm of their number.  Times are monotonic.
 */
#ifndef SUPD_MANAGER_ACTIVATE_TIMER_QUEUE_H
#define SUPD_MANAGER_ACTIVATE_TIMER_QUEUE_H

#include <sys/types.h>

#include <bsd/sys/tree.h>

#include <stdbool.h>
#include <stdint.h>

/* Embedded in what waits; zeroed: it does not. */
struct timer_entry {
	RB_ENTRY(timer_entry) node;
	uint64_t wake_us;
	uint64_t order; /* of those at the same time */
	bool queued;
};

RB_HEAD(timer_tree, timer_entry);
struct timer_queue {
	struct timer_tree tree;
	uint64_t offset_us; /* below a minute */
	uint64_t order;
};

void timer_queue_init(struct timer_queue *q, uint64_t offset_us);
/* INFINITY: takes it out. */
void timer_queue_set(
    struct timer_queue *q, struct timer_entry *e, uint64_t from_us, uint64_t until_us);
/* When the first wants to be woken; INFINITY: none. */
uint64_t timer_queue_next(const struct timer_queue *q);
/* Takes the first out whose time has come; NULL: there is none. */
struct timer_entry *timer_queue_take(struct timer_queue *q, uint64_t now_us);
/* The moment that is chosen. */
uint64_t timer_queue_moment(
    const struct timer_queue *q, uint64_t from_us, uint64_t until_us);

#endif
