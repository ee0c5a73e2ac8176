/*
 * service_stop: the way down: the signals and their time limits, and the commands of the
 * stop.  What follows when nothing is left is in service_end.c.
 */
#include <signal.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

/* ---- stop -------------------------------------------------------------------- */

static void
note_stop_wanted(struct service *s)
{
	struct svc_memory *m = &s->m;

	svc_thaw(s);
	svc_resume_on_stop(s);
	m->forbid_restart = true;
	m->restart_deferred = false;
	m->then_start = (s->down & SVC_DOWN_RESTART) != 0;
	m->yields = false;
	svc_done(s, SVC_DONE_START, SVC_DONE_CANCELED, "a stop was asked for");
	if (m->result == SVC_RESULT_SUCCESS)
		svc_set_why(s, "%s%s%s", m->then_start ? "restarting" : "stopping",
		    m->who[0] != '\0' ? ", asked by " : "", m->who);
}

void
svc_enter_stop(struct service *s)
{
	svc_kill_aux(s);
	svc_timer(s, SVC_TIMER_WATCHDOG, UINT64_MAX);
	svc_timer(s, SVC_TIMER_RUNTIME, UINT64_MAX);
	if (svc_sc(s)->exec[EXEC_STOP].n > 0 && !s->m.control_running) {
		svc_set_state(s, SVC_STOP);
		svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
		svc_spawn_control(s, EXEC_STOP, 0);
		return;
	}
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_stop(struct service *s)
{
	note_stop_wanted(s);
	svc_enter_stop(s);
}

/* No job: who asked for the start waits on, and a stop by others ends this. */
static void
note_yield(struct service *s)
{
	svc_thaw(s);
	s->m.yields = true;
	svc_set_why(s, "it yields: it is not its phase");
}

void
act_yield(struct service *s)
{
	note_yield(s);
	svc_enter_stop(s);
}

void
act_yield_starting(struct service *s)
{
	note_yield(s);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_stop_starting(struct service *s)
{
	note_stop_wanted(s);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

void
act_stop_reloading(struct service *s)
{
	note_stop_wanted(s);
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_CANCELED, "a stop was asked for");
	if (!s->m.control_running) {
		s->m.reloading = false;
		svc_enter_stop(s);
		return;
	}
	/* ExecStop= takes the place of ExecReload=, which must be gone first. */
	s->m.stop_after = true;
	svc_deed_signal(s, PROC_CONTROL, SIGNAL_PROC_GROUP, SIGKILL);
	svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
}

void
act_join_stop(struct service *s)
{
	note_stop_wanted(s);
}

void
act_already_down(struct service *s)
{
	struct svc_memory *m = &s->m;

	svc_resume_give_up(s);
	m->forbid_restart = true;
	m->restart_deferred = false;
	m->then_start = (s->down & SVC_DOWN_RESTART) != 0;
	if (m->slot == SLOT_NONE) {
		svc_done(s, SVC_DONE_STOP, SVC_DONE_OK, "it does not run");
		return;
	}
	/* What outlived the signals gets them again. */
	m->leftover = 0;
	svc_enter_signal(s,
	    svc_sc(s)->kill.send_sigkill ? SVC_FINAL_SIGKILL : SVC_FINAL_SIGTERM,
	    SVC_RESULT_SUCCESS);
}

void
act_cancel_restart(struct service *s)
{
	struct svc_memory *m = &s->m;

	svc_resume_give_up(s);
	m->forbid_restart = true;
	m->then_start = (s->down & SVC_DOWN_RESTART) != 0;
	svc_timer(s, SVC_TIMER_PHASE, UINT64_MAX);
	svc_set_state(s, SVC_DEAD);
	svc_set_why(s, "stopped while it waited for a restart%s%s",
	    m->who[0] != '\0' ? ", by " : "", m->who);
	svc_done(s, SVC_DONE_START, SVC_DONE_CANCELED, "a stop was asked for");
	svc_done(s, SVC_DONE_STOP, SVC_DONE_OK, "stopped");
	if (!m->then_start)
		svc_deed(s, DEED_FD_DROP)->u.name = NULL;
}

void
act_force_down(struct service *s)
{
	note_stop_wanted(s);
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_CANCELED, "a stop was asked for");
	s->m.stop_after = false;
	svc_enter_signal(s, SVC_FINAL_SIGKILL, SVC_RESULT_SUCCESS);
}

/* STOPPING=1: as if it had been told to. */
void
act_stopping_notify(struct service *s)
{
	svc_kill_aux(s);
	svc_timer(s, SVC_TIMER_WATCHDOG, UINT64_MAX);
	svc_timer(s, SVC_TIMER_RUNTIME, UINT64_MAX);
	svc_done(s, SVC_DONE_RELOAD, SVC_DONE_FAILED, "it stops itself");
	svc_set_state(s, SVC_STOP_SIGTERM);
	svc_set_why(s, "stops itself");
	svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
	if (svc_waits_for_group(s) && !s->m.main_running && !s->m.control_running)
		svc_deed_watch_empty(s);
}

/* step counts once: for the group, for main, else for the control process.  wake: CONT
 * comes behind the signal, to each. */
static void
signal_all(struct service *s, int signo, bool to_group, bool wake, uint32_t step)
{
	struct svc_memory *m = &s->m;

	if (to_group) {
		svc_deed_step(s, PROC_MAIN,
		    signo == SIGKILL ? SIGNAL_SLOT_KILL
		    : wake           ? SIGNAL_SLOT_WAKE
				     : SIGNAL_SLOT,
		    signo, step);
		return;
	}
	if (m->main_running)
		svc_deed_step(s, PROC_MAIN, SIGNAL_PROC, signo, step);
	if (m->control_running)
		svc_deed_step(
		    s, PROC_CONTROL, SIGNAL_PROC, signo, m->main_running ? 0 : step);
	if (wake)
		signal_all(s, SIGCONT, false, false, 0);
}

static int
term_signal(const struct service *s)
{
	const struct kill_conf *k = &svc_sc(s)->kill;

	if (k->n_sequence > 0 && s->m.stop_step < k->n_sequence)
		return k->sequence[s->m.stop_step].signal;
	if (s->m.then_start && k->restart_signal != 0)
		return k->restart_signal;
	return k->signal;
}

/* What is stopped could not act on its signal.  again: that was sent by another manager;
 * CONT, like KILL, does no harm twice. */
static void
signal_to_end(struct service *s, int signo, bool to_group, bool with_hup, bool again)
{
	bool wake = signo != SIGKILL && signo != SIGCONT;
	uint32_t step = again ? 0 : s->m.steps;

	if (again && signo != SIGKILL) {
		if (wake)
			signal_all(s, SIGCONT, to_group, false, 0);
		return;
	}
	if (with_hup && signo != SIGKILL && signo != SIGHUP) {
		signal_all(s, signo, to_group, false, step);
		signo = SIGHUP;
		step = 0;
	}
	signal_all(s, signo, to_group, wake, step);
}

static void
send_stop_signals(struct service *s, bool again)
{
	const struct kill_conf *k = &svc_sc(s)->kill;
	bool group = k->mode == KILL_CONTROL_GROUP;
	int signo;

	if (k->mode == KILL_NONE)
		return;
	switch (s->m.state) {
	case SVC_STOP_WATCHDOG:
		signo = k->watchdog_signal;
		break;
	case SVC_STOP_SIGTERM:
	case SVC_FINAL_SIGTERM:
		signo = term_signal(s);
		break;
	case SVC_STOP_SIGKILL:
	case SVC_FINAL_SIGKILL:
		signal_to_end(s, k->final_signal, svc_waits_for_group(s), false, again);
		return;
	default:
		return;
	}
	signal_to_end(s, signo, group, k->send_sighup, again);
	if (group)
		s->stop_signalled = true;
}

static void
begin_stop_signals(struct service *s)
{
	s->m.steps++;
	send_stop_signals(s, false);
}

void
svc_resend_stop_signals(struct service *s, uint32_t done)
{
	/* 0: remembered by a build that did not count them. */
	send_stop_signals(s, s->m.steps > 0 && done >= s->m.steps);
}

static void
stop_timer(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	uint64_t us = c->timeout_stop_us;

	if (s->m.state == SVC_STOP_WATCHDOG)
		us = c->timeout_abort_us;
	else if (s->m.state == SVC_STOP_SIGTERM && s->m.stop_step < c->kill.n_sequence &&
		 c->kill.sequence[s->m.stop_step].wait_us != UNIT_INFINITY)
		us = c->kill.sequence[s->m.stop_step].wait_us;
	svc_phase_timer(s, us);
}

static void
enter_stop_post(struct service *s, enum svc_result f)
{
	svc_fail(s, f, "the stop took too long");
	/* Without a slot nothing was ever done. */
	if (svc_sc(s)->exec[EXEC_STOP_POST].n > 0 && !s->m.control_running &&
	    s->m.slot != SLOT_NONE) {
		svc_set_state(s, SVC_STOP_POST);
		svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
		svc_spawn_control(s, EXEC_STOP_POST, 0);
		return;
	}
	svc_enter_signal(s, SVC_FINAL_SIGTERM, SVC_RESULT_SUCCESS);
}

void
svc_enter_signal(struct service *s, enum svc_state st, enum svc_result f)
{
	const struct kill_conf *k = &svc_sc(s)->kill;
	struct svc_memory *m = &s->m;
	bool procs, group;

	svc_thaw(s);
	svc_fail(s, f, "%s", f == SVC_RESULT_TIMEOUT ? "the stop took too long" : m->why);
	svc_kill_aux(s);
	svc_timer(s, SVC_TIMER_WATCHDOG, UINT64_MAX);
	svc_timer(s, SVC_TIMER_RUNTIME, UINT64_MAX);

	procs = m->main_running || m->control_running;
	group = svc_waits_for_group(s) && !s->empty;
	/* Mixed: with main gone the rest gets the final signal at once. */
	if (st == SVC_FINAL_SIGTERM && k->mode == KILL_MIXED && !procs && group &&
	    k->send_sigkill)
		st = SVC_FINAL_SIGKILL;
	if (st == SVC_STOP_SIGTERM) {
		m->stop_step = 0;
		if (k->n_sequence > 0 && k->sequence[0].signal == SIGKILL)
			st = SVC_STOP_SIGKILL;
	}
	if (k->mode == KILL_NONE ||
	    (!procs && (!group || (st == SVC_STOP_SIGTERM && k->mode == KILL_MIXED)))) {
		/* Nothing to wait for. */
		switch (st) {
		case SVC_FINAL_SIGTERM:
		case SVC_FINAL_SIGKILL:
			svc_enter_dead(s, SVC_RESULT_SUCCESS, true);
			break;
		default:
			enter_stop_post(s, SVC_RESULT_SUCCESS);
			break;
		}
		return;
	}
	svc_set_state(s, st);
	stop_timer(s);
	if (!(st == SVC_FINAL_SIGTERM && s->stop_signalled && !procs))
		begin_stop_signals(s);
	/* While a process of ours runs, its exit says whether it was the last one. */
	if (svc_waits_for_group(s) && !procs)
		svc_deed_watch_empty(s);
}

void
act_stop_exit(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->in->result == SVC_RESULT_SUCCESS &&
	    svc_next_control(s, EXEC_STOP, s->m.cmd_index + 1)) {
		svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
		return;
	}
	svc_exit_line(s, &s->in->exit, "ExecStop=", text, sizeof(text));
	svc_fail(s, s->in->result, "%s", text);
	svc_enter_signal(s, SVC_STOP_SIGTERM, SVC_RESULT_SUCCESS);
}

