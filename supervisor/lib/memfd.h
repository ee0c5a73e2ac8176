/*
 * memfd: bytes as a descriptor, on their way to another role.
 */
#ifndef SUPD_LIB_MEMFD_H
#define SUPD_LIB_MEMFD_H

struct buf;

/* A file in memory with these bytes, which nobody can change any more; name is for
 * /proc.  -1 with errno. */
int memfd_sealed(const char *name, const struct buf *data);

#endif
