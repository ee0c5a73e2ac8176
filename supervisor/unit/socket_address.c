#include "unit/socket_address.h"

#include <arpa/inet.h>

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

static const char *const kind_names[LISTEN_NKINDS] = {
	[LISTEN_STREAM] = "Stream",
	[LISTEN_DATAGRAM] = "Datagram",
	[LISTEN_SEQPACKET] = "SequentialPacket",
	[LISTEN_FIFO] = "FIFO",
	[LISTEN_NETLINK] = "Netlink",
	[LISTEN_SPECIAL] = "Special",
};

static const char *const kind_keys[LISTEN_NKINDS] = {
	[LISTEN_STREAM] = "ListenStream",
	[LISTEN_DATAGRAM] = "ListenDatagram",
	[LISTEN_SEQPACKET] = "ListenSequentialPacket",
	[LISTEN_FIFO] = "ListenFIFO",
	[LISTEN_NETLINK] = "ListenNetlink",
	[LISTEN_SPECIAL] = "ListenSpecial",
};

static const struct {
	const char *name;
	int family;
} netlink_families[] = {
	{ "audit", NETLINK_AUDIT },
	{ "connector", NETLINK_CONNECTOR },
	{ "dnrtmsg", NETLINK_DNRTMSG },
	{ "ecryptfs", NETLINK_ECRYPTFS },
	{ "fib-lookup", NETLINK_FIB_LOOKUP },
	{ "firewall", NETLINK_FIREWALL },
	{ "generic", NETLINK_GENERIC },
	{ "inet-diag", NETLINK_INET_DIAG },
	{ "ip6-fw", NETLINK_IP6_FW },
	{ "iscsi", NETLINK_ISCSI },
	{ "kobject-uevent", NETLINK_KOBJECT_UEVENT },
	{ "netfilter", NETLINK_NETFILTER },
	{ "nflog", NETLINK_NFLOG },
	{ "rdma", NETLINK_RDMA },
	{ "route", NETLINK_ROUTE },
	{ "scsitransport", NETLINK_SCSITRANSPORT },
	{ "selinux", NETLINK_SELINUX },
	{ "xfrm", NETLINK_XFRM },
};

const char *
listen_kind_name(enum listen_kind kind)
{
	return kind_names[kind];
}

const char *
listen_kind_key(enum listen_kind kind)
{
	return kind_keys[kind];
}

static int
refuse(const char **why, const char *text)
{
	*why = text;
	return -1;
}

/* Decimal digits and nothing else; no leading zero, which others read as octal. */
static int
read_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;

	if (*text == '\0' || (text[0] == '0' && text[1] != '\0'))
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		n = n * 10 + (uint64_t)(*text - '0');
		if (n > max)
			return -1;
	}
	*out = n;
	return 0;
}

static int
read_port(const char *text, in_port_t *port, const char **why)
{
	uint64_t n;

	if (read_number(text, UINT16_MAX, &n) == -1 || n == 0)
		return refuse(why, "its port is not a number from 1 to 65535");
	*port = htons((uint16_t)n);
	return 0;
}

static bool
path_is_normal(const char *path)
{
	size_t n;

	for (const char *p = path; *p != '\0'; p += n) {
		p++; /* the slash */
		n = strcspn(p, "/");
		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
	}
	return true;
}

static int
parse_unix(const char *text, struct socket_address *a, const char **why)
{
	size_t n = strlen(text);

	if (n >= sizeof(a->u.un.sun_path))
		return refuse(why, "it is longer than 107 bytes");
	if (text[1] == '\0')
		return refuse(why, "there is no name in it");
	a->family = a->u.un.sun_family = AF_UNIX;
	memcpy(a->u.un.sun_path, text, n);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (text[0] == '@') {
		a->u.un.sun_path[0] = '\0';
		return 0;
	}
	if (!path_is_normal(text) || text[n - 1] == '/')
		return refuse(why, "its path has `.', `..' or a slash at its end");
	a->path = text;
	a->len++;
	return 0;
}

