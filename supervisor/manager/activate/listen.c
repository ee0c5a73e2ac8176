#include "manager/activate/listen.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/xalloc.h"
#include "manager/activate/listen_options.h"
#include "manager/activate/port_owner.h"
#include "unit/socket_address.h"

enum {
	LISTEN_FIRST = 3,
	LISTEN_LOOKED_AT = 64, /* descriptors of a process */
};

/* ---- the folder and the node --------------------------------------------------- */

/* The folders above it, those that are missing, with these rights whatever the umask. */
static int
make_parents(const char *path, mode_t mode)
{
	char *copy = xstrdup(path), *slash = strrchr(copy, '/');
	mode_t old;
	int r = 0, err;

	*slash = '\0';
	if (slash != copy) {
		old = umask((mode_t)~mode & 0777);
		r = mkdir_p_at(AT_FDCWD, copy, mode);
		err = errno;
		umask(old);
		errno = err;
	}
	free(copy);
	return r;
}

static int
give_away(const char *path, const struct listen_owner *owner, char *why, size_t size)
{
	if (owner->uid == (uid_t)-1 && owner->gid == (gid_t)-1)
		return 0;
	if (fchownat(AT_FDCWD, path, owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	snprintf(why, size, "%s cannot be given to SocketUser= and SocketGroup=: %s",
	    path, strerror(errno));
	return -1;
}

/* ---- sockets ------------------------------------------------------------------- */

/*
 * Does somebody listen there?  A connection that is not refused says so, with the process
 * that does as its peer; pid 0: not known.
 */
static bool
is_alive(const struct socket_address *a, pid_t *pid)
{
	int fd = socket(AF_UNIX, a->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);
	bool alive;

	*pid = 0;
	if (fd == -1)
		return true; /* better left alone */
	alive =
	    connect(fd, &a->u.sa, a->len) == 0 || errno == EAGAIN || errno == EPROTOTYPE;
	if (alive && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		*pid = cred.pid > 0 ? cred.pid : 0;
	close(fd);
	return alive;
}

/* What stands at its path goes, if it is a socket that nobody listens to. */
static int
clear_path(const struct socket_address *a, char *why, size_t size)
{
	struct stat st;
	pid_t pid;

	if (lstat(a->path, &st) == -1) {
		errno = EADDRINUSE; /* gone meanwhile: the next try will tell */
		return 0;
	}
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, size,
		    "%s is there, and is no socket: remove it, or listen elsewhere",
		    a->path);
		errno = EEXIST;
		return -1;
	}
	if (is_alive(a, &pid)) {
		if (pid > 0)
			snprintf(why, size,
			    "process %d listens at %s: end it, or listen elsewhere",
			    (int)pid, a->path);
		else
			snprintf(why, size,
			    "somebody listens at %s already: end it, or listen elsewhere",
			    a->path);
		errno = EADDRINUSE;
		return -1;
	}
	if (unlink(a->path) == -1 && errno != ENOENT) {
		snprintf(why, size, "%s, a socket of nobody, cannot be removed: %s",
		    a->path, strerror(errno));
		return -1;
	}
	return 0;
}

/* bind with the rights that the node is to have: nobody gets in before a chmod. */
static int
bind_node(int fd, const struct socket_address *a, mode_t mode)
{
	mode_t old = umask((mode_t)~mode & 0777);
	int r = bind(fd, &a->u.sa, a->len), err = errno;

	umask(old);
	errno = err;
	return r;
}

static int
bind_unix(int fd, const struct socket_conf *c, const struct socket_address *a,
    const struct listen_owner *owner, char *why, size_t size)
{
	int r;

	if (a->path == NULL)
		return bind(fd, &a->u.sa, a->len);
	if (make_parents(a->path, c->directory_mode) == -1) {
		snprintf(why, size, "the folder of %s cannot be made: %s", a->path,
		    strerror(errno));
		return -1;
	}
	r = bind_node(fd, a, c->socket_mode);
	if (r == -1 && errno == EADDRINUSE) {
		if (clear_path(a, why, size) == -1)
			return -1;
		r = bind_node(fd, a, c->socket_mode);
	}
	if (r == 0 && give_away(a->path, owner, why, size) == -1) {
		r = errno;
		(void)unlink(a->path);
		errno = r;
		return -1;
	}
	return r;
}

static int
find_scope(struct socket_address *a, char *why, size_t size)
{
	if (a->scope[0] == '\0')
		return 0;
	a->u.in6.sin6_scope_id = if_nametoindex(a->scope);
	if (a->u.in6.sin6_scope_id != 0)
		return 0;
	snprintf(why, size, "there is no interface %s", a->scope);
	return -1;
}

/* SocketProtocol= is for those sockets of the unit that can speak it. */
static int
find_protocol(const struct socket_conf *c, const struct socket_address *a)
{
	bool is_for_datagrams = c->protocol == IPPROTO_UDPLITE;

	if (a->family == AF_NETLINK)
		return a->protocol;
	if ((a->family != AF_INET && a->family != AF_INET6) ||
	    is_for_datagrams != (a->type == SOCK_DGRAM))
		return 0;
	return c->protocol;
}

/* The socket; where there is no IPv6 a port alone means IPv4. */
static int
make_socket(const struct socket_conf *c, struct socket_address *a)
{
	int protocol = find_protocol(c, a);
	int type = a->type | SOCK_CLOEXEC | SOCK_NONBLOCK, fd;
	in_port_t port;

	fd = socket(a->family, type, protocol);
	if (fd != -1 || errno != EAFNOSUPPORT || !a->any)
		return fd;
	port = a->u.in6.sin6_port;
	memset(&a->u, 0, sizeof(a->u));
	a->family = a->u.in.sin_family = AF_INET;
	a->u.in.sin_port = port;
	a->len = sizeof(a->u.in);
	return socket(AF_INET, type, protocol);
}

static void
tell_bind(const struct socket_address *a, const char *text, char *why, size_t size)
{
	int err = errno;
	char who[128];

	if (why[0] != '\0')
		return;
	if (err == EADDRINUSE && port_owner_find(a, who, sizeof(who)) == 0)
		snprintf(why, size, "%s is in use by %s: end it, or listen elsewhere",
		    text, who);
	else if (err == EADDRINUSE)
		snprintf(
		    why, size, "%s is in use: end who has it, or listen elsewhere", text);
	else if (err == EACCES && a->path == NULL)
		snprintf(why, size,
		    "%s may not be had by this user: use a port from 1024", text);
	else if (err == EADDRNOTAVAIL)
		snprintf(why, size,
		    "this machine does not have the address of %s: FreeBind=yes listens "
		    "all the same",
		    text);
	else
		snprintf(why, size, "%s cannot be had: %s", text, strerror(err));
	errno = err;
}

static int
open_socket(const struct socket_conf *c, struct socket_address *a, const char *text,
    const struct listen_owner *owner, struct buf *notes, char *why, size_t size)
{
	int fd, err;

	if (find_scope(a, why, size) == -1) {
		errno = ENODEV;
		return -1;
	}
	fd = make_socket(c, a);
	if (fd == -1) {
		snprintf(
		    why, size, "no socket can be made for %s: %s", text, strerror(errno));
		return -1;
	}
	if (listen_options_before(c, fd, a, why, size) == -1)
		goto fail;
	if ((a->family == AF_UNIX ? bind_unix(fd, c, a, owner, why, size)
				  : bind(fd, &a->u.sa, a->len)) == -1)
		goto fail;
	listen_set_options(c, fd, a->family, a->type, notes);
	listen_options_after(c, fd, a, notes);
	if ((a->type == SOCK_STREAM || a->type == SOCK_SEQPACKET) &&
	    listen(fd, (int)(c->backlog > INT32_MAX ? INT32_MAX : c->backlog)) == -1)
		goto fail_made;
	return fd;
fail_made:
	err = errno;
	if (a->path != NULL)
		(void)unlink(a->path);
	errno = err;
fail:
	tell_bind(a, text, why, size);
	fd_close(&fd);
	return -1;
}

/* ---- files --------------------------------------------------------------------- */

static int
refuse_file(int fd, const char *path, const char *what, char *why, size_t size)
{
	snprintf(why, size, "%s %s", path, what);
	fd_close(&fd);
	errno = EEXIST;
	return -1;
}

static int
open_fifo(const struct socket_conf *c, const char *path, const struct listen_owner *owner,
    struct buf *notes, char *why, size_t size)
{
	bool made;
	mode_t old;
	struct stat st;
	int fd;

	if (make_parents(path, c->directory_mode) == -1) {
		snprintf(why, size, "the folder of %s cannot be made: %s", path,
		    strerror(errno));
		return -1;
	}
	old = umask((mode_t)~c->socket_mode & 0777);
	made = mkfifo(path, c->socket_mode) == 0;
	umask(old);
	if (made && give_away(path, owner, why, size) == -1)
		return -1;
	/* For both: it has no end as long as there is a reader, ours. */
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd == -1 || fstat(fd, &st) == -1) {
		snprintf(why, size, "%s cannot be opened: %s", path, open_error(errno));
		fd_close(&fd);
		return -1;
	}
	if (!S_ISFIFO(st.st_mode))
		return refuse_file(fd, path,
		    "is there, and is no FIFO: remove it, or listen elsewhere", why,
		    size);
	if (!made && ((st.st_mode & 0777) != (c->socket_mode & 0777) ||
			 st.st_uid != (owner->uid == (uid_t)-1 ? geteuid() : owner->uid)))
		return refuse_file(fd, path,
		    "is there, a FIFO of another owner or with other rights than "
		    "SocketMode=: remove it",
		    why, size);
	listen_options_pipe(c, fd, path, notes);
	return fd;
}

