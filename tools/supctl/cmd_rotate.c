/* rotate, vacuum: the files of the logs. */
#include <getopt.h>

#include "commands.h"
#include "ctl.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "unit/span.h"

enum {
	OPT_SIZE = OPT_LONG,
	OPT_AGE,
};

static const struct opt vacuum_opts[] = {
	{ "size", OPT_SIZE, "BYTES",
	    "delete the oldest until this much is left, \"2G\"" },
	{ "age", OPT_AGE, "TIME", "delete what is older, \"30d\"" },
	{ NULL, 0, NULL, NULL },
};

static int
run_rotate(struct ctl *ctl, int argc, char **argv)
{
	return ctl_for_units(ctl, argc, argv, "io.supd.Log.Rotate", "rotated");
}

static int
run_vacuum(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	uint64_t size = UINT64_MAX;
	uint64_t age = UINT64_MAX;
	struct jw *w;
	char text[CLOCK_TEXT_MAX];
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_SIZE) {
			if (size_parse(optarg, &size) == -1 || size > INT64_MAX)
				return ctl_usage(
				    ctl, "--size: \"%s\" is no size", optarg);
		} else if (id != OPT_AGE ||
			   ctl_parse_span(ctl, "--age", optarg, &age) == -1) {
			return CTL_USAGE;
		}
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	if (size != UINT64_MAX)
		jw_kv_u64(w, "max_bytes", size);
	if (age != UINT64_MAX)
		jw_kv_u64(w, "max_age_sec", age / USEC_PER_SEC);
	code = ctl_call_waiting(ctl, "io.supd.Log.Vacuum", w, &r);
	if (code == 0 && ctl->json)
		ctl_json(ctl, r.params);
	else if (code == 0)
		ctl_say(ctl, "deleted %lld files, %s",
		    (long long)jv_i64(jv_get(r.params, "files"), 0),
		    ctl_bytes(
			text, sizeof(text), jv_i64(jv_get(r.params, "freed_bytes"), 0)));
	reply_clear(&r);
	return code;
}

const struct command cmd_rotate = {
	.name = "rotate",
	.words_usage = "[UNIT...]",
	.summary = "Close log files and open them again by name",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.run = run_rotate,
};

const struct command cmd_vacuum = {
	.name = "vacuum",
	.words_usage = "",
	.summary = "Delete old logs now, by the bounds of supd.conf or given ones",
	.max = 0,
	.opts = vacuum_opts,
	.run = run_vacuum,
};
