/*
 * input_deliver: the steps of a delivery, and when each may be taken.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/session/input_int.h"
#include "manager/session/oracle.h"

enum { CLEAR_PAUSE_US = 50 * 1000 }; /* between the clear key and the text */

static const bool in_flight[INPUT_NPHASES] = {
#define INPUT_PHASE(name, text, flight) [INPUT_##name] = flight,
#include "manager/session/input.def"
};

bool
input_in_flight(const struct input_item *it)
{
	return it->e.result == INPUT_NONE && in_flight[it->e.phase];
}

bool
input_begun(const struct input_item *it)
{
	return it->e.phase != INPUT_QUEUED;
}

struct input_item *
input_active(const struct input *q)
{
	struct input_item *it = TAILQ_FIRST(&q->list);

	return it != NULL && input_begun(it) && it->e.result == INPUT_NONE ? it : NULL;
}

void
input_finish(struct input_item *it, enum input_result r, const char *reason)
{
	if (it->e.result != INPUT_NONE)
		return;
	it->e.result = r;
	it->e.reason = xstrdup_opt(reason);
}

/* ---- may it ---- */

static bool
has(const struct input_item *it, uint32_t flag)
{
	return (it->e.flags & flag) != 0;
}

static bool
in_when(const struct input *q, const struct input_item *it)
{
	session_states when = it->e.when != 0 ? it->e.when : q->conf->input_when;

	return (when & SESSION_STATE_BIT(q->state)) != 0;
}

/* Keys that are to be pressed now are a person's own; everything else respects what is in
 * the prompt. */
static bool
draft_forbids(const struct input *q, const struct input_item *it)
{
	return q->draft &&
	       !(has(it, INPUT_KEYS) && has(it, INPUT_NOW) && !has(it, INPUT_REPLACE));
}

static bool
writer_ready(const struct input *q)
{
	return q->running && q->writer_up && !q->asked && clock_mono_us() >= q->retry_us;
}

/* The clear key or the text: is it the moment? */
static bool
fits(const struct input *q, const struct input_item *it)
{
	return q->running && (has(it, INPUT_NOW) || in_when(q, it)) &&
	       !draft_forbids(q, it);
}

static bool
password_forbids(const struct input *q, const struct input_item *it)
{
	return q->password && !has(it, INPUT_FORCE);
}

/* Enter for the first time: the echo of the text may look like work. */
static bool
may_enter(const struct input *q, const struct input_item *it)
{
	return writer_ready(q) &&
	       (has(it, INPUT_NOW) || in_when(q, it) || q->state == SESSION_WORKING) &&
	       !draft_forbids(q, it) && !password_forbids(q, it);
}

static bool
now_waits(const struct input_item *it)
{
	const struct input_item *next = TAILQ_NEXT(it, link);

	return next != NULL && next->e.result == INPUT_NONE && has(next, INPUT_NOW);
}

/* ---- why not ---- */

static void
put_when(const struct input *q, const struct input_item *it, struct buf *out)
{
	session_states when = it->e.when != 0 ? it->e.when : q->conf->input_when;
	const char *sep = "until it is ";

	for (int i = 0; i < SESSION_NSTATES; i++) {
		if ((when & SESSION_STATE_BIT(i)) == 0)
			continue;
		buf_addf(out, "%s%s", sep, oracle_state_name((enum session_state)i));
		sep = " or ";
	}
	if (when == 0)
		buf_adds(out, "for no state: InputWhen=none");
}

void
input_put_why(const struct input *q, struct buf *out)
{
	const struct input_item *it = TAILQ_FIRST(&q->list);

	if (it == NULL || !q->running || (input_begun(it) && !draft_forbids(q, it)))
		return;
	if (draft_forbids(q, it))
		buf_adds(out, "a person has a draft");
	else if (!has(it, INPUT_NOW) && !in_when(q, it))
		put_when(q, it, out);
	else if (password_forbids(q, it))
		buf_adds(out, "a password is asked for");
	else if (!q->writer_up)
		buf_adds(out, "it cannot be typed into now");
}

/* ---- steps ---- */

static void step_not_taken(struct input *q, struct input_item *it);

/* Intent, then deed. */
static void
announce(struct input *q, struct input_item *it, enum input_phase phase,
    enum input_write what, const char *data, size_t len)
{
	enum input_phase before = it->e.phase;
	uint32_t enter = phase == INPUT_ENTERING ? 1 : 0;

	it->e.step++;
	it->e.enters += enter;
	it->e.phase = phase;
	if (!q->ops.journal(q->ops.arg, &it->e, INPUT_RECORD_STEP)) {
		it->e.step--;
		it->e.enters -= enter;
		it->e.phase = before;
		q->retry_us = clock_mono_us() + INPUT_RETRY_US;
		return;
	}
	if (!q->ops.write(q->ops.arg, it->e.id, it->e.step, what, data, len))
		step_not_taken(q, it);
}

static void
press_enter(struct input *q, struct input_item *it)
{
	announce(q, it, INPUT_ENTERING, INPUT_WRITE_ENTER, "\r", 1);
}

