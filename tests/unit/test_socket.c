/*
 * The machine of a socket unit under a virtual clock and a fake world: each transition by
 * hand, then random orders of events with the invariants of its rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../seed.h"
#include "lib/clock.h"
#include "manager/activate/socket.h"

enum { SEC = 1000000 };

static uint64_t now_us;

struct world {
	struct socket_conf c;
	struct socket s;
	enum socket_service service;
	bool open, watched, listen_fails, listen_waits, trigger_fails, gone, no_template;
	uint64_t remembered, names_taken;
	unsigned triggers, taken_max, spawned, refused, closes, flushes, states;
	size_t of_source;
	uint64_t timer_us;
	enum socket_state told;
};

static uint64_t
virtual_time(enum clock_kind kind, void *arg)
{
	(void)kind;
	(void)arg;
	return now_us;
}

static int
fake_listen(void *arg, char *why, size_t size)
{
	struct world *w = arg;

	if (w->listen_fails) {
		snprintf(why, size, "no port");
		return -1;
	}
	w->open = true;
	return w->listen_waits ? 0 : 1;
}

static void
fake_close(void *arg)
{
	struct world *w = arg;

	w->open = false;
	w->closes++;
}

static void
fake_watch(void *arg, bool on)
{
	struct world *w = arg;

	w->watched = on;
}

static int
fake_trigger(void *arg, char *why, size_t size)
{
	struct world *w = arg;

	if (w->trigger_fails) {
		snprintf(why, size, "masked");
		return -1;
	}
	w->triggers++;
	w->service = SOCKET_SERVICE_UP;
	return 0;
}

static enum socket_service
fake_service(void *arg)
{
	struct world *w = arg;

	return w->service;
}

static void
fake_flush(void *arg)
{
	struct world *w = arg;

	w->flushes++;
}

static void
fake_take(void *arg, unsigned max)
{
	struct world *w = arg;

	assert_true(max > 0);
	w->taken_max = max;
}

static enum socket_spawn
fake_spawn(void *arg, void *connection, uint64_t number, char *why, size_t size)
{
	struct world *w = arg;

	(void)connection;
	snprintf(why, size, "none");
	/* A number is used up, and remembered, before something is called by it. */
	assert_int_equal(number + 1, w->remembered);
	if (w->gone)
		return SOCKET_GONE;
	if (w->no_template)
		return SOCKET_NO_SPAWN;
	if (number < w->names_taken)
		return SOCKET_NAME_TAKEN;
	w->spawned++;
	return SOCKET_SPAWNED;
}

static void
fake_refuse(void *arg, void *connection, const char *why)
{
	struct world *w = arg;

	(void)connection;
	assert_non_null(why);
	w->refused++;
}

static size_t
fake_count(void *arg, void *connection)
{
	struct world *w = arg;

	(void)connection;
	return w->of_source;
}

static void
fake_timer(void *arg, uint64_t deadline_us)
{
	struct world *w = arg;

	w->timer_us = deadline_us;
}

static void
fake_state(void *arg, enum socket_state from, const char *why)
{
	struct world *w = arg;

	assert_int_equal(from, w->told);
	assert_non_null(why);
	w->told = w->s.state;
	w->states++;
}

static void
fake_changed(void *arg)
{
	struct world *w = arg;

	w->remembered = w->s.accepted;
}

static const struct socket_ops ops = {
	.listen = fake_listen,
	.close = fake_close,
	.watch = fake_watch,
	.trigger = fake_trigger,
	.service = fake_service,
	.flush = fake_flush,
	.take = fake_take,
	.spawn = fake_spawn,
	.refuse = fake_refuse,
	.count_source = fake_count,
	.timer = fake_timer,
	.state = fake_state,
	.changed = fake_changed,
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	now_us = 1000 * SEC;
	w->c.trigger_limit_us = w->c.poll_limit_us = 2 * SEC;
	w->c.trigger_limit_burst = 20;
	w->c.poll_limit_burst = 15;
	w->c.max_connections = 4;
	w->c.timeout_us = 90 * (uint64_t)SEC;
	w->timer_us = UINT64_MAX;
	socket_init(&w->s, &ops, w, &w->c);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	free(*state);
	return 0;
}

static void
is(const struct world *w, enum socket_state st, bool watched)
{
	assert_int_equal(w->s.state, st);
	assert_int_equal(w->told, st);
	assert_int_equal(w->watched, watched);
	assert_int_equal(w->open, st != SOCKET_DEAD && st != SOCKET_FAILED);
}

/* The service that was started ends. */
static void
goes_down(struct world *w)
{
	w->service = SOCKET_SERVICE_DOWN;
	socket_on_service(&w->s, SOCKET_SERVICE_DOWN);
}

