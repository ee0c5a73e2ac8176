/*
 * regexp: which regular expressions of strangers are safe to compile and to match.
 *
 * The same answer for who reads a unit file and for who matches lines by it.
 */
#ifndef SUPD_LIB_REGEXP_H
#define SUPD_LIB_REGEXP_H

#include <stdbool.h>

enum {
	REGEXP_TEXT_MAX = 1024,   /* bytes */
	REGEXP_REPEAT_MAX = 1024, /* product of the {n,m} bounds */
};

/* NULL if the POSIX extended expression is taken, else why not (static text): too long,
 * repeats that multiply, back references, a syntax error. */
const char *regexp_refused(const char *text, bool icase);

#endif
