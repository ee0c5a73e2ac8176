#include "init/pids.h"

#include <stddef.h>

#include "init/core.h"

/* Open addressing, linear probing, at most half full. */
struct pid_entry {
	int32_t pid;
	uint32_t id;
};
static struct pid_entry *pids;
static uint32_t pids_mask;

int
pids_setup(void)
{
	uint32_t size = 64;

	while (size < 2 * tab->nslots * PROC_N)
		size *= 2;
	pids_mask = size - 1;
	if (pids == NULL)
		pids = storage(size * sizeof(*pids));
	return pids == NULL ? -1 : 0;
}

static uint32_t
pid_place(int32_t pid)
{
	return ((uint32_t)pid * 2654435761U) & pids_mask;
}

void
pid_set(int32_t pid, uint32_t slot, uint32_t kind)
{
	uint32_t i = pid_place(pid);

	while (pids[i].pid != 0 && pids[i].pid != pid)
		i = (i + 1) & pids_mask;
	pids[i] = (struct pid_entry){ pid, slot * PROC_N + kind };
}

uint32_t
pid_find(int32_t pid)
{
	for (uint32_t i = pid_place(pid); pids[i].pid != 0; i = (i + 1) & pids_mask) {
		if (pids[i].pid == pid)
			return pids[i].id;
	}
	return PID_UNKNOWN;
}

bool
pid_is_child(int32_t pid)
{
	uint32_t id = pid_find(pid);

	return id != PID_UNKNOWN &&
	       table_slot(tab, id / PROC_N)->proc[id % PROC_N].is_child != 0;
}

void
pid_forget(int32_t pid)
{
	uint32_t hole = pid_place(pid), i;

	while (pids[hole].pid != pid) {
		if (pids[hole].pid == 0)
			return;
		hole = (hole + 1) & pids_mask;
	}
	/* Close the gap: move up what would not be found behind it. */
	for (i = (hole + 1) & pids_mask; pids[i].pid != 0; i = (i + 1) & pids_mask) {
		uint32_t home = pid_place(pids[i].pid);

		if (((i - home) & pids_mask) < ((i - hole) & pids_mask))
			continue;
		pids[hole] = pids[i];
		hole = i;
	}
	pids[hole].pid = 0;
}
