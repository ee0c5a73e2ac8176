/*
 * fdio: descriptors and files, done completely or not at all.
 *
 * All calls return 0 or -1 with errno.  Every descriptor made here is CLOEXEC.  Paths are
 * relative to a directory descriptor (or AT_FDCWD), and a symbolic link as the last
 * component is never followed; mkdir_p_at follows none at all.  These calls may wait for
 * a disk: a role that must not, must not use the file ones.
 */
#ifndef SUPD_LIB_FDIO_H
#define SUPD_LIB_FDIO_H

#include <sys/types.h>

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct stat;

/* Writes all n bytes, over EINTR and short writes.  On EAGAIN: -1, part may be written.
 */
int full_write(int fd, const void *p, size_t n);
/* Reads until n bytes or end of file; returns the count, -1 on error. */
ssize_t full_read(int fd, void *p, size_t n);

/*
 * Opens the folder of path and gives the last component, which must be a name (else
 * EINVAL).  The folder may be reached through links: run/ is one.
 */
int open_parent_at(int dirfd, const char *path, const char **name);
/* Opens with O_CLOEXEC|O_NOFOLLOW added, over EINTR. */
int open_at(int dirfd, const char *path, int flags, mode_t mode);
/* A directory, last component not a link. */
int open_dir_at(int dirfd, const char *path);
/* The same, to be read; NULL with errno. */
DIR *dir_open_at(int dirfd, const char *path);

/*
 * Opens a regular file that has this one name only, without waiting for anything; *st is
 * what fstat says.  What else has the name is refused: EEXIST, EMLINK for a second name,
 * or what open says of a link, a folder or a FIFO.
 */
int open_sole_at(int dirfd, const char *path, int flags, mode_t mode, struct stat *st);
/* strerror, but for what these refuse: who reads it shall know what stands in the way. */
const char *open_error(int err);
/* Whether path leads to that file, and not through a link. */
bool path_is_at(int dirfd, const char *path, uint64_t dev, uint64_t ino);

/*
 * Reads a whole regular file of at most max bytes (EFBIG beyond), appended to out.  Works
 * for files that say they have no size (/proc).  A FIFO or device is EINVAL, and never
 * waited for.
 */
int file_read_at(int dirfd, const char *path, size_t max, struct buf *out);
/* The same, following a link in the last component (/proc, /etc, unit files). */
int file_read_follow_at(int dirfd, const char *path, size_t max, struct buf *out);
/*
 * Replaces path by a file of these bytes and exactly this mode: a temporary one beside
 * it, fsync (when sync), rename, fsync of the folder (when sync).  On any error the old
 * file is still there, whole, and the temporary one is gone.
 */
int file_write_atomic(
    int dirfd, const char *path, const void *data, size_t len, mode_t mode, bool sync);
/* Is this name one of the temporary ones, left behind by a process that was killed? */
bool file_is_temp(const char *name);
/*
 * Makes or replaces the link at linkpath; it is never seen missing in between.  What is
 * there and is no link is left alone (EEXIST).
 */
int symlink_atomic(int dirfd, const char *target, const char *linkpath);
/* fsync of the folder that holds path. */
int sync_parent_at(int dirfd, const char *path);

/*
 * mkdir -p.  Each missing folder gets mode (less the umask); a component that is a link
 * or no directory is an error (ELOOP, ENOTDIR), and so is "..".
 */
int mkdir_p_at(int dirfd, const char *path, mode_t mode);
/* The same, then the last folder opened. */
int mkdir_open_at(int dirfd, const char *path, mode_t mode);

/* 0, or -1 with errno. */
int fd_set_cloexec(int fd, bool on);
int fd_set_nonblock(int fd, bool on);
/* Closes when not -1 and sets to -1; errno is kept. */
void fd_close(int *fd);
/* Takes fd away without waiting for what its close waits for: that is left to a process
 * that is our parent's child. */
void fd_close_elsewhere(int fd);
/* Whether a line of at most PIPE_BUF bytes can be written now without waiting: false for
 * a full pipe and a stopped terminal. */
bool fd_is_writable(int fd);
/*
 * Makes sure that these bytes of a file have room, so that writing to its mapping cannot
 * end in SIGBUS.  -1 with ENOSPC: there is none.  A file system that cannot promise it is
 * taken as it is (0).
 */
int file_allocate(int fd, uint64_t at, uint64_t len);

/* The system calls of these names: a descriptor (CLOEXEC), 0, or -1 with errno. */
int pidfd_open_(pid_t pid);
int pidfd_send_signal_(int pidfd, int signo);

#endif
