/*
 * idl: a recursive descent over interface descriptions.
 */
#include "manager/control/idl.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/xalloc.h"

enum { IDL_DEPTH_MAX = 16 };

struct reader {
	const char *p;
	unsigned line;
	struct buf doc; /* comment lines since the last token */
	struct buf *err;
	bool failed;
};

static void fail(struct reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
fail(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (r->failed)
		return;
	r->failed = true;
	buf_addf(r->err, "line %u: ", r->line);
	va_start(ap, fmt);
	buf_vaddf(r->err, fmt, ap);
	va_end(ap);
}

/* Skips space and comments; a comment directly above what follows is its doc. */
static void
skip(struct reader *r)
{
	unsigned newlines = 0;

	for (;; r->p++) {
		if (*r->p == '\n') {
			r->line++;
			if (++newlines > 1)
				buf_clear(&r->doc);
		} else if (*r->p == '#') {
			const char *end = r->p + strcspn(r->p, "\n");
			const char *text = r->p + 1 + (r->p[1] == ' ');

			newlines = 0;
			if (text > end)
				text = end;
			buf_append(&r->doc, text, (size_t)(end - text));
			buf_addc(&r->doc, '\n');
			r->p = end - 1;
		} else if (*r->p != ' ' && *r->p != '\t' && *r->p != '\r') {
			return;
		}
	}
}

static bool
take(struct reader *r, const char *token)
{
	size_t n = strlen(token);

	skip(r);
	if (strncmp(r->p, token, n) != 0)
		return false;
	r->p += n;
	return true;
}

static void
expect(struct reader *r, const char *token)
{
	if (!take(r, token))
		fail(r, "expected `%s'", token);
}

/* A word of letters, digits, `_' (and, in interface names, `.' and `-'). */
static char *
word(struct reader *r, const char *more)
{
	size_t n = 0;

	skip(r);
	while (isalnum((unsigned char)r->p[n]) ||
	       (r->p[n] != '\0' && strchr(more, r->p[n]) != NULL))
		n++;
	if (n == 0)
		fail(r, "expected a name");
	r->p += n;
	return xstrndup(r->p - n, n);
}

static struct idl_type *read_type(struct reader *r, unsigned depth);

static void
free_type(struct idl_type *t)
{
	struct idl_field *f, *next;

	if (t == NULL)
		return;
	for (f = t->fields; f != NULL; f = next) {
		next = f->next;
		free_type(f->type);
		free(f->name);
		free(f);
	}
	free_type(t->item);
	free(t->name);
	free(t);
}

/* Behind the `('.  Fields without types make it an enum. */
static void
read_fields(struct reader *r, struct idl_type *t, unsigned depth)
{
	struct idl_field **end = &t->fields;
	size_t typed = 0, n = 0;

	t->kind = IDL_STRUCT;
	if (take(r, ")"))
		return;
	do {
		struct idl_field *f = xcalloc(1, sizeof(*f));

		f->name = word(r, "_");
		*end = f;
		end = &f->next;
		n++;
		if (take(r, ":")) {
			f->type = read_type(r, depth + 1);
			typed++;
		}
	} while (!r->failed && take(r, ","));
	expect(r, ")");
	if (typed == 0)
		t->kind = IDL_ENUM;
	else if (typed != n)
		fail(r, "a field without type");
}

static void
read_simple(struct reader *r, struct idl_type *t)
{
	static const struct {
		const char *name;
		enum idl_kind kind;
	} simple[] = {
		{ "bool", IDL_BOOL },
		{ "int", IDL_INT },
		{ "float", IDL_FLOAT },
		{ "string", IDL_STRING },
		{ "object", IDL_OBJECT },
	};

	t->name = word(r, "_");
	t->kind = IDL_NAMED;
	for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++)
		if (strcmp(t->name, simple[i].name) == 0)
			t->kind = simple[i].kind;
}

static struct idl_type *
read_type(struct reader *r, unsigned depth)
{
	struct idl_type *t = xcalloc(1, sizeof(*t));

	if (depth > IDL_DEPTH_MAX) {
		fail(r, "nested too deeply");
		return t;
	}
	t->maybe = take(r, "?");
	if (take(r, "[]")) {
		t->kind = IDL_ARRAY;
		t->item = read_type(r, depth + 1);
	} else if (take(r, "[string]")) {
		t->kind = IDL_MAP;
		t->item = read_type(r, depth + 1);
	} else if (take(r, "(")) {
		read_fields(r, t, depth);
	} else {
		read_simple(r, t);
	}
	return t;
}

static struct idl_member *
read_member(struct reader *r)
{
	struct idl_member *m = xcalloc(1, sizeof(*m));
	char *keyword = word(r, "");

	m->doc = xstrdup(buf_str(&r->doc));
	if (strcmp(keyword, "type") == 0)
		m->kind = IDL_TYPE;
	else if (strcmp(keyword, "method") == 0)
		m->kind = IDL_METHOD;
	else if (strcmp(keyword, "error") == 0)
		m->kind = IDL_ERROR;
	else
		fail(r, "expected type, method or error, not `%s'", keyword);
	free(keyword);
	m->name = word(r, "");
	m->type = read_type(r, 0);
	if (m->kind == IDL_METHOD) {
		expect(r, "->");
		m->out = read_type(r, 0);
	}
	buf_clear(&r->doc);
	return m;
}

