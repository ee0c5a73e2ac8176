/*
 * json: the values of a tree, and the readers that say what is wrong.  json_parse.c makes
 * trees, json_write.c is the way back.
 */
#include "lib/json.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json_int.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

/* ---- values ---- */

enum {
	KEY_SHOWN = 64, /* bytes of a stranger's key that an error repeats */
};

static bool
is_container(const struct jv *v)
{
	return v->type == JV_ARRAY || v->type == JV_OBJECT;
}

void
jv_free(struct jv *v)
{
	struct arena a;

	if (v == NULL)
		return;
	assert(v->parent == NULL);
	/* The root is the first of its tree; a copy, since the arena lies in itself. */
	a = ((struct tree *)v)->arena;
	arena_free(&a);
}

enum jv_type
jv_type(const struct jv *v)
{
	return v != NULL ? v->type : JV_NULL;
}

const char *
jv_type_name(const struct jv *v)
{
	static const char *const names[] = {
		[JV_NULL] = "null",
		[JV_BOOL] = "a boolean",
		[JV_INT] = "a number",
		[JV_DOUBLE] = "a number",
		[JV_STRING] = "a string",
		[JV_ARRAY] = "an array",
		[JV_OBJECT] = "an object",
	};

	return names[jv_type(v)];
}

size_t
jv_count(const struct jv *v)
{
	return v != NULL && is_container(v) ? v->u.kids.n : 0;
}

/* Most names that differ do so at once. */
static bool
is_named(const struct jv *v, const char *key)
{
	return v->key[0] == key[0] && strcmp(v->key, key) == 0;
}

static int
compare_key(const void *key, const void *member)
{
	const struct jv *const *m = member;

	return strcmp(key, (*m)->key);
}

const struct jv *
jv_get(const struct jv *v, const char *key)
{
	struct jv *const *found;

	if (v == NULL || v->type != JV_OBJECT)
		return NULL;
	if (v->u.kids.sorted != NULL) {
		found = bsearch(
		    key, v->u.kids.sorted, v->u.kids.n, sizeof(*found), compare_key);
		return found != NULL ? *found : NULL;
	}
	for (size_t i = 0; i < v->u.kids.n; i++) {
		if (is_named(v->u.kids.v[i], key))
			return v->u.kids.v[i];
	}
	return NULL;
}

const struct jv *
jv_at(const struct jv *v, size_t i)
{
	return i < jv_count(v) ? v->u.kids.v[i] : NULL;
}

const char *
jv_key_at(const struct jv *v, size_t i)
{
	return jv_type(v) == JV_OBJECT && i < v->u.kids.n ? v->u.kids.v[i]->key : NULL;
}

/* A string with a NUL inside would be shorter for C than for whoever checked it. */
static bool
is_c_string(const struct jv *v)
{
	return v->type == JV_STRING && memchr(v->u.s.p, '\0', v->u.s.n) == NULL;
}

const char *
jv_str(const struct jv *v, const char *dflt)
{
	return v != NULL && is_c_string(v) ? v->u.s.p : dflt;
}

const char *
jv_strn(const struct jv *v, size_t *len)
{
	if (jv_type(v) != JV_STRING)
		return NULL;
	*len = v->u.s.n;
	return v->u.s.p;
}

int64_t
jv_i64(const struct jv *v, int64_t dflt)
{
	return jv_type(v) == JV_INT ? v->u.i : dflt;
}

uint64_t
jv_u64(const struct jv *v)
{
	int64_t n = jv_i64(v, 0);

	return n > 0 ? (uint64_t)n : 0;
}

double
jv_double(const struct jv *v, double dflt)
{
	if (jv_type(v) == JV_INT)
		return (double)v->u.i;
	return jv_type(v) == JV_DOUBLE ? v->u.d : dflt;
}

bool
jv_bool(const struct jv *v, bool dflt)
{
	return jv_type(v) == JV_BOOL ? v->u.b : dflt;
}