static bool
clears(const struct input *q, const struct input_item *it)
{
	const char *clear = q->conf->input_clear;

	return has(it, INPUT_REPLACE) && clear != NULL && clear[0] != '\0';
}

static void
type_text(struct input *q, struct input_item *it)
{
	bool lines;

	if (it->e.len == 0) {
		if (has(it, INPUT_ENTER))
			press_enter(q, it);
		else if (it->e.phase == INPUT_CLEARED)
			input_finish(it, INPUT_DELIVERED, NULL);
		else
			input_finish(it, INPUT_REFUSED, "InputClear= names no key");
		return;
	}
	lines = !has(it, INPUT_KEYS) && memchr(it->e.data, '\n', it->e.len) != NULL;
	announce(q, it, INPUT_TYPING, lines ? INPUT_WRITE_PASTE : INPUT_WRITE_TEXT,
	    it->e.data, it->e.len);
}

static void
when_queued(struct input *q, struct input_item *it)
{
	if (!writer_ready(q) || !fits(q, it))
		return;
	if (password_forbids(q, it)) {
		input_finish(it, INPUT_REFUSED, "a password is asked for");
		return;
	}
	q->touched = false;
	if (clears(q, it))
		announce(q, it, INPUT_CLEARING, INPUT_WRITE_CLEAR, q->conf->input_clear,
		    strlen(q->conf->input_clear));
	else
		type_text(q, it);
}

static void
when_cleared(struct input *q, struct input_item *it)
{
	if (!fits(q, it) || password_forbids(q, it))
		input_requeue(q, it); /* what was cleared may be full again */
	else if (clock_mono_us() >= q->due_us && writer_ready(q))
		type_text(q, it);
}

static void
when_typed(struct input *q, struct input_item *it)
{
	if (!has(it, INPUT_ENTER))
		input_finish(it, INPUT_DELIVERED, NULL);
	else if (q->touched)
		input_finish(it, INPUT_UNCERTAIN,
		    "a person typed before Enter was pressed: the line is theirs");
	else if (clock_mono_us() >= q->due_us && may_enter(q, it))
		press_enter(q, it);
	else if (now_waits(it) && clock_mono_us() >= q->due_us)
		input_finish(
		    it, INPUT_UNCERTAIN, "other keys were pressed before Enter could be");
}

static void
when_entered(struct input *q, struct input_item *it)
{
	bool again =
	    it->e.enters <= q->conf->input_retries && !q->touched && in_when(q, it);

	if (!has(it, INPUT_CONFIRM) || q->conf->input_confirm_us == 0)
		input_finish(it, INPUT_DELIVERED, NULL);
	else if (now_waits(it))
		input_finish(it, INPUT_DELIVERED, "not confirmed: other keys followed");
	else if (clock_mono_us() < q->due_us)
		return;
	else if (again && may_enter(q, it))
		press_enter(q, it);
	else if (!again || clock_mono_us() >= q->retry_us)
		input_finish(
		    it, INPUT_DELIVERED, "not confirmed: the screen shows nothing of it");
}

static void
when_in_flight(struct input *q, struct input_item *it)
{
	(void)q;
	(void)it; /* input_taken and input_answered go on */
}

typedef void step_fn(struct input *q, struct input_item *it);
static step_fn *const steps[INPUT_NPHASES] = {
	[INPUT_QUEUED] = when_queued,
	[INPUT_CLEARING] = when_in_flight,
	[INPUT_CLEARED] = when_cleared,
	[INPUT_TYPING] = when_in_flight,
	[INPUT_TYPED] = when_typed,
	[INPUT_ENTERING] = when_in_flight,
	[INPUT_ENTERED] = when_entered,
};

/* ---- what the writer says ---- */

static void
step_taken(struct input *q, struct input_item *it)
{
	uint64_t pause = 0;

	switch (it->e.phase) {
	case INPUT_CLEARING:
		it->e.phase = INPUT_CLEARED;
		pause = CLEAR_PAUSE_US;
		break;
	case INPUT_TYPING:
		it->e.phase = INPUT_TYPED;
		pause = has(it, INPUT_KEYS) ? 0 : q->conf->input_debounce_us;
		break;
	case INPUT_ENTERING:
		it->e.phase = INPUT_ENTERED;
		pause = q->conf->input_confirm_us;
		break;
	default:
		break;
	}
	q->due_us = clock_add_us(clock_mono_us(), pause);
}

/* Its bytes are not there, and never will be: the step may be announced again, by the
 * same number, when it may be taken again. */
static void
step_not_taken(struct input *q, struct input_item *it)
{
	if (it->e.phase == INPUT_ENTERING)
		it->e.enters--;
	it->e.step--;
	if (it->e.phase == INPUT_ENTERING && it->e.enters > 0)
		it->e.phase = INPUT_ENTERED;
	else if (it->e.phase == INPUT_ENTERING && it->e.len > 0)
		it->e.phase = INPUT_TYPED;
	else if (it->e.phase != INPUT_CLEARING && has(it, INPUT_REPLACE) &&
		 it->e.step > 0)
		it->e.phase = INPUT_CLEARED;
	else
		input_requeue(q, it);
	q->due_us = clock_mono_us();
	q->retry_us = q->due_us + INPUT_RETRY_US;
}

