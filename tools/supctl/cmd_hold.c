/* hold, release: units that are not to start for now, and the end of that. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "when.h"

#include "lib/clock.h"
#include "lib/json.h"

enum { OPT_REASON = OPT_LONG, OPT_UNTIL };

static const struct opt opts_hold[] = {
	{ "reason", OPT_REASON, "TEXT", "why, shown to whoever looks" },
	{ "until", OPT_UNTIL, "TIME",
	    "release them then: a time, or +SPAN such as +90min" },
	{ NULL, 0, NULL, NULL },
};

static void
tell(struct ctl *ctl, const struct jv *u)
{
	const char *unit = jv_str(jv_get(u, "unit"), "?");
	const char *until = jv_str(jv_get(u, "until"), NULL);
	bool down = strcmp(jv_str(jv_get(u, "substate"), ""), "held") == 0;
	char text[CLOCK_TEXT_MAX];

	if (!jv_bool(jv_get(u, "held"), false))
		ctl_say(ctl, "%s %s", unit,
		    jv_bool(jv_get(u, "changed"), false) ? "is released"
							 : "was not held");
	else
		ctl_say(ctl, "%s is held%s%s%s", unit,
		    down ? "" : "; it runs on, and is not started again",
		    until == NULL ? "" : " until ",
		    until == NULL ? "" : ctl_time(text, sizeof(text), until));
}

static int
run_hold(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL, *until = NULL;
	char text[CLOCK_TEXT_MAX];
	uint64_t until_us = 0;
	struct jw *w;
	int id;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_REASON)
			reason = optarg;
		else if (id == OPT_UNTIL)
			until = optarg;
		else
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if (until != NULL && when_parse_ahead(until, clock_wall_us(), &until_us) == -1) {
		ctl_warn(ctl,
		    "--until=%s: expected a time such as 2026-11-21 10:30, or +90min",
		    until);
		return CTL_USAGE;
	}
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	if (reason != NULL)
		jw_kv_str(w, "reason", reason);
	if (until != NULL)
		jw_kv_str(w, "until", clock_format_utc(text, sizeof(text), until_us));
	return ctl_call_units(ctl, "io.supd.Unit.Hold", w, tell);
}

static int
run_release(struct ctl *ctl, int argc, char **argv)
{
	struct jw *w;

	if (ctl_no_opts(ctl, argc, argv) != 0)
		return CTL_USAGE;
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	return ctl_call_units(ctl, "io.supd.Unit.Release", w, tell);
}

const struct command cmd_hold = {
	.name = "hold",
	.words_usage = "UNIT...",
	.summary = "Let nothing start or restart the units for now; what runs goes on",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts_hold,
	.run = run_hold,
};

const struct command cmd_release = {
	.name = "release",
	.words_usage = "UNIT...",
	.summary = "Undo hold; what waited for it starts",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.run = run_release,
};
