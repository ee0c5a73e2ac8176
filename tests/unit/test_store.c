/*
 * store: what is written comes back, and nothing in a file can hurt.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/rmtree.h"
#include "lib/xalloc.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/record/metrics.h"
#include "manager/record/store.h"
#include "proto/msg.h"
#include "proto/ring.h"

enum { RING_BYTES = 64 * 1024 };

struct fixture {
	char dir[64];
	int root_fd;
	struct loop *loop;
	struct ring *ring;
	struct metrics *metrics;
	struct history *history;
	struct emitter *ev;
	struct store *st;
	/* What collect writes and send got. */
	const char *unit, *why;
	int sent;
	uint64_t id;
	struct buf snapshot;
	bool refuse;
};

static void
collect(void *arg, struct jw *w)
{
	struct fixture *f = arg;

	if (f->unit == NULL)
		return;
	jw_kv_obj(w, f->unit);
	jw_kv_str(w, "why", f->why);
	jw_end(w);
}

static int
take_snapshot(void *arg, uint64_t id, int fd, uint64_t size)
{
	struct fixture *f = arg;

	assert_int_equal(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE, F_SEAL_WRITE);
	buf_clear(&f->snapshot);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(full_read(fd, buf_reserve(&f->snapshot, size), size), size);
	buf_grew(&f->snapshot, size);
	close(fd);
	f->sent++;
	f->id = id;
	return f->refuse ? -1 : 0;
}

/* A manager's record over the folder and ring of the one before. */
static void
open_record(struct fixture *f, const char *boot_id)
{
	const struct store_ops ops = {
		.collect = collect,
		.send = take_snapshot,
		.arg = f,
	};

	f->loop = loop_new();
	f->metrics = metrics_new();
	f->history = history_new();
	f->ev = emitter_new(NULL, f->ring, -1, -1, f->metrics);
	f->st = store_new(f->loop, f->ev, f->history, boot_id, &ops);
}

static void
close_record(struct fixture *f)
{
	store_free(f->st);
	emitter_free(f->ev);
	history_free(f->history);
	metrics_free(f->metrics);
	loop_free(f->loop);
}

static int
open_fixture(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/supd-store.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->root_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->root_fd, "state", 0700), 0);
	f->ring = xcalloc(1, RING_BYTES);
	ring_init(f->ring, RING_BYTES);
	open_record(f, "boot-a");
	*state = f;
	return 0;
}

static int
close_fixture(void **state)
{
	struct fixture *f = *state;

	close_record(f);
	assert_int_equal(rm_rf_at(AT_FDCWD, f->dir, 1000), 0);
	close(f->root_fd);
	buf_free(&f->snapshot);
	free(f->ring);
	free(f);
	return 0;
}

static void
quiet(enum log_level level, const char *text, void *arg)
{
	(void)level;
	(void)text;
	(void)arg;
}

static void
emit_state(struct fixture *f, const char *unit, const char *why)
{
	event_begin(f->ev, EVENT_UNIT_STATE, unit, NULL);
	event_str(f->ev, "state", "active");
	jw_kv_obj(event_jw(f->ev), "memory");
	jw_kv_str(event_jw(f->ev), "why", why);
	jw_end(event_jw(f->ev));
	event_end(f->ev);
}

static void
emit_wish(struct fixture *f, const char *unit, const char *what)
{
	event_begin(f->ev, EVENT_WISH, unit, NULL);
	event_str(f->ev, "what", what);
	event_end_wish(f->ev);
}

static void
write_file(struct fixture *f, const char *name, const char *text, size_t len)
{
	assert_int_equal(file_write_atomic(f->root_fd, name, text, len, 0600, false), 0);
}

static void
check_memory(struct fixture *f, const char *unit, const char *why, bool same)
{
	bool same_boot = !same;
	struct jv *v = store_memory(f->st, unit, &same_boot);

	assert_non_null(v);
	assert_string_equal(jv_str(jv_get(v, "why"), ""), why);
	assert_int_equal(same_boot, same);
	jv_free(v);
}

struct wishes {
	char text[256];
};

static void
add_wish(void *arg, const char *line, size_t len)
{
	struct wishes *ws = arg;
	struct jv *v = jv_parse(line, len, NULL);

	strlcat(ws->text, jv_str(jv_get(v, "unit"), "?"), sizeof(ws->text));
	strlcat(ws->text, ":", sizeof(ws->text));
	strlcat(ws->text, jv_str(jv_get(v, "what"), "?"), sizeof(ws->text));
	strlcat(ws->text, " ", sizeof(ws->text));
	jv_free(v);
}

