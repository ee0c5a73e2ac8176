/*
 * pool: who of a pool runs, who waits for slots of it, and who is next.
 *
 * Knows of no unit, no loop and no clock: whoever asks has a member for each of those
 * that it is about, and says what time it is.
 *
 * The order is by priority, the higher first.  Within one, the groups take turns (a group
 * is a template: ten thousand instances of one keep nobody else waiting), and within a
 * group, as among those of none, who came first is first.  Who came when is the number
 * that each member was given, so that the order can be made again of what is remembered.
 *
 * Members that wait are in a tree that counts them: to come, to go, to be admitted, and
 * to ask for a place costs the logarithm of how many there are.
 *
 * What it promises: it admits nobody beyond its slots, nor sooner than the spacing and
 * the rate allow, and passes nobody over.  Of those that run already (pool_hold) there
 * may be more: that ends nobody.
 */
#ifndef SUPD_MANAGER_ACTIVATE_POOL_H
#define SUPD_MANAGER_ACTIVATE_POOL_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct pool_group;

enum pool_member_state {
	POOL_OUT,   /* it is in no pool */
	POOL_WAITS, /* in its order */
	POOL_ASIDE, /* it waits, and is passed over until pool_wait is called again */
	POOL_HOLDS, /* it has its slots */
};

struct pool_limits {
	uint32_t slots;
	uint64_t spacing_us; /* between two starts; 0: none */
	uint64_t jitter_us;  /* what pool_admit says over it, at most */
	/* So many starts within any time of rate_us, at most POOL_RATE_MAX; 0: no limit.
	 */
	uint32_t rate;
	uint64_t rate_us;
};
enum { POOL_RATE_MAX = 1000 };

/* How it waits. */
struct pool_claim {
	int32_t priority;
	/* Slots that it takes, at least 1.  What wants more than the pool has takes them
	 * all: it has the pool for itself. */
	uint32_t weight;
	uint64_t number;   /* never 0 and no other's */
	const char *group; /* NULL: none */
};

/* Zeroed: in no pool.  The caller's, and where it is as long as it is in one; all but
 * data is read by others and written here. */
struct pool_member {
	void *data;
	struct pool *pool;
	enum pool_member_state state;
	int32_t priority;
	uint32_t weight;
	uint64_t number;
	uint64_t turn;
	struct pool_group *group; /* of one that waits; NULL: none */
	size_t count;             /* of its part of the tree */
	RB_ENTRY(pool_member) node;
	TAILQ_ENTRY(pool_member) next; /* of those that hold, or are aside */
};

struct pool *pool_new(const struct pool_limits *l);
/* What its caller has of it; NULL at first. */
void pool_set_data(struct pool *p, void *data);
void *pool_data(const struct pool *p);
/* Nobody is in it. */
void pool_free(struct pool *p);
/* From now on; those that have slots keep them. */
void pool_set_limits(struct pool *p, const struct pool_limits *l);
const struct pool_limits *pool_limits(const struct pool *p);

/* It waits in its order, wherever it was before; where it was already, it stays. */
void pool_wait(struct pool *p, struct pool_member *x, const struct pool_claim *claim);
/* One that waits is passed over. */
void pool_set_aside(struct pool_member *x);
/* It has its slots, whatever the limit says; no start of it counts. */
void pool_hold(struct pool *p, struct pool_member *x, uint32_t weight);
/* It is in no pool any more; nothing happens to one that is in none. */
void pool_leave(struct pool_member *x);

/* Who is the next one, whether he can be admitted or not; NULL: nobody waits in the
 * order.
 */
struct pool_member *pool_first(struct pool *p);
/* Who would be admitted now; NULL: nobody. */
struct pool_member *pool_next(struct pool *p, uint64_t now_us);
/* What pool_next has returned has its slots from now on.  The next one is not admitted
 * before extra_us over the spacing. */
void pool_admit(struct pool_member *x, uint64_t now_us, uint64_t extra_us);

/* Why nobody is. */
enum pool_bar {
	POOL_BAR_NONE,    /* somebody is admitted, */
	POOL_BAR_NOBODY,  /* or waits in the order */
	POOL_BAR_SLOTS,   /* the next one needs more than are free */
	POOL_BAR_SPACING, /* until *until_us */
	POOL_BAR_RATE,    /* until *until_us */
};
enum pool_bar pool_bar(struct pool *p, uint64_t now_us, uint64_t *until_us);

/* Starts that may count for the spacing or the rate, the oldest first: the nth of them;
 * 0: there are no more.  And one of an earlier manager, in the same order. */
uint64_t pool_start_us(const struct pool *p, size_t n);
void pool_add_start(struct pool *p, uint64_t us);
/* What the newest of them has over the spacing. */
uint64_t pool_extra_us(const struct pool *p);
void pool_set_extra_us(struct pool *p, uint64_t us);

/* Slots that are taken. */
uint64_t pool_taken(const struct pool *p);
/* So many members have theirs. */
size_t pool_held(const struct pool *p);
/* So many wait, those that are aside among them. */
size_t pool_waiting(const struct pool *p);
/* 1: it is the next one; 0: it is not in the order. */
size_t pool_place(struct pool_member *x);
/* Those that have slots, the oldest first; then (x the one before, NULL: the first)
 * those that wait, in their order, and those that are aside. */
struct pool_member *pool_each_held(const struct pool *p, const struct pool_member *x);
struct pool_member *pool_each_waiting(struct pool *p, struct pool_member *x);

#endif
