#include "lib/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"

enum {
	LINKS_MAX = 40,
	FOLDERS = 8,       /* remembered */
	FIELDS_BEFORE = 5, /* id, parent, device, root, mount point */
};
/* So long a folder that was walked is taken to lead where it led.  (Whether a mount came
 * is asked each time: who touches one that does not answer waits for ever.) */
#define FOLDERS_US (50 * USEC_PER_MSEC)

struct mount {
	int id, parent;
	char *point;
	bool local;
};

struct folder {
	char *path;                 /* as it was asked for; NULL: none */
	char *real;                 /* where that is */
	const struct mount *within; /* and on what */
};

struct mounts {
	int fd; /* of mountinfo; -1: a text */
	bool is_read;
	uint64_t walked_us; /* the first of the folders */
	struct mount *v;
	size_t n, cap;
	size_t n_remote;
	const struct mount *root; /* NULL: nothing is known */
	/* Those that were walked last: thousands of files are in the same few. */
	struct folder folder[FOLDERS];
	size_t oldest;
};

/* A walk: real is what is behind us, on the mount at. */
struct walk {
	struct mounts *ms;
	char real[PATH_MAX];
	size_t len;
	const struct mount *at;
	unsigned links;
};

/* ---- the list ------------------------------------------------------------------ */

