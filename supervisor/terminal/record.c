/*
 * record: see the header.
 */
#include "terminal/record.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "journal/layout.h"
#include "lib/asciicast.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "proto/cast.h"
#include "terminal/session.h"
#include "terminal/state.h"

enum {
	LINE_BYTES = RING_LINE_MAX - 64,
	TELL_US = 100 * 1000,    /* between what is put and what is told of it */
	TELL_BYTES = 128 * 1024, /* that wait: told at once */
	/* A screen is drawn when so much of the ring is free; one that is longer is
	 * cleared instead.  (What stands for an escape character has six bytes.) */
	DRAW_ROOM = CAST_RING_BYTES / 2,
	DRAW_MAX = DRAW_ROOM / 4,
	CHECK_US = 1000 * 1000, /* between two looks at the day */
	OWED_US = 1000 * 1000,  /* between two tries to draw what is owed */
	CARRY_MAX = 4,
};

/* The beginning of a character whose rest has not come. */
struct carry {
	char bytes[CARRY_MAX];
	size_t len;
};

struct record {
	void *map; /* owned: the file of proto/cast.h */
	int fd;    /* owned */
	struct ring *ring;
	struct cast *cast;
	uint64_t room, trimmed; /* of ring.h */
	uint64_t at;            /* bytes of the program that are accounted for */
	struct carry carry, typed_carry;
	struct buf line;
	char today[CLOCK_DAY_MAX];
	uint64_t day_us; /* when today was looked at */
	bool ended;
};

/* ---- the ring ---- */

static uint64_t
waiting(const struct record *r)
{
	return atomic_load(&r->ring->head) - atomic_load(&r->ring->tail);
}

static void
tell_logger(struct terminal *t)
{
	uint64_t one = 1;

	loop_timer_stop(t->record_tell);
	/* (EAGAIN: it was told often enough.) */
	if (write(ROLE_FD_WAKE, &one, sizeof(one)) == -1 && errno != EAGAIN &&
	    errno != EINTR)
		log_warn("waking the logger");
}

static void
on_tell(struct loop_timer *timer, void *arg)
{
	(void)timer;
	tell_logger(arg);
}

static void
on_owed(struct loop_timer *timer, void *arg)
{
	struct terminal *t = arg;

	(void)timer;
	for (size_t i = 0; i < t->table->nslots; i++)
		if (t->sessions[i] != NULL)
			record_rest(t->sessions[i]);
}

void
record_start(struct terminal *t)
{
	t->record_tell = loop_timer_new(t->loop, "record", on_tell, t);
	t->record_owed = loop_timer_new(t->loop, "record-owed", on_owed, t);
}

static void
tell_soon(struct session *s)
{
	struct terminal *t = s->t;

	if (waiting(s->record) >= TELL_BYTES)
		tell_logger(t);
	else if (!loop_timer_is_armed(t->record_tell))
		loop_timer_in(t->record_tell, TELL_US);
}

static bool
is_over(const struct record *r)
{
	return r == NULL || r->cast->full || r->ended;
}

static bool
put_line(struct session *s, uint32_t flags, const char *p, size_t n, uint64_t seq)
{
	struct record *r = s->record;
	uint64_t trimmed = r->trimmed;

	ring_trim(r->ring, &r->trimmed);
	if (r->trimmed != trimmed)
		r->room = 0;
	if (ring_make_room(r->ring, r->fd, &r->room) == -1 ||
	    ring_put(r->ring, seq, flags, p, (uint32_t)n) == -1)
		return false;
	r->cast->bytes += n;
	tell_soon(s);
	return true;
}

static uint64_t
file_time(const struct record *r)
{
	uint64_t now = clock_mono_us();

	return now > r->cast->begun_us ? now - r->cast->begun_us : 0;
}

