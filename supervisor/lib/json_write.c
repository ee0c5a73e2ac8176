/*
 * json_write: the writer half of json.h, over yajl_gen.  With json_parse.c the only file
 * that includes yajl.
 */
#include "lib/json.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <yajl/yajl_gen.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json_int.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

struct jw {
	yajl_gen gen;
	unsigned depth;
	uint64_t is_array; /* one bit a level, the innermost lowest */
	struct buf clean;
	struct buf text;
};

/* yajl refuses deeper ones itself; we never write anything like that. */
enum {
	JW_DEPTH_MAX = 64,
};

/*
 * The calls can fail only for what we did wrong (order, depth), since text is made valid
 * before.  A half-written value must never leave this process.
 */
static void
must(yajl_gen_status status)
{
	assert(status == yajl_gen_status_ok);
	if (status != yajl_gen_status_ok)
		abort();
}

struct jw *
jw_new(enum jw_mode mode)
{
	struct jw *w = xcalloc(1, sizeof(*w));

	w->gen = yajl_gen_alloc(&json_alloc_funcs);
	if (mode == JW_PRETTY) {
		yajl_gen_config(w->gen, yajl_gen_beautify, 1);
		yajl_gen_config(w->gen, yajl_gen_indent_string, "  ");
	}
	return w;
}

void
jw_free(struct jw *w)
{
	if (w == NULL)
		return;
	yajl_gen_free(w->gen);
	buf_free(&w->clean);
	buf_free(&w->text);
	free(w);
}

static void
push(struct jw *w, bool array)
{
	assert(w->depth < JW_DEPTH_MAX);
	w->depth++;
	w->is_array = w->is_array << 1 | (array ? 1 : 0);
}

void
jw_obj(struct jw *w)
{
	must(yajl_gen_map_open(w->gen));
	push(w, false);
}

void
jw_arr(struct jw *w)
{
	must(yajl_gen_array_open(w->gen));
	push(w, true);
}

void
jw_end(struct jw *w)
{
	bool array = (w->is_array & 1) != 0;

	assert(w->depth > 0);
	must(array ? yajl_gen_array_close(w->gen) : yajl_gen_map_close(w->gen));
	w->depth--;
	w->is_array >>= 1;
}

void
jw_strn(struct jw *w, const char *s, size_t n)
{
	if (!utf8_is_valid(s, n)) {
		buf_clear(&w->clean);
		utf8_clean(&w->clean, s, n);
		s = buf_str(&w->clean);
		n = w->clean.len;
	}
	must(yajl_gen_string(w->gen, (const unsigned char *)s, n));
}

void
jw_str(struct jw *w, const char *s)
{
	if (s == NULL)
		jw_null(w);
	else
		jw_strn(w, s, strlen(s));
}

static void __attribute__((format(printf, 2, 0)))
jw_vstrf(struct jw *w, const char *fmt, va_list ap)
{
	buf_clear(&w->text);
	buf_vaddf(&w->text, fmt, ap);
	jw_strn(w, buf_str(&w->text), w->text.len);
}

void
jw_strf(struct jw *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	jw_vstrf(w, fmt, ap);
	va_end(ap);
}

void
jw_key(struct jw *w, const char *key)
{
	jw_strn(w, key, strlen(key));
}

void
jw_i64(struct jw *w, int64_t v)
{
	must(yajl_gen_integer(w->gen, v));
}

void
jw_u64(struct jw *w, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)v);

	must(yajl_gen_number(w->gen, text, (size_t)n));
}

void
jw_double(struct jw *w, double v)
{
	char text[40];
	int n = 0;

	if (!isfinite(v)) {
		jw_null(w);
		return;
	}
	/* The shortest form that reads back as the same number. */
	for (int digits = 15; digits <= 17; digits++) {
		n = snprintf(text, 32, "%.*g", digits, v);
		if (strtod(text, NULL) == v)
			break;
	}
	/* Never in the form of an integer, so that it is read back as what it was. */
	if (strpbrk(text, ".e") == NULL)
		n += snprintf(text + n, 8, ".0");
	must(yajl_gen_number(w->gen, text, (size_t)n));
}

void
jw_bool(struct jw *w, bool v)
{
	must(yajl_gen_bool(w->gen, v));
}

void
jw_null(struct jw *w)
{
	must(yajl_gen_null(w->gen));
}

