/*
 * The input of one session under random events: states, drafts, full disks, the death of
 * the role that writes at each point of a write, and of the manager at each of its deeds.
 *
 *	sim_input [SEED [WALKS]]
 *
 * What must hold, whatever happens: intent before deed; no text twice; every entry that
 * was accepted has one result, and the result is true; nothing is begun where it must
 * not be, no clear key over a draft; their order; and in the end nothing is left.
 */
#include "random.h"
#include "walks.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "manager/session/input.h"

enum { DEFAULT_WALKS = 20000, STEPS = 80, IDS = 1024 };

/* What is true of an entry, whatever the queue thinks. */
struct fact {
	bool accepted;
	bool superseded;
	bool announced;
	bool unsure; /* its place cannot be told from outside */
	uint32_t flags;
	session_states when;
	size_t len;
	char slot[16];
	uint64_t expire_wall_us;
	unsigned place;
	int rank;
	/* deeds */
	unsigned clears, texts, enters;
	/* records and reports */
	unsigned done, told;
	enum input_result result;
};

struct desk {
	struct input *q;
	struct session_conf conf;
	uint64_t mono_us, wall_us, due_us;
	uint64_t ids;
	struct fact fact[IDS];
	unsigned places;
	unsigned invocation;

	/* the session */
	bool running, draft, password;
	enum session_state state;

	/* the role that writes: what it was sent, what it remembers, what it says */
	bool up, pending, saying_taken, asked, doubt, lost;
	uint64_t id, last_id, taken_id;
	uint32_t step, last_step, taken_step;
	enum input_write what;

	/* the manager: what is recorded, and when it dies */
	char *snapshot;
	struct strv records;
	uint64_t intent_id;
	uint32_t intent_step;
	bool full, dead;
	bool was_full;    /* results may wait to be recorded still */
	unsigned dies_in; /* deeds; 0: it does not */
};

static uint64_t
desk_clock(enum clock_kind kind, void *arg)
{
	const struct desk *d = arg;

	return kind == CLOCK_KIND_WALL ? d->wall_us : d->mono_us;
}

/* A deed of the manager: false when it is dead, or dies before it. */
static bool
lives(struct desk *d)
{
	if (d->dead)
		return false;
	if (d->dies_in > 0 && --d->dies_in == 0) {
		d->dead = true;
		TELL("the manager dies\n");
		return one_in(2); /* right after it */
	}
	return true;
}

static struct fact *
fact(struct desk *d, uint64_t id)
{
	assert_in_range(id, 1, IDS - 1);
	return &d->fact[id];
}

/* ---- ops ---- */

static uint64_t
on_id(void *arg)
{
	struct desk *d = arg;

	/* Ids of a dead manager are lost. */
	return d->dead ? IDS + 1 : ++d->ids;
}

static int
rank_of(const struct input_entry *e)
{
	if ((e->flags & INPUT_NOW) != 0)
		return (e->flags & INPUT_KEYS) != 0 ? 0 : 1;
	return e->slot != NULL && strcmp(e->slot, "initial") == 0 ? 2 : 3;
}

static void
accepted(struct desk *d, const struct input_entry *e)
{
	struct fact *f = fact(d, e->id);

	assert_false(f->accepted);
	f->accepted = true;
	f->flags = e->flags;
	f->when = e->when != 0 ? e->when : d->conf.input_when;
	f->len = e->len;
	f->expire_wall_us = e->expire_wall_us;
	f->rank = rank_of(e);
	f->place = ++d->places;
	if (e->slot == NULL)
		return;
	snprintf(f->slot, sizeof(f->slot), "%s", e->slot);
	for (uint64_t i = 1; i <= d->ids; i++) {
		struct fact *old = &d->fact[i];

		if (old == f || !old->accepted || old->done > 0 || old->superseded ||
		    strcmp(old->slot, f->slot) != 0)
			continue;
		if (old->announced || old->expire_wall_us <= d->wall_us || d->was_full) {
			f->unsure = true;
			continue;
		}
		old->superseded = true;
		f->unsure = f->unsure || old->unsure;
		if (old->rank == f->rank && old->place < f->place)
			f->place = old->place;
	}
}

static void
in_order(struct desk *d, uint64_t id)
{
	const struct fact *f = fact(d, id);

	for (uint64_t i = 1; i <= d->ids; i++) {
		const struct fact *o = &d->fact[i];

		if (i == id || !o->accepted || o->announced || o->done > 0 ||
		    o->superseded || o->unsure || f->unsure ||
		    o->expire_wall_us <= d->wall_us)
			continue;
		if (o->rank < f->rank || (o->rank == f->rank && o->place < f->place))
			fail_msg("%u goes before %u", (unsigned)id, (unsigned)i);
	}
}