/* The bound of the log is that of the recording, too: what comes now is the last. */
static bool
reaches_bound(struct session *s, size_t n, uint64_t seq)
{
	struct record *r = s->record;
	uint64_t max = s->ts->conf.max_bytes;
	char text[96];

	if (max == 0 || r->cast->bytes + n <= max)
		return false;
	snprintf(text, sizeof(text), "the recording is full (LogMaxBytes=%llu)",
	    (unsigned long long)max);
	buf_clear(&r->line);
	(void)asciicast_event(&r->line, file_time(r), ASCIICAST_MARKER, text,
	    strlen(text), true, LINE_BYTES);
	(void)put_line(s, 0, r->line.data, r->line.len, seq);
	r->cast->full = 1;
	tell_logger(s->t);
	return true;
}

/* A line that stands in r->line.  False: there is no room, or never will be. */
static bool
put(struct session *s, uint64_t seq)
{
	struct record *r = s->record;

	return !reaches_bound(s, r->line.len, seq) &&
	       put_line(s, 0, r->line.data, r->line.len, seq);
}

static void
missed(struct session *s, size_t n)
{
	struct record *r = s->record;

	r->cast->missed = 1;
	__atomic_store_n(&r->cast->dropped, r->cast->dropped + n, __ATOMIC_SEQ_CST);
	tell_soon(s);
}

/* As events; how many of the bytes found room.  *at: of the program, moves with them;
 * NULL: these are not counted. */
static size_t
put_text(struct session *s, enum asciicast_code code, const char *p, size_t n, bool last,
    uint64_t *at)
{
	struct record *r = s->record;
	uint64_t now = file_time(r);
	size_t done = 0, used;

	for (;;) {
		buf_clear(&r->line);
		used = asciicast_event(
		    &r->line, now, code, p + done, n - done, last, LINE_BYTES);
		if (used == 0 || !put(s, at != NULL ? *at + used : r->at))
			break;
		done += used;
		if (at != NULL)
			*at += used;
	}
	return done;
}

/* ---- files ---- */

static const char *
day_wanted(struct session *s)
{
	const char *pinned = s->ts->conf.day;
	struct record *r = s->record;
	uint64_t now = clock_mono_us();

	if (memchr(pinned, '\0', PROTO_DAY_MAX) != NULL && layout_day_is_valid(pinned))
		return pinned;
	if (r->today[0] != '\0' && now - r->day_us < CHECK_US)
		return r->today;
	r->day_us = now;
	return clock_day(r->today, sizeof(r->today), clock_wall_us());
}

static bool
needs_file(struct session *s)
{
	const struct cast *c = s->record->cast;

	return c->day[0] == '\0' || c->beginning != 0 ||
	       __atomic_load_n(&c->renew, __ATOMIC_SEQ_CST) != 0 ||
	       strncmp(c->day, day_wanted(s), CAST_DAY_BYTES) != 0;
}

/* Its first line, and what is to follow: the whole screen, unless it is blank.  Who finds
 * it half begun does not know whether that line was put, and begins another. */
static bool
begin_file(struct session *s, bool blank)
{
	struct record *r = s->record;
	struct cast *c = r->cast;
	struct screen_look look;

	screen_look(session_screen(s), &look);
	__atomic_store_n(&c->beginning, 1, __ATOMIC_SEQ_CST);
	strlcpy(c->day, day_wanted(s), sizeof(c->day));
	c->begun_us = clock_mono_us();
	c->rows = look.rows;
	c->cols = look.cols;
	buf_clear(&r->line);
	buf_adds(&r->line, c->day);
	asciicast_header(&r->line, c->cols, c->rows, clock_wall_us(), s->ts->unit);
	if (!put_line(s, CAST_NEW_FILE, r->line.data, r->line.len, r->at))
		return false;
	__atomic_store_n(&c->renew, 0, __ATOMIC_SEQ_CST);
	c->missed = !blank;
	__atomic_store_n(&c->beginning, 0, __ATOMIC_SEQ_CST);
	return true;
}