static int
parse_vsock(const char *text, struct socket_address *a, const char **why)
{
	const char *colon = strchr(text, ':');
	uint64_t cid = (uint64_t)VMADDR_CID_ANY, port;
	char word[16];

	if (colon == NULL || (size_t)(colon - text) >= sizeof(word) ||
	    read_number(colon + 1, UINT32_MAX - 1, &port) == -1)
		return refuse(why, "vsock is written vsock:CID:PORT");
	memcpy(word, text, (size_t)(colon - text));
	word[colon - text] = '\0';
	if (word[0] != '\0' && read_number(word, UINT32_MAX, &cid) == -1)
		return refuse(why, "vsock is written vsock:CID:PORT");
	a->family = a->u.vm.svm_family = AF_VSOCK;
	a->u.vm.svm_cid = (unsigned)cid;
	a->u.vm.svm_port = (unsigned)port;
	a->len = sizeof(a->u.vm);
	return 0;
}

static int
parse_inet6(const char *text, struct socket_address *a, const char **why)
{
	char host[INET6_ADDRSTRLEN], port[8];
	const char *end = strchr(text, ']'), *scope;
	size_t n = end == NULL ? sizeof(host) : (size_t)(end - text - 1);

	if (n >= sizeof(host) || end[1] != ':')
		return refuse(why, "IPv6 is written [ADDRESS]:PORT");
	memcpy(host, text + 1, n);
	host[n] = '\0';
	if (inet_pton(AF_INET6, host, &a->u.in6.sin6_addr) != 1)
		return refuse(why, "what is in brackets is no IPv6 address");
	scope = strchr(end, '%');
	n = scope == NULL ? strlen(end + 2) : (size_t)(scope - end - 2);
	if (n >= sizeof(port))
		return refuse(why, "its port is not a number from 1 to 65535");
	memcpy(port, end + 2, n);
	port[n] = '\0';
	if (scope != NULL && (scope[1] == '\0' || strlen(scope + 1) >= sizeof(a->scope)))
		return refuse(why, "the name of an interface follows %");
	if (scope != NULL)
		memcpy(a->scope, scope + 1, strlen(scope + 1));
	a->family = a->u.in6.sin6_family = AF_INET6;
	a->len = sizeof(a->u.in6);
	return read_port(port, &a->u.in6.sin6_port, why);
}

static int
parse_inet(const char *text, struct socket_address *a, const char **why)
{
	const char *colon = strchr(text, ':');
	char host[INET_ADDRSTRLEN];
	size_t n = (size_t)(colon - text);

	if (n >= sizeof(host) || strchr(colon + 1, ':') != NULL)
		return refuse(why, "IPv6 is written [ADDRESS]:PORT");
	memcpy(host, text, n);
	host[n] = '\0';
	if (inet_pton(AF_INET, host, &a->u.in.sin_addr) != 1)
		return refuse(why, "names are not looked up: before the port stands an "
				   "IPv4 address, or an IPv6 one in brackets");
	a->family = a->u.in.sin_family = AF_INET;
	a->len = sizeof(a->u.in);
	return read_port(colon + 1, &a->u.in.sin_port, why);
}

static int
parse_socket(const char *text, struct socket_address *a, const char **why)
{
	if (text[0] == '/' || text[0] == '@')
		return parse_unix(text, a, why);
	if (strncmp(text, "vsock:", 6) == 0)
		return parse_vsock(text + 6, a, why);
	if (text[0] == '[')
		return parse_inet6(text, a, why);
	if (strchr(text, ':') != NULL)
		return parse_inet(text, a, why);
	if (text[0] < '0' || text[0] > '9')
		return refuse(why, "it is /PATH, @NAME, PORT, IPV4:PORT or [IPV6]:PORT");
	a->any = true;
	a->family = a->u.in6.sin6_family = AF_INET6;
	a->u.in6.sin6_addr = in6addr_any;
	a->len = sizeof(a->u.in6);
	return read_port(text, &a->u.in6.sin6_port, why);
}

static int
parse_netlink(const char *text, struct socket_address *a, const char **why)
{
	size_t n = strcspn(text, " \t");
	const char *group = text + n + strspn(text + n, " \t");
	uint64_t groups = 0;

	if (*group != '\0' && read_number(group, UINT32_MAX, &groups) == -1)
		return refuse(why, "the number of a group follows the family");
	for (size_t i = 0; i < sizeof(netlink_families) / sizeof(netlink_families[0]);
	     i++) {
		const char *name = netlink_families[i].name;

		if (strlen(name) != n || strncmp(name, text, n) != 0)
			continue;
		a->family = a->u.nl.nl_family = AF_NETLINK;
		a->u.nl.nl_groups = (uint32_t)groups;
		a->protocol = netlink_families[i].family;
		a->len = sizeof(a->u.nl);
		return 0;
	}
	return refuse(why, "there is no such netlink family");
}

