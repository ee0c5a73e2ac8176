/*
 * One service beside a model of it, step by step: the model was written from what
 * systemd.service(5) promises, and supd.unit(5) of Retries=, in one screen and without
 *looking at the states, timers and messages of supd.  They must agree on what it is (up,
 *coming up, waiting, going down, down, failed), on its result, and on how often its
 *program was started.
 *
 *	sim_model [SEED [WALKS]]
 *
 * A row of steps on which they differ is made as short as it can be and shown.
 */
#include "random.h"
#include "walks.h"
#include "world.h"

enum { DEFAULT_WALKS = 20000, STEPS = 60, STOP_SEC = 5, START_SEC = 7 };

/* ---- the model ----------------------------------------------------------------------
 */

enum is { DOWN, FAILED, PREPARING, STARTING, UP, STAYS, WAITING, ENDING };
static const char *const is_names[] = { "down", "failed", "preparing", "starting", "up",
	"stays up without a process", "waiting for its restart", "ending" };

enum type { SIMPLE, EXEC, NOTIFY, ONESHOT };
enum when { NO, ALWAYS, ON_SUCCESS, ON_FAILURE, ON_ABNORMAL, ON_ABORT, ON_WATCHDOG };
static const char *const types[] = { "simple", "exec", "notify", "oneshot" };
static const char *const whens[] = { "no", "always", "on-success", "on-failure",
	"on-abnormal", "on-abort", "on-watchdog" };

struct model {
	/* What its file says. */
	enum type type;
	enum when when;
	bool pre, remain, lists;
	unsigned delay_sec, burst, interval_sec, retries;

	enum is is;
	enum svc_result result;
	unsigned mains; /* programs started */
	unsigned used;  /* of Retries= */
	bool retry;     /* the start that is due is one of these */
	bool forbid;    /* a person has stopped it */
	bool deaf;      /* its processes do not end by TERM or ABRT */
	bool pre_runs, main_runs;
	uint64_t now, until;     /* the next thing that happens by itself; 0: nothing */
	uint64_t window, starts; /* of the start limit */
	bool killed;             /* KILL is sent */
};

static bool
clean_end(const struct model *m, int status, int signal)
{
	if (m->lists && status == 42 && signal == 0)
		return true; /* SuccessExitStatus= */
	if (signal == 0)
		return status == 0;
	/* A daemon is meant to be ended so, a command is not. */
	return m->type != ONESHOT && (signal == SIGHUP || signal == SIGINT ||
					 signal == SIGTERM || signal == SIGPIPE);
}

static bool
again(const struct model *m, int status, int signal)
{
	enum svc_result r = m->result;

	if (m->forbid)
		return false;
	if (m->lists && signal == 0 && status == 7)
		return false; /* RestartPreventExitStatus= */
	if (m->lists && signal == 0 && status == 8)
		return true; /* RestartForceExitStatus= */
	if (m->retries > 0 && r != SVC_RESULT_SUCCESS &&
	    (m->when == NO || m->when == ON_SUCCESS))
		return true;
	switch (m->when) {
	case ALWAYS:
		return true;
	case ON_SUCCESS:
		return r == SVC_RESULT_SUCCESS;
	case ON_FAILURE:
		return r != SVC_RESULT_SUCCESS;
	case ON_ABNORMAL:
		return r != SVC_RESULT_SUCCESS && r != SVC_RESULT_EXIT_CODE;
	case ON_ABORT:
		return r == SVC_RESULT_SIGNAL || r == SVC_RESULT_CORE_DUMP;
	case ON_WATCHDOG:
		return r == SVC_RESULT_WATCHDOG;
	default:
		return false;
	}
}

/* No process is left. */
static void
over(struct model *m, int status, int signal)
{
	m->killed = false;
	m->until = 0;
	m->retry = m->retries > 0 && m->result != SVC_RESULT_SUCCESS;
	if (again(m, status, signal) && (!m->retry || m->used < m->retries)) {
		m->used = m->retry ? m->used + 1 : 0;
		m->is = WAITING;
		m->until = m->now + m->delay_sec * SEC;
	} else {
		m->is = m->result == SVC_RESULT_SUCCESS ? DOWN : FAILED;
	}
}

static void
spawn_main(struct model *m)
{
	m->mains++;
	m->main_runs = true;
	m->is = m->type == SIMPLE || m->type == EXEC ? UP : STARTING;
	if (m->is == UP)
		m->until = 0;
}

static void
start(struct model *m)
{
	if (m->interval_sec > 0 && m->burst > 0 && !m->retry) {
		if (m->window == 0 || m->now > m->window + m->interval_sec * SEC) {
			m->window = m->now;
			m->starts = 0;
		}
		if (m->starts >= m->burst) {
			m->is = FAILED;
			m->result = SVC_RESULT_START_LIMIT;
			m->until = 0;
			return;
		}
		m->starts++;
	}
	m->result = SVC_RESULT_SUCCESS;
	m->forbid = false;
	m->until = m->type == ONESHOT ? 0 : m->now + START_SEC * SEC;
	if (m->pre) {
		m->is = PREPARING;
		m->pre_runs = true;
	} else {
		spawn_main(m);
	}
}

