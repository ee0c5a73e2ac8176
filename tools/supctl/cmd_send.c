/* send, keys: into the terminal of a session. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/strv.h"

enum {
	OPT_NO_ENTER = OPT_LONG,
	OPT_REPLACE,
	OPT_SLOT,
	OPT_WHEN,
	OPT_EXPIRE,
	OPT_NOW,
	OPT_FORCE,
	OPT_NO_CONFIRM,
	OPT_NO_WAIT,
	STDIN_MAX = 256 * 1024,
};

static const struct opt send_opts[] = {
	{ "no-enter", OPT_NO_ENTER, NULL, "only the text" },
	{ "replace", OPT_REPLACE, NULL, "empty the prompt first (InputClear=)" },
	{ "slot", OPT_SLOT, "NAME",
	    "take the place of an older text of that name that still waits" },
	{ "when", OPT_WHEN, "STATE,...",
	    "wait for one of these: idle, working, waiting, ..." },
	{ "expire", OPT_EXPIRE, "TIME", "give up after so long" },
	{ "now", OPT_NOW, NULL, "do not wait for a state" },
	{ "force", OPT_FORCE, NULL, "also where a password is asked for" },
	{ "no-confirm", OPT_NO_CONFIRM, NULL, "do not look whether the screen took it" },
	{ "no-wait", OPT_NO_WAIT, NULL, "do not wait for the result" },
	{ NULL, 0, NULL, NULL },
};

static const struct opt keys_opts[] = {
	{ "when", OPT_WHEN, "STATE,...",
	    "wait for one of these: idle, working, waiting, ..." },
	{ "no-wait", OPT_NO_WAIT, NULL, "do not wait for the result" },
	{ NULL, 0, NULL, NULL },
};

/* Tells what became of it; the exit status. */
static int
show_result(struct ctl *ctl, const char *unit, const struct jv *p)
{
	const char *result = jv_str(jv_get(p, "result"), "?");
	const char *reason = jv_str(jv_get(p, "reason"), NULL);
	bool good = strcmp(result, "confirmed") == 0 ||
		    strcmp(result, "delivered") == 0 || strcmp(result, "pending") == 0;

	if (ctl->json)
		ctl_json(ctl, p);
	else if (good)
		ctl_say(ctl, "%s: %s", unit, result);
	else
		return ctl_fail(ctl, CTL_FAILED, NULL, NULL, "%s: %s%s%s", unit, result,
		    reason == NULL ? "" : ": ", reason == NULL ? "" : reason);
	return good ? CTL_OK : CTL_FAILED;
}

static void
put_when(struct jw *w, const char *when)
{
	struct strv words = { 0 };

	if (when == NULL)
		return;
	strv_split(&words, when, ", ");
	jw_kv_strv(w, "when", &words);
	strv_free(&words);
}

/* By it the call can be made again when the manager dies before it has answered. */
static void
put_token(struct jw *w)
{
	unsigned char bytes[16];
	char text[2 * sizeof(bytes) + 1];

	arc4random_buf(bytes, sizeof(bytes));
	hex_encode(text, bytes, sizeof(bytes));
	jw_kv_str(w, "token", text);
}

static int
finish(struct ctl *ctl, const char *method, const char *unit, struct jw *w)
{
	struct reply r = { 0 };
	int code;

	put_token(w);
	code = ctl_call_again(ctl, method, w, &r);

	if (code == 0)
		code = show_result(ctl, unit, r.params);
	reply_clear(&r);
	return code;
}

