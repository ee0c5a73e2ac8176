/*
 * links: NAME.log and NAME.cast, in the folder of a day and above all days, lead to what
 * the newest invocation has written.  Relative, replaced atomically; what is no link and
 * has such a name is left alone.
 */
#ifndef SUPD_LOGGER_LINKS_H
#define SUPD_LOGGER_LINKS_H

#include <stdbool.h>

struct logger;
struct logslot;

/* Both links to a file of the slot's invocation (its log, or its recording), unless a
 * later invocation has them.  0, or -1 with errno. */
int links_set(
    struct logger *lg, struct logslot *ls, bool cast, const char *day, const char *file);
/* Whether a link failed with err because the file system has none.  Said once. */
bool links_cannot_be(struct logger *lg, int err);

#endif