static void
test_starts_its_service(void **state)
{
	struct world *w = *state;

	w->listen_waits = true;
	socket_start(&w->s);
	is(w, SOCKET_START_PRE, false);
	w->listen_waits = false;
	socket_on_listening(&w->s, NULL);
	is(w, SOCKET_LISTENING, true);
	assert_int_equal(w->timer_us, UINT64_MAX);
	socket_on_readable(&w->s);
	is(w, SOCKET_RUNNING, false);
	assert_int_equal(w->triggers, 1);
	socket_on_service(&w->s, SOCKET_SERVICE_UP);
	is(w, SOCKET_RUNNING, false);
	goes_down(w);
	is(w, SOCKET_LISTENING, true);
	/* A person starts it. */
	w->service = SOCKET_SERVICE_UP;
	socket_on_service(&w->s, SOCKET_SERVICE_UP);
	is(w, SOCKET_RUNNING, false);
	socket_stop(&w->s, "a person");
	is(w, SOCKET_DEAD, false);
	/* What comes late is nothing. */
	socket_on_readable(&w->s);
	goes_down(w);
	socket_on_listening(&w->s, NULL);
	is(w, SOCKET_DEAD, false);
	assert_int_equal(w->triggers, 1);
}

static void
test_fails(void **state)
{
	struct world *w = *state;

	w->listen_fails = true;
	socket_start(&w->s);
	is(w, SOCKET_FAILED, false);
	assert_int_equal(w->s.result, SOCKET_RESOURCES);
	w->listen_fails = false;
	w->listen_waits = true;
	socket_start(&w->s);
	socket_on_listening(&w->s, "no room");
	is(w, SOCKET_FAILED, false);
	socket_start(&w->s);
	assert_int_equal(w->timer_us, now_us + 90 * (uint64_t)SEC);
	socket_on_timer(&w->s);
	is(w, SOCKET_FAILED, false);
	assert_int_equal(w->s.result, SOCKET_TIMEOUT);
	w->listen_waits = false;
	w->trigger_fails = true;
	socket_start(&w->s);
	socket_on_readable(&w->s);
	is(w, SOCKET_FAILED, false);
	assert_int_equal(w->s.result, SOCKET_RESOURCES);
	w->trigger_fails = false;
	socket_start(&w->s);
	socket_on_readable(&w->s);
	socket_on_service(&w->s, SOCKET_SERVICE_LIMIT);
	is(w, SOCKET_FAILED, false);
	assert_string_equal(socket_result_name(w->s.result), "service-start-limit-hit");
}

/* A service that accepts nothing: the poll limit makes the socket rest. */
static void
test_poll_limit(void **state)
{
	struct world *w = *state;

	socket_start(&w->s);
	for (int i = 0; i < 15; i++) {
		is(w, SOCKET_LISTENING, true);
		socket_on_readable(&w->s);
		goes_down(w);
	}
	is(w, SOCKET_LISTENING, false);
	assert_int_equal(w->timer_us, now_us + 2 * SEC);
	now_us += 2 * SEC;
	socket_on_timer(&w->s);
	is(w, SOCKET_LISTENING, true);
	assert_int_equal(w->triggers, 15);
}

static void
test_trigger_limit(void **state)
{
	struct world *w = *state;

	w->c.poll_limit_us = 0;
	socket_start(&w->s);
	for (int i = 0; i < 20; i++) {
		socket_on_readable(&w->s);
		goes_down(w);
	}
	is(w, SOCKET_LISTENING, true);
	socket_on_readable(&w->s);
	is(w, SOCKET_FAILED, false);
	assert_string_equal(socket_result_name(w->s.result), "trigger-limit-hit");
	assert_int_equal(w->triggers, 20);
	/* Spread over time it is never hit. */
	socket_start(&w->s);
	for (int i = 0; i < 100; i++) {
		socket_on_readable(&w->s);
		goes_down(w);
		now_us += SEC / 5;
	}
	is(w, SOCKET_LISTENING, true);
}

