/* digest: what has happened since somebody was told last, and what to add to that. */
#include <sys/random.h>

#include <getopt.h>
#include <stdint.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"

#include "lib/hex.h"
#include "lib/json.h"

enum { OPT_PEEK = OPT_LONG, OPT_LAST, OPT_FORCE };

static const struct opt opts[] = {
	{ "peek", OPT_PEEK, NULL, "show it, and leave it for whoever takes it" },
	{ "last", OPT_LAST, NULL, "show the one that was handed out last" },
	{ "force", OPT_FORCE, NULL, "also when the last one was not long ago" },
	{ NULL, 0, NULL, NULL },
};

static void
warn_late(struct ctl *ctl, const struct jv *reply)
{
	if (!jv_bool(jv_get(reply, "durable"), true))
		ctl_warn(
		    ctl, "the disk did not take it in time; it holds while supd lives");
}

static int
add(struct ctl *ctl, int argc, char **argv)
{
	struct buf text = { 0 };
	struct reply r = { 0 };
	struct jw *w;
	int code;

	if (++optind >= argc)
		return ctl_usage(ctl, "add needs a text");
	for (; optind < argc; optind++) {
		buf_adds(&text, text.len > 0 ? " " : "");
		buf_adds(&text, argv[optind]);
	}
	w = ctl_params();
	jw_kv_str(w, "text", buf_str(&text));
	buf_free(&text);
	code = ctl_call(ctl, "io.supd.Digest.Add", w, &r);
	if (code == 0 && ctl->json)
		ctl_json(ctl, r.params);
	if (code == 0)
		warn_late(ctl, r.params);
	reply_clear(&r);
	return code;
}

/* The newlines are supd's, what is between them is escaped. */
static void
show_text(struct ctl *ctl, const char *text)
{
	struct strv lines = { 0 };

	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		ctl_put(ctl, lines.v[i]);
		buf_addc(&ctl->out, '\n');
	}
	strv_free(&lines);
}

static int
look(struct ctl *ctl, bool last)
{
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	const char *text;
	int code;

	jw_kv_bool(w, "last", last);
	code = ctl_call(ctl, "io.supd.Digest.Read", w, &r);
	text = jv_str(jv_get(r.params, "text"), "");
	if (code == 0 && ctl->json)
		ctl_json(ctl, r.params);
	else if (code == 0 && text[0] != '\0')
		show_text(ctl, text);
	if (code == 0 && text[0] == '\0') {
		ctl_say(ctl, last ? "none was handed out yet" : "nothing has happened");
		code = CTL_NOTHING;
	}
	reply_clear(&r);
	return code;
}

/* Whose the digest is, when it has to be asked for twice; NULL: nobody knows. */
static const char *
make_key(char key[HEX_ID_SIZE])
{
	uint8_t id[16];

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return NULL;
	hex_encode(key, id, sizeof(id));
	return key;
}

static int
take(struct ctl *ctl, bool force)
{
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	char hex[HEX_ID_SIZE];
	const char *key = make_key(hex);
	int code;

	if (key != NULL)
		jw_kv_str(w, "key", key);
	jw_kv_bool(w, "force", force);
	code = key == NULL ? ctl_call(ctl, "io.supd.Digest.Take", w, &r)
			   : ctl_call_again(ctl, "io.supd.Digest.Take", w, &r);
	if (code == 0 && ctl->json)
		ctl_json(ctl, r.params);
	else if (code == 0)
		show_text(ctl, jv_str(jv_get(r.params, "text"), ""));
	if (code == 0)
		warn_late(ctl, r.params);
	reply_clear(&r);
	return code;
}

static int
run_digest(struct ctl *ctl, int argc, char **argv)
{
	bool peek = false, last = false, force = false;
	int id;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != OPT_PEEK && id != OPT_LAST && id != OPT_FORCE)
			return CTL_USAGE;
		peek = peek || id == OPT_PEEK;
		last = last || id == OPT_LAST;
		force = force || id == OPT_FORCE;
	}
	if (peek + last + force > 1)
		return ctl_usage(ctl, "--peek, --last and --force exclude each other");
	if (optind < argc && strcmp(argv[optind], "add") == 0 && !peek && !last && !force)
		return add(ctl, argc, argv);
	if (optind < argc)
		return ctl_usage(ctl, "the word behind digest is add");
	return peek || last ? look(ctl, last) : take(ctl, force);
}

const struct command cmd_digest = {
	.name = "digest",
	.words_usage = "[add TEXT...]",
	.summary = "What has happened since the last digest, handed out once",
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_digest,
};
