#include "boot/foreign.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/memory.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "proto/table.h"

/* The folder that run leads to, when it is another user's; else -1. */
static int
open_foreign(int root_fd, uid_t *owner)
{
	struct stat st;
	int fd = openat(root_fd, "run", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* 0711: who may not list it may still pass. */
	if (fd == -1 && errno == EACCES)
		fd = openat(root_fd, "run", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || st.st_uid == geteuid()) {
		close(fd);
		return -1;
	}
	*owner = st.st_uid;
	return fd;
}

/* The place of a folder survives this; boot changes it later anyway. */
static bool
is_listening(int root_fd, int run_fd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX, .sun_path = "supd.sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool yes = false;

	if (fd == -1)
		return false;
	/* Full is as good as an answer. */
	if (fchdir(run_fd) == 0)
		yes = connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ||
		      errno == EAGAIN;
	if (fchdir(root_fd) == -1)
		log_debug("fchdir: %s", strerror(errno));
	close(fd);
	return yes;
}

/* A process that the owner's supd started can only be the owner's. */
static bool
is_alive(const struct table_proc *p, uid_t owner)
{
	char path[64];
	struct stat st;

	if ((p->state != TPROC_RUNNING && p->state != TPROC_FORKING) || p->pid <= 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%d", (int)p->pid);
	return stat(path, &st) == 0 && (owner == 0 || st.st_uid == owner);
}

static bool
slot_is_alive(int fd, uint64_t at, uid_t owner, struct table_slot *s)
{
	/* Most were never used: a look at the state is enough. */
	if (pread(fd, &s->state, sizeof(s->state), (off_t)at) != sizeof(s->state) ||
	    s->state == SLOT_FREE ||
	    pread(fd, s, sizeof(*s), (off_t)at) != (ssize_t)sizeof(*s))
		return false;
	for (int k = 0; k < PROC_N; k++)
		if (is_alive(&s->proc[k], owner))
			return true;
	return false;
}

/* Read, not mapped: its owner may cut it at any time. */
static bool
has_services(int run_fd, uid_t owner)
{
	int fd = open_at(run_fd, "table", O_RDONLY | O_NONBLOCK, 0);
	struct table_slot *s = NULL;
	struct table *t = NULL;
	char boot_id[sizeof(t->boot_id)];
	bool yes = false;
	struct stat st;

	if (fd == -1)
		return false;
	t = xcalloc(1, sizeof(*t));
	s = xcalloc(1, sizeof(*s));
	memory_boot_id(boot_id, sizeof(boot_id));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    pread(fd, t, sizeof(*t), 0) == (ssize_t)sizeof(*t) &&
	    table_invalid(t, (uint64_t)st.st_size) == NULL &&
	    strcmp(boot_id, t->boot_id) == 0)
		for (uint32_t i = 0; i < table_used(t) && !yes; i++)
			yes = slot_is_alive(
			    fd, t->slots_at + (uint64_t)i * sizeof(*s), owner, s);
	free(s);
	free(t);
	close(fd);
	return yes;
}

bool
foreign_is_in_use(int root_fd, const char *root)
{
	uid_t owner;
	int fd = open_foreign(root_fd, &owner);
	bool yes = true;

	if (fd == -1)
		return false;
	if (is_listening(root_fd, fd)) {
		log_warnx(
		    "another supd, of uid %lu, runs on %s", (unsigned long)owner, root);
	} else if (has_services(fd, owner)) {
		log_warnx("a supd of uid %lu that is dead left services running "
			  "on %s: start it as that user, or end them with `supctl -C %s "
			  "shutdown --offline'",
		    (unsigned long)owner, root, root);
	} else {
		yes = false;
	}
	close(fd);
	return yes;
}
