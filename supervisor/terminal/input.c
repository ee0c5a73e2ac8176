/*
 * input: see the header.
 */
#include "terminal/input.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "terminal/peers.h"
#include "terminal/record.h"
#include "terminal/session.h"
#include "terminal/state.h"

enum {
	STEP_MAX = 1024 * 1024,  /* bytes of one step */
	TYPED_MAX = 1024 * 1024, /* by persons, and not read by the program */
	ANSWERS_MAX = 64 * 1024, /* where so much waits, the screen adds no answer */
	SENT_SLACK =
	    64 * 1024,     /* of bytes that were written, before those behind move up */
	LINE_BYTES = 4095, /* of a line that is read as one: N_TTY_BUF_SIZE - 1 */
	TYPING_US = 500 * 1000, /* who typed so lately is typing */
	TYPED_EVERY_US = 1000 * 1000,
};

static const char paste_begin[] = "\033[200~", paste_end[] = "\033[201~";

/* ---- how a step went ---- */

static void
tell_taken(struct session *s, uint64_t id, uint32_t step, uint32_t how, int err)
{
	struct msg m;

	msg_init(&m, MSG_TERM_TAKEN);
	m.u.TERM_TAKEN.slot = s->slot;
	m.u.TERM_TAKEN.id = id;
	m.u.TERM_TAKEN.step = step;
	m.u.TERM_TAKEN.how = how;
	m.u.TERM_TAKEN.err = err;
	peers_answer(s->t, &m);
}

static void
step_over(struct session *s, uint32_t how, int err)
{
	struct keep_input *k = &s->step;

	k->err = err;
	k->how = how;
	if (s->keep != NULL) {
		keep_head(s->keep)->input.err = err;
		__atomic_store_n(&keep_head(s->keep)->input.how, how, __ATOMIC_SEQ_CST);
	}
	s->step_end = 0;
	tell_taken(s, k->id, k->step, how, err);
}

void
input_ask(struct session *s)
{
	const struct keep_input *k = &s->step;

	if (k->id == 0)
		tell_taken(s, 0, 0, s->forgot ? TERM_TAKEN_LOST : TERM_TAKEN_OK, 0);
	else if (k->how != 0)
		tell_taken(s, k->id, k->step, k->how, k->err);
	/* else: told when it is done */
}

void
input_no_session(struct terminal *t, uint32_t slot, enum term_taken_how how)
{
	struct msg m;

	msg_init(&m, MSG_TERM_TAKEN);
	m.u.TERM_TAKEN.slot = slot;
	m.u.TERM_TAKEN.how = how;
	m.u.TERM_TAKEN.err = ENOENT;
	peers_answer(t, &m);
}

/* Nothing of it is written; what was, is the newest that we know. */
static void
refuse(struct session *s, int err)
{
	tell_taken(s, s->step.id, s->step.step, TERM_TAKEN_REFUSED, err);
}

void
input_recover(struct session *s)
{
	if (s->keep == NULL)
		return;
	s->step = keep_head(s->keep)->input;
	if (s->step.id != 0 && s->step.how == 0)
		step_over(s, TERM_TAKEN_UNCERTAIN, 0);
}

/* ---- writing ---- */

static void
write_some(struct session *s)
{
	while (s->in_at < s->in.len) {
		bool record = record_wants_typed(s);
		ssize_t r = write(s->master, s->in.data + s->in_at, s->in.len - s->in_at);

		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		if (record)
			record_typed(s, s->in.data + s->in_at, (size_t)r);
		s->in_at += (size_t)r;
	}
	if (s->step_end > 0 && s->in_at >= s->step_end)
		step_over(s, TERM_TAKEN_OK, 0);
	if (s->in_at == s->in.len) {
		buf_clear(&s->in);
		s->in_at = 0;
	} else if (s->in_at > SENT_SLACK) {
		buf_consume(&s->in, s->in_at);
		s->step_end -= s->step_end > 0 ? s->in_at : 0;
		s->in_at = 0;
	}
}

void
input_go_on(struct session *s)
{
	if (s->in.len > 0)
		write_some(s);
	if (s->closing && s->step_end > 0)
		step_over(s, TERM_TAKEN_UNCERTAIN, EPIPE);
}

static bool
is_full(const struct session *s, size_t len, size_t max)
{
	return s->in.len - s->in_at + len > max;
}

