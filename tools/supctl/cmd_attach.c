/* attach: a session on the person's own terminal. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "frames.h"
#include "tty.h"

#include "lib/fdio.h"

enum {
	OPT_KEY = OPT_LONG,
	KEY_DEFAULT = 0x1d, /* C-] */
	STDIN_MAX = 4096,   /* bytes read at once */
	KEPT_MAX = 4096,    /* typed while supd is away; what is more is dropped */
};

static const struct opt opts[] = {
	{ "read-only", 'r', NULL, "only look; the window keeps its size" },
	{ "take", 't', NULL, "type instead of who does now" },
	{ "detach-key", OPT_KEY, "KEY", "ends it; \"C-]\" when not given" },
	{ NULL, 0, NULL, NULL },
};

struct attach {
	struct frames f;
	char key;
	bool typed; /* we could type, as far as we have heard */
	bool stdin_open;
	struct buf kept; /* typed while supd is away */
};

/* "C-]" or one character; -1: neither. */
static int
parse_key(const char *text, char *key)
{
	if (strncmp(text, "C-", 2) == 0 && text[2] != '\0' && text[3] == '\0') {
		*key = (char)(text[2] & 0x1f);
		return 0;
	}
	if (text[0] == '\0' || text[1] != '\0')
		return -1;
	*key = text[0];
	return 0;
}

/* ---- who types ---- */

/* In the last line, until the program draws there again. */
static void
put_notice(const char *what)
{
	struct buf text = { 0 };

	if (isatty(STDOUT_FILENO) != 1)
		return;
	buf_addf(&text, "\0337\033[999;1H\033[0;7m %s \033[0m\0338", what);
	(void)full_write(STDOUT_FILENO, text.data, text.len);
	buf_free(&text);
}

/* Where keys lead nowhere. */
static void
say_who_types(struct attach *a)
{
	struct buf text = { 0 };

	if (a->f.writer)
		return;
	if (a->f.held_by != NULL)
		buf_addf(&text, "%.40s types; ", a->f.held_by);
	buf_adds(&text, a->f.read_only ? "this only looks" : "attach --take to type");
	put_notice(buf_str(&text));
	buf_free(&text);
}

/* All of the screen is drawn again when it is back. */
static void
on_away(void *arg)
{
	const struct attach *a = arg;
	char key[] = { 'C', '-', (char)(a->key | 0x40), '\0' };
	struct buf text = { 0 };

	if ((unsigned char)a->key >= ' ')
		key[0] = a->key, key[1] = '\0';
	buf_addf(&text, "supd does not answer%s; %s detaches",
	    a->f.writer ? ", what is typed waits for it" : "", key);
	put_notice(buf_str(&text));
	buf_free(&text);
}

/* ---- frames ---- */

static void
send_size(struct attach *a)
{
	uint16_t rows, cols;
	char p[4];

	if (a->f.read_only || !tty_size(&rows, &cols))
		return;
	p[0] = (char)(rows >> 8);
	p[1] = (char)rows;
	p[2] = (char)(cols >> 8);
	p[3] = (char)cols;
	frames_send(&a->f, FRAME_SIZE, p, sizeof(p));
}

static void
on_status(struct attach *a)
{
	if (a->f.writer && !a->typed)
		send_size(a);
	else if (a->typed)
		say_who_types(a);
	a->typed = a->f.writer;
}

/* False: the session is over for us. */
static bool
on_frame(void *arg, enum frame what, const char *p, size_t n)
{
	struct attach *a = arg;

	switch (what) {
	case FRAME_OUTPUT:
		return full_write(STDOUT_FILENO, p, n) == 0;
	case FRAME_STATUS:
		on_status(a);
		return true;
	default:
		return true; /* of a newer supd */
	}
}

/* Reads what was typed, up to the key that detaches.  False: that was pressed. */
static bool
read_stdin(struct attach *a, char bytes[STDIN_MAX], size_t *len)
{
	ssize_t n = read(STDIN_FILENO, bytes, STDIN_MAX);
	const char *key;

	*len = 0;
	if (n <= 0) {
		a->stdin_open = n == -1 && errno == EINTR;
		if (!a->stdin_open)
			a->f.on_stdin_away = NULL;
		return true;
	}
	key = tty_is_one() ? memchr(bytes, a->key, (size_t)n) : NULL;
	*len = key != NULL ? (size_t)(key - bytes) : (size_t)n;
	return key == NULL;
}

static void
send_typed(struct attach *a, const char *bytes, size_t len)
{
	if (len > 0 && a->f.writer)
		frames_send(&a->f, FRAME_INPUT, bytes, len);
	else if (len > 0)
		say_who_types(a);
}