/* The words of the command line, or what stands on stdin for "-".  -1: told. */
static int
read_text(struct ctl *ctl, int argc, char **argv, struct buf *text)
{
	ssize_t n;

	if (argc - optind == 1 && strcmp(argv[optind], "-") == 0) {
		n = full_read(STDIN_FILENO, buf_reserve(text, STDIN_MAX), STDIN_MAX);
		if (n == -1 || n == STDIN_MAX) {
			(void)ctl_fail(ctl, CTL_FAILED, NULL, NULL,
			    n == -1 ? "stdin cannot be read" : "stdin is too long");
			return -1;
		}
		buf_grew(text, (size_t)n);
		while (text->len > 0 && text->data[text->len - 1] == '\n')
			buf_truncate(text, text->len - 1);
		return 0;
	}
	for (int i = optind; i < argc; i++) {
		if (i > optind)
			buf_addc(text, ' ');
		buf_adds(text, argv[i]);
	}
	return 0;
}

static int
run_send(struct ctl *ctl, int argc, char **argv)
{
	const char *slot = NULL, *when = NULL, *unit;
	bool enter = true, replace = false, now = false, force = false;
	bool confirm = true, wait = true;
	uint64_t expire = 0;
	struct buf text = { 0 };
	struct jw *w;
	int id, code = -1;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		switch (id) {
		case OPT_NO_ENTER:
			enter = false;
			break;
		case OPT_REPLACE:
			replace = true;
			break;
		case OPT_SLOT:
			slot = optarg;
			break;
		case OPT_WHEN:
			when = optarg;
			break;
		case OPT_EXPIRE:
			if (ctl_parse_span(ctl, "--expire", optarg, &expire) == -1)
				return CTL_USAGE;
			break;
		case OPT_NOW:
			now = true;
			break;
		case OPT_FORCE:
			force = true;
			break;
		case OPT_NO_CONFIRM:
			confirm = false;
			break;
		case OPT_NO_WAIT:
			wait = false;
			break;
		default:
			return CTL_USAGE;
		}
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	unit = argv[optind++];
	if (read_text(ctl, argc, argv, &text) == 0) {
		w = ctl_params();
		jw_kv_str(w, "unit", unit);
		jw_kv_strn(w, "text", text.data, text.len);
		jw_kv_bool(w, "enter", enter);
		jw_kv_bool(w, "replace", replace);
		jw_kv_bool(w, "now", now);
		jw_kv_bool(w, "force", force);
		jw_kv_bool(w, "confirm", confirm);
		jw_kv_bool(w, "wait", wait);
		if (slot != NULL)
			jw_kv_str(w, "slot", slot);
		put_when(w, when);
		if (expire > 0)
			jw_kv_u64(w, "expire_ms", expire / USEC_PER_MSEC);
		code = finish(ctl, "io.supd.Session.Send", unit, w);
	}
	buf_free(&text);
	return code == -1 ? CTL_FAILED : code;
}

static int
run_keys(struct ctl *ctl, int argc, char **argv)
{
	const char *when = NULL, *unit;
	bool wait = true;
	struct jw *w;
	int id;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_WHEN)
			when = optarg;
		else if (id == OPT_NO_WAIT)
			wait = false;
		else
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	unit = argv[optind++];
	w = ctl_params();
	jw_kv_str(w, "unit", unit);
	jw_kv_arr(w, "keys");
	for (int i = optind; i < argc; i++)
		jw_str(w, argv[i]);
	jw_end(w);
	jw_kv_bool(w, "wait", wait);
	put_when(w, when);
	return finish(ctl, "io.supd.Session.Keys", unit, w);
}

const struct command cmd_send = {
	.name = "send",
	.words_usage = "UNIT TEXT...",
	.summary = "Type text into a session, and say what became of it",
	.words = WORDS_UNITS,
	.min = 2,
	.max = SIZE_MAX,
	.opts = send_opts,
	.run = run_send,
};

const struct command cmd_keys = {
	.name = "keys",
	.words_usage = "UNIT KEY...",
	.summary = "Press keys in a session: C-c, Enter, Escape, Up, F1, x",
	.words = WORDS_UNITS,
	.min = 2,
	.max = SIZE_MAX,
	.opts = keys_opts,
	.run = run_keys,
};
