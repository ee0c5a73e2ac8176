/*
 * heartbeat: scripts of what happens to a session, and when it has its heartbeats.
 *
 * What is sent is collected with the minute in which it was.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/activity.h"
#include "manager/session/heartbeat.h"
#include "manager/session/input.h"
#include "manager/session/messages.h"

#define MINUTE USEC_PER_MINUTE

struct desk {
	struct heartbeat *h;
	struct heartbeat_conf conf;
	struct buf said;
	uint64_t mono_us, wall_us, wall_begin_us, due_us;
	uint64_t activity_wall_us; /* 0: no file */
	uint64_t newest_us;
	const char *lines; /* of MessageFile= */
	const char *watched;
	char *recorded;
	unsigned ticks, reads;
	uint32_t random; /* what a throw gives, modulo */
	bool refuse;
	bool texts; /* show them, too */
	struct input_request last;
};

static uint64_t
desk_clock(enum clock_kind kind, void *arg)
{
	const struct desk *d = arg;

	return kind == CLOCK_KIND_WALL ? d->wall_us : d->mono_us;
}

static int
on_read(void *arg, const char *path, size_t max, struct buf *out, uint64_t *mtime)
{
	struct desk *d = arg;

	assert_true(max > 0);
	if (strcmp(path, "/messages") == 0) {
		if (d->lines == NULL)
			return -1;
		buf_adds(out, d->lines);
		*mtime = 1;
		return 0;
	}
	assert_string_equal(path, "/activity");
	d->reads++;
	if (d->activity_wall_us == 0)
		return -1;
	*mtime = d->activity_wall_us;
	return 0;
}

static uint64_t
on_newest(void *arg, const char *glob)
{
	assert_string_equal(glob, "/new/*");
	return ((struct desk *)arg)->newest_us;
}

static void
on_watch(void *arg, const char *path)
{
	((struct desk *)arg)->watched = path;
}

static void
on_record(void *arg)
{
	struct desk *d = arg;
	struct jw *w = jw_new(JW_COMPACT);
	struct buf b = { 0 };

	jw_obj(w);
	heartbeat_write(d->h, w);
	jw_end(w);
	jw_take(w, &b);
	jw_free(w);
	free(d->recorded);
	d->recorded = buf_take(&b);
}

static bool
on_send(void *arg, const struct input_request *r)
{
	struct desk *d = arg;

	d->last = *r;
	d->last.data = NULL;
	if (d->refuse)
		return false;
	if (d->said.len > 0)
		buf_addc(&d->said, ' ');
	if (d->texts)
		buf_append(&d->said, r->data, r->len);
	else
		buf_addf(&d->said, "%llu",
		    (unsigned long long)((d->wall_us - d->wall_begin_us) / MINUTE));
	return true;
}

static void
on_arm(void *arg, uint64_t due_us)
{
	((struct desk *)arg)->due_us = due_us;
}

static uint32_t
on_random(void *arg, uint32_t n)
{
	return ((struct desk *)arg)->random % n;
}

static void
begin(struct desk *d)
{
	struct heartbeat_ops ops = { on_read, on_newest, on_watch, on_record, on_send,
		on_arm, on_random, d };

	d->due_us = UNIT_INFINITY;
	d->watched = NULL;
	d->h = heartbeat_new(&d->conf, &ops);
}

static void
pass(struct desk *d, uint64_t us)
{
	uint64_t end = d->mono_us + us;

	while (d->due_us <= end) {
		uint64_t step = d->due_us > d->mono_us ? d->due_us - d->mono_us : 0;

		d->mono_us += step;
		d->wall_us += step;
		d->due_us = UNIT_INFINITY;
		d->ticks++;
		heartbeat_tick(d->h);
		assert_true(d->due_us > d->mono_us);
	}
	d->wall_us += end - d->mono_us;
	d->mono_us = end;
}

