#include "manager/notify_up.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/xalloc.h"
#include "manager/manager.h"

#define NOTIFY_ENV "SUPD_NOTIFY_SOCKET"

void
notify_up_init(struct manager *m)
{
	const char *path = getenv(NOTIFY_ENV);

	m->notify_path = path == NULL || *path == '\0' ? NULL : xstrdup(path);
	unsetenv(NOTIFY_ENV);
}

/* The service manager believes its child alone, and that is init: root may say so. */
static int
send_as(int fd, const struct sockaddr_un *sa, socklen_t len, const char *text, pid_t pid)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(struct ucred))];
	} control = { 0 };
	struct ucred cred = { .pid = pid, .uid = getuid(), .gid = getgid() };
	struct sockaddr_un to = *sa;
	struct iovec iov = { .iov_len = strlen(text) };
	struct msghdr mh = {
		.msg_name = &to, .msg_namelen = len, .msg_iov = &iov, .msg_iovlen = 1
	};
	struct cmsghdr *c;
	char *copy = xstrdup(text);
	ssize_t n;

	iov.iov_base = copy;
	if (pid > 0) {
		mh.msg_control = &control;
		mh.msg_controllen = sizeof(control.space);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_CREDENTIALS;
		c->cmsg_len = CMSG_LEN(sizeof(cred));
		memcpy(CMSG_DATA(c), &cred, sizeof(cred));
	}
	n = sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	free(copy);
	return n == -1 ? -1 : 0;
}

void
notify_up(struct manager *m, const char *fmt, ...)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	socklen_t len;
	va_list ap;
	char *text;
	size_t n;
	int fd;

	if (m->notify_path == NULL)
		return;
	n = strlen(m->notify_path);
	if (n >= sizeof(sa.sun_path))
		return;
	memcpy(sa.sun_path, m->notify_path, n);
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	if (send_as(fd, &sa, len, text, m->table->init_pid) == -1 &&
	    send_as(fd, &sa, len, text, 0) == -1)
		log_debug("nobody listens at %s", m->notify_path);
	free(text);
	close(fd);
}
