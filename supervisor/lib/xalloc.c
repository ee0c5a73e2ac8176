/*
 * xalloc: see the header.  The message goes out by write(2), since stdio may allocate.
 */
#include "lib/xalloc.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

static void __attribute__((noreturn)) out_of_memory(void)
{
	static const char text[] = "supd: out of memory\n";
	ssize_t r = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)r; /* We are about to abort; there is nobody else to tell. */
	abort();
}

void *
xmalloc(size_t size)
{
	void *p = malloc(size != 0 ? size : 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	void *p = n != 0 && size != 0 ? calloc(n, size) : calloc(1, 1);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *
xreallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory();
	p = realloc(p, bytes != 0 ? bytes : 1);
	if (p == NULL)
		out_of_memory();
	return p;
}

char *
xstrdup(const char *s)
{
	return xmemdup(s, strlen(s) + 1);
}

char *
xstrdup_opt(const char *s)
{
	return s != NULL ? xstrdup(s) : NULL;
}

char *
xstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = xmalloc(len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

void *
xmemdup(const void *p, size_t n)
{
	void *copy = xmalloc(n);

	if (n != 0)
		memcpy(copy, p, n);
	return copy;
}

char *
xvasprintf(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0 || s == NULL)
		out_of_memory();
	return s;
}

char *
xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = xvasprintf(fmt, ap);
	va_end(ap);
	return s;
}

void
xalloc_trim(void)
{
	/* musl gives back by itself. */
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

void
xalloc_init(void)
{
	/* glibc by itself would raise the bound with each such block that is freed, and
	 * keep as much at the top of the heap. */
#ifdef __GLIBC__
	enum { BIG = 64 * 1024 };

	(void)mallopt(M_MMAP_THRESHOLD, BIG);
	(void)mallopt(M_TRIM_THRESHOLD, BIG);
	(void)mallopt(M_TOP_PAD, BIG);
#endif
}

void
xalloc_check_leaks(void)
{
#ifdef __SANITIZE_ADDRESS__
	char link[24] = "";

	/* It looks at the threads of /proc/PID, whoever's they are, and gives up the
	 * whole process when there are none: not in a container without a /proc of its
	 * own. */
	if (readlink("/proc/self", link, sizeof(link) - 1) > 0 && atoi(link) == getpid())
		(void)__lsan_do_recoverable_leak_check();
#endif
}
