/*
 * memory: run/table and run/ring, the memory that outlives the roles.  Made new, or taken
 * over from a dead supd (revive.c).  The caller holds the lock: nobody else has them
 * mapped for writing.
 */
#ifndef SUPD_BOOT_MEMORY_H
#define SUPD_BOOT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;
struct table;

struct memory {
	struct table *table;
	uint64_t table_bytes;
	int table_fd;
	int ring_fd;
	bool revived; /* the table knows services of a dead supd */
};

/*
 * nslots is for a new table; one that is taken over keeps its number.  -1, reported: also
 * when there is a table that a newer supd made and whose services may live, which must
 * not be forgotten.
 */
int memory_open(struct memory *m, int run_fd, uint32_t nslots, uint64_t ring_bytes);

/* The identity of this boot: after another one, no recorded process can be alive. */
void memory_boot_id(char *dst, size_t size);

#endif
