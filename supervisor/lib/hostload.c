#include "lib/hostload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fdio.h"

enum { FILE_MAX = 64 * 1024 };
#define CGROUP "/sys/fs/cgroup/"

/* "3.25" is 325.  NULL: it is no such number; else what follows it. */
static const char *
read_centi(const char *p, unsigned *centi)
{
	unsigned whole, part;
	int n = 0;

	if (*p < '0' || *p > '9' || sscanf(p, "%7u.%2u%n", &whole, &part, &n) != 2)
		return NULL;
	*centi = whole * 100 + part;
	return p + n;
}

/* The number behind the key, which begins a line; -1: there is none. */
static int
read_key(const char *text, const char *key, uint64_t *value)
{
	size_t n = strlen(key);

	for (const char *p = text; p != NULL && *p != '\0'; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, key, n) == 0)
			return sscanf(p + n, " %" SCNu64, value) == 1 ? 0 : -1;
	}
	return -1;
}

int
hostload_average_of(const char *loadavg, unsigned *centi)
{
	if (read_centi(loadavg, centi) != NULL)
		return 0;
	errno = ENOTSUP;
	return -1;
}

/* What the cgroup that is our root may have; "max": as much as there is. */
static void
bound_by_cgroup(const char *max, const char *current, const char *stat,
    uint64_t *available, uint64_t *total)
{
	uint64_t limit, used, file = 0, left;

	if (max == NULL || current == NULL || sscanf(max, "%" SCNu64, &limit) != 1 ||
	    sscanf(current, "%" SCNu64, &used) != 1)
		return;
	/* (Pages of files that are not in use go first.) */
	if (stat != NULL && read_key(stat, "inactive_file", &file) == 0)
		used -= file < used ? file : used;
	left = used < limit ? limit - used : 0;
	if (limit < *total)
		*total = limit;
	if (left < *available)
		*available = left;
}

int
hostload_memory_of(const char *meminfo, const char *cgroup_max,
    const char *cgroup_current, const char *cgroup_stat, uint64_t *available,
    uint64_t *total)
{
	uint64_t all_kib, free_kib;

	if (read_key(meminfo, "MemTotal:", &all_kib) == -1 ||
	    read_key(meminfo, "MemAvailable:", &free_kib) == -1 ||
	    all_kib > UINT64_MAX / 1024 || free_kib > all_kib) {
		errno = ENOTSUP;
		return -1;
	}
	*total = all_kib * 1024;
	*available = free_kib * 1024;
	bound_by_cgroup(cgroup_max, cgroup_current, cgroup_stat, available, total);
	return 0;
}

int
hostload_pressure_of(
    const char *text, const char *line, unsigned window_s, unsigned *permyriad)
{
	size_t n = strlen(line);
	char key[32];

	snprintf(key, sizeof(key), "avg%u=", window_s);
	for (const char *p = text; p != NULL && *p != '\0'; p = strchr(p, '\n')) {
		const char *end, *at;

		p += *p == '\n';
		if (strncmp(p, line, n) != 0 || p[n] != ' ')
			continue;
		end = strchrnul(p, '\n');
		at = strstr(p, key);
		if (at != NULL && at < end &&
		    read_centi(at + strlen(key), permyriad) != NULL)
			return 0;
		break;
	}
	errno = ENOTSUP;
	return -1;
}

/* ---- of this machine -----------------------------------------------------------------
 */

/* NULL: it cannot be read. */
static const char *
read_text(const char *path, struct buf *b)
{
	return file_read_at(AT_FDCWD, path, FILE_MAX, b) == -1 ? NULL : buf_str(b);
}

int
hostload_average(unsigned *centi)
{
	struct buf b = { 0 };
	const char *text = read_text("/proc/loadavg", &b);
	int r = text == NULL ? -1 : hostload_average_of(text, centi), err = errno;

	buf_free(&b);
	errno = err;
	return r;
}

int
hostload_memory(uint64_t *available, uint64_t *total)
{
	struct buf info = { 0 }, max = { 0 }, current = { 0 }, stat = { 0 };
	const char *text = read_text("/proc/meminfo", &info);
	int r = -1, err = errno;

	if (text != NULL) {
		r = hostload_memory_of(text, read_text(CGROUP "memory.max", &max),
		    read_text(CGROUP "memory.current", &current),
		    read_text(CGROUP "memory.stat", &stat), available, total);
		err = errno;
	}
	buf_free(&info);
	buf_free(&max);
	buf_free(&current);
	buf_free(&stat);
	errno = err;
	return r;
}

int
hostload_pressure(const char *what, unsigned window_s, unsigned *permyriad)
{
	char path[64];
	struct buf b = { 0 };
	const char *text;
	int r, err;

	snprintf(path, sizeof(path), "/proc/pressure/%s", what);
	text = read_text(path, &b);
	r = text == NULL ? -1 : hostload_pressure_of(text, "some", window_s, permyriad);
	err = errno;
	buf_free(&b);
	errno = err;
	return r;
}
