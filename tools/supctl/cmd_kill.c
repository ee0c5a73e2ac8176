/* kill: send a signal to the processes of units. */
#include <getopt.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

static const struct opt opts[] = {
	{ "signal", 's', "SIGNAL", "name or number; TERM when not given" },
	{ "whom", 'w', "WHOM", "main, control, or all (default)" },
	{ NULL, 0, NULL, NULL },
};

static int
run_kill(struct ctl *ctl, int argc, char **argv)
{
	const char *whom = NULL;
	const char *sig = NULL;
	struct reply r = { 0 };
	const struct jv *list;
	struct jw *w;
	size_t i;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == 's')
			sig = optarg;
		else if (id == 'w')
			whom = optarg;
		else
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	if (sig != NULL)
		jw_kv_str(w, "signal", sig);
	if (whom != NULL)
		jw_kv_str(w, "whom", whom);
	code = ctl_call(ctl, "io.supd.Unit.Kill", w, &r);
	list = jv_get(r.params, "signaled");
	if (code == 0 && ctl->json)
		ctl_json(ctl, list);
	for (i = 0; code == 0 && i < jv_count(list); i++)
		ctl_say(ctl, "sent %s to %s", sig == NULL ? "TERM" : sig,
		    jv_str(jv_at(list, i), "?"));
	reply_clear(&r);
	return code;
}

const struct command cmd_kill = {
	.name = "kill",
	.words_usage = "UNIT...",
	.summary = "Send a signal to the processes of units",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_kill,
};