static void
check_wishes(struct fixture *f, const char *expected)
{
	struct wishes ws = { .text = "" };

	store_each_wish(f->st, add_wish, &ws);
	assert_string_equal(ws.text, expected);
}

/* ---- the tests ---- */

static void
events_in_the_ring_are_enough(void **state)
{
	struct fixture *f = *state;
	uint64_t seq;

	emit_state(f, "a", "first");
	emit_state(f, "b", "only");
	emit_state(f, "a", "second");
	emit_wish(f, "a", "started");
	emit_wish(f, "a", "stopped");
	emit_wish(f, "b", "masked");
	seq = emitter_seq(f->ev);
	close_record(f);
	open_record(f, "boot-a");
	store_restore(f->st, f->root_fd, f->ring);
	/* No supd-started says which boot it was: then it may be an older one. */
	check_memory(f, "a", "second", false);
	check_memory(f, "b", "only", false);
	assert_true(store_boot_is_unknown(f->st, "a"));
	check_wishes(f, "a:started a:stopped b:masked ");
	assert_int_equal(store_report(f->st)->n_events, 6);
	assert_int_equal(store_report(f->st)->seq, seq);
	assert_int_equal(metrics_counter(f->metrics, EVENT_UNIT_STATE), 3);
	/* The report itself is the next event. */
	assert_int_equal(emitter_seq(f->ev), seq + 1);
	store_forget_memories(f->st);
	assert_null(store_memory(f->st, "a", &(bool){ false }));
	check_wishes(f, "a:started a:stopped b:masked ");
}

static void
snapshot_then_newer_events(void **state)
{
	struct fixture *f = *state;

	f->unit = "a";
	f->why = "in the snapshot";
	emit_wish(f, "a", "stopped");
	for (int i = 0; i < 7; i++)
		metrics_sample(f->metrics, "run_us", 5);
	history_started(f->history, "a", "1700", NULL, 42, 1000000);
	history_ended(
	    f->history, "a", "1700", NULL, 42, EXIT_EXITED, 3, 3000000, 2000000);
	assert_int_equal(store_snapshot_now(f->st), 0);
	assert_true(store_is_writing(f->st));
	store_on_done(f->st, f->id, 0);
	assert_false(store_is_writing(f->st));
	write_file(f, "state/snapshot.json", f->snapshot.data, f->snapshot.len);
	emit_state(f, "b", "after it");
	close_record(f);
	open_record(f, "boot-a");
	store_restore(f->st, f->root_fd, f->ring);
	check_memory(f, "a", "in the snapshot", true);
	check_memory(f, "b", "after it", true);
	check_wishes(f, "a:stopped ");
	assert_int_equal(store_report(f->st)->n_events, 1);
	assert_int_equal(metrics_samples(f->metrics, HISTOGRAM_RUN), 7);
	assert_int_equal(metrics_counter(f->metrics, EVENT_WISH), 1);
	assert_int_equal(history_run(f->history, "a", 0)->status, 3);
	assert_null(history_run(f->history, "a", 1));
}

static void
feed_history(struct fixture *f, const char *json)
{
	struct jv *v = jv_parse(json, strlen(json), NULL);

	assert_non_null(v);
	history_event(f->history, v);
	jv_free(v);
}

static void
history_comes_back_from_events(void **state)
{
	struct fixture *f = *state;
	const struct history_run *run;

	feed_history(f,
	    "{\"ts\":\"2026-11-28T20:00:00.000000Z\",\"event\":\"exec\",\"unit\":\"a\","
	    "\"ref\":\"17\",\"pid\":42,\"kind\":\"main\"}");
	feed_history(f,
	    "{\"ts\":\"2026-11-28T20:00:01.000000Z\",\"event\":\"exit\",\"unit\":\"a\","
	    "\"ref\":\"17\",\"pid\":42,\"kind\":\"main\",\"exit_code\":null,"
	    "\"signal\":\"TERM\",\"how\":\"killed\",\"duration_ms\":1000}");
	run = history_run(f->history, "a", 0);
	assert_non_null(run);
	assert_int_equal(run->how, EXIT_KILLED);
	assert_int_equal(run->status, SIGTERM);
	assert_string_equal(run->result, "");
	feed_history(f,
	    "{\"ts\":\"2026-11-28T20:00:01.000000Z\",\"event\":\"unit-state\","
	    "\"unit\":\"a\",\"substate\":\"auto-restart\",\"result\":\"signal\"}");
	run = history_run(f->history, "a", 0);
	assert_string_equal(run->result, "signal");
}

