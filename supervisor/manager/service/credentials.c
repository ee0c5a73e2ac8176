#include "manager/service/credentials.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/rmtree.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/conf.h"
#include "unit/credential.h"

enum {
	DEPTH_MAX = 16,         /* of folders of secrets */
	FILES_MAX = 4096,       /* of one unit */
	REMOVALS_MAX = 1000000, /* the folder of before was its user's */
};

/* What is being filled. */
struct filling {
	const struct credentials *c;
	struct buf *why;
	struct buf *missing;
	int dir;
	size_t bytes;
	size_t files;
};

static int fail(struct buf *why, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static int
fail(struct buf *why, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_clear(why);
	buf_adds(why, text);
	return -1;
}

/* ---- one file ---------------------------------------------------------------- */

/* Nobody but its reader gets the owner's rights on it, and nobody may write. */
static int
give(const struct credentials *c, int fd, mode_t mode)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if ((st.st_uid != c->uid || st.st_gid != c->gid) &&
	    fchown(fd, c->uid, c->gid) == -1)
		return -1;
	return fchmod(fd, mode);
}

static int
put(struct filling *f, const char *id, const struct buf *value)
{
	int fd;

	f->bytes += value->len;
	if (f->bytes > CREDENTIAL_BYTES_MAX)
		return fail(f->why, "its credentials have more than %d bytes in all",
		    CREDENTIAL_BYTES_MAX);
	if (++f->files > FILES_MAX)
		return fail(f->why, "more than %d credentials", FILES_MAX);
	fd = openat(
	    f->dir, id, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0400);
	if (fd == -1 || full_write(fd, value->data, value->len) == -1 ||
	    give(f->c, fd, 0400) == -1) {
		(void)fail(f->why, "credential %s: %s", id, strerror(errno));
		fd_close(&fd);
		return -1;
	}
	fd_close(&fd);
	return 0;
}

static bool
has(const struct filling *f, const char *id)
{
	return faccessat(f->dir, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- where they come from ---------------------------------------------------- */

/* Connects, reads to the end.  Our own address says who asks for what, as systemd's:
 * NUL, 16 random hex digits, /unit/UNIT/ID. */
static int
read_socket(const char *path, const char *unit, const char *id, struct buf *out)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX },
			   own = { .sun_family = AF_UNIX };
	uint64_t salt = 0;
	char part[4096];
	ssize_t n = -1;
	int fd, len;

	if (strlen(path) >= sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (getrandom(&salt, sizeof(salt), 0) == -1)
		return -1;
	len = snprintf(own.sun_path + 1, sizeof(own.sun_path) - 1, "%016jx/unit/%s/%s",
	    (uintmax_t)salt, unit, id);
	if (len >= (int)sizeof(own.sun_path) - 1)
		len = (int)sizeof(own.sun_path) - 2;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (bind(fd, (struct sockaddr *)&own,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) ==
		0 &&
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
		while ((n = full_read(fd, part, sizeof(part))) > 0) {
			buf_append(out, part, (size_t)n);
			if (out->len > CREDENTIAL_BYTES_MAX) {
				errno = EFBIG;
				n = -1;
				break;
			}
		}
	}
	fd_close(&fd);
	return n == -1 ? -1 : 0;
}

/* 1: it is there; 0: there is none (ENOENT); -1: told. */
static int
load_file(struct filling *f, const char *id, const char *path, const struct stat *st)
{
	struct buf value = { 0 };
	int r;

	if (S_ISSOCK(st->st_mode))
		r = read_socket(path, f->c->unit, id, &value);
	else
		r = file_read_follow_at(AT_FDCWD, path, CREDENTIAL_BYTES_MAX, &value);
	if (r == -1)
		(void)fail(f->why, "LoadCredential=%s: %s: %s", id, path,
		    errno == EINVAL ? "it is no file, folder or socket"
				    : strerror(errno));
	else
		r = put(f, id, &value);
	buf_free(&value);
	return r == -1 ? -1 : 1;
}

/* Every file below the folder, as ID_sub_file; what begins with a dot is none. */
static int
load_folder(struct filling *f, const char *id, const char *path, unsigned depth)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : (errno = ELOOP, NULL);
	struct dirent *de;
	int r = 1;

	if (dir == NULL) {
		(void)fail(
		    f->why, "LoadCredential=%s: %s: %s", id, path, strerror(errno));
		return -1;
	}
	while (r == 1 && (de = readdir(dir)) != NULL) {
		char *below, *name;
		struct stat st;

		if (de->d_name[0] == '.')
			continue;
		below = xasprintf("%s/%s", path, de->d_name);
		name = xasprintf("%s_%s", id, de->d_name);
		if (stat(below, &st) == -1)
			r = fail(f->why, "LoadCredential=%s: %s: %s", id, below,
			    strerror(errno));
		else if (!credential_id_is_valid(name, strlen(name)))
			r = fail(f->why,
			    "LoadCredential=%s: %s: its name cannot be that of a "
			    "credential",
			    id, below);
		else if (S_ISDIR(st.st_mode))
			r = load_folder(f, name, below, depth + 1);
		else if (S_ISREG(st.st_mode) && !has(f, name))
			r = load_file(f, name, below, &st);
		free(below);
		free(name);
	}
	closedir(dir);
	return r;
}

static int
load_path(struct filling *f, const char *id, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1) {
		if (errno == ENOENT)
			return 0;
		return fail(
		    f->why, "LoadCredential=%s: %s: %s", id, path, strerror(errno));
	}
	return S_ISDIR(st.st_mode) ? load_folder(f, id, path, 0)
				   : load_file(f, id, path, &st);
}

