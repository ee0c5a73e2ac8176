/* attach: a session on the person's own terminal. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "tty.h"

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/utf8.h"

enum {
	OPT_KEY = OPT_LONG,
	HEAD = 5,
	FRAME_MAX = 64 * 1024 * 1024,
	RETRY_MS = 100,
	BACK_US = 60 * 1000 * 1000, /* how long supd may be away */
	KEY_DEFAULT = 0x1d,         /* C-] */
};

static const struct opt opts[] = {
	{ "read-only", 'r', NULL, "only look; the window keeps its size" },
	{ "take", 't', NULL, "type instead of who does now" },
	{ "detach-key", OPT_KEY, "KEY", "ends it; \"C-]\" when not given" },
	{ NULL, 0, NULL, NULL },
};

struct attach {
	struct ctl *ctl;
	const char *unit;
	bool read_only, take;
	char key;
	bool writer;
	char *held_by; /* who types, when it is somebody else */
	bool stdin_open;
	struct buf in; /* frames that are not whole yet */
	struct buf why;
	enum client_result result; /* of the last try to connect */
	int code;
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

static void
hear_holder(struct attach *a, const struct jv *v)
{
	const char *who = jv_str(jv_get(v, "held_by"), NULL);
	struct buf text = { 0 };

	free(a->held_by);
	a->held_by = NULL;
	if (who == NULL)
		return;
	utf8_escape_buf(&text, who, strlen(who));
	a->held_by = buf_take(&text);
}

/* Where keys lead nowhere: in the last line, until the program draws there again. */
static void
say_who_types(struct attach *a)
{
	struct buf text = { 0 };

	if (a->writer || isatty(STDOUT_FILENO) != 1)
		return;
	buf_adds(&text, "\0337\033[999;1H\033[0;7m ");
	if (a->held_by != NULL)
		buf_addf(&text, "%.40s types; ", a->held_by);
	buf_adds(&text, a->read_only ? "this only looks" : "attach --take to type");
	buf_adds(&text, " \033[0m\0338");
	(void)full_write(STDOUT_FILENO, text.data, text.len);
	buf_free(&text);
}

/* ---- connecting ---- */

static char *
params(const struct attach *a)
{
	struct jw *w = ctl_params();
	struct buf text = { 0 };
	uint16_t rows, cols;

	jw_kv_str(w, "unit", a->unit);
	jw_kv_bool(w, "read_only", a->read_only);
	jw_kv_bool(w, "take", a->take);
	if (!a->read_only && tty_size(&rows, &cols)) {
		jw_kv_u64(w, "rows", rows);
		jw_kv_u64(w, "cols", cols);
	}
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	return buf_take(&text);
}

/* One try: 0 attached, -1 supd does not answer (now), else an exit status that was told.
 */
static int
connect_once(struct attach *a)
{
	struct ctl *ctl = a->ctl;
	uint64_t deadline = ctl_deadline(ctl, false);
	struct reply r = { 0 };
	enum client_result cr;
	char *text = params(a);
	int code = -1;

	buf_clear(&a->why);
	buf_clear(&a->in);
	ctl_disconnect(ctl);
	cr = ctl_try_connect(ctl, &a->why);
	if (cr == CLIENT_OK)
		cr = client_send_upgrade(
		    ctl->client, "io.supd.Session.Attach", text, deadline, &a->why);
	if (cr == CLIENT_OK)
		cr = client_receive(ctl->client, &r, deadline, &a->why);
	free(text);
	if (cr == CLIENT_OK && r.error != NULL) {
		code = strcmp(r.error, "io.supd.Session.TerminalUnavailable") == 0
			   ? -1
			   : ctl_error_reply(ctl, &r);
	} else if (cr == CLIENT_OK) {
		a->writer = jv_bool(jv_get(r.params, "writer"), false);
		hear_holder(a, r.params);
		client_take_rest(ctl->client, &a->in);
		code = 0;
	} else if (cr == CLIENT_DENIED || cr == CLIENT_FOREIGN) {
		code = ctl_client_failed(ctl, cr, buf_str(&a->why));
	}
	reply_clear(&r);
	a->result = cr == CLIENT_OK ? CLIENT_DOWN : cr;
	return code;
}

/* supd is started again, or upgraded: it comes back.  False: it did not, or the person
 * does not want to wait. */
static bool
connect_again(struct attach *a)
{
	uint64_t end = clock_mono_us() + BACK_US;

	/* All come back at once, and who typed types on, whoever is the first. */
	a->take = a->writer;
	do {
		int r = connect_once(a);

		if (r != -1) {
			a->code = r;
			return r == 0;
		}
		if ((tty_wait(-1, false, RETRY_MS) & TTY_ENDED) != 0)
			return false;
	} while (clock_mono_us() < end);
	a->code = ctl_client_failed(a->ctl, a->result, buf_str(&a->why));
	return false;
}

/* ---- frames ---- */

static void
send_frame(struct attach *a, char what, const char *p, size_t n)
{
	struct buf f = { 0 };
	size_t at = 0;
	int fd = client_fd(a->ctl->client);

	buf_addc(&f, what);
	for (int shift = 24; shift >= 0; shift -= 8)
		buf_addc(&f, (char)(n >> shift));
	buf_append(&f, p, n);
	while (at < f.len) {
		ssize_t r = send(fd, f.data + at, f.len - at, MSG_NOSIGNAL);

		if (r > 0)
			at += (size_t)r;
		else if (errno == EAGAIN)
			(void)tty_wait(-1, false, RETRY_MS);
		else if (errno != EINTR)
			break; /* its end is seen where we read */
	}
	buf_free(&f);
}

static void
send_size(struct attach *a)
{
	uint16_t rows, cols;
	char p[4];

	if (a->read_only || !tty_size(&rows, &cols))
		return;
	p[0] = (char)(rows >> 8);
	p[1] = (char)rows;
	p[2] = (char)(cols >> 8);
	p[3] = (char)cols;
	send_frame(a, 'w', p, sizeof(p));
}

static void
on_status(struct attach *a, const char *p, size_t n)
{
	struct jv *v = jv_parse(p, n, NULL);
	bool before = a->writer;

	a->writer = jv_bool(jv_get(v, "writer"), before);
	hear_holder(a, v);
	jv_free(v);
	if (a->writer && !before)
		send_size(a);
	else if (before)
		say_who_types(a);
}

/* False: the session is over for us. */
static bool
on_frame(struct attach *a, char what, const char *p, size_t n)
{
	switch (what) {
	case 'o':
		return full_write(STDOUT_FILENO, p, n) == 0;
	case 's':
		on_status(a, p, n);
		return true;
	case 'x':
		buf_clear(&a->why);
		buf_append(&a->why, p, n);
		return false;
	default:
		return true; /* of a newer supd */
	}
}

static size_t
frame_len(const char *p)
{
	size_t n = 0;

	for (int i = 1; i < HEAD; i++)
		n = n << 8 | (unsigned char)p[i];
	return n;
}

/* All whole frames that are there.  False: it is over. */
static bool
handle_frames(struct attach *a)
{
	size_t at = 0;
	bool go_on = true;

	while (go_on && a->in.len - at >= HEAD) {
		size_t n = frame_len(a->in.data + at);

		if (n > FRAME_MAX) {
			buf_clear(&a->why);
			buf_adds(&a->why, "supd sent what is no frame");
			return false;
		}
		if (a->in.len - at < HEAD + n)
			break;
		go_on = on_frame(a, a->in.data[at], a->in.data + at + HEAD, n);
		at += HEAD + n;
	}
	buf_consume(&a->in, at);
	return go_on;
}

/* 1 go on, 0 it is over, -1 the connection is gone. */
static int
on_peer(struct attach *a)
{
	char *p = buf_reserve(&a->in, 64 * 1024);
	ssize_t n = recv(client_fd(a->ctl->client), p, 64 * 1024, 0);

	if (n > 0)
		buf_grew(&a->in, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		return -1;
	return handle_frames(a) ? 1 : 0;
}

/* What was typed, up to the key that detaches.  False: that was pressed. */
static bool
on_stdin(struct attach *a)
{
	char bytes[4096];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
	const char *key;
	size_t len;

	if (n <= 0) {
		a->stdin_open = n == -1 && errno == EINTR;
		return true;
	}
	key = tty_is_one() ? memchr(bytes, a->key, (size_t)n) : NULL;
	len = key != NULL ? (size_t)(key - bytes) : (size_t)n;
	if (len > 0 && a->writer)
		send_frame(a, 'i', bytes, len);
	else if (len > 0)
		say_who_types(a);
	if (key == NULL)
		return true;
	send_frame(a, 'q', "", 0);
	return false;
}

static void
attached(struct attach *a)
{
	int go_on = handle_frames(a) ? 1 : 0;
	bool detached = false;

	while (go_on == 1 && !detached) {
		int what = tty_wait(client_fd(a->ctl->client), a->stdin_open, -1);

		if ((what & TTY_ENDED) != 0)
			return;
		if ((what & TTY_RESIZED) != 0)
			send_size(a);
		if ((what & TTY_STDIN) != 0)
			detached = !on_stdin(a);
		if ((what & TTY_PEER) != 0 && !detached)
			go_on = on_peer(a);
		if (go_on == -1 && connect_again(a))
			go_on = handle_frames(a) ? 1 : 0;
	}
	if (detached) {
		buf_clear(&a->why);
		buf_adds(&a->why, "detached");
	}
}

static int
run_attach(struct ctl *ctl, int argc, char **argv)
{
	struct attach a = { .ctl = ctl, .key = KEY_DEFAULT, .stdin_open = true };
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == 'r')
			a.read_only = true;
		else if (id == 't')
			a.take = true;
		else if (id != OPT_KEY)
			return CTL_USAGE;
		else if (parse_key(optarg, &a.key) == -1)
			return ctl_usage(ctl, "--detach-key: \"%s\" is no key", optarg);
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if (a.read_only && a.take)
		return ctl_usage(ctl, "--take is for who wants to type");
	a.unit = argv[optind];
	code = ctl_instance(ctl);
	if (code != 0)
		return code;
	code = connect_once(&a);
	if (code == -1)
		code = ctl_client_failed(ctl, a.result, buf_str(&a.why));
	if (code == 0 && !a.writer && !a.read_only && a.held_by != NULL)
		ctl_say(ctl, "%s: %s types; attach --take to type instead", a.unit,
		    a.held_by);
	if (code == 0 && tty_begin() == -1)
		code = ctl_fail(
		    ctl, CTL_FAILED, NULL, NULL, "the terminal: %s", strerror(errno));
	if (code == 0) {
		attached(&a);
		tty_end();
		code = a.code;
		if (code == 0)
			ctl_say(ctl, "%s: %s", a.unit,
			    a.why.len > 0 ? buf_str(&a.why) : "detached");
	}
	free(a.held_by);
	buf_free(&a.in);
	buf_free(&a.why);
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
