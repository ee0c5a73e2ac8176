/* instance: see the header. */
#include "unit/instance.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

uint64_t
instance_hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

void
instance_run_places(const char *root, uid_t uid, const char *xdg, struct strv *out)
{
	unsigned long long hash = instance_hash(root);

	if (uid == 0)
		strv_addf(out, "/run/supd/%016llx", hash);
	/* The path of a socket in it takes at most 108 bytes. */
	if (xdg != NULL && *xdg == '/' && strlen(xdg) < 40)
		strv_addf(out, "%s/supd/%016llx", xdg, hash);
	strv_addf(out, "/dev/shm/supd-%u/%016llx", (unsigned)uid, hash);
}

/* The run folder as supd left it; who owns it was root, the owner of the instance, or us.
 */
static char *
find_run(const struct instance *in)
{
	char *run = xasprintf("%s/run", in->root);
	uid_t me = geteuid();
	struct strv places = { 0 };
	struct stat st;

	if (stat(run, &st) == 0)
		return run;
	instance_run_places(in->root, me, getenv("XDG_RUNTIME_DIR"), &places);
	if (in->owner != me)
		instance_run_places(in->root, in->owner, NULL, &places);
	for (size_t i = 0; i < places.n; i++) {
		if (lstat(places.v[i], &st) == -1 || !S_ISDIR(st.st_mode) ||
		    (st.st_uid != 0 && st.st_uid != in->owner && st.st_uid != me))
			continue;
		free(run);
		run = xstrdup(places.v[i]);
		break;
	}
	strv_free(&places);
	return run;
}

static int
take(struct instance *in, const char *dir, enum instance_kind kind, bool implicit,
    struct buf *why)
{
	struct instance found = { .kind = kind, .implicit = implicit };
	struct stat st;

	found.root = realpath(dir, NULL);
	if (found.root == NULL) {
		if (errno != ENOENT || kind == INSTANCE_FOLDER) {
			buf_addf(why, "the instance folder %s cannot be used: %s", dir,
			    strerror(errno));
			return -1;
		}
		found.root = xstrdup(dir);
		found.owner = geteuid();
	} else if (stat(found.root, &st) == -1 || !S_ISDIR(st.st_mode)) {
		buf_addf(why, "the instance folder %s is not a folder", dir);
		free(found.root);
		return -1;
	} else {
		found.exists = true;
		found.owner = st.st_uid;
	}
	found.run = find_run(&found);
	*in = found;
	return 0;
}

static bool
is_roots_alone(const struct stat *st)
{
	return st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* An ordinary user's folder may be writable by a group of his; not by everybody. */
static bool
is_ones_own(const struct stat *st)
{
	return (st->st_uid == geteuid() || st->st_uid == 0) &&
	       (st->st_mode & S_IWOTH) == 0;
}

/* 1: the current folder is the instance, 0: it is none, -1: refused.  What is run here
 * is run as us: runs says that this is meant to happen. */
static int
try_current(bool runs, struct buf *why)
{
	struct stat here, units;

	if (stat("units", &units) == -1 || !S_ISDIR(units.st_mode))
		return 0;
	if (geteuid() != 0) {
		if (!runs ||
		    (stat(".", &here) == 0 && is_ones_own(&here) && is_ones_own(&units)))
			return 1;
		buf_adds(why, "the current folder has units/, but it is another user's, "
			      "or everybody can write there; name it with -C . if that "
			      "is meant");
		return -1;
	}
	if (stat(".", &here) == 0 && is_roots_alone(&here) && is_roots_alone(&units))
		return 1;
	buf_adds(why, "the current folder has units/, but others than root can write "
		      "there; name it with -C . if that is meant");
	return -1;
}

static char *
user_root(void)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (state != NULL && *state == '/')
		return xasprintf("%s/supd", state);
	if (home == NULL || *home != '/') {
		pw = getpwuid(geteuid());
		home = pw == NULL ? NULL : pw->pw_dir;
	}
	return home == NULL ? NULL : xasprintf("%s/.local/state/supd", home);
}

int
instance_find(struct instance *in, const char *dir, bool use_env, struct buf *why)
{
	char *root;
	int r;

	if (dir == NULL && use_env) {
		dir = getenv(INSTANCE_ROOT_ENV);
		if (dir != NULL && *dir == '\0')
			dir = NULL;
	}
	if (dir != NULL)
		return take(in, dir, INSTANCE_FOLDER, false, why);
	r = try_current(!use_env, why);
	if (r == -1)
		return -1;
	if (r == 1)
		return take(in, ".", INSTANCE_FOLDER, true, why);
	if (geteuid() == 0)
		return take(in, INSTANCE_SYSTEM_ROOT, INSTANCE_SYSTEM, false, why);
	root = user_root();
	if (root == NULL) {
		buf_adds(why, "no instance: the current folder has no units/, and there "
			      "is no home folder; name one with -C");
		return -1;
	}
	r = take(in, root, INSTANCE_USER, false, why);
	free(root);
	return r;
}

enum instance_kind
instance_kind_of(const char *root)
{
	enum instance_kind kind = INSTANCE_FOLDER;
	char *own;

	if (strcmp(root, INSTANCE_SYSTEM_ROOT) == 0)
		return INSTANCE_SYSTEM;
	if (geteuid() == 0)
		return INSTANCE_FOLDER;
	own = user_root();
	if (own != NULL && strcmp(own, root) == 0)
		kind = INSTANCE_USER;
	free(own);
	return kind;
}

void
instance_clear(struct instance *in)
{
	free(in->root);
	free(in->run);
	memset(in, 0, sizeof(*in));
}

char *
instance_conf(const char *root)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *own = xasprintf("%s/supd.conf", root);

	/* A link is not followed: what it leads to may be on a file system that hangs.
	 * One that leads nowhere is there, too, and its reader says so: another file in
	 * its place would hide the mistake. */
	if (faccessat(AT_FDCWD, own, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return own;
	if (strcmp(root, INSTANCE_SYSTEM_ROOT) == 0) {
		free(own);
		return xstrdup("/etc/supd/supd.conf");
	}
	if (instance_kind_of(root) != INSTANCE_USER)
		return own;
	if (config != NULL && *config == '/') {
		free(own);
		return xasprintf("%s/supd/supd.conf", config);
	}
	if (home != NULL && *home == '/') {
		free(own);
		return xasprintf("%s/.config/supd/supd.conf", home);
	}
	return own;
}