/* A credential that supd was given, or that the host has in store. */
static int
load_named(struct filling *f, const char *id, const char *name)
{
	const char *const places[] = { getenv("CREDENTIALS_DIRECTORY"), "/etc/credstore",
		"/run/credstore", "/usr/local/lib/credstore", "/usr/lib/credstore" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		char *path;
		int r;

		if (places[i] == NULL || *places[i] != '/')
			continue;
		path = xasprintf("%s/%s", places[i], name);
		r = load_path(f, id, path);
		free(path);
		if (r != 0)
			return r;
	}
	return 0;
}

static bool
is_set(const struct exec_conf *x, const char *id, size_t len)
{
	for (size_t i = 0; i < x->set_credentials.n; i++)
		if (strncmp(x->set_credentials.v[i], id, len) == 0 &&
		    x->set_credentials.v[i][len] == ':')
			return true;
	return false;
}

static int
load(struct filling *f, const char *kept)
{
	size_t n;
	const char *source = credential_rest(kept, &n);
	char *id = xstrndup(kept, n);
	int r = *source == '/' ? load_path(f, id, source) : load_named(f, id, source);

	/* systemd starts it without one that is called by a name.  Here that is so only
	 * where none is named but its own: files that systemd ships ask for what a
	 * machine may have been given. */
	if (r == 0 && !is_set(f->c->x, id, n) && strcmp(source, id) == 0)
		buf_addf(f->missing, "%s%s", f->missing->len > 0 ? " " : "", id);
	else if (r == 0 && !is_set(f->c->x, id, n))
		r = *source == '/'
			? fail(f->why, "LoadCredential=%s: %s: %s", id, source,
			      strerror(ENOENT))
			: fail(f->why,
			      "LoadCredential=%s: neither was supd given a credential of "
			      "that name, nor is one in /etc/credstore",
			      id);
	free(id);
	return r == -1 ? -1 : 0;
}

static int
set(struct filling *f, const char *kept)
{
	size_t n;
	const char *value = credential_rest(kept, &n);
	char *id = xstrndup(kept, n);
	struct buf b = { 0 };
	int r = 0;

	if (!has(f, id)) {
		buf_adds(&b, value);
		r = put(f, id, &b);
		buf_free(&b);
	}
	free(id);
	return r;
}

/* ---- the folder -------------------------------------------------------------- */

/* run/credentials, made if need be; -1: told. */
static int
open_base(const struct credentials *c, struct buf *why)
{
	int run = open(c->run, O_RDONLY | O_DIRECTORY | O_CLOEXEC), base = -1;
	struct statfs fs;
	struct stat st;

	if (run == -1 || fstatfs(run, &fs) == -1) {
		(void)fail(why, "credentials: %s: %s", c->run, strerror(errno));
	} else if (fs.f_type != TMPFS_MAGIC && fs.f_type != RAMFS_MAGIC) {
		(void)fail(why,
		    "credentials are kept in memory only, and %s is not on a tmpfs; give "
		    "supd one (/run, XDG_RUNTIME_DIR or /dev/shm)",
		    c->run);
	} else if ((mkdirat(run, CREDENTIALS_FOLDER, 0711) == -1 && errno != EEXIST) ||
		   (base = open_dir_at(run, CREDENTIALS_FOLDER)) == -1 ||
		   fchmod(base, 0711) == -1 || fstat(base, &st) == -1) {
		(void)fail(why, "credentials: %s/" CREDENTIALS_FOLDER ": %s", c->run,
		    strerror(errno));
		fd_close(&base);
	}
	fd_close(&run);
	return base;
}

int
credentials_remove_at(int base, const char *name, size_t max)
{
	int fd = open_dir_at(base, name);

	/* Closed to its owner, too, who is perhaps not root. */
	if (fd != -1)
		(void)fchmod(fd, 0700);
	fd_close(&fd);
	return rm_rf_at(base, name, max);
}

static int
fill(struct filling *f)
{
	const struct exec_conf *x = f->c->x;

	for (size_t i = 0; i < x->load_credentials.n; i++)
		if (load(f, x->load_credentials.v[i]) == -1)
			return -1;
	for (size_t i = 0; i < x->set_credentials.n; i++)
		if (set(f, x->set_credentials.v[i]) == -1)
			return -1;
	return 0;
}

int
credentials_make(const struct credentials *c, struct buf *missing, struct buf *why)
{
	struct filling f = { .c = c, .why = why, .missing = missing, .dir = -1 };
	int base = open_base(c, why), r = -1;
	char *hidden;

	if (base == -1)
		return -1;
	/* (One that was killed half-way left it.) */
	hidden = xasprintf(".%s", c->unit);
	if (credentials_remove_at(base, hidden, REMOVALS_MAX) == -1 ||
	    mkdirat(base, hidden, 0700) == -1 ||
	    (f.dir = open_dir_at(base, hidden)) == -1)
		(void)fail(why, "credentials: %s: %s", hidden, strerror(errno));
	else if (fill(&f) == 0) {
		if (give(c, f.dir, 0500) == -1 ||
		    credentials_remove_at(base, c->unit, REMOVALS_MAX) == -1 ||
		    renameat(base, hidden, base, c->unit) == -1)
			(void)fail(why, "credentials: %s: %s", c->unit, strerror(errno));
		else
			r = 0;
	}
	fd_close(&f.dir);
	if (r == -1)
		(void)credentials_remove_at(base, hidden, REMOVALS_MAX);
	free(hidden);
	fd_close(&base);
	return r;
}
