/*
 * json_parse: from text to a tree.  yajl does the syntax; the limits, the tree and the
 * paths in complaints are ours, since yajl has no limit on nesting and its own tree none
 * on anything.
 */
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yajl/yajl_parse.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/json_int.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

enum {
	SORT_FROM = 24, /* members from which an object is searched by halving */
	KIDS_FIRST = 4,
};

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

yajl_alloc_funcs json_alloc_funcs = { alloc_new, alloc_again, alloc_free, NULL };

/* ---- values ---- */

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
		json_add_key(out, p->key);
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

/* ---- what yajl finds ---- */

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
compare_keys(const void *a, const void *b)
{
	const struct jv *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
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

/* ---- the text ---- */

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

/* The four digits of \u at p; -1: there are none. */
static int
code_unit(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		int d = hex_value(p[i]);

		if (d == -1)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* The first half of a character without its other half, which yajl would turn into a
 * question mark: in a name that is a glob.  NULL: there is none. */
static const char *
lone_surrogate(const char *data, size_t len)
{
	const char *p = data, *end = data + len;

	while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		int v = code_unit(p, end), low;

		if (v < 0xd800 || v > 0xdfff) {
			p += end - p < 2 ? 1 : 2;
			continue;
		}
		low = code_unit(p + 6, end);
		if (v > 0xdbff || low < 0xdc00 || low > 0xdfff)
			return p;
		p += 12;
	}
	return NULL;
}

static bool
refuse_surrogate(const char *data, size_t len, struct json_err *err)
{
	const char *p = lone_surrogate(data, len);

	if (p == NULL)
		return false;
	if (err != NULL) {
		set_position(err, data, (size_t)(p - data));
		snprintf(err->text, sizeof(err->text),
		    "line %zu, column %zu: half a character (\\u%.4s)", err->line,
		    err->col, p + 2);
	}
	return true;
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
	if (refuse_surrogate(data, len, err))
		return NULL;
	h = yajl_alloc(&callbacks, &json_alloc_funcs, &p);
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

struct jv *
jv_parse_fd(int fd, size_t max)
{
	struct buf text = { 0 };
	struct jv *v = NULL;
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    (uint64_t)st.st_size <= max) {
		size_t n = (size_t)st.st_size;
		ssize_t got = pread(fd, buf_reserve(&text, n), n, 0);

		if (got > 0)
			v = jv_parse(text.data, (size_t)got, NULL);
	}
	buf_free(&text);
	return v;
}
