/*
 * Any bytes as what a budget remembered, and as what an agent says it has used.  What is
 * accepted goes on: no sum overflows or falls within a period, nothing is told twice, no
 * timer lies in the past, and what is remembered then is accepted again and is the same.
 */
#include <stdint.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/budget.h"
#include "manager/session/usage.h"

#include "fuzz.h"

static uint64_t mono, armed;
static unsigned told[BUDGET_NKINDS];

static uint64_t
clocks(enum clock_kind kind, void *arg)
{
	(void)arg;
	return kind == CLOCK_KIND_WALL ? UINT64_C(1795962600000000) + mono : mono;
}

static void
on_crossed(void *arg, enum budget_kind kind, bool up)
{
	(void)arg;
	told[kind] += up;
}

static void
on_changed(void *arg)
{
	(void)arg;
}

static void
on_arm(void *arg, uint64_t mono_us)
{
	(void)arg;
	check(mono_us >= mono);
	armed = mono_us;
}

static const struct zone *
no_zone(void *arg)
{
	(void)arg;
	return NULL;
}

static const struct budget_ops ops = { on_crossed, on_changed, on_arm, no_zone };
static const struct budget_conf conf = {
	.limit = { 5, 8 * 3600 * UINT64_C(1000000), 1 << 20, 1000, 12500000 },
	.period = { .calendar = BUDGET_DAY },
};

static void
save(const struct budget *b, struct buf *out)
{
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	budget_save(b, w);
	jw_end(w);
	jw_take(w, out);
	jw_free(w);
}

/* What is saved is read back to the same. */
static void
same_again(const struct budget *b)
{
	struct buf one = { 0 }, two = { 0 };
	struct budget *c = budget_new(&conf, &ops, NULL);
	struct json_err err;
	struct jv *v;

	save(b, &one);
	v = jv_parse(buf_str(&one), one.len, &err);
	check(v != NULL && budget_restore(c, v, true, &err) == 0);
	save(c, &two);
	check(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
	jv_free(v);
	budget_free(c);
	buf_free(&one);
	buf_free(&two);
}

static void
live_on(struct budget *b)
{
	struct budget_view v, w;

	memset(told, 0, sizeof(told));
	budget_tick(b);
	budget_view(b, &v);
	for (int k = 0; k < BUDGET_NKINDS; k++) {
		budget_add(b, (enum budget_kind)k, BUDGET_COUNT_MAX);
		budget_add(b, (enum budget_kind)k, 1);
	}
	budget_view(b, &w);
	for (int k = 0; k < BUDGET_NKINDS; k++) {
		check(
		    w.use[k].used <= BUDGET_COUNT_MAX && w.use[k].used >= v.use[k].used);
		check(w.use[k].up && told[k] <= 1);
	}
	budget_counter(b, "notify", BUDGET_TOKENS, 7, true, false);
	same_again(b);
	budget_run_began(b, "fuzz", mono);
	mono += 30 * USEC_PER_HOUR;
	budget_tick(b);
	same_again(b);
	(void)budget_release(b);
	budget_reset(b);
	budget_view(b, &v);
	for (int k = 0; k < BUDGET_NKINDS; k++)
		check(!v.use[k].up);
	same_again(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jv *v = jv_parse((const char *)data, size, NULL);
	struct budget *b;
	uint64_t n;

	for (int what = 0; what < BUDGET_NCOUNTED; what++) {
		if (usage_parse(
			(enum budget_counted)what, (const char *)data, size, &n) == 0)
			check(n <= BUDGET_COUNT_MAX);
		if (usage_of_json((enum budget_counted)what, v, &n) == 0)
			check(n <= BUDGET_COUNT_MAX);
	}
	clock_set_source(clocks, NULL);
	mono = 1000 * USEC_PER_SEC;
	b = budget_new(&conf, &ops, NULL);
	if (budget_restore(b, v, true, NULL) == 0)
		live_on(b);
	budget_free(b);
	jv_free(v);
	clock_set_source(NULL, NULL);
	return 0;
}
