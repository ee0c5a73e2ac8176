/*
 * phase: is the person awake?  Wake while there is activity, transitioning after some
 * time without, sleep after more; dreaming is a sleep in which something is done that is
 * done in sleep only.
 *
 * Evidence is of two kinds.  What the manager is told as it happens has an age by the
 * clock that counts the sleep of the machine, so that a clock that is set changes
 * nothing; files have the wall clock's, and one from the future is as new as can be.  The
 * youngest counts.
 *
 * Pure: the caller says what time it is, and keeps what is to survive.
 */
#ifndef SUPD_MANAGER_ACTIVATE_PHASE_H
#define SUPD_MANAGER_ACTIVATE_PHASE_H

#include <stdbool.h>
#include <stdint.h>

enum phase {
	PHASE_WAKE,
	PHASE_TRANSITIONING,
	PHASE_SLEEP,
	PHASE_DREAMING,
	PHASE_N,
};

/* "wake"; and back, -1: it is none. */
const char *phase_name(enum phase p);
int phase_by_name(const char *name);

struct phase_limits {
	uint64_t transition_us, sleep_us; /* without activity; INFINITY: never */
};

struct phase_evidence {
	bool has_event;
	int64_t event_boot_us; /* below 0: before the boot */
	bool has_file;
	uint64_t file_wall_us;
};

struct phase_now {
	uint64_t boot_us, wall_us;
};

/* How long there was none; 0 when nothing is known. */
uint64_t phase_idle_us(const struct phase_evidence *e, const struct phase_now *now);
/* The file is what the age is by. */
bool phase_is_by_file(const struct phase_evidence *e, const struct phase_now *now);
/* When an event of that wall time was, by the other clock; in the future: now. */
int64_t phase_event_at(uint64_t wall_us, const struct phase_now *now);

enum phase phase_at(const struct phase_limits *l, uint64_t idle_us, bool dreams);
/* How much more idleness makes another phase; INFINITY: none does. */
uint64_t phase_next_us(const struct phase_limits *l, uint64_t idle_us);

/* What is so in a phase is so in the one that is part of it: sleep while dreaming. */
bool phase_includes(enum phase outer, enum phase p);

#endif
