/*
 * Nothing below a base is reached through a link: what lies there may belong to users.
 *
 * Folders of a transient user lie in private/, so that what he leaves is not open to who
 * gets his number next.  Where that is closed to all but root, as on a machine of
 * systemd, the process gets a name space of mounts in which it holds just its own.
 */
#include "init/child_dirs.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "init/child_int.h"
#include "init/core.h"
#include "proto/spec.h"

enum { PRIVATE_MAX = 32 }; /* folders of one process that are in private/ */

/* What is on the way is gone through, and need not be readable: homes often are in a
 * folder that only root can list. */
enum { WAY = O_PATH | O_DIRECTORY | O_CLOEXEC };

/* One folder below dfd, made if missing, and opened without following a link. */
static int
enter(int dfd, const char *name, int flags, mode_t mode, bool *made)
{
	*made = mkdirat(dfd, name, mode) == 0;
	if (!*made && errno != EEXIST)
		return -1;
	return openat(dfd, name, flags | O_NOFOLLOW);
}

/* Walk path below *dfd, component by component, replacing *dfd; the last of them is
 * opened with flags.  made: it was not there, and got mode. */
static int
enter_all(int *dfd, const char *path, bool follow, int flags, mode_t mode, bool *made)
{
	char name[NAME_MAX + 1];

	*made = false;
	for (path += strspn(path, "/"); *path != '\0'; path += strspn(path, "/")) {
		size_t n = strcspn(path, "/");
		bool last = path[n + strspn(path + n, "/")] == '\0';
		int next;

		if (n > NAME_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path, n);
		name[n] = '\0';
		next = follow ? openat(*dfd, name, last ? flags : WAY) : -1;
		if (next == -1 && (!follow || errno == ENOENT))
			next = enter(
			    *dfd, name, last ? flags : WAY, last ? mode : 0755, made);
		if (next == -1)
			return -1;
		close(*dfd);
		*dfd = next;
		path += n;
	}
	return 0;
}

static int
make_dir(const struct spec_dir *d)
{
	const char *base = d->text, *name = d->text + d->base_len;
	struct stat st;
	int fd = open("/", WAY), r = -1, saved;
	bool made;
	uid_t uid = d->uid;
	gid_t gid = d->gid;

	if (fd == -1)
		return -1;
	/* Made with its mode (and so that it can be opened): nobody enters before it has
	 * it, and it has it, too, if this process is killed next. */
	if (enter_all(&fd, base, true, WAY, 0755, &made) == -1 ||
	    enter_all(&fd, name, false, O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		d->mode | S_IRUSR, &made) == -1 ||
	    fstat(fd, &st) == -1)
		goto out;
	r = 0;
	/* Configuration, and what others keep closed, stays as it is where it is there.
	 */
	if (!made && (d->kind == SPEC_DIR_CONFIGURATION || d->kind == SPEC_DIR_PRIVATE))
		goto out;
	r = -1;
	if ((st.st_mode & 07777) != d->mode && fchmod(fd, d->mode) == -1)
		goto out;
	if (uid == st.st_uid)
		uid = (uid_t)-1;
	if (gid == st.st_gid)
		gid = (gid_t)-1;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) == -1)
		goto out;
	r = 0;
out:
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

/* What is there as a folder is moved to where the link leads: it is from before the unit
 * had a transient user. */
