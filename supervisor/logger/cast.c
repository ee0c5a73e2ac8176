/*
 * cast: see the header.
 *
 * The protocol is that of the event journal (journal.c): the intent, one write, the tail.
 * Nobody else has any business in the file: one that is not as we left it is left alone,
 * and the terminal is asked for a new one, which begins with the whole screen.
 */
#include "logger/cast.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "logger/channel.h"
#include "logger/links.h"
#include "logger/sink.h"
#include "logger/staging.h"
#include "logger/state.h"
#include "logger/vacuum.h"
#include "proto/cast.h"

enum {
	BATCH_BYTES = 64 * 1024,
	CHECK_US = 1000 * 1000,
};

struct castlog {
	struct logslot *ls;
	void *map; /* NULL: the terminal has not made it yet */
	int fd;    /* of the file, -1: not open */
	uint64_t checked_us;
	bool linked;
	int err; /* it cannot be written: the next look is with the timer */
	TAILQ_ENTRY(castlog) link;
};

/* What is stored at once. */
struct cast_batch {
	uint64_t tail, seq; /* after it */
	bool new_file;      /* it begins one, of day */
	char day[PROTO_DAY_MAX];
	bool damaged;
};

/* ---- the ring ---- */

/* The file may be that of an invocation that had the slot before. */
static bool
ring_is_there(struct logger *lg, struct castlog *c)
{
	struct stat st;
	char path[32];
	int fd;

	if (c->map != NULL)
		return true;
	cast_path(path, c->ls->n);
	fd = open_at(lg->run_fd, path, O_RDWR | O_NONBLOCK, 0);
	if (fd == -1)
		return false;
	/* (The terminal may be making it, or has died of it: without memory for its heads
	 * a look would be a SIGBUS.) */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == CAST_FILE_BYTES &&
	    file_allocate(fd, 0, offsetof(struct ring, data)) == 0 &&
	    file_allocate(fd, CAST_RING_BYTES, CAST_TAIL_BYTES) == 0)
		c->map = mmap(
		    NULL, CAST_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	fd_close(&fd);
	if (c->map == MAP_FAILED)
		c->map = NULL;
	if (c->map != NULL && !cast_is_of(c->map, c->ls->invocation)) {
		munmap(c->map, CAST_FILE_BYTES);
		c->map = NULL;
	}
	return c->map != NULL;
}

static void
set_phase(struct ring *r, uint64_t phase)
{
	__atomic_store_n(&r->intent_phase, phase, __ATOMIC_SEQ_CST);
}

/* ---- the file ---- */

static const char *
file_of(const struct castlog *c, char *dst)
{
	uint32_t alt = cast_tail(c->map)->alt;

	return layout_cast_file(dst, LAYOUT_FILE_MAX, c->ls->ref, c->ls->name,
	    alt <= LAYOUT_ALT_MAX ? alt : 0);
}

/* What follows goes nowhere, until the terminal begins a new one. */
static void
give_up_file(struct logger *lg, struct castlog *c, int why)
{
	struct cast *k = cast_tail(c->map);

	fd_close(&c->fd);
	k->file_day[0] = '\0';
	k->ino = k->dev = 0;
	__atomic_store_n(&k->renew, 1, __ATOMIC_SEQ_CST);
	channel_report(lg, c->ls, STREAM_OF_CAST, STREAM_DISTURBED, why);
}

/* An empty file of the day, under another name if something is in the way. */
static int
make_file(struct logger *lg, struct castlog *c, const char *day)
{
	struct cast *k = cast_tail(c->map);
	int dir = sink_day_fd(lg, day), refused = 0;
	char file[LAYOUT_FILE_MAX];
	struct stat st;

	if (dir == -1)
		return -1;
	fd_close(&c->fd);
	for (k->alt = 0; k->alt <= LAYOUT_ALT_MAX; k->alt++) {
		c->fd = open_sole_at(dir, file_of(c, file), O_WRONLY | O_APPEND | O_CREAT,
		    (mode_t)logger_file_mode(lg), &st);
		if (c->fd == -1 && !sink_is_refused(errno))
			return -1;
		if (c->fd != -1 && st.st_size == 0) {
			k->dev = st.st_dev;
			k->ino = st.st_ino;
			k->size = 0;
			c->checked_us = clock_mono_us();
			c->linked = false;
			return 0;
		}
		refused = c->fd == -1 ? errno : EEXIST;
		fd_close(&c->fd);
	}
	k->alt = 0;
	errno = refused;
	return -1;
}