static bool
on_journal(void *arg, const struct input_entry *e, enum input_record record)
{
	struct desk *d = arg;
	struct buf b = { 0 };
	struct jw *w;
	struct fact *f;

	if (d->full || !lives(d))
		return false;
	w = jw_new(JW_COMPACT);
	jw_obj(w);
	input_write_entry(e, w, record == INPUT_RECORD_QUEUED);
	jw_end(w);
	jw_take(w, &b);
	jw_free(w);
	TELL("  record %s\n", b.data);
	strv_take(&d->records, buf_take(&b));
	f = fact(d, e->id);
	switch (record) {
	case INPUT_RECORD_QUEUED:
		accepted(d, e);
		break;
	case INPUT_RECORD_STEP:
		d->intent_id = e->id;
		d->intent_step = e->step;
		assert_int_equal(f->done, 0);
		if (!f->announced)
			in_order(d, e->id);
		f->announced = true;
		break;
	case INPUT_RECORD_DONE:
		assert_true(f->accepted);
		f->done++;
		assert_int_equal(f->done, 1);
		f->result = e->result;
		assert_int_not_equal(e->result, INPUT_NONE);
		break;
	}
	return !d->dead; /* a dead one hears no answer */
}

static bool
on_write(void *arg, uint64_t id, uint32_t step, enum input_write what, const char *data,
    size_t len)
{
	struct desk *d = arg;
	struct fact *f = fact(d, id);
	bool own_keys = (f->flags & INPUT_KEYS) != 0 && (f->flags & INPUT_NOW) != 0 &&
			(f->flags & INPUT_REPLACE) == 0;
	session_states when = f->when;

	(void)data;
	if (!lives(d))
		return false;
	TELL("  write %u.%u: %d\n", (unsigned)id, step, (int)what);
	assert_true(id == d->intent_id && step == d->intent_step);
	assert_true(d->up && d->running && !d->asked && !d->pending);
	assert_int_equal(f->done, 0);
	if (what == INPUT_WRITE_ENTER && f->len > 0)
		when |= SESSION_STATE_BIT(SESSION_WORKING);
	if ((f->flags & INPUT_NOW) == 0)
		assert_true((when & SESSION_STATE_BIT(d->state)) != 0);
	if (d->draft)
		assert_true(own_keys && what != INPUT_WRITE_CLEAR);
	if (d->password)
		assert_true((f->flags & INPUT_FORCE) != 0);
	if (what == INPUT_WRITE_TEXT || what == INPUT_WRITE_PASTE)
		assert_true(len == f->len);
	if (one_in(16)) {
		TELL("  which cannot be sent\n");
		return false;
	}
	d->pending = true;
	d->id = id;
	d->step = step;
	d->what = what;
	return true;
}

static void
on_ask(void *arg)
{
	struct desk *d = arg;

	if (!lives(d))
		return;
	TELL("  ask\n");
	d->asked = true;
}

static void
on_result(void *arg, const struct input_entry *e)
{
	struct desk *d = arg;
	struct fact *f = fact(d, e->id);

	if (!lives(d))
		return;
	TELL("  result %u %s\n", (unsigned)e->id, input_result_name(e->result));
	f->told++;
	assert_true(f->done == 1 && f->told == 1 && f->result == e->result);
}

static void
on_arm(void *arg, uint64_t due_us)
{
	struct desk *d = arg;

	if (lives(d))
		d->due_us = due_us;
}

static void
desk_queue(struct desk *d)
{
	struct input_ops ops = { on_id, on_journal, on_write, on_ask, on_result, on_arm,
		d };

	d->due_us = UNIT_INFINITY;
	d->q = input_new(&d->conf, &ops);
}

/* ---- the manager dies ---- */

static void
restore(struct desk *d, const char *text, bool snapshot)
{
	struct json_err err;
	struct jv *v = jv_parse(text, strlen(text), &err);

	if (v == NULL)
		fail_msg("%s", err.text);
	if ((snapshot ? input_restore(d->q, v, &err)
		      : input_restore_entry(d->q, v, &err)) == -1)
		fail_msg("%s in %s", err.text, text);
	jv_free(v);
}

static void
another_manager(struct desk *d)
{
	input_free(d->q);
	d->dead = d->asked = d->saying_taken = false;
	d->dies_in = 0;
	if (d->pending && one_in(2))
		d->pending = false; /* it was still in the old one's hands */
	desk_queue(d);
	if (d->snapshot != NULL)
		restore(d, d->snapshot, true);
	for (uint32_t i = 0; i < d->records.n; i++)
		restore(d, d->records.v[i], false);
	if (d->running) {
		input_started(d->q);
		input_password(d->q, d->password);
		input_draft(d->q, d->draft);
		input_state(d->q, d->state);
	} else {
		input_ended(d->q, true);
	}
	if (d->up)
		input_writer_up(d->q);
}

