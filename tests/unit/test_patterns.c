/*
 * Tests of the patterns of slots: what is found, what they may cost, and whose they are;
 * through the real role.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "journal/pattern.h"
#include "logger_fake.h"

static void
put(struct fake *f, uint32_t n, int stream, const char *text)
{
	assert_int_equal(full_write(f->slot[n].w[stream], text, strlen(text)), 0);
}

static void
invocation_of(uint8_t id[16], uint8_t which)
{
	memset(id, 0, 16);
	id[15] = which;
}

/* Those of the invocation that is named; slots that say nothing else are those of 0. */
static void
send_patterns_of(struct fake *f, uint32_t slot, uint8_t which, const char *const *texts)
{
	struct buf list = { 0 };
	int fd = memfd_create("patterns", MFD_CLOEXEC);
	struct msg m;

	for (uint32_t i = 0; texts[i] != NULL; i++) {
		struct pattern p = { .rule = 100 + i,
			.streams = 3,
			.text = texts[i],
			.text_len = strlen(texts[i]) };

		assert_int_equal(pattern_put(&list, &p), 0);
	}
	assert_int_equal(full_write(fd, list.data, list.len), 0);
	msg_init(&m, MSG_SLOT_PATTERNS);
	m.u.SLOT_PATTERNS.slot = slot;
	invocation_of(m.u.SLOT_PATTERNS.invocation, which);
	m.nfds = 1;
	m.fds[0] = fd;
	fake_send(&f->manager, &m);
	close(fd);
	buf_free(&list);
}

static void
send_patterns(struct fake *f, uint32_t slot, const char *const *texts)
{
	send_patterns_of(f, slot, 0, texts);
}

static void
wait_matches(struct fake *f, unsigned n)
{
	uint64_t until = fake_now_ms() + FAKE_DEADLINE_MS;

	while (f->matches < n) {
		assert_true(fake_now_ms() < until);
		assert_true(fake_poll(f, 20));
	}
	assert_int_equal(f->matches, n);
}

static void
test_patterns(void **state)
{
	static const char *const texts[] = { "^ready on [0-9]+$", "(unclosed", NULL };
	struct fake *f = fake_new(NULL);
	const struct msg_match *m = &f->last[MSG_MATCH].u.MATCH;

	(void)state;
	fake_start(f);
	fake_open_told(f, 0, "a", "1");
	put(f, 0, 0, "starting\nready on 80\n");
	fake_barrier(f, 0);
	/* What was logged before the patterns came counts. */
	send_patterns(f, 0, texts);
	wait_matches(f, 1);
	assert_int_equal(m->rule, 100);
	assert_int_equal(m->seq, 2);
	assert_memory_equal(m->text, "ready on 80", 11);
	put(f, 0, 0, "rea");
	fake_barrier(f, 0);
	put(f, 0, 0, "dy on 81\nnot ready on 82\n");
	put(f, 0, 1, "ready on 83\n");
	wait_matches(f, 3);
	/* And what a dead logger had found is found again. */
	fake_kill(f);
	f->matches = 0;
	fake_start(f);
	send_patterns(f, 0, texts);
	wait_matches(f, 3);
	fake_free(f);
}

/* A machine with other work: the line that is waited for is found all the same. */
static void
test_patterns_on_a_loaded_machine(void **state)
{
	static const char *const texts[] = { "^ready$", NULL };
	struct fake *f = fake_new(NULL);

	(void)state;
	fake_clock_stolen_us = 30000;
	fake_start(f);
	fake_clock_stolen_us = 0;
	fake_open_told(f, 0, "a", "1");
	send_patterns(f, 0, texts);
	put(f, 0, 0, "1\n2\n3\n4\n5\n6\nready\n8\n9\n");
	wait_matches(f, 1);
	fake_free(f);
}

/* ---- what they may cost ---- */