/* The file of before, open; it is as it was left.  0; -1: it is not, or not ours to say:
 * errno 0 when it is lost. */
static int
reopen_file(struct logger *lg, struct castlog *c)
{
	const struct cast *k = cast_tail(c->map);
	uint64_t now = clock_mono_us();
	char file[LAYOUT_FILE_MAX];
	struct stat st;
	int dir = -1;

	if (!layout_day_is_valid(k->file_day)) {
		errno = 0;
		return -1;
	}
	if (c->fd == -1 || now - c->checked_us >= CHECK_US) {
		dir = sink_day_fd(lg, k->file_day);
		if (dir == -1)
			return -1;
		c->checked_us = now;
		if (c->fd != -1 && !path_is_at(dir, file_of(c, file), k->dev, k->ino))
			fd_close(&c->fd);
	}
	if (c->fd == -1) {
		c->fd = open_sole_at(dir, file_of(c, file), O_WRONLY | O_APPEND, 0, &st);
		if (c->fd == -1) {
			if (errno == ENOENT || sink_is_refused(errno))
				errno = 0;
			return -1;
		}
	}
	if (fstat(c->fd, &st) == 0 && st.st_nlink == 1 && st.st_dev == k->dev &&
	    st.st_ino == k->ino && (uint64_t)st.st_size == k->size)
		return 0;
	fd_close(&c->fd);
	errno = 0;
	return -1;
}

/* ---- the intent ---- */

static void
finish(struct castlog *c)
{
	struct ring *r = cast_ring(c->map);
	struct cast *k = cast_tail(c->map);

	k->size = r->intent_after;
	memcpy(k->file_day, r->intent_day, sizeof(k->file_day));
	atomic_store(&r->seq_stored, r->intent_seq);
	atomic_store(&r->tail, r->intent_tail);
	LOGGER_STEP(230);
	set_phase(r, 0);
}

static bool
end_is_batch(struct logger *lg, const struct castlog *c, int dir)
{
	const struct ring *r = cast_ring(c->map);
	char file[LAYOUT_FILE_MAX];

	return r->intent_after - r->intent_before <= 2 * BATCH_BYTES &&
	       staging_is_end(dir, file_of(c, file), &lg->out, r->intent_before,
		   (size_t)(r->intent_after - r->intent_before), r->intent_sum);
}

static bool
intent_is_sane(const struct ring *r)
{
	return layout_day_is_valid(r->intent_day) &&
	       r->intent_before <= r->intent_after &&
	       r->intent_tail <= atomic_load(&r->head) &&
	       r->intent_tail >= atomic_load(&r->tail);
}

/*
 * A batch that was begun, by us or by a logger before us, as journal.c does it.  -1: what
 * is there of it cannot be taken back now, and nothing may be written before it is.
 */
