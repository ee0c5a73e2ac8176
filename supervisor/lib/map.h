/*
 * map: string to pointer, open addressing, keyed hash.
 *
 * A zeroed struct is an empty map.  Keys are copied and owned by the map, values belong
 * to the caller.  Each map draws its own hash key, so names chosen by a stranger cannot
 * be made to collide; therefore the order of iteration is arbitrary: use map_keys for
 * what people see.
 */
#ifndef SUPD_LIB_MAP_H
#define SUPD_LIB_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strv;
struct map_slot;

struct map {
	struct map_slot *slots;
	size_t cap;  /* a power of two, or 0 */
	size_t n;    /* entries */
	size_t used; /* entries and graves */
	uint64_t key[2];
};

/* NULL: there is none. */
void *map_get(const struct map *m, const char *key);
bool map_has(const struct map *m, const char *key);
/* Sets or replaces; returns the old value, NULL if there was none. */
void *map_set(struct map *m, const char *key, void *value);
/* Returns the value removed, NULL if there was none. */
void *map_del(struct map *m, const char *key);
/*
 * Iterates: size_t it = 0; while (map_next(m, &it, &key, &value)) …  key or value may be
 * NULL when not wanted.  Removing the entry just returned is allowed, adding is not.
 */
bool map_next(const struct map *m, size_t *it, const char **key, void **value);
void map_foreach(
    const struct map *m, void (*fn)(const char *key, void *value, void *arg), void *arg);
/* Appends all keys to out, sorted by bytes. */
void map_keys(const struct map *m, struct strv *out);
/* Frees keys and table; calls free_value (may be NULL) on each value. */
void map_clear(struct map *m, void (*free_value)(void *value));

#endif
