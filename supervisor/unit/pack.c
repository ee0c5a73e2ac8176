/*
 * pack: confs as few blocks of memory, parts that say the same shared.
 *
 * A part that may be shared is compared as bytes.  Its pointers lead into itself: moved
 * to the place of the other one they are equal when what they lead to is.  (What lies
 * between the fields of a struct may differ; then it is kept twice, no more.)
 */
#include "unit/pack.h"

#include <sys/tree.h>

#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/pack_walk.h"

struct shared {
	RB_ENTRY(shared) node;
	struct pack_pool *pool;
	uint64_t sum;
	uint32_t bytes; /* of data, a multiple of 8 */
	uint32_t users;
	bool in_tree;
	uint64_t data[];
};
RB_HEAD(shared_tree, shared);

struct pack_pool {
	struct shared_tree tree;
	size_t n; /* of shared parts, and one for its owner */
};

static int
shared_compare(const struct shared *a, const struct shared *b)
{
	if (a->sum != b->sum)
		return a->sum < b->sum ? -1 : 1;
	return a->bytes == b->bytes ? 0 : a->bytes < b->bytes ? -1 : 1;
}

RB_GENERATE_INTERNAL(
    shared_tree, shared, node, shared_compare, __attribute__((unused)) static)

struct pack_pool *
pack_pool_new(void)
{
	struct pack_pool *pool = xcalloc(1, sizeof(*pool));

	RB_INIT(&pool->tree);
	pool->n = 1;
	return pool;
}

static void
pool_leave(struct pack_pool *pool)
{
	if (--pool->n == 0)
		free(pool);
}

void
pack_pool_end(struct pack_pool *pool)
{
	if (pool != NULL)
		pool_leave(pool);
}

/* Moves the pointers of data by so many bytes. */
static void
move_pointers(struct shared *s, const struct offsets *pointers, uintptr_t by)
{
	for (size_t i = 0; i < pointers->n; i++) {
		char *at = (char *)s->data + pointers->v[i];
		uintptr_t p;

		memcpy(&p, at, sizeof(p));
		p += by;
		memcpy(at, &p, sizeof(p));
	}
}

static uint64_t
sum_of(const struct shared *s)
{
	uint64_t sum = s->bytes;

	for (size_t i = 0; i < s->bytes / 8; i++) {
		sum = (sum ^ s->data[i]) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 32;
	}
	return sum;
}

/* The one that the pool has of a new one, which it takes; or the new one. */
static struct shared *
pool_find(struct pack_pool *pool, struct shared *s, const struct offsets *pointers)
{
	uintptr_t mine = (uintptr_t)s->data;
	struct shared *old;

	move_pointers(s, pointers, -mine);
	s->sum = sum_of(s);
	old = RB_FIND(shared_tree, &pool->tree, s);
	if (old != NULL) {
		move_pointers(s, pointers, (uintptr_t)old->data);
		if (memcmp(s->data, old->data, s->bytes) == 0) {
			free(s);
			old->users++;
			return old;
		}
		move_pointers(s, pointers, -(uintptr_t)old->data);
	}
	move_pointers(s, pointers, mine);
	s->in_tree = old == NULL;
	if (s->in_tree)
		RB_INSERT(shared_tree, &pool->tree, s);
	pool->n++;
	return s;
}

static const void *
share(struct pack_pool *pool, enum part part, void *from)
{
	size_t bytes = (part_measure(part, from) + 7) / 8 * 8;
	struct shared *s = xcalloc(1, sizeof(*s) + bytes);
	struct offsets pointers = { 0 };

	s->pool = pool;
	s->bytes = (uint32_t)bytes;
	s->users = 1;
	part_copy(part, from, s->data, &pointers);
	s = pool_find(pool, s, &pointers);
	free(pointers.v);
	part_free_pieces(part, from);
	return s->data;
}

static void
unshare(const void *data)
{
	struct shared *s = (void *)((uintptr_t)data - offsetof(struct shared, data));

	if (--s->users > 0)
		return;
	if (s->in_tree)
		RB_REMOVE(shared_tree, &s->pool->tree, s);
	pool_leave(s->pool);
	free(s);
}

struct unit_conf *
conf_pack(struct pack_pool *pool, struct unit_parts *parts)
{
	struct unit_conf *conf;

	parts->unit.rules = share(pool, PART_RULES, &parts->rules);
	parts->unit.service = share(pool, PART_SERVICE, &parts->service);
	parts->unit.session =
	    parts->session.any ? share(pool, PART_SESSION, &parts->session) : NULL;
	if (parts->unit.trigger != NULL)
		parts->unit.trigger = share(pool, PART_TRIGGER, &parts->trigger);
	conf = xmalloc(part_measure(PART_UNIT, &parts->unit));
	part_copy(PART_UNIT, &parts->unit, conf, NULL);
	part_free_pieces(PART_UNIT, &parts->unit);
	free(parts);
	return conf;
}

void
conf_pack_free(struct unit_conf *conf)
{
	if (conf == NULL)
		return;
	unshare(conf->rules);
	unshare(conf->service);
	if (conf->session != NULL)
		unshare(conf->session);
	if (conf->trigger != NULL)
		unshare(conf->trigger);
	free(conf);
}
