/*
 * The loop of init, as its other files see it.
 */
#ifndef SUPD_INIT_LOOP_H
#define SUPD_INIT_LOOP_H

#include <stdint.h>

#include "init/core.h"

int loop_epoll_fd(void);

/* Packing of epoll_event.data. */
static inline uint64_t
watch_pack(enum watch w, uint32_t a, uint32_t b)
{
	return (uint64_t)w << 56 | (uint64_t)(b & 0xff) << 32 | a;
}

#endif
