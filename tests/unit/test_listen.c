/* Listeners as they are made: what they are, what is in their way, what goes with them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/rmtree.h"
#include "lib/xalloc.h"
#include "manager/activate/listen.h"
#include "unit/socket_address.h"

struct fixture {
	char dir[32];
	struct socket_conf c;
	struct listen_owner owner;
	struct buf notes;
	char why[256];
};

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	strcpy(f->dir, "/tmp/listen.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	f->c.socket_mode = 0666;
	f->c.directory_mode = 0755;
	f->c.backlog = 16;
	f->c.priority = f->c.mark = f->c.ip_tos = f->c.ip_ttl = SOCKET_UNSET;
	f->owner.uid = (uid_t)-1;
	f->owner.gid = (gid_t)-1;
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	(void)rm_rf_at(AT_FDCWD, f->dir, 1000);
	buf_free(&f->notes);
	free(f);
	return 0;
}

static int
open_it(struct fixture *f, enum listen_kind kind, const char *fmt, ...)
{
	struct listen_conf l = { .kind = kind };
	va_list ap;
	int fd, err;

	va_start(ap, fmt);
	l.address = xvasprintf(fmt, ap);
	va_end(ap);
	fd = listen_open(&f->c, &l, &f->owner, &f->notes, f->why, sizeof(f->why));
	err = errno;
	if (fd != -1) {
		assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
		assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
		assert_true(listen_is_same(&l, fd));
	}
	free(l.address);
	errno = err;
	return fd;
}

static void
says(const struct fixture *f, const char *part)
{
	if (strstr(f->why, part) == NULL)
		fail_msg("`%s' does not say `%s'", f->why, part);
}

static int
dial(const char *path, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
test_unix(void **state)
{
	struct fixture *f = *state;
	char path[64];
	struct stat st;
	int fd, c;

	f->c.socket_mode = 0620;
	f->c.directory_mode = 0710;
	umask(077);
	fd = open_it(f, LISTEN_STREAM, "%s/a/b/x.sock", f->dir);
	assert_int_not_equal(fd, -1);
	snprintf(path, sizeof(path), "%s/a/b/x.sock", f->dir);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0620);
	c = dial(path, SOCK_STREAM);
	assert_int_not_equal(c, -1);
	close(c);
	snprintf(path, sizeof(path), "%s/a/b", f->dir);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0710);
	assert_int_equal(umask(022), 077);
	close(fd);
}

static void
test_in_the_way(void **state)
{
	struct fixture *f = *state;
	struct listen_conf l = { LISTEN_STREAM, NULL };
	char path[64], pid[32];
	int fd, other;

	snprintf(path, sizeof(path), "%s/x", f->dir);
	l.address = path;
	/* What lives is left alone, and named. */
	fd = open_it(f, LISTEN_STREAM, "%s", path);
	assert_int_equal(open_it(f, LISTEN_STREAM, "%s", path), -1);
	assert_int_equal(errno, EADDRINUSE);
	snprintf(pid, sizeof(pid), "process %d ", (int)getpid());
	says(f, pid);
	assert_int_equal(open_it(f, LISTEN_DATAGRAM, "%s", path), -1);
	/* What nobody listens to is replaced. */
	close(fd);
	fd = open_it(f, LISTEN_STREAM, "%s", path);
	assert_int_not_equal(fd, -1);
	close(fd);
	fd = open_it(f, LISTEN_DATAGRAM, "%s", path);
	assert_int_not_equal(fd, -1);
	assert_int_equal(open_it(f, LISTEN_DATAGRAM, "%s", path), -1);
	close(fd);
	listen_remove(&l);
	assert_int_equal(access(path, F_OK), -1);
	/* A file is nobody's to remove. */
	other = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(open_it(f, LISTEN_STREAM, "%s", path), -1);
	assert_int_equal(errno, EEXIST);
	says(f, "is no socket");
	listen_remove(&l);
	assert_int_equal(access(path, F_OK), 0);
	close(other);
}

/* Another process has it among its descriptors: this one, asked as if it were another. */
static void
test_found_in_a_process(void **state)
{
	struct fixture *f = *state;
	struct listen_conf l = { LISTEN_STREAM, NULL };
	char path[64];
	int fd, copy;

	snprintf(path, sizeof(path), "%s/x", f->dir);
	l.address = path;
	assert_int_equal(listen_find_in(getpid(), &l), -1);
	fd = open_it(f, LISTEN_STREAM, "%s", path);
	copy = listen_find_in(getpid(), &l);
	if (copy == -1 && errno == EPERM) {
		close(fd);
		skip();
	}
	assert_int_not_equal(copy, -1);
	assert_int_not_equal(copy, fd);
	close(copy);
	l.kind = LISTEN_DATAGRAM;
	assert_int_equal(listen_find_in(getpid(), &l), -1);
	close(fd);
}

static void
test_abstract(void **state)
{
	struct fixture *f = *state;
	int fd = open_it(f, LISTEN_SEQPACKET, "@%s", f->dir);

	assert_int_not_equal(fd, -1);
	assert_int_equal(open_it(f, LISTEN_SEQPACKET, "@%s", f->dir), -1);
	assert_int_equal(errno, EADDRINUSE);
	says(f, "in use");
	close(fd);
}

/* A port that is free now. */
static unsigned
some_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	close(fd);
	return ntohs(in.sin_port);
}