struct idl *
idl_parse(const char *text, struct buf *err)
{
	struct reader r = { .p = text, .line = 1, .err = err };
	struct idl *d = xcalloc(1, sizeof(*d));
	struct idl_member **end = &d->members;

	expect(&r, "interface ");
	d->doc = xstrdup(buf_str(&r.doc));
	buf_clear(&r.doc);
	d->name = word(&r, ".-");
	for (skip(&r); !r.failed && *r.p != '\0'; skip(&r)) {
		*end = read_member(&r);
		end = &(*end)->next;
	}
	buf_free(&r.doc);
	if (r.failed) {
		idl_free(d);
		return NULL;
	}
	return d;
}

void
idl_free(struct idl *d)
{
	struct idl_member *m, *next;

	if (d == NULL)
		return;
	for (m = d->members; m != NULL; m = next) {
		next = m->next;
		free_type(m->type);
		free_type(m->out);
		free(m->name);
		free(m->doc);
		free(m);
	}
	free(d->name);
	free(d->doc);
	free(d);
}

const struct idl_member *
idl_find(const struct idl *d, enum idl_member_kind kind, const char *name)
{
	for (const struct idl_member *m = d->members; m != NULL; m = m->next)
		if (m->kind == kind && strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

/* ---- checking ---- */

static int check(const struct idl *d, const struct idl_type *t, const struct jv *v,
    struct buf *path, struct buf *why);

static int
mismatch(const char *expected, const struct jv *v, struct buf *why)
{
	buf_addf(why, "expected %s, not %s", expected, jv_type_name(v));
	return -1;
}

static const struct idl_field *
find_field(const struct idl_type *t, const char *name)
{
	for (const struct idl_field *f = t->fields; f != NULL; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static int
check_struct(const struct idl *d, const struct idl_type *t, const struct jv *v,
    struct buf *path, struct buf *why)
{
	size_t len = path->len;

	/* No parameters at all is an empty object. */
	if (v != NULL && jv_type(v) != JV_OBJECT)
		return mismatch("an object", v, why);
	for (size_t i = 0; i < jv_count(v); i++) {
		if (find_field(t, jv_key_at(v, i)) != NULL)
			continue;
		buf_addf(path, "%s%s", len > 0 ? "." : "", jv_key_at(v, i));
		buf_adds(why, "there is no such parameter");
		return -1;
	}
	for (const struct idl_field *f = t->fields; f != NULL; f = f->next) {
		const struct jv *m = jv_get(v, f->name);

		buf_addf(path, "%s%s", len > 0 ? "." : "", f->name);
		if (m == NULL && !f->type->maybe) {
			buf_adds(why, "must be given");
			return -1;
		}
		if (m != NULL && check(d, f->type, m, path, why) == -1)
			return -1;
		buf_truncate(path, len);
	}
	return 0;
}

static int
check_items(const struct idl *d, const struct idl_type *t, const struct jv *v,
    struct buf *path, struct buf *why)
{
	bool map = t->kind == IDL_MAP;
	size_t len = path->len;

	if (jv_type(v) != (map ? JV_OBJECT : JV_ARRAY))
		return mismatch(map ? "an object" : "an array", v, why);
	for (size_t i = 0; i < jv_count(v); i++) {
		if (map)
			buf_addf(path, "[%s]", jv_key_at(v, i));
		else
			buf_addf(path, "[%zu]", i);
		if (check(d, t->item, jv_at(v, i), path, why) == -1)
			return -1;
		buf_truncate(path, len);
	}
	return 0;
}

static int
check_enum(const struct idl_type *t, const struct jv *v, struct buf *why)
{
	const char *s = jv_str(v, NULL);

	if (s != NULL && find_field(t, s) != NULL)
		return 0;
	buf_adds(why, "expected one of");
	for (const struct idl_field *f = t->fields; f != NULL; f = f->next)
		buf_addf(why, " %s", f->name);
	return -1;
}

static int
check(const struct idl *d, const struct idl_type *t, const struct jv *v, struct buf *path,
    struct buf *why)
{
	const struct idl_member *m;

	if (t->maybe && (v == NULL || jv_type(v) == JV_NULL))
		return 0;
	switch (t->kind) {
	case IDL_BOOL:
		return jv_type(v) == JV_BOOL ? 0 : mismatch("a bool", v, why);
	case IDL_INT:
		return jv_type(v) == JV_INT ? 0 : mismatch("an integer", v, why);
	case IDL_FLOAT:
		return jv_type(v) == JV_INT || jv_type(v) == JV_DOUBLE
			   ? 0
			   : mismatch("a number", v, why);
	case IDL_STRING:
		if (jv_type(v) != JV_STRING)
			return mismatch("a string", v, why);
		if (jv_str(v, NULL) == NULL) {
			buf_adds(why, "has a NUL in it");
			return -1;
		}
		return 0;
	case IDL_OBJECT:
		return 0;
	case IDL_ARRAY:
	case IDL_MAP:
		return check_items(d, t, v, path, why);
	case IDL_STRUCT:
		return check_struct(d, t, v, path, why);
	case IDL_ENUM:
		return check_enum(t, v, why);
	case IDL_NAMED:
		m = idl_find(d, IDL_TYPE, t->name);
		if (m == NULL) {
			buf_addf(why, "type %s is not described", t->name);
			return -1;
		}
		return check(d, m->type, v, path, why);
	}
	return -1;
}

int
idl_check(const struct idl *d, const struct idl_type *t, const struct jv *v,
    struct buf *path, struct buf *why)
{
	return check(d, t, v, path, why);
}
