#include "boot/memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boot/revive.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "proto/ring.h"
#include "proto/table.h"

enum { MEMORY_MODE = 0600, RING_BYTES_MIN = 64 * 1024 };

static void *
map_file(int fd, uint64_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

void
memory_boot_id(char *dst, size_t size)
{
	struct buf b = { 0 };

	memset(dst, 0, size);
	if (file_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 64, &b) == 0) {
		size_t n = strcspn(buf_str(&b), "\n");

		memcpy(dst, buf_str(&b), n < size ? n : size - 1);
	}
	buf_free(&b);
}

/*
 * A new file of that size under a temporary name, mapped; it gets its name when it is
 * complete.  The first bytes of it get their room now: a tmpfs may be filled by anybody
 * later, and then the first touch of a page is a SIGBUS.
 */
static void *
make_file(int run_fd, const char *tmp, uint64_t bytes, uint64_t first, int *fd)
{
	void *p = NULL;

	(void)unlinkat(run_fd, tmp, 0);
	*fd = open_at(run_fd, tmp, O_RDWR | O_CREAT | O_EXCL, MEMORY_MODE);
	if (*fd == -1)
		return NULL;
	if (ftruncate(*fd, (off_t)bytes) == 0 && file_allocate(*fd, 0, first) == 0)
		p = map_file(*fd, bytes);
	if (p == NULL) {
		int err = errno;

		fd_close(fd);
		(void)unlinkat(run_fd, tmp, 0);
		errno = err;
	}
	return p;
}

static int
table_make(struct memory *m, int run_fd, uint32_t nslots)
{
	m->table_bytes = table_bytes(nslots);
	/* A slot gets its room when it is opened, a carry when something lies in it,
	 * and so on. */
	m->table = make_file(run_fd, "table.new", m->table_bytes,
	    offsetof(struct table, stored), &m->table_fd);
	if (m->table == NULL) {
		log_warn("run/table of %u slots", nslots);
		return -1;
	}
	table_init(m->table, nslots);
	m->table->start_wall_us = clock_wall_us();
	memory_boot_id(m->table->boot_id, sizeof(m->table->boot_id));
	if (renameat(run_fd, "table.new", run_fd, "table") == -1) {
		log_warn("run/table");
		return -1;
	}
	return 0;
}

/* The log pipes of a service stay until it has ended and its log is complete. */
static bool
has_pipes(int run_fd)
{
	DIR *d = dir_open_at(run_fd, "fifo");
	const struct dirent *e;
	bool yes = false;

	if (d == NULL)
		return false;
	while (!yes && (e = readdir(d)) != NULL)
		yes = e->d_name[0] != '.';
	closedir(d);
	return yes;
}

/* What it knew may be running: a new table would start all of it a second time. */
static int
refuse_table(const char *why)
{
	log_warnx("run/table is %s, and services that it knows may be running; start the "
		  "supd that made it, or end them by hand and remove run/table",
	    why);
	return -1;
}

/* Only a table that is one says so; what was damaged may be of this boot. */
static bool
is_of_another_boot(const struct table *t, const char *boot_id)
{
	return t->magic == TABLE_MAGIC &&
	       memchr(t->boot_id, '\0', sizeof(t->boot_id)) != NULL &&
	       strspn(t->boot_id, "0123456789abcdef-") == strlen(boot_id) &&
	       strlen(t->boot_id) == strlen(boot_id) && strcmp(boot_id, t->boot_id) != 0;
}