/* One step of a pointer: the bytes up to the next slash, with ~0 and ~1 resolved; NULL:
 * it is none.  *end is behind it. */
static char *
pointer_step(const char *at, const char **end)
{
	struct buf b = { 0 };
	char *step;

	for (; *at != '\0' && *at != '/'; at++) {
		if (*at == '~' && at[1] != '0' && at[1] != '1') {
			buf_free(&b);
			return NULL;
		}
		if (*at == '~')
			buf_addc(&b, *++at == '0' ? '~' : '/');
		else
			buf_addc(&b, *at);
	}
	*end = at;
	step = xstrdup(buf_str(&b));
	buf_free(&b);
	return step;
}

/* "0", "12", but not "007", which is the name of a member only. */
static const struct jv *
item_of(const struct jv *v, const char *step)
{
	size_t i = 0, digits = strspn(step, "0123456789");

	if (digits == 0 || step[digits] != '\0' || digits > 9 ||
	    (digits > 1 && step[0] == '0'))
		return NULL;
	for (; *step != '\0'; step++)
		i = i * 10 + (size_t)(*step - '0');
	return jv_at(v, i);
}

const struct jv *
jv_pointer(const struct jv *v, const char *pointer)
{
	while (v != NULL && *pointer != '\0') {
		char *step = *pointer == '/' ? pointer_step(pointer + 1, &pointer) : NULL;

		if (step == NULL)
			return NULL;
		v = v->type == JV_ARRAY ? item_of(v, step) : jv_get(v, step);
		free(step);
	}
	return v;
}

void
json_add_key(struct buf *out, const char *key)
{
	size_t len = strlen(key), shown = utf8_head(key, len, KEY_SHOWN);

	if (out->len > 0)
		buf_addc(out, '.');
	utf8_escape_buf(out, key, shown);
	if (shown < len)
		buf_adds(out, "...");
}

void
jv_path(const struct jv *v, struct buf *out)
{
	struct buf path = { 0 };
	const struct jv *chain[JSON_DEPTH_MAX + 2];
	size_t n = 0;

	for (; v != NULL && v->parent != NULL && n < sizeof(chain) / sizeof(chain[0]);
	     v = v->parent)
		chain[n++] = v;
	while (n > 0) {
		v = chain[--n];
		if (v->key != NULL)
			json_add_key(&path, v->key);
		else
			buf_addf(&path, "[%u]", v->index);
	}
	buf_append(out, buf_str(&path), path.len);
	buf_free(&path);
}

/* ---- readers ---- */

static int __attribute__((format(printf, 4, 5)))
refuse(struct json_err *err, const struct jv *obj, const char *key, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	if (err == NULL)
		return -1;
	jv_path(obj, &b);
	json_add_key(&b, key);
	buf_adds(&b, ": ");
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	*err = (struct json_err){ 0 };
	utf8_escape(err->text, sizeof(err->text), buf_str(&b), b.len);
	buf_free(&b);
	return -1;
}

static int
refuse_type(struct json_err *err, const struct jv *obj, const char *key, const char *want)
{
	const struct jv *v = jv_get(obj, key);

	if (v == NULL)
		return refuse(err, obj, key, "missing (expected %s)", want);
	return refuse(err, obj, key, "expected %s, not %s", want, jv_type_name(v));
}

static bool
is_absent(const struct jv *obj, const char *key)
{
	return jv_type(jv_get(obj, key)) == JV_NULL;
}

int
jr_str(const struct jv *obj, const char *key, const char **out, struct json_err *err)
{
	const struct jv *v = jv_get(obj, key);

	if (jv_type(v) != JV_STRING)
		return refuse_type(err, obj, key, "a string");
	if (!is_c_string(v))
		return refuse(err, obj, key, "holds a NUL character");
	*out = v->u.s.p;
	return 0;
}

int
jr_i64(const struct jv *obj, const char *key, int64_t *out, struct json_err *err)
{
	const struct jv *v = jv_get(obj, key);

	if (jv_type(v) != JV_INT)
		return refuse_type(err, obj, key, "a whole number");
	*out = v->u.i;
	return 0;
}

