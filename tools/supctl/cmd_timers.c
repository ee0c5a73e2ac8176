/* timers: when each elapses next, and what came of it last. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "trigger_list.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"

static const struct opt opts[] = {
	{ "all", 'a', NULL, "also those that are not active" },
	{ NULL, 0, NULL, NULL },
};

static uint64_t
time_of(const struct jv *timer, const char *key)
{
	uint64_t us;

	if (clock_parse(jv_str(jv_get(timer, key), ""), &us) == -1)
		return USEC_INFINITY;
	return us;
}

/* INFINITY: it does not come. */
static uint64_t
next_of(const struct jv *unit)
{
	return time_of(jv_get(unit, "timer"), "next");
}

static bool
is_shown(const struct jv *unit, bool all)
{
	return jv_type(jv_get(unit, "timer")) == JV_OBJECT &&
	       (all || strcmp(jv_str(jv_get(unit, "state"), ""), "active") == 0);
}

/* The next first. */
static int
by_next(const void *a, const void *b)
{
	const struct jv *const *x = a, *const *y = b;
	uint64_t x_us = next_of(*x), y_us = next_of(*y);

	if (x_us != y_us)
		return x_us < y_us ? -1 : 1;
	return strcmp(jv_str(jv_get(*x, "unit"), ""), jv_str(jv_get(*y, "unit"), ""));
}

static char *
activates(const struct jv *timer)
{
	const struct jv *list = jv_get(timer, "activates");
	struct strv names = { 0 };
	char *joined;

	for (size_t i = 0; i < jv_count(list); i++)
		strv_add(&names, jv_str(jv_at(list, i), "?"));
	joined = strv_join(&names, " ");
	strv_free(&names);
	return joined;
}

static void
put_span(struct columns *t, bool known, uint64_t us)
{
	char text[CLOCK_TEXT_MAX];

	columns_cell(
	    t, STYLE_NONE, known ? clock_format_duration(text, sizeof(text), us) : "-");
}

static void
add_row(struct columns *t, const struct jv *unit)
{
	const struct jv *timer = jv_get(unit, "timer");
	uint64_t now_us = clock_wall_us();
	uint64_t next_us = next_of(unit), last_us = time_of(timer, "last");
	const char *result = jv_str(jv_get(timer, "result"), NULL);
	char *names = activates(timer);
	bool comes = next_us != USEC_INFINITY, was = last_us != USEC_INFINITY;

	columns_row(t);
	trigger_put_time(t, jv_str(jv_get(timer, "next"), NULL));
	put_span(t, comes, comes && next_us > now_us ? next_us - now_us : 0);
	trigger_put_time(t, jv_str(jv_get(timer, "last"), NULL));
	put_span(t, was, was && now_us > last_us ? now_us - last_us : 0);
	columns_cell(t,
	    result != NULL && strcmp(result, "success") != 0 ? STYLE_RED : STYLE_NONE,
	    result != NULL ? result : "-");
	columns_cell(t, STYLE_BOLD, jv_str(jv_get(unit, "unit"), "?"));
	columns_cell(t, STYLE_NONE, names);
	free(names);
}

static void
put_us(struct jw *w, const char *key, bool known, uint64_t us)
{
	if (known)
		jw_kv_u64(w, key, us);
	else
		jw_kv_null(w, key);
}

/* As supd says it, with the times as of now. */
static void
write_object(struct jw *w, const struct jv *unit)
{
	static const char *const keys[] = { "unit", "state", "substate" };
	const struct jv *timer = jv_get(unit, "timer");
	uint64_t now_us = clock_wall_us();
	uint64_t next_us = next_of(unit), last_us = time_of(timer, "last");
	bool comes = next_us != USEC_INFINITY, was = last_us != USEC_INFINITY;

	trigger_write_object(w, unit, keys, sizeof(keys) / sizeof(keys[0]), timer);
	put_us(w, "left_us", comes, comes && next_us > now_us ? next_us - now_us : 0);
	put_us(w, "passed_us", was, was && now_us > last_us ? now_us - last_us : 0);
	jw_end(w);
}

static int
run_timers(struct ctl *ctl, int argc, char **argv)
{
	static const struct trigger_column columns[] = {
		{ "NEXT", 0 },
		{ "LEFT", COL_RIGHT },
		{ "LAST", 0 },
		{ "PASSED", COL_RIGHT },
		{ "RESULT", 0 },
		{ "UNIT", COL_SHRINK },
		{ "ACTIVATES", COL_SHRINK },
		{ NULL, 0 },
	};
	static const struct trigger_list list = {
		.pattern = "*.timer",
		.columns = columns,
		.none = "there are no timers",
		.none_active = "no timer is active; --all shows the others",
		.is_shown = is_shown,
		.compare = by_next,
		.add = add_row,
		.write = write_object,
	};

	return trigger_list_run(ctl, argc, argv, &list);
}

const struct command cmd_timers = {
	.name = "timers",
	.alias = "list-timers",
	.words_usage = "[PATTERN...]",
	.summary = "List timers by when they elapse next, and how their last run ended",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_timers,
};
