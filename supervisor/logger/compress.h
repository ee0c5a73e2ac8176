/*
 * compress: old logs to .log.gz.  That takes long, so a child does it, one at a time;
 * nothing waits for it.  What is there stays on the disk until what replaces it is there,
 * too, whatever dies in between.
 */
#ifndef SUPD_LOGGER_COMPRESS_H
#define SUPD_LOGGER_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct logger;

enum { COMPRESS_MAX = 256 }; /* files of one child */

struct compress_file {
	const char *day, *file; /* journal/DAY/health/FILE */
	const char *name;       /* of the log: the day's link follows */
	uint64_t dev, ino;      /* another file of that name is left alone */
};

bool compress_runs(const struct logger *lg);
/* Compress them, in this order.  Only when none runs. */
void compress_start(struct logger *lg, const struct compress_file *files, size_t n);

#endif