/* The memory is what was recorded, or a snapshot; the manager another one. */
static void
another_manager(struct desk *d, bool snapshot)
{
	struct json_err err;
	struct jv *v;

	if (snapshot)
		on_record(d);
	heartbeat_free(d->h);
	begin(d);
	if (d->recorded == NULL)
		return;
	v = jv_parse(d->recorded, strlen(d->recorded), &err);
	assert_non_null(v);
	assert_int_equal(heartbeat_restore(d->h, v, &err), 0);
	jv_free(v);
}

static void
word(struct desk *d, const char *w)
{
	unsigned long n = strtoul(w + strcspn(w, "0123456789"), NULL, 10);
	size_t len = strcspn(w, "0123456789");

#define IS(s) (len == sizeof(s) - 1 && strncmp(w, s, len) == 0)
	if (IS("ready")) {
		char name[16];

		snprintf(name, sizeof(name), "i%lu", n);
		heartbeat_ready(d->h, name);
	} else if (IS("ends")) {
		heartbeat_ended(d->h);
	} else if (IS("idle")) {
		heartbeat_state(d->h, SESSION_IDLE);
	} else if (IS("working")) {
		heartbeat_state(d->h, SESSION_WORKING);
	} else if (IS("waiting")) {
		heartbeat_state(d->h, SESSION_WAITING);
	} else if (IS("stuck")) {
		heartbeat_state(d->h, SESSION_STUCK);
	} else if (IS("m")) {
		pass(d, n * MINUTE);
	} else if (IS("sleep")) { /* of the machine */
		d->wall_us += n * MINUTE;
	} else if (IS("command")) { /* somebody does something */
		d->activity_wall_us = d->wall_us;
		if (d->watched != NULL)
			heartbeat_file_changed(d->h);
	} else if (IS("tick")) { /* too early */
		heartbeat_tick(d->h);
	} else if (IS("active")) {
		heartbeat_active(d->h);
	} else if (IS("gone")) {
		d->activity_wall_us = 0;
	} else if (IS("new")) {
		d->newest_us = d->wall_us;
	} else if (IS("lost")) {
		heartbeat_lost(d->h);
	} else if (IS("poke")) {
		(void)heartbeat_poke(d->h);
	} else if (IS("refuse")) {
		d->refuse = true;
	} else if (IS("accept")) {
		d->refuse = false;
	} else if (IS("replay")) {
		another_manager(d, false);
	} else if (IS("snapshot")) {
		another_manager(d, true);
	} else if (IS("unarmed")) {
		assert_true(d->due_us == UNIT_INFINITY);
	} else if (IS("armed")) {
		assert_true(d->due_us != UNIT_INFINITY);
	} else if (IS("watched")) {
		assert_non_null(d->watched);
	} else if (IS("unwatched")) {
		assert_null(d->watched);
	} else {
		fail_msg("no such word: %s", w);
	}
#undef IS
}

static struct idle_tier tiers[] = {
	{ 0, 5 * MINUTE },
	{ 5 * MINUTE, 10 * MINUTE },
	{ 15 * MINUTE, 30 * MINUTE },
	{ 45 * MINUTE, 60 * MINUTE },
};
static char activity_file[] = "/activity", message_file[] = "/messages",
	    new_glob[] = "/new/*", slot[] = "heartbeat";

enum kind { FIXED, TIERS, OWN_TIERS, NEW, NONE };

struct script {
	enum kind kind;
	const char *what, *does;
};

