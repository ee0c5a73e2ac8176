/*
 * ring_trim: apart from the rest of the ring, which init's allow-list covers: this asks
 * the kernel for something.
 */
#include <sys/mman.h>

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
