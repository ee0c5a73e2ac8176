/*
 * input: the queue, and what happens around it.
 */
#include "manager/session/input.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/session/input_int.h"

/* The slot of InitialInput=. */
static const char slot_initial[] = "initial";

struct input *
input_new(const struct session_conf *conf, const struct input_ops *ops)
{
	struct input *q = xcalloc(1, sizeof(*q));

	q->conf = conf;
	q->ops = *ops;
	q->armed_us = UNIT_INFINITY;
	TAILQ_INIT(&q->list);
	TAILQ_INIT(&q->past);
	return q;
}

void
input_free(struct input *q)
{
	struct input_item *it, *next;

	if (q == NULL)
		return;
	TAILQ_FOREACH_SAFE (it, &q->list, link, next) {
		input_remove(q, it);
		input_item_free(it);
	}
	input_past_free(q);
	free(q->initial_for);
	free(q->initial_due);
	free(q);
}

void
input_set_conf(struct input *q, const struct session_conf *conf)
{
	q->conf = conf;
	input_settle(q);
}

/* ---- the list ---- */

static bool
is_initial(const struct input_item *it)
{
	return it->e.slot != NULL && strcmp(it->e.slot, slot_initial) == 0;
}

/* Who goes before whom: keys to be pressed now, text of now, InitialInput=, the rest. */
static int
rank(const struct input_item *it)
{
	if ((it->e.flags & INPUT_NOW) != 0)
		return (it->e.flags & INPUT_KEYS) != 0 ? 0 : 1;
	return is_initial(it) ? 2 : 3;
}

/* Would it be superseded?  Two may be: one that was begun and taken back is one more. */
static bool
is_older_of_slot(const struct input_item *old, const struct input_item *it)
{
	return it->e.slot != NULL && old->e.slot != NULL && !input_begun(old) &&
	       old->e.result == INPUT_NONE && strcmp(old->e.slot, it->e.slot) == 0;
}

/* An older one's place, so that what is renewed often is not always last; else behind
 * all that go before it. */
static bool
goes_before(const struct input_item *it, const struct input_item *at)
{
	return !input_begun(at) && (rank(at) > rank(it) || (rank(at) == rank(it) &&
							       is_older_of_slot(at, it)));
}

void
input_insert(struct input *q, struct input_item *it)
{
	struct input_item *old, *at;

	TAILQ_FOREACH (at, &q->list, link)
		if (goes_before(it, at))
			break;
	TAILQ_FOREACH (old, &q->list, link)
		if (is_older_of_slot(old, it))
			input_finish(
			    old, INPUT_SUPERSEDED, "a newer one of its slot came");
	if (at != NULL)
		TAILQ_INSERT_BEFORE(at, it, link);
	else
		TAILQ_INSERT_TAIL(&q->list, it, link);
	q->n++;
	q->bytes += it->e.len;
}

void
input_requeue(struct input *q, struct input_item *it)
{
	struct input_item *at;

	it->e.phase = INPUT_QUEUED;
	it->e.enters = 0;
	TAILQ_REMOVE(&q->list, it, link);
	TAILQ_FOREACH (at, &q->list, link)
		if (rank(at) >= rank(it))
			break;
	if (at != NULL)
		TAILQ_INSERT_BEFORE(at, it, link);
	else
		TAILQ_INSERT_TAIL(&q->list, it, link);
}

void
input_append(struct input *q, struct input_item *it)
{
	TAILQ_INSERT_TAIL(&q->list, it, link);
	q->n++;
	q->bytes += it->e.len;
}

struct input_item *
input_find(const struct input *q, uint64_t id)
{
	struct input_item *it;

	TAILQ_FOREACH (it, &q->list, link)
		if (it->e.id == id)
			return it;
	return NULL;
}

void
input_remove(struct input *q, struct input_item *it)
{
	TAILQ_REMOVE(&q->list, it, link);
	q->n--;
	q->bytes -= it->e.len;
}

/* ---- enqueue ---- */

static const char *
no_room(const struct input *q, const struct input_item *it)
{
	const struct input_item *old;
	size_t n = q->n, bytes = q->bytes;

	TAILQ_FOREACH (old, &q->list, link)
		if (is_older_of_slot(old, it)) {
			n--;
			bytes -= old->e.len;
		}
	if (n >= INPUT_ENTRIES_MAX)
		return "too many inputs wait for this session";
	if (bytes + it->e.len > INPUT_BYTES_MAX)
		return "too many bytes wait for this session";
	return NULL;
}

/* The item is the queue's, or freed. */
static const char *
accept_item(struct input *q, struct input_item *it)
{
	if (!q->ops.journal(q->ops.arg, &it->e, INPUT_RECORD_QUEUED)) {
		input_item_free(it);
		return "it cannot be recorded";
	}
	input_insert(q, it);
	return NULL;
}

uint64_t
input_enqueue(struct input *q, const struct input_request *r, const char **why)
{
	struct input_item *it;
	uint64_t id;

	*why = input_check(r);
	if (*why == NULL && r->slot != NULL && strcmp(r->slot, slot_initial) == 0)
		*why = "this slot is kept for InitialInput=";
	if (*why == NULL && (r->flags & INPUT_NOW) != 0 && !q->running)
		*why = "the session does not run";
	if (*why != NULL)
		return 0;
	it = input_item_new(0, r);
	if (it->e.expire_wall_us == 0)
		it->e.expire_wall_us =
		    clock_add_us(clock_wall_us(), q->conf->input_expire_us);
	*why = no_room(q, it);
	if (*why != NULL) {
		input_item_free(it);
		return 0;
	}
	id = it->e.id = q->ops.new_id(q->ops.arg);
	*why = accept_item(q, it);
	if (*why != NULL)
		return 0;
	input_settle(q);
	return id;
}

