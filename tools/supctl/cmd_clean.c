/* clean: remove what services that are down have left in their folders. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/buf.h"
#include "lib/json.h"

enum { OPT_WHAT = OPT_LONG };

static const struct opt opts[] = {
	{ "what", OPT_WHAT, "KINDS",
	    "runtime, state, cache, logs, configuration, fdstore, with commas between, "
	    "or all; runtime,cache when not given" },
	{ NULL, 0, NULL, NULL },
};

static void
add_what(struct jw *w, char *list)
{
	char *end, *word;

	jw_kv_arr(w, "what");
	for (word = strtok_r(list, ",", &end); word != NULL;
	     word = strtok_r(NULL, ",", &end))
		jw_str(w, word);
	jw_end(w);
}

static void
tell(struct ctl *ctl, const struct jv *u, int *code)
{
	const char *unit = jv_str(jv_get(u, "unit"), "?"), *why;
	const struct jv *what = jv_get(u, "what");
	struct buf text = { 0 };

	if ((why = jv_str(jv_get(u, "refused"), NULL)) != NULL) {
		ctl_warn(ctl, "%s", why);
	} else if ((why = jv_str(jv_get(u, "left"), NULL)) != NULL) {
		ctl_warn(ctl, "%s: cannot be cleaned: %s", unit, why);
	} else {
		for (size_t i = 0; i < jv_count(what); i++)
			buf_addf(&text, " %s", jv_str(jv_at(what, i), "?"));
		ctl_say(ctl, "%s is clean of%s", unit, buf_str(&text));
		buf_free(&text);
		return;
	}
	*code = CTL_FAILED;
}

static int
run_clean(struct ctl *ctl, int argc, char **argv)
{
	char *what = NULL;
	struct reply r = { 0 };
	const struct jv *units;
	struct jw *w;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_WHAT)
			return CTL_USAGE;
		what = optarg;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if (what != NULL && strspn(what, ",") == strlen(what))
		return ctl_usage(ctl, "--what names nothing");
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	if (what != NULL)
		add_what(w, what);
	code = ctl_call_again(ctl, "io.supd.Unit.Clean", w, &r);
	units = jv_get(r.params, "units");
	if (code == 0 && ctl->json)
		ctl_json(ctl, units);
	for (size_t i = 0, n = code == 0 ? jv_count(units) : 0; i < n; i++)
		tell(ctl, jv_at(units, i), &code);
	reply_clear(&r);
	return code;
}

const struct command cmd_clean = {
	.name = "clean",
	.words_usage = "UNIT...",
	.summary = "Remove what services that are down have in their folders",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_clean,
};
