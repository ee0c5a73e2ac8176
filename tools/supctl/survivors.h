/*
 * survivors: the processes of services that outlived all of supd.
 *
 * Their memory is run/table.  A process is one of them only if pid, start time and boot
 * are those recorded there, or if it carries the invocation of a slot in its environment
 * (a child of a service).  It is signaled only through a descriptor that was checked
 * after it was opened, so never a stranger that got the same number.
 */
#ifndef SUPD_SUPCTL_SURVIVORS_H
#define SUPD_SUPCTL_SURVIVORS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct ctl;

struct survivor {
	pid_t pid;
	uint64_t start_ticks;
	bool main; /* recorded by pid, not found by its environment */
	char *unit;
	char *command;
};

struct survivors {
	struct survivor *v;
	size_t n;
};

/* 0, also when there is no table; -1 with a sentence in why when it cannot be used. */
int survivors_find(const struct ctl *ctl, struct survivors *out, struct buf *why);
void survivors_clear(struct survivors *s);
/* A descriptor for exactly that process, -1 when it is gone. */
int survivor_open(const struct survivor *s);

#endif