/* Main or control ended in stop-*: when both are gone, go on; what is left of the group
 * is dealt with after ExecStopPost=. */
void
act_main_exit_stopping(struct service *s)
{
	if (!s->m.main_running && !s->m.control_running)
		enter_stop_post(s, SVC_RESULT_SUCCESS);
}

void
act_empty_stopping(struct service *s)
{
	act_main_exit_stopping(s);
}

void
act_stop_post_exit(struct service *s)
{
	char text[SVC_WHY_MAX];

	if (s->in->result == SVC_RESULT_SUCCESS &&
	    svc_next_control(s, EXEC_STOP_POST, s->m.cmd_index + 1)) {
		svc_phase_timer(s, svc_sc(s)->timeout_stop_us);
		return;
	}
	svc_exit_line(s, &s->in->exit, "ExecStopPost=", text, sizeof(text));
	svc_fail(s, s->in->result, "%s", text);
	svc_enter_signal(s, SVC_FINAL_SIGTERM, SVC_RESULT_SUCCESS);
}

static void
check_final(struct service *s)
{
	const struct kill_conf *k = &svc_sc(s)->kill;

	if (s->m.main_running || s->m.control_running)
		return;
	if (!svc_waits_for_group(s) || s->empty) {
		svc_enter_dead(s, SVC_RESULT_SUCCESS, true);
		return;
	}
	if (s->m.state == SVC_FINAL_SIGTERM && k->mode == KILL_MIXED && k->send_sigkill) {
		svc_enter_signal(s, SVC_FINAL_SIGKILL, SVC_RESULT_SUCCESS);
		return;
	}
	svc_deed_watch_empty(s);
}

