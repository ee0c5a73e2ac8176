/* emergency-stop, resume: the fleet halts, and goes on. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "notice.h"

#include "lib/json.h"

enum { OPT_FREEZE = OPT_LONG, OPT_STOP, OPT_KILL, OPT_REASON, OPT_GROUP };

static const struct opt opts_stop[] = {
	{ "freeze", OPT_FREEZE, NULL,
	    "what runs stands still and loses nothing (as without these)" },
	{ "stop", OPT_STOP, NULL, "what runs is stopped, as by supctl stop" },
	{ "kill", OPT_KILL, NULL, "what runs is killed at once" },
	{ "group", OPT_GROUP, "NAME", "only units of this StatusGroup=" },
	{ "reason", OPT_REASON, "TEXT", "why, shown to whoever looks" },
	{ NULL, 0, NULL, NULL },
};

static const struct opt opts_resume[] = {
	{ "group", OPT_GROUP, "NAME", "the emergency stop of this group" },
	{ NULL, 0, NULL, NULL },
};

static long long
number(const struct jv *params, const char *key)
{
	return (long long)jv_i64(jv_get(params, key), 0);
}

static void
warn_late(struct ctl *ctl, const struct jv *params)
{
	if (!jv_bool(jv_get(params, "durable"), true))
		ctl_warn(ctl, "the disk did not take this in time; it holds while supd "
			      "lives");
}

static int
run_stop(struct ctl *ctl, int argc, char **argv)
{
	const char *how = "freeze", *group = NULL, *reason = NULL;
	struct reply r = { 0 };
	struct jw *w;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_FREEZE)
			how = "freeze";
		else if (id == OPT_STOP)
			how = "stop";
		else if (id == OPT_KILL)
			how = "kill";
		else if (id == OPT_GROUP)
			group = optarg;
		else if (id == OPT_REASON)
			reason = optarg;
		else
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	jw_kv_str(w, "how", how);
	if (group != NULL)
		jw_kv_str(w, "group", group);
	if (reason != NULL)
		jw_kv_str(w, "reason", reason);
	code = ctl_call(ctl, "io.supd.Manager.EmergencyStop", w, &r);
	if (code != 0)
		return code;
	if (ctl->json) {
		ctl_json(ctl, r.params);
	} else {
		ctl_say(ctl,
		    "halted: %lld units, %lld frozen, %lld being stopped; nothing "
		    "of them is started until: supctl resume%s%s",
		    number(r.params, "units"), number(r.params, "frozen"),
		    number(r.params, "stopping"), group == NULL ? "" : " --group ",
		    group == NULL ? "" : group);
		if (number(r.params, "best_effort") > 0)
			ctl_warn(ctl,
			    "%lld of them have no cgroup: what was found of them is "
			    "stopped, by STOP",
			    number(r.params, "best_effort"));
	}
	warn_late(ctl, r.params);
	reply_clear(&r);
	return CTL_OK;
}

static int
run_resume(struct ctl *ctl, int argc, char **argv)
{
	const char *group = NULL;
	struct reply r = { 0 };
	struct jw *w;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_GROUP)
			return CTL_USAGE;
		group = optarg;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	if (group != NULL)
		jw_kv_str(w, "group", group);
	code = ctl_call(ctl, "io.supd.Manager.Resume", w, &r);
	if (code != 0)
		return code;
	if (ctl->json)
		ctl_json(ctl, r.params);
	else
		ctl_say(ctl, "resumed: %lld units, of which %lld go on or start",
		    number(r.params, "units"), number(r.params, "started"));
	notice_emergencies(ctl, r.params);
	warn_late(ctl, r.params);
	reply_clear(&r);
	return CTL_OK;
}

const struct command cmd_emergency_stop = {
	.name = "emergency-stop",
	.words_usage = "",
	.summary =
	    "Halt the whole fleet, or a group, at once; nothing starts until resume",
	.max = 0,
	.opts = opts_stop,
	.run = run_stop,
};

const struct command cmd_resume = {
	.name = "resume",
	.words_usage = "",
	.summary = "Undo emergency-stop: exactly what it did, and no more",
	.max = 0,
	.opts = opts_resume,
	.run = run_resume,
};