void
input_taken(struct input *q, uint64_t id, uint32_t step)
{
	struct input_item *it = input_active(q);

	if (it == NULL || !input_in_flight(it) || it->e.id != id || it->e.step != step)
		return; /* late: it is resolved */
	step_taken(q, it);
	input_settle(q);
}

void
input_answered(struct input *q, enum input_answer answer, uint64_t id, uint32_t step)
{
	struct input_item *it = input_active(q), *other = input_find(q, id);
	bool flight = it != NULL && input_in_flight(it);

	q->asked = false;
	if (answer == INPUT_ANSWER_LOST) {
		if (flight)
			input_finish(
			    it, INPUT_UNCERTAIN, "nobody knows whether it was written");
	} else if (answer == INPUT_ANSWER_NEVER && flight) {
		input_finish(it, INPUT_REFUSED,
		    "a line of it is longer than the program can read");
	} else if (other != NULL && step > other->e.step) {
		input_finish(
		    other, INPUT_UNCERTAIN, "more of it was written than recorded");
	} else if (flight && other == it && step == it->e.step) {
		if (answer == INPUT_ANSWER_DOUBT)
			input_finish(
			    it, INPUT_UNCERTAIN, "the writer ended while it was written");
		else
			step_taken(q, it);
	} else if (flight) {
		step_not_taken(q, it);
	}
	input_settle(q);
}

/* ---- the loop ---- */

static void
expire(struct input *q)
{
	uint64_t wall = clock_wall_us();
	struct input_item *it;

	TAILQ_FOREACH (it, &q->list, link) {
		if (it->e.expire_wall_us > wall || input_in_flight(it) ||
		    it->e.phase == INPUT_ENTERED)
			continue;
		if (it->e.phase == INPUT_TYPED && has(it, INPUT_ENTER))
			input_finish(it, INPUT_UNCERTAIN,
			    "it expired before Enter could be pressed: the text is in "
			    "the prompt");
		else if (it->e.phase != INPUT_TYPED)
			input_finish(it, INPUT_EXPIRED, NULL);
	}
}

/* Those that have a result go: recorded first, then told. */
static void
report(struct input *q)
{
	struct input_item *it;

	for (it = TAILQ_FIRST(&q->list); it != NULL;) {
		if (it->e.result == INPUT_NONE) {
			it = TAILQ_NEXT(it, link);
			continue;
		}
		if (clock_mono_us() < q->report_us)
			return;
		if (!q->ops.journal(q->ops.arg, &it->e, INPUT_RECORD_DONE)) {
			q->report_us = clock_mono_us() + INPUT_RETRY_US;
			return;
		}
		input_remove(q, it);
		input_remember(q, it->e.id, it->e.token, it->e.result, it->e.reason);
		q->ops.result(q->ops.arg, &it->e);
		input_item_free(it);
		it = TAILQ_FIRST(&q->list); /* result may have changed the list */
	}
}

static uint64_t
next_due(const struct input *q)
{
	uint64_t due = UNIT_INFINITY, mono = clock_mono_us(), wall = clock_wall_us();
	const struct input_item *it, *first = TAILQ_FIRST(&q->list);

	if (first == NULL && q->initial_due == NULL)
		return due;
	if (first != NULL && q->due_us > mono && input_begun(first) &&
	    !input_in_flight(first))
		due = q->due_us;
	if (q->retry_us > mono && q->retry_us < due)
		due = q->retry_us;
	if (q->report_us > mono && q->report_us < due)
		due = q->report_us;
	TAILQ_FOREACH (it, &q->list, link) {
		uint64_t at;

		if (it->e.expire_wall_us == UNIT_INFINITY || input_in_flight(it) ||
		    it->e.phase == INPUT_ENTERED || it->e.result != INPUT_NONE)
			continue;
		at = it->e.expire_wall_us > wall ? it->e.expire_wall_us - wall : 0;
		at = clock_add_us(mono, at);
		if (at < due)
			due = at;
	}
	return due;
}

static bool
same(const struct input_entry *a, const struct input_entry *b)
{
	return a->id == b->id && a->phase == b->phase && a->step == b->step &&
	       a->result == b->result;
}

void
input_settle(struct input *q)
{
	uint64_t due;

	if (q->settling) {
		q->again = true;
		return;
	}
	q->settling = true;
	do {
		struct input_item *it;
		struct input_entry before;

		q->again = false;
		if (q->initial_due != NULL && clock_mono_us() >= q->retry_us)
			input_queue_initial(q);
		expire(q);
		report(q);
		it = TAILQ_FIRST(&q->list);
		if (it == NULL || it->e.result != INPUT_NONE)
			continue;
		before = it->e;
		steps[it->e.phase](q, it);
		/* Nobody but report takes entries out: it is still there. */
		if (!same(&before, &it->e))
			q->again = true;
	} while (q->again);
	q->settling = false;
	due = next_due(q);
	if (due != q->armed_us) {
		q->armed_us = due;
		q->ops.arm(q->ops.arg, due);
	}
}
