/* phases: where the person is, by what evidence, and what comes next. */
#include <stdint.h>

#include "commands.h"
#include "ctl.h"
#include "field.h"

#include "lib/clock.h"
#include "lib/json.h"

static void
show(struct ctl *ctl, const struct jv *p)
{
	const char *next = jv_str(jv_get(p, "next"), NULL);
	char text[CLOCK_TEXT_MAX];

	field_begin(ctl, "Phase");
	ctl_style(ctl, STYLE_BOLD, jv_str(jv_get(p, "phase"), "?"));
	field_since(ctl, jv_str(jv_get(p, "since"), NULL));
	ctl_printf(ctl, "\n");
	field_begin(ctl, "Activity");
	ctl_printf(ctl, "%s ago: ",
	    clock_format_duration(text, sizeof(text), jv_u64(jv_get(p, "idle_us"))));
	ctl_put(ctl, jv_str(jv_get(p, "evidence"), "?"));
	ctl_printf(ctl, "\n");
	if (next == NULL)
		return;
	field_begin(ctl, "Next");
	ctl_put(ctl, next);
	ctl_printf(ctl, " in %s without activity\n",
	    clock_format_duration(text, sizeof(text), jv_u64(jv_get(p, "next_in_us"))));
}

static int
run_phases(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	const struct jv *phase;
	int code;

	if (ctl_no_opts(ctl, argc, argv) != 0)
		return CTL_USAGE;
	code = ctl_call(ctl, "io.supd.Manager.Status", NULL, &r);
	if (code != 0)
		return code;
	phase = jv_get(r.params, "phase");
	if (ctl->json) {
		struct jw *w = ctl_json_new(ctl);

		jw_obj(w);
		jw_key(w, "phase");
		if (phase != NULL)
			jv_write(phase, w);
		else
			jw_null(w);
		jw_end(w);
		ctl_json_take(ctl, w);
	} else if (jv_type(phase) != JV_OBJECT) {
		ctl_say(ctl, "there are no phases: supd.conf has no [Phases]");
	} else {
		show(ctl, phase);
	}
	reply_clear(&r);
	return CTL_OK;
}

const struct command cmd_phases = {
	.name = "phases",
	.words_usage = "",
	.summary = "Whether the person is awake, by what evidence, and what comes next",
	.max = 0,
	.run = run_phases,
};
