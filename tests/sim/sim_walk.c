/*
 * One service under random events, and the death of its manager at any of them.
 *
 *	sim_walk [SEED [WALKS]]
 */
#include "random.h"
#include "walks.h"
#include "world.h"

enum { DEFAULT_WALKS = 10000, STEPS = 60 };

/* ---- a script, cut off after every deed -------------------------------------- */

struct script {
	const char *conf;
	void (*run)(struct world *w, unsigned step);
	unsigned steps;
	/* What must be the same however often the manager died. */
	enum svc_state state;
	enum svc_result result;
	unsigned main_spawns;
};

/* A start, a crash of the program, its restart, a reload, a stop. */
static void
life(struct world *w, unsigned step)
{
	switch (step) {
	case 0:
		w_up(w);
		break;
	case 2:
		if (w_lives(w, PROC_MAIN))
			w_exit(w, PROC_MAIN, EXIT_EXITED, 3);
		break;
	case 5:
		svc_want_reload(w->s, "a person");
		break;
	case 8:
		w_down(w);
		break;
	default:
		break;
	}
}

static void
crash_loop(struct world *w, unsigned step)
{
	if (step == 0)
		w_up(w);
	else if (w_lives(w, PROC_MAIN))
		w_exit(w, PROC_MAIN, EXIT_KILLED, SIGSEGV);
}

static void
once(struct world *w, unsigned step)
{
	if (step == 0)
		w_up(w);
	else if (w_lives(w, PROC_MAIN))
		w_exit(w, PROC_MAIN, EXIT_EXITED, 0);
}

static void
again(struct world *w, unsigned step)
{
	if (step == 0) {
		w_up(w);
	} else if (step == 2) {
		svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
	} else if (step > 3 && svc_state(w->s) == SVC_DEAD &&
		   svc_memory(w->s)->then_start) {
		/* The job layer's part of a restart. */
		w_up(w);
	}
}

static const struct script scripts[] = {
	{ "[Service]\nRestart=on-failure\nRestartSec=2\nExecStartPre=/p1\nExecStartPre=/"
	  "p2\n"
	  "ExecStart=/bin/main\nExecStartPost=/q\nExecReload=/r\nExecStop=/s\n"
	  "ExecStopPost=/t\n",
	    life, 12, SVC_DEAD, SVC_RESULT_SUCCESS, 2 },
	{ "[Service]\nRestart=on-failure\nRestartSec=2\nExecStart=/bin/main\n", life, 12,
	    SVC_DEAD, SVC_RESULT_SUCCESS, 2 },
	{ "[Unit]\nStartLimitBurst=4\nStartLimitIntervalSec=1000\n"
	  "[Service]\nRestart=always\nRestartSec=2\nExecStart=/bin/main\n",
	    crash_loop, 20, SVC_FAILED, SVC_RESULT_START_LIMIT, 4 },
	{ "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecCondition=/c\nExecStart=/1\n"
	  "ExecStart=/2\nExecStart=/3\n",
	    once, 12, SVC_EXITED, SVC_RESULT_SUCCESS, 3 },
	{ "[Service]\nPool=llm\nRestart=on-failure\nRestartSec=2\nExecStart=/bin/main\n",
	    life, 12, SVC_DEAD, SVC_RESULT_SUCCESS, 2 },
	{ "[Service]\nType=oneshot\nPool=llm\nRetries=3\nRestartSec=2\nExecStart=/bin/"
	  "main\n",
	    crash_loop, 20, SVC_FAILED, SVC_RESULT_SIGNAL, 4 },
	{ "[Service]\nExecStart=/bin/main\nExecStopPost=/t\n", again, 12, SVC_RUNNING,
	    SVC_RESULT_SUCCESS, 2 },
};

