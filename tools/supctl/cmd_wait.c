/* wait: until units are in a state, or have settled. */
#include <getopt.h>

#include "brief.h"
#include "commands.h"
#include "ctl.h"

#include "lib/clock.h"
#include "lib/json.h"

static const struct opt opts[] = {
	{ "state", 's', "STATE", "a state or substate; \"settled\" when not given" },
	{ NULL, 0, NULL, NULL },
};

static int
run_wait(struct ctl *ctl, int argc, char **argv)
{
	struct briefs list = { 0 };
	struct reply r = { 0 };
	const char *state = NULL;
	struct jw *w;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != 's')
			return CTL_USAGE;
		state = optarg;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	if (state != NULL)
		jw_kv_str(w, "state", state);
	if (ctl->timeout_us != 0)
		jw_kv_u64(w, "timeout_ms", ctl->timeout_us / USEC_PER_MSEC);
	code = ctl_call_waiting(ctl, "io.supd.Unit.Wait", w, &r);
	if (code == 0) {
		briefs_take(&list, r.root, jv_get(r.params, "units"));
		if (ctl->json)
			briefs_json(ctl, &list);
		else if (ctl->out_tty && !ctl->quiet)
			briefs_table(ctl, &list);
	}
	briefs_clear(&list);
	return code;
}

const struct command cmd_wait = {
	.name = "wait",
	.words_usage = "UNIT...",
	.summary = "Wait until units have settled, or are in a state",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_wait,
};
