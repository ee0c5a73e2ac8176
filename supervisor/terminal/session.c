/*
 * session: see the header.
 */
#include "terminal/session.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "terminal/attach.h"
#include "terminal/input.h"
#include "terminal/lines.h"
#include "terminal/peers.h"
#include "terminal/record.h"
#include "terminal/rules.h"
#include "terminal/state.h"
#include "terminal/terminal.h"

enum {
	TURN_BYTES = 64 * 1024,
	TURN_US = 50 * 1000,  /* a turn ends then, too: three bytes may draw all cells */
	HALF_US = 250 * 1000, /* what feeding a half again may take the next role */
	PIECE_CELLS =
	    16 << 20, /* cells of the screen, times bytes that are fed at once */
	PIECE_MIN = 32,
	CATCH_UP_TURNS = 16,
	REST_US = 200 * 1000,        /* without output: the screen has come to rest */
	SLEEP_US = 20 * 1000 * 1000, /* at rest for so long: it is put away */
	LOOK_US = 500 * 1000,        /* between two looks at a screen that moves */
	LOOKS_MAX = 10,              /* for one who waits: rules that take longer do so */
	UNKEPT_BYTES = 16 * 1024,    /* read at once where there is no keep */
	ROWS_SHIFT = 16,
	COLS_MASK = 0xffff,
};

struct session *
session_get(struct terminal *t, uint32_t slot)
{
	return slot < t->table->nslots ? t->sessions[slot] : NULL;
}

/* ---- what the manager knows ---- */

bool
session_hides_input(const struct session *s)
{
	struct termios tio;

	return tcgetattr(s->master, &tio) == 0 && (tio.c_lflag & ICANON) != 0 &&
	       (tio.c_lflag & ECHO) == 0;
}

static void
fill_state(struct session *s, struct msg_term_state *st)
{
	struct screen_look look;

	session_screen_look(s, &look);
	*st = (struct msg_term_state){
		.slot = s->slot,
		.flags = (s->moves && !s->as_before ? TERM_MOVES : 0U) |
			 (session_hides_input(s) ? TERM_PASSWORD : 0U) |
			 (look.bracketed_paste ? TERM_PASTE : 0U) |
			 (look.alternate ? TERM_ALTERNATE : 0U) |
			 (s->writer != NULL ? TERM_WRITER : 0U) |
			 (s->typed.draft ? TERM_DRAFT : 0U) |
			 (s->ruled ? TERM_RULED : 0U),
		.rules = s->held,
		.last_output_us = s->last_output_us,
		.last_typed_us = s->last_typed_us,
		.changes = look.changes,
		.viewers = attach_count(s),
	};
}

void
session_report(struct session *s)
{
	struct msg_term_state st;

	fill_state(s, &st);
	/* How much moved meanwhile is told with what else there is to tell. */
	if (st.flags == s->told.flags && st.rules == s->told.rules &&
	    st.viewers == s->told.viewers && st.last_typed_us == s->told.last_typed_us &&
	    (s->moves || (st.changes == s->told.changes &&
			     st.last_output_us == s->told.last_output_us)))
		return;
	s->told = st;
	peers_report(s);
}

static void
look_on(void *arg)
{
	struct session *s = arg;

	s->held = rules_look(s, false);
	session_report(s);
	if (rules_left(s))
		loop_post(s->t->loop, look_on, s);
	terminal_flush(s->t);
}

void
session_look(struct session *s)
{
	struct screen_look look;

	s->looked_us = clock_mono_us();
	session_screen_look(s, &look);
	s->looked_changes = look.changes;
	s->held = rules_look(s, true);
	session_report(s);
	/* A screen that rests is not looked at again by itself. */
	if (rules_left(s))
		loop_post(s->t->loop, look_on, s);
}

void
session_look_whole(struct session *s)
{
	session_look(s);
	for (int i = 0; i < LOOKS_MAX && rules_left(s); i++)
		s->held = rules_look(s, false);
	session_report(s);
}

static void fall_asleep(struct session *s);

static void
on_rest(struct loop_timer *timer, void *arg)
{
	struct session *s = arg;
	uint64_t now = clock_mono_us(), since = now - s->last_output_us;

	if (since < REST_US) {
		/* It still moves. */
		loop_timer_in(timer, REST_US - since);
		if (now - s->looked_us >= LOOK_US)
			session_look(s);
		return;
	}
	if (!s->moves) {
		fall_asleep(s);
		return;
	}
	s->moves = s->as_before = false;
	screen_settle(s->screen);
	record_rest(s);
	loop_timer_in(timer, SLEEP_US);
	if (lines_flush(s) && s->keep != NULL)
		keep_half(s->keep)->settled = keep_half(s->keep)->raw_len;
	session_look(s);
	terminal_flush(s->t);
}