/* n 0: never; else the manager dies at the n-th deed.  Returns the deeds done. */
static uint64_t
play(const struct script *sc, uint64_t n)
{
	struct world *w = w_new(sc->conf);
	uint64_t ops;

	w->quiet = true;
	w->seed = n;
	w->tells_empty = n % 2 == 1;
	if (n > 0)
		w_crash_at(w, n);
	for (unsigned step = 0; step < sc->steps; step++) {
		sc->run(w, step);
		if (w->dead) {
			w_revive(w);
			/* A wish that did not arrive is asked for again by whoever has
			 * it. */
			if (svc_state(w->s) == SVC_DEAD && step < 2 &&
			    w->spawns[PROC_MAIN] == 0 && !w->has_mem)
				w_up(w);
			else if (step == 8 && sc->run == life &&
				 !svc_memory(w->s)->forbid_restart)
				w_down(w);
			else if (step == 2 && sc->run == again &&
				 svc_state(w->s) == SVC_RUNNING)
				svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
		}
		w_advance(w, 3 * SEC);
		if (w->dead) {
			w_revive(w);
			w_advance(w, 3 * SEC);
		}
	}
	w_advance(w, 300 * SEC);
	if (svc_state(w->s) != sc->state || svc_memory(w->s)->result != sc->result ||
	    w->spawns[PROC_MAIN] != sc->main_spawns)
		fail_msg("died at deed %llu: %s, %s, %u starts: %s",
		    (unsigned long long)n, svc_state_name(svc_state(w->s)),
		    svc_result_name(svc_memory(w->s)->result), w->spawns[PROC_MAIN],
		    svc_why(w->s));
	ops = w->ops;
	w_free(w);
	return ops;
}

static void
test_manager_dies_at_every_deed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		uint64_t ops = play(&scripts[i], 0);

		assert_true(ops > 10);
		for (uint64_t n = 1; n <= ops; n++)
			play(&scripts[i], n);
	}
}

/* ---- random walks ------------------------------------------------------------ */

static void
addf(struct buf *b, unsigned one_of, const char *line)
{
	if (one_in(one_of))
		buf_adds(b, line);
}

static void
random_conf(struct buf *b)
{
	static const char *const types[] = { "simple", "exec", "notify", "forking",
		"oneshot", "dbus" };
	static const char *const restarts[] = { "no", "always", "on-success",
		"on-failure", "on-abnormal", "on-abort", "on-watchdog" };
	static const char *const kills[] = { "control-group", "mixed" };
	unsigned type = below(6);

	buf_adds(b, "[Unit]\nStartLimitIntervalSec=20\n[Service]\n");
	buf_addf(b, "Type=%s\n", types[type]);
	if (type == 4)
		buf_addf(b, "Restart=%s\n", one_in(2) ? "no" : "on-failure");
	else
		buf_addf(b, "Restart=%s\n", restarts[below(7)]);
	buf_addf(b, "KillMode=%s\nRestartSec=%u\n", kills[below(2)], below(4));
	buf_adds(b, "ExecStart=/bin/main\nTimeoutStartSec=20\nTimeoutStopSec=5\n");
	addf(b, 3, "Pool=llm\n");
	addf(b, 3, "Retries=2\n");
	addf(b, 4, "ExecCondition=/c\n");
	addf(b, 3, "ExecStartPre=/p\n");
	addf(b, 4, "ExecStartPre=-/p2\n");
	addf(b, 3, "ExecStartPost=/q\n");
	addf(b, 3, "ExecReload=/r\n");
	addf(b, 3, "ExecStop=/s\n");
	addf(b, 3, "ExecStopPost=/t\n");
	addf(b, 4, "RemainAfterExit=yes\n");
	addf(b, 4, "RuntimeMaxSec=30\n");
	addf(b, 4, "StopSequence=INT:1s,TERM:2s,KILL\n");
	addf(b, 8, "StartLimitRetrySec=40\n");
	addf(b, 4, "ReadyTCP=80\n");
	addf(b, 6, "ReadyExec=/bin/ask\n");
	addf(b, 5, "HealthExec=/bin/ok\nHealthIntervalSec=3\nHealthTimeoutSec=1\n");
	addf(b, 5, "HealthTCP=81\nHealthFailures=2\n");
	addf(b, 5, "TimeoutStartFailureMode=abort\n");
	addf(b, 5, "TimeoutStopFailureMode=kill\n");
	addf(b, 6, "SendSIGHUP=yes\n");
	addf(b, 6, "RestartKillSignal=SIGUSR1\n");
	if (type == 2 && one_in(3))
		buf_adds(b, "Type=notify-reload\n");
	if (type != 4)
		addf(b, 5, "ExitType=cgroup\n");
	if (type == 2 && one_in(2))
		buf_adds(b, "WatchdogSec=6\n");
	if (type == 5)
		buf_adds(b, "BusName=org.example.A\n");
	if (type == 3 && one_in(2))
		buf_adds(b, "PIDFile=/run/a.pid\n");
}

static uint32_t
any_live_slot(const struct world *w, int *kind)
{
	for (uint32_t i = 0; i < W_SLOTS; i++) {
		if (!w->slot[i].used)
			continue;
		for (int k = 0; k < PROC_N; k++) {
			if (w->slot[i].proc[k].running && one_in(2)) {
				*kind = k;
				return i;
			}
		}
	}
	return SLOT_NONE;
}

