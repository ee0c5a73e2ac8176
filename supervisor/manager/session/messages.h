/*
 * messages: which of many texts is the one of today.
 */
#ifndef SUPD_MANAGER_SESSION_MESSAGES_H
#define SUPD_MANAGER_SESSION_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

enum {
	MESSAGES_BYTES_MAX = 256 * 1024, /* of MessageFile=: more is not read */
	MESSAGES_MAX = 4096,
	MESSAGES_LINE_MAX = 4096, /* a longer line is none */
};

/* The text where there is none. */
extern const char messages_fallback[];

/* The lines of a file that can be typed, appended: blank ones, those that are too long,
 * and those with control characters or no valid UTF-8 are left out. */
void messages_add_lines(struct strv *out, const char *data, size_t len);

/* A number below n, evenly. */
typedef uint32_t messages_random(void *arg, uint32_t n);
/* Which of n (not 0) comes after last (UINT32_MAX: there was none). */
uint32_t messages_pick(
    enum pick pick, uint32_t n, uint32_t last, messages_random *random, void *arg);

#endif
