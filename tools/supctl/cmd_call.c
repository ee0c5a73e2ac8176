/* call: any method of the control socket, as it is.  The answer is always JSON. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/json.h"

enum { OPT_MORE = OPT_LONG };

static const struct opt opts[] = {
	{ "more", OPT_MORE, NULL, "ask for a stream of replies" },
	{ NULL, 0, NULL, NULL },
};

/* "Unit.Status" is short for "io.supd.Unit.Status". */
static void
full_method(struct buf *out, const char *word)
{
	const char *dot = strchr(word, '.');

	if (dot != NULL && strchr(dot + 1, '.') == NULL)
		buf_adds(out, "io.supd.");
	buf_adds(out, word);
}

static int
put_reply(struct ctl *ctl, const struct jv *params, void *arg)
{
	(void)arg;
	if (params == NULL)
		ctl_printf(ctl, "{}\n");
	else
		ctl_json(ctl, params);
	return ctl_flush(ctl) ? -1 : CTL_FAILED;
}

static int
run_call(struct ctl *ctl, int argc, char **argv)
{
	struct buf method = { 0 };
	struct json_err err;
	struct jv *params = NULL;
	struct reply r = { 0 };
	struct jw *w;
	const char *text;
	bool more = false;
	size_t i;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_MORE)
			return CTL_USAGE;
		more = true;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	text = optind + 1 < argc ? argv[optind + 1] : "{}";
	params = jv_parse(text, strlen(text), &err);
	if (params == NULL || jv_type(params) != JV_OBJECT) {
		jv_free(params);
		return ctl_usage(ctl, "the parameters are no JSON object%s%s",
		    params == NULL ? ": " : "", params == NULL ? err.text : "");
	}
	w = ctl_params();
	for (i = 0; i < jv_count(params); i++) {
		jw_key(w, jv_key_at(params, i));
		jv_write(jv_at(params, i), w);
	}
	full_method(&method, argv[optind]);
	if (more) {
		code = ctl_call_more(ctl, buf_str(&method), w, true, put_reply, NULL);
	} else {
		code = ctl_call_waiting(ctl, buf_str(&method), w, &r);
		if (code == 0)
			put_reply(ctl, r.params, NULL);
		reply_clear(&r);
	}
	jv_free(params);
	buf_free(&method);
	return code;
}

const struct command cmd_call = {
	.name = "call",
	.words_usage = "METHOD [PARAMETERS]",
	.summary = "Call a method of the control socket with a JSON object",
	.min = 1,
	.max = 2,
	.opts = opts,
	.run = run_call,
};
