/*
 * service_users: names of users and groups to numbers.  Questions go to the C library, or
 * through a helper process where that may ask a name service.
 */
#include "manager/service/service_users.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "manager/service/dynamic_user.h"
#include "manager/service/helper.h"
#include "proto/spec.h"
#include "unit/load.h"

enum {
	USERS_FRESH_US = 2000,
	NAME_KEY_MAX = 300,     /* a name has at most 255 */
	NAME_BUF_MAX = 1 << 20, /* of getpwnam_r: large groups, not endless ones */
	GROUPS_MAX = 65536,
	NSSWITCH_MAX = 65536,
	ASK_MS = 1000, /* that a name service may make everybody wait */
	HUNG_SEC = 30, /* so long it is not asked again then */
};

struct svc_users {
	struct map by_name; /* "" is who supd is */
	struct timespec passwd_mtime, group_mtime;
	uint64_t checked_us;    /* when they were looked at last */
	bool remote;            /* nsswitch.conf names more than local files */
	uint64_t hung_until_us; /* monotonic */
};

static void
user_free(void *p)
{
	struct svc_user *u = p;

	if (u == NULL)
		return;
	free(u->name);
	free(u->home);
	free(u->shell);
	free(u->groups);
	free(u);
}

void
svc_world_clear(struct svc_world *w)
{
	if (w->users == NULL)
		return;
	map_clear(&w->users->by_name, user_free);
	free(w->users);
	w->users = NULL;
}

static struct timespec
mtime_of(const char *path)
{
	struct timespec none = { 0 };
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtim : none;
}

static bool
same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool
is_number(const char *s, uint32_t *v)
{
	unsigned long long n;
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (*end != '\0' || errno != 0 || n >= UINT32_MAX)
		return false;
	*v = (uint32_t)n;
	return true;
}

/* ---- those who know ---------------------------------------------------------- */

/* 0 found, -1 not found (errno 0) or could not be asked (errno). */
static int
ask_passwd(const char *name, uint32_t uid, struct svc_user *u)
{
	struct passwd pw, *r = NULL;
	size_t size = 4096;
	char *b = NULL;
	int err;

	do {
		b = xreallocarray(b, 1, size);
		err = name != NULL ? getpwnam_r(name, &pw, b, size, &r)
				   : getpwuid_r(uid, &pw, b, size, &r);
		size *= 2;
	} while (err == ERANGE && size <= NAME_BUF_MAX);
	if (err == 0 && r != NULL) {
		u->uid = pw.pw_uid;
		u->gid = pw.pw_gid;
		u->name = xstrdup(pw.pw_name);
		u->home = xstrdup(pw.pw_dir);
		u->shell = xstrdup(pw.pw_shell[0] != '\0' ? pw.pw_shell : "/bin/sh");
		free(b);
		return 0;
	}
	free(b);
	/* Some systems say so when there is no such name. */
	errno = err == ENOENT || err == ESRCH || err == EPERM || err == EBADF ? 0 : err;
	return -1;
}

static int
ask_group(const char *name, uint32_t *gid)
{
	struct group gr, *r = NULL;
	size_t size = 4096;
	char *b = NULL;
	int err;

	if (is_number(name, gid))
		return 0;
	do {
		b = xreallocarray(b, 1, size);
		err = getgrnam_r(name, &gr, b, size, &r);
		size *= 2;
	} while (err == ERANGE && size <= NAME_BUF_MAX);
	if (err == 0 && r != NULL) {
		*gid = gr.gr_gid;
		free(b);
		return 0;
	}
	free(b);
	errno = err == ENOENT || err == ESRCH || err == EPERM || err == EBADF ? 0 : err;
	return -1;
}

static void
ask_groups(struct svc_user *u)
{
	gid_t *g = NULL;
	int n = 64, got;

	for (;;) {
		g = xreallocarray(g, (size_t)n, sizeof(*g));
		got = n;
		if (getgrouplist(u->name, u->gid, g, &got) != -1)
			break;
		if (n >= GROUPS_MAX) {
			got = n;
			break;
		}
		n *= 4;
	}
	u->groups = xcalloc((size_t)got, sizeof(*u->groups));
	for (int i = 0; i < got; i++)
		u->groups[i] = g[i];
	u->ngroups = (size_t)got;
	free(g);
}