/* The kernel says when something is there; of a file on a disk it does not. */
static bool
can_be_waited_for(int fd)
{
	struct epoll_event want = { .events = EPOLLIN };
	int epoll = epoll_create1(EPOLL_CLOEXEC), r;

	if (epoll == -1)
		return false;
	r = epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want);
	close(epoll);
	return r == 0;
}

static int
open_special(const struct socket_conf *c, const char *path, char *why, size_t size)
{
	int fd = open(path, (c->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY |
				O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1) {
		snprintf(why, size, "%s cannot be opened: %s", path, open_error(errno));
		fd_close(&fd);
		return -1;
	}
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return refuse_file(fd, path,
		    "is no file and no character device, as ListenSpecial= opens", why,
		    size);
	if (!can_be_waited_for(fd))
		return refuse_file(fd, path,
		    "is nothing that can be waited for: nothing would ever come", why,
		    size);
	return fd;
}

int
listen_open(const struct socket_conf *c, const struct listen_conf *l,
    const struct listen_owner *owner, struct buf *notes, char *why, size_t size)
{
	struct socket_address a;
	const char *bad;

	why[0] = '\0';
	if (socket_address_parse(l->kind, l->address, &a, &bad) == -1) {
		snprintf(
		    why, size, "%s=%s: %s", listen_kind_key(l->kind), l->address, bad);
		errno = EINVAL;
		return -1;
	}
	switch (l->kind) {
	case LISTEN_FIFO:
		return open_fifo(c, l->address, owner, notes, why, size);
	case LISTEN_SPECIAL:
		return open_special(c, l->address, why, size);
	default:
		return open_socket(c, &a, l->address, owner, notes, why, size);
	}
}

/* ---- afterwards ---------------------------------------------------------------- */

const char *
listen_path(const struct listen_conf *l)
{
	return l->kind != LISTEN_NETLINK && l->kind != LISTEN_SPECIAL &&
		       l->address[0] == '/'
		   ? l->address
		   : NULL;
}

void
listen_remove(const struct listen_conf *l)
{
	const char *path = listen_path(l);
	struct stat st;

	if (path == NULL || lstat(path, &st) == -1)
		return;
	if (l->kind == LISTEN_FIFO ? S_ISFIFO(st.st_mode) : S_ISSOCK(st.st_mode))
		(void)unlink(path);
}

static bool
leads_there(const char *link, const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target));

	return n == (ssize_t)strlen(path) && memcmp(target, path, (size_t)n) == 0;
}

