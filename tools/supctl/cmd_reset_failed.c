/* reset-failed: forget failures, restart counters and start limits. */
#include <getopt.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

static int
run_reset_failed(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	const struct jv *list;
	struct jw *w;
	size_t i;
	int code = ctl_no_opts(ctl, argc, argv);

	if (code != 0)
		return code;
	w = ctl_params();
	if (optind < argc)
		ctl_param_units(w, argc, argv);
	code = ctl_call(ctl, "io.supd.Unit.ResetFailed", w, &r);
	list = jv_get(r.params, "reset");
	if (code == 0 && ctl->json)
		ctl_json(ctl, list);
	for (i = 0; code == 0 && i < jv_count(list); i++)
		ctl_say(ctl, "reset %s", jv_str(jv_at(list, i), "?"));
	reply_clear(&r);
	return code;
}

const struct command cmd_reset_failed = {
	.name = "reset-failed",
	.words_usage = "[UNIT...]",
	.summary = "Forget failures, restart counters and start limits",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.run = run_reset_failed,
};
