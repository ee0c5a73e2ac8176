/* drain: sessions that are told to come to an end, and are stopped when they have. */
#include <getopt.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/clock.h"
#include "lib/json.h"

enum {
	OPT_MESSAGE = OPT_LONG,
	OPT_WINDOW,
	OPT_REASON,
	OPT_NO_BLOCK,
	TRIES_MAX = 3, /* what kills one manager may kill the next */
};

static const struct opt opts[] = {
	{ "message", OPT_MESSAGE, "TEXT",
	    "what to tell them, instead of DrainMessage=; \"\": nothing" },
	{ "window", OPT_WINDOW, "TIME",
	    "how long they may take, instead of DrainWindowSec=" },
	{ "reason", OPT_REASON, "TEXT", "why, shown to whoever looks" },
	{ "no-block", OPT_NO_BLOCK, NULL, "return when it is begun" },
	{ NULL, 0, NULL, NULL },
};

struct draining {
	struct jw *json; /* the array of ends, with --json */
	bool canceled;
};

static void
tell_end(struct ctl *ctl, struct draining *d, const struct jv *u)
{
	static const struct {
		const char *result, *text;
	} texts[] = {
		{ "idle", "stopped: it was idle" },
		{ "asks", "stopped: it asked for a human" },
		{ "ended", "it had ended" },
		{ "window", "stopped: its time was over" },
		{ "untold", "stopped; it has no terminal and was told nothing" },
	};
	const char *unit = jv_str(jv_get(u, "unit"), "?");
	const char *result = jv_str(jv_get(u, "result"), "");
	const char *text = "it is not drained any more";

	if (strcmp(result, "canceled") == 0) {
		ctl_warn(ctl, "%s: the drain was called off", unit);
		d->canceled = true;
		return;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].result, result) == 0)
			text = texts[i].text;
	ctl_say(ctl, "%s: %s", unit, text);
}

static void
tell(struct ctl *ctl, struct draining *d, const struct jv *u)
{
	const char *unit = jv_str(jv_get(u, "unit"), "?");
	const char *phase = jv_str(jv_get(u, "phase"), "");
	const char *until = jv_str(jv_get(u, "until"), NULL);
	char text[CLOCK_TEXT_MAX];

	if (until != NULL)
		ctl_time(text, sizeof(text), until);
	if (strcmp(phase, "done") == 0)
		tell_end(ctl, d, u);
	else if (strcmp(phase, "telling") == 0)
		ctl_say(ctl, "%s is %s; it is told as soon as it can be, until %s", unit,
		    jv_str(jv_get(u, "session"), jv_str(jv_get(u, "state"), "?")),
		    until == NULL ? "?" : text);
	else if (strcmp(phase, "waiting") == 0)
		ctl_say(ctl, "%s may come to its end until %s", unit,
		    until == NULL ? "?" : text);
	else
		ctl_say(ctl, "%s: stopping (%s)", unit,
		    jv_str(jv_get(u, "result"), "asked for"));
}

static void
take(struct ctl *ctl, const struct jv *units, struct draining *d)
{
	for (size_t i = 0; i < jv_count(units); i++) {
		const struct jv *u = jv_at(units, i);

		tell(ctl, d, u);
		if (d->json != NULL &&
		    strcmp(jv_str(jv_get(u, "phase"), ""), "done") == 0)
			jv_write(u, d->json);
	}
	ctl_flush(ctl);
}

/* Exit status of the beginning; *left: of how many the end is to be waited for. */
static int
begun(struct ctl *ctl, const struct jv *units, size_t *left)
{
	int code = 0;

	*left = 0;
	for (size_t i = 0; i < jv_count(units); i++) {
		const struct jv *u = jv_at(units, i);
		const char *unit = jv_str(jv_get(u, "unit"), "?");
		const char *refused = jv_str(jv_get(u, "refused"), NULL);

		if (refused != NULL) {
			ctl_warn(ctl, "%s is not drained: %s", unit, refused);
			code = CTL_FAILED;
			continue;
		}
		(*left)++;
		ctl_warn_late(ctl, u);
	}
	return code;
}