static void
play(const struct script *s)
{
	struct desk d = { .mono_us = 100 * MINUTE, .wall_us = 1000 * USEC_PER_DAY };
	struct strv words = { 0 };

	d.wall_begin_us = d.wall_us;
	d.conf = (struct heartbeat_conf){
		.interval_us = s->kind == FIXED || s->kind == NEW ? 10 * MINUTE : 0,
		.when =
		    SESSION_STATE_BIT(SESSION_IDLE) | SESSION_STATE_BIT(SESSION_WORKING),
		.coalesce = slot,
		.only_if_new = s->kind == NEW ? new_glob : NULL,
	};
	if (s->kind == TIERS || s->kind == OWN_TIERS) {
		d.conf.tiers = tiers;
		d.conf.n_tiers = 4;
		d.conf.activity_file = s->kind == TIERS ? activity_file : NULL;
	}
	clock_set_source(desk_clock, &d);
	begin(&d);
	strv_split(&words, s->what, " ");
	for (uint32_t i = 0; i < words.n; i++)
		word(&d, words.v[i]);
	if (strcmp(buf_str(&d.said), s->does) != 0)
		fail_msg("%s\ndoes %s\nnot  %s", s->what, buf_str(&d.said), s->does);
	clock_set_source(NULL, NULL);
	heartbeat_free(d.h);
	buf_free(&d.said);
	free(d.recorded);
	strv_free(&words);
}

static void
play_all(const struct script *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		play(&s[i]);
}
#define PLAY(table) play_all(table, sizeof(table) / sizeof((table)[0]))

static void
fixed(void **st)
{
	static const struct script t[] = {
		/* B6: one at once, then each interval. */
		{ FIXED, "idle ready1 m35", "0 10 20 30" },
		{ FIXED, "ready1 m35 idle m1", "35" },
		{ FIXED, "idle ready1 m15 ends unarmed m60 idle ready2 m15",
		    "0 10 75 85" },
		{ FIXED, "idle ready1 m5 ready1 m5", "0 10" },
		{ FIXED, "idle ready1 m5 tick armed m5", "0 10" },
		{ NONE, "idle ready1 unarmed m600", "" },
		/* In the states of When= only, and unarmed in others; once, however many
		 * were missed. */
		{ FIXED, "idle ready1 m5 waiting unarmed m100 idle m20",
		    "0 105 115 125" },
		{ FIXED, "idle ready1 m5 waiting m1 working armed m4", "0 10" },
		/* The machine sleeps: one. */
		{ FIXED, "idle ready1 m5 sleep600 m10", "0 610" },
	};

	(void)st;
	PLAY(t);
}

static void
by_idle_age(void **st)
{
	static const struct script t[] = {
		/* B7: 5, 10, 30, 60 minutes, chosen anew after each (B6). */
		{ TIERS, "command idle ready1 m240", "0 5 15 45 105 165 225" },
		/* B8: nothing known is just now. */
		{ TIERS, "gone idle ready1 m16", "0 5 10 15" },
		/* B9, and what it lacked: the timer that sleeps is shortened. */
		{ TIERS, "command idle ready1 m110 watched command m20",
		    "0 5 15 45 105 115 125" },
		{ TIERS, "command idle ready1 m110 command m1 command m3 command m1",
		    "0 5 15 45 105 115" },
		/* It is not watched where nothing could be shortened. */
		{ TIERS, "command idle ready1 m1 unwatched", "0" },
		{ TIERS, "command idle ready1 m110 waiting unwatched", "0 5 15 45 105" },
		/* What happened while nobody looked. */
		{ TIERS, "command idle ready1 m110 waiting command idle m5",
		    "0 5 15 45 105 115" },
		/* Without a file: what others gave the session to do. */
		{ OWN_TIERS, "idle ready1 m110 active m5", "0 5 15 45 105 115" },
		{ OWN_TIERS, "idle ready1 m110 active m3 active m3",
		    "0 5 15 45 105 115" },
		{ OWN_TIERS, "idle ready1 m110", "0 5 15 45 105" },
	};

	(void)st;
	PLAY(t);
}

