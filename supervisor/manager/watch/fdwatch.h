/*
 * fdwatch: kept descriptors (FDSTORE=1) whose other end hangs up are given up, unless the
 * service said FDPOLL=0.
 *
 * init keeps them and looks at none; the manager watches a copy of each for a hang-up or
 * an error and for nothing else, so that what waits to be read wakes nobody.
 */
#ifndef SUPD_MANAGER_FDWATCH_H
#define SUPD_MANAGER_FDWATCH_H

#include <stdint.h>

struct fdwatch;
struct manager;
struct msg_stored;

/* The descriptor is ours from the call on. */
void fdwatch_take_fd(struct manager *m, const struct msg_stored *msg, int fd);
/* init does not keep that one any more. */
void fdwatch_drop(struct manager *m, uint32_t id);

#endif
