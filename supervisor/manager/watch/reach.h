/*
 * reach: may the manager touch this path, or would it wait for a server that never
 * answers?
 *
 * What is on local file systems all the way is touched without a question.  The others
 * are asked by a helper process, for a moment; an answer counts for a second, so that a
 * command costs one process and not one a file.  One that does not answer in time is left
 * alone from then on, while a helper waits for it; when it answers at last, what could
 * not be read is read.  (One that dies within that second stops the manager, until init
 * kills it; the next manager knows better.)
 */
#ifndef SUPD_MANAGER_REACH_H
#define SUPD_MANAGER_REACH_H

#include <stdbool.h>
#include <stddef.h>

#include "manager/service/helper.h"

struct jw;
struct manager;
struct reach;

struct reach *reach_new(struct manager *m);

/* A unit_guard; arg is the reach. */
bool reach_may(void *arg, const char *path, bool follow);
/* All of the way is local: nothing will be waited for. */
bool reach_is_local(struct reach *, const char *path, bool follow);
/* work is done in a helper, for a short time, for a path that is not local.  -1 with
 * ETIMEDOUT: it does not answer, or is known not to. */
int reach_ask(struct reach *, const char *path, helper_work *work, const void *question,
    struct buf *answer);

/* The mounts that do not answer, as the member "unanswered". */
void reach_write(const struct reach *, struct jw *w);

#endif
