/*
 * keep: see the header.
 */
#include "terminal/keep.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/xalloc.h"

enum {
	KEEP_MAGIC = 0x4b445553, /* "SUDK" */
	KEEP_VERSION = 1,
	HEAD_BYTES = 4096,
	FILE_BYTES = HEAD_BYTES + 2 * KEEP_HALF_BYTES,
	FILE_MODE = 0600,
};

struct keep {
	int fd;
	struct keep_head *head; /* the whole file, mapped */
	uint32_t room[2];       /* bytes of each half that have memory */
};

static char *
half_at(const struct keep *k, uint32_t which)
{
	return (char *)k->head + HEAD_BYTES + (size_t)(which & 1) * KEEP_HALF_BYTES;
}

static void
path_of(char *path, size_t size, uint32_t slot)
{
	snprintf(path, size, "term/%u", slot);
}

/* Memory for the half up to so many bytes.  -1 with errno. */
static int
make_room(struct keep *k, uint32_t which, size_t upto)
{
	size_t have = k->room[which], want;

	if (upto > KEEP_HALF_BYTES) {
		errno = EFBIG;
		return -1;
	}
	if (upto <= have)
		return 0;
	want = (upto + KEEP_STEP - 1) / KEEP_STEP * KEEP_STEP;
	if (want > KEEP_HALF_BYTES)
		want = KEEP_HALF_BYTES;
	if (file_allocate(k->fd, HEAD_BYTES + (uint64_t)which * KEEP_HALF_BYTES + have,
		want - have) == -1)
		return -1;
	k->room[which] = (uint32_t)want;
	return 0;
}

static void
give_back(struct keep *k, uint32_t which)
{
	(void)fallocate(k->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    HEAD_BYTES + (off_t)which * KEEP_HALF_BYTES, KEEP_HALF_BYTES);
	k->room[which] = 0;
}

/* What a role that was killed had taken and not counted: the file is all zero behind what
 * counts. */
static void
count_uncounted(struct keep *k)
{
	struct keep_half *h = keep_half(k);
	const char *p = half_at(k, k->head->which);
	size_t at = (size_t)h->draw_len + h->raw_len;

	while (at < k->room[k->head->which & 1] && h->raw_len < KEEP_RAW_MAX &&
	       p[at] != '\0') {
		at++;
		h->raw_len++;
	}
}

static bool
is_of(struct keep *k, const uint8_t invocation[16])
{
	const struct keep_head *h = k->head;
	const struct keep_half *half;

	if (h->magic != KEEP_MAGIC || h->version != KEEP_VERSION || h->which > 1 ||
	    memcmp(h->invocation, invocation, sizeof(h->invocation)) != 0)
		return false;
	half = &h->half[h->which];
	return half->raw_len <= KEEP_RAW_MAX &&
	       half->draw_len <= KEEP_HALF_BYTES - KEEP_RAW_MAX &&
	       keep_logged(half) <= half->raw_len && half->settled <= half->raw_len;
}

static int
map_file(struct keep *k)
{
	struct stat st;
	void *p;

	if (fstat(k->fd, &st) == -1)
		return -1;
	if (st.st_size != FILE_BYTES && ftruncate(k->fd, FILE_BYTES) == -1)
		return -1;
	if (file_allocate(k->fd, 0, HEAD_BYTES) == -1)
		return -1;
	p = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
	if (p == MAP_FAILED)
		return -1;
	k->head = p;
	return 0;
}

