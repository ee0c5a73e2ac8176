/*
 * json_int: a tree as json_parse.c makes it and json.c reads it.  Nobody else includes
 * it.
 */
#ifndef SUPD_LIB_JSON_INT_H
#define SUPD_LIB_JSON_INT_H

#include <stdbool.h>
#include <stdint.h>

#include <yajl/yajl_common.h>

#include "lib/arena.h"
#include "lib/json.h"

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

/* The root with what it lies in: itself and all below it. */
struct tree {
	struct jv root;
	struct arena arena;
};

/* Memory for yajl: it aborts when there is none, as everywhere. */
extern yajl_alloc_funcs json_alloc_funcs;

/* A further name of a path, as jv_path writes them. */
void json_add_key(struct buf *out, const char *key);

#endif