static void
random_exit(struct world *w)
{
	static const int signals[] = { SIGTERM, SIGKILL, SIGSEGV, SIGHUP, SIGPIPE };
	uint32_t i;
	int k;

	i = any_live_slot(w, &k);
	if (i == SLOT_NONE)
		return;
	switch (below(4)) {
	case 0:
		w_proc_ends(w, i, k, EXIT_KILLED, signals[below(5)]);
		break;
	case 1:
		w_proc_ends(w, i, k, EXIT_EXITED, (int)below(4));
		break;
	default:
		w_proc_ends(w, i, k, EXIT_EXITED, 0);
		break;
	}
}

static void
random_step(struct world *w)
{
	static const char *const words[] = { "READY=1", "RELOADING=1", "STOPPING=1",
		"WATCHDOG=1", "WATCHDOG=trigger", "EXTEND_TIMEOUT_USEC=3000000",
		"STATUS=busy", "MAINPID=1", "WATCHDOG_USEC=2000000", "RESTART_RESET=1" };
	static const char *const names[25] = { "start", "start", "stop", "restart",
		"reload", "force or reset", "an end", "an end", "notify", "notify",
		"a probe", "other programs", "time", "a timer", "a timer",
		"the manager dies soon", [20] = "freeze or thaw", "the pool", "the pool",
		"its name", "the phase" };
	unsigned what = below(25);
	int t;

	TELL("%s: %s\n", svc_state_name(svc_state(w->s)),
	    names[what] != NULL ? names[what] : "a message of init");
	switch (what) {
	case 0:
	case 1:
		w_up(w);
		break;
	case 2:
		w_down(w);
		break;
	case 3:
		w->asked[SVC_DONE_STOP]++;
		svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
		break;
	case 4:
		w->asked[SVC_DONE_RELOAD]++;
		svc_want_reload(w->s, "a person");
		break;
	case 5:
		if (one_in(4)) {
			w->asked[SVC_DONE_STOP]++;
			svc_force_down(w->s, "a person");
		} else if (one_in(3)) {
			svc_reset_failed(w->s);
		}
		break;
	case 6:
	case 7:
		random_exit(w);
		break;
	case 8:
	case 9:
		if (svc_memory(w->s)->main_pid > 0)
			w_notify(w, words[below(10)]);
		break;
	case 10:
		if (w->nprobes > 0)
			svc_on_probe(w->s, one_in(2) ? PROBE_USE_READY : PROBE_USE_HEALTH,
			    w->probe_id[below(w->nprobes)], one_in(2), "seen");
		break;
	case 11:
		w->deaf = one_in(3);
		w->exec_fails = one_in(6);
		w->forks = one_in(3) ? below(3) : 0;
		w->auto_exit_control = !one_in(3);
		if (one_in(20))
			w->fail_slots = 1;
		if (one_in(20))
			w->fail_spawn = 1;
		if (one_in(30))
			w->fail_fill = 1;
		w->pidfile = one_in(2) ? 0 : w->last_pid + 1;
		break;
	case 12:
		w->now_us += rnd() % (2 * SEC);
		break;
	case 13:
	case 14:
		if (w->nqueue == 0 &&
		    (t = w_next_timer(w, w->now_us + 50 * SEC)) != SVC_NTIMERS)
			w_fire(w, t);
		break;
	case 15:
		if (one_in(4) && w->crash_at == 0)
			w_crash_at(w, 1 + below(12));
		break;
	case 20:
		svc_set_frozen(w->s, one_in(2));
		break;
	case 21:
		w->pool_full = one_in(2);
		break;
	case 22:
		w_admit(w);
		break;
	case 24:
		w_phase(w, one_in(3));
		break;
	case 23:
		svc_on_name(w->s, one_in(2));
		break;
	default:
		w_deliver(w);
		break;
	}
}