struct keep *
keep_open(int run_fd, uint32_t slot, const uint8_t invocation[16], uint16_t rows,
    uint16_t cols, bool *found)
{
	struct keep *k = xcalloc(1, sizeof(*k));
	char path[32];

	path_of(path, sizeof(path), slot);
	k->fd = open_at(run_fd, path, O_RDWR | O_CREAT, FILE_MODE);
	if (k->fd == -1 || map_file(k) == -1) {
		int err = errno;

		fd_close(&k->fd);
		free(k);
		errno = err;
		return NULL;
	}
	*found = is_of(k, invocation);
	if (*found) {
		const struct keep_half *h = keep_half(k);

		/* (That it has memory already costs nothing to ask for again.) */
		if (make_room(k, k->head->which,
			(size_t)h->draw_len + h->raw_len + KEEP_STEP) == -1)
			*found = make_room(k, k->head->which,
				     (size_t)h->draw_len + h->raw_len) == 0;
	}
	if (*found) {
		count_uncounted(k);
		/* A role that was killed while it began one left bytes in the other half:
		 * behind what is put there next they would be counted. */
		give_back(k, k->head->which ^ 1);
		return k;
	}
	give_back(k, 0);
	give_back(k, 1);
	memset(k->head, 0, sizeof(*k->head));
	memcpy(k->head->invocation, invocation, sizeof(k->head->invocation));
	k->head->version = KEEP_VERSION;
	k->head->half[0].rows = rows;
	k->head->half[0].cols = cols;
	k->head->magic = KEEP_MAGIC;
	return k;
}

void
keep_close(struct keep *k)
{
	if (k == NULL)
		return;
	munmap(k->head, FILE_BYTES);
	fd_close(&k->fd);
	free(k);
}

void
keep_remove(int run_fd, uint32_t slot)
{
	char path[32];

	path_of(path, sizeof(path), slot);
	(void)unlinkat(run_fd, path, 0);
}

struct keep_head *
keep_head(struct keep *k)
{
	return k->head;
}

struct keep_half *
keep_half(struct keep *k)
{
	return &k->head->half[k->head->which & 1];
}

const char *
keep_draw(const struct keep *k)
{
	return half_at(k, k->head->which);
}

const char *
keep_raw(const struct keep *k)
{
	return half_at(k, k->head->which) + k->head->half[k->head->which & 1].draw_len;
}

char *
keep_room(struct keep *k, size_t *n)
{
	struct keep_half *h = keep_half(k);
	uint32_t which = k->head->which & 1;
	size_t at = (size_t)h->draw_len + h->raw_len, left = KEEP_RAW_MAX - h->raw_len;

	*n = 0;
	if (left == 0 || make_room(k, which, at + 1) == -1)
		return NULL;
	*n = k->room[which] - at < left ? k->room[which] - at : left;
	return half_at(k, which) + at;
}

void
keep_added(struct keep *k, size_t n)
{
	keep_half(k)->raw_len += (uint32_t)n;
}

int
keep_begin(struct keep *k, const char *draw, size_t len, uint16_t rows, uint16_t cols)
{
	uint32_t which = (k->head->which & 1) ^ 1;
	struct keep_half *h = &k->head->half[which];

	/* A picture that is too large is left out: the screen begins blank. */
	if (len > KEEP_HALF_BYTES - KEEP_RAW_MAX - KEEP_STEP)
		len = 0;
	if (make_room(k, which, len + KEEP_STEP) == -1) {
		give_back(k, which);
		return -1;
	}
	memcpy(half_at(k, which), draw, len);
	*h = (struct keep_half){ .draw_len = (uint32_t)len, .rows = rows, .cols = cols };
	__atomic_store_n(&k->head->which, which, __ATOMIC_SEQ_CST);
	give_back(k, which ^ 1);
	return 0;
}

void
keep_trim(struct keep *k)
{
	const struct keep_half *h = keep_half(k);
	uint32_t which = k->head->which & 1, page = (uint32_t)sysconf(_SC_PAGESIZE);
	uint32_t used = (h->draw_len + h->raw_len + page - 1) / page * page;

	if (used >= k->room[which])
		return;
	(void)fallocate(k->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    HEAD_BYTES + (off_t)which * KEEP_HALF_BYTES + used, k->room[which] - used);
	k->room[which] = used;
}
