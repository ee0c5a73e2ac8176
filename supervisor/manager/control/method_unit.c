/*
 * Unit.Status, List, History, Wait, Kill, ResetFailed.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "journal/layout.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/job/job.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/tell.h"
#include "manager/wish/emergency.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/signame.h"

enum { LIST_PART = 256 }; /* units in one reply of a list with more */

void
method_unit_status(struct call *call, void *arg)
{
	struct control *c = arg;
	struct selection s;
	struct jw *w;

	if (select_units(c, call, SELECT_LOADED | SELECT_FILES | SELECT_UNITS, &s) ==
	    -1) {
		selection_clear(&s);
		return;
	}
	w = call_begin(call);
	jw_kv_arr(w, "units");
	for (size_t i = 0; i < s.n; i++)
		render_status(c, s.v[i], w);
	jw_end(w);
	selection_clear(&s);
	call_reply(call);
}

/* ---- List ---- */

struct list {
	struct call *call;
	struct strv states;
	struct buf text;
	struct jw *w;
	size_t n;
	bool all;
	bool in_short;
	bool gone; /* the client was cut */
};

/* A state, a substate, or what a session does; of what is none of them nothing is listed,
 * and it never comes. */
static bool
is_state_name(const char *name)
{
	for (int s = SESSION_UNKNOWN + 1; s < SESSION_NSTATES; s++)
		if (strcmp(session_state_name((enum session_state)s), name) == 0)
			return true;
	for (int a = 0; a < SVC_NACTIVES; a++)
		if (strcmp(svc_active_name((enum svc_active)a), name) == 0)
			return true;
	for (int st = 0; st < SVC_NSTATES; st++)
		if (strcmp(svc_state_name((enum svc_state)st), name) == 0)
			return true;
	/* Those that render_sub has beside them. */
	if (strcmp(name, "held") == 0 || strcmp(name, "frozen") == 0)
		return true;
	for (int l = 0; l < UNIT_NLOAD_STATES; l++)
		if (strcmp(unit_load_state_name((enum unit_load_state)l), name) == 0)
			return true;
	return false;
}

static void
refuse_state(struct call *call, const char *parameter, const char *name)
{
	call_invalid(call, parameter,
	    "no state is called \"%s\"; there are active, inactive, failed, running, of "
	    "sessions idle and waiting, and others, see supd --explain=states",
	    name);
}

static bool
session_is(const struct unit *u, const char *state)
{
	enum session_state s = session_state(u);

	return s != SESSION_UNKNOWN && strcmp(session_state_name(s), state) == 0;
}

static bool
is_listed(const struct list *l, const struct unit *u)
{
	bool there = u->conf->load_state != UNIT_NOT_FOUND || unit_is_running(u) ||
		     unit_active(u) == SVC_ACTIVE_FAILED;

	/* A template is a file, and nothing that can be up; one that is refused keeps its
	 * instances from that. */
	if (!l->all && (!there || u->conf->builtin ||
			   (unit_name_is_template(u->conf->id) &&
			       u->conf->load_state != UNIT_BAD_SETTING)))
		return false;
	for (size_t i = 0; i < l->states.n; i++)
		if (session_is(u, l->states.v[i]))
			return true;
	return l->states.n == 0 || strv_contains(&l->states, render_active(u)) ||
	       strv_contains(&l->states, render_sub(u)) ||
	       strv_contains(&l->states, unit_load_state_name(u->conf->load_state));
}

static void
list_begin(struct list *l)
{
	call_text_begin(&l->text);
	buf_adds(&l->text, "{\"units\":[");
	l->n = 0;
}

static void
list_add(struct unit *u, void *arg)
{
	struct list *l = arg;
	const char *text;
	size_t len;

	if (l->gone || !is_listed(l, u))
		return;
	text = render_brief(u, l->in_short, l->w, &len);
	if (l->n > 0)
		buf_addc(&l->text, ',');
	buf_append(&l->text, text, len);
	if (++l->n < LIST_PART || !call_wants_more(l->call))
		return;
	buf_adds(&l->text, "]}");
	l->gone = !call_text_end(l->call, &l->text, true);
	list_begin(l);
}

/* With what must be seen beside them. */
static void
list_end(struct control *c, struct list *l)
{
	struct buf text = { 0 };

	buf_adds(&l->text, "]");
	if (!TAILQ_EMPTY(&c->m->emergencies)) {
		jw_obj(l->w);
		emergency_render(c->m, l->w);
		jw_end(l->w);
		jw_take(l->w, &text);
		/* Its member, without the brace before it and behind. */
		buf_adds(&l->text, ",");
		buf_append(&l->text, buf_str(&text) + 1, text.len - 1);
	} else {
		buf_adds(&l->text, "}");
	}
	buf_free(&text);
}

/* Units that have a file and were not looked at yet. */
static void
load_all(struct manager *m)
{
	struct strv names = { 0 };

	unit_list_dir(m->paths, &names);
	for (size_t i = 0; i < names.n; i++)
		(void)unit_get(m, names.v[i]);
	strv_free(&names);
}