static void
emit_job(struct fixture *f, enum event_id id, int64_t job)
{
	event_begin(f->ev, id, "a", NULL);
	event_str(f->ev, "run", "r01kbb0mqvz7hk2");
	event_int(f->ev, "job", job);
	event_str(f->ev, "type", "start");
	if (id == EVENT_JOB_DONE)
		event_str(f->ev, "result", "done");
	event_end(f->ev);
}

static void
note_job(void *arg, const char *line, size_t len)
{
	struct jv *v = jv_parse(line, len, NULL);
	char *text = arg;
	size_t n = strlen(text);

	snprintf(text + n, 64 - n, "%d ", (int)jv_i64(jv_get(v, "job"), 0));
	jv_free(v);
}

/* What waits in the queue: of the snapshot, less what is done since, and what is new. */
static void
jobs_that_wait_come_back(void **state)
{
	struct fixture *f = *state;
	char text[64] = "";
	uint32_t last_id;

	emit_job(f, EVENT_JOB_WAITS, 7);
	emit_job(f, EVENT_JOB_WAITS, 8);
	store_note_job(f->st, 20);
	assert_int_equal(store_snapshot_now(f->st), 0);
	write_file(f, "state/snapshot.json", f->snapshot.data, f->snapshot.len);
	emit_job(f, EVENT_JOB_DONE, 7);
	emit_job(f, EVENT_JOB_WAITS, 9);
	/* None of ours. */
	emit_job(f, EVENT_JOB_WAITS, -1);
	emit_job(f, EVENT_JOB_WAITS, INT64_C(1) << 40);
	close_record(f);
	open_record(f, "boot-b");
	store_restore(f->st, f->root_fd, f->ring);
	store_each_job(f->st, note_job, text, &last_id);
	assert_string_equal(text, "8 9 ");
	assert_int_equal(last_id, 20);
	emit_job(f, EVENT_JOB_DONE, 8);
	emit_job(f, EVENT_JOB_DONE, 9);
	text[0] = '\0';
	store_each_job(f->st, note_job, text, &last_id);
	assert_string_equal(text, "");
}

static void
emit_phase(struct fixture *f, const char *phase)
{
	event_begin(f->ev, EVENT_PHASE_CHANGED, NULL, NULL);
	event_str(f->ev, "phase", phase);
	event_str(f->ev, "evidence", "x");
	event_str(f->ev, "activity", "2026-11-28T20:00:00.000000Z");
	event_int(f->ev, "idle_us", 1);
	event_end(f->ev);
}

static void
note_kept(void *arg, const char *line, size_t len)
{
	struct jv *v = jv_parse(line, len, NULL);
	char *text = arg;
	size_t n = strlen(text);

	snprintf(text + n, 64 - n, "%s ",
	    jv_str(jv_get(v, "phase"), jv_str(jv_get(v, "key"), "?")));
	jv_free(v);
}

/* A snapshot has both in one list: marks that are on disk take no phase with them, and
 * the newest phase replaces what the snapshot said. */
static void
a_phase_of_a_snapshot_is_no_mark(void **state)
{
	struct fixture *f = *state;
	char text[64] = "";

	emit_phase(f, "sleep");
	event_begin(f->ev, EVENT_MARK_ADDED, NULL, NULL);
	event_str(f->ev, "set", "seen");
	event_str(f->ev, "key", "k");
	event_end(f->ev);
	assert_int_equal(store_snapshot_now(f->st), 0);
	write_file(f, "state/snapshot.json", f->snapshot.data, f->snapshot.len);
	close_record(f);
	open_record(f, "boot-b");
	store_restore(f->st, f->root_fd, f->ring);
	store_each_kept(f->st, note_kept, text);
	assert_string_equal(text, "sleep k ");
	store_forget_marks(f->st, UINT64_MAX);
	text[0] = '\0';
	store_each_kept(f->st, note_kept, text);
	assert_string_equal(text, "sleep ");
	emit_phase(f, "wake");
	text[0] = '\0';
	store_each_kept(f->st, note_kept, text);
	assert_string_equal(text, "wake ");
}