static void
test_connections(void **state)
{
	struct world *w = *state;

	w->c.accept = true;
	w->service = SOCKET_SERVICE_UP; /* does not matter */
	socket_start(&w->s);
	is(w, SOCKET_LISTENING, true);
	socket_on_readable(&w->s);
	is(w, SOCKET_LISTENING, false);
	assert_int_equal(w->taken_max, 15);
	for (int i = 0; i < 6; i++)
		socket_on_connection(&w->s, w);
	assert_int_equal(w->spawned, 4);
	assert_int_equal(w->refused, 2);
	assert_int_equal(w->s.refused, 2);
	assert_int_equal(w->s.connections, 4);
	socket_on_taken(&w->s, 6);
	is(w, SOCKET_LISTENING, true);
	socket_on_ended(&w->s);
	socket_on_readable(&w->s);
	assert_int_equal(w->taken_max, 9);
	w->c.max_connections_per_source = 2;
	w->of_source = 2;
	socket_on_connection(&w->s, w);
	assert_int_equal(w->s.refused, 3);
	w->of_source = 1;
	w->gone = true;
	socket_on_connection(&w->s, w);
	assert_int_equal(w->s.connections, 3);
	assert_int_equal(w->s.accepted, 4);
	w->gone = false;
	w->names_taken = 8;
	socket_on_connection(&w->s, w);
	assert_int_equal(w->s.connections, 4);
	assert_int_equal(w->s.accepted, 9);
	/* None, although there seemed to be one: it rests for a moment. */
	socket_on_taken(&w->s, 0);
	is(w, SOCKET_LISTENING, false);
	assert_int_equal(w->timer_us, now_us + 100000);
	now_us += 100000;
	socket_on_timer(&w->s);
	is(w, SOCKET_LISTENING, true);
	socket_on_ended(&w->s);
	w->no_template = true;
	socket_on_connection(&w->s, w);
	is(w, SOCKET_FAILED, false);
	assert_int_equal(w->s.result, SOCKET_RESOURCES);
}

static void
test_a_new_manager(void **state)
{
	struct world *w = *state;

	w->s.state = w->told = SOCKET_RUNNING;
	w->open = true;
	w->service = SOCKET_SERVICE_UP;
	socket_resume(&w->s);
	is(w, SOCKET_RUNNING, false);
	w->service = SOCKET_SERVICE_DOWN;
	socket_resume(&w->s);
	is(w, SOCKET_LISTENING, true);
	w->s.state = w->told = SOCKET_LISTENING;
	w->watched = false;
	socket_resume(&w->s);
	is(w, SOCKET_LISTENING, true);
}

static void
check_invariants(const struct world *w)
{
	const struct socket *s = &w->s;

	assert_int_equal(w->told, s->state);
	assert_int_equal(w->open, s->state != SOCKET_DEAD && s->state != SOCKET_FAILED);
	if (w->watched)
		assert_int_equal(s->state, SOCKET_LISTENING);
	/* A socket that listens is looked at, now or at a known time, or init is at it.
	 */
	if (s->state == SOCKET_LISTENING)
		assert_true(w->watched || s->taking || w->timer_us != UINT64_MAX);
	if (s->state == SOCKET_DEAD || s->state == SOCKET_FAILED)
		assert_int_equal(w->timer_us, UINT64_MAX);
	assert_true(s->connections <= w->c.max_connections);
}

static void
random_event(struct world *w)
{
	struct socket *s = &w->s;
	bool down = s->state == SOCKET_DEAD || s->state == SOCKET_FAILED;

	now_us += (uint64_t)(random() % (SEC / 4));
	switch (random() % 10) {
	case 0:
		w->c.accept = random() % 2;
		w->listen_fails = random() % 8 == 0;
		w->listen_waits = random() % 2;
		if (down)
			socket_start(s);
		w->listen_fails = w->listen_waits = false;
		break;
	case 1:
		if (!down && random() % 8 == 0)
			socket_stop(s, "a person");
		break;
	case 2:
		socket_on_listening(s, random() % 8 == 0 ? "no room" : NULL);
		break;
	case 3:
	case 4:
		if (w->watched)
			socket_on_readable(s);
		break;
	case 5:
		w->service = random() % 2 ? SOCKET_SERVICE_UP : SOCKET_SERVICE_DOWN;
		socket_on_service(s, w->service);
		break;
	case 6:
		if (s->taking)
			socket_on_connection(s, w);
		break;
	case 7:
		socket_on_taken(s, (unsigned)(random() % 3));
		break;
	case 8:
		if (s->connections > 0)
			socket_on_ended(s);
		break;
	default:
		if (w->timer_us <= now_us) {
			w->timer_us = UINT64_MAX;
			socket_on_timer(s);
		}
		break;
	}
}

static void
test_any_order(void **state)
{
	struct world *w = *state;

	srandom((unsigned)seed_of(NULL));
	for (int i = 0; i < 300000; i++) {
		random_event(w);
		check_invariants(w);
	}
	assert_true(w->triggers > 1000 && w->spawned > 1000 && w->closes > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_starts_its_service, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fails, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_poll_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trigger_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_connections, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_new_manager, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_any_order, set_up, tear_down),
	};

	clock_set_source(virtual_time, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
