/*
 * utf8: is it text, and how to show it when it is not.
 *
 * Strict: overlong forms, surrogates and values above U+10FFFF are not UTF-8.
 */
#ifndef SUPD_LIB_UTF8_H
#define SUPD_LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Length (1-4) of the valid sequence at s, 0 if there is none within n bytes. */
size_t utf8_seq(const char *s, size_t n);
bool utf8_is_valid(const char *s, size_t n);
/* How many bytes at the end (0 to 3) may be the beginning of a character whose rest is
 * still to come. */
size_t utf8_unfinished(const char *s, size_t n);
/* Appends a character, which must be one. */
void utf8_put(struct buf *out, uint32_t c);
/* Appends s, each bad byte replaced by U+FFFD. */
void utf8_clean(struct buf *out, const char *s, size_t n);
/*
 * The last (tail) or first (head) at most max bytes of s, cut between characters.
 * utf8_tail returns the offset where the tail begins, utf8_head the length of the head.
 */
size_t utf8_tail(const char *s, size_t n, size_t max);
size_t utf8_head(const char *s, size_t n, size_t max);
/* Into dst (not terminated): all of s, or its head with "\u2026" behind it that says that
 * it was cut, at most max bytes.  Returns how many. */
size_t utf8_cut(char *dst, size_t max, const char *s, size_t n);
/*
 * Writes s safe to show on a terminal: control characters (C0, DEL, C1) and bad bytes as
 * \n, \t, \r, \e or \xHH.  Always terminated; returns the length written, cut on a
 * character when dst is too small.
 */
size_t utf8_escape(char *dst, size_t size, const char *s, size_t n);
void utf8_escape_buf(struct buf *out, const char *s, size_t n);

#endif
