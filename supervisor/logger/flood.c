/*
 * flood: see the header.
 */
#include "logger/flood.h"

#include <fcntl.h>

#include "lib/clock.h"
#include "logger/state.h"

enum {
	PIPE_BYTES = 64 * 1024,
	PIPE_LARGE = 1024 * 1024, /* what an ordinary user may ask for */
	AFTER_TURNS = 4,          /* that found a full pipe, one after the other */
	ASK_TURNS = 64,           /* ask again after so many */
	OVER_US = 10 * 1000 * 1000,
};

void
flood_start(struct logger *lg)
{
	/* Staging must never have fewer slots than scratch. */
	if (fcntl(lg->staging_w, F_SETPIPE_SZ, TURN_BYTES) != -1)
		(void)fcntl(lg->scratch_w, F_SETPIPE_SZ, TURN_BYTES);
}

static struct flood *
find(struct logger *lg, const struct stream *s)
{
	for (int i = 0; i < FLOODS; i++)
		if (lg->flood[i].s == s)
			return &lg->flood[i];
	return NULL;
}

/* A place that is free, or of a stream that has long been quiet. */
static struct flood *
take_place(struct logger *lg, uint64_t now)
{
	struct flood *f = find(lg, NULL);

	for (int i = 0; f == NULL && i < FLOODS; i++)
		if (now - lg->flood[i].full_us > OVER_US) {
			f = &lg->flood[i];
			(void)fcntl(f->s->fd, F_SETPIPE_SZ, PIPE_BYTES);
			f->s = NULL;
		}
	return f;
}

void
flood_note(struct logger *lg, struct stream *s, size_t n)
{
	struct flood *f;
	uint64_t now;

	if (n < FULL_BYTES) {
		s->full = 0;
		return;
	}
	lg->ran_full = true;
	if (++s->full % ASK_TURNS != AFTER_TURNS)
		return;
	now = clock_mono_us();
	f = find(lg, s);
	if (f == NULL) {
		f = take_place(lg, now);
		if (f == NULL || fcntl(s->fd, F_SETPIPE_SZ, PIPE_LARGE) == -1)
			return;
		f->s = s;
	}
	f->full_us = now;
}

void
flood_forget(struct logger *lg, struct stream *s)
{
	struct flood *f = find(lg, s);

	if (f != NULL)
		f->s = NULL;
}
