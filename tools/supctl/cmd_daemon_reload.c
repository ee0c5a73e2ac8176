/* daemon-reload: read the unit files again, and say key by key what that changes. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"
#include "lib/xalloc.h"

enum { OPT_DRY_RUN = OPT_LONG };

static const struct opt opts[] = {
	{ "dry-run", OPT_DRY_RUN, NULL, "say it, change nothing" },
	{ NULL, 0, NULL, NULL },
};

static void
put_names(struct ctl *ctl, const struct jv *list, enum style style, const char *mark)
{
	size_t i;

	for (i = 0; i < jv_count(list); i++) {
		ctl_style(ctl, style, mark);
		ctl_printf(ctl, " ");
		ctl_put(ctl, jv_str(jv_at(list, i), "?"));
		ctl_printf(ctl, "\n");
	}
}

static void
put_changed(struct ctl *ctl, const struct jv *list)
{
	const char *last = "";
	const char *unit, *class;
	const struct jv *d;
	size_t i;

	for (i = 0; i < jv_count(list); i++) {
		d = jv_at(list, i);
		unit = jv_str(jv_get(d, "unit"), "?");
		class = jv_str(jv_get(d, "class"), "");
		if (strcmp(unit, last) != 0) {
			ctl_style(ctl, STYLE_BOLD, unit);
			ctl_printf(ctl, "\n");
		}
		last = unit;
		ctl_printf(ctl, "  ");
		ctl_put(ctl, jv_str(jv_get(d, "key"), "?"));
		ctl_printf(ctl, ": \"");
		ctl_put(ctl, jv_str(jv_get(d, "old"), ""));
		ctl_printf(ctl, "\" -> \"");
		ctl_put(ctl, jv_str(jv_get(d, "new"), ""));
		ctl_printf(ctl, "\"  ");
		if (strcmp(class, "next-start") == 0)
			ctl_style(ctl, STYLE_YELLOW, "from the next start on");
		else
			ctl_style(ctl, STYLE_DIM,
			    strcmp(class, "now") == 0 ? "holds now" : class);
		ctl_printf(ctl, "\n");
	}
}

/* The exit status: 1 when a file was refused. */
static int
put_diagnostics(struct ctl *ctl, const struct jv *list)
{
	const struct jv *d;
	int code = CTL_OK;
	size_t i;

	for (i = 0; i < jv_count(list); i++) {
		d = jv_at(list, i);
		if (!ctl->json)
			ctl_note(ctl, "", jv_str(jv_get(d, "text"), "?"));
		if (strcmp(jv_str(jv_get(d, "level"), ""), "error") == 0)
			code = CTL_FAILED;
	}
	return code;
}

static int
run_daemon_reload(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	const struct jv *added, *removed, *changed;
	bool dry = false;
	struct jw *w;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_DRY_RUN)
			return CTL_USAGE;
		dry = true;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	if (dry)
		jw_kv_bool(w, "dry_run", true);
	code = ctl_call(ctl, "io.supd.Manager.Reload", w, &r);
	if (code != 0)
		return code;
	added = jv_get(r.params, "added");
	removed = jv_get(r.params, "removed");
	changed = jv_get(r.params, "changed");
	if (ctl->json) {
		ctl_json(ctl, r.params);
	} else if (!ctl->quiet) {
		put_names(ctl, added, STYLE_GREEN, "+");
		put_names(ctl, removed, STYLE_RED, "-");
		put_changed(ctl, changed);
		if (jv_count(added) + jv_count(removed) + jv_count(changed) == 0)
			ctl_say(ctl, "nothing differs");
	}
	code = put_diagnostics(ctl, jv_get(r.params, "diagnostics"));
	reply_clear(&r);
	return code;
}

const struct command cmd_daemon_reload = {
	.name = "daemon-reload",
	.words_usage = "",
	.summary = "Read unit files and supd.conf again, and say what differs",
	.max = 0,
	.opts = opts,
	.run = run_daemon_reload,
};
