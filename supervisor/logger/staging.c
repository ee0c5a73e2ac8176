/*
 * staging: see the header.
 *
 * Only the order of stores counts here, as seen by a later process: a killed process has
 * done all stores before some instruction and none after it.  The phase is therefore
 * stored with order, everything else plainly before it.
 */
#include "logger/staging.h"

#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "logger/channel.h"
#include "logger/sink.h"
#include "logger/state.h"

enum {
	PHASE_IDLE,
	PHASE_WRITE,
	PHASE_TAKEN,
	SUM_END = 512,
	RAW_SUMMED = 16 * 1024, /* of what was in the pipe: scratch always holds that */
	EMPTY_TRIES = 1000,     /* far more than a pipe has pages */
	TAKE_TRIES = 100,
};

static size_t
raw_summed(uint64_t n)
{
	return n < RAW_SUMMED ? (size_t)n : RAW_SUMMED;
}

static void
set_phase(struct table_intent *it, uint32_t phase)
{
	__atomic_store_n(&it->phase, phase, __ATOMIC_SEQ_CST);
}

/* FNV, of eight bytes at a time: byte by byte it would cost more than a short batch. */
static uint64_t
sum_add(uint64_t h, const char *p, size_t n)
{
	uint64_t word;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = (h ^ word) * UINT64_C(1099511628211);
		h ^= h >> 32; /* a product's low bits know nothing of its high ones */
	}
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * UINT64_C(1099511628211);
	return h;
}

uint64_t
staging_sum(const char *p, size_t n)
{
	uint64_t h = sum_add(UINT64_C(14695981039346656037), (const char *)&n, sizeof(n));

	if (n <= 2 * SUM_END)
		return sum_add(h, p, n);
	return sum_add(sum_add(h, p, SUM_END), p + n - SUM_END, SUM_END);
}

bool
staging_is_end(
    int dir, const char *path, struct buf *out, uint64_t at, size_t n, uint64_t sum)
{
	int fd = open_at(dir, path, O_RDONLY | O_NONBLOCK, 0);
	bool same;

	if (fd == -1)
		return true;
	buf_clear(out);
	same = pread(fd, buf_reserve(out, n + 1), n, (off_t)at) == (ssize_t)n &&
	       staging_sum(out->data, n) == sum;
	fd_close(&fd);
	return same;
}

void
staging_add_tail(struct logger *lg, struct logslot *ls, const char *p, size_t n)
{
	struct table_log *log = &ls->ts->log;
	uint32_t have = log->tail_len <= PROTO_TAIL_MAX ? log->tail_len : 0;
	size_t keep;

	if (!ls->tail_room &&
	    file_allocate(ROLE_FD_TABLE, (uint64_t)(ls->tail - (char *)lg->t),
		PROTO_TAIL_MAX) == -1)
		return; /* no memory: a failure is told without its last words */
	ls->tail_room = true;
	if (n > PROTO_TAIL_MAX) {
		p += n - PROTO_TAIL_MAX;
		n = PROTO_TAIL_MAX;
	}
	keep = have + n > PROTO_TAIL_MAX ? PROTO_TAIL_MAX - n : have;
	memmove(ls->tail, ls->tail + (have - keep), keep);
	memcpy(ls->tail + keep, p, n);
	log->tail_len = (uint32_t)(keep + n);
}

/* ---- the pipes ---- */

static size_t
pipe_holds(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) == -1 || n < 0 ? 0 : (size_t)n;
}

/* What would be left would come before the next: not even an error is a reason. */
static void
empty_pipe(int fd)
{
	char waste[4096];

	for (int i = 0; pipe_holds(fd) > 0 && i < EMPTY_TRIES; i++)
		(void)!read(fd, waste, sizeof(waste));
}