/* True at any time, between two events. */
static void
check(struct world *w)
{
	const struct svc_memory *m = svc_memory(w->s);
	unsigned mains = 0;

	for (uint32_t i = 0; i < W_SLOTS; i++)
		mains += w->slot[i].used && w->slot[i].proc[PROC_MAIN].running;
	if (m->slot != SLOT_NONE && w->slot[m->slot].used &&
	    w->slot[m->slot].frozen != svc_is_frozen(w->s))
		fail_msg("frozen and not, in %s (seed %llu)", svc_state_name(m->state),
		    (unsigned long long)w->seed);
	if (mains > 1)
		fail_msg("%u instances (seed %llu)", mains, (unsigned long long)w->seed);
	if ((w->pool != W_POOL_OUT) != (m->pool[0] != '\0') ||
	    (w->pool == W_POOL_WAITS) != (m->state == SVC_QUEUED && m->pool[0] != '\0') ||
	    (m->state == SVC_QUEUED && m->pool[0] == '\0' && !w->away))
		fail_msg("%d of the pool %s while %s (seed %llu)", (int)w->pool, m->pool,
		    svc_state_name(m->state), (unsigned long long)w->seed);
	if (w->name_watched && !m->has_name)
		fail_msg("a name is watched (seed %llu)", (unsigned long long)w->seed);
	switch (m->state) {
	case SVC_DEAD:
	case SVC_AUTO_RESTART:
	case SVC_LIMIT_WAIT:
		if (m->pool[0] != '\0')
			fail_msg("a slot of the pool while %s (seed %llu)",
			    svc_state_name(m->state), (unsigned long long)w->seed);
		/* fallthrough */
	case SVC_QUEUED:
		if (m->slot != SLOT_NONE || m->main_running || m->control_running ||
		    mains > 0)
			fail_msg("processes while %s (seed %llu)",
			    svc_state_name(m->state), (unsigned long long)w->seed);
		break;
	case SVC_FAILED:
		if ((m->slot != SLOT_NONE || m->pool[0] != '\0') && !m->leftover)
			fail_msg("a slot while failed (seed %llu)",
			    (unsigned long long)w->seed);
		break;
	default:
		if (m->slot == SLOT_NONE && w->nqueue == 0)
			fail_msg("no slot while %s (seed %llu)", svc_state_name(m->state),
			    (unsigned long long)w->seed);
		break;
	}
	if (m->state == SVC_AUTO_RESTART && m->forbid_restart)
		fail_msg(
		    "a restart after a stop (seed %llu)", (unsigned long long)w->seed);
	if (!w->spoilt && m->retry > svc_conf(w->s)->service->retries)
		fail_msg("%u retries (seed %llu)", m->retry, (unsigned long long)w->seed);
	for (int k = 0; k < 3; k++)
		if (w->done_count[k] > w->asked[k])
			fail_msg(
			    "answered twice (seed %llu)", (unsigned long long)w->seed);
	assert_true(svc_why(w->s)[0] != '\0');
}

static void
end_of_walk(struct world *w)
{
	w->crash_at = 0;
	w->deaf = w->exec_fails = w->immortal = false;
	w->auto_exit_control = true;
	w->fail_slots = w->fail_spawn = w->fail_fill = 0;
	w->pool_full = false;
	w_phase(w, false);
	w_admit(w);
	w_advance(w, SEC);
	for (uint32_t i = 0; i < W_SLOTS; i++)
		if (w->slot[i].used && w->slot[i].proc[PROC_CONTROL].running)
			w_proc_ends(w, i, PROC_CONTROL, EXIT_EXITED, 0);
	w_run(w);
	w_down(w);
	w_advance(w, 200 * SEC);
	check(w);
	if (svc_has_slot(w->s) ||
	    (svc_state(w->s) != SVC_DEAD && svc_state(w->s) != SVC_FAILED))
		fail_msg("not down at the end: %s (seed %llu)",
		    svc_state_name(svc_state(w->s)), (unsigned long long)w->seed);
	for (uint32_t i = 0; i < W_SLOTS; i++)
		if (w->slot[i].used)
			fail_msg("a slot was forgotten (seed %llu)",
			    (unsigned long long)w->seed);
	/* Requests of the same kind are answered together: the last one is. */
	for (int k = 0; k < 3; k++)
		if (w->asked[k] > 0 && w->done_count[k] == 0)
			fail_msg("a request was never answered (seed %llu)",
			    (unsigned long long)w->seed);
	/* And it can be started again. */
	svc_reset_failed(w->s);
	w_up(w);
	w_run(w);
	if (svc_active(w->s) == SVC_ACTIVE_INACTIVE &&
	    w->conf->service->type == SERVICE_SIMPLE)
		fail_msg("cannot be started at the end (seed %llu)",
		    (unsigned long long)w->seed);
}

/* Each step takes its random numbers from its own number, not from those before it. */
static bool
walk(uint64_t seed, const uint32_t *steps, size_t n)
{
	struct buf text = { 0 };
	struct world *w;

	rng = seed;
	random_conf(&text);
	TELL("%s", buf_str(&text));
	w = w_new(buf_str(&text));
	w->quiet = true;
	w->seed = seed;
	w->tells_empty = seed % 2 == 1;
	for (size_t i = 0; i < n; i++) {
		rng = seed * 1000003U + steps[i];
		random_step(w);
		if (w->dead)
			w_revive(w);
		check(w);
	}
	end_of_walk(w);
	w_free(w);
	buf_free(&text);
	return svc_bugs() == 0;
}

