/* budget_int: what budget.c and budget_memory.c share.  Nobody else includes it. */
#ifndef SUPD_MANAGER_SESSION_BUDGET_INT_H
#define SUPD_MANAGER_SESSION_BUDGET_INT_H

#include "manager/session/budget.h"

struct budget_counter {
	char *name;
	uint64_t last;
	uint64_t order; /* the higher, the later it was used */
	enum budget_kind kind;
	bool of_run;
};

struct budget {
	const struct budget_conf *conf;
	const struct budget_ops *ops;
	void *arg;

	struct budget_period period; /* that begin and end are of */
	uint64_t begin_us, end_us;   /* wall clock; 0: not begun */
	uint64_t used[BUDGET_NKINDS];
	uint64_t base[BUDGET_NKINDS]; /* used before the last release */
	uint32_t warned, up;          /* by kind */

	bool running;
	uint64_t counted_us; /* monotonic: run time is in used up to here */
	char *invocation;    /* the newest that ran; "": none */

	struct budget_counter *counters;
	size_t n_counters;
	uint64_t order;
};

#endif