/* That of a program that has said nothing so far. */
static void
begin_first_file(struct session *s)
{
	const struct record *r = s->record;

	if (r->cast->day[0] == '\0' && r->at == 0 && r->carry.len == 0 &&
	    !r->cast->missed)
		(void)begin_file(s, true);
}

static bool
put_size(struct session *s)
{
	struct record *r = s->record;
	struct screen_look look;

	session_screen_look(s, &look);
	if (look.rows == r->cast->rows && look.cols == r->cast->cols)
		return true;
	buf_clear(&r->line);
	asciicast_resize(&r->line, file_time(r), look.cols, look.rows);
	if (!put(s, r->at))
		return false;
	r->cast->rows = look.rows;
	r->cast->cols = look.cols;
	return true;
}

/*
 * The whole screen, as it is with all that was read: in the place of what is missing, and
 * at the beginning of a file.  What does not find room is tried again.
 */
static void
draw_whole(struct session *s)
{
	static const char clear[] = "\033c";
	struct record *r = s->record;
	struct buf draw = { 0 };
	size_t n;
	bool done;

	if (r->ring->size - waiting(r) < DRAW_ROOM)
		return;
	if (needs_file(s) && !begin_file(s, false))
		return;
	screen_draw(session_screen(s), &draw);
	if (draw.len > DRAW_MAX) {
		buf_clear(&draw);
		buf_adds(&draw, clear);
	}
	/* (The beginning of a character is the carry.) */
	screen_rest(s->screen, &draw);
	n = draw.len - utf8_unfinished(draw.data, draw.len);
	done =
	    put_size(s) && put_text(s, ASCIICAST_OUTPUT, draw.data, n, true, NULL) == n;
	buf_free(&draw);
	if (done)
		r->cast->missed = 0;
}

/* ---- what happens ---- */

static void
set_carry(struct carry *c, const char *p, size_t n)
{
	c->len = n < CARRY_MAX ? n : 0;
	memcpy(c->bytes, p, c->len);
}

static bool
owes(const struct record *r)
{
	return !is_over(r) && (r->cast->missed || r->cast->beginning != 0);
}

/* Those that are not accounted for are drawn with the whole screen. */
static void
skip(struct session *s, const char *p, size_t n)
{
	struct record *r = s->record;
	struct buf all = { 0 };
	size_t tail;

	buf_append(&all, r->carry.bytes, r->carry.len);
	buf_append(&all, p, n);
	tail = utf8_unfinished(all.data, all.len);
	r->at += all.len - tail;
	set_carry(&r->carry, all.data + all.len - tail, tail);
	buf_free(&all);
}

static void
take(struct session *s, const char *p, size_t n, bool last)
{
	struct record *r = s->record;
	struct buf joined = { 0 };
	size_t done;

	if (r->carry.len > 0) {
		buf_append(&joined, r->carry.bytes, r->carry.len);
		buf_append(&joined, p, n);
		p = joined.data;
		n = joined.len;
		r->carry.len = 0;
	}
	done = put_text(s, ASCIICAST_OUTPUT, p, n, last, &r->at);
	if (!last && n - done <= utf8_unfinished(p, n)) {
		set_carry(&r->carry, p + done, n - done);
	} else if (done < n && !r->cast->full) {
		missed(s, n - done);
		skip(s, p + done, n - done);
	}
	buf_free(&joined);
}

static void open_late(struct session *s);

void
record_output(struct session *s, const char *bytes, size_t len)
{
	struct record *r = s->record;

	if (r == NULL)
		open_late(s);
	if (is_over(r))
		return;
	begin_first_file(s);
	if (!r->cast->missed && !needs_file(s)) {
		take(s, bytes, len, false);
		return;
	}
	skip(s, bytes, len);
	draw_whole(s);
	if (owes(r))
		missed(s, len);
}

