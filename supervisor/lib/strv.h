/*
 * strv: a growable vector of owned strings.
 *
 * A zeroed struct is empty.  When v is not NULL it ends with a NULL that does not count,
 * so that it can be handed to execve.  strv_argv never returns NULL.
 */
#ifndef SUPD_LIB_STRV_H
#define SUPD_LIB_STRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strv {
	char **v;
	uint32_t n;
	uint32_t cap;
};

/* Appends a copy. */
void strv_add(struct strv *sv, const char *s);
void strv_addn(struct strv *sv, const char *s, size_t n);
void strv_addf(struct strv *sv, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends s itself, a heap string that now belongs to the vector. */
void strv_take(struct strv *sv, char *s);
/* Appends copies of all of src. */
void strv_add_all(struct strv *sv, const struct strv *src);
/* Appends all of src themselves; it is empty then. */
void strv_move_all(struct strv *sv, struct strv *src);
/* Appends a copy unless an equal string is there; true when it was added. */
bool strv_add_unique(struct strv *sv, const char *s);
bool strv_contains(const struct strv *sv, const char *s);
/* Removes all strings equal to s, order kept; returns how many. */
size_t strv_remove(struct strv *sv, const char *s);
void strv_remove_at(struct strv *sv, size_t i);
/* Empties dst, then copies. */
void strv_copy(struct strv *dst, const struct strv *src);
bool strv_equal(const struct strv *a, const struct strv *b);
void strv_sort(struct strv *sv);
/* A heap string of the caller. */
char *strv_join(const struct strv *sv, const char *sep);
/* Splits at any character of seps, empty pieces left out; appends. */
void strv_split(struct strv *sv, const char *s, const char *seps);
/* Always NULL-terminated, never NULL; valid until the next change. */
char *const *strv_argv(const struct strv *sv);
/*
 * For vectors of NAME=VALUE: replace or append, drop, look up (NULL when absent).
 * strv_env_set takes the whole assignment; one without '=' is appended as it is.
 */
void strv_env_set(struct strv *env, const char *assignment);
void strv_env_unset(struct strv *env, const char *name);
const char *strv_env_get(const struct strv *env, const char *name);
/* Frees the strings and the vector; the struct may be used again. */
void strv_clear(struct strv *sv);
/* The same, under the name that callers expect. */
void strv_free(struct strv *sv);

#endif