static void
only_if_new(void **st)
{
	static const struct script t[] = {
		{ NEW, "idle ready1 m600", "" },
		{ NEW, "new idle ready1 m600", "0" },
		{ NEW, "new idle ready1 m15 new m600", "0 20" },
		{ NEW, "idle ready1 m15 new m600", "20" },
		/* Not told of it after all: it is new still. */
		{ NEW, "new idle ready1 m15 lost m10 m100", "0 20" },
		{ NEW, "new idle refuse ready1 m15 accept m600", "20" },
		{ NEW, "new idle ready1 m15 replay idle ready1 m600", "0" },
		{ NEW, "new idle ready1 m15 ends idle ready2 m100", "0" },
	};

	(void)st;
	PLAY(t);
}

static void
another(void **st)
{
	static const struct script t[] = {
		/* The rest of the interval; no second one at once. */
		{ FIXED, "idle ready1 m5 replay idle ready1 m10", "0 10" },
		{ FIXED, "idle ready1 m5 snapshot idle ready1 m10", "0 10" },
		{ FIXED, "idle ready1 m5 sleep3 replay idle ready1 m3", "0 10" },
		/* Late: once. */
		{ FIXED, "idle ready1 m5 sleep600 replay idle ready1 m9", "0 605" },
		/* The first one is not lost, nor is there one more. */
		{ FIXED, "waiting ready1 m5 snapshot ready1 idle m1", "5" },
		{ FIXED, "idle ready1 m5 snapshot idle ready2 m5", "0 5" },
		/* What it knows of activity, too: the tiers do not begin anew. */
		{ OWN_TIERS, "idle ready1 m110 replay idle ready1 m60",
		    "0 5 15 45 105 165" },
		{ OWN_TIERS, "idle ready1 m110 active m6 replay idle ready1 m10",
		    "0 5 15 45 105 115 125" },
	};

	(void)st;
	PLAY(t);
}

static void
poked(void **st)
{
	static const struct script t[] = {
		{ FIXED, "idle ready1 m3 poke m12", "0 3 13" },
		{ FIXED, "poke", "" },
		{ FIXED, "idle ready1 m3 stuck poke unarmed", "0 3" },
		{ NEW, "idle ready1 m3 poke", "3" },
		{ NONE, "idle ready1 m3 poke m100", "3" },
	};

	(void)st;
	PLAY(t);
}

static void
what_is_asked_for(void **st)
{
	struct desk d = { .mono_us = MINUTE, .wall_us = USEC_PER_DAY };

	(void)st;
	d.conf.interval_us = 10 * MINUTE;
	d.conf.when = SESSION_STATE_BIT(SESSION_IDLE);
	d.conf.coalesce = slot;
	clock_set_source(desk_clock, &d);
	begin(&d);
	heartbeat_state(d.h, SESSION_IDLE);
	heartbeat_ready(d.h, "i");
	pass(&d, 0);
	assert_int_equal(d.last.flags, INPUT_ENTER | INPUT_CONFIRM);
	assert_string_equal(d.last.slot, "heartbeat");
	assert_int_equal(d.last.when, d.conf.when);
	/* It makes room for the next one. */
	assert_true(d.last.expire_wall_us == d.wall_us + 10 * MINUTE - MINUTE / 10);
	assert_int_equal(heartbeat_memory(d.h)->count, 1);
	d.conf.replace = true;
	heartbeat_poke(d.h);
	assert_int_equal(d.last.flags, INPUT_ENTER | INPUT_CONFIRM | INPUT_REPLACE);
	assert_int_equal(d.last.when, d.conf.when | SESSION_STATE_BIT(SESSION_STUCK));
	/* One that was refused is no heartbeat. */
	d.refuse = true;
	assert_false(heartbeat_poke(d.h));
	assert_int_equal(heartbeat_memory(d.h)->count, 2);
	clock_set_source(NULL, NULL);
	heartbeat_free(d.h);
	buf_free(&d.said);
	free(d.recorded);
}