/* Whether a look-up may ask somebody beyond this machine's files. */
static bool
names_are_remote(void)
{
	static const char *const local[] = { "files", "compat", "systemd", "db",
		"altfiles", "extrausers" };
	struct buf b = { 0 };
	char *line, *word, *rest, *lines;
	bool remote = false;

	if (file_read_follow_at(AT_FDCWD, "/etc/nsswitch.conf", NSSWITCH_MAX, &b) == -1) {
		buf_free(&b);
		return false;
	}
	rest = lines = buf_take(&b);
	while (!remote && (line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, "#")] = '\0';
		word = strsep(&line, ":");
		word += strspn(word, " \t");
		if (line == NULL ||
		    (strcmp(word, "passwd") != 0 && strcmp(word, "group") != 0 &&
			strcmp(word, "initgroups") != 0))
			continue;
		while (!remote && (word = strsep(&line, " \t")) != NULL) {
			/* What to do with an answer: `[NOTFOUND=return]'. */
			bool known = *word == '\0' || *word == '[' ||
				     word[strlen(word) - 1] == ']';

			for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
				known |= strcmp(word, local[i]) == 0;
			remote = !known;
		}
	}
	free(lines);
	return remote;
}

/* The question is u and a name, n and a number, g and the name of a group. */
static void
work_name(const void *question, struct buf *out)
{
	const char *q = question;
	struct svc_user u = { 0 };
	uint32_t gid;
	int r;

	if (*q == 'g') {
		if (ask_group(q + 1, &gid) == -1)
			buf_addf(out, "E%d", errno);
		else
			buf_addf(out, "G%" PRIu32, gid);
		return;
	}
	r = *q == 'u' ? ask_passwd(q + 1, 0, &u)
		      : ask_passwd(NULL, (uint32_t)strtoul(q + 1, NULL, 10), &u);
	if (r == -1) {
		buf_addf(out, "E%d", errno);
		return;
	}
	ask_groups(&u);
	buf_addf(out, "U%" PRIu32 " %" PRIu32, u.uid, u.gid);
	for (size_t i = 0; i < u.ngroups; i++)
		buf_addf(out, " %" PRIu32, u.groups[i]);
	buf_addf(out, "\n%s\n%s\n%s", u.name, u.home, u.shell);
}

/* The answer of a helper to such a question; -1 with errno, 0 for "there is none". */
static char *
ask_helper(struct svc_users *users, char kind, const char *name)
{
	struct buf b = { 0 };
	char *q, *text;
	int r, err;

	if (clock_mono_us() < users->hung_until_us) {
		errno = ETIMEDOUT;
		return NULL;
	}
	q = xasprintf("%c%s", kind, name);
	r = helper_ask(work_name, q, ASK_MS * USEC_PER_MSEC, &b);
	err = errno;
	free(q);
	if (r == -1) {
		buf_free(&b);
		if (err == ETIMEDOUT)
			users->hung_until_us =
			    clock_add_us(clock_mono_us(), HUNG_SEC * USEC_PER_SEC);
		errno = err;
		return NULL;
	}
	text = buf_take(&b);
	if (*text == 'E') {
		err = atoi(text + 1);
		free(text);
		errno = err;
		return NULL;
	}
	return text;
}

/* ---- what was found ---------------------------------------------------------- */

static int
find_passwd(struct svc_users *users, const char *name, uint32_t uid, struct svc_user *u)
{
	char number[16], *text, *line, *rest, *end;
	size_t max = 0;

	if (!users->remote) {
		if (ask_passwd(name, uid, u) == -1)
			return -1;
		ask_groups(u);
		return 0;
	}
	snprintf(number, sizeof(number), "%" PRIu32, uid);
	text = ask_helper(users, name != NULL ? 'u' : 'n', name != NULL ? name : number);
	if (text == NULL)
		return -1;
	rest = text + 1;
	line = strsep(&rest, "\n");
	u->uid = (uint32_t)strtoul(line, &end, 10);
	u->gid = (uint32_t)strtoul(end, &end, 10);
	for (const char *c = end; *c != '\0'; c++)
		max += *c == ' ';
	u->groups = xcalloc(max + 1, sizeof(*u->groups));
	while (*end == ' ' && u->ngroups < max)
		u->groups[u->ngroups++] = (uint32_t)strtoul(end, &end, 10);
	line = strsep(&rest, "\n");
	u->name = xstrdup(line != NULL ? line : number);
	line = strsep(&rest, "\n");
	u->home = xstrdup(line != NULL ? line : "/");
	u->shell = xstrdup(rest != NULL ? rest : "/bin/sh");
	free(text);
	return 0;
}

