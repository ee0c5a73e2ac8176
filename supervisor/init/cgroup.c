#include "init/cgroup.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "init/core.h"
#include "init/pids.h"
#include "init/slot.h"

enum {
	BATCH = 1024, /* processes held at one time while they are signalled */
	PROCS_MAX = 100000,
	KILL_ROUNDS = 8, /* of freeze, kill, thaw: a fork may slip through the first */
	LEVELS = 8,      /* of folders that a service may make below its own */
};

/* As the kernel writes it; glibc's readdir allocates. */
struct entry {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};
typedef void folder_action(int dirfd, const char *name, int levels, int arg);

/* cgroup.procs, number by number. */
struct procs {
	int fd;
	size_t len, at;
	char text[2048];
};

static bool
procs_open(struct procs *s, int dirfd)
{
	s->len = s->at = 0;
	s->fd = openat(dirfd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	return s->fd != -1;
}

static int
procs_byte(struct procs *s)
{
	if (s->at == s->len) {
		ssize_t n = read(s->fd, s->text, sizeof(s->text));

		if (n <= 0)
			return -1;
		s->len = (size_t)n;
		s->at = 0;
	}
	return (unsigned char)s->text[s->at++];
}

/* The next pid, 0 at the end.  Processes of another pid namespace read as 0: skipped. */
static pid_t
procs_next(struct procs *s)
{
	pid_t pid = 0;
	int c;

	while ((c = procs_byte(s)) != -1) {
		if (c >= '0' && c <= '9') {
			pid = pid * 10 + (c - '0');
			continue;
		}
		if (pid > 0)
			return pid;
	}
	return pid;
}

static bool
write_file(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}

/* Do it with each folder directly below dirfd. */
static void
for_each_folder(int dirfd, folder_action *fn, int levels, int arg)
{
	_Alignas(struct entry) char buf[1024];
	struct stat st;
	long n;
	int fd;

	/* Its links tell whether there are any: mostly there are none. */
	if (fstat(dirfd, &st) == 0 && st.st_nlink == 2)
		return;
	fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return;
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *e = (const void *)(buf + at);

			at += e->reclen;
			if (e->type == DT_DIR && e->name[0] != '.')
				fn(fd, e->name, levels, arg);
		}
	}
	close(fd);
}

bool
cgroup_is_populated(int dirfd)
{
	char text[256];
	int fd = openat(dirfd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, "populated 1") != NULL;
}

bool
cgroup_has(int dirfd, int32_t pid)
{
	struct procs s;
	pid_t got;

	if (!procs_open(&s, dirfd))
		return false;
	while ((got = procs_next(&s)) > 0 && got != pid)
		;
	close(s.fd);
	return got == pid;
}

int
cgroup_take(int dirfd, int32_t pid)
{
	char text[16], *w = text;
	int fd = openat(dirfd, "cgroup.procs", O_WRONLY | O_CLOEXEC), err = 0;

	if (fd == -1)
		return -1;
	put_number(&w, text + sizeof(text), (uint64_t)pid);
	if (write(fd, text, (size_t)(w - text)) == -1)
		err = errno;
	close(fd);
	errno = err;
	return err == 0 ? 0 : -1;
}

void
signal_pid(int32_t pid, int signo)
{
	(void)kill(pid, signo & ~THEN_CONT);
	if ((signo & THEN_CONT) != 0)
		(void)kill(pid, SIGCONT);
}

void
signal_pidfd(int pidfd, int signo)
{
	(void)syscall(SYS_pidfd_send_signal, pidfd, signo & ~THEN_CONT, NULL, 0);
	if ((signo & THEN_CONT) != 0)
		(void)syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0);
}

/* Processes that are held while they are signalled, and the folder to look at again. */
struct batch {
	int dirfd;
	struct procs
	    again; /* opened before the first is held: then there may be no room */
	pid_t pids[BATCH];
	int pidfds[BATCH];
	int n;
};

/* Which of the batch are still in the folder.  Both are in the order of the kernel, so
 * that mostly the next one is the one: a service may have thousands. */