static void
fails(struct model *m, enum svc_result r)
{
	if (m->result == SVC_RESULT_SUCCESS)
		m->result = r;
}

/* Everything gets a TERM, or ABRT, and KILL some time later. */
static void
end_all(struct model *m, int signal)
{
	bool main_runs = m->main_runs;

	m->is = ENDING;
	m->until = m->now + STOP_SEC * SEC;
	if (m->deaf)
		return;
	m->pre_runs = m->main_runs = false;
	if (main_runs && !clean_end(m, 0, signal))
		fails(m, SVC_RESULT_SIGNAL);
	over(m, 0, signal);
}

static void
main_ends(struct model *m, int status, int signal)
{
	bool clean = clean_end(m, status, signal);

	m->main_runs = false;
	if (!clean)
		fails(m, signal == 0 ? SVC_RESULT_EXIT_CODE : SVC_RESULT_SIGNAL);
	if (m->is == STARTING && m->type == NOTIFY && clean)
		fails(m, SVC_RESULT_PROTOCOL);
	if ((m->is == STARTING || m->is == UP) && m->remain && clean &&
	    m->result == SVC_RESULT_SUCCESS) {
		m->is = STAYS;
		m->until = 0;
		return;
	}
	over(m, status, signal);
}

static void
time_goes_by(struct model *m, uint64_t us)
{
	uint64_t end = m->now + us;

	while (m->until != 0 && m->until <= end) {
		m->now = m->until > m->now ? m->until : m->now;
		m->until = 0;
		if (m->is == WAITING) {
			start(m);
		} else if (m->is == PREPARING || m->is == STARTING) {
			fails(m, SVC_RESULT_TIMEOUT);
			end_all(m, SIGTERM);
		} else if (m->is == ENDING) {
			/* It did not end in time: KILL. */
			fails(m, SVC_RESULT_TIMEOUT);
			m->pre_runs = m->main_runs = false;
			over(m, 0, SIGKILL);
		}
	}
	m->now = end;
}

/* ---- both ---------------------------------------------------------------------------
 */

struct both {
	struct model m;
	struct world *w;
};

static void
make(struct both *b)
{
	struct model *m = &b->m;
	struct buf t = { 0 };

	memset(m, 0, sizeof(*m));
	m->type = (enum type)below(4);
	m->when = (enum when)below(7);
	if (m->type == ONESHOT && (m->when == ALWAYS || m->when == ON_SUCCESS))
		m->when = ON_FAILURE; /* refused otherwise */
	m->pre = below(3) == 0;
	m->remain = below(4) == 0;
	m->lists = m->type != ONESHOT && below(2) == 0;
	m->delay_sec = below(4);
	m->burst = below(5);
	m->interval_sec = below(3) == 0 ? 0 : 20;
	m->retries = below(3) == 0 ? below(4) : 0;
	buf_addf(&t, "[Unit]\nStartLimitBurst=%u\nStartLimitIntervalSec=%u\n", m->burst,
	    m->interval_sec);
	buf_addf(&t, "[Service]\nNotifyAccess=all\nType=%s\nRestart=%s\nRestartSec=%u\n",
	    types[m->type], whens[m->when], m->delay_sec);
	buf_addf(&t, "TimeoutStopSec=%d\nTimeoutAbortSec=%d\n", STOP_SEC, STOP_SEC);
	if (m->type != ONESHOT)
		buf_addf(&t, "TimeoutStartSec=%d\n", START_SEC);
	if (m->retries > 0)
		buf_addf(&t, "Retries=%u\n", m->retries);
	if (m->pre)
		buf_adds(&t, "ExecStartPre=/p\n");
	if (m->remain)
		buf_adds(&t, "RemainAfterExit=yes\n");
	if (m->lists)
		buf_adds(&t, "SuccessExitStatus=42\nRestartPreventExitStatus=7\n"
			     "RestartForceExitStatus=8\n");
	buf_adds(&t, "ExecStart=/bin/main\n");
	TELL("%s", buf_str(&t));
	b->w = w_new(buf_str(&t));
	b->w->quiet = true;
	b->w->auto_exit_control = false;
	m->now = b->w->now_us;
	buf_free(&t);
}

static enum is
is_of(const struct world *w)
{
	switch (svc_state(w->s)) {
	case SVC_DEAD:
		return DOWN;
	case SVC_FAILED:
		return FAILED;
	case SVC_START_PRE:
		return PREPARING;
	case SVC_START:
		return STARTING;
	case SVC_RUNNING:
		return UP;
	case SVC_EXITED:
		return STAYS;
	case SVC_AUTO_RESTART:
		return WAITING;
	default:
		return ENDING;
	}
}

static bool
agree(const struct both *b)
{
	const struct model *m = &b->m;
	enum svc_result r = svc_memory(b->w->s)->result;
	enum is is = is_of(b->w);

	if (is == m->is && (r == m->result) && b->w->spawns[PROC_MAIN] == m->mains)
		return true;
	TELL("they differ: supd: %s, %s, %u started; the model: %s, %s, "
	     "%u started\n%s\n",
	    is_names[is], svc_result_name(r), b->w->spawns[PROC_MAIN], is_names[m->is],
	    svc_result_name(m->result), m->mains, svc_why(b->w->s));
	return false;
}

