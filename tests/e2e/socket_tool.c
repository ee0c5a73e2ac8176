/*
 * A server that is given its sockets, and the clients of it, for the tests of sockets.
 *
 *	serve [COUNT]		answers each connection (or datagram) at any of its
 *sockets with a line about itself; ends after COUNT of them
 *	ignore			has its sockets, and accepts nothing, until it is ended
 *	ask ADDRESS		prints the answer
 *	hammer ADDRESS FILE	asks again and again until FILE is there; then prints how
 *				often, and how many were refused or lost
 *	crowd ADDRESS N		makes N connections at once, and prints how many were
 *answered
 *
 * ADDRESS is PORT (of 127.0.0.1), /PATH or @NAME; d:ADDRESS and p:ADDRESS are datagrams
 * and packets.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FIRST = 3, FDS_MAX = 64, PATIENCE_MS = 30000 };

static void
die(const char *what)
{
	fprintf(stderr, "socket_tool: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- the server ---------------------------------------------------------------- */

static void
answer(int fd, int i, int n)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from), size = sizeof(int);
	char text[512], in[256];
	int listens = 0, c;

	snprintf(text, sizeof(text), "pid=%d fd=%d of=%d names=%s\n", (int)getpid(),
	    FIRST + i, n, getenv("LISTEN_FDNAMES"));
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == -1)
		listens = 0;
	if (!listens) {
		if (recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from, &len) >= 0)
			(void)sendto(
			    fd, text, strlen(text), 0, (struct sockaddr *)&from, len);
		return;
	}
	c = accept(fd, NULL, NULL);
	if (c == -1)
		die("accept");
	(void)!read(c, in, sizeof(in));
	(void)!write(c, text, strlen(text));
	close(c);
}

static int
serve(long count)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	int n = fds == NULL ? 0 : atoi(fds);
	struct pollfd p[FDS_MAX];

	if (n < 1 || n > FDS_MAX || pid == NULL || atoi(pid) != (int)getpid()) {
		fprintf(stderr, "socket_tool: LISTEN_FDS=%s LISTEN_PID=%s pid=%d\n", fds,
		    pid, (int)getpid());
		return 1;
	}
	for (int i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = FIRST + i, .events = POLLIN };
	while (count != 0) {
		if (poll(p, (nfds_t)n, -1) == -1)
			die("poll");
		for (int i = 0; i < n && count != 0; i++) {
			if ((p[i].revents & POLLIN) == 0)
				continue;
			answer(p[i].fd, i, n);
			count--;
		}
	}
	return 0;
}

/* ---- clients ------------------------------------------------------------------- */

static int
dial(const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct timeval limit = { PATIENCE_MS / 1000, 0 };
	int type = SOCK_STREAM, fd, err;
	const struct sockaddr *sa;
	socklen_t len;

	if (address[0] != '\0' && address[1] == ':') {
		type = address[0] == 'd' ? SOCK_DGRAM : SOCK_SEQPACKET;
		address += 2;
	}
	if (address[0] == '/' || address[0] == '@') {
		snprintf(un.sun_path, sizeof(un.sun_path), "%s", address);
		len = (socklen_t)(sizeof(sa_family_t) + strlen(un.sun_path));
		if (address[0] == '@')
			un.sun_path[0] = '\0';
		sa = (struct sockaddr *)&un;
	} else {
		in.sin_port = htons((uint16_t)atoi(address));
		len = sizeof(in);
		sa = (struct sockaddr *)&in;
	}
	fd = socket(sa->sa_family, type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		die("socket");
	/* A Unix datagram is answered to an address: one that the kernel gives. */
	if (type == SOCK_DGRAM && sa->sa_family == AF_UNIX) {
		struct sockaddr_un none = { .sun_family = AF_UNIX };

		(void)bind(fd, (struct sockaddr *)&none, sizeof(sa_family_t));
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, sa, len) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* The length of the answer, 0: none; -1: no connection. */
static ssize_t
ask(const char *address, char *text, size_t size)
{
	int fd = dial(address);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = send(fd, "hello\n", 6, MSG_NOSIGNAL) == 6 ? read(fd, text, size) : 0;
	close(fd);
	return n < 0 ? 0 : n;
}

static int
hammer(const char *address, const char *file)
{
	unsigned long asked = 0, refused = 0, lost = 0;
	char text[512];

	while (access(file, F_OK) == -1) {
		ssize_t n = ask(address, text, sizeof(text));

		asked++;
		if (n == -1) {
			refused++;
			fprintf(stderr, "refused: %s\n", strerror(errno));
		} else if (n == 0) {
			lost++;
			fprintf(stderr, "lost: %s\n", strerror(errno));
		}
	}
	printf("asked=%lu refused=%lu lost=%lu\n", asked, refused, lost);
	return asked > 0 && refused == 0 && lost == 0 ? 0 : 1;
}

static int
crowd(const char *address, int n)
{
	int *fds = calloc((size_t)n, sizeof(*fds)), made = 0, answered = 0;
	char text[512];

	for (int i = 0; i < n; i++) {
		fds[i] = dial(address);
		made += fds[i] != -1;
		if (fds[i] != -1)
			(void)send(fds[i], "hello\n", 6, MSG_NOSIGNAL);
	}
	for (int i = 0; i < n; i++) {
		if (fds[i] == -1)
			continue;
		answered += read(fds[i], text, sizeof(text)) > 0;
		close(fds[i]);
	}
	free(fds);
	printf("made=%d answered=%d\n", made, answered);
	return 0;
}

int
main(int argc, char **argv)
{
	char text[512];
	ssize_t n;

	if (argc >= 2 && strcmp(argv[1], "serve") == 0)
		return serve(argc > 2 ? atol(argv[2]) : -1);
	if (argc == 2 && strcmp(argv[1], "ignore") == 0)
		return pause();
	if (argc == 4 && strcmp(argv[1], "hammer") == 0)
		return hammer(argv[2], argv[3]);
	if (argc == 4 && strcmp(argv[1], "crowd") == 0)
		return crowd(argv[2], atoi(argv[3]));
	if (argc != 3 || strcmp(argv[1], "ask") != 0) {
		fprintf(stderr, "socket_tool serve|ignore|ask|hammer|crowd …\n");
		return 2;
	}
	n = ask(argv[2], text, sizeof(text));
	if (n == -1)
		die(argv[2]);
	fwrite(text, 1, (size_t)n, stdout);
	return n > 0 ? 0 : 1;
}