static void
another_boot_is_told_apart(void **state)
{
	struct fixture *f = *state;

	f->unit = "old";
	f->why = "x";
	assert_int_equal(store_snapshot_now(f->st), 0);
	write_file(f, "state/snapshot.json", f->snapshot.data, f->snapshot.len);
	event_begin(f->ev, EVENT_SUPD_STARTED, NULL, NULL);
	event_str(f->ev, "boot_id", "boot-b");
	event_end(f->ev);
	emit_state(f, "new", "y");
	close_record(f);
	open_record(f, "boot-b");
	store_restore(f->st, f->root_fd, f->ring);
	check_memory(f, "old", "x", false);
	check_memory(f, "new", "y", true);
}

static void
wishes_alone_survive_the_loss_of_all_else(void **state)
{
	static const char text[] =
	    "{\"seq\":7,\"event\":\"wish\",\"unit\":\"a\",\"what\":\"stopped\"}\n"
	    "garbage\n"
	    "{\"seq\":5,\"event\":\"wish\",\"unit\":\"a\",\"what\":\"started\"}\n"
	    "{\"seq\":9,\"event\":\"wish\",\"unit\":\"b\",\"what\":\"masked\"}\n"
	    "{\"seq\":11,\"event\":\"wish\",\"unit\":\"torn\",\"wh";
	struct fixture *f = *state;
	struct stat sb;

	log_set_sink(quiet, NULL);
	write_file(f, "state/wishes", text, sizeof(text) - 1);
	store_restore(f->st, f->root_fd, NULL);
	log_set_sink(NULL, NULL);
	check_wishes(f, "a:started a:stopped b:masked ");
	assert_int_equal(store_report(f->st)->seq, 9);
	assert_int_equal(store_report(f->st)->n_damaged, 1);
	/* The damaged file is kept for a person to look at, and told. */
	assert_string_equal(
	    store_report(f->st)->wishes.why, "1 of its lines is no event");
	assert_int_equal(
	    fstatat(f->root_fd, store_report(f->st)->wishes.kept_as, &sb, 0), 0);
	assert_int_equal(sb.st_size, sizeof(text) - 1);
	assert_int_equal(fstatat(f->root_fd, "state/wishes", &sb, 0), -1);
	assert_int_equal(metrics_counter(f->metrics, EVENT_STATE_DAMAGED), 1);
	/* Its numbers are not given out again. */
	assert_true(emitter_seq(f->ev) > 9);
}

/* ---- parts ---- */

struct counted {
	int live, past, read;
	char text[64]; /* of the events, one after the other */
};

static bool
part_wants(void *arg, enum event_id id, bool past)
{
	(void)arg;
	(void)past;
	return id == EVENT_DIGEST_ENTRY;
}

static void
part_event(void *arg, enum event_id id, const struct jv *event, bool past)
{
	struct counted *c = arg;

	assert_int_equal(id, EVENT_DIGEST_ENTRY);
	*(past ? &c->past : &c->live) += 1;
	strlcat(c->text, jv_str(jv_get(event, "text"), "?"), sizeof(c->text));
}

static void
part_write(void *arg, struct jw *w)
{
	jw_str(w, ((struct counted *)arg)->text);
}

static void
part_read(void *arg, const struct jv *v)
{
	struct counted *c = arg;

	c->read++;
	strlcpy(c->text, jv_str(v, ""), sizeof(c->text));
}

static void
add_part(struct fixture *f, struct counted *c)
{
	store_add_part(f->st, &(struct store_part){
				  .name = "counted",
				  .wants = part_wants,
				  .event = part_event,
				  .write = part_write,
				  .read = part_read,
				  .arg = c,
			      });
}

static void
emit_entry(struct fixture *f, const char *text)
{
	event_begin(f->ev, EVENT_DIGEST_ENTRY, NULL, NULL);
	event_str(f->ev, "text", text);
	event_end_wish(f->ev);
}

/* Each event once: live, or in the snapshot, or after it, or, where the journal has lost
 * it, from the wishes. */
