/*
 * Descriptors that services gave to supd to keep (FDSTORE=1), the listeners of sockets,
 * and connections of theirs on their way to a service.  A descriptor's number is its
 * place in the table plus one; 0 is none.  Who hung up is found by the manager, which has
 * a copy of each: init only keeps them.
 */
#ifndef SUPD_INIT_FDSTORE_H
#define SUPD_INIT_FDSTORE_H

#include "proto/chan.h"

void fdstore_recover(void);
void fdstore_on_put(struct msg *m); /* takes the descriptor */
void fdstore_on_drop(const struct msg *m);
/* A connection is never between two owners: it is taken and kept in one step, here. */
void fdstore_on_accept(const struct msg *m);
void fdstore_on_rename(const struct msg *m);
/* As slot_tell_manager. */
int fdstore_tell(void);
/* The next one is told of all again. */
void fdstore_forget_manager(void);

#endif
