/*
 * check: one question for health checks of containers and for scripts: does supd answer,
 * and is nothing failed?
 */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "offline.h"

#include "lib/json.h"
#include "lib/strv.h"

static void
put_safe_mode(struct ctl *ctl, const char *until)
{
	ctl_warn(ctl, "supd runs in safe mode: its manager died several times; it keeps "
		      "what runs, and starts nothing");
	ctl_note(ctl, "  next: ",
	    until == NULL
		? "supctl events -e 'role-*'; supctl daemon-reload ends it"
		: "supctl events -e 'role-*'; supctl daemon-reload ends it now, "
		  "SafeModeSec= by itself");
}

static int
judge(struct ctl *ctl, const struct jv *status)
{
	const struct jv *failed = jv_get(status, "failed");
	const struct jv *counts = jv_get(status, "counts");
	size_t n = jv_count(failed);
	size_t i;

	if (ctl->json)
		ctl_json(ctl, status);
	for (i = 0; i < n && !ctl->json; i++) {
		ctl_put(ctl, jv_str(jv_at(failed, i), "?"));
		ctl_printf(ctl, " failed\n");
	}
	if (jv_bool(jv_get(status, "safe_mode"), false)) {
		put_safe_mode(ctl, jv_str(jv_get(status, "safe_mode_until"), NULL));
		return CTL_FAILED;
	}
	/* No failure: whoever restarts what is unhealthy would end what was to stand
	 * still. */
	for (i = 0; i < jv_count(jv_get(status, "emergencies")); i++)
		ctl_warn(ctl, "an emergency stop of %s is on; %s ends it",
		    jv_str(jv_get(jv_at(jv_get(status, "emergencies"), i), "group"),
			"all units"),
		    jv_str(jv_get(jv_at(jv_get(status, "emergencies"), i), "undo"),
			"supctl resume"));
	if (n > 0)
		return CTL_FAILED;
	ctl_say(ctl, "%lld units, none failed",
	    (long long)jv_i64(jv_get(counts, "total"), 0));
	return CTL_OK;
}

static int
run_check(struct ctl *ctl, int argc, char **argv)
{
	enum client_result res;
	struct buf why = { 0 };
	struct reply r = { 0 };
	int code = ctl_no_opts(ctl, argc, argv);

	ctl->question_us = OFFLINE_AFTER_US;
	if (code == 0)
		code = ctl_instance(ctl);
	if (code != 0)
		return code;
	res = ctl_call_quietly(ctl, "io.supd.Manager.Status", NULL, false,
	    ctl_deadline(ctl, false), &r, &why);
	if (res == CLIENT_TIMEOUT || res == CLIENT_CLOSED)
		code = ctl_fail(ctl, CTL_UNKNOWN, "connection",
		    "try again; init replaces a manager that hangs.  supctl status shows "
		    "what was known last",
		    "the manager of supd does not answer: whether a unit has failed is "
		    "not known");
	else if (res != CLIENT_OK)
		code = ctl_client_failed(ctl, res, buf_str(&why));
	else if (r.error != NULL)
		code = ctl_error_reply(ctl, &r);
	else
		code = judge(ctl, r.params);
	reply_clear(&r);
	buf_free(&why);
	return code;
}

const struct command cmd_check = {
	.name = "check",
	.words_usage = "",
	.summary = "Succeed when supd answers and no unit has failed (for HEALTHCHECK)",
	.max = 0,
	.run = run_check,
};