static void
a_part_hears_of_each_event_once(void **state)
{
	static const char lost[] =
	    "{\"seq\":1,\"event\":\"digest-entry\",\"text\":\"old\"}\n"
	    "{\"seq\":900,\"event\":\"digest-entry\",\"text\":\"d\"}\n"
	    "{\"seq\":901,\"event\":\"digest-taken\",\"who\":\"x\"}\n";
	struct fixture *f = *state;
	struct counted c = { .live = 0 };

	add_part(f, &c);
	emit_entry(f, "a");
	emit_entry(f, "b");
	assert_int_equal(c.live, 2);
	assert_int_equal(store_snapshot_now(f->st), 0);
	store_on_done(f->st, f->id, 0);
	write_file(f, "state/snapshot.json", f->snapshot.data, f->snapshot.len);
	emit_entry(f, "c");
	close_record(f);
	write_file(f, "state/wishes", lost, sizeof(lost) - 1);
	open_record(f, "boot-a");
	c = (struct counted){ .live = 0 };
	add_part(f, &c);
	store_restore(f->st, f->root_fd, f->ring);
	assert_string_equal(c.text, "abcd");
	assert_int_equal(c.read, 1);
	assert_int_equal(c.past, 2);
	assert_int_equal(c.live, 0);
	/* Such a one is in a snapshot at once. */
	f->sent = 0;
	store_enable(f->st);
	while (f->sent == 0)
		loop_run_once(f->loop);
	assert_non_null(strstr(buf_str(&f->snapshot), "\"counted\":\"abcd\""));
}

/* What power loss left of the last line was never promised, and of a file that is too
 * long the first line read may be half of one: neither is damage. */
static void
half_a_wish_at_either_end_is_no_damage(void **state)
{
	static const char wish[] =
	    "{\"seq\":7,\"event\":\"wish\",\"unit\":\"a\",\"what\":\"stopped\"}\n";
	struct fixture *f = *state;
	struct buf text = { 0 };
	struct stat sb;

	while (text.len < 17 * 1024 * 1024)
		buf_append(&text, wish, sizeof(wish) - 1);
	buf_append(&text, wish, sizeof(wish) / 2);
	write_file(f, "state/wishes", buf_str(&text), text.len);
	buf_free(&text);
	store_restore(f->st, f->root_fd, NULL);
	check_wishes(f, "a:stopped ");
	assert_int_equal(store_report(f->st)->n_damaged, 0);
	assert_string_equal(store_report(f->st)->wishes.why, "");
	assert_int_equal(fstatat(f->root_fd, "state/wishes", &sb, 0), 0);
}

static void
a_damaged_snapshot_is_set_aside(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{\"version\":1}",
		"{\"version\":1,\"seq\":-1,\"units\":{}}",
		"{\"version\":1,\"seq\":1,\"units\":[]}",
		"{\"version\":1,\"seq\":9223372036854775807,\"units\":{}}",
		"{\"version\":1,\"seq\":1,\"units\":{},\"units\":{}}",
	};
	struct fixture *f = *state;
	struct stat sb;

	log_set_sink(quiet, NULL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file(f, "state/snapshot.json", bad[i], strlen(bad[i]));
		close_record(f);
		open_record(f, "boot-a");
		store_restore(f->st, f->root_fd, f->ring);
		assert_true(store_report(f->st)->snapshot.why[0] != '\0');
		assert_true(store_report(f->st)->snapshot.kept_as[0] != '\0');
		assert_int_equal(
		    fstatat(f->root_fd, store_report(f->st)->snapshot.kept_as, &sb, 0),
		    0);
		assert_int_equal(fstatat(f->root_fd, "state/snapshot.json", &sb, 0), -1);
		/* Told as an event, and counted on from the ring. */
		assert_int_equal(metrics_counter(f->metrics, EVENT_STATE_DAMAGED), i + 1);
	}
	log_set_sink(NULL, NULL);
}

/* Reads a snapshot that may be damaged: it is refused, or what was read can be written
 * and read again, and is the same then.  True: it was read. */
static bool
survives(struct fixture *f, const char *text, size_t len)
{
	struct buf once = { 0 }, twice = { 0 };
	char err[320] = "";
	bool read;

	close_record(f);
	open_record(f, "boot-a");
	read = store_read_snapshot(f->st, text, len, err, sizeof(err)) == 0;
	assert_true(read == (err[0] == '\0'));
	if (read) {
		store_write_snapshot(f->st, &once);
		close_record(f);
		open_record(f, "boot-a");
		assert_int_equal(
		    store_read_snapshot(f->st, once.data, once.len, err, sizeof(err)), 0);
		store_write_snapshot(f->st, &twice);
		assert_int_equal(once.len, twice.len);
	}
	buf_free(&once);
	buf_free(&twice);
	return read;
}

