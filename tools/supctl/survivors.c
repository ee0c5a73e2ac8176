/* survivors: see the header. */
#include "survivors.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/xalloc.h"
#include "proto/table.h"
#include "unit/span.h"

enum {
	INVOCATION_HEX = 32,
	STAT_MAX = 4096,
	ENVIRON_MAX = 256 * 1024,
	COMMAND_SHOWN = 120,
};

struct recorded {
	char unit[PROTO_UNIT_MAX];
	char invocation[INVOCATION_HEX + 1]; /* "" when it is not known */
	struct {
		pid_t pid;
		uint64_t start_ticks;
	} proc[PROC_N];
};

struct record {
	struct recorded *v;
	size_t n;
	uid_t owner; /* of the table */
};

/* Start time of a process in ticks since boot, 0 when there is none or it has ended and
 * only waits for its parent. */
static uint64_t
start_ticks_of(pid_t pid)
{
	struct buf text = { 0 };
	uint64_t ticks = 0;
	char path[64];
	const char *p;
	int field;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read_follow_at(AT_FDCWD, path, STAT_MAX, &text) == 0) {
		/* The name in brackets may hold anything: count from the last one. */
		p = strrchr(buf_str(&text), ')');
		if (p != NULL && (p[1] != ' ' || p[2] == 'Z' || p[2] == 'X'))
			p = NULL;
		for (field = 2; p != NULL && field < 22; field++)
			p = strchr(p + 1, ' ');
		if (p != NULL)
			ticks = strtoull(p + 1, NULL, 10);
	}
	buf_free(&text);
	return ticks;
}

static bool
is_same_boot(const struct table *t)
{
	struct buf text = { 0 };
	bool same = false;

	if (file_read_follow_at(
		AT_FDCWD, "/proc/sys/kernel/random/boot_id", STAT_MAX, &text) == 0) {
		if (text.len > 0 && text.data[text.len - 1] == '\n')
			buf_truncate(&text, text.len - 1);
		same = text.len < sizeof(t->boot_id) &&
		       strncmp(buf_str(&text), t->boot_id, sizeof(t->boot_id)) == 0;
	}
	buf_free(&text);
	return same;
}

static void
take_slot(struct record *rec, const struct table_slot *s)
{
	struct recorded *r;
	bool known = false;
	size_t i;

	if (s->state == SLOT_FREE)
		return;
	rec->v = xreallocarray(rec->v, rec->n + 1, sizeof(*rec->v));
	r = &rec->v[rec->n++];
	memset(r, 0, sizeof(*r));
	memcpy(r->unit, s->unit, sizeof(r->unit) - 1);
	for (i = 0; i < sizeof(s->invocation); i++)
		known = known || s->invocation[i] != 0;
	hex_encode(r->invocation, s->invocation, sizeof(s->invocation));
	if (!known)
		r->invocation[0] = '\0';
	for (i = 0; i < PROC_N; i++)
		if (s->proc[i].state == TPROC_RUNNING ||
		    s->proc[i].state == TPROC_FORKING) {
			r->proc[i].pid = s->proc[i].pid;
			r->proc[i].start_ticks = s->proc[i].start_ticks;
		}
}

/* Slot by slot; most were never used, and of those the state is enough. */
static int
read_slots(struct record *rec, int fd, const struct table *t)
{
	struct table_slot *s = xcalloc(1, sizeof(*s));
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < t->nslots; i++) {
		off_t at = (off_t)(t->slots_at + (uint64_t)i * sizeof(*s));

		if (pread(fd, &s->state, sizeof(s->state), at) != sizeof(s->state))
			r = -1;
		else if (s->state != SLOT_FREE &&
			 pread(fd, s, sizeof(*s), at) != (ssize_t)sizeof(*s))
			r = -1;
		else
			take_slot(rec, s);
	}
	free(s);
	return r;
}

/* Read and not mapped: its owner may be somebody else, and cut or change it meanwhile.
 * 1: read, 0: nothing there, -1: why. */
static int
read_table(const struct ctl *ctl, struct record *rec, struct buf *why)
{
	char *path = ctl_run_path(ctl, "table");
	struct table *t = xcalloc(1, sizeof(*t));
	const char *invalid;
	struct stat st;
	int r = -1;
	int fd = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);

	if (fd == -1) {
		r = errno == ENOENT ? 0 : -1;
		goto out;
	}
	if (fstat(fd, &st) == -1)
		goto out;
	if (!client_may_trust(&ctl->in, st.st_uid, geteuid())) {
		buf_addf(why, "%s belongs to uid %lu: not used", path,
		    (unsigned long)st.st_uid);
		goto out;
	}
	if (!S_ISREG(st.st_mode) || pread(fd, t, sizeof(*t), 0) != (ssize_t)sizeof(*t)) {
		buf_addf(why, "%s is damaged: too short", path);
		goto out;
	}
	invalid = table_invalid(t, (uint64_t)st.st_size);
	if (invalid != NULL) {
		buf_addf(why, "%s cannot be used: %s", path, invalid);
		goto out;
	}
	rec->owner = st.st_uid;
	r = is_same_boot(t) ? 1 : 0;
	if (r == 1 && read_slots(rec, fd, t) == -1) {
		buf_addf(why, "%s is damaged: too short", path);
		r = -1;
	}
