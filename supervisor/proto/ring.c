/*
 * The event ring.  Each side may die at any instruction: a record exists once head
 * moved, and head moves after the record is whole.  The reader believes nothing that it
 * finds, because the memory may be older than the program.
 */
#include "proto/ring.h"

#include <stddef.h>
#include <string.h>

static uint64_t
aligned(uint64_t n)
{
	return (n + 7) & ~(uint64_t)7;
}

void
ring_init(struct ring *r, uint64_t total_bytes)
{
	memset(r, 0, offsetof(struct ring, data));
	r->size = (total_bytes - offsetof(struct ring, data)) & ~(uint64_t)7;
	ring_sign(r);
	r->magic = RING_MAGIC;
}

int
ring_valid(const struct ring *r, uint64_t total_bytes)
{
	uint64_t head, tail;

	if (total_bytes < offsetof(struct ring, data) + 2 * RING_LINE_MAX)
		return 0;
	if (r->magic != RING_MAGIC ||
	    !version_fits(r->version, r->readable_by, RING_VERSION, RING_READS_FROM) ||
	    r->size % 8 != 0 || r->size < 2 * RING_LINE_MAX ||
	    r->size > total_bytes - offsetof(struct ring, data))
		return 0;
	head = atomic_load_explicit(&r->head, memory_order_acquire);
	tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	return head % 8 == 0 && tail % 8 == 0 && tail <= head && head - tail <= r->size;
}

void
ring_sign(struct ring *r)
{
	r->version = RING_VERSION;
	r->readable_by = RING_READABLE_BY;
}

int
ring_put(struct ring *r, uint64_t seq, uint32_t flags, const char *line, uint32_t len)
{
	struct ring_record rec = { len, flags & ~(uint32_t)RING_PAD, seq };
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
	uint64_t need = aligned(sizeof(rec) + len), at = head % r->size, pad = 0;

	/* A record is never folded: what does not fit before the end starts again at 0.
	 * Less than a head is left over without a mark, ring_next knows. */
	if (need > r->size - at)
		pad = r->size - at;
	if (len == 0 || len > RING_LINE_MAX || pad + need > r->size - (head - tail)) {
		atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
		return -1;
	}
	if (pad >= sizeof(rec)) {
		struct ring_record skip = { (uint32_t)(pad - sizeof(rec)), RING_PAD,
			seq };

		memcpy(r->data + at, &skip, sizeof(skip));
	}
	at = (head + pad) % r->size;
	memcpy(r->data + at, &rec, sizeof(rec));
	memcpy(r->data + at + sizeof(rec), line, len);
	memset(r->data + at + sizeof(rec) + len, 0, need - sizeof(rec) - len);
	atomic_store_explicit(&r->seq_written, seq, memory_order_release);
	atomic_store_explicit(&r->head, head + pad + need, memory_order_release);
	return 0;
}

const struct ring_record *
ring_next(const struct ring *r, uint64_t *at)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);

	while (*at < head && *at % 8 == 0) {
		uint64_t pos = *at % r->size, room = r->size - pos;
		const struct ring_record *rec;
		uint64_t need;

		if (room < sizeof(*rec)) {
			*at += room;
			continue;
		}
		rec = (const struct ring_record *)(const void *)(r->data + pos);
		need = aligned(sizeof(*rec) + (uint64_t)rec->len);
		if (need > room || need > head - *at)
			return NULL;
		if ((rec->flags & RING_PAD) != 0) {
			*at += room;
			continue;
		}
		if (rec->len == 0 || rec->len > RING_LINE_MAX)
			return NULL;
		*at += need;
		return rec;
	}
	return NULL;
}