static void
a_snapshot_may_be_cut_anywhere_and_have_any_bit_wrong(void **state)
{
	struct fixture *f = *state;
	struct buf good = { 0 };
	size_t read = 0, all = 0;

	f->unit = "a";
	f->why = "because";
	emit_wish(f, "a", "stopped");
	metrics_sample(f->metrics, "run_us", 5);
	history_started(f->history, "a", "1700", NULL, 42, 1000000);
	assert_int_equal(store_snapshot_now(f->st), 0);
	buf_append(&good, f->snapshot.data, f->snapshot.len);
	assert_true(survives(f, good.data, good.len));
	log_set_sink(quiet, NULL);
	for (size_t n = 0; n < good.len - 2; n++)
		assert_false(survives(f, good.data, n));
	for (size_t i = 0; i < good.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			good.data[i] = (char)(good.data[i] ^ 1 << bit);
			read += survives(f, good.data, good.len);
			all++;
			good.data[i] = (char)(good.data[i] ^ 1 << bit);
		}
	log_set_sink(NULL, NULL);
	print_message("%zu of %zu with a wrong bit are read\n", read, all);
	assert_true(read < all);
	buf_free(&good);
}

static void
a_newer_snapshot_is_left_alone(void **state)
{
	static const char text[] = "{\"version\":2,\"shape\":\"unheard of\"}";
	struct fixture *f = *state;
	struct stat sb;

	log_set_sink(quiet, NULL);
	write_file(f, "state/snapshot.json", text, sizeof(text) - 1);
	store_restore(f->st, f->root_fd, f->ring);
	log_set_sink(NULL, NULL);
	assert_true(store_report(f->st)->newer);
	assert_int_equal(store_snapshot_now(f->st), 0);
	assert_int_equal(f->sent, 0);
	assert_int_equal(fstatat(f->root_fd, "state/snapshot.json", &sb, 0), 0);
	assert_int_equal(sb.st_size, sizeof(text) - 1);
}

static void
hostile_events_change_nothing_else(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"{}",
		"{\"seq\":0,\"event\":\"exec\"}",
		"{\"seq\":-5,\"event\":\"exec\"}",
		"{\"seq\":9223372036854775807,\"event\":\"exec\"}",
		"{\"seq\":1e3,\"event\":\"exec\"}",
		"{\"seq\":1}",
		"{\"seq\":1,\"event\":7}",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(store_read_event(f->st, bad[i], strlen(bad[i])), -1);
	/* Odd, but events: an unknown name, wrong types, no unit. */
	static const char *const odd[] = {
		"{\"seq\":2,\"event\":\"from-the-future\",\"unit\":\"a\"}",
		"{\"seq\":3,\"event\":\"unit-state\",\"unit\":7,\"memory\":{}}",
		"{\"seq\":4,\"event\":\"unit-state\",\"unit\":\"a\",\"memory\":[]}",
		"{\"seq\":5,\"event\":\"unit-state\",\"memory\":{}}",
		"{\"seq\":6,\"event\":\"exit\",\"unit\":\"a\",\"kind\":\"main\",\"ts\":"
		"1}",
		"{\"seq\":7,\"event\":\"exit\",\"unit\":\"a\",\"kind\":\"main\","
		"\"ts\":\"2026-01-01T00:00:00.000000Z\",\"pid\":-1}",
	};
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(store_read_event(f->st, odd[i], strlen(odd[i])), 0);
	assert_null(store_memory(f->st, "a", &(bool){ false }));
	assert_null(history_run(f->history, "a", 0));
	/* An old seq again is known already. */
	assert_int_equal(store_read_event(f->st, odd[0], strlen(odd[0])), 0);
	assert_int_equal(store_report(f->st)->n_events, 6);
}

static uint64_t now_us;

static uint64_t
fake_clock(enum clock_kind kind, void *arg)
{
	(void)kind;
	(void)arg;
	return now_us;
}

static void
on_deadline(struct loop_timer *t, void *arg)
{
	(void)t;
	(void)arg;
	fail_msg("no snapshot is sent");
}

static void
run_until_sent(struct fixture *f, int sent)
{
	struct loop_timer *t = loop_timer_new(f->loop, "deadline", on_deadline, NULL);

	loop_timer_in(t, 60 * USEC_PER_SEC);
	while (f->sent < sent)
		loop_run_once(f->loop);
	loop_timer_free(t);
}

