/*
 * The one way of init to say something.  A terminal may be stopped, a pipe full and a
 * file on a disk that hangs, and no question to the kernel tells that before the write
 * does: so the write is a child's, one at a time, and what comes meanwhile waits for the
 * next.
 */
#ifndef SUPD_INIT_COMPLAIN_H
#define SUPD_INIT_COMPLAIN_H

#include <stdbool.h>
#include <stdint.h>

/* One line on stderr.  about may be NULL, err 0. */
void init_complain(const char *what, const char *about, int err);
/* Write what is left; what fails is tried again with the next call. */
void complain_flush(void);
/* The child that writes, 0: none.  It is none of anybody's. */
int32_t complain_pid(void);
/* True when pid was that one. */
bool complain_on_exit(int32_t pid);
/* Before the end: let it be written, but wait for a moment only. */
void complain_finish(void);

#endif