static void
list_patterns(struct control *c, struct list *l, const struct jv *patterns)
{
	struct strv names = { 0 };

	for (size_t i = 0; i < jv_count(patterns); i++)
		(void)units_match(c->m, jv_str(jv_at(patterns, i), ""), &names);
	strv_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		struct unit *u = unit_find(c->m, names.v[i]);

		if (u != NULL && (i == 0 || strcmp(names.v[i], names.v[i - 1]) != 0))
			list_add(u, l);
	}
	strv_free(&names);
}

void
method_unit_list(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call), *states = jv_get(p, "states");
	struct list l = {
		.call = call,
		.w = jw_new(JW_COMPACT),
		.all = jv_bool(jv_get(p, "all"), false),
		.in_short = jv_bool(jv_get(p, "short"), false),
	};

	if (jv_count(jv_get(p, "patterns")) > SELECT_GLOBS_MAX) {
		call_invalid(call, "patterns", "more than %d patterns", SELECT_GLOBS_MAX);
		jw_free(l.w);
		return;
	}
	for (size_t i = 0; i < jv_count(states); i++) {
		const char *name = jv_str(jv_at(states, i), "");

		if (strv_contains(&l.states, name))
			continue;
		strv_add(&l.states, name);
		if (is_state_name(name))
			continue;
		refuse_state(call, "states", name);
		jw_free(l.w);
		strv_free(&l.states);
		return;
	}
	if (l.all && !c->m->safe_mode)
		load_all(c->m);
	list_begin(&l);
	if (jv_type(jv_get(p, "patterns")) == JV_ARRAY)
		list_patterns(c, &l, jv_get(p, "patterns"));
	else
		units_look(c->m, list_add, &l);
	list_end(c, &l);
	if (!l.gone)
		call_text_end(call, &l.text, false);
	buf_free(&l.text);
	jw_free(l.w);
	strv_free(&l.states);
}

/* ---- Wait ---- */

struct unit_wait {
	struct wait wait; /* first: the check gets its address */
	struct control *c;
	struct call *call;
	struct strv units;
	char *state; /* NULL: settled */
	struct loop_timer *timer;
};

static void
unit_wait_free(struct unit_wait *uw)
{
	control_wait_end(uw->c, &uw->wait);
	loop_timer_free(uw->timer);
	strv_free(&uw->units);
	free(uw->state);
	free(uw);
}

static void
on_wait_gone(struct call *call, void *arg)
{
	(void)arg;
	unit_wait_free(call_data(call));
}

static bool
is_settled(struct control *c, const struct unit *u)
{
	struct job_unit *ju = jobs_unit_find(c->m->jobs, u->name);
	const char *state = render_active(u);

	return (ju == NULL || job_unit_job(ju) == NULL) &&
	       strcmp(state, "activating") != 0 && strcmp(state, "deactivating") != 0 &&
	       strcmp(state, "reloading") != 0;
}

static bool
is_there(const struct unit_wait *uw, const char *name)
{
	const struct unit *u = unit_find(uw->c->m, name);

	if (u == NULL) /* forgotten: it runs no more */
		return uw->state == NULL || strcmp(uw->state, "inactive") == 0;
	if (uw->state == NULL)
		return is_settled(uw->c, u);
	return strcmp(uw->state, render_active(u)) == 0 ||
	       strcmp(uw->state, render_sub(u)) == 0 || session_is(u, uw->state);
}

static void
wait_check(struct wait *w)
{
	struct unit_wait *uw = (struct unit_wait *)w;
	struct call *call = uw->call;
	struct buf text = { 0 };
	struct jw *jw;

	for (size_t i = 0; i < uw->units.n; i++)
		if (!is_there(uw, uw->units.v[i]))
			return;
	jw = jw_new(JW_COMPACT);
	buf_adds(&text, "{\"units\":[");
	for (size_t i = 0, n = 0; i < uw->units.n; i++) {
		struct unit *u = unit_find(uw->c->m, uw->units.v[i]);
		size_t len;
		const char *brief;

		if (u == NULL)
			continue;
		brief = render_brief(u, false, jw, &len);
		if (n++ > 0)
			buf_addc(&text, ',');
		buf_append(&text, brief, len);
	}
	buf_adds(&text, "]}");
	jw_free(jw);
	call_set_data(call, NULL, NULL);
	unit_wait_free(uw);
	call_reply_text(call, buf_str(&text), text.len, false);
	buf_free(&text);
}

static void
on_wait_timer(struct loop_timer *t, void *arg)
{
	struct unit_wait *uw = arg;
	struct call *call = uw->call;
	struct strv pending = { 0 };
	char *names;

	(void)t;
	for (size_t i = 0; i < uw->units.n; i++)
		if (!is_there(uw, uw->units.v[i]))
			strv_add(&pending, uw->units.v[i]);
	names = strv_join(&pending, ", ");
	call_set_data(call, NULL, NULL);
	jw_kv_strv(call_begin(call), "pending", &pending);
	call_fail(call, "io.supd.Unit.WaitTimeout", "supctl status shows why",
	    "not %s in time: %s", uw->state == NULL ? "settled" : uw->state, names);
	unit_wait_free(uw);
	free(names);
	strv_free(&pending);
}