ssize_t
staging_peek(struct logger *lg, int fd, char *to, size_t max)
{
	size_t got = 0;
	ssize_t n;

	do
		n = tee(fd, lg->scratch_w, max, SPLICE_F_NONBLOCK);
	while (n == -1 && errno == EINTR);
	if (n <= 0) /* 0: nobody has it open for writing */
		return n == 0 || errno == EAGAIN ? 0 : -1;
	LOGGER_STEP(5);
	while (got < (size_t)n) {
		ssize_t r = read(lg->scratch_r, to + got, (size_t)n - got);

		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	if (got == (size_t)n)
		return n;
	empty_pipe(lg->scratch_r);
	errno = EIO;
	return -1;
}

/* Moves n bytes from the pipe into staging.  Fewer: somebody else reads this pipe. */
static size_t
take(struct logger *lg, int fd, size_t n)
{
	size_t got = 0;
	int tries = 0;

	while (got < n) {
		ssize_t r = splice(fd, NULL, lg->staging_w, NULL, n - got,
		    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (r == -1 && errno == EINTR)
			continue;
		/* The lines are in the log: what stays in the pipe is there twice. */
		if (r == -1 && errno != EAGAIN && tries++ < TAKE_TRIES)
			continue;
		if (r <= 0)
			break;
		got += (size_t)r;
		LOGGER_STEP(40);
	}
	return got;
}

/* Throws n bytes away, without copying them where that can be. */
static void
empty_staging(struct logger *lg, size_t n)
{
	while (n > 0 && lg->null_fd != -1) {
		ssize_t r = splice(lg->staging_r, NULL, lg->null_fd, NULL, n,
		    SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		LOGGER_STEP(60);
		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		n -= (size_t)r;
	}
	if (n > 0)
		empty_pipe(lg->staging_r);
}

/* ---- a batch ---- */

static void
flip(struct logger *lg, struct logslot *ls)
{
	const struct table_intent *it = &lg->t->intent;
	struct stream_log *sl = &ls->ts->log.stream[it->stream];

	sl->carry_len[it->carry_which] = it->carry_len;
	sl->carry_split = it->carry_split;
	sl->carry_which = it->carry_which;
	sl->lines = it->lines;
	sl->bytes = it->bytes;
	sl->dropped_lines = it->dropped_lines;
	sl->dropped_bytes = it->dropped_bytes;
	ls->ts->log.lines = it->log_lines;
	ls->ts->log.bytes = it->log_bytes;
}

static void
finish(struct logger *lg, struct logslot *ls, size_t staged)
{
	set_phase(&lg->t->intent, PHASE_TAKEN);
	LOGGER_STEP(50);
	flip(lg, ls);
	LOGGER_STEP(55);
	empty_staging(lg, staged);
	LOGGER_STEP(65);
	set_phase(&lg->t->intent, PHASE_IDLE);
	LOGGER_STEP(70);
}

static void
fill_intent(struct logger *lg, struct stream *s, const struct batch *b)
{
	struct table_intent *it = &lg->t->intent;
	struct logslot *ls = s->slot;
	const struct stream_log *sl = &ls->ts->log.stream[s->which];

	it->slot = ls->n;
	it->stream = s->which;
	it->carry_which = sl->carry_which == 0;
	it->carry_len = (uint32_t)b->tail_len;
	it->carry_split = 0;
	it->n = b->n;
	it->dev = ls->sink.dev;
	it->ino = ls->sink.ino;
	it->before = b->size;
	it->after = b->size + b->out_len;
	it->sum = staging_sum(b->out, b->out_len);
	it->raw_sum = staging_sum(b->data + b->carry, raw_summed(b->n));
	it->lines = sl->lines + b->lines;
	it->bytes = sl->bytes + b->n;
	it->dropped_lines = b->dropped_lines;
	it->dropped_bytes = b->dropped_bytes;
	it->log_lines = ls->ts->log.lines + b->lines;
	it->log_bytes = ls->ts->log.bytes + b->out_len;
	memcpy(it->day, ls->sink.day, sizeof(it->day));
}

/* One write, so that no reader sees half a batch; the second only tells why the first
 * was short. */
static int
append(struct sink *sink, const struct batch *b)
{
	ssize_t r = write(sink->fd, b->out, b->out_len);
	int err;

	if (r == (ssize_t)b->out_len)
		return 0;
	if (r >= 0) {
		size_t done = (size_t)r;

		r = write(sink->fd, b->out + done, b->out_len - done);
		if (r == (ssize_t)(b->out_len - done))
			return 0;
		if (r >= 0)
			errno = ENOSPC;
	}
	err = errno;
	if (!sink_take_back(sink, b->size))
		log_warn("cannot take back half a batch yet");
	errno = err;
	return -1;
}

/*
 * The unfinished line into the carry that is not in use.  The table lies on a tmpfs,
 * which others may fill: a page that was never touched gets its room first, because
 * without it the copy would be a SIGBUS.
 */
static int
carry_store(struct logger *lg, struct stream *s, const struct batch *b)
{
	uint32_t which = lg->t->intent.carry_which;
	char *carry = table_carry(lg->t, s->slot->n, s->which, which);

	if (b->tail_len > s->room[which]) {
		if (file_allocate(ROLE_FD_TABLE, (uint64_t)(carry - (char *)lg->t),
			b->tail_len) == -1)
			return -1;
		s->room[which] = b->tail_len;
	}
	memcpy(carry, b->tail, b->tail_len);
	return 0;
}

int
staging_commit(struct logger *lg, struct stream *s, const struct batch *b)
{
	struct table_intent *it = &lg->t->intent;
	struct logslot *ls = s->slot;
	size_t got;

	fill_intent(lg, s, b);
	if (carry_store(lg, s, b) == -1)
		return -1;
	LOGGER_STEP(10);
	set_phase(it, PHASE_WRITE);
	LOGGER_STEP(20);
	if (b->out_len > 0 && append(&ls->sink, b) == -1) {
		set_phase(it, PHASE_IDLE);
		return -1;
	}
	LOGGER_STEP(30);
	got = take(lg, s->fd, b->n);
	if (got < b->n)
		channel_report(lg, ls, s->which, STREAM_DISTURBED, ENODATA);
	if (s->which == 1)
		staging_add_tail(lg, ls, b->data + b->carry, b->n);
	finish(lg, ls, got);
	return 0;
}

/* ---- after a death ---- */

/* Whether the end of the file is the batch, as far as its checksum tells. */
static bool
end_is_batch(struct logger *lg, struct logslot *ls)
{
	const struct table_intent *it = &lg->t->intent;
	uint64_t len = it->after - it->before;
	char *p, file[LAYOUT_FILE_MAX];
	bool same;
	int dir, fd;

	if (len > (uint64_t)OUT_BYTES + CARRY_BYTES + TURN_BYTES + 4096)
		return true; /* longer than it should be; the size is proof enough */
	dir = sink_day_fd(lg, ls->sink.day);
	fd = dir == -1 ? -1 : open_at(dir, sink_file(ls, file), O_RDONLY | O_NONBLOCK, 0);
	if (fd == -1)
		return true; /* not readable by us, the size has to do */
	p = buf_reserve(&lg->out, (size_t)len + 1);
	same = pread(fd, p, (size_t)len, (off_t)it->before) == (ssize_t)len &&
	       staging_sum(p, (size_t)len) == it->sum;
	fd_close(&fd);
	return same;
}

/*
 * Phase 1 and staging is empty: was the batch written?  True: all of it.  Otherwise the
 * file is as before, or somebody else changed it and it stays as it is.
 */
static bool
was_written(struct logger *lg, struct logslot *ls)
{
	const struct table_intent *it = &lg->t->intent;
	struct stat st;
	uint64_t size;

	if (it->after == it->before)
		return true;
	if (sink_find(lg, ls, it->day, it->dev, it->ino) == -1 ||
	    fstat(ls->sink.fd, &st) == -1)
		goto disturbed;
	size = (uint64_t)st.st_size;
	if (size == it->after && end_is_batch(lg, ls))
		return true;
	if (size >= it->before && size < it->after) {
		if (!sink_take_back(&ls->sink, it->before))
			log_warn("cannot take back half a batch yet");
		return false;
	}
disturbed:
	channel_report(lg, ls, 2, STREAM_DISTURBED, ESTALE);
	return false;
}

/*
 * Whether the pipe still begins with the bytes of the batch.  When all of supd died,
 * staging died with it, and with it the proof of how many were taken.
 */
static bool
is_untouched(struct logger *lg, int fd)
{
	size_t n = raw_summed(lg->t->intent.n);

	return (n == 0 || staging_peek(lg, fd, lg->in, n) == (ssize_t)n) &&
	       staging_sum(lg->in, n) == lg->t->intent.raw_sum;
}

/* The bytes that the dead logger took are the newest of stderr, if it was that. */
static void
tail_from_staging(struct logger *lg, struct logslot *ls)
{
	char text[16384];
	ssize_t r;

	while ((r = read(lg->staging_r, text, sizeof(text))) > 0)
		staging_add_tail(lg, ls, text, (size_t)r);
}

void
staging_recover(struct logger *lg)
{
	struct table_intent *it = &lg->t->intent;
	uint32_t phase = __atomic_load_n(&it->phase, __ATOMIC_SEQ_CST);
	size_t staged = pipe_holds(lg->staging_r);
	struct logslot *ls = NULL;

	empty_pipe(lg->scratch_r);
	if (phase != PHASE_IDLE && it->slot < lg->t->nslots && it->stream < 2 &&
	    it->carry_which < 2 && it->carry_len <= CARRY_BYTES)
		ls = lg->slots[it->slot];
	if (ls == NULL) {
		if (phase != PHASE_IDLE)
			log_warnx("a batch in flight belongs to no open slot");
		empty_pipe(lg->staging_r);
		set_phase(it, PHASE_IDLE);
		return;
	}
	it->day[sizeof(it->day) - 1] = '\0';
	if (phase == PHASE_WRITE) {
		if (staged == 0 && !was_written(lg, ls)) {
			set_phase(it, PHASE_IDLE);
			return;
		}
		LOGGER_STEP(80);
		if (staged > 0 || is_untouched(lg, ls->stream[it->stream].fd))
			take(lg, ls->stream[it->stream].fd, it->n - staged);
		set_phase(it, PHASE_TAKEN);
		if (it->stream == 1)
			tail_from_staging(lg, ls);
	}
	finish(lg, ls, pipe_holds(lg->staging_r));
}