/* Many slots with slow patterns: each has its share, together they have a bound. */
static void
test_patterns_of_many_slots(void **state)
{
	static const char *const texts[] = { "^line$", NULL };
	enum { SLOTS = 30 };
	struct fake *f = fake_new(NULL);
	char name[16];

	(void)state;
	/* Each line takes 20 ms of the processor, all of them in one moment. */
	fake_clock_cpu_step_us = 20000;
	fake_clock_stands = true;
	fake_start(f);
	fake_clock_cpu_step_us = 0;
	fake_clock_stands = false;
	for (uint32_t i = 0; i < SLOTS; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		fake_open_told(f, i, name, "1");
		send_patterns(f, i, texts);
	}
	for (uint32_t i = 0; i < SLOTS; i++) {
		put(f, i, 0, "line\nline\nline\n");
		fake_barrier(f, i);
	}
	assert_in_range(f->matches, SLOTS, 2 * SLOTS);
	fake_free(f);
}

/* Expressions and lines that cost as much as a stranger can make them, in one moment:
 * most lines are not looked at, and what another slot waits for is found all the same. */
static void
test_hostile_patterns(void **state)
{
	/* The first tries each place of the line up to its end; the second counts. */
	static const char *const slow[] = { "a[^b]*a[^b]*c", "^a", NULL };
	static const char *const texts[] = { "^ready$", NULL };
	enum { SLOTS = 40, LINES = 6, LINE = 3000, ALL = SLOTS * LINES };
	struct fake *f = fake_new(NULL);
	char name[16], line[LINE + 2];

	(void)state;
	memset(line, 'a', LINE);
	line[LINE] = '\n';
	line[LINE + 1] = '\0';
	fake_clock_stands = true;
	fake_start(f);
	fake_clock_stands = false;
	for (uint32_t i = 0; i < SLOTS; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		fake_open_told(f, i, name, "1");
		send_patterns(f, i, slow);
	}
	fake_open_told(f, SLOTS, "quiet", "1");
	send_patterns(f, SLOTS, texts);
	for (uint32_t i = 0; i < SLOTS; i++) {
		for (int k = 0; k < LINES; k++)
			put(f, i, 0, line);
		fake_barrier(f, i);
	}
	assert_in_range(f->matches, SLOTS, ALL / 2);
	f->matches = 0;
	put(f, SLOTS, 0, "ready\n");
	wait_matches(f, 1);
	assert_int_equal(f->last[MSG_MATCH].u.MATCH.slot, SLOTS);
	fake_free(f);
}

/* ---- whose they are ---- */

static const char *const ready[] = { "^ready$", NULL };

/* A slot as init has it when it has opened it and the logger does not know it. */
static void
open_of(struct fake *f, uint32_t n, uint8_t which)
{
	char ref[8];

	snprintf(ref, sizeof(ref), "%u", which);
	invocation_of(fake_open(f, n, "a", ref)->invocation, which);
}

/* Until all that the manager has said was handled: an answer to a question about a slot
 * that is open beside it. */
static void
heard(struct fake *f)
{
	fake_barrier(f, FAKE_SLOTS - 1);
}

static void
begin(struct fake *f)
{
	fake_start(f);
	fake_open_told(f, FAKE_SLOTS - 1, "beside", "1");
	heard(f);
}

static void
says_ready(struct fake *f, uint32_t n, unsigned matches)
{
	put(f, n, 0, "ready\n");
	fake_barrier(f, n);
	assert_int_equal(f->matches, matches);
}

/* Before init has even begun to open the slot: its state is none, and it is beyond those
 * that were ever used. */
static void
test_before_the_slot(void **state)
{
	struct fake *f = fake_new(NULL);

	(void)state;
	begin(f);
	f->t->slots_high = 0;
	send_patterns_of(f, 5, 1, ready);
	heard(f);
	assert_int_equal(table_slot(f->t, 5)->state, SLOT_FREE);
	f->t->slots_high = FAKE_SLOTS;
	open_of(f, 5, 1);
	fake_tell_open(f, 5);
	says_ready(f, 5, 1);
	fake_free(f);
}

