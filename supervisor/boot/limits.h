/*
 * limits: how supd protects itself, and what its children get back.
 */
#ifndef SUPD_BOOT_LIMITS_H
#define SUPD_BOOT_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

struct table;

enum {
	LIMITS_SLOT_FDS = 6, /* descriptors that a running service costs init */
	LIMITS_OWN_FDS = 128,
	LIMITS_MIN_FDS = 96, /* below it not even one service can run */
};

/* What was found at the start, before anything is changed. */
struct limits {
	uint64_t nofile_soft, nofile_hard; /* originals */
	uint64_t nofile;                   /* in force now */
	int oom_adjust;                    /* original */
};

/* Raise the descriptor limit towards what max_slots need. */
void limits_raise(struct limits *l, uint32_t max_slots);
/* Is it enough to run at all?  False: reported, with the number. */
bool limits_suffice(const struct limits *l);
/* Slots that the descriptor limit allows, at most max_slots, at least 1. */
uint32_t limits_slots(const struct limits *l, uint32_t max_slots);
/* Make the kernel prefer others when memory runs out. */
void limits_protect(void);
void limits_store(const struct limits *l, struct table *t);

#endif