static bool
is_local(const char *type)
{
	static const char *const types[] = { "ext2", "ext3", "ext4", "xfs", "btrfs",
		"f2fs", "zfs", "bcachefs", "jfs", "nilfs2", "reiserfs", "vfat", "exfat",
		"ntfs3", "iso9660", "udf", "squashfs", "erofs", "overlay", "aufs",
		"tmpfs", "ramfs", "rootfs", "devtmpfs", "devpts", "hugetlbfs", "mqueue",
		"proc", "sysfs", "cgroup", "cgroup2", "bpf", "debugfs", "tracefs",
		"securityfs", "configfs", "pstore", "efivarfs", "binfmt_misc", "fusectl",
		"nsfs", "selinuxfs" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

/* "\040" is a blank: the kernel writes what would end a field so. */
static void
unescape(char *s)
{
	char *to = s;

	while (*s != '\0') {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' &&
		    s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0');
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

static void
add(struct mounts *ms, int id, int parent, const char *point, bool local)
{
	if (ms->n == ms->cap) {
		ms->cap = ms->cap == 0 ? 64 : ms->cap * 2;
		ms->v = xreallocarray(ms->v, ms->cap, sizeof(ms->v[0]));
	}
	ms->v[ms->n++] = (struct mount){
		.id = id, .parent = parent, .point = xstrdup(point), .local = local
	};
	ms->n_remote += !local;
}

static void
add_line(struct mounts *ms, char *line)
{
	char *field[FIELDS_BEFORE], *word;

	for (int i = 0; i < FIELDS_BEFORE; i++)
		if ((field[i] = strsep(&line, " ")) == NULL)
			return;
	/* Options, then any number of fields up to a dash. */
	while ((word = strsep(&line, " ")) != NULL && strcmp(word, "-") != 0)
		;
	word = strsep(&line, " ");
	if (word == NULL)
		return;
	unescape(field[4]);
	add(ms, atoi(field[0]), atoi(field[1]), field[4], is_local(word));
}

static void
forget_folder(struct folder *f)
{
	free(f->path);
	free(f->real);
	memset(f, 0, sizeof(*f));
}

static void
forget_folders(struct mounts *ms)
{
	for (size_t i = 0; i < FOLDERS; i++)
		forget_folder(&ms->folder[i]);
}

static void
forget(struct mounts *ms)
{
	for (size_t i = 0; i < ms->n; i++)
		free(ms->v[i].point);
	ms->n = ms->n_remote = 0;
	ms->root = NULL;
	forget_folders(ms);
}

/* What is mounted at point on m, or on what is mounted there, and so on. */
static const struct mount *
above(const struct mounts *ms, const struct mount *m, const char *point)
{
	const struct mount *next = m;

	/* No more steps than mounts, should the list go in a circle. */
	for (size_t steps = 0; next != NULL && steps <= ms->n; steps++) {
		m = next;
		next = NULL;
		for (size_t i = 0; i < ms->n && next == NULL; i++)
			if (ms->v[i].parent == m->id && &ms->v[i] != m &&
			    strcmp(ms->v[i].point, point) == 0)
				next = &ms->v[i];
	}
	return m;
}

static bool
has_id(const struct mounts *ms, int id)
{
	for (size_t i = 0; i < ms->n; i++)
		if (ms->v[i].id == id)
			return true;
	return false;
}

/* NULL: our root is a folder within a mount, which is not in the list then (chroot). */
static const struct mount *
listed_root(const struct mounts *ms)
{
	for (size_t i = 0; i < ms->n; i++) {
		const struct mount *m = &ms->v[i];

		if (strcmp(m->point, "/") == 0 &&
		    (m->parent == m->id || !has_id(ms, m->parent)))
			return m;
	}
	return NULL;
}

/* The mount that holds such a root is known by what is mounted on it.  We came from it,
 * so it is taken for one that answers. */
static void
add_root(struct mounts *ms)
{
	for (size_t i = 0; i < ms->n; i++) {
		int id = ms->v[i].parent;

		if (!has_id(ms, id)) {
			add(ms, id, id, "/", true);
			return;
		}
	}
}

static void
take_text(struct mounts *ms, char *text)
{
	char *line;

	forget(ms);
	while ((line = strsep(&text, "\n")) != NULL)
		add_line(ms, line);
	if (listed_root(ms) == NULL)
		add_root(ms);
	ms->root = listed_root(ms);
	if (ms->root != NULL)
		ms->root = above(ms, ms->root, "/");
}

static void
read_list(struct mounts *ms)
{
	struct buf b = { 0 };
	ssize_t n;
	char *text;

	if (lseek(ms->fd, 0, SEEK_SET) == -1)
		return;
	do {
		n = read(ms->fd, buf_reserve(&b, 16384), 16384);
		if (n > 0)
			buf_grew(&b, (size_t)n);
	} while (n > 0 || (n == -1 && errno == EINTR));
	text = buf_take(&b);
	take_text(ms, text);
	free(text);
}

static void
look(struct mounts *ms)
{
	struct pollfd p = { .fd = ms->fd, .events = POLLPRI };
	uint64_t now = clock_mono_us();

	if (ms->fd == -1)
		return;
	/* The list says by POLLERR that it has changed since it was read. */
	if (!ms->is_read || (poll(&p, 1, 0) == 1 && p.revents != 0)) {
		read_list(ms);
		ms->is_read = true;
	} else if (now - ms->walked_us < FOLDERS_US) {
		return;
	}
	ms->walked_us = now;
	forget_folders(ms);
}

struct mounts *
mounts_new(void)
{
	struct mounts *ms = xcalloc(1, sizeof(*ms));

	ms->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return ms;
}

struct mounts *
mounts_new_text(const char *text)
{
	struct mounts *ms = xcalloc(1, sizeof(*ms));
	char *copy = xstrdup(text);

	ms->fd = -1;
	take_text(ms, copy);
	free(copy);
	return ms;
}

void
mounts_free(struct mounts *ms)
{
	if (ms == NULL)
		return;
	forget(ms);
	free(ms->v);
	if (ms->fd != -1)
		close(ms->fd);
	free(ms);
}

/* ---- the walk ------------------------------------------------------------------ */

static void
to_root(struct walk *w)
{
	w->real[0] = '\0';
	w->len = 0;
	w->at = w->ms->root;
}

/* One up.  What is mounted where is found again from the root. */
static void
to_parent(struct walk *w)
{
	while (w->len > 0 && w->real[--w->len] != '/')
		;
	w->real[w->len] = '\0';
	w->at = w->ms->root;
	for (size_t i = 1; i <= w->len; i++) {
		char c = w->real[i];

		if (c != '/' && c != '\0')
			continue;
		w->real[i] = '\0';
		w->at = above(w->ms, w->at, w->real);
		w->real[i] = c;
	}
}

/* One down; false: the path is too long to be one. */
static bool
to_child(struct walk *w, const char *name, size_t n)
{
	if (w->len + 1 + n >= sizeof(w->real))
		return false;
	w->real[w->len++] = '/';
	memcpy(w->real + w->len, name, n);
	w->len += n;
	w->real[w->len] = '\0';
	w->at = above(w->ms, w->at, w->real);
	return true;
}

/* Where the name just entered leads if it is a link: what is left to walk is *rest
 * (malloc'd), else untouched.  False: nothing can be there. */
static bool
follow_link(struct walk *w, const char *left, char **rest)
{
	char target[PATH_MAX];
	ssize_t n = readlink(w->real, target, sizeof(target) - 1);

	if (n == -1)
		return errno == EINVAL; /* no link */
	if (++w->links > LINKS_MAX)
		return false;
	target[n] = '\0';
	if (target[0] == '/')
		to_root(w);
	else
		to_parent(w);
	*rest = xasprintf("%s/%s", target, left);
	return true;
}

/* The first mount that may hang on the way along path; NULL: none. */
static const struct mount *
walk(struct walk *w, const char *path, bool follow)
{
	char *mine = xstrdup(path);
	const char *p = mine;

	while (w->at->local) {
		char *rest = NULL;
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 0)
			break;
		if (n == 1 && p[0] == '.') {
			p++;
			continue;
		}
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			to_parent(w);
			p += 2;
			continue;
		}
		if (!to_child(w, p, n) || !w->at->local)
			break;
		p += n;
		if (!follow && p[strspn(p, "/")] == '\0')
			break;
		if (!follow_link(w, p, &rest))
			break;
		if (rest != NULL) {
			free(mine);
			p = mine = rest;
		}
	}
	free(mine);
	return w->at->local ? NULL : w->at;
}

/* The folder of the path, walked or remembered; NULL: it can be used. */
static const struct mount *
walk_folder(struct walk *w, const char *path, size_t n)
{
	struct mounts *ms = w->ms;
	const struct mount *bad;
	struct folder *f;

	to_root(w);
	for (size_t i = 0; i < FOLDERS; i++) {
		f = &ms->folder[i];
		if (f->path == NULL || strncmp(f->path, path, n) != 0 ||
		    f->path[n] != '\0')
			continue;
		strlcpy(w->real, f->real, sizeof(w->real));
		w->len = strlen(w->real);
		w->at = f->within;
		return w->at->local ? NULL : w->at;
	}
	f = &ms->folder[ms->oldest];
	ms->oldest = (ms->oldest + 1) % FOLDERS;
	forget_folder(f);
	f->path = xstrndup(path, n);
	bad = walk(w, f->path, true);
	f->real = xstrdup(w->real);
	f->within = w->at;
	return bad;
}

const char *
mounts_remote(struct mounts *ms, const char *path, bool follow)
{
	struct walk w = { .ms = ms };
	const struct mount *bad;
	const char *slash;

	look(ms);
	if (ms->n_remote == 0 || ms->root == NULL)
		return NULL;
	slash = strrchr(path, '/');
	if (slash == NULL)
		return NULL;
	bad = walk_folder(&w, path, (size_t)(slash - path));
	if (bad == NULL)
		bad = walk(&w, slash + 1, follow);
	return bad == NULL ? NULL : bad->point;
}

bool
mounts_fd_is_local(int fd)
{
	struct mounts *ms;
	struct statx stx;
	bool local = false;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_MNT_ID,
		&stx) == -1)
		return false;
	if (!S_ISREG(stx.stx_mode) && !S_ISDIR(stx.stx_mode))
		return true;
	if (fcntl(fd, F_GET_SEALS) != -1)
		return true; /* of memory, and on no mount that we know */
	ms = mounts_new();
	look(ms);
	for (size_t i = 0; i < ms->n; i++)
		if ((uint64_t)ms->v[i].id == stx.stx_mnt_id)
			local = ms->v[i].local;
	mounts_free(ms);
	return local;
}
