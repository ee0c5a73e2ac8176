/* record: a session from now on, as an asciicast, into a file or a pipe. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "frames.h"
#include "tty.h"

#include "lib/asciicast.h"
#include "lib/clock.h"
#include "lib/fdio.h"

enum {
	OPT_OVERWRITE = OPT_LONG,
	LINE_MAX_BYTES = 64 * 1024, /* of an event; a longer one is several */
};

static const struct opt opts[] = {
	{ "output", 'o', "FILE", "where to; stdout when not given, or -" },
	{ "overwrite", OPT_OVERWRITE, NULL, "FILE may be there already" },
	{ NULL, 0, NULL, NULL },
};

struct record {
	struct frames f;
	const char *path; /* NULL: stdout */
	int fd;
	uint64_t begun_us; /* monotonic; 0: nothing is written yet */
	uint16_t rows, cols;
	struct buf text; /* the beginning of a character, then what has come */
	struct buf line;
};

/* ---- what is written ---- */

/* What was written before stays good: a line that did not find room goes whole. */
static bool
cannot_write(struct record *r, off_t good)
{
	int err = errno;
	struct stat st;

	if (good != -1 && fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode))
		(void)!ftruncate(r->fd, good);
	r->f.code = ctl_fail(r->f.ctl, CTL_FAILED, NULL, NULL, "%s: %s",
	    r->path != NULL ? r->path : "stdout", strerror(err));
	return false;
}

static bool
put_line(struct record *r)
{
	off_t good = lseek(r->fd, 0, SEEK_CUR);
	bool done =
	    full_write(r->fd, r->line.data, r->line.len) == 0 || cannot_write(r, good);

	buf_clear(&r->line);
	return done;
}

static uint64_t
now_us(const struct record *r)
{
	return clock_mono_us() - r->begun_us;
}

static bool
begin(struct record *r)
{
	r->begun_us = clock_mono_us();
	r->rows = r->f.rows;
	r->cols = r->f.cols;
	asciicast_header(&r->line, r->cols, r->rows, clock_wall_us(), r->f.unit);
	return put_line(r);
}

static bool
put_output(struct record *r, const char *p, size_t n, bool last)
{
	uint64_t now = now_us(r);
	size_t done = 0, used;
	bool ok = true;

	buf_append(&r->text, p, n);
	while (ok &&
	       (used = asciicast_event(&r->line, now, ASCIICAST_OUTPUT,
		    r->text.data + done, r->text.len - done, last, LINE_MAX_BYTES)) > 0) {
		done += used;
		ok = put_line(r);
	}
	buf_consume(&r->text, done);
	return ok;
}

static bool
put_size(struct record *r)
{
	if (r->rows == r->f.rows && r->cols == r->f.cols)
		return true;
	r->rows = r->f.rows;
	r->cols = r->f.cols;
	asciicast_resize(&r->line, now_us(r), r->cols, r->rows);
	return put_line(r);
}

static bool
on_frame(void *arg, enum frame what, const char *p, size_t n)
{
	struct record *r = arg;

	if (what == FRAME_STATUS)
		return put_size(r);
	return what != FRAME_OUTPUT || put_output(r, p, n, false);
}

/* ---- the recording ---- */

/* It goes on with the whole screen; what was shown meanwhile is missing, and it says so.
 */
static bool
attach_again(struct record *r)
{
	static const char text[] = "supd was away";

	if (!frames_connect_again(&r->f))
		return false;
	(void)asciicast_event(&r->line, now_us(r), ASCIICAST_MARKER, text, strlen(text),
	    true, LINE_MAX_BYTES);
	return put_output(r, "", 0, true) && put_line(r) && put_size(r);
}

static void
record(struct record *r)
{
	struct frames *f = &r->f;
	int go_on = begin(r) && frames_handle(f) ? 1 : 0;

	while (go_on == 1) {
		int what = tty_wait(client_fd(f->ctl->client), frames_wants(f), -1);

		if ((what & TTY_ENDED) != 0)
			break;
		if ((what & TTY_PEER) != 0)
			go_on = frames_read(f);
		if (go_on == -1)
			go_on = attach_again(r) && frames_handle(f) ? 1 : 0;
	}
	if (f->code == 0)
		(void)put_output(r, "", 0, true);
}

static int
open_output(struct record *r, bool overwrite)
{
	struct ctl *ctl = r->f.ctl;

	r->fd = STDOUT_FILENO;
	if (r->path == NULL)
		return 0;
	r->fd = open(r->path,
	    O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (overwrite ? O_TRUNC : O_EXCL),
	    0666);
	if (r->fd != -1)
		return 0;
	return ctl_fail(ctl, CTL_FAILED, NULL,
	    errno == EEXIST ? "--overwrite writes over it" : NULL, "%s: %s", r->path,
	    strerror(errno));
}

/* What is written is whole only when it is closed. */
static void
close_output(struct record *r)
{
	if (r->path != NULL && close(r->fd) == -1 && r->f.code == 0)
		(void)cannot_write(r, -1);
}

static int
run_record(struct ctl *ctl, int argc, char **argv)
{
	struct record r = { .f = { .ctl = ctl, .read_only = true } };
	bool overwrite = false;
	char took[CLOCK_TEXT_MAX];
	int id, code;

	r.f.on_frame = on_frame;
	r.f.arg = &r;
	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == 'o')
			r.path = strcmp(optarg, "-") == 0 ? NULL : optarg;
		else if (id == OPT_OVERWRITE)
			overwrite = true;
		else
			return CTL_USAGE;
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if (r.path == NULL && isatty(STDOUT_FILENO) == 1)
		return ctl_usage(ctl, "a recording is not for a terminal: give -o FILE");
	r.f.unit = argv[optind];
	code = ctl_instance(ctl);
	if (code == 0)
		code = frames_connect(&r.f);
	if (code == 0)
		code = open_output(&r, overwrite);
	if (code == 0) {
		tty_note_signals();
		if (r.path != NULL)
			ctl_say(ctl, "%s: is recorded; Ctrl-C ends it", r.f.unit);
		record(&r);
		close_output(&r);
		code = r.f.code;
	}
	if (code == 0)
		ctl_say(ctl, "%s: %s; %s recorded in %s", r.f.unit,
		    r.f.why.len > 0 ? buf_str(&r.f.why) : "done",
		    clock_format_duration(took, sizeof(took), now_us(&r)),
		    r.path != NULL ? r.path : "stdout");
	frames_clear(&r.f);
	buf_free(&r.text);
	buf_free(&r.line);
	return code;
}

const struct command cmd_record = {
	.name = "record",
	.words_usage = "UNIT",
	.summary = "Record a session from now on, for asciinema play",
	.words = WORDS_UNITS,
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run_record,
};