void
input_withdraw(struct input *q, const char *slot, const char *reason)
{
	struct input_item *it;

	TAILQ_FOREACH (it, &q->list, link)
		if (it->e.slot != NULL && strcmp(it->e.slot, slot) == 0 &&
		    !input_begun(it) && it->e.result == INPUT_NONE)
			input_finish(it, INPUT_SUPERSEDED, reason);
	input_settle(q);
}

/* One more than the bounds say, and with a result even when it is no text: nobody waits
 * for the answer of a refusal. */
void
input_queue_initial(struct input *q)
{
	const char *text = q->conf->initial_input, *bad;
	struct input_request r = {
		.data = text,
		.len = text != NULL ? strlen(text) : 0,
		.flags = INPUT_ENTER | INPUT_CONFIRM,
		.slot = slot_initial,
		.sender = "InitialInput=",
		.expire_wall_us =
		    clock_add_us(clock_wall_us(), q->conf->pending_start_us),
	};
	struct input_item *it;

	if (text != NULL && text[0] != '\0') {
		it = input_item_new(q->ops.new_id(q->ops.arg), &r);
		it->e.invocation = xstrdup(q->initial_due);
		if (accept_item(q, it) != NULL) {
			q->retry_us = clock_mono_us() + INPUT_RETRY_US;
			return;
		}
		bad = input_check(&r);
		if (bad != NULL)
			input_finish(it, INPUT_REFUSED, bad);
	}
	free(q->initial_for);
	q->initial_for = q->initial_due;
	q->initial_due = NULL;
}

/* ---- what happens to the session ---- */

void
input_started(struct input *q)
{
	q->running = true;
	q->draft = q->password = false;
	q->state = SESSION_STARTING;
	input_settle(q);
}

void
input_ready(struct input *q, const char *invocation)
{
	if (q->initial_for != NULL && strcmp(q->initial_for, invocation) == 0)
		return;
	free(q->initial_due);
	q->initial_due = xstrdup(invocation);
	input_settle(q);
}

/* A delivery was under way. */
static void
resolve_ended(struct input *q, struct input_item *it)
{
	if (it->e.phase == INPUT_ENTERED)
		input_finish(it, INPUT_DELIVERED, "not confirmed: the session ended");
	else if (it->e.phase == INPUT_CLEARING || it->e.phase == INPUT_CLEARED)
		input_requeue(q, it); /* of its text nothing was written */
	else
		input_finish(
		    it, INPUT_UNCERTAIN, "the session ended in the middle of it");
}

void
input_ended(struct input *q, bool comes_back)
{
	struct input_item *it, *active = input_active(q);

	q->running = q->draft = q->password = false;
	q->state = SESSION_UNKNOWN;
	free(q->initial_due);
	q->initial_due = NULL;
	if (active != NULL)
		resolve_ended(q, active);
	TAILQ_FOREACH (it, &q->list, link)
		if (!comes_back || (it->e.flags & (INPUT_KEYS | INPUT_NOW)) != 0 ||
		    is_initial(it))
			input_finish(it, INPUT_REFUSED, "the session ended");
	input_settle(q);
}

void
input_state(struct input *q, enum session_state state)
{
	struct input_item *it = input_active(q);

	if (it != NULL && it->e.phase == INPUT_ENTERED && state == SESSION_WORKING &&
	    q->state != SESSION_WORKING && (it->e.flags & INPUT_CONFIRM) != 0)
		input_finish(it, INPUT_CONFIRMED, NULL);
	q->state = state;
	input_settle(q);
}

void
input_draft(struct input *q, bool draft)
{
	const struct input_item *it = input_active(q);

	if (draft && it != NULL && it->e.phase != INPUT_CLEARING &&
	    it->e.phase != INPUT_CLEARED && (it->e.flags & INPUT_KEYS) == 0)
		q->touched = true;
	q->draft = draft;
	input_settle(q);
}

void
input_password(struct input *q, bool password)
{
	q->password = password;
	input_settle(q);
}

void
input_writer_up(struct input *q)
{
	const struct input_item *it = TAILQ_FIRST(&q->list);

	q->writer_up = true;
	/* Also what was not begun as far as is recorded: the writer may know more. */
	if (it != NULL && (input_in_flight(it) || q->restored || q->asked)) {
		q->asked = true;
		q->ops.ask(q->ops.arg);
	} else {
		q->asked = false; /* what an earlier one was asked */
	}
	q->restored = false;
	input_settle(q);
}

void
input_writer_down(struct input *q)
{
	q->writer_up = false;
	input_settle(q);
}

void
input_shown(struct input *q, uint64_t id)
{
	struct input_item *it = input_active(q);

	if (it == NULL || it->e.id != id || it->e.phase != INPUT_ENTERED ||
	    (it->e.flags & INPUT_CONFIRM) == 0)
		return;
	input_finish(it, INPUT_CONFIRMED, NULL);
	input_settle(q);
}

void
input_tick(struct input *q)
{
	q->armed_us = UNIT_INFINITY; /* the caller's timer is spent */
	input_settle(q);
}

/* ---- for status ---- */

static const struct input_entry *
entry_of(const struct input_item *it)
{
	return it != NULL ? &it->e : NULL;
}

const struct input_entry *
input_first(const struct input *q)
{
	return entry_of(TAILQ_FIRST(&q->list));
}

const struct input_entry *
input_next(const struct input_entry *e)
{
	return entry_of(TAILQ_NEXT((const struct input_item *)e, link));
}

size_t
input_count(const struct input *q)
{
	return q->n;
}
