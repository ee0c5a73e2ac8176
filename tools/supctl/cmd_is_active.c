/* is-active, is-failed: one state as a word and an exit status, for scripts. */
#include <getopt.h>
#include <string.h>

#include "brief.h"
#include "commands.h"
#include "ctl.h"
#include "offline.h"

#include "lib/json.h"

static bool
is_wanted(const char *state, bool want_failed)
{
	if (want_failed)
		return strcmp(state, "failed") == 0;
	return strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0;
}

static int ask(struct ctl *ctl, int argc, char **argv, bool want_failed);

/* One of several is not there: a script that reads a line for each gets one for each. */
static int
ask_each(struct ctl *ctl, int argc, char **argv, bool want_failed)
{
	int code = CTL_UNKNOWN, one;

	for (; optind < argc; optind++) {
		one = ask(ctl, optind + 1, argv, want_failed);
		if (one == CTL_OK || code == CTL_UNKNOWN)
			code = one;
	}
	return code;
}

/* As systemctl has it: the answer is yes when it is yes for one of the units. */
static int
ask(struct ctl *ctl, int argc, char **argv, bool want_failed)
{
	struct buf params = { 0 };
	struct buf why = { 0 };
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	const struct jv *units;
	const char *state;
	enum client_result result;
	size_t i;
	int code = want_failed ? CTL_FAILED : CTL_INACTIVE;

	ctl_param_units(w, argc, argv);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	result = ctl_call_quietly(ctl, "io.supd.Unit.Status", buf_str(&params), false,
	    ctl_deadline(ctl, false), &r, &why);
	if (result == CLIENT_OK && r.error != NULL && argc - optind > 1 && !ctl->json) {
		code = ask_each(ctl, argc, argv, want_failed);
	} else if (result != CLIENT_OK || r.error != NULL) {
		if (!ctl->quiet && !ctl->json)
			ctl_printf(ctl, "unknown\n");
		if (result != CLIENT_OK)
			code = ctl_client_failed(ctl, result, buf_str(&why));
		else if (ctl->json)
			code = ctl_error_reply(ctl, &r);
		else
			code = CTL_UNKNOWN;
	} else {
		units = jv_get(r.params, "units");
		for (i = 0; i < jv_count(units); i++) {
			state = jv_str(jv_get(jv_at(units, i), "state"), "unknown");
			if (is_wanted(state, want_failed))
				code = CTL_OK;
			if (!ctl->quiet && !ctl->json) {
				ctl_put(ctl, state);
				ctl_printf(ctl, "\n");
			}
		}
		if (ctl->json)
			ctl_json(ctl, units);
	}
	reply_clear(&r);
	buf_free(&params);
	buf_free(&why);
	return code;
}

static int
run_is(struct ctl *ctl, int argc, char **argv)
{
	int code = ctl_no_opts(ctl, argc, argv);

	ctl->question_us = OFFLINE_AFTER_US;
	ctl->lsb = true;
	if (code == 0)
		code = ctl_instance(ctl);
	if (code != 0)
		return code;
	return ask(ctl, argc, argv, ctl->cmd == &cmd_is_failed);
}

const struct command cmd_is_active = {
	.name = "is-active",
	.words_usage = "UNIT...",
	.summary = "Succeed when one of the units is active; prints the states",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.run = run_is,
};

const struct command cmd_is_failed = {
	.name = "is-failed",
	.words_usage = "UNIT...",
	.summary = "Succeed when one of the units has failed; prints the states",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.run = run_is,
};
