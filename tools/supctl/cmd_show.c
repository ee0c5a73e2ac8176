/* show: the settings of a unit as they hold, one KEY=VALUE a line. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/strv.h"

enum {
	OPT_RESOLVED = OPT_LONG,
	OPT_VALUE,
};

static const struct opt opts[] = {
	{ "property", 'p', "KEY", "only this setting (may be repeated, or a,b,c)" },
	{ "resolved", OPT_RESOLVED, NULL,
	    "add where each value comes from, and the environment, secrets masked" },
	{ "value", OPT_VALUE, NULL, "print values without KEY=" },
	{ NULL, 0, NULL, NULL },
};

static int
tell_unknown(struct ctl *ctl, const struct jv *reply)
{
	const struct jv *unknown = jv_get(reply, "unknown");

	for (size_t i = 0; i < jv_count(unknown); i++) {
		const struct jv *u = jv_at(unknown, i), *near = jv_get(u, "nearest");
		struct buf next = { 0 };

		ctl_warn(ctl, "%s has no property %s", jv_str(jv_get(reply, "unit"), "?"),
		    jv_str(jv_get(u, "property"), "?"));
		for (size_t k = 0; k < jv_count(near); k++)
			buf_addf(&next, "%s%s", k == 0 ? "did you mean " : ", ",
			    jv_str(jv_at(near, k), "?"));
		if (next.len > 0)
			buf_addc(&next, '?');
		else
			buf_adds(&next, "supctl show UNIT lists those there are");
		ctl_note(ctl, "  next: ", buf_str(&next));
		buf_free(&next);
	}
	return jv_count(unknown) > 0 ? CTL_FAILED : CTL_OK;
}

/* As a comment above the settings that have it in common, so that what is printed is
 * still one KEY=VALUE a line. */
static void
put_origin(struct ctl *ctl, const struct jv *origin, struct buf *last)
{
	struct buf text = { 0 };

	for (size_t k = 0; k < jv_count(origin); k++)
		buf_addf(&text, "%s%s", k > 0 ? " " : "", jv_str(jv_at(origin, k), "?"));
	if (text.len > 0 && strcmp(buf_str(&text), buf_str(last)) != 0) {
		ctl_style(ctl, STYLE_DIM, "# ");
		ctl_style(ctl, STYLE_DIM, buf_str(&text));
		ctl_printf(ctl, "\n");
	}
	buf_free(last);
	*last = text;
}

static int
run_show(struct ctl *ctl, int argc, char **argv)
{
	struct strv properties = { 0 };
	struct reply r = { 0 };
	struct buf origin = { 0 };
	const struct jv *settings, *s;
	bool resolved = false;
	bool value_only = false;
	struct jw *w;
	size_t i;
	int id;
	int code = CTL_USAGE;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == 'p')
			strv_split(&properties, optarg, ",");
		else if (id == OPT_RESOLVED)
			resolved = true;
		else if (id == OPT_VALUE)
			value_only = true;
		else
			goto out;
	}
	if (ctl_words(ctl, argc) != 0)
		goto out;
	w = ctl_params();
	jw_kv_str(w, "unit", argv[optind]);
	if (resolved)
		jw_kv_bool(w, "resolved", true);
	if (properties.n > 0)
		jw_kv_strv(w, "properties", &properties);
	code = ctl_call(ctl, "io.supd.Unit.Show", w, &r);
	settings = jv_get(r.params, "settings");
	if (code == 0 && ctl->json)
		ctl_json(ctl, r.params);
	for (i = 0; code == 0 && !ctl->json && i < jv_count(settings); i++) {
		s = jv_at(settings, i);
		if (!value_only) {
			put_origin(ctl, jv_get(s, "origin"), &origin);
			ctl_put(ctl, jv_str(jv_get(s, "key"), "?"));
			ctl_printf(ctl, "=");
		}
		ctl_put(ctl, jv_str(jv_get(s, "value"), ""));
		ctl_printf(ctl, "\n");
	}
	if (code == 0)
		code = tell_unknown(ctl, r.params);
	buf_free(&origin);
	reply_clear(&r);
out:
	strv_free(&properties);
	return code;
}

const struct command cmd_show = {
	.name = "show",
	.words_usage = "UNIT",
	.summary = "Print the settings of a unit as they hold",
	.words = WORDS_UNITS,
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run_show,
};