static int
link_or_move(int fd, const char *name, const char *target)
{
	char have[PATH_MAX];
	ssize_t n;

	if (symlinkat(target, fd, name) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	n = readlinkat(fd, name, have, sizeof(have));
	if (n >= 0) {
		errno = EEXIST;
		return (size_t)n == strlen(target) && memcmp(have, target, (size_t)n) == 0
			   ? 0
			   : -1;
	}
	if (strstr(target, "private/") == NULL ||
	    syscall(SYS_renameat2, fd, name, fd, target, 0) == -1) {
		errno = EEXIST;
		return -1;
	}
	return symlinkat(target, fd, name);
}

static int
make_link(const struct spec_link *l)
{
	const char *base = l->text, *name = base + l->base_len;
	const char *target = name + l->name_len, *last = strrchr(name, '/');
	int fd = open("/", WAY), r = -1, saved;
	char parent[PATH_MAX];
	bool made;

	if (fd == -1)
		return -1;
	last = last != NULL ? last + 1 : name;
	if ((size_t)(last - name) >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		goto out;
	}
	memcpy(parent, name, (size_t)(last - name));
	parent[last - name] = '\0';
	if (enter_all(&fd, base, true, WAY, 0755, &made) == 0 &&
	    enter_all(&fd, parent, false, WAY, 0755, &made) == 0)
		r = link_or_move(fd, last, target);
out:
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

/* ---- private folders ----------------------------------------------------------------
 */

struct private_dir {
	const struct spec_dir *d;
	int fd;
};

static const char *
text_of(const struct spec_dir *d, char *path, size_t size, const char *name)
{
	char *p = path;

	put_text(&p, path + size - 1, d->text);
	put_text(&p, path + size - 1, "/");
	put_text(&p, path + size - 1, name);
	*p = '\0';
	return path;
}

static bool
is_private(const struct spec_dir *d)
{
	return d->kind != SPEC_DIR_PRIVATE &&
	       strncmp(d->text + d->base_len, "private/", 8) == 0;
}

static bool
is_within(struct child *c, const struct spec_dir *d)
{
	const char *name = d->text + d->base_len;
	struct spec_item it;
	size_t at = 0;

	while (spec_next_of(&c->spec, SPEC_DIR, &at, &it)) {
		const struct spec_dir *o = it.data;
		const char *other = o->text + o->base_len;
		size_t n = strlen(other);

		if (o->kind == d->kind && is_private(o) && strncmp(name, other, n) == 0 &&
		    name[n] == '/')
			return true;
	}
	return false;
}

/* Whether the user of c would come in. */
static bool
is_closed(const struct spec_dir *d)
{
	char path[PATH_MAX];
	struct stat st;

	return stat(text_of(d, path, sizeof(path), "private"), &st) == 0 &&
	       (st.st_mode & S_IXOTH) == 0;
}

static void
mount_or_fail(struct child *c, const char *from, const char *to, const char *type,
    unsigned long flags, const char *data)
{
	if (syscall(SYS_mount, from, to, type, flags, data) == -1)
		child_fail(c, PHASE_NAMESPACE, errno);
}

/* An empty folder over the closed one, and in it those that are held open. */
static void
cover(struct child *c, const struct private_dir *v, int n, int first)
{
	char path[PATH_MAX], from[32], *p;
	bool made;

	mount_or_fail(c, "tmpfs", text_of(v[first].d, path, sizeof(path), "private"),
	    "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, "mode=0755,size=256k");
	for (int i = first; i < n; i++) {
		int fd;

		if (strcmp(v[i].d->text, v[first].d->text) != 0)
			continue;
		fd = open("/", WAY);
		text_of(v[i].d, path, sizeof(path), v[i].d->text + v[i].d->base_len);
		if (fd == -1 || enter_all(&fd, path, true, WAY, 0755, &made) == -1)
			child_fail(c, PHASE_NAMESPACE, errno);
		close(fd);
		p = from;
		put_text(&p, from + sizeof(from) - 1, "/proc/self/fd/");
		put_number(&p, from + sizeof(from) - 1, (uint64_t)v[i].fd);
		*p = '\0';
		mount_or_fail(c, from, path, NULL, MS_BIND, NULL);
	}
}

static void
open_private(struct child *c)
{
	struct private_dir v[PRIVATE_MAX];
	struct spec_item it;
	size_t at = 0;
	int n = 0;

	if (!c->changes_id || c->uid == 0)
		return;
	while (spec_next_of(&c->spec, SPEC_DIR, &at, &it)) {
		const struct spec_dir *d = it.data;

		/* What lies in another one comes with it. */
		if (!is_private(d) || !is_closed(d) || is_within(c, d))
			continue;
		if (n == PRIVATE_MAX)
			child_fail(c, PHASE_NAMESPACE, E2BIG);
		v[n++].d = d;
	}
	if (n == 0)
		return;
	if (unshare(CLONE_NEWNS) == -1)
		child_fail(c, PHASE_NAMESPACE, errno);
	mount_or_fail(c, NULL, "/", NULL, MS_REC | MS_SLAVE, NULL);
	/* Only what was opened in this name space can be mounted in it. */
	for (int i = 0; i < n; i++) {
		char path[PATH_MAX];

		v[i].fd = open(
		    text_of(v[i].d, path, sizeof(path), v[i].d->text + v[i].d->base_len),
		    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (v[i].fd == -1)
			child_fail(c, PHASE_NAMESPACE, errno);
	}
	for (int i = 0; i < n; i++) {
		int k = 0;

		while (strcmp(v[k].d->text, v[i].d->text) != 0)
			k++;
		if (k == i)
			cover(c, v, n, i);
	}
	for (int i = 0; i < n; i++)
		close(v[i].fd);
}

/* In the order in which they are told: a link may have to move what a folder is to be. */
void
child_make_dirs(struct child *c)
{
	struct spec_item it;
	size_t at = 0;

	while (spec_next(&c->spec, &at, &it)) {
		if (it.tag == SPEC_DIR) {
			const struct spec_dir *d = it.data;

			if (make_dir(d) == -1)
				child_fail(c, spec_dir_phase(d->kind), errno);
		} else if (it.tag == SPEC_LINK) {
			const struct spec_link *l = it.data;

			if (make_link(l) == -1)
				child_fail(c, spec_dir_phase(l->kind), errno);
		}
	}
	open_private(c);
}
