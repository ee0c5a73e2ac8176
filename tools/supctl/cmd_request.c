/*
 * request: what a program asks of supd about its own unit.  Asked once: when the
 * connection breaks nobody knows whether it was claimed, and status tells.
 */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

enum { OPT_REASON = OPT_LONG, OPT_MESSAGE, OPT_NO_BLOCK };

static const struct opt opts[] = {
	{ "reason", OPT_REASON, "TEXT", "why, for the events and for status" },
	{ "message", OPT_MESSAGE, "TEXT", "what else whoever looks at it should know" },
	{ "no-block", OPT_NO_BLOCK, NULL, "return when the request is claimed" },
	{ NULL, 0, NULL, NULL },
};

static int
show_result(struct ctl *ctl, const struct jv *p)
{
	const char *unit = jv_str(jv_get(p, "unit"), "?");
	const char *action = jv_str(jv_get(p, "action"), "?");
	const char *result = jv_str(jv_get(p, "result"), "?");
	const char *text = jv_str(jv_get(p, "text"), NULL);
	bool good = strcmp(result, "done") == 0 || strcmp(result, "queued") == 0;

	if (ctl->json)
		ctl_json(ctl, p);
	else if (good)
		ctl_say(ctl, "%s of %s: %s", action, unit, result);
	else
		return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "%s of %s: %s%s%s", action,
		    unit, result, text == NULL ? "" : ": ", text == NULL ? "" : text);
	return good ? CTL_OK : CTL_FAILED;
}

static int
run_request(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL, *message = NULL;
	struct reply r = { 0 };
	bool no_block = false;
	struct jw *w;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		switch (id) {
		case OPT_REASON:
			reason = optarg;
			break;
		case OPT_MESSAGE:
			message = optarg;
			break;
		case OPT_NO_BLOCK:
			no_block = true;
			break;
		default:
			return CTL_USAGE;
		}
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	jw_kv_str(w, "action", argv[optind]);
	if (optind + 1 < argc)
		jw_kv_str(w, "unit", argv[optind + 1]);
	if (reason != NULL)
		jw_kv_str(w, "reason", reason);
	if (message != NULL)
		jw_kv_str(w, "message", message);
	if (no_block)
		jw_kv_bool(w, "no_block", true);
	code = ctl_call_waiting(ctl, "io.supd.Unit.Request", w, &r);
	if (code == 0)
		code = show_result(ctl, r.params);
	reply_clear(&r);
	return code;
}

const struct command cmd_request = {
	.name = "request",
	.words_usage = "cycle|restart|shutdown [UNIT]",
	.summary = "Ask for a restart or the end of one's own unit, at most once",
	.words = WORDS_UNITS,
	.min = 1,
	.max = 2,
	.opts = opts,
	.run = run_request,
};