/* 1: taken over, 0: there is nothing to take over, -1: reported. */
static int
table_take(struct memory *m, int run_fd)
{
	char boot_id[sizeof(m->table->boot_id)];
	const char *bad = NULL;
	struct stat st;
	int fd = open_at(run_fd, "table", O_RDWR, 0);

	if (fd == -1)
		return 0;
	memory_boot_id(boot_id, sizeof(boot_id));
	if (fstat(fd, &st) == -1 || (uint64_t)st.st_size < sizeof(struct table)) {
		close(fd);
		return has_pipes(run_fd) ? refuse_table("cut off") : 0;
	}
	m->table_bytes = (uint64_t)st.st_size;
	m->table = map_file(fd, m->table_bytes);
	if (m->table == NULL) {
		log_warn("run/table");
		close(fd);
		return -1;
	}
	bad = table_invalid(m->table, m->table_bytes);
	if (bad == NULL && strcmp(boot_id, m->table->boot_id) == 0 &&
	    revive_has_slots(m->table)) {
		m->table_fd = fd;
		return 1;
	}
	if (bad != NULL && m->table->magic == TABLE_MAGIC &&
	    m->table->version > TABLE_VERSION &&
	    strncmp(boot_id, m->table->boot_id, sizeof(boot_id)) == 0) {
		log_warnx("run/table is of a newer supd, whose services may be running; "
			  "start that one, or end them with `supctl shutdown --offline'");
		close(fd);
		return -1;
	}
	/* Thrown away, all that it knows would be started a second time.  (What comes
	 * before boot_id never moves.) */
	if (bad != NULL && !is_of_another_boot(m->table, boot_id) && has_pipes(run_fd)) {
		close(fd);
		return refuse_table(bad);
	}
	if (bad != NULL) {
		log_warnx("run/table is %s; kept as run/table.bad", bad);
		(void)renameat(run_fd, "table", run_fd, "table.bad");
	}
	munmap(m->table, m->table_bytes);
	m->table = NULL;
	close(fd);
	return 0;
}

static int
ring_open(struct memory *m, int run_fd, uint64_t bytes)
{
	struct ring *r = NULL;
	struct stat st;

	if (bytes < RING_BYTES_MIN)
		bytes = RING_BYTES_MIN;
	/* Events that no logger has written yet are kept over everything. */
	m->ring_fd = open_at(run_fd, "ring", O_RDWR, 0);
	if (m->ring_fd != -1 && fstat(m->ring_fd, &st) == 0 &&
	    (uint64_t)st.st_size >= sizeof(struct ring)) {
		r = map_file(m->ring_fd, (uint64_t)st.st_size);
		if (r != NULL && ring_valid(r, (uint64_t)st.st_size)) {
			munmap(r, (uint64_t)st.st_size);
			return 0;
		}
		if (r != NULL && r->magic == RING_MAGIC && r->version > RING_VERSION) {
			log_warnx("run/ring is of a newer supd and may hold events that "
				  "are in no journal yet; start that one");
			munmap(r, (uint64_t)st.st_size);
			return -1;
		}
		if (r != NULL)
			munmap(r, (uint64_t)st.st_size);
		log_warnx("run/ring cannot be used; kept as run/ring.bad, and a new one "
			  "is made");
		(void)renameat(run_fd, "ring", run_fd, "ring.bad");
	}
	fd_close(&m->ring_fd);
	r = make_file(run_fd, "ring.new", bytes, sizeof(struct ring), &m->ring_fd);
	if (r == NULL) {
		log_warn("run/ring of %llu bytes", (unsigned long long)bytes);
		return -1;
	}
	ring_init(r, bytes);
	munmap(r, bytes);
	if (renameat(run_fd, "ring.new", run_fd, "ring") == -1) {
		log_warn("run/ring");
		return -1;
	}
	return 0;
}

int
memory_open(struct memory *m, int run_fd, uint32_t nslots, uint64_t ring_bytes)
{
	int r;

	memset(m, 0, sizeof(*m));
	m->table_fd = m->ring_fd = -1;
	r = table_take(m, run_fd);
	if (r == -1)
		return -1;
	m->revived = r == 1;
	if (!m->revived && table_make(m, run_fd, nslots) == -1)
		return -1;
	return ring_open(m, run_fd, ring_bytes);
}
