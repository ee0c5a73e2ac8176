/*
 * mirror: a copy of all lines on supd's own stdout, for `docker logs'.  Best effort:
 * never waits, drops whole lines when the reader is slow, and says how many.
 */
#ifndef SUPD_LOGGER_MIRROR_H
#define SUPD_LOGGER_MIRROR_H

#include <stddef.h>

struct logger;

/* Turns it on or off as the settings say. */
void mirror_set(struct logger *lg);
/* Stamped lines, whole ones. */
void mirror_add(struct logger *lg, const char *p, size_t n);
/* The end of supd: what still waits for a slow reader is given a moment to get out, the
 * only time that anything waits for it. */
void mirror_finish(struct logger *lg);
void mirror_free(struct logger *lg);

#endif
