/*
 * idl: Varlink interface descriptions as trees, to check parameters against.
 *
 * Reads the text of a .varlink file (varlink.org/Interface-Definition); ours are in the
 * binary, so a mistake in one is our bug and told with its line.
 */
#ifndef SUPD_MANAGER_CONTROL_IDL_H
#define SUPD_MANAGER_CONTROL_IDL_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct jv;

enum idl_kind {
	IDL_BOOL,
	IDL_INT,
	IDL_FLOAT,
	IDL_STRING,
	IDL_OBJECT, /* any JSON */
	IDL_ARRAY,
	IDL_MAP,
	IDL_STRUCT,
	IDL_ENUM,
	IDL_NAMED,
};

struct idl_type {
	enum idl_kind kind;
	bool maybe;               /* `?' */
	struct idl_type *item;    /* ARRAY, MAP */
	struct idl_field *fields; /* STRUCT, ENUM (without types) */
	char *name;               /* NAMED */
};

struct idl_field {
	struct idl_field *next;
	char *name;
	struct idl_type *type;
};

enum idl_member_kind {
	IDL_TYPE,
	IDL_METHOD,
	IDL_ERROR,
};

struct idl_member {
	struct idl_member *next;
	enum idl_member_kind kind;
	char *name;
	char *doc;             /* the comment above, without `# '; "" if there is none */
	struct idl_type *type; /* of a type or error; parameters of a method */
	struct idl_type *out;  /* of a method */
};

struct idl {
	char *name;
	char *doc;
	struct idl_member *members; /* in the order of the file */
};

/* NULL, and what is wrong appended to err. */
struct idl *idl_parse(const char *text, struct buf *err);
void idl_free(struct idl *d);
/* NULL if there is none. */
const struct idl_member *idl_find(
    const struct idl *d, enum idl_member_kind kind, const char *name);

/*
 * Whether v (NULL: an empty object) is of the type.  -1: path gets where ("units[2]"),
 * why what is wrong there ("expected string, not a number").
 */
int idl_check(const struct idl *d, const struct idl_type *t, const struct jv *v,
    struct buf *path, struct buf *why);

#endif
