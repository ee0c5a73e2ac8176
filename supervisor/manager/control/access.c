/*
 * access: the decision about a peer.
 */
#include "manager/control/access.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

enum {
	CHAIN_MAX = 256, /* generations */
	CHAIN_TRIES = 4, /* a parent that died meanwhile: look again */
	MOUNTS_MAX = 4 * 1024 * 1024,
	PROC_MAX = 16384, /* bytes of a file in /proc */
	GROUPS_MAX = 1024,
};

static const char *const class_names[] = {
	[ACCESS_NONE] = "none",
	[ACCESS_SELF] = "self",
	[ACCESS_READ] = "read",
	[ACCESS_OPERATE] = "operate",
	[ACCESS_ADMINISTER] = "administer",
};

const char *access_class_name(enum access_class class)
{
	return class_names[class];
}

static int
read_proc(pid_t pid, const char *file, struct buf *out)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return file_read_follow_at(AT_FDCWD, path, PROC_MAX, out);
}

int
access_parse_stat(const char *text, pid_t *ppid, uint64_t *start_ticks)
{
	/* The command is in parentheses and may hold anything, these included. */
	const char *p = strrchr(text, ')');
	unsigned long long start;
	char state;
	int parent;

	if (p == NULL ||
	    sscanf(p + 1,
		" %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
		"%*d %llu",
		&state, &parent, &start) != 3 ||
	    parent < 0)
		return -1;
	*ppid = parent;
	*start_ticks = start;
	return 0;
}

enum step { STEP_OK, STEP_GONE, STEP_FOREIGN };

static enum step
read_stat(pid_t pid, pid_t *ppid, uint64_t *start_ticks)
{
	struct buf text = { 0 };
	enum step rc = STEP_GONE;

	if (read_proc(pid, "stat", &text) == 0 &&
	    access_parse_stat(buf_str(&text), ppid, start_ticks) == 0)
		rc = STEP_OK;
	else if (kill(pid, 0) == -1 && errno == EPERM)
		/* hidepid: somebody else's process, so none of an ordinary user's supd.
		 */
		rc = STEP_FOREIGN;
	buf_free(&text);
	return rc;
}

/* The pids from a process up to (not including) where it ends. */
struct chain {
	pid_t pid[CHAIN_MAX];
	size_t n;
	bool reaches_init;
};

/* One walk.  STEP_GONE: a link of the chain broke while we looked. */
static enum step
walk(pid_t pid, pid_t init_pid, struct chain *c)
{
	uint64_t child_ticks = UINT64_MAX, ticks;
	pid_t parent;
	enum step step;

	c->reaches_init = false;
	for (c->n = 0; c->n < CHAIN_MAX; pid = parent) {
		if (pid == init_pid) {
			c->reaches_init = c->n > 0;
			return STEP_OK;
		}
		if (pid <= 0)
			return STEP_OK;
		step = read_stat(pid, &parent, &ticks);
		if (step == STEP_FOREIGN)
			return STEP_OK;
		/* A parent younger than its child is a reused number. */
		if (step == STEP_GONE || ticks > child_ticks)
			return STEP_GONE;
		child_ticks = ticks;
		c->pid[c->n++] = pid;
	}
	return STEP_GONE;
}

enum access_chain
access_chain(pid_t pid, const struct access_conf *conf, const char **unit)
{
	const char *found = NULL;
	struct chain c;
	unsigned tries = 0;

	if (unit != NULL)
		*unit = NULL;
	while (walk(pid, conf->init_pid, &c) != STEP_OK)
		if (++tries == CHAIN_TRIES)
			return ACCESS_CHAIN_UNKNOWN;
	/* Also where init is none of them: a scope has a parent of its own.  (To look
	 * through all units for each caller that is in none would be slow.) */
	for (size_t i = 0; found == NULL && i < c.n; i++)
		if (conf->unit_of_pid != NULL && (c.reaches_init || conf->has_scopes))
			found = conf->unit_of_pid(conf->arg, c.pid[i]);
	if (unit != NULL)
		*unit = found;
	return c.reaches_init || found != NULL ? ACCESS_CHAIN_SUPERVISED
					       : ACCESS_CHAIN_OUTSIDE;
}

