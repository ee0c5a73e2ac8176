/*
 * socket_conf: what [Socket] says.  Part of conf.h; the rules there hold here.
 */
#ifndef SUPD_UNIT_SOCKET_CONF_H
#define SUPD_UNIT_SOCKET_CONF_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/strv.h"

/* Which key it is.  (In the table of init: numbers stay.) */
enum listen_kind {
	LISTEN_STREAM = 0,
	LISTEN_DATAGRAM = 1,
	LISTEN_SEQPACKET = 2,
	LISTEN_FIFO = 3,
	LISTEN_NETLINK = 4,
	LISTEN_SPECIAL = 5,
	LISTEN_NKINDS,
};

/* The address was understood (socket_address.h). */
struct listen_conf {
	enum listen_kind kind;
	char *address;
};

struct listen_list {
	struct listen_conf *v;
	size_t n;
};

enum bind_ipv6_only {
	BIND_IPV6_DEFAULT, /* as net.ipv6.bindv6only says */
	BIND_IPV6_BOTH,
	BIND_IPV6_ONLY,
};

enum socket_timestamping {
	TIMESTAMPING_OFF,
	TIMESTAMPING_US,
	TIMESTAMPING_NS,
};

/* Numbers that are not set are SOCKET_UNSET; sizes and times 0. */
enum { SOCKET_UNSET = -1 };

struct socket_conf {
	char *service; /* NULL: as it is called, with .service */
	struct listen_list listen;
	struct strv symlinks;
	char *user;    /* NULL: as supd */
	char *group;   /* NULL: that of user, else as supd */
	char *fd_name; /* NULL: the name of the unit */
	char *bind_to_device;
	char *congestion;
	mode_t socket_mode;
	mode_t directory_mode;
	bool accept;
	bool writable;
	bool flush_pending;
	bool remove_on_stop;

	/* Limits.  0 of an interval or a burst: none; UNIT_INFINITY and UINT32_MAX: the
	 * default, which depends on Accept=. */
	uint32_t backlog;
	uint32_t max_connections;
	uint32_t max_connections_per_source; /* 0: max_connections alone counts */
	uint64_t trigger_limit_us;
	uint32_t trigger_limit_burst;
	uint64_t timeout_us;
	uint64_t poll_limit_us;
	uint32_t poll_limit_burst;

	/* Options of the sockets. */
	enum bind_ipv6_only bind_ipv6_only;
	enum socket_timestamping timestamping;
	bool free_bind;
	bool transparent;
	bool reuse_port;
	bool keep_alive;
	bool no_delay;
	bool broadcast;
	bool pass_credentials;
	bool pass_security;
	bool pass_packet_info;
	int protocol; /* IPPROTO_*; 0: that of the kind */
	int priority;
	int mark;
	int ip_tos;
	int ip_ttl;
	uint32_t keep_alive_probes;
	uint64_t keep_alive_time_us;
	uint64_t keep_alive_interval_us;
	uint64_t defer_accept_us;
	uint64_t receive_buffer;
	uint64_t send_buffer;
	uint64_t pipe_size;
};

#endif