bool
input_typed(struct session *s, const char *bytes, size_t len)
{
	uint64_t now = clock_mono_us();
	bool tell = now - s->last_typed_us >= TYPED_EVERY_US, draft = s->typed.draft;

	if (is_full(s, len, TYPED_MAX))
		return false;
	buf_append(&s->in, bytes, len);
	write_some(s);
	if (!typed_feed(&s->typed, bytes, len))
		return true;
	if (s->keep != NULL)
		keep_head(s->keep)->draft = s->typed.draft;
	if (tell || draft != s->typed.draft ||
	    now - s->told.last_typed_us >= TYPED_EVERY_US) {
		s->last_typed_us = now;
		if (s->keep != NULL)
			keep_head(s->keep)->last_typed_us = now;
		session_report(s);
	}
	s->last_typed_us = now;
	return true;
}

void
input_answer(struct session *s, const char *bytes, size_t len)
{
	if (is_full(s, len, ANSWERS_MAX))
		return;
	buf_append(&s->in, bytes, len);
	write_some(s);
}

/* ---- a step ---- */

/* Why it is not written, or 0. */
static int
why_not(const struct session *s, const struct msg_term_input *q)
{
	if (s->closing)
		return EPIPE;
	if (q->size == 0 || q->size > STEP_MAX)
		return EMSGSIZE;
	if (s->step_end > 0)
		return EALREADY;
	if ((q->flags & TERM_INPUT_QUIET) != 0 && s->last_typed_us != 0 &&
	    clock_mono_us() - s->last_typed_us < TYPING_US)
		return EBUSY;
	if ((q->flags & TERM_INPUT_ECHO) != 0 && session_hides_input(s))
		return EPERM;
	return 0;
}

/* Where lines are read, the kernel drops what a line has too much. */
static bool
has_long_line(const struct session *s, const char *p, size_t n)
{
	struct termios tio;
	size_t len = 0;

	if (n <= LINE_BYTES || tcgetattr(s->master, &tio) == -1 ||
	    (tio.c_lflag & ICANON) == 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool ends = p[i] == '\n' || (p[i] == '\r' && (tio.c_iflag & ICRNL) != 0);

		len = ends ? 0 : len + 1;
		if (len > LINE_BYTES)
			return true;
	}
	return false;
}

/* What stands between the marks of a paste must not end it. */
static void
add_paste(struct session *s, const char *p, size_t n)
{
	buf_adds(&s->in, paste_begin);
	for (size_t i = 0; i < n; i++)
		if (p[i] != '\033')
			buf_addc(&s->in, p[i]);
	buf_adds(&s->in, paste_end);
}

static int
add_bytes(struct session *s, const struct msg *m)
{
	const struct msg_term_input *q = &m->u.TERM_INPUT;
	struct screen_look look;
	struct stat st;
	void *p;

	if (fstat(m->fds[0], &st) == -1 || (uint64_t)st.st_size < q->size)
		return EBADMSG;
	p = mmap(NULL, q->size, PROT_READ, MAP_PRIVATE, m->fds[0], 0);
	if (p == MAP_FAILED)
		return errno;
	if (has_long_line(s, p, q->size)) {
		munmap(p, q->size);
		return EMSGSIZE;
	}
	session_screen_look(s, &look);
	if ((q->flags & TERM_INPUT_PASTE) != 0 && look.bracketed_paste)
		add_paste(s, p, q->size);
	else
		buf_append(&s->in, p, q->size);
	munmap(p, q->size);
	return 0;
}

/* A role that is killed between any two of these leaves one that is being written: never
 * the new step with the end of the one before it. */
static void
note_begun(struct session *s)
{
	struct keep_input *k;

	if (s->keep == NULL)
		return;
	k = &keep_head(s->keep)->input;
	__atomic_store_n(&k->how, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&k->id, s->step.id, __ATOMIC_SEQ_CST);
	__atomic_store_n(&k->step, s->step.step, __ATOMIC_SEQ_CST);
	__atomic_store_n(&k->err, 0, __ATOMIC_SEQ_CST);
}

void
input_step(struct session *s, const struct msg *m)
{
	const struct msg_term_input *q = &m->u.TERM_INPUT;
	struct keep_input *k = &s->step;
	int err;

	if (q->id == k->id && q->step <= k->step) {
		input_ask(s);
		return;
	}
	err = why_not(s, q);
	if (err == 0)
		err = add_bytes(s, m);
	if (err != 0) {
		refuse(s, err);
		if (err == EPERM)
			session_report(s); /* nothing may have been drawn for it */
		return;
	}
	s->forgot = false;
	*k = (struct keep_input){ .id = q->id, .step = q->step };
	note_begun(s);
	s->step_end = s->in.len;
	write_some(s);
}