void
jw_kv_obj(struct jw *w, const char *key)
{
	jw_key(w, key);
	jw_obj(w);
}

void
jw_kv_arr(struct jw *w, const char *key)
{
	jw_key(w, key);
	jw_arr(w);
}

void
jw_kv_str(struct jw *w, const char *key, const char *s)
{
	jw_key(w, key);
	jw_str(w, s);
}

void
jw_kv_strn(struct jw *w, const char *key, const char *s, size_t n)
{
	jw_key(w, key);
	jw_strn(w, s, n);
}

void
jw_kv_strf(struct jw *w, const char *key, const char *fmt, ...)
{
	va_list ap;

	jw_key(w, key);
	va_start(ap, fmt);
	jw_vstrf(w, fmt, ap);
	va_end(ap);
}

void
jw_kv_time(struct jw *w, const char *key, uint64_t wall_us)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_us == 0)
		jw_kv_null(w, key);
	else
		jw_kv_str(w, key, clock_format_utc(text, sizeof(text), wall_us));
}

void
jw_kv_i64(struct jw *w, const char *key, int64_t v)
{
	jw_key(w, key);
	jw_i64(w, v);
}

void
jw_kv_u64(struct jw *w, const char *key, uint64_t v)
{
	jw_key(w, key);
	jw_u64(w, v);
}

void
jw_kv_double(struct jw *w, const char *key, double v)
{
	jw_key(w, key);
	jw_double(w, v);
}

void
jw_kv_bool(struct jw *w, const char *key, bool v)
{
	jw_key(w, key);
	jw_bool(w, v);
}

void
jw_kv_null(struct jw *w, const char *key)
{
	jw_key(w, key);
	jw_null(w);
}

void
jw_kv_strv(struct jw *w, const char *key, const struct strv *v)
{
	jw_kv_arr(w, key);
	for (size_t i = 0; i < v->n; i++)
		jw_str(w, v->v[i]);
	jw_end(w);
}

void
jw_take(struct jw *w, struct buf *out)
{
	const unsigned char *p;
	size_t n;

	assert(w->depth == 0);
	must(yajl_gen_get_buf(w->gen, &p, &n));
	buf_append(out, p, n);
	yajl_gen_clear(w->gen);
	/* NULL: not even a separator before the next value. */
	yajl_gen_reset(w->gen, NULL);
}

void
jv_write(const struct jv *v, struct jw *w)
{
	const char *s;
	size_t n = 0;

	switch (jv_type(v)) {
	case JV_NULL:
		jw_null(w);
		break;
	case JV_BOOL:
		jw_bool(w, jv_bool(v, false));
		break;
	case JV_INT:
		jw_i64(w, jv_i64(v, 0));
		break;
	case JV_DOUBLE:
		jw_double(w, jv_double(v, 0));
		break;
	case JV_STRING:
		s = jv_strn(v, &n);
		jw_strn(w, s, n);
		break;
	case JV_ARRAY:
		jw_arr(w);
		for (size_t i = 0; i < jv_count(v); i++)
			jv_write(jv_at(v, i), w);
		jw_end(w);
		break;
	case JV_OBJECT:
		jw_obj(w);
		for (size_t i = 0; i < jv_count(v); i++) {
			jw_key(w, jv_key_at(v, i));
			jv_write(jv_at(v, i), w);
		}
		jw_end(w);
		break;
	}
}

/* ---- by hand ---- */

void
json_escape(struct buf *out, const char *s, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	size_t from = 0, i = 0;

	while (i < n) {
		unsigned char c = (unsigned char)s[i];
		size_t seq = 1;

		if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
			i++;
			continue;
		}
		if (c >= 0x80)
			seq = utf8_seq(s + i, n - i);
		if (c >= 0x80 && seq > 0) {
			i += seq;
			continue;
		}
		buf_append(out, s + from, i - from);
		if (c >= 0x80) {
			buf_adds(out, "\xef\xbf\xbd");
		} else if (c == '"' || c == '\\') {
			buf_addc(out, '\\');
			buf_addc(out, (char)c);
		} else {
			buf_adds(out, "\\u00");
			buf_addc(out, digits[c >> 4]);
			buf_addc(out, digits[c & 15]);
		}
		from = ++i;
	}
	buf_append(out, s + from, n - from);
}
