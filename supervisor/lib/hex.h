/*
 * hex: bytes as hexadecimal text, and back.
 */
#ifndef SUPD_LIB_HEX_H
#define SUPD_LIB_HEX_H

#include <stddef.h>

/* Of an id of 16 bytes, as invocations have. */
enum { HEX_ID_SIZE = 33 };

/* The value of a digit in capitals or not; -1: it is none. */
int hex_value(char c);
/* 2 * n digits in small letters and the end, into dst. */
void hex_encode(char *dst, const void *bytes, size_t n);
/* The same back: -1, and bytes as they were, unless text is exactly that. */
int hex_decode(void *bytes, size_t n, const char *text);

#endif
