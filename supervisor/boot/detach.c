#include "boot/detach.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/boot.h"
#include "lib/fdio.h"
#include "lib/log.h"

#define READY_SOCKET "n/ready"
#define DETACHED_LOG "supd.log"

void
detach_keep_notify(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (path != NULL && *path != '\0')
		setenv(SUPD_NOTIFY_ENV, path, 1);
	else
		unsetenv(SUPD_NOTIFY_ENV);
	unsetenv("NOTIFY_SOCKET");
}

static int
ready_socket(int run_fd, const char *run_path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, n;

	n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", run_path, READY_SOCKET);
	if (n < 0 || (size_t)n >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (unlinkat(run_fd, READY_SOCKET, 0) == -1 && errno != ENOENT)
		return -1;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == -1) {
		close(fd);
		return -1;
	}
	if (fchmodat(run_fd, READY_SOCKET, 0600, 0) == -1)
		log_warn("%s/%s", run_path, READY_SOCKET);
	setenv(SUPD_NOTIFY_ENV, sa.sun_path, 1);
	return fd;
}

static bool
says_ready(int fd)
{
	char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n <= 0)
		return false;
	text[n] = '\0';
	return strncmp(text, "READY=1", 7) == 0 || strstr(text, "\nREADY=1") != NULL;
}

static void
wait_and_exit(pid_t child, int fd, int run_fd, const char *run_path)
{
	int pidfd = pidfd_open_(child), status = 0, code = EXIT_FAILURE;
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
		{ .fd = pidfd, .events = POLLIN } };

	for (;;) {
		if (poll(p, pidfd == -1 ? 1 : 2, -1) == -1 && errno != EINTR)
			break;
		if ((p[0].revents & POLLIN) && says_ready(fd)) {
			code = 0;
			break;
		}
		if (waitpid(child, &status, WNOHANG) == child) {
			code = WIFEXITED(status) && WEXITSTATUS(status) != 0
				   ? WEXITSTATUS(status)
				   : EXIT_FAILURE;
			log_warnx("supd ended before it was ready; see %s/%s", run_path,
			    DETACHED_LOG);
			break;
		}
	}
	(void)unlinkat(run_fd, READY_SOCKET, 0);
	_exit(code);
}

static int
detach_stdio(int run_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int log =
	    open_at(run_fd, DETACHED_LOG, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

	if (null == -1 || log == -1 || dup2(null, 0) == -1 || dup2(log, 1) == -1 ||
	    dup2(log, 2) == -1)
		return -1;
	if (null > 2)
		close(null);
	if (log > 2)
		close(log);
	return 0;
}

int
detach(int run_fd, const char *run_path)
{
	int fd = ready_socket(run_fd, run_path);
	pid_t pid;

	if (fd == -1)
		return -1;
	pid = fork();
	if (pid == -1) {
		fd_close(&fd);
		return -1;
	}
	if (pid > 0)
		wait_and_exit(pid, fd, run_fd, run_path);
	close(fd);
	if (setsid() == -1)
		log_warn("setsid");
	return detach_stdio(run_fd);
}