void
act_exit_final(struct service *s)
{
	check_final(s);
}

void
act_empty_final(struct service *s)
{
	check_final(s);
}

/* ---- time limits ------------------------------------------------------------- */

static void give_up(struct service *s);

static enum svc_state
state_of_mode(enum timeout_mode mode)
{
	switch (mode) {
	case TIMEOUT_ABORT:
		return SVC_STOP_WATCHDOG;
	case TIMEOUT_KILL:
		return SVC_STOP_SIGKILL;
	case TIMEOUT_TERMINATE:
		break;
	}
	return SVC_STOP_SIGTERM;
}

void
act_timeout_start(struct service *s)
{
	char dur[CLOCK_TEXT_MAX];
	struct buf waited = { 0 };

	svc_waits_for(s, &waited);
	svc_fail(s, SVC_RESULT_TIMEOUT,
	    "not started within TimeoutStartSec=%s (in %s)%s%s",
	    clock_format_duration(dur, sizeof(dur), svc_sc(s)->timeout_start_us),
	    svc_state_name(s->m.state), waited.len > 0 ? "; it waited for " : "",
	    buf_str(&waited));
	buf_free(&waited);
	svc_enter_signal(
	    s, state_of_mode(svc_sc(s)->timeout_start_mode), SVC_RESULT_SUCCESS);
}