static void
find_again(struct batch *b, bool *here)
{
	int found = 0, next = 0;
	pid_t pid;

	b->again.len = b->again.at = 0;
	if (lseek(b->again.fd, 0, SEEK_SET) == -1)
		return;
	while (found < b->n && (pid = procs_next(&b->again)) > 0) {
		int i = 0;

		while (i < b->n && b->pids[(next + i) % b->n] != pid)
			i++;
		if (i == b->n)
			continue;
		next = (next + i) % b->n;
		here[next] = true;
		next++;
		found++;
	}
}

/* Signal those of the batch that are still in the folder: one that ended between the
 * listing and pidfd_open may have left its number to a stranger. */
static void
signal_batch(struct batch *b, int signo)
{
	bool here[BATCH] = { false };

	if (b->n > 0)
		find_again(b, here);
	while (b->n > 0) {
		int fd = b->pidfds[--b->n];

		if (here[b->n])
			signal_pidfd(fd, signo);
		close(fd);
	}
}

/* False: it cannot be held, and may live. */
static bool
add_to_batch(struct batch *b, pid_t pid, int signo)
{
	int fd;

	if (b->again.fd == -1 && !procs_open(&b->again, b->dirfd))
		return false;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd == -1 && errno == EMFILE && b->n > 0) {
		signal_batch(b, signo);
		fd = (int)syscall(SYS_pidfd_open, pid, 0);
	}
	if (fd == -1)
		return errno == ESRCH;
	b->pids[b->n] = pid;
	b->pidfds[b->n++] = fd;
	if (b->n == BATCH)
		signal_batch(b, signo);
	return true;
}

static bool
signal_folder(int dirfd, int signo)
{
	struct procs s;
	struct batch b;
	bool all = true;
	pid_t pid;

	if (!procs_open(&s, dirfd))
		return false;
	b.dirfd = dirfd;
	b.again.fd = -1;
	b.n = 0;
	/* The list of a service that forks all the time may have no end. */
	for (int i = 0; i < PROCS_MAX && (pid = procs_next(&s)) > 0; i++) {
		if (pid_is_child(pid))
			/* Nobody but us can reap it: the number is its own. */
			signal_pid(pid, signo);
		else if (!add_to_batch(&b, pid, signo))
			all = false;
	}
	signal_batch(&b, signo);
	close(s.fd);
	if (b.again.fd != -1)
		close(b.again.fd);
	return all;
}

static void
signal_below(int parentfd, const char *name, int levels, int signo)
{
	int fd = openat(parentfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return;
	(void)signal_folder(fd, signo);
	if (levels > 0)
		for_each_folder(fd, signal_below, levels - 1, signo);
	close(fd);
}

bool
cgroup_signal(int dirfd, int signo)
{
	bool all = signal_folder(dirfd, signo);

	for_each_folder(dirfd, signal_below, LEVELS, signo);
	return all;
}

static void
remove_below(int parentfd, const char *name, int levels, int unused)
{
	int fd;

	if (unlinkat(parentfd, name, AT_REMOVEDIR) == 0 || levels == 0)
		return;
	fd = openat(parentfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return;
	for_each_folder(fd, remove_below, levels - 1, unused);
	close(fd);
	(void)unlinkat(parentfd, name, AT_REMOVEDIR);
}

int
cgroup_remove(int parentfd, const char *name)
{
	if (unlinkat(parentfd, name, AT_REMOVEDIR) == 0)
		return 0;
	remove_below(parentfd, name, LEVELS, 0);
	return faccessat(parentfd, name, F_OK, 0) == -1 ? 0 : -1;
}

void
cgroup_kill(int dirfd)
{
	if (write_file(dirfd, "cgroup.kill", "1"))
		return;
	/* Before Linux 5.14.  What is frozen cannot fork away; a KILL reaches it frozen.
	 */
	for (int i = 0; i < KILL_ROUNDS && cgroup_is_populated(dirfd); i++) {
		(void)write_file(dirfd, "cgroup.freeze", "1");
		(void)cgroup_signal(dirfd, SIGKILL);
		(void)write_file(dirfd, "cgroup.freeze", "0");
	}
}

bool
cgroup_freeze(int dirfd, bool on)
{
	return write_file(dirfd, "cgroup.freeze", on ? "1" : "0");
}
