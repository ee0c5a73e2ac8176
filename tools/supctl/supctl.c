/*
 * supctl: the hand on supd.  main finds the command in the table and runs it; everything
 * else is in the command's own file.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"

/* Before the command only the common options are possible: `supctl -C DIR status'. */
static const struct command no_command = {
	.name = "COMMAND",
	.words_usage = "[WORD...]",
	.words = WORDS_PROGRAM,
	.max = SIZE_MAX,
};

static int
unknown_command(struct ctl *ctl, const char *name)
{
	const char *near = ctl_command_nearest(name);
	char hint[128];

	snprintf(hint, sizeof(hint), "did you mean %s?", near == NULL ? "" : near);
	return ctl_fail(ctl, CTL_USAGE, "usage",
	    near == NULL ? "supctl help lists the commands" : hint,
	    "there is no command %s", name);
}

/* What is wrong in front of --json is told as it asks, too. */
static void
look_for_json(struct ctl *ctl, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			ctl->json = true;
}

static int
run_command(struct ctl *ctl, int argc, char **argv)
{
	ctl->cmd = &no_command;
	opterr = 0;
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		ctl_own_version(ctl);
		return CTL_OK;
	}
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		ctl->cmd = &cmd_help;
		return cmd_help.run(ctl, 1, argv);
	}
	if (ctl_getopt(ctl, argc, argv) != -1)
		return CTL_USAGE;
	argc -= optind;
	argv += optind;
	optind = 0; /* glibc: start anew, for the command's own options */
	if (argc == 0) {
		ctl->cmd = &cmd_help;
		cmd_help.run(ctl, 1, (char *[]){ (char[]){ "help" }, NULL });
		return CTL_USAGE;
	}
	ctl->cmd = ctl_command_find(argv[0]);
	if (ctl->cmd == NULL || ctl->cmd->words != WORDS_PROGRAM)
		look_for_json(ctl, argc, argv);
	if (ctl->cmd == NULL)
		return unknown_command(ctl, argv[0]);
	return ctl->cmd->run(ctl, argc, argv);
}

/* Where one of the three is closed, what is opened next would be taken for it.  What we
 * become has them closed again. */
static void
fill_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", O_RDWR | O_CLOEXEC) == -1) {
			dprintf(
			    STDERR_FILENO, "supctl: /dev/null: %s\n", strerror(errno));
			_exit(CTL_FAILED);
		}
}

int
main(int argc, char **argv)
{
	struct ctl ctl;
	int code;

	fill_standard_fds();
	ctl_init(&ctl);
	code = run_command(&ctl, argc, argv);
	if (!ctl_flush(&ctl) && code == CTL_OK)
		code = CTL_FAILED;
	ctl_clear(&ctl);
	return code;
}
