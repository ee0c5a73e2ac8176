/* trace: trace events on or off. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

static int
run_trace(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	struct jw *w;
	const char *word;
	int code = ctl_no_opts(ctl, argc, argv);

	if (code != 0)
		return code;
	word = optind < argc ? argv[optind] : NULL;
	if (word != NULL && strcmp(word, "on") != 0 && strcmp(word, "off") != 0)
		return ctl_usage(ctl, "trace is on or off");
	w = ctl_params();
	if (word != NULL)
		jw_kv_bool(w, "on", strcmp(word, "on") == 0);
	code = ctl_call(ctl, "io.supd.Manager.Trace", w, &r);
	if (code == 0 && ctl->json)
		ctl_json(ctl, r.params);
	else if (code == 0 && (word == NULL || ctl->out_tty) && !ctl->quiet)
		ctl_printf(ctl, "trace events are %s\n",
		    jv_bool(jv_get(r.params, "on"), false) ? "on" : "off");
	reply_clear(&r);
	return code;
}

const struct command cmd_trace = {
	.name = "trace",
	.words_usage = "[on|off]",
	.summary = "Emit trace events, or stop that; without a word, say how it stands",
	.max = 1,
	.run = run_trace,
};
