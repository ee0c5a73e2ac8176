#include "manager/activate/listen_options.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "manager/activate/listen.h"
#include "unit/socket_address.h"

static void
note(struct buf *notes, const char *key)
{
	if (notes != NULL)
		buf_addf(notes, "%s= has no effect: %s\n", key, strerror(errno));
}

static void
set_int(int fd, int level, int option, int value, const char *key, struct buf *notes)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) == -1)
		note(notes, key);
}

static bool
is_inet(int family)
{
	return family == AF_INET || family == AF_INET6;
}

/* For both families where a socket of IPv6 may have peers of IPv4. */
static void
set_inet(int fd, int family, int option4, int option6, int value, const char *key,
    struct buf *notes)
{
	int r4, r6 = 0;

	r4 = setsockopt(fd, IPPROTO_IP, option4, &value, sizeof(value));
	if (family == AF_INET6)
		r6 = setsockopt(fd, IPPROTO_IPV6, option6, &value, sizeof(value));
	if (family == AF_INET6 ? r6 == -1 : r4 == -1)
		note(notes, key);
}

static int
sec(uint64_t us)
{
	uint64_t s = us / USEC_PER_SEC;

	return s > INT32_MAX ? INT32_MAX : s == 0 ? 1 : (int)s;
}

static int
must_int(
    int fd, int level, int option, int value, const char *key, char *why, size_t size)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) == 0)
		return 0;
	snprintf(why, size, "%s= cannot be had: %s", key, strerror(errno));
	return -1;
}

int
listen_options_before(const struct socket_conf *c, int fd, const struct socket_address *a,
    char *why, size_t size)
{
	bool inet = is_inet(a->family);

	if (inet &&
	    must_int(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", why, size) == -1)
		return -1;
	if (a->family == AF_INET6 && c->bind_ipv6_only != BIND_IPV6_DEFAULT &&
	    must_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, c->bind_ipv6_only == BIND_IPV6_ONLY,
		"BindIPv6Only", why, size) == -1)
		return -1;
	if (inet && c->reuse_port &&
	    must_int(fd, SOL_SOCKET, SO_REUSEPORT, 1, "ReusePort", why, size) == -1)
		return -1;
	if (inet && c->free_bind &&
	    must_int(fd, IPPROTO_IP, IP_FREEBIND, 1, "FreeBind", why, size) == -1)
		return -1;
	if (inet && c->transparent &&
	    must_int(fd, IPPROTO_IP, IP_TRANSPARENT, 1, "Transparent", why, size) == -1)
		return -1;
	if (inet && c->bind_to_device != NULL &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, c->bind_to_device,
		(socklen_t)strlen(c->bind_to_device) + 1) == -1) {
		snprintf(why, size, "BindToDevice=%s cannot be had: %s",
		    c->bind_to_device, strerror(errno));
		return -1;
	}
	return 0;
}

static void
set_keep_alive(const struct socket_conf *c, int fd, struct buf *notes)
{
	if (!c->keep_alive)
		return;
	set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "KeepAlive", notes);
	if (c->keep_alive_time_us > 0)
		set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, sec(c->keep_alive_time_us),
		    "KeepAliveTimeSec", notes);
	if (c->keep_alive_interval_us > 0)
		set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, sec(c->keep_alive_interval_us),
		    "KeepAliveIntervalSec", notes);
	if (c->keep_alive_probes > 0)
		set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, (int)c->keep_alive_probes,
		    "KeepAliveProbes", notes);
}

/* More than net.core.*mem_max where this process may. */
static void
set_buffer(
    int fd, int force, int option, uint64_t bytes, const char *key, struct buf *notes)
{
	int value = bytes > INT32_MAX ? INT32_MAX : (int)bytes;

	if (bytes == 0 || setsockopt(fd, SOL_SOCKET, force, &value, sizeof(value)) == 0)
		return;
	set_int(fd, SOL_SOCKET, option, value, key, notes);
}

static void
set_timestamping(const struct socket_conf *c, int fd, struct buf *notes)
{
	if (c->timestamping == TIMESTAMPING_US)
		set_int(fd, SOL_SOCKET, SO_TIMESTAMP, 1, "Timestamping", notes);
	else if (c->timestamping == TIMESTAMPING_NS)
		set_int(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1, "Timestamping", notes);
}

void
listen_set_options(
    const struct socket_conf *c, int fd, int family, int type, struct buf *notes)
{
	bool inet = is_inet(family), tcp = inet && type == SOCK_STREAM;

	if (tcp) {
		set_keep_alive(c, fd, notes);
		if (c->no_delay)
			set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1, "NoDelay", notes);
	}
	if (c->broadcast)
		set_int(fd, SOL_SOCKET, SO_BROADCAST, 1, "Broadcast", notes);
	if (c->pass_credentials && (family == AF_UNIX || family == AF_NETLINK))
		set_int(fd, SOL_SOCKET, SO_PASSCRED, 1, "PassCredentials", notes);
	if (c->pass_security && family == AF_UNIX)
		set_int(fd, SOL_SOCKET, SO_PASSSEC, 1, "PassSecurity", notes);
	if (c->pass_packet_info && inet)
		set_inet(
		    fd, family, IP_PKTINFO, IPV6_RECVPKTINFO, 1, "PassPacketInfo", notes);
	set_timestamping(c, fd, notes);
	if (c->priority != SOCKET_UNSET)
		set_int(fd, SOL_SOCKET, SO_PRIORITY, c->priority, "Priority", notes);
	set_buffer(
	    fd, SO_RCVBUFFORCE, SO_RCVBUF, c->receive_buffer, "ReceiveBuffer", notes);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, c->send_buffer, "SendBuffer", notes);
	if (c->mark != SOCKET_UNSET)
		set_int(fd, SOL_SOCKET, SO_MARK, c->mark, "Mark", notes);
	if (inet && c->ip_tos != SOCKET_UNSET)
		set_inet(fd, family, IP_TOS, IPV6_TCLASS, c->ip_tos, "IPTOS", notes);
	if (inet && c->ip_ttl != SOCKET_UNSET)
		set_inet(
		    fd, family, IP_TTL, IPV6_UNICAST_HOPS, c->ip_ttl, "IPTTL", notes);
	if (tcp && c->congestion != NULL &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, c->congestion,
		(socklen_t)strlen(c->congestion) + 1) == -1)
		note(notes, "TCPCongestion");
}

void
listen_options_after(const struct socket_conf *c, int fd, const struct socket_address *a,
    struct buf *notes)
{
	if (c->defer_accept_us > 0 && is_inet(a->family) && a->type == SOCK_STREAM)
		set_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, sec(c->defer_accept_us),
		    "DeferAcceptSec", notes);
}

void
listen_options_pipe(
    const struct socket_conf *c, int fd, const char *path, struct buf *notes)
{
	(void)path;
	if (c->pipe_size > 0 &&
	    fcntl(fd, F_SETPIPE_SZ,
		c->pipe_size > INT32_MAX ? INT32_MAX : (int)c->pipe_size) == -1)
		note(notes, "PipeSize");
}