/* ---- reading ---- */

static void
on_pipe_room(struct loop_io *io, int events, void *arg)
{
	struct session *s = arg;

	(void)events;
	loop_io_set(io, 0);
	s->stuck = false;
	terminal_ready(s->t, s);
}

static void
wait_for_pipe(struct session *s)
{
	s->stuck = true;
	if (s->pipe_io == NULL)
		s->pipe_io = loop_io_new(
		    s->t->loop, "log-pipe", s->pipe_w, LOOP_WRITE, on_pipe_room, s);
	else
		loop_io_set(s->pipe_io, LOOP_WRITE);
}

static void
note_output(struct session *s)
{
	s->last_output_us = clock_mono_us();
	if (s->keep != NULL)
		keep_head(s->keep)->last_output_us = s->last_output_us;
	if (s->moves && !s->as_before)
		return;
	s->moves = true;
	s->as_before = false;
	loop_timer_in(s->rest, REST_US);
	session_report(s);
}

/* A new half of the keep; its lines are all in the log. */
static int
begin_half(struct session *s)
{
	struct buf draw = { 0 };
	struct screen_look look;
	int r;

	screen_look(session_screen(s), &look);
	screen_save(s->screen, &draw);
	record_half(s, keep_head(s->keep)->which ^ 1);
	r = keep_begin(s->keep, draw.data, draw.len, look.rows, look.cols);
	buf_free(&draw);
	if (r == 0)
		s->fed_us = 0;
	return r;
}

/* Where to read to; NULL: the log pipe is full. */
static char *
room(struct session *s, size_t *n)
{
	static char unkept[UNKEPT_BYTES];
	char *p;

	if (s->lines.len >= LINES_MAX && !lines_flush(s))
		return NULL;
	*n = sizeof(unkept);
	if (s->keep == NULL)
		return unkept;
	p = keep_room(s->keep, n);
	if (p != NULL)
		return p;
	if (!lines_flush(s))
		return NULL;
	if (begin_half(s) == 0)
		p = keep_room(s->keep, n);
	if (p != NULL)
		return p;
	/* Not silently: after a kill of this role its screen is blank. */
	log_warn("%s: no room to keep its screen", s->ts->unit);
	keep_close(s->keep);
	keep_remove(s->t->run_fd, s->slot);
	s->keep = NULL;
	*n = sizeof(unkept);
	return unkept;
}

/* Bytes that are fed at once: the fewer, the more cells each may draw. */
static size_t
piece(struct session *s)
{
	struct screen_look look;
	size_t n;

	session_screen_look(s, &look);
	n = PIECE_CELLS / ((size_t)look.rows * look.cols);
	return n > PIECE_MIN ? n : PIECE_MIN;
}

/* Bytes of the program: 1 more may be there, 0 none, -1 the log pipe is full. */
static int
take(struct session *s, size_t *left)
{
	size_t n, max = piece(s);
	char *p = room(s, &n);
	ssize_t r;

	if (p == NULL)
		return -1;
	if (n > max)
		n = max;
	do
		r = read(s->master, p, n < *left ? n : *left);
	while (r == -1 && errno == EINTR);
	/* EIO: no process has it open just now. */
	if (r <= 0)
		return 0;
	/* (It wakes from what the keep had before these.) */
	(void)session_screen(s);
	if (s->keep != NULL)
		keep_added(s->keep, (size_t)r);
	*left -= (size_t)r;
	screen_feed(session_screen(s), p, (size_t)r);
	attach_output(s, p, (size_t)r);
	record_output(s, p, (size_t)r);
	return 1;
}

static void
finish_if_closing(struct session *s)
{
	if (!s->closing || s->done)
		return;
	screen_end(session_screen(s));
	if (!lines_flush(s)) {
		wait_for_pipe(s);
		return;
	}
	record_end(s);
	s->done = true;
	s->t->done_waits = true;
}