static int
settle(struct logger *lg, struct castlog *c)
{
	struct ring *r = cast_ring(c->map);
	char file[LAYOUT_FILE_MAX];
	int fd, dir, done = 0;
	struct stat st;
	uint64_t size;

	if (__atomic_load_n(&r->intent_phase, __ATOMIC_SEQ_CST) == 0)
		return 0;
	r->intent_day[sizeof(r->intent_day) - 1] = '\0';
	if (atomic_load(&r->tail) == r->intent_tail) {
		set_phase(r, 0);
		return 0;
	}
	if (!intent_is_sane(r)) {
		log_warnx("%s: the intent of its recording is damaged", c->ls->ts->unit);
		give_up_file(lg, c, ESTALE);
		set_phase(r, 0);
		return 0;
	}
	dir = sink_day_fd(lg, r->intent_day);
	if (dir == -1)
		return -1;
	fd = open_sole_at(dir, file_of(c, file), O_WRONLY | O_APPEND, 0, &st);
	if (fd == -1 && errno != ENOENT && !sink_is_refused(errno))
		return -1;
	size = fd == -1 ? 0 : (uint64_t)st.st_size;
	if (fd != -1 && st.st_dev == r->intent_dev && st.st_ino == r->intent_ino &&
	    size == r->intent_after && end_is_batch(lg, c, dir)) {
		finish(c);
	} else if (fd == -1 || st.st_dev != r->intent_dev || st.st_ino != r->intent_ino ||
		   size < r->intent_before || size > r->intent_after) {
		give_up_file(lg, c, ESTALE);
		set_phase(r, 0);
	} else if (size == r->intent_before ||
		   ftruncate(fd, (off_t)r->intent_before) == 0) {
		set_phase(r, 0);
	} else if (errno == EPERM) {
		/* Append-only: half a line stays at its end. */
		give_up_file(lg, c, ESTALE);
		set_phase(r, 0);
	} else {
		done = -1;
	}
	fd_close(&fd);
	return done;
}

/* ---- one batch ---- */

/* The text of a record that begins a file is its day and the first line. */
static bool
is_new_file(const struct ring_record *rec, char day[PROTO_DAY_MAX])
{
	if ((rec->flags & CAST_NEW_FILE) == 0 || rec->len <= CAST_DAY_BYTES)
		return false;
	memcpy(day, rec->text, CAST_DAY_BYTES);
	day[CAST_DAY_BYTES] = '\0';
	return layout_day_is_valid(day);
}

/* Into lg->out: up to the next new file, or BATCH_BYTES.  Without a file there is nobody
 * to take what comes before the next one. */
static void
gather(struct logger *lg, const struct castlog *c, struct cast_batch *b)
{
	struct ring *r = cast_ring(c->map);
	uint64_t at = atomic_load(&r->tail), head = atomic_load(&r->head);
	bool lost = cast_tail(c->map)->file_day[0] == '\0';
	const struct ring_record *rec;
	char day[PROTO_DAY_MAX];

	buf_clear(&lg->out);
	*b = (struct cast_batch){ .tail = at };
	while (lg->out.len < BATCH_BYTES && (rec = ring_next(r, &at)) != NULL) {
		size_t skip = 0;

		if (is_new_file(rec, day)) {
			if (lg->out.len > 0)
				return; /* (at is behind it, b->tail is not) */
			b->new_file = true;
			memcpy(b->day, day, sizeof(b->day));
			lost = false;
			skip = CAST_DAY_BYTES;
		}
		b->tail = at;
		b->seq = rec->seq;
		if (!lost)
			buf_append(&lg->out, rec->text + skip, rec->len - skip);
	}
	/* (Also padding without a record behind it: it would never be left.) */
	b->damaged = lg->out.len < BATCH_BYTES && b->tail < head;
}

/* Once for each file and logger: one before us may have died of it. */
static void
set_links(struct logger *lg, struct castlog *c)
{
	char file[LAYOUT_FILE_MAX];

	if (c->linked)
		return;
	if (links_set(lg, c->ls, true, cast_tail(c->map)->file_day, file_of(c, file)) ==
	    -1)
		log_warn("%s: the links of its recording", c->ls->ts->unit);
	c->linked = true;
}

