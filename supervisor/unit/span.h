/*
 * span: numbers as people write them in unit files: times, sizes, truth, modes.
 *
 * Readers return 0, or -1 (EINVAL: not understood, ERANGE: too large) and leave the
 * result alone.  Writers append text that the reader takes back to the same value.
 */
#ifndef SUPD_UNIT_SPAN_H
#define SUPD_UNIT_SPAN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct buf;

/* "1min 30s", "2.5h", "90", "infinity": microseconds; without a unit, default_us each. */
int span_parse(const char *text, uint64_t default_us, uint64_t *us);
/* As files have it: days and shorter, and no fractions. */
void span_format(struct buf *, uint64_t us);
/* As people read it: from years on, with a fraction in what is less than a minute. */
void span_format_human(struct buf *, uint64_t us);

/* "64M", "1G 500M", "1.5K", "infinity" (UINT64_MAX): bytes, units of 1024. */
int size_parse(const char *text, uint64_t *bytes);
void size_format(struct buf *, uint64_t bytes);

/* yes no true false on off y n t f 1 0, in any case. */
int bool_parse(const char *text, bool *value);
/* Octal, at most 07777. */
int mode_parse(const char *text, mode_t *mode);
/* Decimal, or with 0x, 0o, 0b in front. */
int number_parse(const char *text, uint64_t max, uint64_t *value);
int integer_parse(const char *text, int64_t min, int64_t max, int64_t *value);

#endif
