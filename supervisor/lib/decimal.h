/*
 * decimal: numbers with a point, as whole millionths.  Money is counted in these, because
 * floating point loses some of it.
 */
#ifndef SUPD_LIB_DECIMAL_H
#define SUPD_LIB_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIMAL_ONE UINT64_C(1000000)

enum { DECIMAL_TEXT_MAX = 32 }; /* enough for decimal_format */

/*
 * "12", "12.5": digits, and behind a point at least one more.  What is finer than a
 * millionth is rounded up, and exact (may be NULL) is false then.  -1 with errno: EINVAL
 * for anything else, ERANGE for what is too large; *millionths is left alone.
 */
int decimal_parse(const char *text, size_t len, uint64_t *millionths, bool *exact);
/* The shortest text that is read back to the same; into dst, which is returned. */
char *decimal_format(char *dst, size_t size, uint64_t millionths);

#endif
