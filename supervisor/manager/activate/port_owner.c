#include "manager/activate/port_owner.h"

#include <sys/socket.h>

#include <arpa/inet.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "unit/socket_address.h"

enum {
	TABLE_MAX = 4 << 20, /* bytes of /proc/net/tcp that are read */
	LINKS_MAX = 65536,   /* descriptors that are looked at */
	TCP_IS_LISTENING = 10,
	MANY_INODES = 64,
};

struct inodes {
	uint64_t v[MANY_INODES];
	size_t n;
};

/* The inodes of all sockets at that port in one of the kernel's lists. */
static void
read_table(const char *path, unsigned port, bool listening, struct inodes *found)
{
	struct buf text = { 0 };
	char *line, *end;

	if (file_read_follow_at(AT_FDCWD, path, TABLE_MAX, &text) == -1) {
		buf_free(&text);
		return;
	}
	buf_addc(&text, '\0');
	for (line = strtok_r(text.data, "\n", &end); line != NULL;
	     line = strtok_r(NULL, "\n", &end)) {
		unsigned local, state;
		uint64_t inode;

		if (sscanf(line,
			" %*u: %*32[0-9A-Fa-f]:%x %*32[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x "
			"%*x %*u %*u %" SCNu64,
			&local, &state, &inode) != 3)
			continue;
		if (local == port && (!listening || state == TCP_IS_LISTENING) &&
		    inode != 0 && found->n < MANY_INODES)
			found->v[found->n++] = inode;
	}
	buf_free(&text);
}

static bool
has_inode(const struct inodes *want, const char *link)
{
	uint64_t inode;

	if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1)
		return false;
	for (size_t i = 0; i < want->n; i++)
		if (want->v[i] == inode)
			return true;
	return false;
}

/* Whether that process has one of them open. */
static bool
process_has(int proc, const char *pid, const struct inodes *want, int *budget)
{
	struct dirent *e;
	char path[64], link[64];
	bool found = false;
	ssize_t n;
	DIR *d;

	snprintf(path, sizeof(path), "%.20s/fd", pid);
	d = dir_open_at(proc, path);
	if (d == NULL)
		return false;
	while (!found && (*budget)-- > 0 && (e = readdir(d)) != NULL) {
		n = readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = '\0';
		found = has_inode(want, link);
	}
	closedir(d);
	return found;
}

static void
name_process(int proc, const char *pid, char *out, size_t size)
{
	struct buf comm = { 0 };
	char path[64];

	snprintf(path, sizeof(path), "%.20s/comm", pid);
	if (file_read_follow_at(proc, path, 64, &comm) == 0 && comm.len > 1)
		snprintf(out, size, "process %.20s (%.*s)", pid, (int)comm.len - 1,
		    buf_str(&comm));
	else
		snprintf(out, size, "process %.20s", pid);
	buf_free(&comm);
}

int
port_owner_find(const struct socket_address *a, char *out, size_t size)
{
	bool stream = a->type == SOCK_STREAM;
	struct inodes want = { .n = 0 };
	int budget = LINKS_MAX, r = -1;
	struct dirent *e;
	unsigned port;
	DIR *proc;

	if (a->family != AF_INET && a->family != AF_INET6)
		return -1;
	port = ntohs(a->family == AF_INET ? a->u.in.sin_port : a->u.in6.sin6_port);
	read_table(stream ? "/proc/net/tcp" : "/proc/net/udp", port, stream, &want);
	read_table(stream ? "/proc/net/tcp6" : "/proc/net/udp6", port, stream, &want);
	proc = want.n == 0 ? NULL : opendir("/proc");
	while (proc != NULL && r == -1 && budget > 0 && (e = readdir(proc)) != NULL) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' ||
		    !process_has(dirfd(proc), e->d_name, &want, &budget))
			continue;
		name_process(dirfd(proc), e->d_name, out, size);
		r = 0;
	}
	if (proc != NULL)
		closedir(proc);
	return r;
}
