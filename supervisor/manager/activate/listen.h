/*
 * listen: makes what a line of Listen*= says: a socket that listens, a FIFO, a file that
 * is opened.  Only system calls, none of which waits: paths that are not on local file
 * systems are asked about first by the caller (manager/watch/reach.h).
 *
 * What stands in the way is removed only when it is a socket that nobody listens to any
 * more; a failure names who has the address, if that can be found.
 */
#ifndef SUPD_MANAGER_ACTIVATE_LISTEN_H
#define SUPD_MANAGER_ACTIVATE_LISTEN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "unit/socket_conf.h"

struct buf;

struct listen_owner {
	uid_t uid; /* -1: as made */
	gid_t gid;
};

/*
 * A descriptor, CLOEXEC and not blocking; or -1 with errno, and why it cannot be.  What
 * could not be set of it, and does not matter for its life, is appended to notes, a line
 * each.
 */
int listen_open(const struct socket_conf *c, const struct listen_conf *l,
    const struct listen_owner *owner, struct buf *notes, char *why, size_t size);
/* Its path goes, if it has one; what stands there and is of another type stays. */
void listen_remove(const struct listen_conf *l);
/* The links of Symlinks= to it; what could not be made goes to notes. */
void listen_link(const struct socket_conf *c, const struct listen_conf *l, mode_t dirs,
    struct buf *notes);
void listen_unlink_links(const struct socket_conf *c, const struct listen_conf *l);
/* The path of its node in the file system, NULL: it has none. */
const char *listen_path(const struct listen_conf *l);

/* Options that a connection, too, is to have. */
void listen_set_options(
    const struct socket_conf *c, int fd, int family, int type, struct buf *notes);
/*
 * A copy of the listener of that line that a process has among its first descriptors; -1:
 * it has none, or is not to be looked into.
 */
int listen_find_in(pid_t pid, const struct listen_conf *l);
/* fd is what that line would make: of that type, at that address. */
bool listen_is_same(const struct listen_conf *l, int fd);

#endif