int
jr_u64(const struct jv *obj, const char *key, uint64_t *out, struct json_err *err)
{
	int64_t v = 0;

	if (jr_i64(obj, key, &v, err) == -1)
		return -1;
	if (v < 0)
		return refuse(err, obj, key, "must not be negative");
	*out = (uint64_t)v;
	return 0;
}

int
jr_bool(const struct jv *obj, const char *key, bool *out, struct json_err *err)
{
	const struct jv *v = jv_get(obj, key);

	if (jv_type(v) != JV_BOOL)
		return refuse_type(err, obj, key, "a boolean");
	*out = v->u.b;
	return 0;
}

int
jr_obj(const struct jv *obj, const char *key, const struct jv **out, struct json_err *err)
{
	const struct jv *v = jv_get(obj, key);

	if (jv_type(v) != JV_OBJECT)
		return refuse_type(err, obj, key, "an object");
	*out = v;
	return 0;
}

int
jr_arr(const struct jv *obj, const char *key, const struct jv **out, struct json_err *err)
{
	const struct jv *v = jv_get(obj, key);

	if (jv_type(v) != JV_ARRAY)
		return refuse_type(err, obj, key, "an array");
	*out = v;
	return 0;
}

int
jr_strv(const struct jv *obj, const char *key, struct strv *out, struct json_err *err)
{
	const struct jv *v = jv_get(obj, key);

	if (v == NULL || v->type != JV_ARRAY)
		return refuse_type(err, obj, key, "an array of strings");
	for (size_t i = 0; i < v->u.kids.n; i++) {
		const struct jv *item = v->u.kids.v[i];

		if (item->type != JV_STRING)
			return refuse(err, obj, key,
			    "item %zu: expected a string, not %s", i, jv_type_name(item));
		if (!is_c_string(item))
			return refuse(
			    err, obj, key, "item %zu: holds a NUL character", i);
	}
	for (size_t i = 0; i < v->u.kids.n; i++)
		strv_add(out, v->u.kids.v[i]->u.s.p);
	return 0;
}

int
jr_opt_str(const struct jv *obj, const char *key, const char **out, struct json_err *err)
{
	return is_absent(obj, key) ? 0 : jr_str(obj, key, out, err);
}

int
jr_opt_i64(const struct jv *obj, const char *key, int64_t *out, struct json_err *err)
{
	return is_absent(obj, key) ? 0 : jr_i64(obj, key, out, err);
}

int
jr_opt_u64(const struct jv *obj, const char *key, uint64_t *out, struct json_err *err)
{
	return is_absent(obj, key) ? 0 : jr_u64(obj, key, out, err);
}

int
jr_opt_bool(const struct jv *obj, const char *key, bool *out, struct json_err *err)
{
	return is_absent(obj, key) ? 0 : jr_bool(obj, key, out, err);
}

int
jr_opt_obj(
    const struct jv *obj, const char *key, const struct jv **out, struct json_err *err)
{
	return is_absent(obj, key) ? 0 : jr_obj(obj, key, out, err);
}

int
jr_opt_arr(
    const struct jv *obj, const char *key, const struct jv **out, struct json_err *err)
{
	return is_absent(obj, key) ? 0 : jr_arr(obj, key, out, err);
}

int
jr_opt_strv(const struct jv *obj, const char *key, struct strv *out, struct json_err *err)
{
	return is_absent(obj, key) ? 0 : jr_strv(obj, key, out, err);
}

int
jr_only(const struct jv *obj, const char *const *keys, struct json_err *err)
{
	for (size_t i = 0; i < jv_count(obj); i++) {
		const char *name = jv_key_at(obj, i);
		size_t k = 0;

		if (name == NULL)
			break;
		while (keys[k] != NULL && strcmp(keys[k], name) != 0)
			k++;
		if (keys[k] == NULL)
			return refuse(err, obj, name, "not known here");
	}
	return 0;
}