static void
failures_are_told_and_tried_again(void **state)
{
	struct fixture *f = *state;

	clock_set_source(fake_clock, NULL);
	f->refuse = true;
	assert_int_equal(store_snapshot_now(f->st), -1);
	assert_false(store_is_writing(f->st));
	f->refuse = false;
	assert_int_equal(store_snapshot_now(f->st), 0);
	store_on_done(f->st, f->id + 7, 0); /* somebody else's */
	assert_true(store_is_writing(f->st));
	store_on_done(f->st, f->id, 28);
	assert_int_equal(metrics_counter(f->metrics, EVENT_SNAPSHOT_FAILED), 1);
	clock_set_source(NULL, NULL);
	/* Without any event in between; the same reason is not told again. */
	store_set_interval(f->st, 1000);
	store_enable(f->st);
	for (int i = 0; i < 3; i++) {
		run_until_sent(f, f->sent + 1);
		store_on_done(f->st, f->id, 28);
	}
	assert_int_equal(metrics_counter(f->metrics, EVENT_SNAPSHOT_FAILED), 1);
}

/* Many events are not left to the interval: a new manager would have to read them. */
static void
many_events_bring_a_snapshot(void **state)
{
	struct fixture *f = *state;
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	store_set_interval(f->st, 3600 * USEC_PER_SEC);
	store_enable(f->st);
	for (int round = 1; round <= 2; round++) {
		for (int i = 0; i < 2000; i++) {
			event_begin(f->ev, EVENT_BUG, "a.service", NULL);
			event_str(f->ev, "text", text);
			event_end(f->ev);
		}
		run_until_sent(f, round);
		store_on_done(f->st, f->id, 0);
	}
	assert_int_equal(f->sent, 2);
}

static void
lose_a_wish(struct fixture *f)
{
	uint64_t before = emitter_dropped(f->ev);

	while (emitter_dropped(f->ev) == before) {
		event_begin(f->ev, EVENT_WISH, "a.service", NULL);
		event_str(f->ev, "what", "stopped");
		event_end_wish(f->ev);
	}
}

static void
set_flag(struct loop_timer *t, void *arg)
{
	(void)t;
	*(bool *)arg = true;
}

/* A wish that the ring had no room for is in a snapshot at once; while none can be
 * written, one is tried now and then, and not for each event. */
static void
a_lost_wish_brings_a_snapshot(void **state)
{
	struct fixture *f = *state;
	bool over = false;
	struct loop_timer *t = loop_timer_new(f->loop, "a while", set_flag, &over);

	store_set_interval(f->st, 3600 * USEC_PER_SEC);
	store_enable(f->st);
	lose_a_wish(f);
	run_until_sent(f, 1);
	/* It may be later than what is being written. */
	lose_a_wish(f);
	store_on_done(f->st, f->id, 0);
	assert_int_equal(f->sent, 2);
	assert_true(emitter_has_lost_wish(f->ev));
	store_on_done(f->st, f->id, 0);
	assert_false(emitter_has_lost_wish(f->ev));
	assert_int_equal(f->sent, 2);

	lose_a_wish(f);
	run_until_sent(f, 3);
	lose_a_wish(f);
	store_on_done(f->st, f->id, 28); /* it was overdue */
	assert_int_equal(f->sent, 4);
	lose_a_wish(f);
	store_on_done(f->st, f->id, 28);
	f->refuse = true;
	loop_timer_in(t, USEC_PER_SEC / 10);
	while (!over) {
		lose_a_wish(f);
		loop_run_once(f->loop);
	}
	assert_int_equal(f->sent, 4);
	run_until_sent(f, 5); /* refused */
	for (over = false, loop_timer_in(t, USEC_PER_SEC / 10); !over;) {
		lose_a_wish(f);
		loop_run_once(f->loop);
	}
	assert_int_equal(f->sent, 5);
	f->refuse = false;
	run_until_sent(f, 6);
	store_on_done(f->st, f->id, 0);
	assert_false(emitter_has_lost_wish(f->ev));
	loop_timer_free(t);
}

/* What only the lost events said is in a snapshot before anybody has to read them. */
static void
a_new_journal_brings_a_snapshot(void **state)
{
	struct fixture *f = *state;

	store_enable(f->st);
	store_on_event_ack(f->st, f->ring); /* nothing was stored yet */
	f->ring->intent_dev = 1;
	f->ring->intent_ino = 10;
	store_on_event_ack(f->st, f->ring);
	store_on_event_ack(f->st, f->ring);
	assert_int_equal(f->sent, 0);
	f->ring->intent_ino = 11;
	store_on_event_ack(f->st, f->ring);
	assert_int_equal(f->sent, 1);
	/* Again, while it is written: what happened since is in none. */
	f->ring->intent_ino = 12;
	store_on_event_ack(f->st, f->ring);
	assert_int_equal(f->sent, 1);
	store_on_done(f->st, f->id, 0);
	assert_int_equal(f->sent, 2);
	f->ring->intent_ino = 13;
	store_on_event_ack(f->st, f->ring);
	store_on_logger(f->st);
	assert_int_equal(f->sent, 3);
	store_on_done(f->st, f->id, 0);
	assert_int_equal(f->sent, 3);
}

