/*
 * file: reads one file of settings.
 */
#ifndef SUPD_UNIT_FILE_H
#define SUPD_UNIT_FILE_H

struct buf;
struct stat;

/*
 * Appends a regular file whole to TEXT, with one read(2) unless it grows meanwhile.
 * Never waits for a FIFO that stands where a file should.  -1 with errno; EINVAL: not a
 * regular file, EFBIG: beyond 8 MiB.
 */
int unit_file_read(const char *path, struct buf *text, struct stat *st);

/* What an errno of unit_file_read means to a person. */
const char *unit_file_strerror(int error);

#endif
