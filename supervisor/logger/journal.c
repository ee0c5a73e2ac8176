/*
 * journal: see the header.
 *
 * The protocol is that of the streams (staging.h) with the ring as the source: storing
 * the intent, appending with one write, moving the tail.  Moving the tail cannot be half
 * done, so there is no staging.
 */
#include "logger/journal.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "logger/links.h"
#include "logger/sink.h"
#include "logger/staging.h"
#include "logger/state.h"

enum {
	BATCH_BYTES = 64 * 1024,
	KEEP_BYTES = 16 * 1024, /* of the buffer of a batch, while nothing is written */
	STATE_MODE = 0600,
};

static void
set_phase(struct ring *r, uint64_t phase)
{
	__atomic_store_n(&r->intent_phase, phase, __ATOMIC_SEQ_CST);
}

/* ---- the file ---- */

/*
 * A power loss may have left half a line, of which nobody was told: what is appended must
 * not become a part of it.  st: of the open file; its size is set.
 */
static int
end_torn_line(int dir, const char *path, int fd, struct stat *st)
{
	char last = '\n';
	int in;

	if (st->st_size == 0)
		return 0;
	in = open_at(dir, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (in == -1)
		return 0; /* not readable by us: as good as whole */
	(void)!pread(in, &last, 1, st->st_size - 1);
	fd_close(&in);
	if (last == '\n')
		return 0;
	if (full_write(fd, "\n", 1) == -1)
		return -1;
	st->st_size++;
	return 0;
}

static int
events_open_day(struct logger *lg, const char *day, uint64_t *size)
{
	char path[LAYOUT_PATH_MAX];
	struct stat st;
	int fd;

	/* Makes the folder of the day, too. */
	if (sink_day_fd(lg, day) == -1)
		return -1;
	layout_events_path(path, sizeof(path), day);
	fd = open_sole_at(lg->root_fd, path, O_WRONLY | O_APPEND | O_CREAT,
	    (mode_t)logger_file_mode(lg), &st);
	if (fd == -1)
		return -1;
	if (end_torn_line(lg->root_fd, path, fd, &st) == -1) {
		fd_close(&fd);
		return -1;
	}
	fd_close(&lg->events_fd);
	lg->events_fd = fd;
	lg->events_dev = st.st_dev;
	lg->events_ino = st.st_ino;
	lg->events_checked_us = clock_mono_us();
	strlcpy(lg->events_day, day, sizeof(lg->events_day));
	*size = (uint64_t)st.st_size;
	layout_events_path(path, sizeof(path), day);
	if (symlink_atomic(
		lg->root_fd, path + strlen("journal/"), "journal/events.jsonl") == -1 &&
	    !links_cannot_be(lg, errno))
		log_warn("journal/events.jsonl");
	return 0;
}

static bool
events_are_current(struct logger *lg, uint64_t *size)
{
	char path[LAYOUT_PATH_MAX];
	uint64_t now = clock_mono_us();
	struct stat st;

	if (fstat(lg->events_fd, &st) == -1 || st.st_nlink == 0)
		return false;
	*size = (uint64_t)st.st_size;
	if (now - lg->events_checked_us < USEC_PER_SEC)
		return true;
	lg->events_checked_us = now;
	layout_events_path(path, sizeof(path), lg->events_day);
	return path_is_at(lg->root_fd, path, st.st_dev, st.st_ino);
}

static bool
has_events(const struct logger *lg, const char *day)
{
	char path[LAYOUT_PATH_MAX];
	struct stat st;

	layout_events_path(path, sizeof(path), day);
	return fstatat(lg->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && st.st_size > 0;
}

/* The day that journal/events.jsonl leads to: an earlier logger wrote there. */
static bool
linked_day(const struct logger *lg, char *day, size_t size)
{
	char to[LAYOUT_PATH_MAX];
	ssize_t n = readlinkat(lg->root_fd, "journal/events.jsonl", to, sizeof(to) - 1);

	to[n > 0 ? n : 0] = '\0';
	to[strcspn(to, "/")] = '\0';
	return strlcpy(day, to, size) < size && layout_day_is_valid(day);
}

/*
 * The day whose file is written: today, but never one that was left before.  So seq grows
 * through a file, and a file holds what came before the next one, also when the clock is
 * set back.
 */
static void
choose_day(const struct logger *lg, char day[CLOCK_DAY_MAX])
{
	char current[CLOCK_DAY_MAX];

	clock_day(day, CLOCK_DAY_MAX, clock_wall_us());
	strlcpy(current, lg->events_day, sizeof(current));
	if (*current == '\0' && !linked_day(lg, current, sizeof(current)))
		return;
	if (strcmp(current, day) != 0 && has_events(lg, day))
		strlcpy(day, current, CLOCK_DAY_MAX);
}

static int
events_ready(struct logger *lg, uint64_t *size)
{
	char day[CLOCK_DAY_MAX];

	choose_day(lg, day);
	if (lg->events_fd != -1 && strcmp(day, lg->events_day) == 0 &&
	    events_are_current(lg, size))
		return 0;
	/* Closed also when there will be no other: what was moved away is not ours. */
	fd_close(&lg->events_fd);
	return events_open_day(lg, day, size);
}

/* ---- the intent ---- */

static bool
end_is_batch(struct logger *lg, const char *path)
{
	const struct ring *r = lg->ring;

	return r->intent_after - r->intent_before <= 2 * BATCH_BYTES &&
	       staging_is_end(lg->root_fd, path, &lg->events_out, r->intent_before,
		   (size_t)(r->intent_after - r->intent_before), r->intent_sum);
}

static void
finish(struct logger *lg)
{
	struct ring *r = lg->ring;

	atomic_store(&r->seq_stored, r->intent_seq);
	atomic_store(&r->tail, r->intent_tail);
	LOGGER_STEP(130);
	set_phase(r, 0);
	lg->ack_waits = true;
}

/*
 * A batch that was begun, by us or by a logger before us: it is finished when it is
 * whole, else what is there of it is taken back.  -1: it cannot be taken back now, and
 * nothing may be written before it is.
 */
static int
settle(struct logger *lg)
{
	struct ring *r = lg->ring;
	char path[LAYOUT_PATH_MAX];
	struct stat st;
	uint64_t size;
	int fd, done = 0;

	if (__atomic_load_n(&r->intent_phase, __ATOMIC_SEQ_CST) == 0)
		return 0;
	r->intent_day[sizeof(r->intent_day) - 1] = '\0';
	/* The tail moved already: only the phase is left. */
	if (atomic_load(&r->tail) == r->intent_tail) {
		set_phase(r, 0);
		return 0;
	}
	if (!layout_day_is_valid(r->intent_day) ||
	    r->intent_tail > atomic_load(&r->head) ||
	    r->intent_tail < atomic_load(&r->tail)) {
		log_warnx("the intent of the event journal is damaged");
		set_phase(r, 0);
		return 0;
	}
	layout_events_path(path, sizeof(path), r->intent_day);
	fd = open_sole_at(lg->root_fd, path, O_WRONLY | O_APPEND, 0, &st);
	if (fd == -1 || st.st_dev != r->intent_dev || st.st_ino != r->intent_ino) {
		log_warnx("%s was changed by somebody else", path);
		set_phase(r, 0);
		fd_close(&fd);
		return 0;
	}
	size = (uint64_t)st.st_size;
	if (size == r->intent_after && end_is_batch(lg, path)) {
		finish(lg);
	} else if (size < r->intent_before || size >= r->intent_after) {
		log_warnx("%s was changed by somebody else", path);
		set_phase(r, 0);
	} else if (size == r->intent_before ||
		   ftruncate(fd, (off_t)r->intent_before) == 0) {
		set_phase(r, 0);
	} else if (errno == EPERM) {
		/* Append-only: it will never be taken back, but opened again it gets the
		 * end of its line. */
		log_warn("half a batch of events stays in %s", path);
		fd_close(&lg->events_fd);
		set_phase(r, 0);
	} else {
		done = -1;
	}
	fd_close(&fd);
	return done;
}

void
journal_recover(struct logger *lg)
{
	(void)settle(lg); /* what it cannot do, journal_run tries again */
}

/* ---- one batch ---- */

struct events_batch {
	uint64_t tail, seq; /* after it */
	uint64_t wish_seq;  /* of the newest wish in it, 0: none */
	bool damaged;
};

static void
gather(struct logger *lg, uint64_t from, struct events_batch *b)
{
	uint64_t at = from, head = atomic_load(&lg->ring->head);
	const struct ring_record *rec;

	buf_clear(&lg->events_out);
	buf_clear(&lg->wishes_out);
	*b = (struct events_batch){ .tail = from };
	while (lg->events_out.len < BATCH_BYTES &&
	       (rec = ring_next(lg->ring, &at)) != NULL) {
		buf_append(&lg->events_out, rec->text, rec->len);
		if (rec->text[rec->len - 1] != '\n')
			buf_addc(&lg->events_out, '\n');
		b->tail = at;
		b->seq = rec->seq;
		if ((rec->flags & RING_WISH) == 0 ||
		    rec->seq <= atomic_load(&lg->ring->wish_stored))
			continue;
		buf_append(&lg->wishes_out, rec->text, rec->len);
		if (rec->text[rec->len - 1] != '\n')
			buf_addc(&lg->wishes_out, '\n');
		b->wish_seq = rec->seq;
	}
	b->damaged = lg->events_out.len < BATCH_BYTES && at < head;
}

/* Wishes before events, and durable: a person is waiting. */
static int
store_wishes(struct logger *lg, const struct events_batch *b)
{
	struct stat st;
	int fd, r = -1;

	if (b->wish_seq == 0)
		return 0;
	if (mkdir_p_at(lg->root_fd, "state", 0700) == -1)
		return -1;
	fd = open_sole_at(
	    lg->root_fd, "state/wishes", O_WRONLY | O_APPEND | O_CREAT, STATE_MODE, &st);
	if (fd == -1)
		return -1;
	if (end_torn_line(lg->root_fd, "state/wishes", fd, &st) == -1 ||
	    full_write(fd, lg->wishes_out.data, lg->wishes_out.len) == -1 ||
	    fdatasync(fd) == -1 ||
	    (st.st_size == 0 && sync_parent_at(lg->root_fd, "state/wishes") == -1)) {
		int err = errno;

		/* Half a wish must not swallow the next one, and none is there twice. */
		if (ftruncate(fd, st.st_size) == -1)
			log_warn("state/wishes");
		errno = err;
	} else {
		r = 0;
	}
	fd_close(&fd);
	if (r == 0) {
		atomic_store(&lg->ring->wish_stored, b->wish_seq);
		lg->ack_waits = true;
	}
	return r;
}

static int
store_events(struct logger *lg, const struct events_batch *b)
{
	struct ring *r = lg->ring;
	uint64_t size;

	if (events_ready(lg, &size) == -1)
		return -1;
	r->intent_tail = b->tail;
	r->intent_seq = b->seq;
	r->intent_dev = lg->events_dev;
	r->intent_ino = lg->events_ino;
	r->intent_before = size;
	r->intent_after = size + lg->events_out.len;
	r->intent_sum = staging_sum(lg->events_out.data, lg->events_out.len);
	strlcpy(r->intent_day, lg->events_day, sizeof(r->intent_day));
	LOGGER_STEP(100);
	set_phase(r, 1);
	LOGGER_STEP(110);
	if (full_write(lg->events_fd, lg->events_out.data, lg->events_out.len) == -1) {
		int err = errno;

		(void)settle(lg);
		errno = err;
		return -1;
	}
	LOGGER_STEP(120);
	finish(lg);
	return 0;
}

/* The journal cannot be written: say so once, look again later. */
static void
wait_for_disk(struct logger *lg, int err)
{
	if (lg->events_err != err)
		log_warnx("cannot write the event journal: %s", strerror(err));
	lg->events_err = err;
	loop_timer_in(lg->events_timer, logger_retry_us(lg));
}

/* What cannot be read in the ring will not become readable. */
static void
skip_damage(struct logger *lg)
{
	log_warnx("the event ring is damaged: what it holds is skipped");
	atomic_store(&lg->ring->tail, atomic_load(&lg->ring->head));
}

void
journal_run(struct logger *lg)
{
	struct events_batch b;

	for (;;) {
		if (settle(lg) == -1) {
			wait_for_disk(lg, errno);
			break;
		}
		gather(lg, atomic_load(&lg->ring->tail), &b);
		if (lg->events_out.len == 0) {
			if (b.damaged)
				skip_damage(lg);
			/* A burst is over. */
			if (lg->events_out.cap > KEEP_BYTES)
				buf_free(&lg->events_out);
			break;
		}
		if (store_wishes(lg, &b) == -1 || store_events(lg, &b) == -1) {
			wait_for_disk(lg, errno);
			break;
		}
		if (lg->events_err != 0)
			log_info("the event journal can be written again");
		lg->events_err = 0;
	}
}

void
journal_close(struct logger *lg)
{
	fd_close(&lg->events_fd);
}