static void
test_random_walks(void **state)
{
	(void)state;
	walks_run(walk, STEPS);
	assert_int_equal(svc_bugs(), 0);
}

/* Memory of another disk, or of this one after a bad day. */
static void
spoil(struct svc_memory *m)
{
	switch (below(17)) {
	case 0:
		m->state = (enum svc_state)below(SVC_NSTATES);
		break;
	case 1:
		m->slot = one_in(2) ? SLOT_NONE : below(W_SLOTS);
		break;
	case 2:
		m->main_running = !m->main_running;
		break;
	case 3:
		m->control_running = !m->control_running;
		break;
	case 4:
		m->main_pid = (int32_t)below(3000);
		break;
	case 5:
		m->main_alien = !m->main_alien;
		break;
	case 6:
		m->cmd = below(7);
		break;
	case 7:
		m->cmd_index = below(5);
		break;
	case 8:
		m->main_seq = below(8);
		break;
	case 9:
		m->control_seq = below(8);
		break;
	case 10:
		m->deadline_us[SVC_TIMER_PHASE] = one_in(2) ? 0 : UINT64_MAX;
		break;
	case 11:
		m->result = (enum svc_result)below(SVC_NRESULTS);
		break;
	case 12:
		m->leftover = below(2);
		m->restart_deferred = one_in(2);
		break;
	case 13:
		m->then_start = !m->then_start;
		break;
	case 14:
		m->stop_after = m->reloading = m->stopping = one_in(2);
		break;
	case 15:
		svc_memory_text(&m->pool, SVC_POOL_MAX, one_in(2) ? "x.pool" : NULL);
		break;
	default:
		m->invocation[0] ^= 1;
		break;
	}
}

static void
spoiled(uint64_t seed)
{
	struct buf text = { 0 };
	struct world *w;

	rng = seed;
	random_conf(&text);
	w = w_new(buf_str(&text));
	w->quiet = true;
	w->seed = seed;
	w->tells_empty = seed % 2 == 1;
	w->spoilt = true;
	for (unsigned i = 0; i < 30; i++) {
		random_step(w);
		if (w->dead)
			w_revive(w);
	}
	if (w->has_mem)
		for (unsigned i = 1 + below(4); i > 0; i--)
			spoil(&w->mem);
	w_revive(w);
	/* Whatever it believed: it can be stopped, and then nothing is left. */
	w->crash_at = 0;
	w->deaf = w->exec_fails = false;
	w->auto_exit_control = true;
	w->fail_slots = w->fail_spawn = w->fail_fill = 0;
	w_advance(w, SEC);
	w_down(w);
	w_advance(w, 400 * SEC);
	w_down(w);
	w_advance(w, 400 * SEC);
	if (svc_has_slot(w->s))
		fail_msg("a slot is left: %s (seed %llu)",
		    svc_state_name(svc_state(w->s)), (unsigned long long)seed);
	for (uint32_t i = 0; i < W_SLOTS; i++)
		if (w->slot[i].used)
			fail_msg("slot %u was forgotten (seed %llu)", i,
			    (unsigned long long)seed);
	w_free(w);
	buf_free(&text);
}

static void
test_spoiled_memory(void **state)
{
	(void)state;
	for (unsigned i = 0; i < walks; i++)
		spoiled(base_seed + i);
}

/* Starts, stops and restarts as fast as they can be asked for leave one instance. */
static void
test_storm(void **state)
{
	struct world *w = w_new("[Service]\nExecStart=/bin/main\nExecStartPre=/p\n");

	(void)state;
	w_no_start_limit(w);
	rng = base_seed;
	for (int i = 0; i < 20000; i++) {
		switch (below(4)) {
		case 0:
			w_up(w);
			break;
		case 1:
			w_down(w);
			break;
		case 2:
			svc_want_down(w->s, SVC_DOWN_RESTART, "a person");
			w->asked[SVC_DONE_STOP]++;
			break;
		default:
			w_deliver(w);
			break;
		}
		check(w);
	}
	w_run(w);
	w_up(w);
	w_run(w);
	assert_state(w, SVC_RUNNING);
	w_free(w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manager_dies_at_every_deed),
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_random_walks),
		cmocka_unit_test(test_spoiled_memory),
	};

	walks_args(argc, argv, DEFAULT_WALKS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