static void
end_main(struct both *b, int status, int signal)
{
	w_exit(b->w, PROC_MAIN, signal != 0 ? EXIT_KILLED : EXIT_EXITED,
	    signal != 0 ? signal : status);
	w_run(b->w);
	main_ends(&b->m, status, signal);
}

/* One step, of both; its name. */
static const char *
step(struct both *b)
{
	static const int statuses[] = { 0, 1, 42, 7, 8, 255 };
	static const int signals[] = { SIGTERM, SIGKILL, SIGHUP, SIGUSR1, SIGINT,
		SIGPIPE };
	struct model *m = &b->m;
	struct world *w = b->w;
	uint64_t us;

	switch (below(12)) {
	case 0:
	case 1:
		if (m->is == ENDING)
			return NULL; /* the jobs wait for that */
		w_up(w);
		w_run(w);
		if (m->is == DOWN || m->is == FAILED || m->is == WAITING) {
			m->used = 0;
			m->retry = false;
			start(m);
		}
		return "start";
	case 2:
		w_down(w);
		w_run(w);
		m->forbid = true;
		if (m->is == WAITING) {
			m->is = DOWN;
			m->until = 0;
		} else if (m->is == STAYS) {
			over(m, 0, 0);
		} else if (m->is == PREPARING || m->is == STARTING || m->is == UP) {
			end_all(m, SIGTERM);
		}
		return "stop";
	case 3:
	case 4:
		if (!m->main_runs)
			return NULL;
		end_main(b, statuses[below(6)], 0);
		return "its program exits";
	case 5:
		if (!m->main_runs)
			return NULL;
		end_main(b, 0, signals[below(6)]);
		return "its program is killed";
	case 6:
		if (!m->pre_runs)
			return NULL;
		if (below(3) > 0) {
			w_exit(w, PROC_CONTROL, EXIT_EXITED, 0);
			w_run(w);
			m->pre_runs = false;
			if (m->is == PREPARING)
				spawn_main(m);
			else
				over(m, 0, 0);
			return "the command before it is done";
		}
		w_exit(w, PROC_CONTROL, EXIT_EXITED, 3);
		w_run(w);
		m->pre_runs = false;
		if (m->is == PREPARING)
			fails(m, SVC_RESULT_EXIT_CODE);
		over(m, 0, 0);
		return "the command before it fails";
	case 7:
		if (!m->main_runs)
			return NULL;
		w_notify(w, "READY=1");
		w_run(w);
		if (m->type == NOTIFY && m->is == STARTING) {
			m->is = UP;
			m->until = 0;
		}
		return "READY=1";
	case 8:
		if (!m->main_runs || m->type == ONESHOT)
			return NULL;
		w_notify(w, "WATCHDOG=trigger");
		w_run(w);
		if (m->is == UP || m->is == STARTING) {
			fails(m, SVC_RESULT_WATCHDOG);
			end_all(m, SIGABRT);
		}
		return "WATCHDOG=trigger";
	case 9:
		w->deaf = m->deaf = below(3) == 0;
		return m->deaf ? "signals are not heard" : "signals are heard";
	case 10:
		svc_reset_failed(w->s);
		w_run(w);
		if (m->is == FAILED) {
			m->is = DOWN;
			m->result = SVC_RESULT_SUCCESS;
		}
		m->window = m->starts = m->used = 0;
		return "reset-failed";
	default:
		us = below(8) * SEC / 2;
		w_advance(w, us);
		time_goes_by(m, us);
		return "time";
	}
}

/* ---- walks --------------------------------------------------------------------------
 */

static bool
walk(uint64_t seed, const uint32_t *steps, size_t n)
{
	struct both b;
	bool good = true;

	rng = seed;
	make(&b);
	for (size_t i = 0; i < n && good; i++) {
		const char *name;

		rng = seed * 1000003U + steps[i];
		name = step(&b);
		if (tell && name != NULL)
			print_message("%s: %s\n", name, is_names[b.m.is]);
		good = agree(&b);
	}
	w_free(b.w);
	return good;
}

static void
test_agrees_with_the_model(void **state)
{
	(void)state;
	walks_run(walk, STEPS);
}

/* What is not needed goes, what is needed stays. */
static bool
has_both(const uint32_t *steps, size_t n, void *arg)
{
	bool first = false;

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		first = first || steps[i] == 17;
		if (first && steps[i] == 42)
			abort();
	}
	return true;
}

static void
test_shrinks_to_what_matters(void **state)
{
	uint32_t steps[STEPS];

	(void)state;
	for (uint32_t i = 0; i < STEPS; i++)
		steps[i] = i;
	assert_int_equal(shrink(has_both, steps, STEPS, NULL), 2);
	assert_int_equal(steps[0], 17);
	assert_int_equal(steps[1], 42);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shrinks_to_what_matters),
		cmocka_unit_test(test_agrees_with_the_model),
	};

	walks_args(argc, argv, DEFAULT_WALKS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
