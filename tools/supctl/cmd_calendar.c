/* calendar, timespan: what a time of a unit file means.  Need no supd. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "commands.h"
#include "ctl.h"
#include "when.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "lib/zone.h"
#include "unit/calendar.h"
#include "unit/span.h"

enum {
	OPT_BASE_TIME = OPT_LONG,
	OPT_ITERATIONS,
	ITERATIONS_MAX = 10000,
};

static const struct opt opts[] = {
	{ "base-time", OPT_BASE_TIME, "TIME", "count from then, not from now" },
	{ "iterations", OPT_ITERATIONS, "NUMBER",
	    "how many times to show, 1 when not given" },
	{ NULL, 0, NULL, NULL },
};

static int
refused(struct ctl *ctl, const char *text, const struct calendar_error *error)
{
	return ctl_fail(ctl, CTL_FAILED, "no-calendar",
	    "supctl help calendar; systemd.time(7) has all of the syntax",
	    "\"%s\" is no calendar expression: column %zu: %s", text, error->at + 1,
	    error->why);
}

static void
show_json(
    struct ctl *ctl, const char *text, const char *normal, const uint64_t *next, size_t n)
{
	struct jw *w = ctl_json_new(ctl);
	char at[CLOCK_TEXT_MAX];

	jw_obj(w);
	jw_kv_str(w, "original", text);
	jw_kv_str(w, "normalized", normal);
	jw_key(w, "next");
	jw_arr(w);
	for (size_t i = 0; i < n; i++)
		jw_str(w, clock_format_utc(at, sizeof(at), next[i]));
	jw_end(w);
	jw_end(w);
	ctl_json_take(ctl, w);
}

/* "Mon 2026-11-30 02:00:00 CET"; the fraction where there is one. */
static void
put_time(struct ctl *ctl, uint64_t wall_us, uint64_t now_us)
{
	time_t s = (time_t)(wall_us / USEC_PER_SEC);
	char day[64] = "", zone[32] = "", age[CLOCK_TEXT_MAX];
	uint64_t us = wall_us % USEC_PER_SEC;
	struct tm tm;

	if (localtime_r(&s, &tm) != NULL) {
		strftime(day, sizeof(day), "%a %F %T", &tm);
		strftime(zone, sizeof(zone), "%Z", &tm);
	}
	ctl_printf(ctl, "%s", day);
	if (us != 0)
		ctl_printf(ctl, ".%06" PRIu64, us);
	ctl_printf(ctl, " %s, ", zone);
	if (wall_us >= now_us)
		ctl_printf(ctl, "in %s\n",
		    clock_format_duration(age, sizeof(age), wall_us - now_us));
	else
		ctl_printf(ctl, "%s ago\n",
		    clock_format_duration(age, sizeof(age), now_us - wall_us));
}

static int
show_calendar(struct ctl *ctl, const char *text, uint64_t base_us, size_t iterations)
{
	struct calendar_error error;
	struct calendar *c = calendar_parse(text, &error);
	struct buf normal = { 0 };
	uint64_t *next;
	uint64_t at = base_us;
	size_t n = 0;

	if (c == NULL)
		return refused(ctl, text, &error);
	calendar_format(&normal, c);
	next = xcalloc(iterations, sizeof(*next));
	while (n < iterations && calendar_next(c, zone_here(), at, &at) == 0)
		next[n++] = at;
	if (ctl->json) {
		show_json(ctl, text, buf_str(&normal), next, n);
	} else {
		ctl_printf(ctl, "  Original form: ");
		ctl_put(ctl, text);
		ctl_printf(ctl, "\nNormalized form: ");
		ctl_put(ctl, buf_str(&normal));
		for (size_t i = 0; i < n; i++) {
			if (i == 0)
				ctl_printf(ctl, "\n    Next elapse: ");
			else
				ctl_printf(ctl, "%14s%zu: ", "Iter. #", i + 1);
			put_time(ctl, next[i], clock_wall_us());
		}
		if (n == 0)
			ctl_printf(ctl, "\n    Next elapse: never\n");
		else if (n < iterations)
			ctl_printf(ctl, "%17s\n", "never again");
	}
	free(next);
	buf_free(&normal);
	calendar_free(c);
	return CTL_OK;
}

static int
run_calendar(struct ctl *ctl, int argc, char **argv)
{
	uint64_t base_us = clock_wall_us(), iterations = 1;
	int id, code = CTL_OK;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_BASE_TIME) {
			if (when_parse_ahead(optarg, clock_wall_us(), &base_us) == -1)
				return ctl_usage(
				    ctl, "--base-time: \"%s\" is no time", optarg);
		} else if (id == OPT_ITERATIONS) {
			if (ctl_parse_number(ctl, "--iterations", optarg, ITERATIONS_MAX,
				&iterations) == -1)
				return CTL_USAGE;
			if (iterations == 0)
				return ctl_usage(ctl, "--iterations: at least 1");
		} else {
			return CTL_USAGE;
		}
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	for (int i = optind; i < argc; i++) {
		int one;

		if (i > optind && !ctl->json)
			ctl_printf(ctl, "\n");
		one = show_calendar(ctl, argv[i], base_us, (size_t)iterations);
		if (one != CTL_OK)
			code = one;
	}
	return code;
}

const struct command cmd_calendar = {
	.name = "calendar",
	.words_usage = "EXPRESSION...",
	.summary = "Show what a calendar expression means and when it comes next",
	.words = WORDS_NONE,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_calendar,
};

static int
show_span(struct ctl *ctl, const char *text)
{
	struct buf b = { 0 };
	uint64_t us;

	if (span_parse(text, USEC_PER_SEC, &us) == -1)
		return ctl_fail(ctl, CTL_FAILED, "no-timespan",
		    "times are written 90, 1min 30s, 2h, 1w, infinity",
		    errno == ERANGE ? "\"%s\" is too long a time"
				    : "\"%s\" is no time span",
		    text);
	span_format_human(&b, us);
	if (ctl->json) {
		struct jw *w = ctl_json_new(ctl);

		jw_obj(w);
		jw_kv_str(w, "original", text);
		jw_kv_u64(w, "usec", us);
		jw_kv_str(w, "human", buf_str(&b));
		jw_end(w);
		ctl_json_take(ctl, w);
	} else {
		ctl_printf(ctl, "Original: ");
		ctl_put(ctl, text);
		ctl_printf(ctl, "\n    usec: %" PRIu64 "\n   Human: ", us);
		ctl_put(ctl, buf_str(&b));
		ctl_printf(ctl, "\n");
	}
	buf_free(&b);
	return CTL_OK;
}

static int
run_timespan(struct ctl *ctl, int argc, char **argv)
{
	int code = ctl_no_opts(ctl, argc, argv);

	if (code != 0)
		return code;
	for (int i = optind; i < argc; i++) {
		int one;

		if (i > optind && !ctl->json)
			ctl_printf(ctl, "\n");
		if ((one = show_span(ctl, argv[i])) != CTL_OK)
			code = one;
	}
	return code;
}

const struct command cmd_timespan = {
	.name = "timespan",
	.words_usage = "SPAN...",
	.summary = "Show how long a time span of a unit file is",
	.words = WORDS_NONE,
	.min = 1,
	.max = SIZE_MAX,
	.run = run_timespan,
};