static int
store(struct logger *lg, struct castlog *c, const struct cast_batch *b)
{
	struct ring *r = cast_ring(c->map);
	struct cast *k = cast_tail(c->map);

	if (b->new_file && make_file(lg, c, b->day) == -1)
		return -1;
	if (!b->new_file && reopen_file(lg, c) == -1) {
		if (errno != 0)
			return -1;
		give_up_file(lg, c, ENOENT);
		return 0;
	}
	r->intent_tail = b->tail;
	r->intent_seq = b->seq;
	r->intent_dev = k->dev;
	r->intent_ino = k->ino;
	r->intent_before = k->size;
	r->intent_after = k->size + lg->out.len;
	r->intent_sum = staging_sum(lg->out.data, lg->out.len);
	strlcpy(r->intent_day, b->new_file ? b->day : k->file_day, sizeof(r->intent_day));
	LOGGER_STEP(200);
	set_phase(r, 1);
	LOGGER_STEP(210);
	if (full_write(c->fd, lg->out.data, lg->out.len) == -1) {
		int err = errno;

		(void)settle(lg, c);
		errno = err;
		return -1;
	}
	LOGGER_STEP(220);
	finish(c);
	if (b->new_file) {
		__atomic_store_n(&k->renew, 0, __ATOMIC_SEQ_CST);
		channel_report(lg, c->ls, STREAM_OF_CAST, STREAM_NAMED, 0);
		vacuum_due(lg);
	}
	set_links(lg, c);
	return 0;
}

/* ---- what is told ---- */

static void
tell_bounds(struct logger *lg, struct castlog *c)
{
	struct cast *k = cast_tail(c->map);
	uint64_t dropped = __atomic_load_n(&k->dropped, __ATOMIC_SEQ_CST);

	if (k->full && !k->told_full) {
		k->told_full = 1;
		channel_report(lg, c->ls, STREAM_OF_CAST, STREAM_LIMIT, 0);
	}
	if (dropped > k->told_dropped) {
		c->ls->unreported_bytes[STREAM_OF_CAST] += dropped - k->told_dropped;
		k->told_dropped = dropped;
		channel_report(lg, c->ls, STREAM_OF_CAST, STREAM_DROPPED, 0);
	}
}

static void
cannot_write(struct logger *lg, struct castlog *c, int err)
{
	if (c->err != err) {
		log_warnx(
		    "%s: cannot write its recording: %s", c->ls->ts->unit, strerror(err));
		channel_report(lg, c->ls, STREAM_OF_CAST, STREAM_PARKED, err);
	}
	c->err = err;
	if (!loop_timer_is_armed(lg->retry_timer))
		loop_timer_in(lg->retry_timer, logger_retry_us(lg));
}

static void
can_write(struct logger *lg, struct castlog *c)
{
	if (c->err == 0)
		return;
	c->err = 0;
	log_info("%s: its recording can be written again", c->ls->ts->unit);
	channel_report(lg, c->ls, STREAM_OF_CAST, STREAM_RESUMED, 0);
}

/* ---- the runs ---- */

static void
drain(struct logger *lg, struct castlog *c)
{
	struct cast_batch b;
	uint64_t stop;
	struct ring *r;

	if (!ring_is_there(lg, c))
		return;
	r = cast_ring(c->map);
	/* (Of what comes meanwhile we are told again: others wait for their turn.) */
	stop = atomic_load(&r->head);
	for (;;) {
		if (settle(lg, c) == -1) {
			cannot_write(lg, c, errno);
			return;
		}
		if (atomic_load(&r->tail) >= stop)
			break;
		gather(lg, c, &b);
		if (lg->out.len > 0) {
			if (store(lg, c, &b) == -1) {
				cannot_write(lg, c, errno);
				return;
			}
			can_write(lg, c);
			continue;
		}
		if (b.damaged) {
			log_warnx("%s: the ring of its recording is damaged: what it "
				  "holds is skipped",
			    c->ls->ts->unit);
			give_up_file(lg, c, ESTALE);
			b.tail = atomic_load(&r->head);
			b.seq = atomic_load(&r->seq_written);
		}
		atomic_store(&r->seq_stored, b.seq);
		atomic_store(&r->tail, b.tail);
	}
	can_write(lg, c);
	if (!c->linked && reopen_file(lg, c) == 0)
		set_links(lg, c);
	tell_bounds(lg, c);
}

