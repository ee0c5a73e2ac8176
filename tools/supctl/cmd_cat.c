/* cat: the files that a unit is made of. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

/* Escapes all control characters but those that belong to a text file. */
static void
put_file(struct ctl *ctl, const char *text)
{
	char line[2] = { '\0', '\0' };
	size_t n;

	while (*text != '\0') {
		n = strcspn(text, "\n\t");
		if (n > 0) {
			struct buf part = { 0 };

			buf_append(&part, text, n);
			ctl_put(ctl, buf_str(&part));
			buf_free(&part);
		}
		text += n;
		if (*text != '\0') {
			line[0] = *text++;
			ctl_printf(ctl, "%s", line);
		}
	}
}

static int
run_cat(struct ctl *ctl, int argc, char **argv)
{
	struct reply r = { 0 };
	const struct jv *files;
	const char *text;
	struct jw *w;
	size_t i, len;
	int code = ctl_no_opts(ctl, argc, argv);

	if (code != 0)
		return code;
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	code = ctl_call(ctl, "io.supd.Unit.Cat", w, &r);
	files = jv_get(r.params, "files");
	if (code == 0 && ctl->json)
		ctl_json(ctl, files);
	for (i = 0; code == 0 && !ctl->json && i < jv_count(files); i++) {
		text = jv_str(jv_get(jv_at(files, i), "text"), "");
		len = strlen(text);
		if (i > 0)
			ctl_printf(ctl, "\n");
		ctl_style(ctl, STYLE_DIM, "# ");
		ctl_style(ctl, STYLE_DIM, jv_str(jv_get(jv_at(files, i), "path"), "?"));
		ctl_printf(ctl, "\n");
		put_file(ctl, text);
		if (len > 0 && text[len - 1] != '\n')
			ctl_printf(ctl, "\n");
	}
	reply_clear(&r);
	return code;
}

const struct command cmd_cat = {
	.name = "cat",
	.words_usage = "UNIT...",
	.summary =
	    "Print the files that units are made of, in the order in which they hold",
	.words = WORDS_UNITS,
	.min = 1,
	.max = SIZE_MAX,
	.run = run_cat,
};