enum session_turn
session_turn(struct session *s)
{
	size_t left = TURN_BYTES;
	uint64_t began = clock_mono_us(), us = 0;
	int r = 1;

	while (left > 0 && us < TURN_US && (r = take(s, &left)) == 1)
		us = clock_mono_us() - began;
	s->fed_us += us;
	if (left < TURN_BYTES)
		note_output(s);
	if (!lines_flush(s) || r == -1) {
		wait_for_pipe(s);
		return SESSION_FULL;
	}
	/* The next role feeds all of it at once. */
	if (s->keep != NULL && s->skip == 0 && s->fed_us >= HALF_US)
		(void)begin_half(s);
	if (r == 1)
		return SESSION_AGAIN;
	input_go_on(s);
	finish_if_closing(s);
	return SESSION_EMPTY;
}

void
session_catch_up(struct session *s)
{
	for (int i = 0; i < CATCH_UP_TURNS && !s->stuck; i++)
		if (session_turn(s) != SESSION_AGAIN)
			break;
}

void
session_close(struct session *s)
{
	s->closing = true;
	if (!s->stuck)
		terminal_ready(s->t, s);
}

/* ---- size ---- */

void
session_resize(struct session *s, uint16_t rows, uint16_t cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };
	struct screen_look look;

	session_screen_look(s, &look);
	if (look.rows == rows && look.cols == cols)
		return;
	screen_resize(session_screen(s), rows, cols);
	screen_look(s->screen, &look);
	size.ws_row = look.rows;
	size.ws_col = look.cols;
	if (ioctl(s->master, TIOCSWINSZ, &size) == -1)
		log_warn("%s: its size", s->ts->unit);
	record_resized(s);
	/* What is in the keep was drawn for the old size. */
	if (s->keep != NULL && lines_flush(s))
		(void)begin_half(s);
}

void
session_own_size(struct session *s)
{
	uint16_t rows = (uint16_t)(s->ts->terminal >> ROWS_SHIFT);
	uint16_t cols = (uint16_t)(s->ts->terminal & COLS_MASK);

	if (rows > 0 && cols > 0)
		session_resize(s, rows, cols);
}

/* ---- opening ---- */

static void
on_answer(void *arg, const char *bytes, size_t len)
{
	struct session *s = arg;

	/* A role that was killed has answered already. */
	if (!s->coming_back)
		input_answer(s, bytes, len);
}

/* The screen as it was, and the lines that were not in the log yet. */
static void
come_back(struct session *s)
{
	const struct keep_half *h = keep_half(s->keep);
	const char *raw = keep_raw(s->keep);
	uint32_t logged = keep_logged(h);
	uint32_t settled = h->settled < logged ? h->settled : logged;

	screen_set_quiet(s->screen, true);
	screen_load(s->screen, keep_draw(s->keep), h->draw_len);
	screen_feed(s->screen, raw, settled);
	if (settled > 0)
		screen_settle(s->screen);
	screen_feed(s->screen, raw + settled, logged - settled);
	screen_set_quiet(s->screen, false);
	s->skip = keep_partial(h);
	s->coming_back = true;
	screen_feed(s->screen, raw + logged, h->raw_len - logged);
	s->coming_back = false;
	s->last_output_us = keep_head(s->keep)->last_output_us;
	s->last_typed_us = keep_head(s->keep)->last_typed_us;
	s->typed.draft = keep_head(s->keep)->draft != 0;
}

/* ---- sleeping ---- */

/* The screen of a session that nobody watches and that has said nothing for a while is in
 * its keep alone: many are many megabytes. */
static void
fall_asleep(struct session *s)
{
	if (s->keep == NULL || s->screen == NULL || s->closing ||
	    !TAILQ_EMPTY(&s->viewers) || s->lines.len > 0 || s->skip > 0 ||
	    begin_half(s) == -1)
		return;
	session_screen_look(s, &s->slept);
	strlcpy(s->title, s->slept.title, sizeof(s->title));
	s->slept.title = s->title;
	screen_free(s->screen);
	s->screen = NULL;
	keep_trim(s->keep);
	buf_free(&s->lines);
	if (s->in.len == 0)
		buf_free(&s->in);
}

struct screen *
session_screen(struct session *s)
{
	struct screen_look look;

	if (s->screen != NULL)
		return s->screen;
	s->screen = screen_new(s->slept.rows, s->slept.cols, &s->screen_ops);
	come_back(s);
	/* What counts its changes goes on from where it was. */
	screen_look(s->screen, &look);
	s->changes_before = s->slept.changes - look.changes;
	return s->screen;
}

void
session_screen_look(struct session *s, struct screen_look *look)
{
	if (s->screen == NULL) {
		*look = s->slept;
		return;
	}
	screen_look(s->screen, look);
	look->changes += s->changes_before;
}

