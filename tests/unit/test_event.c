/*
 * event: one emission is a line in the ring, a call of each receiver, and a count.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/record/event.h"
#include "manager/record/metrics.h"
#include "proto/ring.h"

enum { RING_BYTES = 64 * 1024 };

struct fixture {
	struct ring *ring;
	struct metrics *metrics;
	struct emitter *ev;
	size_t n;
	uint64_t last;
	char *line; /* of the newest one received */
};

static void
receive(void *arg, const struct event_view *v)
{
	struct fixture *f = arg;

	assert_true(v->seq > f->last);
	f->last = v->seq;
	f->n++;
	free(f->line);
	f->line = xstrndup(v->line, v->len);
}

static void
open_fixture(struct fixture *f)
{
	*f = (struct fixture){ 0 };
	f->ring = xcalloc(1, RING_BYTES);
	ring_init(f->ring, RING_BYTES);
	f->metrics = metrics_new();
	f->ev = emitter_new(NULL, f->ring, -1, -1, f->metrics);
	emitter_set_check(f->ev, true);
	emitter_add_sink(f->ev, receive, f);
}

static void
close_fixture(struct fixture *f)
{
	emitter_free(f->ev);
	metrics_free(f->metrics);
	free(f->ring);
	free(f->line);
}

static uint64_t
emit_ready(struct emitter *ev, const char *unit, const char *evidence)
{
	static const uint8_t id[16] = { 0xab, 0xcd };

	event_begin(ev, EVENT_READY, unit, id);
	event_str(ev, "evidence", evidence);
	event_us(ev, "start_us", 1500);
	return event_end(ev);
}

static void
one_emission_reaches_ring_receiver_and_counter(void **state)
{
	struct fixture f;
	const struct ring_record *r;
	struct jv *v;
	uint64_t at, seq;

	(void)state;
	open_fixture(&f);
	seq = emit_ready(f.ev, "deacon.service", "READY=1");
	assert_int_equal(seq, 1);
	assert_int_equal(f.n, 1);
	assert_int_equal(metrics_counter(f.metrics, EVENT_READY), 1);
	assert_int_equal(metrics_samples(f.metrics, HISTOGRAM_START), 1);
	at = atomic_load(&f.ring->tail);
	r = ring_next(f.ring, &at);
	assert_non_null(r);
	assert_int_equal(r->seq, 1);
	assert_int_equal(r->text[r->len - 1], '\n');
	v = jv_parse(r->text, r->len - 1, NULL);
	assert_string_equal(jv_str(jv_get(v, "event"), ""), "ready");
	assert_string_equal(jv_str(jv_get(v, "unit"), ""), "deacon.service");
	assert_string_equal(
	    jv_str(jv_get(v, "invocation"), ""), "abcd0000000000000000000000000000");
	assert_int_equal(jv_i64(jv_get(v, "seq"), 0), 1);
	assert_int_equal(jv_i64(jv_get(v, "start_us"), 0), 1500);
	assert_int_equal(strlen(jv_str(jv_get(v, "ts"), "")), 27);
	jv_free(v);
	close_fixture(&f);
}

static void
trace_rows_count_always_and_are_emitted_while_trace_is_on(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int on = 0; on < 2; on++) {
		emitter_set_trace(f.ev, on);
		event_begin(f.ev, EVENT_JOB_STARTED, "a.service", NULL);
		event_int(f.ev, "job", 1);
		event_str(f.ev, "type", "start");
		event_us(f.ev, "queue_us", 7);
		assert_true((event_jw(f.ev) != NULL) == on);
		assert_true((event_end(f.ev) != 0) == on);
	}
	assert_int_equal(f.n, 1);
	assert_int_equal(metrics_counter(f.metrics, EVENT_JOB_STARTED), 2);
	assert_int_equal(metrics_samples(f.metrics, HISTOGRAM_QUEUE), 2);
	close_fixture(&f);
}

static void
a_full_ring_drops_and_says_so_later_but_takes_wishes(void **state)
{
	struct fixture f;
	size_t emitted = 0;

	(void)state;
	open_fixture(&f);
	while (emitter_dropped(f.ev) == 0) {
		emit_ready(f.ev, "a.service", "x");
		assert_true(++emitted < 10000);
	}
	event_begin(f.ev, EVENT_WISH, "a.service", NULL);
	event_str(f.ev, "what", "stopped");
	event_end_wish(f.ev);
	assert_int_equal(emitter_dropped(f.ev), 1);
	/* The logger has taken all of it. */
	atomic_store(&f.ring->tail, atomic_load(&f.ring->head));
	emit_ready(f.ev, "a.service", "x");
	assert_int_equal(metrics_counter(f.metrics, EVENT_EVENTS_DROPPED), 1);
	assert_int_equal(emitter_dropped(f.ev), 1);
	close_fixture(&f);
}

static void
hostile_text_stays_one_line_of_valid_json(void **state)
{
	struct fixture f;
	struct jv *v;
	char *big = xmalloc(100000);

	(void)state;
	memset(big, 'x', 99999);
	big[99999] = '\0';
	open_fixture(&f);
	emit_ready(f.ev, "a.service", "two\nlines \xff\xfe \x1b[31m \"quote\"");
	assert_null(strchr(f.line, '\n'));
	v = jv_parse(f.line, strlen(f.line), NULL);
	assert_non_null(v);
	jv_free(v);
	/* A text field is cut; what does not fit at all keeps its head. */
	emit_ready(f.ev, "a.service", big);
	assert_true(strlen(f.line) < 2 * EVENT_TEXT_MAX);
	event_begin(f.ev, EVENT_UNIT_MEMORY, "a.service", NULL);
	jw_kv_obj(event_jw(f.ev), "memory");
	jw_kv_str(event_jw(f.ev), "why", big);
	jw_end(event_jw(f.ev));
	event_end(f.ev);
	assert_non_null(strstr(f.line, "\"truncated\":true"));
	free(big);
	close_fixture(&f);
}

