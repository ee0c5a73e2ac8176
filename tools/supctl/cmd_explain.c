/* explain: what a directive of a unit file means, a section, a value, an exit status.
 * Needs no supd. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"
#include "lib/strv.h"
#include "unit/explain.h"

enum { NEAR_MAX = 5 };

static void
put_row(void *arg, const struct unit_explanation *e)
{
	struct jw *w = arg;

	jw_obj(w);
	jw_kv_str(w, "section", e->section);
	jw_kv_str(w, "key", e->key);
	jw_kv_str(w, "alias_section", e->alias_section);
	jw_kv_str(w, "alias_key", e->alias_key);
	jw_kv_str(w, "help", e->help);
	jw_kv_str(w, "takes", e->syntax);
	jw_kv_str(w, "default", e->dflt);
	jw_kv_str(w, "status", e->status);
	jw_kv_str(w, "changed", e->changed);
	jw_kv_i64(w, "since", e->since);
	jw_end(w);
}

static void
put_json(struct jw *w, const char *word, const char *text)
{
	jw_obj(w);
	jw_kv_str(w, "directive", word);
	jw_kv_str(w, "text", text);
	jw_kv_arr(w, "rows");
	unit_explain_rows(word, put_row, w);
	jw_end(w);
	jw_end(w);
}

static int
tell_unknown(struct ctl *ctl, const char *word)
{
	struct strv near = { 0 };
	char *names;
	int code;

	unit_explain_near(word, NEAR_MAX, &near);
	names = strv_join(&near, "? ");
	if (near.n == 0)
		code = ctl_fail(ctl, CTL_FAILED, "no-directive",
		    "supctl explain lists all", "there is no directive %s", word);
	else
		code = ctl_fail(ctl, CTL_FAILED, "no-directive", NULL,
		    "there is no directive %s; did you mean %s?", word, names);
	free(names);
	strv_free(&near);
	return code;
}

/* array: that of --json; NULL: none, of one directive there is one object. */
static int
explain(struct ctl *ctl, const char *word, bool first, struct jw *array)
{
	char *text = unit_explain(word);
	struct jw *w;

	if (text == NULL)
		text = unit_explain_word(word);
	if (text == NULL)
		return tell_unknown(ctl, word);
	if (array != NULL) {
		put_json(array, word, text);
	} else if (ctl->json) {
		w = ctl_json_new(ctl);
		put_json(w, word, text);
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
	struct jw *array = NULL;
	char *name;
	int code = ctl_no_opts(ctl, argc, argv);
	int i, r;
	size_t k;

	if (code != 0)
		return code;
	if (ctl->json && argc - optind != 1) {
		array = ctl_json_new(ctl);
		jw_arr(array);
	}
	for (k = 0; optind == argc && (name = unit_explain_name(k)) != NULL; k++) {
		if (array != NULL)
			jw_str(array, name);
		else
			ctl_printf(ctl, "%s\n", name);
		free(name);
	}
	for (i = optind; i < argc; i++) {
		r = explain(ctl, argv[i], i == optind, array);
		if (r != CTL_OK)
			code = r;
	}
	if (array != NULL) {
		jw_end(array);
		if (code == CTL_OK)
			ctl_json_take(ctl, array);
		else
			jw_free(array);
	}
	return code;
}

const struct command cmd_explain = {
	.name = "explain",
	.words_usage = "[DIRECTIVE|[SECTION]|VALUE|STATUS...]",
	.summary =
	    "Explain directives, sections, values, exit statuses; lists all without",
	.words = WORDS_DIRECTIVE,
	.max = SIZE_MAX,
	.run = run_explain,
};
