/*
 * world: a fake init under a virtual clock, for the simulations of one service.
 *
 * Messages of the manager take effect at once; those of init wait in a queue until the
 * test delivers them, so every interleaving can be made.  world_crash_at makes the
 * manager die at the n-th call of an op: that call and all later ones do nothing; then
 * world_revive makes a new service from what was emitted and what this init holds.
 *
 * It checks all the time: one instance at most, nothing started twice, the memory in
 * which a deed is decided is emitted before the deed.
 */
#ifndef SUPD_TESTS_SIM_WORLD_H
#define SUPD_TESTS_SIM_WORLD_H

#include "world_ops.h"

/* ---- making one -------------------------------------------------------------- */

static struct unit_conf *
w_conf(struct unit_paths *paths, const char *text)
{
	struct unit_conf *c;
	struct diags d;

	diags_init(&d);
	c = unit_load_text(paths, NULL, "a.service", "a.service", text, strlen(text), &d);
	if (d.n_errors > 0)
		diags_print(&d, stderr);
	assert_int_equal(d.n_errors, 0);
	assert_int_equal(c->load_state, UNIT_LOADED);
	diags_clear(&d);
	return c;
}

/* The lines of [Service] that every test has, before its own. */
static struct world *
w_new(const char *text)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->now_us = 1000 * SEC;
	w->last_pid = W_PID0;
	svc_memory_init(&w->mem);
	w->auto_exit_control = true;
	w->conditions.held = true;
	for (int i = 0; i < SVC_NTIMERS; i++)
		w->timer_us[i] = UINT64_MAX;
	w_current = w;
	clock_set_source(w_clock, w);
	w->paths = unit_paths_new();
	w->conf = w_conf(w->paths, text);
	w->s = svc_new(&w_ops, w, "a.service", w->conf);
	return w;
}

static void
w_free(struct world *w)
{
	w->dead = true;
	svc_free(w->s);
	unit_conf_free(w->conf);
	unit_paths_free(w->paths);
	free(w->queue);
	svc_memory_clear(&w->mem);
	free(w);
	clock_set_source(NULL, NULL);
}

/* ---- time and messages ------------------------------------------------------- */

UNUSED static void
w_drop_message(struct world *w)
{
	memmove(w->queue, w->queue + 1, (w->nqueue - 1) * sizeof(*w->queue));
	w->nqueue--;
}

/* The oldest message of init; false: none waits. */
static bool
w_deliver(struct world *w)
{
	struct w_msg m;

	if (w->nqueue == 0 || w->dead)
		return false;
	m = w->queue[0];
	w_drop_message(w);
	switch (m.kind) {
	case W_STARTED:
		svc_on_started(w->s, &m.started);
		break;
	case W_EXIT:
		svc_on_exit(w->s, &m.exit);
		break;
	case W_EMPTY:
		svc_on_empty(w->s, m.empty);
		break;
	case W_SLOT:
		svc_on_slot(w->s, &m.slot);
		break;
	}
	return true;
}

UNUSED static void
w_run(struct world *w)
{
	for (unsigned i = 0; w_deliver(w); i++)
		assert_true(i < 100000);
}

/* The next timer that is due until then; SVC_NTIMERS: none. */
static int
w_next_timer(struct world *w, uint64_t until_us)
{
	int best = SVC_NTIMERS;

	for (int i = 0; i < SVC_NTIMERS; i++)
		if (w->timer_us[i] != UINT64_MAX && w->timer_us[i] <= until_us &&
		    (best == SVC_NTIMERS || w->timer_us[i] < w->timer_us[best]))
			best = i;
	return best;
}

static void
w_fire(struct world *w, int timer)
{
	if (w->timer_us[timer] > w->now_us)
		w->now_us = w->timer_us[timer];
	w->timer_us[timer] = UINT64_MAX;
	svc_on_timer(w->s, (enum svc_timer)timer);
}

UNUSED static void
w_advance(struct world *w, uint64_t us)
{
	uint64_t until = w->now_us + us;
	int t;

	w_run(w);
	while (!w->dead && (t = w_next_timer(w, until)) != SVC_NTIMERS) {
		w_fire(w, t);
		w_run(w);
	}
	w->now_us = until;
}

/* ---- short forms ------------------------------------------------------------- */

UNUSED static void
w_up(struct world *w)
{
	w->asked[SVC_DONE_START]++;
	svc_want_up(w->s, &(struct svc_start){ .who = "a person" });
}

/* There is a slot of its pool, if it waits for one. */
UNUSED static void
w_admit(struct world *w)
{
	if (w->pool != W_POOL_WAITS || w->dead)
		return;
	w->pool = W_POOL_HOLDS;
	svc_on_admitted(w->s);
}

/* The phase is another one. */
UNUSED static void
w_phase(struct world *w, bool away)
{
	w->away = away;
	if (w->dead)
		return;
	if (svc_is_queued(w->s))
		svc_on_phase(w->s);
	else if (away && svc_may_yield(w->s))
		svc_yield(w->s);
}

