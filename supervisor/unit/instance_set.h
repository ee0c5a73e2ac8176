/*
 * instance_set: which instances a template has, by what [Instances] names.
 *
 * A text of the source (a key, a string, what a wildcard stood for) becomes the
 * instance's part of a unit name.  One of letters, digits and `:_.-' is taken as it is,
 * so that the unit is called as the thing is; any other is escaped as systemd-escape does
 * (%I gives it back).  What can be no name is refused with a reason, and the others are
 * not harmed.
 *
 * Pure: reads no file.  All input is hostile, and bounded: the number of instances here,
 * the JSON by the limits below.
 */
#ifndef SUPD_UNIT_INSTANCE_SET_H
#define SUPD_UNIT_INSTANCE_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/map.h"
#include "lib/strv.h"

enum {
	INSTANCE_SET_MAX = 4096,          /* of one template */
	INSTANCE_REFUSED_SHOWN = 8,       /* reasons that are kept */
	INSTANCE_JSON_BYTES = 4 << 20,    /* of a source */
	INSTANCE_JSON_NODES = 128 * 1024, /* values in it */
};

/* A zeroed struct is empty. */
struct instance_set {
	struct strv units;   /* full names, each once, in the order of the source */
	struct strv refused; /* "TEXT: REASON" of the first few, safe to show */
	size_t n_refused;
	struct map seen; /* of units: the text it was made of */
};

/* Empty, memory returned. */
void instance_set_clear(struct instance_set *set);
/* An instance of TEMPLATE ("witness@.service") for a text; -1: there are too many. */
int instance_set_add(
    struct instance_set *set, const char *template, const char *text, size_t len);
/* One that can be none, for a reason that only the caller knows. */
void instance_set_refuse(
    struct instance_set *set, const char *text, size_t len, const char *why);
/*
 * All that a JSON text names at the pointer, into an empty set: the keys of an object,
 * the strings of an array, or the member "name" of each object in it.  -1 when the text
 * is none, or nothing that names instances is there: *why (malloc'd) says what is wrong,
 * the set is empty.
 */
int instance_set_add_json(struct instance_set *set, const char *template,
    const char *pointer, const char *data, size_t len, char **why);

/* Whether one component of a path has a wildcard. */
bool instance_is_wild(const char *component, size_t len);
/*
 * What the wildcards of a component stand for in a name that it matches: all between the
 * text in front of the first and the text behind the last.  malloc'd; NULL: no match.
 */
char *instance_capture(const char *component, const char *name);

#endif
