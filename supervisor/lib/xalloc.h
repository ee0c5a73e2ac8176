/*
 * xalloc: allocation that succeeds or aborts.
 *
 * A role that runs out of memory is respawned and loses nothing, so no caller carries a
 * path for NULL.  Never use this with a size that a peer chose without a bound of your
 * own.
 */
#ifndef SUPD_LIB_XALLOC_H
#define SUPD_LIB_XALLOC_H

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *xcalloc(size_t n, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
/* Aborts when n * size overflows. */
void *xreallocarray(void *p, size_t n, size_t size)
    __attribute__((returns_nonnull, warn_unused_result));
/* Give back to the system what is free, after work that needed much for a moment. */
void xalloc_trim(void);
/* Call once at start: what is big goes back to the system when it is freed, however often
 * such blocks come. */
void xalloc_init(void);
/* In a build with AddressSanitizer: report what nothing points to any more.  For roles
 * that end without freeing, where all that they use is still reachable. */
void xalloc_check_leaks(void);
char *xstrdup(const char *s) __attribute__((malloc, returns_nonnull, nonnull));
/* NULL stays NULL. */
char *xstrdup_opt(const char *s) __attribute__((malloc));
/* At most n bytes of s, always terminated. */
char *xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull, nonnull));
void *xmemdup(const void *p, size_t n) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *fmt, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 0)));

#endif
