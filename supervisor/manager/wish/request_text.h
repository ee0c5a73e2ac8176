/*
 * request_text: what a request file says, and whether a name is that of one.  Both come
 * from whoever may write into the folder of a unit.
 */
#ifndef SUPD_MANAGER_REQUEST_TEXT_H
#define SUPD_MANAGER_REQUEST_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "manager/wish/requests.h"

enum {
	REQUEST_FILE_NAME_MAX = 100, /* bytes; longer names are none of ours */
	REQUEST_FILE_MAX = 16384,    /* bytes of what it says */
};

/* The strings lead into the JSON. */
struct request_text {
	enum request_action action;
	const char *unit;             /* NULL: it names none */
	const char *reason, *message; /* NULL: none */
	uint64_t wall_us; /* when it says that it was written; INFINITY: not */
};

struct jv;

/* NULL, or what is wrong with it (a constant); out is as it was then. */
const char *request_text_read(const struct jv *v, struct request_text *out);
/* Nothing in it has to be escaped anywhere; with a dot first it is still being written.
 */
bool request_text_is_name(const char *name);

#endif