/* The path of a folder below a mount of cgroup2, told by one line of mountinfo; NULL: it
 * is not below this one. */
static char *
path_in_mount(char *line, const char *folder)
{
	char *field[5], *dash = strstr(line, " - ");
	size_t n;

	if (dash == NULL || strncmp(dash + 3, "cgroup2 ", 8) != 0)
		return NULL;
	for (size_t i = 0; i < 5; i++)
		if ((field[i] = strsep(&line, " ")) == NULL)
			return NULL;
	n = strlen(field[4]);
	if (strncmp(folder, field[4], n) != 0 || folder[n] != '/')
		return NULL;
	return xasprintf("%s%s", strcmp(field[3], "/") == 0 ? "" : field[3], folder + n);
}

char *
access_cgroup_path(int cgroup_fd)
{
	char link[64], folder[PATH_MAX], *path = NULL, *line, *rest;
	struct buf mounts = { 0 };
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", cgroup_fd);
	n = readlink(link, folder, sizeof(folder) - 1);
	if (cgroup_fd == -1 || n == -1)
		return NULL;
	folder[n] = '\0';
	if (file_read_follow_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTS_MAX, &mounts) ==
	    0) {
		rest = mounts.data;
		while (
		    path == NULL && rest != NULL && (line = strsep(&rest, "\n")) != NULL)
			path = path_in_mount(line, folder);
	}
	buf_free(&mounts);
	return path;
}

/* True when the v2 line of /proc/PID/cgroup is below the instance's cgroup. */
static bool
in_our_cgroup(pid_t pid, const struct access_conf *conf, const char **unit)
{
	struct buf text = { 0 };
	size_t n = conf->cgroup == NULL ? 0 : strlen(conf->cgroup);
	char *line, *rest, *slash;
	bool ours = false;

	if (n == 0 || strcmp(conf->cgroup, "/") == 0 ||
	    read_proc(pid, "cgroup", &text) == -1)
		goto out;
	rest = text.data;
	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line += 3;
		if (strncmp(line, conf->cgroup, n) != 0 || line[n] != '/')
			break;
		line += n + 1;
		slash = strchr(line, '/');
		if (slash != NULL)
			*slash = '\0';
		*unit = conf->unit_of_cgroup == NULL
			    ? NULL
			    : conf->unit_of_cgroup(conf->arg, line);
		/* supd's own roles live below it, too: only units' folders count. */
		ours = *unit != NULL;
		break;
	}
out:
	buf_free(&text);
	return ours;
}

static bool
in_group(int fd, gid_t gid, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (group == (gid_t)-1)
		return false;
	if (gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == -1)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == group)
			return true;
	return false;
}

static int
peer_pidfd(int fd, pid_t pid)
{
	int pidfd;
	socklen_t len = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
		return pidfd;
	/* Before Linux 6.5.  Where the kernel can tell and does not, the peer is gone,
	 * and its number may be another's by now. */
	return errno == ENOPROTOOPT ? pidfd_open_(pid) : -1;
}

/* A pidfd is readable once its process has ended. */
static bool
is_alive(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 0;
}

static void
describe_peer(struct access_peer *out)
{
	struct buf comm = { 0 };

	snprintf(out->user, sizeof(out->user), "%u", (unsigned)out->uid);
	if (out->uid == 0)
		strlcpy(out->user, "root", sizeof(out->user));
	if (out->pid > 0 && read_proc(out->pid, "comm", &comm) == 0)
		utf8_escape(out->command, sizeof(out->command), buf_str(&comm),
		    strcspn(buf_str(&comm), "\n"));
	buf_free(&comm);
}