bool
record_wants_typed(const struct session *s)
{
	/* Where it is not shown it is a secret. */
	return !is_over(s->record) && (s->ts->conf.stream_mask & SLOT_LOG_TYPED) != 0 &&
	       !session_hides_input(s);
}

void
record_typed(struct session *s, const char *bytes, size_t len)
{
	struct record *r = s->record;
	struct carry *c = &r->typed_carry;
	struct buf text = { 0 };
	size_t done;

	if (is_over(r))
		return;
	begin_first_file(s);
	if (r->cast->missed || needs_file(s))
		return;
	buf_append(&text, c->bytes, c->len);
	buf_append(&text, bytes, len);
	done = put_text(s, ASCIICAST_INPUT, text.data, text.len, false, NULL);
	set_carry(c, text.data + done, text.len - done);
	buf_free(&text);
}

void
record_resized(struct session *s)
{
	struct record *r = s->record;

	if (!is_over(r) && !r->cast->missed && !needs_file(s) && !put_size(s))
		missed(s, 0);
}

void
record_half(struct session *s, unsigned which)
{
	struct record *r = s->record;

	if (r == NULL)
		return;
	r->cast->half[which & 1].base = r->at + r->carry.len;
	r->cast->half[which & 1].carry_len = (uint32_t)r->carry.len;
	memcpy(r->cast->half[which & 1].carry, r->carry.bytes, CARRY_MAX);
}

void
record_rest(struct session *s)
{
	struct record *r = s->record;

	if (owes(r))
		draw_whole(s);
	/* The logger says nothing when it has made room, and the program may never write
	 * again.  (Who is owed nothing has no such timer.) */
	if (owes(r) && !loop_timer_is_armed(s->t->record_owed))
		loop_timer_in(s->t->record_owed, OWED_US);
	if (r != NULL)
		buf_free(&r->line); /* until there is more */
}

void
record_end(struct session *s)
{
	struct record *r = s->record;

	if (r == NULL || r->ended)
		return;
	record_rest(s);
	if (!is_over(r) && r->carry.len > 0 && !r->cast->missed)
		take(s, "", 0, true);
	r->ended = true;
	tell_logger(s->t);
}

/* ---- opening ---- */

