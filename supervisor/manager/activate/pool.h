/*
 * pool: who of a pool runs, who waits for a slot of it, and who is next.
 *
 * Knows of no unit, no loop and no clock: whoever asks has a member for each of those
 * that it is about, and says what time it is.  The order is by priority, the higher
 * first, and within one by the number that each member was given when it came, so that an
 * order which is remembered by these numbers can be made again.
 *
 * Members that wait are in a tree that counts them: to come, to go, to be admitted, and
 * to ask for a place costs the logarithm of how many there are.
 *
 * What it promises: it admits nobody beyond its slots, nor sooner than the spacing
 * allows. Of those that run already (pool_hold) there may be more: that ends nobody.
 */
#ifndef SUPD_MANAGER_ACTIVATE_POOL_H
#define SUPD_MANAGER_ACTIVATE_POOL_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

enum pool_member_state {
	POOL_OUT,   /* it is in no pool */
	POOL_WAITS, /* in its order */
	POOL_ASIDE, /* it waits, and is passed over until pool_wait is called again */
	POOL_HOLDS, /* it has a slot */
};

/* Zeroed: in no pool.  The caller's, and where it is as long as it is in one; all but
 * data is read by others and written here. */
struct pool_member {
	void *data;
	struct pool *pool;
	enum pool_member_state state;
	int32_t priority;
	uint64_t number;
	size_t count; /* of its part of the tree */
	RB_ENTRY(pool_member) node;
	TAILQ_ENTRY(pool_member) next; /* of those that hold, or are aside */
};

struct pool *pool_new(uint32_t slots, uint64_t spacing_us);
/* What its caller has of it; NULL at first. */
void pool_set_data(struct pool *p, void *data);
void *pool_data(const struct pool *p);
/* Nobody is in it. */
void pool_free(struct pool *p);
/* From now on; those that have a slot keep it. */
void pool_set_limits(struct pool *p, uint32_t slots, uint64_t spacing_us);

/* It waits in its order, wherever it was before; number is never 0 and no other's. */
void pool_wait(struct pool *p, struct pool_member *x, int32_t priority, uint64_t number);
/* One that waits is passed over. */
void pool_set_aside(struct pool_member *x);
/* It has a slot, whatever the limit says; no start of it counts for the spacing. */
void pool_hold(struct pool *p, struct pool_member *x);
/* It is in no pool any more; nothing happens to one that is in none. */
void pool_leave(struct pool_member *x);

/* Who would be admitted now; NULL: nobody. */
struct pool_member *pool_next(struct pool *p, uint64_t now_us);
/* What pool_next has returned has a slot from now on. */
void pool_admit(struct pool_member *x, uint64_t now_us);
/* When time alone lets somebody in; UINT64_MAX: it does not. */
uint64_t pool_due_us(const struct pool *p);
/* The newest start that counts for the spacing, 0: none; and as it was remembered. */
uint64_t pool_last_us(const struct pool *p);
void pool_set_last_us(struct pool *p, uint64_t us);

uint32_t pool_slots(const struct pool *p);
uint64_t pool_spacing_us(const struct pool *p);
/* So many have a slot. */
size_t pool_held(const struct pool *p);
/* So many wait, those that are aside among them. */
size_t pool_waiting(const struct pool *p);
/* 1: it is the next one; 0: it is not in the order. */
size_t pool_place(const struct pool_member *x);
/* Those that have a slot, the oldest first; then (x the one before, NULL: the first)
 * those that wait, in their order, and those that are aside. */
struct pool_member *pool_each_held(const struct pool *p, const struct pool_member *x);
struct pool_member *pool_each_waiting(struct pool *p, struct pool_member *x);

#endif
