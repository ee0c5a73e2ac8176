/*
 * mounts: which file systems a path leads through, found without asking any that may not
 * answer.
 *
 * A share whose server is gone, or a FUSE mount whose program hangs, stops whoever looks
 * at a name on it, for ever.  The kernel's list of mounts can be read without that; so a
 * path is walked by hand, and links are followed only where a local file system holds
 * them.  What is local is a list of types: a type that is not known may hang.  (A local
 * disk that dies is seen by nobody before he waits for it.)
 */
#ifndef SUPD_LIB_MOUNTS_H
#define SUPD_LIB_MOUNTS_H

#include <stdbool.h>

struct mounts;

/* Reads /proc/self/mountinfo, and again when it has changed. */
struct mounts *mounts_new(void);
/* The same of a text that does not change, for tests. */
struct mounts *mounts_new_text(const char *text);
void mounts_free(struct mounts *);

/*
 * Where the first file system is mounted that may hang whoever touches the absolute path;
 * NULL: there is none, and the path can be used.  follow: the last part, too, is followed
 * when it is a link.  Valid until the next call.
 */
const char *mounts_remote(struct mounts *, const char *path, bool follow);

/* Whether fd can be closed, and asked, without waiting for a server: the close of a file
 * on FUSE or a share sends what is left, and waits for the answer as no signal can end.
 * What is no file or folder can; and so can a file whose mount is known, and local. */
bool mounts_fd_is_local(int fd);

#endif