static void
restrict_to(struct access_peer *out, enum access_class class, const char *reason)
{
	if (out->class > class)
		out->class = class;
	out->reason = reason;
}

/* What the uid and groups alone allow. */
static void
decide_by_user(int fd, const struct access_conf *conf, struct access_peer *out)
{
	out->class = ACCESS_ADMINISTER;
	if (out->uid == 0 || out->uid == conf->owner)
		return;
	if (in_group(fd, out->gid, conf->control_group))
		restrict_to(out, ACCESS_OPERATE, "members of ControlGroup= may operate");
	else
		restrict_to(out, ACCESS_NONE,
		    "only root, the owner of the instance and ControlGroup= may");
}

static void
decide_by_place(const struct access_conf *conf, int pidfd, struct access_peer *out)
{
	const char *by_cgroup = NULL, *by_chain = NULL, *by_mark = NULL, *unit;
	uint64_t ticks = 0;
	pid_t parent;
	bool ours = in_our_cgroup(out->pid, conf, &by_cgroup);
	enum access_chain chain = access_chain(out->pid, conf, &by_chain);

	/* A scope's process whose parent has ended is a child of a stranger. */
	if (!ours && chain == ACCESS_CHAIN_OUTSIDE && out->class > ACCESS_NONE &&
	    conf->has_scopes && conf->unit_of_mark != NULL)
		by_mark = conf->unit_of_mark(conf->arg, out->pid);
	if (read_stat(out->pid, &parent, &ticks) != STEP_OK)
		ticks = 0;
	/* All that was read above is of this process only if it still lives. */
	if (!is_alive(pidfd) || (chain == ACCESS_CHAIN_UNKNOWN && !ours)) {
		if (out->class > ACCESS_NONE)
			restrict_to(out, ACCESS_READ,
			    "it cannot be told where the caller comes from");
		return;
	}
	out->start_ticks = ticks;
	if (!ours && chain != ACCESS_CHAIN_SUPERVISED && by_mark == NULL)
		return;
	out->supervised = true;
	unit = by_cgroup != NULL ? by_cgroup : by_chain != NULL ? by_chain : by_mark;
	if (unit != NULL)
		strlcpy(out->unit, unit, sizeof(out->unit));
	/* Whoever it runs as, a unit may ask for itself.  To read of others is another
	 * matter: files of logs are closed to that user, and so are they here. */
	if (out->class == ACCESS_NONE && unit != NULL) {
		out->class = ACCESS_SELF;
		out->reason = "a supervised process of another user may read of itself, "
			      "and stop or restart itself";
		return;
	}
	if (out->class > ACCESS_NONE)
		restrict_to(out, ACCESS_READ,
		    "a supervised process may read, and stop or restart itself");
}

void
access_decide(int fd, const struct access_conf *conf, struct access_peer *out)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int pidfd;

	*out = (struct access_peer){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
	out->reason = "the kernel does not say who it is";
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1 ||
	    len != sizeof(cred))
		return;
	out->pid = cred.pid;
	out->uid = cred.uid;
	out->gid = cred.gid;
	out->reason = NULL;
	describe_peer(out);
	decide_by_user(fd, conf, out);
	pidfd = cred.pid > 0 ? peer_pidfd(fd, cred.pid) : -1;
	if (pidfd == -1) {
		if (out->class > ACCESS_NONE)
			restrict_to(out, ACCESS_READ,
			    cred.pid > 0 ? "the caller is gone"
					 : "the caller is in another pid namespace");
		return;
	}
	decide_by_place(conf, pidfd, out);
	fd_close(&pidfd);
}

void
access_describe(const struct access_peer *p, struct buf *out)
{
	buf_addf(out, "uid %s", p->user);
	if (p->command[0] != '\0')
		buf_addf(out, " (%s, pid %d)", p->command, (int)p->pid);
	if (p->supervised)
		buf_addf(out, " of %s", p->unit[0] != '\0' ? p->unit : "a unit");
}
