/* daemon-reload: read the unit files again, and say key by key what that changes. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"

enum { OPT_DRY_RUN = OPT_LONG, OPT_FORCE };

static const struct opt opts[] = {
	{ "dry-run", OPT_DRY_RUN, NULL, "say it, change nothing" },
	{ "force", OPT_FORCE, NULL,
	    "take what can be used although something is refused" },
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

/* When a difference holds. */
static void
put_class(struct ctl *ctl, const char *class)
{
	if (strcmp(class, "next-start") == 0)
		ctl_style(ctl, STYLE_DIM, "from the next start on");
	else if (strcmp(class, "restart") == 0)
		ctl_style(ctl, STYLE_YELLOW, "from the next start on: needs a restart");
	else if (strcmp(class, "supd-start") == 0)
		ctl_style(ctl, STYLE_YELLOW, "when supd is started again");
	else
		ctl_style(
		    ctl, STYLE_DIM, strcmp(class, "now") == 0 ? "holds now" : class);
}

/* holds: they were taken, or would be; of a reload that is refused no difference holds at
 * any time. */
static void
put_changed(struct ctl *ctl, const struct jv *list, bool holds, struct strv *restart)
{
	const char *last = "";
	const char *unit, *class, *with, *old, *new;
	const struct jv *d;
	size_t i;

	for (i = 0; i < jv_count(list); i++) {
		d = jv_at(list, i);
		unit = jv_str(jv_get(d, "unit"), "?");
		class = jv_str(jv_get(d, "class"), "");
		old = jv_str(jv_get(d, "old"), "");
		new = jv_str(jv_get(d, "new"), "");
		/* (A section that is new has its unset keys, too.) */
		if (*old == '\0' && *new == '\0')
			continue;
		if (strcmp(unit, last) != 0) {
			ctl_style(ctl, STYLE_BOLD, unit);
			ctl_printf(ctl, "\n");
		}
		last = unit;
		ctl_printf(ctl, "  ");
		ctl_put(ctl, jv_str(jv_get(d, "key"), "?"));
		ctl_printf(ctl, ": \"");
		ctl_put(ctl, old);
		ctl_printf(ctl, "\" -> \"");
		ctl_put(ctl, new);
		ctl_printf(ctl, holds ? "\"  " : "\"");
		if (holds)
			put_class(ctl, class);
		ctl_printf(ctl, "\n");
		if (!holds || strcmp(class, "restart") != 0 ||
		    strcmp(unit, "supd.conf") == 0)
			continue;
		(void)strv_add_unique(restart, unit);
		with = jv_str(jv_get(d, "with"), NULL);
		if (with != NULL)
			(void)strv_add_unique(restart, with);
	}
}

/* What is left to do, as a command. */
static void
put_restart(struct ctl *ctl, const struct strv *restart)
{
	char *names;

	if (restart->n == 0)
		return;
	names = strv_join(restart, " ");
	ctl_printf(ctl, "for what runs: supctl restart ");
	ctl_put(ctl, names);
	ctl_printf(ctl, "\n");
	free(names);
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

static void
put_differences(struct ctl *ctl, const struct jv *p, bool holds)
{
	const struct jv *added = jv_get(p, "added"), *removed = jv_get(p, "removed"),
			*changed = jv_get(p, "changed");
	struct strv restart = { 0 };

	put_names(ctl, added, STYLE_GREEN, "+");
	put_names(ctl, removed, STYLE_RED, "-");
	put_changed(ctl, changed, holds, &restart);
	put_restart(ctl, &restart);
	if (jv_count(added) + jv_count(removed) + jv_count(changed) == 0)
		ctl_say(ctl, "nothing differs");
	strv_free(&restart);
}

static int
tell_refused(struct ctl *ctl, bool dry)
{
	ctl_warn(
	    ctl, dry ? "the reload would be refused, and all stay as it is"
		     : "the reload was refused: nothing of it holds, all is as it was");
	ctl_note(ctl, "  next: ",
	    "mend what is named above; or supctl daemon-reload --force takes the rest");
	return CTL_FAILED;
}

static int
run_daemon_reload(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	bool dry = false, force = false, refused;
	struct jw *w;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_DRY_RUN)
			dry = true;
		else if (id == OPT_FORCE)
			force = true;
		else
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	if (dry)
		jw_kv_bool(w, "dry_run", true);
	if (force)
		jw_kv_bool(w, "force", true);
	code = ctl_call(ctl, "io.supd.Manager.Reload", w, &r);
	if (code != 0)
		return code;
	refused = jv_bool(jv_get(r.params, "refused"), false);
	if (ctl->json)
		ctl_json(ctl, r.params);
	else if (!ctl->quiet)
		put_differences(ctl, r.params, !refused);
	code = put_diagnostics(ctl, jv_get(r.params, "diagnostics"));
	if (refused)
		code = tell_refused(ctl, dry);
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