void
listen_link(const struct socket_conf *c, const struct listen_conf *l, mode_t dirs,
    struct buf *notes)
{
	const char *path = listen_path(l);

	for (size_t i = 0; path != NULL && i < c->symlinks.n; i++) {
		const char *link = c->symlinks.v[i];
		struct stat st;

		if (leads_there(link, path))
			continue;
		if (make_parents(link, dirs) == 0 &&
		    (lstat(link, &st) == -1 || S_ISLNK(st.st_mode)) &&
		    symlink_atomic(AT_FDCWD, path, link) == 0)
			continue;
		buf_addf(notes, "the link %s cannot be made: %s\n", link,
		    lstat(link, &st) == 0 && !S_ISLNK(st.st_mode) ? "a file is there"
								  : strerror(errno));
	}
}

void
listen_unlink_links(const struct socket_conf *c, const struct listen_conf *l)
{
	const char *path = listen_path(l);

	for (size_t i = 0; path != NULL && i < c->symlinks.n; i++)
		if (leads_there(c->symlinks.v[i], path))
			(void)unlink(c->symlinks.v[i]);
}

static bool
is_same_file(const struct listen_conf *l, int fd)
{
	struct stat have, want;

	return fstat(fd, &have) == 0 && lstat(l->address, &want) == 0 &&
	       have.st_dev == want.st_dev && have.st_ino == want.st_ino;
}

bool
listen_is_same(const struct listen_conf *l, int fd)
{
	struct buf have = { 0 }, want = { 0 };
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss), n = sizeof(int);
	struct socket_address a;
	const char *bad;
	bool same;
	int type;

	if (socket_address_parse(l->kind, l->address, &a, &bad) == -1)
		return false;
	if (a.family == AF_UNSPEC)
		return is_same_file(l, fd);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == -1 || type != a.type ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return false;
	socket_address_text((const struct sockaddr *)&ss, len, &have);
	socket_address_text(&a.u.sa, a.len, &want);
	same = ss.ss_family == a.family && strcmp(buf_str(&have), buf_str(&want)) == 0;
	buf_free(&have);
	buf_free(&want);
	return same;
}

int
listen_find_in(pid_t pid, const struct listen_conf *l)
{
	int pidfd = pidfd_open_(pid), fd;

	for (int i = LISTEN_FIRST; pidfd != -1 && i < LISTEN_FIRST + LISTEN_LOOKED_AT;
	     i++) {
		fd = (int)syscall(SYS_pidfd_getfd, pidfd, i, 0);
		if (fd == -1 && errno != EBADF)
			break;
		if (fd != -1 && listen_is_same(l, fd)) {
			close(pidfd);
			return fd;
		}
		fd_close(&fd);
	}
	fd_close(&pidfd);
	return -1;
}
