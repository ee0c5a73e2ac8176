/*
 * strv: see the header.
 */
#include "lib/strv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/xalloc.h"

enum { STRV_MAX = 1 << 30 };

void
strv_take(struct strv *sv, char *s)
{
	if (sv->n + 2 > sv->cap) {
		/* Nothing of ours comes near: a runaway ends here, not by wrapping
		 * around. */
		if (sv->cap > STRV_MAX / 2)
			abort();
		sv->cap = sv->cap != 0 ? sv->cap * 2 : 8;
		sv->v = xreallocarray(sv->v, sv->cap, sizeof(*sv->v));
	}
	sv->v[sv->n++] = s;
	sv->v[sv->n] = NULL;
}

void
strv_add(struct strv *sv, const char *s)
{
	strv_take(sv, xstrdup(s));
}

void
strv_addn(struct strv *sv, const char *s, size_t n)
{
	strv_take(sv, xstrndup(s, n));
}

void
strv_addf(struct strv *sv, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strv_take(sv, xvasprintf(fmt, ap));
	va_end(ap);
}

void
strv_add_all(struct strv *sv, const struct strv *src)
{
	size_t n = src->n; /* src may be sv itself. */

	for (size_t i = 0; i < n; i++)
		strv_add(sv, src->v[i]);
}

void
strv_move_all(struct strv *sv, struct strv *src)
{
	if (sv->v == NULL) {
		*sv = *src;
	} else {
		for (size_t i = 0; i < src->n; i++)
			strv_take(sv, src->v[i]);
		free(src->v);
	}
	*src = (struct strv){ 0 };
}

bool
strv_contains(const struct strv *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++) {
		if (strcmp(sv->v[i], s) == 0)
			return true;
	}
	return false;
}

bool
strv_add_unique(struct strv *sv, const char *s)
{
	if (strv_contains(sv, s))
		return false;
	strv_add(sv, s);
	return true;
}

void
strv_remove_at(struct strv *sv, size_t i)
{
	assert(i < sv->n);
	free(sv->v[i]);
	memmove(&sv->v[i], &sv->v[i + 1], (sv->n - i) * sizeof(*sv->v));
	sv->n--;
}

size_t
strv_remove(struct strv *sv, const char *s)
{
	char *same = NULL;
	size_t kept = 0, gone;

	for (size_t i = 0; i < sv->n; i++) {
		if (strcmp(sv->v[i], s) != 0) {
			sv->v[kept++] = sv->v[i];
			continue;
		}
		/* s may be one of ours: it must live until the last comparison. */
		if (sv->v[i] == s)
			same = sv->v[i];
		else
			free(sv->v[i]);
	}
	free(same);
	gone = sv->n - kept;
	sv->n = (uint32_t)kept;
	if (sv->v != NULL)
		sv->v[kept] = NULL;
	return gone;
}

void
strv_copy(struct strv *dst, const struct strv *src)
{
	struct strv copy = { 0 };

	strv_add_all(&copy, src);
	strv_clear(dst);
	*dst = copy;
}

bool
strv_equal(const struct strv *a, const struct strv *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	}
	return true;
}

static int
compare(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

void
strv_sort(struct strv *sv)
{
	if (sv->n > 1)
		qsort(sv->v, sv->n, sizeof(*sv->v), compare);
}

char *
strv_join(const struct strv *sv, const char *sep)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < sv->n; i++) {
		if (i > 0)
			buf_adds(&b, sep);
		buf_adds(&b, sv->v[i]);
	}
	return buf_take(&b);
}

void
strv_split(struct strv *sv, const char *s, const char *seps)
{
	for (;;) {
		size_t len;

		s += strspn(s, seps);
		len = strcspn(s, seps);
		if (len == 0)
			return;
		strv_addn(sv, s, len);
		s += len;
	}
}

char *const *
strv_argv(const struct strv *sv)
{
	static char *const nothing[] = { NULL };

	return sv->v != NULL ? sv->v : nothing;
}

/* Index of the assignment to the name of this length, or n. */
static size_t
env_find(const struct strv *env, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < env->n; i++) {
		if (strncmp(env->v[i], name, len) == 0 && env->v[i][len] == '=')
			break;
	}
	return i;
}

void
strv_env_set(struct strv *env, const char *assignment)
{
	const char *eq = strchr(assignment, '=');
	size_t i = env->n;

	if (eq != NULL)
		i = env_find(env, assignment, (size_t)(eq - assignment));
	if (i == env->n) {
		strv_add(env, assignment);
	} else {
		char *copy = xstrdup(assignment);

		free(env->v[i]);
		env->v[i] = copy;
	}
}

void
strv_env_unset(struct strv *env, const char *name)
{
	size_t len = strlen(name), i;

	while ((i = env_find(env, name, len)) < env->n)
		strv_remove_at(env, i);
}

const char *
strv_env_get(const struct strv *env, const char *name)
{
	size_t len = strlen(name), i = env_find(env, name, len);

	return i < env->n ? env->v[i] + len + 1 : NULL;
}

void
strv_clear(struct strv *sv)
{
	for (size_t i = 0; i < sv->n; i++)
		free(sv->v[i]);
	free(sv->v);
	*sv = (struct strv){ 0 };
}

void
strv_free(struct strv *sv)
{
	strv_clear(sv);
}
