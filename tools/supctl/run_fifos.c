/* run_fifos: see the header.  Once the folder is there all goes by its descriptor. */
#include "run_fifos.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"

const char *const fifos_names[N_STREAMS] = { "in", "out", "err" };

/* The link on its way to one of these names. */
static const char null_name[] = "null";

/* Ours alone: until it is given away, whoever owns the run folder can put another in its
 * place, but cannot change what is in it. */
static int
make_folder(struct fifos *f)
{
	struct stat st;

	snprintf(f->name, sizeof(f->name), "pipe.%08x%08x", arc4random(), arc4random());
	if (mkdirat(f->run_fd, f->name, 0700) == -1) {
		f->name[0] = '\0';
		return -1;
	}
	f->dir_fd = open_dir_at(f->run_fd, f->name);
	if (f->dir_fd == -1 || fstat(f->dir_fd, &st) == -1)
		return -1;
	if (st.st_uid != geteuid() || (st.st_mode & 0777) != 0700) {
		/* It is not the one that was made, and none of ours to clear up. */
		fd_close(&f->dir_fd);
		errno = EPERM;
		return -1;
	}
	return flock(f->dir_fd, LOCK_SH | LOCK_NB);
}

/* The reader first: then no end waits for the other. */
static int
make_fifo(struct fifos *f, int i)
{
	const char *name = fifos_names[i];

	if (mkfifoat(f->dir_fd, name, 0600) == -1)
		return -1;
	f->rd[i] = open_at(f->dir_fd, name, O_RDONLY | O_NONBLOCK, 0);
	if (f->rd[i] == -1)
		return -1;
	f->wr[i] = open_at(f->dir_fd, name, O_WRONLY, 0);
	return f->wr[i] == -1 ? -1 : 0;
}

/* The folder last: with it the owner can change what is in it. */
static int
give_away(const struct fifos *f, uid_t owner)
{
	for (int i = 0; i < N_STREAMS; i++)
		if (fchown(f->rd[i], owner, (gid_t)-1) == -1)
			return -1;
	return fchown(f->dir_fd, owner, (gid_t)-1);
}

static int
make(struct fifos *f, const char *run)
{
	struct stat st;

	f->run_fd = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->run_fd == -1 || fstat(f->run_fd, &st) == -1 || make_folder(f) == -1)
		return -1;
	for (int i = 0; i < N_STREAMS; i++)
		if (make_fifo(f, i) == -1)
			return -1;
	return geteuid() == 0 && st.st_uid != 0 ? give_away(f, st.st_uid) : 0;
}

int
fifos_make(struct fifos *f, const char *run)
{
	int err;

	memset(f, 0, sizeof(*f));
	f->run_fd = f->dir_fd = -1;
	for (int i = 0; i < N_STREAMS; i++)
		f->rd[i] = f->wr[i] = -1;
	if (make(f, run) == 0)
		return 0;
	err = errno;
	fifos_remove(f);
	fifos_close(f);
	errno = err;
	return -1;
}

void
fifos_retire(const struct fifos *f, int i)
{
	if (symlinkat("/dev/null", f->dir_fd, null_name) == -1)
		return;
	if (renameat(f->dir_fd, null_name, f->dir_fd, fifos_names[i]) == -1)
		(void)unlinkat(f->dir_fd, null_name, 0);
}

void
fifos_remove(struct fifos *f)
{
	if (f->name[0] == '\0')
		return;
	for (int i = 0; i < N_STREAMS && f->dir_fd != -1; i++)
		(void)unlinkat(f->dir_fd, fifos_names[i], 0);
	if (f->dir_fd != -1)
		(void)unlinkat(f->dir_fd, null_name, 0);
	(void)unlinkat(f->run_fd, f->name, AT_REMOVEDIR);
}

void
fifos_close(struct fifos *f)
{
	for (int i = 0; i < N_STREAMS; i++) {
		fd_close(&f->rd[i]);
		fd_close(&f->wr[i]);
	}
	fd_close(&f->dir_fd);
	fd_close(&f->run_fd);
	f->name[0] = '\0';
}
