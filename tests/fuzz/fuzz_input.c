/*
 * The queue of input as it comes back: the input is its snapshot, then, behind the first
 * NUL, records, one a line.  What was read must be written again and read the same; then
 * the session runs and ends, and each entry must have one result.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/input.h"

#include "fuzz.h"

struct world {
	struct input *q;
	uint64_t now_us, due_us;
	uint64_t id;
	uint32_t step;
	size_t results;
};

static uint64_t
world_clock(enum clock_kind kind, void *arg)
{
	(void)kind;
	return ((struct world *)arg)->now_us;
}

static uint64_t
on_id(void *arg)
{
	(void)arg;
	return INT64_MAX;
}

static bool
on_journal(void *arg, const struct input_entry *e, enum input_record record)
{
	(void)arg;
	(void)e;
	(void)record;
	return true;
}

static bool
on_write(void *arg, uint64_t id, uint32_t step, enum input_write what, const char *data,
    size_t len)
{
	struct world *w = arg;

	(void)what;
	(void)data;
	(void)len;
	w->id = id;
	w->step = step;
	return step % 5 != 4;
}

static void
on_ask(void *arg)
{
	(void)arg;
}

static void
on_result(void *arg, const struct input_entry *e)
{
	if (e->result == INPUT_NONE)
		abort();
	((struct world *)arg)->results++;
}

static void
on_arm(void *arg, uint64_t due_us)
{
	((struct world *)arg)->due_us = due_us;
}

static void
open_world(struct world *w, const struct session_conf *conf)
{
	struct input_ops ops = { on_id, on_journal, on_write, on_ask, on_result, on_arm,
		w };

	*w = (struct world){ .now_us = 1000, .due_us = UNIT_INFINITY };
	w->q = input_new(conf, &ops);
}

static void
restore(struct world *w, const char *text, size_t len, bool snapshot)
{
	struct json_err err;
	struct jv *v = jv_parse(text, len, &err);

	if (v != NULL && snapshot)
		(void)input_restore(w->q, v, &err);
	else if (v != NULL)
		(void)input_restore_entry(w->q, v, &err);
	jv_free(v);
}

static void
write_all(const struct world *w, struct buf *out)
{
	struct jw *jw = jw_new(JW_COMPACT);

	jw_obj(jw);
	input_write_all(w->q, jw);
	jw_end(jw);
	jw_take(jw, out);
	jw_free(jw);
}

static void
comes_back_the_same(struct world *w, const struct session_conf *conf)
{
	struct buf a = { 0 }, b = { 0 };
	struct world other;

	write_all(w, &a);
	open_world(&other, conf);
	restore(&other, a.data, a.len, true);
	write_all(&other, &b);
	if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
		abort();
	input_free(other.q);
	buf_free(&a);
	buf_free(&b);
}

static void
run(struct world *w)
{
	size_t n = input_count(w->q);

	input_started(w->q);
	input_state(w->q, SESSION_IDLE);
	input_writer_up(w->q);
	input_answered(w->q, INPUT_ANSWER_LAST, 1, 1);
	for (int i = 0; i < 500; i++) {
		input_taken(w->q, w->id, w->step);
		if (w->due_us != UNIT_INFINITY && w->due_us > w->now_us)
			w->now_us = w->due_us;
		input_tick(w->q);
	}
	input_ended(w->q, false);
	if (input_count(w->q) != 0 || w->results != n)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char clear[] = "C-u";
	static const struct session_conf conf = {
		.input_clear = clear,
		.input_when = SESSION_STATE_BIT(SESSION_IDLE),
		.input_expire_us = USEC_PER_HOUR,
		.input_confirm_us = USEC_PER_SEC,
		.input_retries = 1,
	};
	const char *text = (const char *)data, *nul = memchr(text, '\0', size);
	size_t at = nul != NULL ? (size_t)(nul - text) : size;
	struct world w;

	open_world(&w, &conf);
	clock_set_source(world_clock, &w);
	restore(&w, text, at, true);
	for (at++; at < size;) {
		const char *nl = memchr(text + at, '\n', size - at);
		size_t n = nl != NULL ? (size_t)(nl - text) - at : size - at;

		restore(&w, text + at, n, false);
		at += n + 1;
	}
	comes_back_the_same(&w, &conf);
	run(&w);
	clock_set_source(NULL, NULL);
	input_free(w.q);
	return 0;
}