static void *
map_file(int fd)
{
	void *p;

	if (file_allocate(fd, 0, offsetof(struct ring, data)) == -1 ||
	    file_allocate(fd, CAST_RING_BYTES, CAST_TAIL_BYTES) == -1)
		return NULL;
	p = mmap(NULL, CAST_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* That of an earlier role; *map NULL: there is none that is of this session.  False: what
 * there is cannot be looked at now (errno), and must stay. */
static bool
find_map(struct session *s, const char *path, void **map, int *fd)
{
	struct stat st;
	bool known;

	*map = NULL;
	*fd = open_at(s->t->run_fd, path, O_RDWR | O_NONBLOCK, 0);
	if (*fd == -1)
		return errno == ENOENT || errno == ELOOP || errno == EISDIR ||
		       errno == ENXIO;
	known = fstat(*fd, &st) == 0;
	if (known && S_ISREG(st.st_mode) && st.st_size == CAST_FILE_BYTES) {
		*map = map_file(*fd);
		known = *map != NULL;
	}
	if (*map != NULL && !cast_is_of(*map, s->ts->invocation)) {
		munmap(*map, CAST_FILE_BYTES);
		*map = NULL;
	}
	if (*map == NULL)
		fd_close(fd);
	return known;
}

/* A new one, never over one that the logger may have open. */
static void *
make_map(struct session *s, const char *path, int *fd)
{
	struct cast *c;
	void *p = NULL;

	(void)unlinkat(s->t->run_fd, path, 0);
	*fd = open_at(s->t->run_fd, path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (*fd != -1 && ftruncate(*fd, CAST_FILE_BYTES) == 0)
		p = map_file(*fd);
	if (p == NULL) {
		int err = errno;

		fd_close(fd);
		(void)unlinkat(s->t->run_fd, path, 0);
		errno = err;
		return NULL;
	}
	ring_init(p, CAST_RING_BYTES);
	c = cast_tail(p);
	memcpy(c->invocation, s->ts->invocation, sizeof(c->invocation));
	c->version = CAST_VERSION;
	c->magic = CAST_MAGIC;
	return p;
}

/* The seq of the newest record: of those in the ring, else of what is stored. */
static uint64_t
newest_seq(const struct ring *ring)
{
	uint64_t at = atomic_load(&ring->tail), seq = atomic_load(&ring->seq_stored);
	const struct ring_record *rec;

	while ((rec = ring_next(ring, &at)) != NULL)
		seq = rec->seq;
	return seq;
}

/* What a killed role had read, and not recorded. */
static void
catch_up(struct session *s)
{
	struct record *r = s->record;
	struct cast *c = r->cast;
	unsigned which = keep_head(s->keep)->which & 1;
	uint64_t base = c->half[which].base, end = base + keep_half(s->keep)->raw_len;
	uint32_t carry = c->half[which].carry_len;

	r->at = newest_seq(r->ring);
	if (carry >= CARRY_MAX || carry > base || r->at < base - carry || r->at > end) {
		r->at = end;
		c->missed = 1;
	} else if (r->at < base) {
		size_t left = (size_t)(base - r->at);

		set_carry(&r->carry, c->half[which].carry + carry - left, left);
	}
	if (r->at + r->carry.len < end) {
		size_t from = (size_t)(r->at + r->carry.len - base);

		record_output(s, keep_raw(s->keep) + from, (size_t)(end - base) - from);
	}
	record_rest(s);
}

/* Of the keep and the ring only one is of before: it goes on with the screen as it is. */
static void
start_over(struct session *s, bool found)
{
	struct record *r = s->record;
	uint64_t base = newest_seq(r->ring);

	r->at = base;
	if (s->keep != NULL) {
		unsigned which = keep_head(s->keep)->which & 1;

		r->cast->half[which].base = base;
		r->cast->half[which].carry_len = 0;
		r->at += found ? keep_half(s->keep)->raw_len : 0;
	}
	r->cast->missed = 1;
	draw_whole(s);
}

/* old: it is that of an earlier role.  False: it is tried again, and that was said. */
static bool
open_ring(struct session *s, bool *old)
{
	struct record *r;
	char path[32];
	void *map;
	int fd;
	bool known;

	cast_path(path, s->slot);
	known = find_map(s, path, &map, &fd);
	*old = map != NULL;
	if (map == NULL && known)
		map = make_map(s, path, &fd);
	if (map == NULL) {
		if (s->record_again_us == 0)
			log_warn("%s: no room for its recording", s->ts->unit);
		s->record_again_us = clock_mono_us() + CHECK_US;
		return false;
	}
	r = s->record = xcalloc(1, sizeof(*r));
	r->map = map;
	r->fd = fd;
	r->ring = cast_ring(map);
	r->cast = cast_tail(map);
	return true;
}

void
record_open(struct session *s, bool found)
{
	bool old;

	if ((s->ts->conf.stream_mask & SLOT_LOG_CAST) == 0 || !open_ring(s, &old))
		return;
	if (old && found)
		catch_up(s);
	else if (old || found)
		start_over(s, found);
	if (waiting(s->record) > 0)
		tell_soon(s);
}

/* There was no room for it when the session was opened: from here on it is recorded. */
static void
open_late(struct session *s)
{
	bool old;

	if (s->record_again_us == 0 || clock_mono_us() < s->record_again_us ||
	    !open_ring(s, &old))
		return;
	start_over(s, true);
}

void
record_free(struct session *s)
{
	struct record *r = s->record;

	if (r == NULL)
		return;
	munmap(r->map, CAST_FILE_BYTES);
	fd_close(&r->fd);
	buf_free(&r->line);
	free(r);
	s->record = NULL;
}
