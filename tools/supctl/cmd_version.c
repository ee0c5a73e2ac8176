/* version: of supctl, and of the supd that runs. */
#include <getopt.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"
#include "lib/version.h"

static int
run_version(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	struct buf why = { 0 };
	struct jw *w;
	bool asked = false;
	int code = ctl_no_opts(ctl, argc, argv);

	if (code != 0)
		return code;
	/* Our own version is known in any case; the status says whether supd answers. */
	if (instance_find(&ctl->in, ctl->dir, true, &why) == 0) {
		ctl->have_instance = true;
		asked = ctl_call_quietly(ctl, "io.supd.Manager.Version", NULL, false,
			    ctl_deadline(ctl, false), &r, &why) == CLIENT_OK &&
			r.error == NULL;
	}
	if (ctl->json) {
		w = ctl_json_new(ctl);
		jw_obj(w);
		jw_kv_str(w, "supctl", SUPD_VERSION);
		jw_key(w, "supd");
		jv_write(asked ? r.params : NULL, w);
		jw_end(w);
		ctl_json_take(ctl, w);
	} else {
		ctl_printf(ctl, "supctl %s\n", SUPD_VERSION);
		if (asked) {
			ctl_printf(ctl, "supd ");
			ctl_put(ctl, jv_str(jv_get(r.params, "version"), "?"));
			ctl_printf(ctl, " (messages %lld, state %lld) on ",
			    (long long)jv_i64(jv_get(r.params, "protocol"), 0),
			    (long long)jv_i64(jv_get(r.params, "state_version"), 0));
			ctl_put(ctl, ctl->in.root);
			ctl_printf(ctl, "\n");
		}
	}
	if (!asked && !ctl->quiet)
		ctl_warn(ctl, "%s",
		    why.len > 0 ? buf_str(&why) : "supd did not tell its version");
	reply_clear(&r);
	buf_free(&why);
	return asked ? CTL_OK : CTL_DOWN;
}

void
ctl_own_version(struct ctl *ctl)
{
	ctl_printf(ctl, "supctl %s\n", SUPD_VERSION);
}

const struct command cmd_version = {
	.name = "version",
	.words_usage = "",
	.summary = "Print the versions of supctl and of the supd that runs",
	.max = 0,
	.run = run_version,
};
