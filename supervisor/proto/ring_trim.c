/*
 * ring_trim: apart from the rest of the ring, which init's allow-list covers: this asks
 * the kernel for something.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include "proto/ring.h"

void
ring_trim(struct ring *r, uint64_t *trimmed)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), used, end;

	if (head - *trimmed < RING_TRIM_BYTES ||
	    atomic_load_explicit(&r->tail, memory_order_acquire) != head)
		return;
	*trimmed = head;
	/* All but the page of the head and the one that is written next. */
	used = (offsetof(struct ring, data) + head % r->size) / page * page;
	end = (offsetof(struct ring, data) + r->size) / page * page;
	if (used > page)
		(void)madvise((char *)r + page, used - page, MADV_REMOVE);
	if (end > used + page)
		(void)madvise((char *)r + used + page, end - used - page, MADV_REMOVE);
}

static int
allocate(int fd, uint64_t at, uint64_t n)
{
	int r;

	if (n == 0)
		return 0;
	do
		r = fallocate(fd, 0, (off_t)(offsetof(struct ring, data) + at), (off_t)n);
	while (r == -1 && errno == EINTR);
	return r == -1 && errno != EOPNOTSUPP && errno != ENOSYS ? -1 : 0;
}

int
ring_make_room(struct ring *r, int fd, uint64_t *room)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t n = RING_TRIM_BYTES / 2, at = head % r->size, first;

	/* The longest record, and what it leaves at the end of the ring. */
	if (head + 2 * (RING_LINE_MAX + sizeof(struct ring_record) + 8) <= *room)
		return 0;
	if (n > r->size)
		n = r->size;
	first = n < r->size - at ? n : r->size - at;
	if (allocate(fd, at, first) == -1 || allocate(fd, 0, n - first) == -1)
		return -1;
	*room = head + n;
	return 0;
}