static void
texts(void **st)
{
	static const struct {
		enum pick pick;
		const char *messages, *lines, *does; /* of 5, a manager later after 2 */
	} t[] = {
		{ PICK_ROTATE, "a b c", NULL, "a b c a b" },
		{ PICK_ROTATE, "a", "b\n\n  c  \r\nbad\033\n\xff\n", "a b c a b" },
		{ PICK_ROTATE, "", "\n \n", "%s %s %s %s %s" },
		{ PICK_ROTATE, "", NULL, "%s %s %s %s %s" },
		/* Throws of 0: never the same twice, or always. */
		{ PICK_RANDOM, "a b c", NULL, "a b a b a" },
		{ PICK_RANDOM, "a", NULL, "a a a a a" },
		{ PICK_RANDOM_REPEAT, "a b c", NULL, "a a a a a" },
	};

	(void)st;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct desk d = {
			.mono_us = MINUTE, .wall_us = USEC_PER_DAY, .texts = true
		};
		char wanted[256];

		d.conf.interval_us = 10 * MINUTE;
		d.conf.when = SESSION_STATE_BIT(SESSION_IDLE);
		d.conf.pick = t[i].pick;
		d.conf.message_file = message_file;
		d.lines = t[i].lines;
		strv_split(&d.conf.messages, t[i].messages, " ");
		clock_set_source(desk_clock, &d);
		begin(&d);
		for (int k = 0; k < 5; k++) {
			if (k == 2)
				another_manager(&d, false);
			heartbeat_state(d.h, SESSION_IDLE);
			heartbeat_ready(d.h, "i");
			pass(&d, k == 0 ? 0 : 10 * MINUTE);
		}
		snprintf(wanted, sizeof(wanted), "%s", t[i].does);
		if (t[i].does[0] == '%')
			snprintf(wanted, sizeof(wanted), "%s %s %s %s %s",
			    messages_fallback, messages_fallback, messages_fallback,
			    messages_fallback, messages_fallback);
		assert_string_equal(buf_str(&d.said), wanted);
		clock_set_source(NULL, NULL);
		heartbeat_free(d.h);
		buf_free(&d.said);
		free(d.recorded);
		strv_free(&d.conf.messages);
	}
}

/* ---- into a queue ---- */

struct pair {
	struct desk d; /* first: it is the arg of both */
	struct input *q;
	uint64_t ids, queue_due_us, written;
	unsigned results[INPUT_NRESULTS];
};

static uint64_t
queue_id(void *arg)
{
	return ++((struct pair *)arg)->ids;
}

static bool
queue_journal(void *arg, const struct input_entry *e, enum input_record record)
{
	(void)arg;
	(void)e;
	(void)record;
	return true;
}

static bool
queue_write(void *arg, uint64_t id, uint32_t step, enum input_write what,
    const char *data, size_t len)
{
	struct pair *p = arg;

	(void)data;
	(void)len;
	p->written += what == INPUT_WRITE_TEXT;
	input_taken(p->q, id, step);
	return true;
}

static void
queue_ask(void *arg)
{
	(void)arg;
	fail();
}

static void
queue_result(void *arg, const struct input_entry *e)
{
	struct pair *p = arg;

	p->results[e->result]++;
	if (e->result != INPUT_DELIVERED && e->result != INPUT_CONFIRMED)
		heartbeat_lost(p->d.h);
}

static void
queue_arm(void *arg, uint64_t due_us)
{
	((struct pair *)arg)->queue_due_us = due_us;
}

static bool
pair_send(void *arg, const struct input_request *r)
{
	const char *why;

	return input_enqueue(((struct pair *)arg)->q, r, &why) != 0;
}

static void
pair_pass(struct pair *p, unsigned minutes)
{
	for (unsigned s = 0; s < 60 * minutes; s++) {
		pass(&p->d, USEC_PER_SEC);
		if (p->queue_due_us <= p->d.mono_us)
			input_tick(p->q);
	}
}

/* P15: while a person has a draft, one heartbeat waits, not one for each interval; and of
 * what is new it is told until one has arrived. */
