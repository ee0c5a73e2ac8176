/* explain: what a directive of a unit file means.  Needs no supd. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"
#include "unit/explain.h"

static int
explain(struct ctl *ctl, const char *word, bool first)
{
	char *text = unit_explain(word);
	const char *near;
	struct jw *w;

	if (text == NULL) {
		near = unit_explain_nearest(word);
		if (near == NULL)
			return ctl_fail(ctl, CTL_FAILED, "no-directive",
			    "supctl explain lists all", "there is no directive %s", word);
		return ctl_fail(ctl, CTL_FAILED, "no-directive", NULL,
		    "there is no directive %s; did you mean %s?", word, near);
	}
	if (ctl->json) {
		w = ctl_json_new(ctl);
		jw_obj(w);
		jw_kv_str(w, "directive", word);
		jw_kv_str(w, "text", text);
		jw_end(w);
		ctl_json_take(ctl, w);
	} else {
		ctl_printf(ctl, "%s%s", first ? "" : "\n", text);
		if (*text != '\0' && text[strlen(text) - 1] != '\n')
			ctl_printf(ctl, "\n");
	}
	free(text);
	return CTL_OK;
}

static int
run_explain(struct ctl *ctl, int argc, char **argv)
{
	const char *name;
	int code = ctl_no_opts(ctl, argc, argv);
	int i, r;
	size_t k;

	if (code != 0)
		return code;
	for (k = 0; optind == argc && (name = unit_explain_name(k)) != NULL; k++)
		ctl_printf(ctl, "%s\n", name);
	for (i = optind; i < argc; i++) {
		r = explain(ctl, argv[i], i == optind);
		if (r != CTL_OK)
			code = r;
	}
	return code;
}

const struct command cmd_explain = {
	.name = "explain",
	.words_usage = "[DIRECTIVE...]",
	.summary = "Explain directives of unit files; lists them all without one",
	.words = WORDS_DIRECTIVE,
	.max = SIZE_MAX,
	.run = run_explain,
};