void
act_timeout_stop(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "ExecStop= took too long");
	svc_enter_signal(
	    s, state_of_mode(svc_sc(s)->timeout_stop_mode), SVC_RESULT_SUCCESS);
}

static void
escalate(struct service *s)
{
	if (svc_sc(s)->kill.send_sigkill)
		svc_enter_signal(s, SVC_STOP_SIGKILL, SVC_RESULT_SUCCESS);
	else
		enter_stop_post(s, SVC_RESULT_SUCCESS);
}

void
act_timeout_watchdog(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "did not end by the abort signal in time");
	escalate(s);
}

void
act_timeout_sigterm(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	const struct kill_conf *k = &c->kill;
	struct svc_memory *m = &s->m;

	if (m->stop_step + 1 < k->n_sequence &&
	    k->sequence[m->stop_step + 1].signal != SIGKILL) {
		m->stop_step++;
		stop_timer(s);
		begin_stop_signals(s);
		return;
	}
	svc_fail(s, SVC_RESULT_TIMEOUT, "did not end by the stop signal in time");
	if (c->timeout_stop_mode == TIMEOUT_ABORT && k->n_sequence == 0)
		svc_enter_signal(s, SVC_STOP_WATCHDOG, SVC_RESULT_SUCCESS);
	else
		escalate(s);
}

void
act_timeout_sigkill(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "processes outlived the final signal");
	/* Nothing will be run that could change it: asking once more is in vain. */
	if (svc_sc(s)->exec[EXEC_STOP_POST].n == 0 || s->m.control_running)
		give_up(s);
	else
		enter_stop_post(s, SVC_RESULT_SUCCESS);
}

void
act_timeout_stop_post(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "ExecStopPost= took too long");
	svc_enter_signal(s, SVC_FINAL_SIGTERM, SVC_RESULT_SUCCESS);
}

static void
give_up(struct service *s)
{
	struct buf b = { 0 };

	s->ops->survivors(s->arg, s->m.slot, &b);
	svc_note(s, &(struct svc_note){ .what = SVC_EMIT_LEFTOVER }, buf_str(&b));
	s->m.leftover = 1;
	if (s->m.result == SVC_RESULT_SUCCESS)
		s->m.result = SVC_RESULT_TIMEOUT;
	svc_set_why(s, "processes outlived the stop: %s",
	    b.len > 0 ? buf_str(&b) : "they cannot be listed");
	buf_free(&b);
	svc_enter_dead(s, SVC_RESULT_TIMEOUT, true);
}

void
act_timeout_final_term(struct service *s)
{
	svc_fail(s, SVC_RESULT_TIMEOUT, "processes outlived the stop signal");
	if (svc_sc(s)->kill.send_sigkill)
		svc_enter_signal(s, SVC_FINAL_SIGKILL, SVC_RESULT_SUCCESS);
	else
		give_up(s);
}

void
act_timeout_final_kill(struct service *s)
{
	give_up(s);
}