static void
history_keeps_the_newest_runs(void **state)
{
	struct fixture *f = *state;
	char ref[24];

	for (int i = 0; i < 3 * HISTORY_RUNS; i++) {
		snprintf(ref, sizeof(ref), "%d", i);
		history_started(f->history, "a", ref, NULL, 100 + i, 1000);
		history_ended(
		    f->history, "a", ref, NULL, 100 + i, EXIT_KILLED, 9, 2000, 1000);
		/* Told once more after a replay. */
		history_ended(
		    f->history, "a", ref, NULL, 100 + i, EXIT_KILLED, 9, 2000, 1000);
	}
	assert_int_equal(
	    history_run(f->history, "a", 0)->pid, 100 + 3 * HISTORY_RUNS - 1);
	assert_int_equal(
	    history_run(f->history, "a", HISTORY_RUNS - 1)->pid, 100 + 2 * HISTORY_RUNS);
	assert_null(history_run(f->history, "a", HISTORY_RUNS));
	history_forget(f->history, "a");
	assert_null(history_run(f->history, "a", 0));
}

static void
emit_started(struct fixture *f, int64_t generation)
{
	event_begin(f->ev, EVENT_SUPD_STARTED, NULL, NULL);
	event_int(f->ev, "generation", generation);
	event_str(f->ev, "boot_id", "boot-a");
	event_end(f->ev);
}

/* What a manager that comes now learns of the end; empty: there is none. */
static void
check_ending(struct fixture *f, const char *who)
{
	struct jv *v;

	close_record(f);
	open_record(f, "boot-a");
	store_restore(f->st, f->root_fd, f->ring);
	v = store_ending(f->st);
	assert_string_equal(jv_str(jv_get(v, "who"), ""), who);
	jv_free(v);
}

static void
an_end_that_was_begun_is_kept_by_snapshots(void **state)
{
	struct fixture *f = *state;

	emit_started(f, 0);
	check_ending(f, "");
	event_begin(f->ev, EVENT_SUPD_STOPPING, NULL, NULL);
	event_str(f->ev, "who", "a person");
	event_end(f->ev);
	check_ending(f, "a person");
	/* By the snapshot alone, and by one that was made of that. */
	for (int i = 0; i < 2; i++) {
		emit_started(f, 1);
		assert_int_equal(store_snapshot_now(f->st), 0);
		write_file(f, "state/snapshot.json", f->snapshot.data, f->snapshot.len);
		check_ending(f, "a person");
		assert_int_equal(store_report(f->st)->n_events, 0);
	}
	/* Another supd: that end is over. */
	emit_started(f, 0);
	check_ending(f, "");
	assert_int_equal(store_snapshot_now(f->st), 0);
	write_file(f, "state/snapshot.json", f->snapshot.data, f->snapshot.len);
	check_ending(f, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)
		TEST(events_in_the_ring_are_enough),
		TEST(snapshot_then_newer_events),
		TEST(history_comes_back_from_events),
		TEST(jobs_that_wait_come_back),
		TEST(a_phase_of_a_snapshot_is_no_mark),
		TEST(another_boot_is_told_apart),
		TEST(wishes_alone_survive_the_loss_of_all_else),
		TEST(a_part_hears_of_each_event_once),
		TEST(half_a_wish_at_either_end_is_no_damage),
		TEST(a_damaged_snapshot_is_set_aside),
		TEST(a_snapshot_may_be_cut_anywhere_and_have_any_bit_wrong),
		TEST(a_newer_snapshot_is_left_alone),
		TEST(hostile_events_change_nothing_else),
		TEST(failures_are_told_and_tried_again),
		TEST(a_lost_wish_brings_a_snapshot),
		TEST(a_new_journal_brings_a_snapshot),
		TEST(many_events_bring_a_snapshot),
		TEST(history_keeps_the_newest_runs),
		TEST(an_end_that_was_begun_is_kept_by_snapshots),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