static void
take_snapshot(struct desk *d)
{
	struct buf b = { 0 };
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	input_write_all(d->q, w);
	jw_end(w);
	jw_take(w, &b);
	jw_free(w);
	free(d->snapshot);
	d->snapshot = buf_take(&b);
	strv_clear(&d->records);
}

/* ---- the role that writes ---- */

static void
deed(struct desk *d)
{
	struct fact *f = fact(d, d->id);

	d->pending = false;
	if (d->what == INPUT_WRITE_CLEAR)
		f->clears++;
	else if (d->what == INPUT_WRITE_TEXT || d->what == INPUT_WRITE_PASTE)
		f->texts++;
	else
		f->enters++;
	TELL("  written %u.%u\n", (unsigned)d->id, d->step);
	assert_true(f->texts <= 1);
}

static void
work(struct desk *d)
{
	if (!d->up || !d->pending)
		return;
	d->last_id = d->id;
	d->last_step = d->step;
	d->doubt = d->lost = false;
	deed(d);
	d->saying_taken = true;
	d->taken_id = d->id;
	d->taken_step = d->step;
}

static void
hear(struct desk *d)
{
	if (d->saying_taken) {
		d->saying_taken = false;
		input_taken(d->q, d->taken_id, d->taken_step);
	} else if (d->asked && d->up) {
		work(d); /* nothing is on its way when it answers */
		d->saying_taken = false;
		d->asked = false;
		d->lost = d->lost || one_in(20);
		if (d->lost) {
			input_answered(d->q, INPUT_ANSWER_LOST, 0, 0);
		} else {
			input_answered(d->q,
			    d->doubt ? INPUT_ANSWER_DOUBT : INPUT_ANSWER_LAST, d->last_id,
			    d->last_step);
		}
	}
}

static void
writer_dies(struct desk *d)
{
	unsigned how = below(4);

	if (!d->up)
		return;
	d->up = false;
	d->asked = false;
	TELL("the writer dies (%u)\n", how);
	if (d->pending && how > 0) {
		d->last_id = d->id;
		d->last_step = d->step;
		d->doubt = how < 3;
		d->lost = false;
		if (how > 1)
			deed(d);
	}
	d->pending = false;
	if (one_in(2))
		d->saying_taken = false;
	input_writer_down(d->q);
}

/* ---- steps ---- */

static void
pass(struct desk *d, uint64_t us)
{
	uint64_t end = d->mono_us + us;

	while (d->due_us <= end && !d->dead) {
		uint64_t step = d->due_us > d->mono_us ? d->due_us - d->mono_us : 0;

		d->mono_us += step;
		d->wall_us += step;
		d->due_us = UNIT_INFINITY;
		input_tick(d->q);
		assert_true(d->due_us > d->mono_us); /* it does not spin */
	}
	d->wall_us += end - d->mono_us;
	d->mono_us = end;
	if (!d->full && us > 2 * USEC_PER_SEC)
		d->was_full = false;
}

static void
enqueue(struct desk *d)
{
	static const char *const slots[] = { NULL, NULL, "a", "b" };
	static const char *const texts[] = { "", "x", "two\nlines" };
	struct input_request r = { .sender = "walk" };
	const char *why;

	r.data = texts[below(3)];
	r.len = strlen(r.data);
	r.slot = slots[below(4)];
	r.flags = below(INPUT_FLAGS_ALL + 1);
	if (one_in(2))
		r.flags = INPUT_ENTER | INPUT_CONFIRM;
	if (one_in(4))
		r.when = SESSION_STATE_BIT(below(SESSION_NSTATES));
	if (one_in(3))
		r.expire_wall_us = d->wall_us + 1 + below(3000000);
	if (d->ids > IDS - 200)
		return;
	TELL("enqueue flags %x len %zu\n", r.flags, r.len);
	(void)input_enqueue(d->q, &r, &why);
	assert_true(input_count(d->q) <= INPUT_ENTRIES_MAX + 2);
}

static void
session_turns(struct desk *d)
{
	char name[16];

	TELL("session %s\n", d->running ? "ends" : "starts");
	d->draft = d->password = false;
	d->running = !d->running;
	if (d->running) {
		d->state = SESSION_STARTING;
		input_started(d->q);
		snprintf(name, sizeof(name), "i%u", ++d->invocation);
		if (!d->dead)
			input_ready(d->q, name);
	} else {
		d->state = SESSION_UNKNOWN;
		/* Its terminal goes, with what was on its way to it. */
		if (one_in(2))
			work(d);
		d->pending = false;
		input_ended(d->q, one_in(2));
	}
}

