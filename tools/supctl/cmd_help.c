/* help: the commands in one screen, or one of them with its options, from the table. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

static bool
is_own(const struct opt *own, int id)
{
	for (; own != NULL && own->name != NULL; own++)
		if (own->id == id)
			return true;
	return false;
}

/* but: those that are explained already. */
static void
put_opts(struct ctl *ctl, const struct opt *o, const struct opt *but)
{
	struct columns *t = columns_new();

	columns_add(t, "", 0);
	columns_add(t, "", 0);
	for (; o->name != NULL; o++) {
		if (is_own(but, o->id))
			continue;
		columns_row(t);
		columns_cellf(t, STYLE_BOLD, "  %c%c%s --%s%s%s",
		    o->id < OPT_LONG ? '-' : ' ', o->id < OPT_LONG ? o->id : ' ',
		    o->id < OPT_LONG ? "," : " ", o->name, o->arg == NULL ? "" : "=",
		    o->arg == NULL ? "" : o->arg);
		columns_cell(t, STYLE_NONE, o->help);
	}
	ctl_columns(ctl, t, false);
	columns_free(t);
}

void
ctl_help(struct ctl *ctl, const struct command *cmd)
{
	ctl_printf(ctl, "supctl %s%s%s\n\n%s.\n", cmd->name,
	    *cmd->words_usage == '\0' ? "" : " ", cmd->words_usage,
	    cmd->summary == NULL ? "See supctl help" : cmd->summary);
	if (cmd->alias != NULL)
		ctl_printf(ctl, "Also: supctl %s\n", cmd->alias);
	if (cmd->opts != NULL || cmd->groups)
		ctl_printf(ctl, "\n");
	if (cmd->opts != NULL)
		put_opts(ctl, cmd->opts, NULL);
	if (cmd->groups)
		put_opts(ctl, ctl_group_opts, NULL);
	ctl_printf(ctl, "\nWith every command:\n");
	put_opts(ctl, ctl_common_opts, cmd->opts);
	ctl_printf(ctl, "\nMore: man supctl\n");
}

static void
put_overview(struct ctl *ctl)
{
	struct columns *t = columns_new();
	size_t i;

	columns_add(t, "", 0);
	columns_add(t, "", COL_SHRINK);
	for (i = 0; ctl_commands[i] != NULL; i++) {
		columns_row(t);
		columns_cellf(t, STYLE_BOLD, "  %s", ctl_commands[i]->name);
		columns_cell(t, STYLE_NONE, ctl_commands[i]->summary);
	}
	ctl_printf(ctl, "supctl [-C DIR] COMMAND [WORD...]\n\n");
	ctl_columns(ctl, t, false);
	columns_free(t);
	ctl_printf(ctl, "\nsupctl help COMMAND explains one; man supctl has it all.\n");
}

static int
run_help(struct ctl *ctl, int argc, char **argv)
{
	const struct command *cmd;
	const char *near;
	char hint[128];

	if (argc > 1 && ctl_no_opts(ctl, argc, argv) != 0)
		return CTL_USAGE;
	if (argc <= 1 || optind == argc) {
		ctl_terminal(ctl);
		put_overview(ctl);
		return CTL_OK;
	}
	cmd = ctl_command_find(argv[optind]);
	if (cmd != NULL) {
		ctl_help(ctl, cmd);
		return CTL_OK;
	}
	near = ctl_command_nearest(argv[optind]);
	snprintf(hint, sizeof(hint), "did you mean %s?", near == NULL ? "" : near);
	return ctl_fail(ctl, CTL_USAGE, "usage", near == NULL ? NULL : hint,
	    "there is no command %s", argv[optind]);
}

const struct command cmd_help = {
	.name = "help",
	.words_usage = "[COMMAND]",
	.summary = "Explain supctl or one of its commands",
	.words = WORDS_COMMAND,
	.max = 1,
	.run = run_help,
};
