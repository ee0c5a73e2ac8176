#include "manager/lastwords.h"

#include <sys/queue.h>

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "manager/link/adopt.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/units.h"
#include "unit/load.h"

/* A terminal that has not heard of the slot yet is asked again. */
#define AGAIN_US (20 * USEC_PER_MSEC)

struct lastword {
	LIST_ENTRY(lastword) next;
	struct manager *m;
	struct msg_exit exit;
	uint64_t until_us;
	bool needs_logger;        /* which is not there */
	struct loop_timer *again; /* NULL: not needed yet */
};

static void
word_free(struct lastword *w)
{
	LIST_REMOVE(w, next);
	if (w->again != NULL)
		loop_timer_free(w->again);
	free(w);
}

static void
finish(struct lastword *w)
{
	struct manager *m = w->m;
	struct msg_exit exit = w->exit;

	word_free(w);
	adopt_exit(m, &exit);
}

/* What the logger found in the lines is in its channel before the answer. */
static void
on_logger(void *arg, const struct msg_barrier_done *done)
{
	(void)done;
	finish(arg);
}

static void ask_terminal(struct lastword *w);

static void
on_again(struct loop_timer *t, void *arg)
{
	struct lastword *w = arg;

	(void)t;
	if (w->needs_logger)
		finish(w);
	else
		ask_terminal(w);
}

static void
again_at(struct lastword *w, uint64_t at_us)
{
	if (w->again == NULL)
		w->again = loop_timer_new(w->m->loop, "last-words", on_again, w);
	loop_timer_at(w->again, at_us);
}

static void
on_terminal(void *arg, int err, const char *text, size_t len)
{
	struct lastword *w = arg;

	(void)text;
	(void)len;
	if (err == 0 || clock_mono_us() >= w->until_us) {
		finish(w);
		return;
	}
	again_at(w, clock_add_us(clock_mono_us(), AGAIN_US));
}

static void
ask_terminal(struct lastword *w)
{
	struct unit *u = adopt_slot_unit(w->m, w->exit.slot);
	uint64_t now = clock_mono_us();

	if (u == NULL || now >= w->until_us) {
		finish(w);
		return;
	}
	sessions_tell_rules(u);
	link_ask_screen(
	    w->m->link, w->exit.slot, TERM_ASK_LOOK, w->until_us - now, on_terminal, w);
}

static void
ask(struct lastword *w, const struct unit *u)
{
	uint64_t time = w->m->conf->failure_tail_us;

	w->until_us = clock_add_us(clock_mono_us(), time);
	if (unit_conf_terminal(svc_conf(u->svc)) != 0) {
		ask_terminal(w);
	} else if (link_has_logger(w->m->link)) {
		link_barrier(w->m->link, w->exit.slot, time, on_logger, w);
	} else {
		/* A new manager may be told of the end before it has its logger. */
		w->needs_logger = true;
		again_at(w, w->until_us);
	}
}

void
lastwords_on_logger(struct manager *m)
{
	struct lastword *w;

	LIST_FOREACH (w, &m->lastwords, next) {
		if (!w->needs_logger)
			continue;
		w->needs_logger = false;
		loop_timer_stop(w->again);
		link_barrier(
		    m->link, w->exit.slot, m->conf->failure_tail_us, on_logger, w);
	}
}

/* Rules that look at what it said. */
static bool
has_words(const struct unit_conf *conf)
{
	const struct unit_session *c = conf->session;
	bool terminal = unit_conf_terminal(conf) != 0;

	for (size_t i = 0; c != NULL && i < c->rules.n; i++) {
		const struct rule_conf *r = &c->rules.v[i];

		if (r->pattern != NULL && r->source != RULE_FILE &&
		    (terminal || r->exit_status_set || r->source == RULE_EXIT))
			return true;
	}
	return false;
}

bool
lastwords_wait(struct unit *u, const struct msg_exit *x)
{
	struct manager *m = u->manager;
	struct lastword *w;

	if (x->kind != PROC_MAIN || x->how == EXIT_NOT_STARTED ||
	    svc_memory(u->svc)->forbid_restart || !has_words(svc_conf(u->svc)))
		return false;
	LIST_FOREACH (w, &m->lastwords, next)
		if (w->exit.slot == x->slot && w->exit.seq == x->seq)
			return true; /* init tells it again */
	w = xcalloc(1, sizeof(*w));
	w->m = m;
	w->exit = *x;
	LIST_INSERT_HEAD(&m->lastwords, w, next);
	/* Before, the logger has no patterns of ours. */
	if (m->phase != MANAGER_RESTORING)
		ask(w, u);
	return true;
}

void
lastwords_adopted(struct manager *m)
{
	struct lastword *w, *next;
	struct unit *u;

	LIST_FOREACH_SAFE (w, &m->lastwords, next, next) {
		u = adopt_slot_unit(m, w->exit.slot);
		if (u != NULL && u->svc != NULL)
			ask(w, u);
		else
			finish(w);
	}
}
