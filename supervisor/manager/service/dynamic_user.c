#include "manager/service/dynamic_user.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/xalloc.h"

enum { N_UIDS = DYNAMIC_UID_LAST - DYNAMIC_UID_FIRST + 1 };

#define SYSTEMD_UIDS "/run/systemd/dynamic-uid" /* its own, locked while in use */

static uint64_t
sum_of(const char *text)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		sum = (sum ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return sum ^ sum >> 32;
}

static bool
is_dynamic(uint64_t uid)
{
	return uid >= DYNAMIC_UID_FIRST && uid <= DYNAMIC_UID_LAST;
}

/* What a link says; "" when it is not there. */
static void
read_link(int dir, const char *name, char *text, size_t size)
{
	ssize_t n = readlinkat(dir, name, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
}

/* Takes uid for owner, who may have it already.  1: it has it, 0: another one, -1. */
static int
claim(int dir, const struct dynamic_user *u, uint32_t uid, const char *owner)
{
	char number[16], have[PATH_MAX];
	char *theirs;
	bool taken;

	snprintf(number, sizeof(number), "%" PRIu32, uid);
	read_link(dir, number, have, sizeof(have));
	if (have[0] != '\0')
		return strcmp(have, owner) == 0;
	theirs = xasprintf("%s/%s", SYSTEMD_UIDS, number);
	taken = access(theirs, F_OK) == 0 || u->is_known(u->arg, uid);
	free(theirs);
	if (taken)
		return 0;
	if (symlinkat(owner, dir, number) == 0)
		return 1;
	if (errno != EEXIST)
		return -1;
	read_link(dir, number, have, sizeof(have));
	return strcmp(have, owner) == 0;
}

static int
take_one(int dir, const struct dynamic_user *u, const char *owner, uint32_t *uid)
{
	uint32_t first = (uint32_t)(sum_of(u->name) % N_UIDS);
	int r = 0;

	if (is_dynamic(u->hint) && (r = claim(dir, u, u->hint, owner)) != 0) {
		*uid = u->hint;
		return r == 1 ? 0 : -1;
	}
	for (uint32_t i = 0; i < N_UIDS && r == 0; i++) {
		*uid = DYNAMIC_UID_FIRST + (first + i) % N_UIDS;
		r = claim(dir, u, *uid, owner);
	}
	if (r == 0)
		errno = EUSERS;
	return r == 1 ? 0 : -1;
}

/* In a folder of root that nobody else can write. */
static int
open_folder(const char *path)
{
	struct stat st;
	int dir;

	if (mkdir(path, 0755) == -1 && errno != EEXIST)
		return -1;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir == -1)
		return -1;
	if (fstat(dir, &st) == -1 || st.st_uid != geteuid() || (st.st_mode & 0022) != 0) {
		close(dir);
		errno = EPERM;
		return -1;
	}
	return dir;
}

int
dynamic_user_find(const struct dynamic_user *u, uint32_t *uid, char *why, size_t size)
{
	char *owner = xasprintf("%s:%s", u->name, u->root);
	char *key = xasprintf("%016" PRIx64 "-%s", sum_of(u->root), u->name);
	char text[PATH_MAX];
	int dir = open_folder(u->folder), r = -1;

	if (dir == -1)
		goto out;
	read_link(dir, key, text, sizeof(text));
	*uid = (uint32_t)strtoul(text, NULL, 10);
	if (is_dynamic(*uid) && claim(dir, u, *uid, owner) == 1) {
		r = 0;
		goto out;
	}
	if (take_one(dir, u, owner, uid) == -1)
		goto out;
	snprintf(text, sizeof(text), "%" PRIu32, *uid);
	if (unlinkat(dir, key, 0) == -1 && errno != ENOENT)
		goto out;
	r = symlinkat(text, dir, key);
out:
	if (r == -1)
		snprintf(why, size, "no number for the transient user %s: %s: %s",
		    u->name, u->folder, strerror(errno));
	fd_close(&dir);
	free(owner);
	free(key);
	return r;
}