/* One call and its replies; CLIENT_OK: the last one came, *code is an exit status. */
static enum client_result
ask(struct ctl *ctl, const char *params, struct draining *d, int *code, struct buf *why)
{
	uint64_t deadline = ctl_deadline(ctl, true);
	struct reply reply = { 0 };
	bool last = false;
	enum client_result r = ctl_try_connect(ctl, why);

	if (r == CLIENT_OK)
		r = ctl_send(ctl, "io.supd.Unit.WaitDrain", params, true, deadline, why);
	while (r == CLIENT_OK && !last) {
		r = ctl_receive(ctl, &reply, deadline, why);
		if (r != CLIENT_OK)
			break;
		last = !reply.continues;
		if (reply.error != NULL)
			*code = ctl_error_reply(ctl, &reply);
		else
			take(ctl, jv_get(reply.params, "units"), d);
		reply_clear(&reply);
	}
	if (r != CLIENT_OK)
		ctl_disconnect(ctl);
	return r;
}

/* The end; asked again of the next manager, which goes on with it. */
static int
wait_for_end(struct ctl *ctl, int argc, char **argv)
{
	struct draining d = { .canceled = false };
	struct buf params = { 0 }, why = { 0 };
	struct jw *w = ctl_params();
	enum client_result r;
	int code = 0;

	ctl_param_units(w, argc, argv);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	if (ctl->json) {
		d.json = ctl_json_new(ctl);
		jw_arr(d.json);
	}
	r = ask(ctl, buf_str(&params), &d, &code, &why);
	for (int tries = 0; r == CLIENT_CLOSED && tries < TRIES_MAX; tries++) {
		r = ctl_reconnect(ctl, &why);
		if (r == CLIENT_OK)
			r = ask(ctl, buf_str(&params), &d, &code, &why);
	}
	if (r != CLIENT_OK)
		code = ctl_client_failed(ctl, r, buf_str(&why));
	if (d.json != NULL) {
		jw_end(d.json);
		if (code == 0)
			ctl_json_take(ctl, d.json);
		else
			jw_free(d.json);
	}
	buf_free(&params);
	buf_free(&why);
	return code != 0 ? code : d.canceled ? CTL_FAILED : 0;
}

static int
run_drain(struct ctl *ctl, int argc, char **argv)
{
	const char *message = NULL, *reason = NULL;
	uint64_t window_us = 0;
	bool no_block = false;
	struct reply r = { 0 };
	size_t left = 0;
	struct jw *w;
	int id, code, end = 0;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_MESSAGE)
			message = optarg;
		else if (id == OPT_REASON)
			reason = optarg;
		else if (id == OPT_NO_BLOCK)
			no_block = true;
		else if (id != OPT_WINDOW ||
			 ctl_parse_span(ctl, "--window", optarg, &window_us) == -1)
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	w = ctl_params();
	ctl_param_units(w, argc, argv);
	if (message != NULL)
		jw_kv_str(w, "message", message);
	if (reason != NULL)
		jw_kv_str(w, "reason", reason);
	if (window_us != 0)
		jw_kv_u64(
		    w, "window_ms", (window_us + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
	code = ctl_call(ctl, "io.supd.Unit.Drain", w, &r);
	if (code == 0) {
		code = begun(ctl, jv_get(r.params, "units"), &left);
		if (ctl->json && (no_block || left == 0))
			ctl_json(ctl, jv_get(r.params, "units"));
		if (!no_block && left > 0)
			end = wait_for_end(ctl, argc, argv);
	}
	reply_clear(&r);
	return code != 0 ? code : end;
}

const struct command cmd_drain = {
	.name = "drain",
	.words_usage = "UNIT...",
	.summary =
	    "Tell sessions to come to an end, give them time for it, then stop them",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_drain,
};