static void
waits_as_one(void **st)
{
	struct pair p = { .d = { .mono_us = MINUTE, .wall_us = USEC_PER_DAY } };
	struct session_conf session = { .input_when = SESSION_STATE_BIT(SESSION_IDLE) };
	struct heartbeat_ops hops = { on_read, on_newest, on_watch, on_record, pair_send,
		on_arm, on_random, &p };
	struct input_ops qops = { queue_id, queue_journal, queue_write, queue_ask,
		queue_result, queue_arm, &p };

	(void)st;
	p.d.conf.interval_us = 10 * MINUTE;
	p.d.conf.when = SESSION_STATE_BIT(SESSION_IDLE);
	p.d.conf.coalesce = slot;
	p.d.conf.only_if_new = new_glob;
	p.d.newest_us = p.d.wall_us;
	p.d.due_us = p.queue_due_us = UNIT_INFINITY;
	clock_set_source(desk_clock, &p.d);
	p.q = input_new(&session, &qops);
	p.d.h = heartbeat_new(&p.d.conf, &hops);
	input_writer_up(p.q);
	input_started(p.q);
	input_state(p.q, SESSION_IDLE);
	input_draft(p.q, true);
	heartbeat_state(p.d.h, SESSION_IDLE);
	heartbeat_ready(p.d.h, "i");
	for (int i = 0; i < 7; i++) {
		pair_pass(&p, 5);
		assert_int_equal(input_count(p.q), 1);
	}
	assert_int_equal(p.written, 0);
	input_draft(p.q, false);
	pair_pass(&p, 100);
	assert_int_equal(p.written, 1);
	assert_int_equal(p.results[INPUT_DELIVERED], 1);
	assert_int_equal(input_count(p.q), 0);
	clock_set_source(NULL, NULL);
	heartbeat_free(p.d.h);
	input_free(p.q);
	free(p.d.recorded);
}

static void
activity_files(void **st)
{
	static const struct {
		const char *text;
		uint64_t seconds; /* 0: of its change */
	} t[] = {
		{ "{\"last_command\":\"gt x\",\"timestamp\":\"1970-01-02T00:00:00Z\"}",
		    86400 },
		{ "{\"timestamp\":\"1970-01-02T01:00:00.5+01:00\"}", 86400 },
		{ "{\"timestamp\":7}", 0 },
		{ "{\"timestamp\":\"yesterday\"}", 0 },
		{ "{\"timestamp\":", 0 },
		{ "[]", 0 },
		{ "", 0 },
	};

	(void)st;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		uint64_t us = activity_wall_us(t[i].text, strlen(t[i].text), 5);

		if (t[i].seconds == 0)
			assert_int_equal(us, 5);
		else
			assert_int_equal(us / USEC_PER_SEC, t[i].seconds);
	}
}

static void
memory_that_is_no_memory(void **st)
{
	static const char *const t[] = { "{\"count\":\"x\"}", "{\"last\":-1}",
		"{\"invocation\":7}", "{\"last_wall_us\":[]}" };

	(void)st;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct desk d = { .mono_us = MINUTE };
		struct json_err err;
		struct jv *v = jv_parse(t[i], strlen(t[i]), &err);

		begin(&d);
		assert_int_equal(heartbeat_restore(d.h, v, &err), -1);
		assert_int_equal(heartbeat_memory(d.h)->count, 0);
		jv_free(v);
		heartbeat_free(d.h);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed),
		cmocka_unit_test(by_idle_age),
		cmocka_unit_test(only_if_new),
		cmocka_unit_test(another),
		cmocka_unit_test(poked),
		cmocka_unit_test(what_is_asked_for),
		cmocka_unit_test(texts),
		cmocka_unit_test(waits_as_one),
		cmocka_unit_test(activity_files),
		cmocka_unit_test(memory_that_is_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
