/*
 * kinds_alert: what [Alert NAME] of supd.conf says: limits, commands; and whether all of
 * it together makes sense.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xalloc.h"
#include "unit/kinds.h"
#include "unit/load.h"
#include "unit/parse.h"
#include "unit/span.h"
#include "unit/supd_conf.h"
#include "unit/verify_alert.h"

const char *const alert_metric_words[] = { "none", "queued", "failed-units",
	"failure-rate", "disk-free", "load", "memory-available", NULL };

const char *
alert_metric_name(enum alert_metric m)
{
	return m <= ALERT_METRIC_MEMORY ? alert_metric_words[m] : "?";
}

/* ---- limits ---- */

/* "80", "2.5": in hundredths; -1. */
static int
read_centi(const char *text, size_t n, uint64_t *out)
{
	uint64_t whole = 0, part = 0, worth = 100;
	size_t i = 0;

	for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
		whole = whole * 10 + (uint64_t)(text[i] - '0');
		if (whole > UINT64_C(1) << 50)
			return -1;
	}
	if (i == 0)
		return -1;
	if (i + 1 < n && text[i] == '.')
		for (i++; i < n && text[i] >= '0' && text[i] <= '9' && worth > 1; i++)
			part += (uint64_t)(text[i] - '0') * (worth /= 10);
	*out = whole * 100 + part;
	return i == n ? 0 : -1;
}

int
set_alert_limit(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct alert_limit l = { .set = true };
	size_t n = strlen(value);
	uint64_t bytes;

	if (n == 0) {
		*(struct alert_limit *)field = (struct alert_limit){ 0 };
		return 0;
	}
	l.percent = value[n - 1] == '%';
	if (read_centi(value, n - (l.percent ? 1 : 0), &l.centi) == -1) {
		if (l.percent || size_parse(value, &bytes) == -1 ||
		    bytes > UINT64_C(1) << 50)
			return kinds_refuse(p, d, NULL, value);
		l.centi = bytes * 100;
	}
	*(struct alert_limit *)field = l;
	return 0;
}

void
show_alert_limit(const struct directive *d, const void *field, struct buf *b)
{
	const struct alert_limit *l = field;

	(void)d;
	if (!l->set)
		return;
	buf_addf(b, "%llu", (unsigned long long)(l->centi / 100));
	if (l->centi % 100 != 0)
		buf_addf(b, ".%02u", (unsigned)(l->centi % 100));
	buf_adds(b, l->percent ? "%" : "");
}

/* From 1 to as many as are remembered one by one. */
int
set_alert_count(
    struct parse *p, const struct directive *d, void *field, const char *value)
{
	uint64_t n;

	if (number_parse(value, ALERT_COUNT_MAX, &n) == -1 || n == 0)
		return kinds_refuse(p, d, NULL, value);
	*(uint32_t *)field = (uint32_t)n;
	return 0;
}

/* ---- commands ---- */

/* Read as that of ExecStart= would be, and kept as it stands: it becomes one. */
int
set_alert_exec(struct parse *p, const struct directive *d, void *field, const char *value)
{
	struct exec_cmd cmd = { 0 };
	struct buf text = { 0 };
	const char *q = value;
	int r;

	if (*value == '\0') {
		kinds_keep(field, &text);
		return 0;
	}
	(void)d;
	r = kinds_take_command(p, &q, &cmd);
	exec_cmd_clear(&cmd);
	if (r == 1) {
		parse_error(p, q, NULL, "one command only");
		r = -1;
	}
	if (r == -1)
		return -1;
	buf_adds(&text, value);
	kinds_keep(field, &text);
	return 0;
}

/* ---- the whole ---- */

static bool
is_same_text(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static bool
is_same_limit(const struct alert_limit *a, const struct alert_limit *b)
{
	return a->set == b->set && a->percent == b->percent && a->centi == b->centi;
}

bool
alert_conf_equal(const struct alert_conf *a, const struct alert_conf *b)
{
	return is_same_text(a->event, b->event) && is_same_text(a->unit, b->unit) &&
	       strv_equal(&a->match, &b->match) && a->count == b->count &&
	       a->within_us == b->within_us && a->metric == b->metric &&
	       is_same_limit(&a->above, &b->above) &&
	       is_same_limit(&a->below, &b->below) && is_same_text(a->path, b->path) &&
	       a->for_us == b->for_us && a->interval_us == b->interval_us &&
	       a->expire_us == b->expire_us && is_same_text(a->start, b->start) &&
	       is_same_text(a->exec, b->exec) && a->timeout_us == b->timeout_us;
}

void
alert_conf_clear(struct alert_conf *a)
{
	free(a->name);
	free(a->event);
	free(a->unit);
	strv_free(&a->match);
	free(a->path);
	free(a->start);
	free(a->exec);
}

/* Of what there is only a whole, unlike the load of some processors. */
static bool
is_beyond_all(const struct alert_conf *a)
{
	uint64_t centi = a->above.set ? a->above.centi : a->below.centi;
	bool percent = a->above.percent || a->below.percent ||
		       a->metric == ALERT_METRIC_FAILURE_RATE;

	return percent && a->metric != ALERT_METRIC_LOAD && centi > UINT64_C(100) * 100;
}

/* NULL, or what is wrong; *hint what to write. */
static const char *
fault_of(const struct alert_conf *a, const char **hint)
{
	bool limit = a->above.set || a->below.set;
	bool rate = a->metric == ALERT_METRIC_FAILURE_RATE;
	bool machine = a->metric == ALERT_METRIC_DISK_FREE ||
		       a->metric == ALERT_METRIC_LOAD || a->metric == ALERT_METRIC_MEMORY;

	*hint = NULL;
	if ((a->event == NULL) == (a->metric == ALERT_METRIC_NONE)) {
		*hint = "give one of the two";
		return a->event == NULL ? "has neither Event= nor Metric="
					: "has both Event= and Metric=";
	}
	if (a->event != NULL && limit)
		return "has Above= or Below= without Metric=";
	if (a->metric != ALERT_METRIC_NONE && a->above.set == a->below.set) {
		*hint = "give one of the two";
		return limit ? "has both Above= and Below="
			     : "has Metric= without Above= or Below=";
	}
	if ((a->above.percent || a->below.percent) && !rate && !machine)
		return "compares a number with a percentage";
	if (is_beyond_all(a))
		return "compares with more than 100%";
	if (a->path != NULL && a->metric != ALERT_METRIC_DISK_FREE)
		return "has Path= without Metric=disk-free";
	if (a->match.n > 0 && a->event == NULL)
		return "has Match= without Event=";
	if (a->start != NULL && a->exec != NULL)
		return "has both Start= and Exec=";
	return NULL;
}

void
verify_alerts(struct supd_conf *sc, const char *file, struct diags *d)
{
	for (size_t i = 0; i < sc->alerts.n; i++) {
		struct alert_conf *a = &sc->alerts.v[i];
		const char *hint, *fault = a->broken ? NULL : fault_of(a, &hint);

		if (fault == NULL)
			continue;
		a->broken = true;
		diag_add(d, DIAG_ERROR, file, a->line, a->col, hint, "[Alert %s] %s",
		    a->name, fault);
	}
}
