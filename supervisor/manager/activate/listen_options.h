/*
 * listen_options: what [Socket] says of a socket beside its address.
 */
#ifndef SUPD_MANAGER_ACTIVATE_LISTEN_OPTIONS_H
#define SUPD_MANAGER_ACTIVATE_LISTEN_OPTIONS_H

#include <stddef.h>

#include "unit/socket_conf.h"

struct buf;
struct socket_address;

/* Before bind, which depends on them: -1 with errno and why. */
int listen_options_before(const struct socket_conf *c, int fd,
    const struct socket_address *a, char *why, size_t size);
/* Of the listener itself: not of its connections. */
void listen_options_after(const struct socket_conf *c, int fd,
    const struct socket_address *a, struct buf *notes);
void listen_options_pipe(
    const struct socket_conf *c, int fd, const char *path, struct buf *notes);

#endif