static int
find_group(struct svc_users *users, const char *name, uint32_t *gid)
{
	char *text;

	if (is_number(name, gid))
		return 0;
	if (users == NULL || !users->remote)
		return ask_group(name, gid);
	text = ask_helper(users, 'g', name);
	if (text == NULL)
		return -1;
	*gid = (uint32_t)strtoul(text + 1, NULL, 10);
	free(text);
	return 0;
}

/* Forgets all when a file has changed.  One start asks for several names, and many may be
 * started at once: it is looked at once for those. */
static void
refresh_users(struct svc_world *w)
{
	uint64_t now = clock_mono_us();
	struct timespec p, g;

	if (w->users != NULL && now - w->users->checked_us < USERS_FRESH_US)
		return;
	p = mtime_of("/etc/passwd");
	g = mtime_of("/etc/group");
	if (w->users != NULL && (!same_time(p, w->users->passwd_mtime) ||
				    !same_time(g, w->users->group_mtime)))
		svc_world_clear(w);
	if (w->users == NULL) {
		w->users = xcalloc(1, sizeof(*w->users));
		w->users->passwd_mtime = p;
		w->users->group_mtime = g;
		w->users->remote = names_are_remote();
	}
	w->users->checked_us = now;
}

static bool
uid_is_known(void *arg, uint32_t uid)
{
	struct svc_user *u = xcalloc(1, sizeof(*u));
	bool known = find_passwd(arg, NULL, uid, u) == 0 || errno != 0;

	user_free(u);
	return known;
}

/* Who owns its folders from before a boot; 0: nobody. */
static uint32_t
owner_of_folders(struct svc_world *w, const struct exec_conf *x)
{
	for (int k = 0; k < DIR_NKINDS; k++) {
		for (size_t i = 0; exec_dir_is_private(x, (enum exec_dir_kind)k) &&
				   i < x->dirs[k].names.n;
		     i++) {
			char *path = xasprintf("%s/private/%s",
			    unit_paths_base(w->paths, (enum exec_dir_kind)k),
			    x->dirs[k].names.v[i]);
			struct stat st;
			bool there = lstat(path, &st) == 0 && S_ISDIR(st.st_mode);

			free(path);
			if (there && st.st_uid != 0)
				return st.st_uid;
		}
	}
	return 0;
}

/* A user that is in no list, for DynamicUser=. */
static int
make_dynamic(struct svc_world *w, const struct exec_conf *x, struct svc_user *u,
    char *why, size_t size)
{
	char *folder;
	struct dynamic_user d = { .root = w->root,
		.name = x->user,
		.is_known = uid_is_known,
		.arg = w->users };
	int r;

	if (!w->is_root || w->paths == NULL) {
		snprintf(why, size, "only root can make the transient user %s", x->user);
		return -1;
	}
	d.folder = folder =
	    xasprintf("%s/supd-dynamic-users", unit_paths_base(w->paths, DIR_RUNTIME));
	d.hint = owner_of_folders(w, x);
	r = dynamic_user_find(&d, &u->uid, why, size);
	free(folder);
	if (r == -1)
		return -1;
	u->gid = u->uid;
	u->name = xstrdup(x->user);
	u->home = xstrdup("/");
	u->shell = xstrdup("/usr/sbin/nologin");
	u->groups = xcalloc(1, sizeof(*u->groups));
	u->groups[0] = u->gid;
	u->ngroups = 1;
	return 0;
}

const struct svc_user *
svc_user_find(struct svc_world *w, const struct exec_conf *x, char *why, size_t size)
{
	const char *name = x->user;
	char key[NAME_KEY_MAX];
	struct svc_user *u;
	uint32_t uid;

	/* Who may be made is another than who must be there. */
	snprintf(key, sizeof(key), "%s%s", x->dynamic_user ? "made:" : "",
	    name != NULL ? name : "");
	refresh_users(w);
	if ((u = map_get(&w->users->by_name, key)) != NULL)
		return u;
	u = xcalloc(1, sizeof(*u));
	if (name == NULL || is_number(name, &uid)) {
		if (name == NULL)
			uid = geteuid();
		if (find_passwd(w->users, NULL, uid, u) == -1) {
			if (errno == ETIMEDOUT && name != NULL) {
				snprintf(why, size,
				    "cannot look up user %s: no answer in time", name);
				user_free(u);
				return NULL;
			}
			/* A number needs no name: as in containers. */
			u->uid = uid;
			u->gid = name == NULL ? getegid() : uid;
			u->name = xasprintf("%" PRIu32, uid);
			u->home = xstrdup("/");
			u->shell = xstrdup("/bin/sh");
			if (!w->users->remote)
				ask_groups(u);
		}
	} else if (find_passwd(w->users, name, 0, u) == -1) {
		bool made = false;

		if (errno == 0 && x->dynamic_user)
			made = make_dynamic(w, x, u, why, size) == 0;
		else if (errno == 0)
			snprintf(why, size, "no such user: %s", name);
		else
			snprintf(why, size, "cannot look up user %s: %s", name,
			    strerror(errno));
		if (!made) {
			user_free(u);
			return NULL;
		}
	}
	map_set(&w->users->by_name, key, u);
	return u;
}

