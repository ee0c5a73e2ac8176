/* reset-failed: forget failures, restart counters and start limits. */
#include "commands.h"
#include "ctl.h"

static int
run_reset_failed(struct ctl *ctl, int argc, char **argv)
{
	return ctl_for_units(ctl, argc, argv, "io.supd.Unit.ResetFailed", "reset");
}

const struct command cmd_reset_failed = {
	.name = "reset-failed",
	.words_usage = "[UNIT...]",
	.summary = "Forget failures, restart counters and start limits",
	.words = WORDS_UNITS,
	.groups = true,
	.max = SIZE_MAX,
	.run = run_reset_failed,
};
