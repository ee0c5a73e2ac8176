/*
 * tag: the mark by which descendants of an invocation are found where it has no cgroup:
 * a limit (RLIMIT_RTTIME, of no meaning for what has no real-time priority) that setsid,
 * a cleared environment and exec all leave as it is.  libc only.
 */
#ifndef SUPD_PROTO_TAG_H
#define SUPD_PROTO_TAG_H

#include <stdint.h>

/* Half a century of CPU time in microseconds, and 48 bits of the invocation. */
static inline uint64_t
svc_tag(const uint8_t invocation[16])
{
	uint64_t bits = 0;

	for (int i = 0; i < 6; i++)
		bits = bits << 8 | invocation[i];
	return UINT64_C(1) << 52 | bits;
}

#endif