void
cast_run(struct logger *lg)
{
	struct castlog *c;

	TAILQ_FOREACH (c, &lg->casts, link)
		if (c->err == 0)
			drain(lg, c);
}

bool
cast_retry(struct logger *lg)
{
	struct castlog *c;
	bool waits = false;

	TAILQ_FOREACH (c, &lg->casts, link) {
		if (c->err != 0)
			drain(lg, c);
		waits |= c->err != 0;
	}
	return waits;
}

/* ---- the slot ---- */

void
cast_open(struct logger *lg, struct logslot *ls)
{
	struct castlog *c;

	if ((ls->ts->conf.stream_mask & SLOT_LOG_CAST) == 0)
		return;
	c = xcalloc(1, sizeof(*c));
	c->ls = ls;
	c->fd = -1;
	ls->cast = c;
	TAILQ_INSERT_TAIL(&lg->casts, c, link);
	/* The terminal may have been quicker than init. */
	if (lg->replayed)
		drain(lg, c);
}

void
cast_close(struct logger *lg, struct logslot *ls)
{
	struct castlog *c = ls->cast;
	const struct ring *r;
	char path[32];
	uint64_t left;

	if (c == NULL)
		return;
	drain(lg, c);
	if (c->map == NULL)
		return;
	r = cast_ring(c->map);
	left = atomic_load(&r->head) - atomic_load(&r->tail);
	if (left > 0) {
		log_warnx("%s: the end of its recording is lost: %s", ls->ts->unit,
		    strerror(c->err));
		ls->unreported_bytes[STREAM_OF_CAST] += left;
		channel_report(lg, ls, STREAM_OF_CAST, STREAM_DROPPED, 0);
	}
	tell_bounds(lg, c);
	cast_path(path, ls->n);
	(void)unlinkat(lg->run_fd, path, 0);
}

void
cast_free(struct logger *lg, struct logslot *ls)
{
	struct castlog *c = ls->cast;

	if (c == NULL)
		return;
	TAILQ_REMOVE(&lg->casts, c, link);
	if (c->map != NULL)
		munmap(c->map, CAST_FILE_BYTES);
	fd_close(&c->fd);
	free(c);
	ls->cast = NULL;
}

void
cast_rotate(struct logger *lg, uint32_t slot)
{
	struct castlog *c;

	TAILQ_FOREACH (c, &lg->casts, link)
		if (slot == SLOT_NONE || slot == c->ls->n)
			fd_close(&c->fd);
}

void
cast_tell(struct logger *lg)
{
	struct castlog *c;

	TAILQ_FOREACH (c, &lg->casts, link) {
		if (c->map != NULL && cast_tail(c->map)->file_day[0] != '\0')
			channel_report(lg, c->ls, STREAM_OF_CAST, STREAM_NAMED, 0);
		if (c->err != 0)
			channel_report(lg, c->ls, STREAM_OF_CAST, STREAM_PARKED, c->err);
	}
}

uint64_t
cast_bytes(const struct logslot *ls)
{
	return ls->cast != NULL && ls->cast->map != NULL ? cast_tail(ls->cast->map)->bytes
							 : 0;
}

uint32_t
cast_alt(const struct logslot *ls)
{
	return ls->cast != NULL && ls->cast->map != NULL ? cast_tail(ls->cast->map)->alt
							 : 0;
}

uint64_t
cast_day(const struct logslot *ls)
{
	const char *day;

	if (ls->cast == NULL || ls->cast->map == NULL)
		return 0;
	day = cast_tail(ls->cast->map)->file_day;
	return layout_day_is_valid(day) ? strtoull(day, NULL, 10) : 0;
}

bool
cast_has(struct logger *lg, uint64_t dev, uint64_t ino)
{
	struct castlog *c;

	TAILQ_FOREACH (c, &lg->casts, link)
		if (c->map != NULL && cast_tail(c->map)->dev == dev &&
		    cast_tail(c->map)->ino == ino)
			return true;
	return false;
}
