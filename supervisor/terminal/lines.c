/*
 * lines: see the header.
 */
#include "terminal/lines.h"

#include <sys/ioctl.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib/log.h"
#include "terminal/state.h"

enum { BATCH_MAX = 32 * 1024 };

void
lines_add(void *session, const char *text, size_t len)
{
	struct session *s = session;
	size_t at = s->lines.len, cut;

	buf_append(&s->lines, text, len);
	buf_addc(&s->lines, '\n');
	/* What a killed role had written of it already. */
	cut = s->skip < len + 1 ? s->skip : len + 1;
	if (cut == 0)
		return;
	s->skip -= cut;
	if (at == 0) {
		buf_consume(&s->lines, cut);
		return;
	}
	/* (Only the first lines of a new role: nothing waits before them.) */
	s->skip = 0;
}

/* All raw bytes have all their lines in the pipe. */
static void
all_done(struct session *s)
{
	struct keep_half *h = keep_half(s->keep);

	if (s->skip == 0)
		h->done = keep_done(h->raw_len, 0);
}

static size_t
in_staging(const struct terminal *t)
{
	int n = 0;

	return ioctl(t->lines_r, FIONREAD, &n) == 0 && n > 0 ? (size_t)n : 0;
}

static void
empty_staging(const struct terminal *t)
{
	char waste[4096];
	ssize_t n;

	do
		n = read(t->lines_r, waste, sizeof(waste));
	while (n > 0 || (n == -1 && errno == EINTR));
}

/* Splices the batch; how much of it arrived. */
static size_t
move(struct session *s, size_t n)
{
	size_t moved = 0;

	while (moved < n) {
		ssize_t r = splice(s->t->lines_r, NULL, s->pipe_w, NULL, n - moved,
		    SPLICE_F_NONBLOCK | SPLICE_F_MOVE);

		if (r > 0) {
			moved += (size_t)r;
			continue;
		}
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1 && errno != EAGAIN)
			log_warn("%s: its log pipe", s->ts->unit);
		break;
	}
	return moved;
}

/* Without a keep there is nobody to tell. */
static bool
flush_unkept(struct session *s)
{
	while (s->lines.len > 0) {
		ssize_t r = write(s->pipe_w, s->lines.data, s->lines.len);

		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		buf_consume(&s->lines, (size_t)r);
	}
	return true;
}

/* One batch.  True: all of it went. */
static bool
flush_batch(struct session *s)
{
	struct keep_head *h = keep_head(s->keep);
	struct keep_half *half = keep_half(s->keep);
	size_t n = s->lines.len < BATCH_MAX ? s->lines.len : BATCH_MAX, moved;
	uint32_t partial = keep_partial(half);
	ssize_t w;

	h->batch.n = (uint32_t)n;
	__atomic_store_n(&h->batch.phase, LINES_FILLING, __ATOMIC_SEQ_CST);
	w = write(s->t->lines_w, s->lines.data, n);
	if (w != (ssize_t)n) {
		/* It was empty, and holds more than a batch. */
		log_warn("the pipe of lines");
		empty_staging(s->t);
		__atomic_store_n(&h->batch.phase, LINES_NONE, __ATOMIC_SEQ_CST);
		return false;
	}
	__atomic_store_n(&h->batch.phase, LINES_MOVING, __ATOMIC_SEQ_CST);
	moved = move(s, n);
	h->batch.after = keep_done(keep_logged(half), partial + (uint32_t)moved);
	if (moved < n) {
		__atomic_store_n(&h->batch.phase, LINES_RETURNING, __ATOMIC_SEQ_CST);
		empty_staging(s->t);
	}
	half->done = h->batch.after;
	__atomic_store_n(&h->batch.phase, LINES_NONE, __ATOMIC_SEQ_CST);
	buf_consume(&s->lines, moved);
	return moved == n;
}

bool
lines_flush(struct session *s)
{
	if (s->keep == NULL)
		return flush_unkept(s);
	while (s->lines.len > 0) {
		if (!flush_batch(s))
			return false;
	}
	all_done(s);
	return true;
}

void
lines_recover(struct session *s)
{
	struct keep_head *h = keep_head(s->keep);
	struct keep_half *half = keep_half(s->keep);
	size_t left = in_staging(s->t);

	switch ((enum lines_phase)h->batch.phase) {
	case LINES_MOVING:
		h->batch.after = keep_done(keep_logged(half),
		    keep_partial(half) +
			(left < h->batch.n ? h->batch.n - (uint32_t)left : 0));
		__atomic_store_n(&h->batch.phase, LINES_RETURNING, __ATOMIC_SEQ_CST);
		__attribute__((fallthrough));
	case LINES_RETURNING:
		half->done = h->batch.after;
		break;
	default:
		break;
	}
	if (h->batch.phase != LINES_NONE)
		empty_staging(s->t);
	__atomic_store_n(&h->batch.phase, LINES_NONE, __ATOMIC_SEQ_CST);
}

void
lines_clear_staging(struct terminal *t)
{
	empty_staging(t);
}