static void
count_kept(void *arg, const struct event_view *v)
{
	struct fixture *f = arg;

	assert_true(v->seq > f->last);
	f->last = v->seq;
	f->n++;
	assert_string_equal(v->unit, "a.service");
}

static void
the_last_events_can_be_had_again(void **state)
{
	struct fixture f, got = { 0 };

	(void)state;
	open_fixture(&f);
	assert_int_equal(emitter_oldest(f.ev), 1);
	for (int i = 0; i < 5000; i++) {
		emit_ready(f.ev, "a.service", "x");
		atomic_store(&f.ring->tail, atomic_load(&f.ring->head));
	}
	assert_true(emitter_oldest(f.ev) > 1);
	emitter_replay(f.ev, 4990, count_kept, &got);
	assert_int_equal(got.n, 10);
	assert_int_equal(got.last, 5000);
	close_fixture(&f);
}

static void
counting_goes_on_where_the_ring_or_restore_says(void **state)
{
	struct fixture f;
	struct emitter *next;

	(void)state;
	open_fixture(&f);
	emit_ready(f.ev, "a.service", "x");
	next = emitter_new(NULL, f.ring, -1, -1, f.metrics);
	assert_int_equal(emit_ready(next, "a.service", "x"), 2);
	emitter_set_seq(next, 100);
	emitter_set_seq(next, 50);
	assert_int_equal(emit_ready(next, "a.service", "x"), 101);
	emitter_free(next);
	close_fixture(&f);
}

/* After a boot: a wish that was read from the disk is on the disk. */
static void
what_was_read_before_a_new_ring_was_written_is_stored(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	emitter_set_seq(f.ev, 100);
	assert_int_equal(emitter_wish_stored(f.ev), 100);
	/* What comes then is not, whoever restores. */
	event_begin(f.ev, EVENT_WISH, "a.service", NULL);
	event_str(f.ev, "what", "stopped");
	assert_int_equal(event_end_wish(f.ev), 101);
	emitter_set_seq(f.ev, 101);
	emitter_set_seq(f.ev, 200);
	assert_int_equal(emitter_wish_stored(f.ev), 100);
	close_fixture(&f);
}

static uint64_t
wish(struct fixture *f)
{
	event_begin(f->ev, EVENT_WISH, "a.service", NULL);
	event_str(f->ev, "what", "stopped");
	return event_end_wish(f->ev);
}

/* A wish that the ring had no room for is in no journal, whatever is stored behind it. */
static void
a_lost_wish_is_durable_by_a_snapshot_alone(void **state)
{
	struct fixture f;
	uint64_t lost = 0, last;

	(void)state;
	open_fixture(&f);
	while (emitter_dropped(f.ev) == 0)
		lost = wish(&f);
	last = wish(&f);
	assert_true(emitter_has_lost_wish(f.ev));
	atomic_store(&f.ring->wish_stored, last + 1);
	assert_int_equal(emitter_wish_stored(f.ev), lost - 1);
	/* One that is older helps nobody; one that has the first of them helps that. */
	emitter_on_snapshot(f.ev, lost - 1);
	assert_int_equal(emitter_wish_stored(f.ev), lost - 1);
	emitter_on_snapshot(f.ev, lost);
	assert_int_equal(emitter_wish_stored(f.ev), lost);
	assert_true(emitter_has_lost_wish(f.ev));
	emitter_on_snapshot(f.ev, last);
	assert_false(emitter_has_lost_wish(f.ev));
	assert_int_equal(emitter_wish_stored(f.ev), last + 1);
	/* What a snapshot holds is on the disk, wherever the logger stands. */
	atomic_store(&f.ring->wish_stored, 1);
	assert_int_equal(emitter_wish_stored(f.ev), last);
	close_fixture(&f);
}

static void
rows_are_well_formed(void **state)
{
	size_t n = 0;

	(void)state;
	for (int i = 0; i < EVENT_ID_MAX; i++) {
		const struct event_def *d = event_def((enum event_id)i);

		if (d == NULL)
			continue;
		n++;
		assert_int_equal(d->id, i);
		assert_ptr_equal(event_def_by_name(d->name), d);
		assert_true(strlen(d->help) > 10);
		assert_true(
		    strspn(d->name, "abcdefghijklmnopqrstuvwxyz-") == strlen(d->name));
		/* Each field is NAME:TYPE. */
		for (const char *p = d->fields; *p != '\0';) {
			size_t len = strcspn(p, " ");
			const char *colon = memchr(p, ':', len);

			assert_non_null(colon);
			p += len + (p[len] == ' ');
		}
	}
	assert_true(n > 40);
	for (int l = EVENT_LEVEL_TRACE; l <= EVENT_LEVEL_ERROR; l++)
		assert_int_equal(
		    event_level_parse(event_level_name((enum event_level)l)), l);
	assert_int_equal(event_level_parse("loud"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_emission_reaches_ring_receiver_and_counter),
		cmocka_unit_test(
		    trace_rows_count_always_and_are_emitted_while_trace_is_on),
		cmocka_unit_test(a_full_ring_drops_and_says_so_later_but_takes_wishes),
		cmocka_unit_test(hostile_text_stays_one_line_of_valid_json),
		cmocka_unit_test(the_last_events_can_be_had_again),
		cmocka_unit_test(counting_goes_on_where_the_ring_or_restore_says),
		cmocka_unit_test(what_was_read_before_a_new_ring_was_written_is_stored),
		cmocka_unit_test(a_lost_wish_is_durable_by_a_snapshot_alone),
		cmocka_unit_test(rows_are_well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
