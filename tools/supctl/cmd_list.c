/* list: units, one a line, those with a problem first. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "brief.h"
#include "commands.h"
#include "ctl.h"
#include "notice.h"
#include "offline.h"

#include "lib/json.h"
#include "lib/strv.h"

static const struct opt opts[] = {
	{ "all", 'a', NULL, "also units that were never loaded" },
	{ "state", 's', "STATE", "only those in a state or substate (may be repeated)" },
	{ NULL, 0, NULL, NULL },
};

/* Takes the reply. */
static void
show(struct ctl *ctl, struct reply *r, struct briefs *list)
{
	notice_emergencies(ctl, r->params);
	briefs_take(list, r->root, jv_get(r->params, "units"));
	memset(r, 0, sizeof(*r));
	if (ctl->json)
		briefs_json(ctl, list);
	else
		briefs_table(ctl, list);
}

static int
run_list(struct ctl *ctl, int argc, char **argv)
{
	struct strv states = { 0 };
	struct briefs list = { 0 };
	struct buf params = { 0 };
	struct buf why = { 0 };
	struct reply r = { 0 };
	enum client_result res;
	struct jw *w;
	bool all = false;
	int id, i;
	int code = CTL_USAGE;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == 'a')
			all = true;
		else if (id == 's')
			strv_split(&states, optarg, ",");
		else
			goto out;
	}
	/* Who asks for some of them wants these. */
	list.grouped = optind == argc && states.n == 0 && !all;
	code = ctl_instance(ctl);
	if (code != 0)
		goto out;
	w = ctl_params();
	if (optind < argc) {
		jw_kv_arr(w, "patterns");
		for (i = optind; i < argc; i++)
			jw_str(w, argv[i]);
		jw_end(w);
	}
	if (states.n > 0)
		jw_kv_strv(w, "states", &states);
	if (all)
		jw_kv_bool(w, "all", true);
	if (!ctl->json)
		jw_kv_bool(w, "short", true);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	ctl->question_us = OFFLINE_AFTER_US;
	res = ctl_call_quietly(ctl, "io.supd.Unit.List", buf_str(&params), false,
	    ctl_deadline(ctl, false), &r, &why);
	if (offline_helps(res))
		code = offline_list(ctl, res, argc - optind, argv + optind, &states);
	else if (res != CLIENT_OK)
		code = ctl_client_failed(ctl, res, buf_str(&why));
	else if (r.error != NULL)
		code = ctl_error_reply(ctl, &r);
	else
		show(ctl, &r, &list);
out:
	reply_clear(&r);
	buf_free(&params);
	buf_free(&why);
	briefs_clear(&list);
	strv_free(&states);
	return code;
}

const struct command cmd_list = {
	.name = "list",
	.alias = "list-units",
	.words_usage = "[PATTERN...]",
	.summary = "List units with their state, problems first",
	.words = WORDS_UNITS,
	.groups = true,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_list,
};
