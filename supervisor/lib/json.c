/*
 * json: the reader half of json.h.  yajl does the syntax; the limits, the tree and the
 * paths are ours, since yajl has no limit on nesting and its own tree none on anything.
 */
#include "lib/json.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_parse.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

static void *
alloc_new(void *ctx, size_t size)
{
	(void)ctx;
	return xmalloc(size);
}

static void *
alloc_again(void *ctx, void *p, size_t size)
{
	(void)ctx;
	return xreallocarray(p, size, 1);
}

static void
alloc_free(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static yajl_alloc_funcs alloc_funcs = { alloc_new, alloc_again, alloc_free, NULL };

/* ---- tree ---- */

/*
 * All of a tree lies in few blocks, the root in the oldest: a list of a thousand units is
 * some ten thousand values, and to take and free each for itself costs more than to read
 * them.
 */
struct block {
	struct block *older;
	size_t used, size; /* of bytes */
	_Alignas(max_align_t) char bytes[];
};

struct arena {
	struct block *newest;
};

#if defined(__SANITIZE_ADDRESS__)
#define ONE_BY_ONE true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_BY_ONE true
#endif
#endif
#ifndef ONE_BY_ONE
#define ONE_BY_ONE false
#endif

enum {
	/* A block for each piece where somebody watches over the ends of blocks. */
	BLOCK_FIRST = ONE_BY_ONE ? 1 : 512,
	BLOCK_MAX = ONE_BY_ONE ? 1 : 64 * 1024,
};

static void *
arena_take(struct arena *a, size_t n, size_t align)
{
	struct block *b = a->newest;
	size_t at = b != NULL ? (b->used + align - 1) & ~(align - 1) : 0;
	size_t size;

	if (b == NULL || at > b->size || n > b->size - at) {
		size = b == NULL ? BLOCK_FIRST : b->size * 2;
		if (size > BLOCK_MAX)
			size = BLOCK_MAX;
		if (size < n)
			size = n;
		/* Sizes come from a text that is in memory already. */
		b = xmalloc(sizeof(*b) + size);
		b->older = a->newest;
		b->used = 0;
		b->size = size;
		a->newest = b;
		at = 0;
	}
	b->used = at + n;
	return b->bytes + at;
}

static void
arena_free(struct arena *a)
{
	struct block *b, *older;

	for (b = a->newest; b != NULL; b = older) {
		older = b->older;
		free(b);
	}
	a->newest = NULL;
}

/* A value knows its parent and its place there, so that any value can say its path. */
struct jv {
	enum jv_type type;
	uint32_t index; /* place in the parent array */
	struct jv *parent;
	char *key; /* name in the parent object */
	union {
		bool b;
		int64_t i;
		double d;
		struct {
			char *p;
			size_t n;
		} s;
		struct {
			struct jv **v;
			uint32_t n, cap;
			struct jv **sorted; /* large objects: by name, for look-ups */
		} kids;
	} u;
};

/* The root with what it lies in. */
struct tree {
	struct jv root;
	struct arena arena;
};

enum {
	SORT_FROM = 24, /* members from which an object is searched by halving */
	KIDS_FIRST = 4,
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
compare_keys(const void *a, const void *b)
{
	const struct jv *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
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

static void
add_key(struct buf *out, const char *key)
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
			add_key(&path, v->key);
		else
			buf_addf(&path, "[%u]", v->index);
	}
	buf_append(out, buf_str(&path), path.len);
	buf_free(&path);
}

/* ---- parser ---- */

struct parser {
	struct json_limits limits;
	struct arena arena;
	struct tree *tree; /* NULL until the first value */
	struct jv *open;   /* innermost container not yet closed */
	char *key;         /* name of the member whose value comes next */
	size_t depth;
	size_t nodes;
	uint32_t
	    kids_before; /* of the container closed last: the next is often as large */
	char complaint[JSON_ERR_MAX]; /* set by the callback that said stop */
};

/* Where the value that comes next will be. */
static void
place_path(const struct parser *p, struct buf *out)
{
	jv_path(p->open, out);
	if (p->open == NULL)
		return;
	if (p->open->type == JV_ARRAY)
		buf_addf(out, "[%u]", p->open->u.kids.n);
	else if (p->key != NULL)
		add_key(out, p->key);
}

static int __attribute__((format(printf, 2, 3)))
complain(struct parser *p, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	place_path(p, &b);
	if (b.len > 0)
		buf_adds(&b, ": ");
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	utf8_escape(p->complaint, sizeof(p->complaint) - 64, buf_str(&b), b.len);
	buf_free(&b);
	return 0;
}

static void
add_kid(struct parser *p, struct jv *parent, struct jv *v)
{
	uint32_t n = parent->u.kids.n, cap;
	struct jv **kids;

	if (n == parent->u.kids.cap) {
		cap = n != 0 ? n * 2 : p->kids_before;
		if (n == 0 && (cap < KIDS_FIRST || cap > SORT_FROM))
			cap = KIDS_FIRST;
		kids =
		    arena_take(&p->arena, cap * sizeof(struct jv *), sizeof(struct jv *));
		if (n > 0)
			memcpy(kids, parent->u.kids.v, n * sizeof(struct jv *));
		parent->u.kids.v = kids;
		parent->u.kids.cap = cap;
	}
	parent->u.kids.v[parent->u.kids.n++] = v;
}

/* Makes the next value and hangs it into the tree; NULL when there are too many. */
static struct jv *
add_value(struct parser *p, enum jv_type type)
{
	struct jv *v;

	if (p->nodes >= p->limits.max_nodes) {
		complain(p, "more than %zu values", p->limits.max_nodes);
		return NULL;
	}
	p->nodes++;
	if (p->open == NULL) {
		/* yajl lets only one value through. */
		assert(p->tree == NULL);
		p->tree = arena_take(&p->arena, sizeof(*p->tree), _Alignof(struct tree));
		v = &p->tree->root;
		*v = (struct jv){ .type = type };
		return v;
	}
	v = arena_take(&p->arena, sizeof(*v), _Alignof(struct jv));
	*v = (struct jv){ .type = type, .parent = p->open };
	if (p->open->type == JV_OBJECT) {
		v->key = p->key;
		p->key = NULL;
	} else {
		v->index = p->open->u.kids.n;
	}
	add_kid(p, p->open, v);
	return v;
}

static int
on_null(void *ctx)
{
	return add_value(ctx, JV_NULL) != NULL;
}

static int
on_boolean(void *ctx, int value)
{
	struct jv *v = add_value(ctx, JV_BOOL);

	if (v == NULL)
		return 0;
	v->u.b = value != 0;
	return 1;
}

static int
on_number(void *ctx, const char *text, size_t len)
{
	struct parser *p = ctx;
	char copy[64], *end;
	int64_t i;
	double d;
	struct jv *v;

	if (len >= sizeof(copy))
		return complain(p, "number of more than %zu digits", sizeof(copy) - 1);
	memcpy(copy, text, len);
	copy[len] = '\0';
	errno = 0;
	if (strpbrk(copy, ".eE") == NULL) {
		i = strtoll(copy, &end, 10);
		if (errno == ERANGE || *end != '\0')
			return complain(p, "number %s is too large", copy);
		v = add_value(p, JV_INT);
		if (v == NULL)
			return 0;
		v->u.i = i;
		return 1;
	}
	/* The numeric locale is always "C": no role and no tool sets LC_NUMERIC. */
	d = strtod(copy, &end);
	if (!isfinite(d) || *end != '\0')
		return complain(p, "number %s is too large", copy);
	v = add_value(p, JV_DOUBLE);
	if (v == NULL)
		return 0;
	v->u.d = d;
	return 1;
}

/* A copy that is text.  Escapes can spell lone surrogates, which yajl passes on. */
static char *
take_text(struct parser *p, const unsigned char *s, size_t *len)
{
	struct buf b = { 0 };
	const void *text = s;
	char *copy;

	if (!utf8_is_valid((const char *)s, *len)) {
		utf8_clean(&b, (const char *)s, *len);
		*len = b.len;
		text = buf_str(&b);
	}
	copy = arena_take(&p->arena, *len + 1, 1);
	memcpy(copy, text, *len);
	copy[*len] = '\0';
	buf_free(&b);
	return copy;
}

static int
on_string(void *ctx, const unsigned char *s, size_t len)
{
	struct parser *p = ctx;
	struct jv *v = add_value(p, JV_STRING);

	if (v == NULL)
		return 0;
	v->u.s.p = take_text(p, s, &len);
	v->u.s.n = len;
	return 1;
}

static int
open_container(struct parser *p, enum jv_type type)
{
	struct jv *v;

	if (p->depth >= p->limits.max_depth)
		return complain(p, "nested more than %zu deep", p->limits.max_depth);
	v = add_value(p, type);
	if (v == NULL)
		return 0;
	p->depth++;
	p->open = v;
	return 1;
}

static void
close_container(struct parser *p)
{
	p->kids_before = p->open->u.kids.n;
	p->depth--;
	p->open = p->open->parent;
}

static int
on_start_map(void *ctx)
{
	return open_container(ctx, JV_OBJECT);
}

/*
 * Objects in a list mostly have the same names in the same order.  The name in this place
 * of the object before, when it is this one and all names so far were of that object too:
 * then it also cannot be given twice.  NULL otherwise.
 */
static char *
name_of_last(const struct jv *object, const unsigned char *s, size_t len)
{
	const struct jv *before;
	uint32_t n = object->u.kids.n;
	char *key;

	if (object->parent == NULL || object->parent->type != JV_ARRAY ||
	    object->index == 0)
		return NULL;
	before = object->parent->u.kids.v[object->index - 1];
	if (before->type != JV_OBJECT || n >= before->u.kids.n ||
	    (n > 0 && object->u.kids.v[n - 1]->key != before->u.kids.v[n - 1]->key))
		return NULL;
	key = before->u.kids.v[n]->key;
	return strncmp(key, (const char *)s, len) == 0 && key[len] == '\0' ? key : NULL;
}

static int
on_map_key(void *ctx, const unsigned char *s, size_t len)
{
	struct parser *p = ctx;

	if (memchr(s, '\0', len) != NULL)
		return complain(p, "a name holds a NUL character");
	p->key = name_of_last(p->open, s, len);
	if (p->key != NULL)
		return 1;
	p->key = take_text(p, s, &len);
	if (p->open->u.kids.n < SORT_FROM && jv_get(p->open, p->key) != NULL)
		return complain(p, "given twice");
	return 1;
}

static int
on_end_map(void *ctx)
{
	struct parser *p = ctx;
	struct jv *v = p->open;
	size_t n = v->u.kids.n;

	/*
	 * Sorted once instead of searched for each name, so that an object of a hundred
	 * thousand members costs no more than its size.
	 */
	if (n >= SORT_FROM) {
		v->u.kids.sorted =
		    arena_take(&p->arena, n * sizeof(struct jv *), sizeof(struct jv *));
		memcpy(v->u.kids.sorted, v->u.kids.v, n * sizeof(*v->u.kids.sorted));
		qsort(v->u.kids.sorted, n, sizeof(*v->u.kids.sorted), compare_keys);
	}
	for (size_t i = 1; v->u.kids.sorted != NULL && i < n; i++) {
		char *key = v->u.kids.sorted[i]->key;

		if (strcmp(v->u.kids.sorted[i - 1]->key, key) == 0) {
			p->key = key;
			return complain(p, "given twice");
		}
	}
	close_container(p);
	return 1;
}

static int
on_start_array(void *ctx)
{
	return open_container(ctx, JV_ARRAY);
}

static int
on_end_array(void *ctx)
{
	close_container(ctx);
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_map_key,
	.yajl_end_map = on_end_map,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end_array,
};

static void
set_position(struct json_err *err, const char *data, size_t offset)
{
	err->offset = offset;
	err->line = 1;
	err->col = 1;
	for (size_t i = 0; i < offset; i++) {
		if (data[i] == '\n') {
			err->line++;
			err->col = 1;
		} else {
			err->col++;
		}
	}
}

static void
set_text(struct json_err *err, const char *what)
{
	snprintf(err->text, sizeof(err->text), "line %zu, column %zu: %.255s", err->line,
	    err->col, what);
}

static void
report(struct parser *p, yajl_handle h, yajl_status status, const char *data, size_t len,
    struct json_err *err)
{
	size_t offset = yajl_get_bytes_consumed(h);
	unsigned char *text;
	size_t n;

	if (err == NULL)
		return;
	set_position(err, data, offset < len ? offset : len);
	if (status == yajl_status_client_canceled && p->complaint[0] != '\0') {
		set_text(err, p->complaint);
		return;
	}
	text = yajl_get_error(h, 0, (const unsigned char *)data, len);
	n = text != NULL ? strcspn((const char *)text, "\n") : 0;
	complain(
	    p, "%.*s", (int)(n < 160 ? n : 160), text != NULL ? (const char *)text : "");
	set_text(err, p->complaint);
	yajl_free_error(h, text);
}

struct jv *
jv_parse_limits(
    const char *data, size_t len, const struct json_limits *limits, struct json_err *err)
{
	struct parser p = { .limits = *limits };
	yajl_status status;
	yajl_handle h;

	/* Places and capacities, which double, are counted in 32 bits. */
	assert(
	    limits->max_depth <= JSON_DEPTH_MAX && limits->max_nodes <= UINT32_MAX / 2);
	if (len > limits->max_bytes) {
		if (err != NULL) {
			*err = (struct json_err){ .line = 1, .col = 1 };
			snprintf(err->text, sizeof(err->text),
			    "%zu bytes, more than the %zu allowed", len,
			    limits->max_bytes);
		}
		return NULL;
	}
	h = yajl_alloc(&callbacks, &alloc_funcs, &p);
	status = yajl_parse(h, (const unsigned char *)data, len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(h);
	if (status != yajl_status_ok) {
		report(&p, h, status, data, len, err);
		arena_free(&p.arena);
		p.tree = NULL;
	}
	yajl_free(h);
	if (p.tree == NULL)
		return NULL;
	p.tree->arena = p.arena;
	return &p.tree->root;
}

struct jv *
jv_parse(const char *data, size_t len, struct json_err *err)
{
	static const struct json_limits limits = {
		.max_bytes = JSON_BYTES_DEFAULT,
		.max_nodes = JSON_NODES_DEFAULT,
		.max_depth = JSON_DEPTH_MAX,
	};

	return jv_parse_limits(data, len, &limits, err);
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
	add_key(&b, key);
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