static void
move(struct desk *d)
{
	switch (below(24)) {
	case 0:
	case 1:
	case 2:
	case 3:
		enqueue(d);
		break;
	case 4:
	case 5:
	case 6:
		d->state =
		    one_in(2) ? SESSION_IDLE : (enum session_state)below(SESSION_NSTATES);
		if (!d->running)
			d->state = SESSION_UNKNOWN;
		TELL("state %d\n", (int)d->state);
		input_state(d->q, d->state);
		break;
	case 7:
		if (d->running) {
			d->draft = !d->draft;
			TELL("draft %d\n", d->draft);
			input_draft(d->q, d->draft);
		}
		break;
	case 8:
		if (d->running) {
			d->password = one_in(4);
			input_password(d->q, d->password);
		}
		break;
	case 9:
		if (one_in(3) || !d->running)
			session_turns(d);
		break;
	case 10:
		writer_dies(d);
		break;
	case 11:
	case 12:
		if (!d->up) {
			TELL("the writer is back\n");
			d->up = true;
			input_writer_up(d->q);
		}
		break;
	case 13:
		d->dies_in = 1 + below(5);
		break;
	case 14:
		d->full = one_in(3);
		d->was_full = d->was_full || d->full;
		break;
	case 15:
		take_snapshot(d);
		break;
	case 16:
		if (d->last_id != 0)
			input_shown(d->q, d->last_id);
		break;
	case 17:
		TELL("time passes\n");
		pass(d, below(5000000));
		break;
	case 18:
	case 19:
		pass(d, below(200000));
		break;
	case 20:
	case 21:
		work(d);
		break;
	default:
		hear(d);
		break;
	}
	while (d->dead)
		another_manager(d);
}

/* All becomes well; then nothing may be left, and all that was told must be true. */
static void
settle(struct desk *d)
{
	d->full = false;
	d->dies_in = 0;
	TELL("all becomes well\n");
	if (!d->running)
		session_turns(d);
	d->password = d->draft = false;
	input_password(d->q, false);
	input_draft(d->q, false);
	if (!d->up) {
		d->up = true;
		input_writer_up(d->q);
	}
	for (int i = 0; i < 400; i++) {
		input_state(d->q, d->state = SESSION_IDLE);
		work(d);
		hear(d);
		pass(d, 3 * USEC_PER_SEC);
	}
	assert_int_equal(input_count(d->q), 0);
	assert_true(d->due_us == UNIT_INFINITY); /* and nothing wakes for it */
}

static void
judge(const struct desk *d)
{
	for (uint64_t i = 1; i <= d->ids; i++) {
		const struct fact *f = &d->fact[i];

		if (!f->accepted) {
			assert_true(f->texts + f->enters + f->clears == 0);
			continue;
		}
		if (f->done != 1)
			fail_msg("%u has %u results", (unsigned)i, f->done);
		assert_true(f->enters <= 1 + d->conf.input_retries);
		switch (f->result) {
		case INPUT_CONFIRMED:
			assert_true(f->enters > 0);
			/* fallthrough */
		case INPUT_DELIVERED:
			assert_true(f->texts == (f->len > 0));
			assert_true(f->enters > 0 || (f->flags & INPUT_ENTER) == 0);
			assert_true(f->texts + f->enters + f->clears > 0);
			break;
		case INPUT_EXPIRED:
		case INPUT_REFUSED:
		case INPUT_SUPERSEDED:
			assert_true(f->texts + f->enters == 0);
			break;
		default:
			break;
		}
	}
}

static bool
walk(uint64_t seed, const uint32_t *steps, size_t n)
{
	struct desk *d = calloc(1, sizeof(*d));
	char begin[] = "Begin.", clear[] = "C-u";

	assert_non_null(d);
	d->mono_us = USEC_PER_SEC;
	d->wall_us = USEC_PER_DAY;
	d->conf = (struct session_conf){
		.initial_input = begin,
		.pending_start_us = 5 * USEC_PER_SEC,
		.input_debounce_us = 100 * USEC_PER_MSEC,
		.input_clear = clear,
		.input_when = SESSION_STATE_BIT(SESSION_IDLE),
		.input_expire_us = 60 * USEC_PER_SEC,
		.input_confirm_us = USEC_PER_SEC,
		.input_retries = 2,
	};
	clock_set_source(desk_clock, d);
	desk_queue(d);
	d->up = true;
	input_writer_up(d->q);
	rng = seed;
	session_turns(d);
	for (size_t i = 0; i < n; i++) {
		rng = seed + steps[i] * UINT64_C(0x100000001b3);
		move(d);
	}
	settle(d);
	judge(d);
	clock_set_source(NULL, NULL);
	input_free(d->q);
	free(d->snapshot);
	strv_free(&d->records);
	free(d);
	return true;
}

int
main(int argc, char **argv)
{
	return walks_main(argc, argv, DEFAULT_WALKS, walk, STEPS);
}
