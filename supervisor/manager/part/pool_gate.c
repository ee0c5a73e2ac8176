#include "manager/part/pool_gate.h"

#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/hostload.h"
#include "unit/conf.h"
#include "unit/span.h"

static void
put_centi(struct buf *b, uint64_t centi)
{
	buf_addf(b, "%u.%02u", (unsigned)(centi / 100), (unsigned)(centi % 100));
}

static bool
load_is_fine(
    const struct pool_load *max, const struct pool_gate_world *w, struct buf *why)
{
	uint64_t limit = max->centi;

	if (max->of_processors)
		limit = limit * w->processors / 100;
	if (max->centi == 0 || !w->has_load || w->load_centi <= limit)
		return true;
	buf_adds(why, "the load is ");
	put_centi(why, w->load_centi);
	buf_adds(why, ", more than ");
	put_centi(why, limit);
	buf_adds(why, " (MaxLoad=)");
	return false;
}

static bool
memory_is_fine(
    const struct pool_memory *min, const struct pool_gate_world *w, struct buf *why)
{
	uint64_t limit = min->bytes;

	/* (A share of what fits into memory fits, too.) */
	if (min->permyriad != 0)
		limit = w->memory_total / 10000 * min->permyriad;
	if (limit == 0 || !w->has_memory || w->memory_available >= limit)
		return true;
	buf_adds(why, "there are ");
	size_format(why, w->memory_available >> 20 << 20);
	buf_adds(why, " of memory, less than ");
	size_format(why, limit >> 20 > 0 ? limit >> 20 << 20 : limit);
	buf_adds(why, " (MinMemoryAvailable=)");
	return false;
}

static bool
pressure_is_fine(
    const struct pool_pressure *max, const struct pool_gate_world *w, struct buf *why)
{
	static const char *const what[POOL_NPRESSURES] = {
		[POOL_PRESSURE_CPU] = "a processor",
		[POOL_PRESSURE_MEMORY] = "memory",
		[POOL_PRESSURE_IO] = "a disk",
	};

	for (int i = 0; i < POOL_NPRESSURES; i++) {
		if (max[i].window_s == 0 || !w->has_pressure[i] ||
		    w->pressure_permyriad[i] <= max[i].permyriad)
			continue;
		buf_addf(why, "something waits for %s ", what[i]);
		put_centi(why, w->pressure_permyriad[i]);
		buf_adds(why, "% of the time, more than ");
		put_centi(why, max[i].permyriad);
		buf_adds(why, "% (MaxPressure=)");
		return false;
	}
	return true;
}

bool
pool_gate_is_open(
    const struct pool_conf *c, const struct pool_gate_world *w, struct buf *why)
{
	return load_is_fine(&c->max_load, w, why) &&
	       memory_is_fine(&c->min_memory, w, why) &&
	       pressure_is_fine(c->max_pressure, w, why);
}

bool
pool_gate_look(const struct pool_conf *c, struct buf *why)
{
	struct pool_gate_world w = { .processors = 1 };
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (processors > 0)
		w.processors = (unsigned)processors;
	if (c->max_load.centi != 0)
		w.has_load = hostload_average(&w.load_centi) == 0;
	if (c->min_memory.bytes != 0 || c->min_memory.permyriad != 0)
		w.has_memory = hostload_memory(&w.memory_available, &w.memory_total) == 0;
	for (int i = 0; i < POOL_NPRESSURES; i++)
		if (c->max_pressure[i].window_s != 0)
			w.has_pressure[i] = hostload_pressure(pool_pressure_name(i),
						c->max_pressure[i].window_s,
						&w.pressure_permyriad[i]) == 0;
	return pool_gate_is_open(c, &w, why);
}