static bool
on_stdin(struct attach *a)
{
	char bytes[STDIN_MAX];
	size_t len;
	bool go_on = read_stdin(a, bytes, &len);

	send_typed(a, bytes, len);
	if (!go_on)
		frames_send(&a->f, FRAME_DETACH, "", 0);
	return go_on;
}

/* While supd is away: it is typed when that is back. */
static bool
on_stdin_away(void *arg)
{
	struct attach *a = arg;
	char bytes[STDIN_MAX];
	size_t len;
	bool go_on = read_stdin(a, bytes, &len);

	if (a->kept.len + len <= KEPT_MAX)
		buf_append(&a->kept, bytes, len);
	if (!go_on) {
		buf_clear(&a->f.why);
		buf_adds(&a->f.why, "detached; supd does not answer");
	}
	return go_on;
}

static bool
attached_again(struct attach *a)
{
	if (!frames_connect_again(&a->f))
		return false;
	a->typed = a->f.writer;
	send_typed(a, a->kept.data, a->kept.len);
	buf_clear(&a->kept);
	return true;
}

/* A size is sent behind what waits; who types more than fits waits, too. */
static int
wanted(const struct attach *a)
{
	return frames_wants(&a->f) |
	       (a->stdin_open && frames_has_room(&a->f) ? TTY_STDIN : 0);
}

static void
attached(struct attach *a)
{
	struct frames *f = &a->f;
	int go_on = frames_handle(f) ? 1 : 0;
	bool detached = false;

	while (go_on == 1 && !detached) {
		int what = tty_wait(client_fd(f->ctl->client), wanted(a), -1);

		if ((what & TTY_ENDED) != 0)
			return;
		if ((what & TTY_ROOM) != 0)
			frames_send_pending(f);
		if ((what & TTY_RESIZED) != 0)
			send_size(a);
		if ((what & TTY_STDIN) != 0)
			detached = !on_stdin(a);
		if ((what & TTY_PEER) != 0 && !detached)
			go_on = frames_read(f);
		if (go_on == -1 && attached_again(a))
			go_on = frames_handle(f) ? 1 : 0;
	}
	if (detached) {
		frames_send_last(f);
		buf_clear(&f->why);
		buf_adds(&f->why, "detached");
	}
}

/* What is drawn here would be drawn there, and so on without end. */
static bool
is_own(struct ctl *ctl, const char *unit)
{
	const char *own = getenv("SUPD_UNIT"), *root = getenv("SUPD_ROOT");
	size_t n = strlen(unit);

	return own != NULL && root != NULL && strcmp(root, ctl->in.root) == 0 &&
	       strncmp(own, unit, n) == 0 &&
	       (own[n] == '\0' || strcmp(own + n, ".service") == 0);
}

static int
run_attach(struct ctl *ctl, int argc, char **argv)
{
	struct attach a = { .key = KEY_DEFAULT, .stdin_open = true };
	struct frames *f = &a.f;
	int id, code;

	f->ctl = ctl;
	f->on_frame = on_frame;
	f->on_stdin_away = on_stdin_away;
	f->on_away = on_away;
	f->arg = &a;
	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == 'r')
			f->read_only = true;
		else if (id == 't')
			f->take = true;
		else if (id != OPT_KEY)
			return CTL_USAGE;
		else if (parse_key(optarg, &a.key) == -1)
			return ctl_usage(ctl,
			    "--detach-key: \"%s\" is not one: a character, or C- and "
			    "a character",
			    optarg);
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if (f->read_only && f->take)
		return ctl_usage(ctl, "--take is for who wants to type");
	f->unit = argv[optind];
	code = ctl_instance(ctl);
	if (code != 0)
		return code;
	if (is_own(ctl, f->unit))
		return ctl_fail(ctl, CTL_FAILED, NULL, "attach from another terminal",
		    "%s is the session that this runs in", f->unit);
	code = frames_connect(f);
	a.typed = f->writer;
	if (code == 0 && !f->writer && !f->read_only && f->held_by != NULL)
		ctl_say(ctl, "%s: %s types; attach --take to type instead", f->unit,
		    f->held_by);
	if (code == 0 && tty_begin() == -1)
		code = ctl_fail(
		    ctl, CTL_FAILED, NULL, NULL, "the terminal: %s", strerror(errno));
	if (code == 0) {
		attached(&a);
		tty_end();
		code = f->code;
		if (code == 0)
			ctl_say(ctl, "%s: %s", f->unit,
			    f->why.len > 0 ? buf_str(&f->why) : "detached");
	}
	frames_clear(f);
	buf_free(&a.kept);
	return code;
}

const struct command cmd_attach = {
	.name = "attach",
	.words_usage = "UNIT",
	.summary = "Show a session on this terminal, and type into it",
	.words = WORDS_UNITS,
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run_attach,
};