UNUSED static void
w_down(struct world *w)
{
	w->asked[SVC_DONE_STOP]++;
	svc_want_down(w->s, SVC_DOWN_STOP, "a person");
}

UNUSED static uint32_t
w_slot(const struct world *w)
{
	return svc_memory(w->s)->slot;
}

/* The processes of the group beside main and control end. */
UNUSED static void
w_others_end(struct world *w)
{
	w->slot[w_slot(w)].extra = 0;
	w_check_empty(w, w_slot(w));
	w_run(w);
}

UNUSED static bool
w_lives(const struct world *w, int kind)
{
	uint32_t i = w_slot(w);

	return i != SLOT_NONE && w->slot[i].used && w->slot[i].proc[kind].running;
}

UNUSED static void
w_exit(struct world *w, int kind, enum exit_how how, int status)
{
	assert_true(w_lives(w, kind));
	w_proc_ends(w, w_slot(w), kind, how, status);
}

/* Ends main, and lets all of init's words arrive. */
UNUSED static void
w_main_ends(struct world *w, enum exit_how how, int status)
{
	w_exit(w, PROC_MAIN, how, status);
	w_run(w);
}

UNUSED static void
w_notify_as(struct world *w, int32_t pid, uid_t uid, const char *text)
{
	struct svc_notify nt = {
		.text = text, .len = strlen(text), .pid = pid, .uid = uid
	};

	svc_on_notify_take_fds(w->s, w_slot(w), &nt);
}

UNUSED static void
w_notify(struct world *w, const char *text)
{
	w_notify_as(w, svc_memory(w->s)->main_pid, 1000, text);
}

#define assert_state(w, st) \
	assert_string_equal(svc_state_name(svc_state((w)->s)), svc_state_name(st))
#define assert_result(w, r)  \
	assert_string_equal( \
	    svc_result_name(svc_memory((w)->s)->result), svc_result_name(r))

/* ---- the death of the manager ------------------------------------------------ */

/* The memory as it goes through the event journal. */
static void
w_through_json(const struct svc_memory *in, struct svc_memory *out)
{
	struct jw *jw = jw_new(JW_COMPACT);
	struct buf b = { 0 };
	struct json_err err;
	struct jv *v;

	jw_obj(jw);
	svc_memory_write(in, jw);
	jw_end(jw);
	jw_take(jw, &b);
	jw_free(jw);
	assert_true(b.len < SVC_MEMORY_JSON_MAX);
	v = jv_parse(b.data, b.len, &err);
	assert_non_null(v);
	assert_int_equal(svc_memory_read(v, out, &err), 0);
	jv_free(v);
	buf_free(&b);
}

/* A new manager knows of the pool what the service remembers. */
static void
w_sync_pool(struct world *w)
{
	const struct svc_memory *m = svc_memory(w->s);

	w->pool = m->pool[0] == '\0'       ? W_POOL_OUT
		  : m->state == SVC_QUEUED ? W_POOL_WAITS
					   : W_POOL_HOLDS;
}

/* A new manager, from what was emitted and what init holds. */
UNUSED static void
w_revive(struct world *w)
{
	struct svc_memory m;

	w->dead = true;
	svc_free(w->s);
	w->nqueue = 0;
	w->nprobes = 0;
	w->name_watched = false;
	for (int i = 0; i < SVC_NTIMERS; i++)
		w->timer_us[i] = UINT64_MAX;
	w->dead = false;
	w->crash_at = 0;
	for (int i = 0; i < 3; i++)
		w->asked[i] = w->done_count[i]; /* who asked is gone, too */
	w->s = svc_new(&w_ops, w, "a.service", w->conf);
	svc_restore_begin(w->s);
	if (w->run_conf != NULL)
		svc_restore_conf(w->s, w->run_conf);
	if (w->has_mem) {
		w_through_json(&w->mem, &m);
		svc_restore(w->s, &m, true);
		svc_memory_clear(&m);
	}
	for (uint32_t i = 0; i < W_SLOTS; i++) {
		struct w_slot *sl = &w->slot[i];
		struct msg_slot ms = { .slot = i };

		if (!sl->used)
			continue;
		sl->watch = false;
		ms.step = sl->step;
		memcpy(ms.invocation, sl->invocation, sizeof(ms.invocation));
		snprintf(ms.ref, sizeof(ms.ref), "%s", sl->ref);
		svc_on_slot(w->s, &ms);
		for (int k = 0; k < PROC_N; k++) {
			struct w_proc *p = &sl->proc[k];
			struct msg_started st = { .slot = i,
				.kind = (uint32_t)k,
				.pid = p->pid,
				.seq = p->seq,
				.execed = p->execed };

			if (p->running)
				svc_on_started(w->s, &st);
			p->exit.empty = w->tells_empty && !w_slot_lives(sl);
			if (p->has_exit)
				svc_on_exit(w->s, &p->exit);
		}
	}
	w_sync_pool(w);
	svc_adopt(w->s);
	w_sync_pool(w);
}

/* Die at the n-th op from now. */
UNUSED static void
w_crash_at(struct world *w, uint64_t n)
{
	w->crash_at = w->ops + n;
}

#endif
