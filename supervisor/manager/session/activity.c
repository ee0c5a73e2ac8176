#include "manager/session/activity.h"

#include "lib/clock.h"
#include "lib/json.h"

uint64_t
activity_wall_us(const char *data, size_t len, uint64_t mtime_wall_us)
{
	uint64_t wall_us = mtime_wall_us;
	struct jv *v = len > 0 ? jv_parse(data, len, NULL) : NULL;
	const char *text = jv_str(jv_get(v, "timestamp"), NULL);

	if (text == NULL || clock_parse(text, &wall_us) == -1)
		wall_us = mtime_wall_us;
	jv_free(v);
	return wall_us;
}

uint64_t
activity_interval_us(const struct heartbeat_conf *c, uint64_t age_us)
{
	size_t i = 0;

	if (c->n_tiers == 0)
		return c->interval_us > 0 ? c->interval_us : UNIT_INFINITY;
	while (age_us != UNIT_INFINITY && i + 1 < c->n_tiers &&
	       age_us >= c->tiers[i + 1].idle_us)
		i++;
	return c->tiers[i].interval_us > 0 ? c->tiers[i].interval_us : UNIT_INFINITY;
}