int
svc_id_find(struct svc_world *w, bool group, const char *name, uint32_t *id)
{
	struct svc_user *u;
	int r, err;

	refresh_users(w);
	if (group)
		return find_group(w->users, name, id);
	u = xcalloc(1, sizeof(*u));
	r = find_passwd(w->users, name, 0, u);
	err = errno;
	*id = u->uid;
	user_free(u);
	errno = err;
	return r;
}

/* Who is not root cannot change its groups: those that are asked for must be there. */
static int
check_groups_held(
    const struct svc_world *w, const struct exec_conf *x, char *why, size_t size)
{
	gid_t *held = xcalloc(GROUPS_MAX, sizeof(*held));
	int n = getgroups(GROUPS_MAX, held), r = 0;
	uint32_t gid;

	for (size_t i = 0; r == 0 && i < x->supplementary_groups.n; i++) {
		const char *name = x->supplementary_groups.v[i];
		bool has = false;

		if (find_group(w->users, name, &gid) == -1) {
			snprintf(why, size, "no such group: %s", name);
			r = -1;
			continue;
		}
		has = gid == getegid();
		for (int k = 0; k < n && !has; k++)
			has = held[k] == gid;
		if (!has) {
			snprintf(why, size, "supd is not of group %s and cannot join it",
			    name);
			r = -1;
		}
	}
	free(held);
	return r;
}

int
svc_ids_find(struct svc_world *w, const struct exec_conf *x, struct svc_ids *ids,
    int *status, char *why, size_t size)
{
	uint32_t gid;

	memset(ids, 0, sizeof(*ids));
	*status = PHASE_USER;
	ids->user = svc_user_find(w, x, why, size);
	if (ids->user == NULL)
		return -1;
	ids->uid = ids->user->uid;
	ids->gid = x->user != NULL ? ids->user->gid : getegid();
	*status = PHASE_GROUP;
	if (x->group != NULL && find_group(w->users, x->group, &ids->gid) == -1) {
		snprintf(why, size, "no such group: %s%s%s", x->group,
		    errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
		return -1;
	}
	ids->set_uid = ids->uid != geteuid();
	ids->set_gid = ids->gid != getegid() || (x->user != NULL && w->is_root);
	if (!w->is_root) {
		if (ids->set_uid) {
			*status = PHASE_USER;
			snprintf(why, size,
			    "supd runs as uid %u and cannot become user %s", geteuid(),
			    x->user);
			return -1;
		}
		if (ids->set_gid) {
			snprintf(why, size,
			    "supd runs with gid %u and cannot become group %s", getegid(),
			    x->group != NULL ? x->group : x->user);
			return -1;
		}
	}
	if (!w->is_root && x->supplementary_groups.n == 0)
		return 0;
	if (!w->is_root)
		return check_groups_held(w, x, why, size);
	if (x->user == NULL && x->supplementary_groups.n == 0)
		return 0;
	ids->set_groups = true;
	ids->groups = xcalloc(
	    ids->user->ngroups + x->supplementary_groups.n + 1, sizeof(*ids->groups));
	if (x->user != NULL)
		for (size_t i = 0; i < ids->user->ngroups; i++)
			ids->groups[ids->ngroups++] = ids->user->groups[i];
	for (size_t i = 0; i < x->supplementary_groups.n; i++) {
		if (find_group(w->users, x->supplementary_groups.v[i], &gid) == -1) {
			snprintf(
			    why, size, "no such group: %s", x->supplementary_groups.v[i]);
			free(ids->groups);
			ids->groups = NULL;
			return -1;
		}
		ids->groups[ids->ngroups++] = gid;
	}
	return 0;
}