out:
	if (r == -1 && why->len == 0)
		buf_addf(why, "%s: %s", path, strerror(errno));
	fd_close(&fd);
	free(t);
	free(path);
	return r;
}

/*
 * Who wrote the table chose what is in it.  An ordinary user's supd had only processes of
 * that user: nobody can make root end another's by a table of his own.
 */
static bool
may_be_of(const struct record *rec, pid_t pid)
{
	struct stat st;
	char path[64];

	if (rec->owner == 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &st) == 0 && st.st_uid == rec->owner;
}

static char *
command_of(pid_t pid)
{
	struct buf text = { 0 };
	char path[64];
	size_t i;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (file_read_follow_at(AT_FDCWD, path, ENVIRON_MAX, &text) == -1)
		buf_clear(&text);
	while (text.len > 0 && text.data[text.len - 1] == '\0')
		buf_truncate(&text, text.len - 1);
	if (text.len > COMMAND_SHOWN)
		buf_truncate(&text, COMMAND_SHOWN);
	for (i = 0; i < text.len; i++)
		if (text.data[i] == '\0')
			text.data[i] = ' ';
	return buf_take(&text);
}

/* The slot whose invocation the process carries, NULL when it carries none of them. */
static const struct recorded *
by_environment(const struct record *rec, pid_t pid)
{
	static const char key[] = "INVOCATION_ID=";
	const struct recorded *found = NULL;
	struct buf text = { 0 };
	const char *p, *end;
	char path[64];
	size_t i;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	if (file_read_follow_at(AT_FDCWD, path, ENVIRON_MAX, &text) == -1)
		buf_clear(&text);
	end = buf_str(&text) + text.len;
	for (p = buf_str(&text); p < end && found == NULL; p += strlen(p) + 1) {
		if (strncmp(p, key, sizeof(key) - 1) != 0)
			continue;
		for (i = 0; i < rec->n && found == NULL; i++)
			if (rec->v[i].invocation[0] != '\0' &&
			    strcmp(rec->v[i].invocation, p + sizeof(key) - 1) == 0)
				found = &rec->v[i];
	}
	buf_free(&text);
	return found;
}

static const struct recorded *
by_pid(const struct record *rec, pid_t pid, uint64_t ticks)
{
	size_t i, k;

	for (i = 0; i < rec->n; i++)
		for (k = 0; k < PROC_N; k++)
			if (rec->v[i].proc[k].pid == pid &&
			    rec->v[i].proc[k].start_ticks == ticks)
				return &rec->v[i];
	return NULL;
}

static void
look_at(const struct record *rec, pid_t pid, struct survivors *out)
{
	uint64_t ticks = start_ticks_of(pid);
	const struct recorded *r = by_pid(rec, pid, ticks);
	bool main = r != NULL;
	struct survivor *s;

	if (ticks == 0 || !may_be_of(rec, pid))
		return;
	if (r == NULL)
		r = by_environment(rec, pid);
	/* Read again: what was read in between may have been of another process. */
	if (r == NULL || pid == getpid() || start_ticks_of(pid) != ticks)
		return;
	out->v = xreallocarray(out->v, out->n + 1, sizeof(*out->v));
	s = &out->v[out->n++];
	s->pid = pid;
	s->start_ticks = ticks;
	s->main = main;
	s->unit = xstrdup(r->unit);
	s->command = command_of(pid);
}

int
survivors_find(const struct ctl *ctl, struct survivors *out, struct buf *why)
{
	struct record rec = { 0 };
	struct dirent *d;
	uint64_t pid;
	DIR *proc;
	int r = read_table(ctl, &rec, why);

	memset(out, 0, sizeof(*out));
	if (r != 1 || rec.n == 0)
		goto out;
	proc = opendir("/proc");
	if (proc == NULL) {
		buf_addf(why, "/proc: %s", strerror(errno));
		r = -1;
		goto out;
	}
	while ((d = readdir(proc)) != NULL)
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' &&
		    number_parse(d->d_name, INT32_MAX, &pid) == 0)
			look_at(&rec, (pid_t)pid, out);
	closedir(proc);
out:
	free(rec.v);
	return r == -1 ? -1 : 0;
}

void
survivors_clear(struct survivors *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		free(s->v[i].unit);
		free(s->v[i].command);
	}
	free(s->v);
	memset(s, 0, sizeof(*s));
}

int
survivor_open(const struct survivor *s)
{
	int fd = pidfd_open_(s->pid);

	if (fd != -1 && start_ticks_of(s->pid) != s->start_ticks)
		fd_close(&fd);
	return fd;
}
