/*
 * version: the numbers of all that an older or newer supd may meet: the messages of a
 * role that still ran, the files in run/ and the snapshot.  Each says what wrote it and
 * the oldest build that can use it, so that an upgrade can be taken back; what a build
 * cannot use it refuses and leaves alone.  libc only.
 */
#ifndef SUPD_PROTO_VERSION_H
#define SUPD_PROTO_VERSION_H

#include <stdint.h>

/* `make VARIANT=tomorrow' builds what comes after this one: a test goes there and back.
 */
#ifndef SUPD_AHEAD
#define SUPD_AHEAD 0
#endif

enum {
	/* Goes up with a new row that an old peer must know. */
	PROTO_VERSION = 5 + SUPD_AHEAD,

	/* Each goes up with what is new in it; READABLE_BY, when older builds cannot use
	 * it any more; READS_FROM, when we cannot use that of older builds. */
	TABLE_VERSION = 5 + SUPD_AHEAD,
	TABLE_READABLE_BY = 5,
	TABLE_READS_FROM = 5,
	RING_VERSION = 1 + SUPD_AHEAD,
	RING_READABLE_BY = 1,
	RING_READS_FROM = 1,
	STORE_VERSION = 1 + SUPD_AHEAD,
	STORE_READABLE_BY = 1,
	STORE_READS_FROM = 1,
	BUDGETS_VERSION = 1 + SUPD_AHEAD,
	BUDGETS_READABLE_BY = 1,
	BUDGETS_READS_FROM = 1,
	MARKS_VERSION = 1 + SUPD_AHEAD,
	MARKS_READABLE_BY = 1,
	MARKS_READS_FROM = 1,
};

/* May this build, of number ours, use what a build of number version wrote? */
static inline int
version_fits(uint32_t version, uint32_t readable_by, uint32_t ours, uint32_t reads_from)
{
	if (version > ours)
		return readable_by != 0 && readable_by <= ours;
	return version >= reads_from;
}

#endif
