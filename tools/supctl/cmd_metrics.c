/* metrics: counters and histograms in the text format of Prometheus. */
#include <getopt.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

static int
run_metrics(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	int code = ctl_no_opts(ctl, argc, argv);

	if (code == 0)
		code = ctl_call(ctl, "io.supd.Metrics.Read", NULL, &r);
	if (code == 0 && ctl->json)
		ctl_json(ctl, r.params);
	else if (code == 0)
		/* The format escapes what is in labels; newlines are its own. */
		buf_adds(&ctl->out, jv_str(jv_get(r.params, "text"), ""));
	reply_clear(&r);
	return code;
}

const struct command cmd_metrics = {
	.name = "metrics",
	.words_usage = "",
	.summary = "Print counters and histograms in the Prometheus text format",
	.max = 0,
	.run = run_metrics,
};
