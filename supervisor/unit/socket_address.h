/*
 * socket_address: the addresses of Listen*= lines, and of peers, as texts and as bytes.
 * Pure: no socket is made, no name is asked for.
 */
#ifndef SUPD_UNIT_SOCKET_ADDRESS_H
#define SUPD_UNIT_SOCKET_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>

#include <stdbool.h>

#include "unit/socket_conf.h"

struct buf;

struct socket_address {
	int family;   /* AF_UNSPEC: a path of LISTEN_FIFO, LISTEN_SPECIAL */
	int type;     /* SOCK_STREAM, … */
	int protocol; /* the group's family of netlink; 0 else */
	bool any;     /* a port alone: all addresses, of IPv4 too where there is IPv6 */
	const char *path; /* in the text that was parsed; NULL: no path */
	char scope[16];   /* name of an interface, of [fe80::1]:80%eth0; "" */
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_vm vm;
		struct sockaddr_nl nl;
		struct sockaddr_storage ss;
	} u;
};

/* 0, or -1 with *why, a static text that ends a sentence about the address. */
int socket_address_parse(
    enum listen_kind kind, const char *text, struct socket_address *a, const char **why);

/* As it is shown, "[::]:80"; appended. */
void socket_address_show(const struct socket_address *a, const char *text, struct buf *b);
/* The same of any socket; "" of one without an address. */
void socket_address_text(const struct sockaddr *sa, socklen_t len, struct buf *b);

/* "Stream"; and the key, "ListenStream". */
const char *listen_kind_name(enum listen_kind kind);
const char *listen_kind_key(enum listen_kind kind);

#endif