static int
parse_path(const char *text, struct socket_address *a, const char **why)
{
	if (text[0] != '/' || text[1] == '\0')
		return refuse(why, "it is not an absolute path");
	if (!path_is_normal(text) || text[strlen(text) - 1] == '/')
		return refuse(why, "its path has `.', `..' or a slash at its end");
	a->path = text;
	return 0;
}

int
socket_address_parse(
    enum listen_kind kind, const char *text, struct socket_address *out, const char **why)
{
	static const int types[LISTEN_NKINDS] = {
		[LISTEN_STREAM] = SOCK_STREAM,
		[LISTEN_DATAGRAM] = SOCK_DGRAM,
		[LISTEN_SEQPACKET] = SOCK_SEQPACKET,
		[LISTEN_NETLINK] = SOCK_RAW,
	};
	struct socket_address a;
	int r;

	memset(&a, 0, sizeof(a));
	a.type = types[kind];
	switch (kind) {
	case LISTEN_NETLINK:
		r = parse_netlink(text, &a, why);
		break;
	case LISTEN_FIFO:
	case LISTEN_SPECIAL:
		r = parse_path(text, &a, why);
		break;
	default:
		r = parse_socket(text, &a, why);
		break;
	}
	if (r == 0 && kind == LISTEN_SEQPACKET && a.family != AF_UNIX &&
	    a.family != AF_VSOCK)
		r = refuse(why, "only Unix sockets have sequential packets");
	if (r == 0)
		*out = a;
	return r;
}

static void
show_inet(const struct sockaddr *sa, struct buf *b)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	char host[INET6_ADDRSTRLEN];

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
		buf_addf(b, "%s:%u", host, ntohs(in.sin_port));
		return;
	}
	memcpy(&in6, sa, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		inet_ntop(AF_INET, &in6.sin6_addr.s6_addr[12], host, sizeof(host));
		buf_addf(b, "%s:%u", host, ntohs(in6.sin6_port));
		return;
	}
	inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
	buf_addf(b, "[%s]:%u", host, ntohs(in6.sin6_port));
}

void
socket_address_text(const struct sockaddr *sa, socklen_t len, struct buf *b)
{
	struct sockaddr_un un = { 0 };
	struct sockaddr_vm vm;
	size_t n;

	if (len < (socklen_t)sizeof(sa->sa_family))
		return;
	switch (sa->sa_family) {
	case AF_INET:
		if (len >= (socklen_t)sizeof(struct sockaddr_in))
			show_inet(sa, b);
		return;
	case AF_INET6:
		if (len >= (socklen_t)sizeof(struct sockaddr_in6))
			show_inet(sa, b);
		return;
	case AF_VSOCK:
		if (len < (socklen_t)sizeof(vm))
			return;
		memcpy(&vm, sa, sizeof(vm));
		if (vm.svm_cid == VMADDR_CID_ANY)
			buf_addf(b, "vsock::%u", vm.svm_port);
		else
			buf_addf(b, "vsock:%u:%u", vm.svm_cid, vm.svm_port);
		return;
	case AF_UNIX:
		if ((size_t)len <= offsetof(struct sockaddr_un, sun_path) ||
		    (size_t)len > sizeof(un))
			return;
		memcpy(&un, sa, len);
		n = len - offsetof(struct sockaddr_un, sun_path);
		if (un.sun_path[0] == '\0')
			un.sun_path[0] = '@';
		buf_append(b, un.sun_path, strnlen(un.sun_path, n));
		return;
	default:
		return;
	}
}

void
socket_address_show(const struct socket_address *a, const char *text, struct buf *b)
{
	if (a->family != AF_INET && a->family != AF_INET6) {
		buf_adds(b, text);
		if (a->family == AF_NETLINK && strpbrk(text, " \t") == NULL)
			buf_adds(b, " 0");
		return;
	}
	show_inet(&a->u.sa, b);
	if (a->scope[0] != '\0')
		buf_addf(b, "%%%s", a->scope);
}
