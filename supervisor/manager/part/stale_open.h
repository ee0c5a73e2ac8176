/*
 * stale_open: does any process have these files open?  Asked in a helper, as /proc may be
 * long.
 */
#ifndef SUPD_MANAGER_STALE_OPEN_H
#define SUPD_MANAGER_STALE_OPEN_H

#include <stddef.h>

struct stale_file;

/*
 * Sets open of each.  What can be seen of all processes is enough to say no; where some
 * of it cannot be, the kernel is asked for a lease of the file, which it gives for what
 * is closed, to its owner and to root.  Where it cannot say either, nobody knows.
 */
void stale_open_ask(struct stale_file *v, size_t n);

#endif