void
method_unit_wait(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	const char *state = jv_str(jv_get(p, "state"), "settled");
	int64_t timeout_ms = jv_i64(jv_get(p, "timeout_ms"), 0);
	struct selection s;
	struct unit_wait *uw;

	if (strcmp(state, "settled") != 0 && !is_state_name(state)) {
		refuse_state(call, "state", state);
		return;
	}
	if (select_units(c, call, SELECT_LOADED, &s) == -1) {
		selection_clear(&s);
		return;
	}
	uw = xcalloc(1, sizeof(*uw));
	uw->c = c;
	uw->call = call;
	uw->state = strcmp(state, "settled") == 0 ? NULL : xstrdup(state);
	for (size_t i = 0; i < s.n; i++)
		strv_add(&uw->units, s.v[i]->name);
	selection_clear(&s);
	call_set_data(call, uw, on_wait_gone);
	control_wait(c, &uw->wait, wait_check);
	if (timeout_ms > 0) {
		uw->timer = loop_timer_new(c->m->loop, "wait", on_wait_timer, uw);
		loop_timer_in(
		    uw->timer, (uint64_t)timeout_ms > USEC_INFINITY / USEC_PER_MSEC
				   ? USEC_INFINITY
				   : (uint64_t)timeout_ms * USEC_PER_MSEC);
	}
	wait_check(&uw->wait);
}

/* ---- Kill, ResetFailed ---- */

static int
parse_whom(const char *text)
{
	return strcmp(text, "all") == 0       ? SVC_WHOM_ALL
	       : strcmp(text, "main") == 0    ? SVC_WHOM_MAIN
	       : strcmp(text, "control") == 0 ? SVC_WHOM_CONTROL
					      : -1;
}

/* Persons type small letters. */
static int
signal_typed(const char *name)
{
	char upper[24];
	size_t i = 0;

	for (; name[i] != '\0' && i + 1 < sizeof(upper); i++)
		upper[i] =
		    name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32) : name[i];
	upper[i] = '\0';
	return name[i] == '\0' ? signal_from_name(upper) : -1;
}

void
method_unit_kill(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	const char *named = jv_str(jv_get(p, "signal"), "TERM");
	int signo = signal_typed(named);
	int whom = parse_whom(jv_str(jv_get(p, "whom"), "all"));
	struct strv signaled = { 0 };
	struct selection s;
	char who[160];
	size_t n;

	if (signo <= 0 || signo > SIGRTMAX) {
		call_invalid(call, "signal", "there is no signal \"%s\"", named);
		return;
	}
	if (whom == -1) {
		call_invalid(call, "whom", "expected main, control or all");
		return;
	}
	if (select_units(c, call, SELECT_LOADED, &s) == -1) {
		selection_clear(&s);
		return;
	}
	n = s.n;
	control_origin(call, who, sizeof(who));
	for (size_t i = 0; i < n; i++) {
		if (s.v[i]->svc == NULL)
			continue;
		tell_signal_by(s.v[i], who, "asked for by name");
		if (svc_kill(s.v[i]->svc, (enum svc_whom)whom, signo) == 0)
			strv_add(&signaled, s.v[i]->name);
		tell_signal_by(s.v[i], NULL, NULL);
	}
	if (signaled.n == 0) {
		jw_kv_str(call_begin(call), "unit", n > 0 ? s.v[0]->name : "");
		call_fail(call, "io.supd.Unit.NotRunning",
		    "supctl status shows what runs", "%s has no process to signal",
		    n == 1 ? s.v[0]->name : "none of them");
	} else {
		jw_kv_strv(call_begin(call), "signaled", &signaled);
		call_reply(call);
	}
	selection_clear(&s);
	strv_free(&signaled);
}

static void
reset_one(struct unit *u, void *arg)
{
	struct strv *reset = arg;

	if (!unit_can_start(u))
		return;
	if (unit_active(u) == SVC_ACTIVE_FAILED)
		strv_add(reset, u->name);
	if (u->part != NULL)
		part_reset_failed(u->part);
	else
		svc_reset_failed(u->svc);
	render_forget(u);
}

void
method_unit_reset_failed(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *units = jv_get(call_params(call), "units");
	struct strv reset = { 0 };
	struct selection s = { 0 };

	if (jv_type(units) != JV_ARRAY) {
		units_foreach(c->m, reset_one, &reset);
	} else {
		if (select_units(c, call, SELECT_LOADED, &s) == -1) {
			selection_clear(&s);
			return;
		}
		for (size_t i = 0; i < s.n; i++)
			reset_one(s.v[i], &reset);
		selection_clear(&s);
	}
	jw_kv_strv(call_begin(call), "reset", &reset);
	call_reply(call);
	strv_free(&reset);
}
