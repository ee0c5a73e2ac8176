/*
 * json: the only module that knows yajl.
 *
 * Writer: struct jw.  Text is made valid UTF-8 first, so writing never fails because of
 * what a program printed; using the calls in the wrong order is our bug and aborts.
 *
 * Reader: jv_parse builds a tree, with limits on bytes, nesting, and nodes, so that a
 * hostile text can cost only a bounded amount.  Refused: duplicate keys, integers beyond
 * int64, numbers beyond double, comments, anything after the value.  Strings carry their
 * length and may hold NUL; jv_str and the jr_* readers refuse those that do, so that a
 * name is never shorter than what was checked.
 */
#ifndef SUPD_LIB_JSON_H
#define SUPD_LIB_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct jw;
struct strv;

/* ---- writer ---- */

enum jw_mode {
	JW_COMPACT,
	JW_PRETTY,
};

struct jw *jw_new(enum jw_mode mode);
void jw_free(struct jw *w);
void jw_obj(struct jw *w);
void jw_arr(struct jw *w);
/* Closes the innermost object or array. */
void jw_end(struct jw *w);
void jw_key(struct jw *w, const char *key);
/* NULL writes null. */
void jw_str(struct jw *w, const char *s);
void jw_strn(struct jw *w, const char *s, size_t n);
void jw_strf(struct jw *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void jw_i64(struct jw *w, int64_t v);
void jw_u64(struct jw *w, uint64_t v);
/* Not-a-number and infinities, which JSON lacks, write null. */
void jw_double(struct jw *w, double v);
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
/* Key and value in one. */
void jw_kv_obj(struct jw *w, const char *key);
void jw_kv_arr(struct jw *w, const char *key);
void jw_kv_str(struct jw *w, const char *key, const char *s);
void jw_kv_strn(struct jw *w, const char *key, const char *s, size_t n);
void jw_kv_strf(struct jw *w, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A wall clock time, microseconds, as clock_format_utc has it; 0 is null. */
void jw_kv_time(struct jw *w, const char *key, uint64_t wall_us);
void jw_kv_i64(struct jw *w, const char *key, int64_t v);
void jw_kv_u64(struct jw *w, const char *key, uint64_t v);
void jw_kv_double(struct jw *w, const char *key, double v);
void jw_kv_bool(struct jw *w, const char *key, bool v);
void jw_kv_null(struct jw *w, const char *key);
void jw_kv_strv(struct jw *w, const char *key, const struct strv *v);
/*
 * Appends the finished text to out (nothing may be open) and resets the writer for the
 * next value.
 */
void jw_take(struct jw *w, struct buf *out);
/* Appends s as it stands between the quotes of a string, bad bytes as U+FFFD: for what is
 * too hot for a writer. */
void json_escape(struct buf *out, const char *s, size_t n);

/* ---- tree ---- */

enum jv_type {
	JV_NULL,
	JV_BOOL,
	JV_INT,
	JV_DOUBLE,
	JV_STRING,
	JV_ARRAY,
	JV_OBJECT,
};

struct jv;

struct json_limits {
	size_t max_bytes;
	size_t max_nodes;
	size_t max_depth; /* at most JSON_DEPTH_MAX */
};

enum {
	JSON_DEPTH_MAX = 32,
	JSON_BYTES_DEFAULT = 16 * 1024 * 1024,
	JSON_NODES_DEFAULT = 256 * 1024,
	JSON_ERR_MAX = 320,
};

/* What is wrong, safe to show; line and col count from 1 and are 0 in jr_* errors. */
struct json_err {
	char text[JSON_ERR_MAX]; /* "line 3, column 7: parameters.unit: …" */
	size_t offset;
	size_t line;
	size_t col;
};

/* NULL on error; err may be NULL.  jv_free takes the root. */
struct jv *jv_parse(const char *data, size_t len, struct json_err *err);
struct jv *jv_parse_limits(
    const char *data, size_t len, const struct json_limits *limits, struct json_err *err);
/* What the file of a descriptor holds, at most max bytes; NULL also when it is none or
 * longer. */
struct jv *jv_parse_fd(int fd, size_t max);
void jv_free(struct jv *v);

/* All of these take NULL and answer as for null, so that look-ups can be chained. */
enum jv_type jv_type(const struct jv *v);
/* "an object", "a string", … for messages. */
const char *jv_type_name(const struct jv *v);
/* Members of an object, items of an array; 0 for others. */
size_t jv_count(const struct jv *v);
/* The member, NULL when absent or v is no object. */
const struct jv *jv_get(const struct jv *v, const char *key);
/* Item i of an array or value of member i of an object, NULL beyond. */
const struct jv *jv_at(const struct jv *v, size_t i);
/* Name of member i of an object in the order written, NULL beyond. */
const char *jv_key_at(const struct jv *v, size_t i);
/* The value itself, or the default when v is of another type. */
const char *jv_str(const struct jv *v, const char *dflt);
/* Any bytes, NUL included; NULL when v is no string. */
const char *jv_strn(const struct jv *v, size_t *len);
int64_t jv_i64(const struct jv *v, int64_t dflt);
/* 0 for what is no number, or a negative one. */
uint64_t jv_u64(const struct jv *v);
double jv_double(const struct jv *v, double dflt);
bool jv_bool(const struct jv *v, bool dflt);
/*
 * What a JSON pointer (RFC 6901: "", "/usage/tokens", "/runs/0") leads to, NULL when
 * nothing is there, or the pointer is none.
 */
const struct jv *jv_pointer(const struct jv *v, const char *pointer);
/* Where v is in the tree: "parameters.units[2]"; appended. */
void jv_path(const struct jv *v, struct buf *out);
/* Writes the value (and all below) with jw. */
void jv_write(const struct jv *v, struct jw *w);

/*
 * ---- readers that say what is wrong ----
 *
 * 0, or -1 with err->text like "parameters.unit: expected a string, not a number".  The
 * opt forms leave *out as it is when the member is absent or null.  Strings point into
 * the tree.
 */
int jr_str(const struct jv *obj, const char *key, const char **out, struct json_err *err);
int jr_i64(const struct jv *obj, const char *key, int64_t *out, struct json_err *err);
int jr_u64(const struct jv *obj, const char *key, uint64_t *out, struct json_err *err);
int jr_bool(const struct jv *obj, const char *key, bool *out, struct json_err *err);
int jr_obj(
    const struct jv *obj, const char *key, const struct jv **out, struct json_err *err);
int jr_arr(
    const struct jv *obj, const char *key, const struct jv **out, struct json_err *err);
/* An array of strings, appended to out (untouched on failure). */
int jr_strv(
    const struct jv *obj, const char *key, struct strv *out, struct json_err *err);
int jr_opt_str(
    const struct jv *obj, const char *key, const char **out, struct json_err *err);
int jr_opt_i64(const struct jv *obj, const char *key, int64_t *out, struct json_err *err);
int jr_opt_u64(
    const struct jv *obj, const char *key, uint64_t *out, struct json_err *err);
int jr_opt_bool(const struct jv *obj, const char *key, bool *out, struct json_err *err);
int jr_opt_obj(
    const struct jv *obj, const char *key, const struct jv **out, struct json_err *err);
int jr_opt_arr(
    const struct jv *obj, const char *key, const struct jv **out, struct json_err *err);
int jr_opt_strv(
    const struct jv *obj, const char *key, struct strv *out, struct json_err *err);
/* -1 when obj has a member that is not in the NULL-terminated list. */
int jr_only(const struct jv *obj, const char *const *keys, struct json_err *err);

#endif
