/*
 * map: linear probing in a table that is at most three quarters full, SipHash-1-3 over
 * the key.  A removed entry leaves a grave, so that an iteration may remove; graves go
 * when the table is rebuilt.
 */
#include "lib/map.h"

#include <sys/random.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/strv.h"
#include "lib/xalloc.h"

struct map_slot {
	char *key; /* NULL: free */
	void *value;
	uint64_t hash;
};

enum {
	MAP_FIRST = 16,
};

/* The key of a slot whose entry was removed; compared by address only. */
static char grave[1];

static uint64_t
rotl(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t
hash_key(const struct map *m, const char *s)
{
	uint64_t v[4] = { m->key[0] ^ UINT64_C(0x736f6d6570736575),
		m->key[1] ^ UINT64_C(0x646f72616e646f6d),
		m->key[0] ^ UINT64_C(0x6c7967656e657261),
		m->key[1] ^ UINT64_C(0x7465646279746573) };
	size_t len = strlen(s), left = len;
	uint64_t word;

	for (; left >= 8; left -= 8, s += 8) {
		memcpy(&word, s, 8);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	word = 0;
	memcpy(&word, s, left);
	word |= (uint64_t)(len & 0xff) << 56;
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Of one that is drawn once: thousands of maps are made to load units.  Whoever does not
 * know that one can aim at none of them. */
static void
draw_key(struct map *m)
{
	static uint64_t key[2];
	static uint64_t count;
	static bool drawn;
	struct timespec ts = { 0 };

	if (!drawn)
		drawn =
		    getrandom(key, sizeof(key), GRND_NONBLOCK) == (ssize_t)sizeof(key);
	if (drawn) {
		m->key[0] = key[0] + ++count;
		m->key[1] = key[1] ^ count;
		return;
	}
	/* Early at boot there may be no randomness yet; addresses and time must do. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	m->key[0] = (uint64_t)(uintptr_t)m ^ (uint64_t)ts.tv_nsec << 20;
	m->key[1] = (uint64_t)(uintptr_t)m->slots ^ (uint64_t)ts.tv_sec;
}

/* The slot of key, or NULL. */
static struct map_slot *
find(const struct map *m, const char *key)
{
	uint64_t hash;

	if (m->n == 0)
		return NULL;
	hash = hash_key(m, key);
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct map_slot *s = &m->slots[i];

		if (s->key == NULL)
			return NULL;
		if (s->key != grave && s->hash == hash && strcmp(s->key, key) == 0)
			return s;
	}
}

/* The first free slot for hash; there always is one. */
static struct map_slot *
find_free(struct map_slot *slots, size_t cap, uint64_t hash)
{
	size_t i = hash & (cap - 1);

	while (slots[i].key != NULL)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static void
make_room(struct map *m)
{
	size_t cap = m->cap != 0 ? m->cap : MAP_FIRST;
	struct map_slot *slots;

	if (m->cap != 0 && m->used + 1 <= m->cap - m->cap / 4)
		return;
	/* Twice the size when it is really full, the same when it is full of graves. */
	if (m->n >= cap / 2)
		cap *= 2;
	slots = xcalloc(cap, sizeof(*slots));
	for (size_t i = 0; i < m->cap; i++) {
		struct map_slot *s = &m->slots[i];

		if (s->key != NULL && s->key != grave)
			*find_free(slots, cap, s->hash) = *s;
	}
	if (m->slots == NULL)
		draw_key(m);
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	m->used = m->n;
}

void *
map_get(const struct map *m, const char *key)
{
	const struct map_slot *s = find(m, key);

	return s != NULL ? s->value : NULL;
}

bool
map_has(const struct map *m, const char *key)
{
	return find(m, key) != NULL;
}

void *
map_set(struct map *m, const char *key, void *value)
{
	struct map_slot *s = find(m, key);
	uint64_t hash;

	if (s != NULL) {
		void *old = s->value;

		s->value = value;
		return old;
	}
	make_room(m);
	hash = hash_key(m, key);
	*find_free(m->slots, m->cap, hash) =
	    (struct map_slot){ .key = xstrdup(key), .value = value, .hash = hash };
	m->n++;
	m->used++;
	return NULL;
}

void *
map_del(struct map *m, const char *key)
{
	struct map_slot *s = find(m, key);
	void *value;

	if (s == NULL)
		return NULL;
	value = s->value;
	free(s->key);
	s->key = grave;
	s->value = NULL;
	m->n--;
	return value;
}

bool
map_next(const struct map *m, size_t *it, const char **key, void **value)
{
	for (; *it < m->cap; (*it)++) {
		const struct map_slot *s = &m->slots[*it];

		if (s->key == NULL || s->key == grave)
			continue;
		if (key != NULL)
			*key = s->key;
		if (value != NULL)
			*value = s->value;
		(*it)++;
		return true;
	}
	return false;
}

void
map_foreach(
    const struct map *m, void (*fn)(const char *key, void *value, void *arg), void *arg)
{
	const char *key;
	void *value;
	size_t it = 0;

	while (map_next(m, &it, &key, &value))
		fn(key, value, arg);
}

void
map_keys(const struct map *m, struct strv *out)
{
	struct strv keys = { 0 };
	const char *key;
	size_t it = 0;

	while (map_next(m, &it, &key, NULL))
		strv_add(&keys, key);
	strv_sort(&keys);
	strv_move_all(out, &keys);
}

void
map_clear(struct map *m, void (*free_value)(void *value))
{
	for (size_t i = 0; i < m->cap; i++) {
		struct map_slot *s = &m->slots[i];

		if (s->key == NULL || s->key == grave)
			continue;
		if (free_value != NULL)
			free_value(s->value);
		free(s->key);
	}
	free(m->slots);
	*m = (struct map){ 0 };
}