/* Init has opened it, and the manager's message is there before that of init, or after
 * it. */
static void
test_before_and_after_the_open(void **state)
{
	struct fake *f = fake_new(NULL);

	(void)state;
	begin(f);
	open_of(f, 0, 1);
	send_patterns_of(f, 0, 1, ready);
	heard(f);
	fake_tell_open(f, 0);
	says_ready(f, 0, 1);
	open_of(f, 1, 2);
	fake_tell_open(f, 1);
	fake_barrier(f, 1);
	send_patterns_of(f, 1, 2, ready);
	says_ready(f, 1, 2);
	fake_free(f);
}

/* The manager says them again to a new logger, be that before the replay or after. */
static void
test_after_a_restart(void **state)
{
	struct fake *f = fake_new(NULL);

	(void)state;
	begin(f);
	open_of(f, 0, 1);
	fake_tell_open(f, 0);
	fake_barrier(f, 0);
	for (unsigned i = 0; i < 2; i++) {
		fake_kill(f);
		f->matches = 0;
		if (i == 0) {
			fake_greet(f);
			send_patterns_of(f, 0, 1, ready);
			fake_tell(&f->logger, MSG_LOG_REPLAY_END, 0);
		} else {
			fake_start(f);
			heard(f);
			send_patterns_of(f, 0, 1, ready);
		}
		/* And what was said to the one before it is found, too. */
		says_ready(f, 0, i + 1);
	}
	/* For one that is yet to come. */
	fake_kill(f);
	f->matches = 0;
	fake_start(f);
	send_patterns_of(f, 1, 2, ready);
	heard(f);
	open_of(f, 1, 2);
	fake_tell_open(f, 1);
	says_ready(f, 1, 1);
	fake_free(f);
}

/* Patterns of the next invocation are there while the one before has the slot: they wait,
 * and are not held against what that one says, or said to be that of another. */
static void
test_slot_used_again(void **state)
{
	struct fake *f = fake_new(NULL);

	(void)state;
	begin(f);
	open_of(f, 0, 1);
	fake_tell_open(f, 0);
	fake_barrier(f, 0);
	send_patterns_of(f, 0, 2, ready);
	says_ready(f, 0, 0);
	/* One in between has none. */
	fake_close(f, 0);
	open_of(f, 0, 3);
	fake_tell_open(f, 0);
	says_ready(f, 0, 0);
	fake_close(f, 0);
	open_of(f, 0, 2);
	fake_tell_open(f, 0);
	says_ready(f, 0, 1);
	fake_free(f);
}

/* Nobody takes them: the next one in the slot has nothing of them, and a later list is
 * there instead. */
static void
test_of_a_former_one(void **state)
{
	struct fake *f = fake_new(NULL);

	(void)state;
	begin(f);
	open_of(f, 0, 1);
	fake_tell_open(f, 0);
	fake_barrier(f, 0);
	fake_close(f, 0);
	send_patterns_of(f, 0, 1, ready);
	heard(f);
	open_of(f, 0, 2);
	fake_tell_open(f, 0);
	says_ready(f, 0, 0);
	fake_close(f, 0);
	send_patterns_of(f, 0, 3, ready);
	heard(f);
	open_of(f, 0, 1);
	fake_tell_open(f, 0);
	says_ready(f, 0, 0);
	fake_close(f, 0);
	open_of(f, 0, 3);
	fake_tell_open(f, 0);
	says_ready(f, 0, 1);
	fake_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_patterns_on_a_loaded_machine),
		cmocka_unit_test(test_patterns_of_many_slots),
		cmocka_unit_test(test_hostile_patterns),
		cmocka_unit_test(test_before_the_slot),
		cmocka_unit_test(test_before_and_after_the_open),
		cmocka_unit_test(test_after_a_restart),
		cmocka_unit_test(test_slot_used_again),
		cmocka_unit_test(test_of_a_former_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
