/*
 * port_owner: which process has a port, for the text of a failure.  Found in /proc,
 * within a bound: a machine with very many descriptors gets no answer.
 */
#ifndef SUPD_MANAGER_ACTIVATE_PORT_OWNER_H
#define SUPD_MANAGER_ACTIVATE_PORT_OWNER_H

#include <stddef.h>

struct socket_address;

/* "process 123 (nginx)" into out; -1: nobody was found. */
int port_owner_find(const struct socket_address *a, char *out, size_t size);

#endif
