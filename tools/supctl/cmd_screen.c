/* screen: what a session shows now. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

enum { OPT_ANSI = OPT_LONG };

static const struct opt opts[] = {
	{ "ansi", OPT_ANSI, NULL, "with colours" },
	{ NULL, 0, NULL, NULL },
};

static void
put_lines(struct ctl *ctl, const struct jv *lines)
{
	size_t n = jv_count(lines);

	/* Blank ones at the end say nothing. */
	while (n > 0 && jv_str(jv_at(lines, n - 1), "")[0] == '\0')
		n--;
	for (size_t i = 0; i < n; i++) {
		ctl_put(ctl, jv_str(jv_at(lines, i), ""));
		ctl_printf(ctl, "\n");
	}
}

static int
run_screen(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	bool ansi = false;
	struct jw *w;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_ANSI)
			return CTL_USAGE;
		ansi = true;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	jw_kv_str(w, "unit", argv[optind]);
	if (ansi)
		jw_kv_bool(w, "ansi", true);
	code = ctl_call(ctl, "io.supd.Session.Screen", w, &r);
	if (code == 0 && ctl->json) {
		ctl_json(ctl, r.params);
	} else if (code == 0 && ansi) {
		size_t len;
		const char *text = jv_strn(jv_get(r.params, "ansi"), &len);

		/* Bytes that supd made itself from the cells of its screen. */
		if (text != NULL)
			buf_append(&ctl->out, text, len);
	} else if (code == 0) {
		put_lines(ctl, jv_get(r.params, "lines"));
	}
	reply_clear(&r);
	return code;
}

const struct command cmd_screen = {
	.name = "screen",
	.words_usage = "UNIT",
	.summary = "Print what a session shows now",
	.words = WORDS_UNITS,
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run_screen,
};