static int
open_pipe(const struct terminal *t, uint32_t slot, const struct table_slot *ts)
{
	char path[32];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "fifo/%u.out", slot);
	fd = open_at(t->run_fd, path, O_WRONLY | O_NONBLOCK, 0);
	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || st.st_ino != ts->fifo_ino[0]) {
		fd_close(&fd);
		errno = ESTALE;
	}
	return fd;
}

/* It may be there for the next one. */
static bool
is_shortage(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOMEM;
}

static void
open_screen(struct session *s)
{
	struct screen_ops ops = { .line = lines_add, .answer = on_answer, .arg = s };
	uint16_t rows = (uint16_t)(s->ts->terminal >> ROWS_SHIFT);
	uint16_t cols = (uint16_t)(s->ts->terminal & COLS_MASK);
	struct winsize size = { 0 };
	bool found = false;

	if (ioctl(s->master, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 &&
	    size.ws_col > 0) {
		rows = size.ws_row;
		cols = size.ws_col;
	}
	s->keep = keep_open(s->t->run_fd, s->slot, s->ts->invocation, rows, cols, &found);
	if (s->keep == NULL) {
		log_warn("%s: no room to keep its screen", s->ts->unit);
		s->forgot = true;
	} else if (found) {
		lines_recover(s);
		rows = keep_half(s->keep)->rows;
		cols = keep_half(s->keep)->cols;
	}
	s->screen = screen_new(rows, cols, &ops);
	s->screen_ops = ops;
	s->as_before = s->keep != NULL && found;
	if (s->as_before)
		come_back(s);
	else if (s->keep != NULL)
		(void)begin_half(s);
	record_open(s, s->keep != NULL && found);
	session_resize(s, size.ws_row > 0 ? size.ws_row : rows,
	    size.ws_col > 0 ? size.ws_col : cols);
}

void
session_open(struct terminal *t, uint32_t slot, int master)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET,
		.data.u64 = slot };
	struct session *s;
	int pipe_w = -1;

	if (slot >= t->table->nslots || t->sessions[slot] != NULL) {
		log_warnx(
		    "a terminal that is there already, or cannot be: slot %u", slot);
		close(master);
		return;
	}
	pipe_w = open_pipe(t, slot, table_slot(t->table, slot));
	if (pipe_w == -1 && !is_shortage(errno)) {
		/* It is its user's, who may have closed it to us, or to himself.  No
		 * other session is to suffer from that. */
		log_warn("%s: its log pipe, so that its lines are lost",
		    table_slot(t->table, slot)->unit);
		pipe_w = open("/dev/null", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	}
	if (pipe_w == -1 || epoll_ctl(t->pty_fd, EPOLL_CTL_ADD, master, &ev) == -1) {
		/* The next role tries again; this one would leave a session unread. */
		fatal("the terminal of slot %u", slot);
	}
	s = xcalloc(1, sizeof(*s));
	s->t = t;
	s->slot = slot;
	s->ts = table_slot(t->table, slot);
	s->master = master;
	s->pipe_w = pipe_w;
	TAILQ_INIT(&s->viewers);
	s->rest = loop_timer_new(t->loop, "rest", on_rest, s);
	s->told.slot = slot;
	open_screen(s);
	input_recover(s);
	t->sessions[slot] = s;
	t->n_sessions++;
	loop_timer_in(s->rest, REST_US);
	s->moves = true;
	terminal_ready(t, s);
	session_report(s);
}

void
session_free(struct session *s)
{
	struct terminal *t = s->t;

	attach_end_all(s, "ended");
	peers_forget(s);
	if (s->ready)
		TAILQ_REMOVE(&t->ready, s, ready_link);
	t->sessions[s->slot] = NULL;
	t->n_sessions--;
	loop_timer_free(s->rest);
	loop_post_cancel(t->loop, look_on, s);
	if (s->pipe_io != NULL)
		loop_io_free(s->pipe_io);
	keep_close(s->keep);
	keep_remove(t->run_fd, s->slot);
	record_free(s);
	rules_free(s->rules);
	screen_free(s->screen);
	buf_free(&s->lines);
	buf_free(&s->in);
	/* (Init has it open as well: the set would keep it.) */
	(void)epoll_ctl(t->pty_fd, EPOLL_CTL_DEL, s->master, NULL);
	fd_close(&s->master);
	fd_close(&s->pipe_w);
	free(s);
}
