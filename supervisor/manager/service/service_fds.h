/*
 * service_fds: the descriptors that the main process of a service has at 3, 4, and so on:
 * first those of its sockets, then those that it gave to the store.
 */
#ifndef SUPD_MANAGER_SERVICE_SERVICE_FDS_H
#define SUPD_MANAGER_SERVICE_SERVICE_FDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/strv.h"

struct exec_conf;
struct service;
struct spec_buf;
struct svc_spawn;

/* Of sockets, as they are now.  Numbers are init's. */
struct svc_fds {
	uint32_t *ids;
	struct strv names; /* FileDescriptorName=, as many */
	size_t n;
};

void svc_fds_add(struct svc_fds *fds, uint32_t id, const char *name);
void svc_fds_clear(struct svc_fds *fds);

/* Standard descriptors are the socket: it is not passed beside them. */
bool svc_stdio_is_socket(const struct exec_conf *x);
/* init's number of what fd:NAME and socket mean; name NULL: the socket, of which there is
 * just one.  -1: there is none. */
int svc_fds_find(
    const struct service *s, const struct svc_spawn *sp, const char *name, uint32_t *id);
/* LISTEN_FDS and LISTEN_FDNAMES, which a unit file cannot change. */
void svc_fds_environment(
    const struct service *s, const struct svc_spawn *sp, struct strv *env);
/* The items of the context.  -1 with why: StandardInput=socket without just one. */
int svc_fds_put(const struct service *s, const struct svc_spawn *sp, struct spec_buf *b,
    char *why, size_t size);

#endif