static int
option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void
test_inet(void **state)
{
	struct fixture *f = *state;
	unsigned port = some_port();
	char who[64];
	int fd;

	f->c.keep_alive = f->c.no_delay = true;
	f->c.keep_alive_time_us = 120 * 1000000;
	f->c.keep_alive_probes = 4;
	f->c.ip_ttl = 12;
	f->c.defer_accept_us = 3000000;
	f->c.receive_buffer = 65536;
	fd = open_it(f, LISTEN_STREAM, "127.0.0.1:%u", port);
	if (fd == -1)
		fail_msg("%s", f->why);
	assert_int_equal(option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
	assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 120);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 4);
	assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	assert_int_equal(option(fd, IPPROTO_IP, IP_TTL), 12);
	assert_int_equal(option(fd, SOL_SOCKET, SO_RCVBUF), 131072);
	assert_string_equal(buf_str(&f->notes), "");
	assert_int_equal(open_it(f, LISTEN_STREAM, "127.0.0.1:%u", port), -1);
	snprintf(who, sizeof(who), "process %d (test_listen)", (int)getpid());
	says(f, who);
	close(fd);
	fd = open_it(f, LISTEN_DATAGRAM, "127.0.0.1:%u", port);
	assert_int_not_equal(fd, -1);
	close(fd);
}

static void
test_notes(void **state)
{
	struct fixture *f = *state;
	int fd;

	f->c.congestion = strdup("no-such-thing");
	fd = open_it(f, LISTEN_STREAM, "127.0.0.1:%u", some_port());
	assert_int_not_equal(fd, -1);
	assert_non_null(strstr(buf_str(&f->notes), "TCPCongestion= has no effect: "));
	close(fd);
	free(f->c.congestion);
	f->c.congestion = NULL;
	f->c.bind_to_device = strdup("no-such-device");
	assert_int_equal(open_it(f, LISTEN_STREAM, "127.0.0.1:%u", some_port()), -1);
	says(f, "BindToDevice=no-such-device");
	free(f->c.bind_to_device);
	f->c.bind_to_device = NULL;
	assert_int_equal(open_it(f, LISTEN_STREAM, "[fe80::1]:80%%nothing"), -1);
	says(f, "there is no interface nothing");
	/* TEST-NET-1 is nobody's. */
	assert_int_equal(open_it(f, LISTEN_STREAM, "192.0.2.1:%u", some_port()), -1);
	says(f, "FreeBind=yes");
	f->c.free_bind = true;
	fd = open_it(f, LISTEN_STREAM, "192.0.2.1:%u", some_port());
	assert_int_not_equal(fd, -1);
	close(fd);
}

static void
test_fifo(void **state)
{
	struct fixture *f = *state;
	char path[64];
	struct stat st;
	int fd, other;

	snprintf(path, sizeof(path), "%s/fifo", f->dir);
	f->c.socket_mode = 0640;
	f->c.pipe_size = 8192;
	fd = open_it(f, LISTEN_FIFO, "%s", path);
	if (fd == -1)
		fail_msg("%s", f->why);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFIFO | 0640);
	assert_int_equal(fcntl(fd, F_GETPIPE_SZ), 8192);
	/* Again, for it stays when the unit stops. */
	other = open_it(f, LISTEN_FIFO, "%s", path);
	assert_int_not_equal(other, -1);
	close(other);
	close(fd);
	f->c.socket_mode = 0600;
	assert_int_equal(open_it(f, LISTEN_FIFO, "%s", path), -1);
	says(f, "other rights than SocketMode=");
	unlink(path);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(open_it(f, LISTEN_FIFO, "%s", path), -1);
	says(f, "is no FIFO");
}

static void
test_special_and_netlink(void **state)
{
	struct fixture *f = *state;
	int fd = open_it(f, LISTEN_SPECIAL, "/dev/random");

	if (fd == -1)
		fail_msg("%s", f->why);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	f->c.writable = true;
	fd = open_it(f, LISTEN_SPECIAL, "/dev/random");
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd);
	assert_int_equal(open_it(f, LISTEN_SPECIAL, "/dev/null"), -1);
	says(f, "can be waited for");
	assert_int_equal(open_it(f, LISTEN_SPECIAL, "%s", f->dir), -1);
	assert_int_equal(open_it(f, LISTEN_SPECIAL, "%s/none", f->dir), -1);
	fd = open_it(f, LISTEN_NETLINK, "route 1");
	if (fd == -1)
		fail_msg("%s", f->why);
	close(fd);
}

static void
test_links(void **state)
{
	struct fixture *f = *state;
	char path[64], link[64], file[64], target[64];
	struct listen_conf l = { LISTEN_STREAM, path };
	ssize_t n;

	snprintf(path, sizeof(path), "%s/x", f->dir);
	snprintf(link, sizeof(link), "%s/d/link", f->dir);
	snprintf(file, sizeof(file), "%s/file", f->dir);
	strv_add(&f->c.symlinks, link);
	strv_add(&f->c.symlinks, file);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	listen_link(&f->c, &l, 0755, &f->notes);
	listen_link(&f->c, &l, 0755, &f->notes);
	n = readlink(link, target, sizeof(target) - 1);
	assert_int_equal(n, strlen(path));
	assert_memory_equal(target, path, (size_t)n);
	assert_non_null(strstr(buf_str(&f->notes), "a file is there"));
	listen_unlink_links(&f->c, &l);
	assert_int_equal(readlink(link, target, sizeof(target)), -1);
	assert_int_equal(access(file, F_OK), 0);
	strv_clear(&f->c.symlinks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unix, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_in_the_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_found_in_a_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_abstract, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_inet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_notes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fifo, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
		    test_special_and_netlink, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
