/*
 * alert_conf: what an [Alert NAME] of supd.conf says; plain data as that of conf.h.
 */
#ifndef SUPD_UNIT_ALERT_CONF_H
#define SUPD_UNIT_ALERT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/strv.h"

enum alert_metric {
	ALERT_METRIC_NONE,
	ALERT_METRIC_QUEUED, /* services that wait for a slot of one pool */
	ALERT_METRIC_FAILED_UNITS,
	ALERT_METRIC_FAILURE_RATE, /* percent of the runs within WithinSec= */
	ALERT_METRIC_DISK_FREE,
	ALERT_METRIC_LOAD,
	ALERT_METRIC_MEMORY,
};

/* In hundredths, of percent or of whatever the metric is in. */
struct alert_limit {
	bool set, percent;
	uint64_t centi;
};

enum {
	ALERTS_MAX = 64,
	ALERT_COUNT_MAX = 1000,
};

/* One [Alert NAME]. */
struct alert_conf {
	char *name;
	uint32_t set;       /* bit n: a file assigned the nth row of [Alert] */
	bool broken;        /* it was told that it cannot be used */
	uint32_t line, col; /* of its name */

	char *event;       /* a glob; NULL: it is about a metric */
	char *unit;        /* a glob of names; NULL: any */
	struct strv match; /* FIELD=GLOB, all must */
	uint32_t count;
	uint64_t within_us;

	enum alert_metric metric;
	struct alert_limit above, below;
	char *path; /* of the disk; NULL: of the instance */
	uint64_t for_us, interval_us;

	uint64_t expire_us;
	char *start; /* a unit; NULL */
	char *exec;  /* a command line; NULL */
	uint64_t timeout_us;
};

struct alert_list {
	struct alert_conf *v;
	size_t n;
};

const char *alert_metric_name(enum alert_metric);
/* The two say the same, whatever they are called and wherever they stand. */
bool alert_conf_equal(const struct alert_conf *, const struct alert_conf *);
void alert_conf_clear(struct alert_conf *);

#endif
