/*
 * service_commit: decided, then told, then done.
 *
 * An action changes the struct and leaves notes, exits to acknowledge, timers and deeds.
 * svc_commit then emits the notes, one of them with the memory, and only after that does
 * the deeds in their order: so a new manager finds the decision before any of its
 * effects.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

/* ---- decided ----------------------------------------------------------------- */

struct deed *
svc_deed(struct service *s, enum deed_kind kind)
{
	struct deed *d;

	if (s->ndeeds == s->deeds_cap) {
		s->deeds_cap = s->deeds_cap == 0 ? 8 : 2 * s->deeds_cap;
		s->deeds = xreallocarray(s->deeds, s->deeds_cap, sizeof(*s->deeds));
	}
	d = &s->deeds[s->ndeeds++];
	memset(d, 0, sizeof(*d));
	d->kind = kind;
	return d;
}

void
svc_note(struct service *s, const struct svc_note *note, const char *text)
{
	struct svc_waiting_note *n;

	if (s->nnotes == s->notes_cap) {
		s->notes_cap = s->notes_cap == 0 ? 8 : 2 * s->notes_cap;
		s->notes = xreallocarray(s->notes, s->notes_cap, sizeof(*s->notes));
	}
	n = &s->notes[s->nnotes++];
	n->note = *note;
	n->text = xstrdup_opt(text);
	n->note.text = n->text;
}

void
svc_note_refused(struct service *s, enum svc_refusal what, const char *fmt, ...)
{
	char text[SVC_WHY_MAX];
	va_list ap;

	/* Once for each kind and invocation: the sender chooses how often it asks. */
	if (s->refused & (1U << what))
		return;
	s->refused |= 1U << what;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	svc_note(s, &(struct svc_note){ .what = SVC_EMIT_REFUSED }, text);
}

void
svc_timer(struct service *s, enum svc_timer which, uint64_t deadline_us)
{
	s->m.deadline_us[which] = deadline_us;
}

void
svc_set_why(struct service *s, const char *fmt, ...)
{
	char raw[2 * SVC_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	svc_memory_text(&s->m.why, SVC_WHY_MAX, raw);
}

/* The only writer of the state. */
/* What follows for others, when the file names any: of a restart alone that it has ended
 * well. */
static uint32_t
due_in(const struct service *s, enum svc_state old, enum svc_state st)
{
	const struct unit_rules *r = svc_conf(s)->rules;
	bool was_down = svc_state_active(old) == SVC_ACTIVE_INACTIVE ||
			svc_state_active(old) == SVC_ACTIVE_FAILED;
	bool ok = r->deps[DEP_ON_SUCCESS].n > 0 || r->success_action != ACTION_NONE;
	bool bad = r->deps[DEP_ON_FAILURE].n > 0 || r->failure_action != ACTION_NONE ||
		   r->start_limit_action != ACTION_NONE;

	if (s->m.canceled)
		return 0;
	switch (st) {
	case SVC_FAILED:
		return !bad || s->m.restart_deferred ? 0 : SVC_DUE_FAILURE;
	case SVC_DEAD:
		/* Between the runs of Retries= nothing has ended well, and what is
		 * cancelled while it waits for its pool has not begun. */
		return !ok || was_down || old == SVC_QUEUED ||
			       (old == SVC_AUTO_RESTART && s->m.again)
			   ? 0
			   : SVC_DUE_SUCCESS;
	case SVC_AUTO_RESTART:
		return !ok || was_down || s->m.result != SVC_RESULT_SUCCESS ||
			       svc_sc(s)->restart_mode == RESTART_DIRECT
			   ? 0
			   : SVC_DUE_SUCCESS;
	default:
		return 0;
	}
}

void
svc_set_state(struct service *s, enum svc_state st)
{
	struct svc_note note = { .what = SVC_EMIT_STATE, .old = s->m.state };
	uint64_t now = clock_wall_us();
	uint32_t due;

	/* Whatever its processes made of the stop, and of what failed before it. */
	if (s->m.canceled && s->m.leftover == 0 && (st == SVC_DEAD || st == SVC_FAILED)) {
		s->m.result = SVC_RESULT_CANCELED;
		st = SVC_DEAD;
	}
	if (st == s->m.state)
		return;
	/* What is to end must be able to. */
	if (svc_state_active(st) != SVC_ACTIVE_ACTIVE &&
	    svc_state_active(st) != SVC_ACTIVE_RELOADING &&
	    svc_state_active(st) != SVC_ACTIVE_ACTIVATING)
		svc_thaw(s);
	note.state = st;
	due = due_in(s, s->m.state, st);
	if (due != 0)
		svc_set_due(s, due, now);
	s->m.state = st;
	s->m.stopped = st == SVC_DEAD &&
		       (s->m.canceled || (s->m.forbid_restart && !s->m.then_start));
	if (now > s->m.changed_wall_us && s->m.changed_wall_us != 0)
		note.duration_us = now - s->m.changed_wall_us;
	s->m.changed_wall_us = now;
	svc_note(s, &note, NULL);
}

void
svc_done(struct service *s, enum svc_done what, enum svc_done_result r, const char *why)
{
	struct deed *d;

	if (!s->open[what])
		return;
	s->open[what] = false;
	d = svc_deed(s, DEED_DONE);
	d->u.done.what = what;
	d->u.done.r = r;
	d->u.done.why = xstrdup(why != NULL ? why : "");
}

void
svc_deed_step(struct service *s, enum proc_kind kind, enum signal_scope scope, int signo,
    uint32_t step)
{
	struct deed *d = svc_deed(s, DEED_SIGNAL);

	d->u.sig.slot = s->m.slot;
	d->u.sig.kind = kind;
	d->u.sig.scope = scope;
	d->u.sig.signo = signo;
	d->u.sig.step = step;
}

void
svc_deed_signal(
    struct service *s, enum proc_kind kind, enum signal_scope scope, int signo)
{
	svc_deed_step(s, kind, scope, signo, 0);
}

void
svc_deed_watch_empty(struct service *s)
{
	if (s->watching || s->m.slot == SLOT_NONE)
		return;
	s->watching = true;
	svc_deed(s, DEED_WATCH_EMPTY)->u.slot = s->m.slot;
}

/* ---- told -------------------------------------------------------------------- */

/* As fnv1a64, but in steps of eight bytes, turned about so that the high ones count for
 * the low: it is asked for after every event of every service. */
static uint64_t
add_sum(uint64_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n > 0) {
		uint64_t word = 0;
		size_t len = n < sizeof(word) ? n : sizeof(word);

		memcpy(&word, p, len);
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
		sum = sum << 29 | sum >> 35;
		p += len;
		n -= len;
	}
	return sum;
}

/*
 * A sum over what a new manager would have to know.  What a service says all the time
 * (keep-alives, its status text) and what begins anew with a new manager (probes) waits
 * for the next reason.
 */
uint64_t
svc_memory_sum(const struct service *s)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	struct svc_memory m;

	memcpy(&m, &s->m, sizeof(m));
	m.seq = 0;
	m.main_execed = false; /* init says it again */
	m.status = NULL;
	for (int i = SVC_TIMER_WATCHDOG; i < SVC_NTIMERS; i++)
		m.deadline_us[i] = 0;
		/* Of the others, what they say and not where they are. */
#define UINT(f)
#define INT(f)
#define TIME(f)
#define BOOL(f)
#define TEXT(f, max)                                      \
	if (m.f != NULL)                                  \
		sum = add_sum(sum, m.f, strlen(m.f) + 1); \
	m.f = NULL;
#include "manager/service/memory.def"
	return add_sum(sum, &m, sizeof(m));
}

static void
emit_notes(struct service *s)
{
	size_t carrier = SIZE_MAX;
	uint64_t sum = svc_memory_sum(s);
	struct svc_memory passed;

	/* One of the notes carries the memory: the last change of the state, else one of
	 * its own.  Those before it were passed within one decision. */
	for (size_t i = 0; i < s->nnotes; i++)
		if (s->notes[i].note.what == SVC_EMIT_STATE)
			carrier = i;
	if (carrier == SIZE_MAX && sum != s->told) {
		carrier = s->nnotes;
		svc_note(s,
		    &(struct svc_note){ .what = SVC_EMIT_MEMORY, .state = s->m.state },
		    NULL);
	}
	for (size_t i = 0; i < s->nnotes; i++) {
		struct svc_note *n = &s->notes[i].note;

		n->keep = i == carrier;
		if (n->what == SVC_EMIT_STATE && !n->keep) {
			memcpy(&passed, &s->m, sizeof(passed));
			passed.state = n->state;
			s->ops->emit(s->arg, n, &passed);
		} else {
			s->ops->emit(s->arg, n, &s->m);
		}
		free(s->notes[i].text);
	}
	if (carrier != SIZE_MAX)
		s->told = sum;
	free(s->notes);
	s->notes = NULL;
	s->nnotes = s->notes_cap = 0;
}

void
svc_note_no_spawn(struct service *s, enum proc_kind kind, uint32_t phase, const char *why)
{
	if (why[0] == '\0')
		return;
	svc_note(s, &(struct svc_note){ .what = SVC_EMIT_REFUSED }, why);
	if (kind == PROC_MAIN && phase != 0)
		svc_fail(s, SVC_RESULT_EXIT_CODE, "%.160s (status=%u)", why, phase);
	else if (kind == PROC_MAIN)
		svc_fail(s, SVC_RESULT_RESOURCES, "%s", why);
}

/* ---- done -------------------------------------------------------------------- */

static void
spawn_failed(struct service *s, const struct svc_spawn *sp, int err, const char *why)
{
	struct msg_exit x = { .slot = sp->slot,
		.kind = sp->kind,
		.how = EXIT_NOT_STARTED,
		.err = err,
		.seq = sp->seq,
		.mono_us = clock_mono_us(),
		.wall_us = clock_wall_us() };

	svc_note_no_spawn(s, sp->kind, 0, why);
	if (sp->kind == PROC_READY || sp->kind == PROC_HEALTH)
		svc_on_aux_exit(
		    s, sp->kind == PROC_READY ? PROBE_USE_READY : PROBE_USE_HEALTH, &x);
	else
		svc_dispatch(s, &(struct svc_event_in){ .ev = sp->kind == PROC_MAIN
								  ? SVC_EV_MAIN_EXIT
								  : SVC_EV_CONTROL_EXIT,
				    .exit = x });
}

static void
do_deed(struct service *s, const struct deed *d)
{
	const struct svc_ops *o = s->ops;
	char why[SVC_WHY_MAX];

	switch (d->kind) {
	case DEED_SLOT_OPEN:
		if (o->slot_open(s->arg, d->u.open) == -1) {
			svc_set_why(s, "no slot: %s", strerror(errno));
			svc_raise(s, SVC_EV_SLOT_FAILED);
		}
		break;
	case DEED_SLOT_CLOSE:
		o->slot_close(s->arg, d->u.slot);
		break;
	case DEED_SPAWN:
		why[0] = '\0';
		errno = EBADF;
		if (d->u.spawn.slot == SLOT_NONE ||
		    o->spawn(s->arg, &d->u.spawn, why, sizeof(why)) == -1)
			spawn_failed(s, &d->u.spawn, errno != 0 ? errno : EIO, why);
		break;
	case DEED_POOL_LEAVE:
		o->pool_leave(s->arg);
		break;
	case DEED_PROC_JOIN:
		o->proc_join(s->arg, d->u.proc.slot, d->u.proc.pid, d->u.proc.ticks);
		break;
	case DEED_PROC_SET:
		o->proc_set(
		    s->arg, d->u.proc.slot, PROC_MAIN, d->u.proc.pid, d->u.proc.ticks);
		break;
	case DEED_SIGNAL:
		o->signal(s->arg, d->u.sig.slot, d->u.sig.kind, d->u.sig.scope,
		    d->u.sig.signo, d->u.sig.step);
		break;
	case DEED_WATCH_EMPTY:
		o->watch_empty(s->arg, d->u.slot);
		break;
	case DEED_PROBE_START:
		o->probe_start(s->arg, d->u.probe.use, d->u.probe.id, d->u.probe.conf,
		    d->u.probe.since_wall_us, d->u.probe.timeout_us);
		break;
	case DEED_PROBE_STOP:
		o->probe_stop(s->arg, d->u.probe.use);
		break;
	case DEED_PATTERNS:
		o->patterns(s->arg, d->u.patterns.slot, d->u.patterns.invocation,
		    d->u.patterns.list);
		break;
	case DEED_FD_DROP:
		svc_drop_stored(s, d->u.name);
		break;
	case DEED_CLEANUP:
		o->cleanup(s->arg, d->u.cleanup.conf, d->u.cleanup.restarts);
		break;
	case DEED_DONE:
		o->done(s->arg, d->u.done.what, d->u.done.r, d->u.done.why);
		break;
	case DEED_ACTION:
		o->action(
		    s->arg, d->u.action.action, d->u.action.status, d->u.action.why);
		break;
	case DEED_RELEASE:
		o->conf_release(s->arg, d->u.conf);
		break;
	}
}

static void
deed_clear(struct deed *d)
{
	switch (d->kind) {
	case DEED_SLOT_OPEN:
		free(d->u.open);
		break;
	case DEED_FD_DROP:
		free(d->u.name);
		break;
	case DEED_DONE:
		free(d->u.done.why);
		break;
	case DEED_ACTION:
		free(d->u.action.why);
		break;
	default:
		break;
	}
}

/* From the end of its start, for which it had the name, to the beginning of its stop. */
static void
watch_name(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	bool want = s->m.has_name && c->type == SERVICE_DBUS && c->bus_name != NULL &&
		    svc_is_up(s);

	if (want == s->name_watched)
		return;
	s->name_watched = want;
	s->name_gone = false;
	s->ops->name_watch(s->arg, want ? c->bus_name : NULL);
}

/* Tell what is decided, then do it. */
static void
commit_once(struct service *s)
{
	struct deed *deeds = s->deeds;
	size_t n = s->ndeeds;

	emit_notes(s);
	for (size_t i = 0; i < s->nacks; i++)
		s->ops->exit_ack(s->arg, &s->acks[i]);
	free(s->acks);
	s->acks = NULL;
	s->nacks = s->acks_cap = 0;
	for (int i = 0; i < SVC_NTIMERS; i++) {
		uint64_t due_us = s->m.frozen_us != 0 ? UINT64_MAX : s->m.deadline_us[i];

		if (due_us == s->armed_us[i])
			continue;
		s->armed_us[i] = due_us;
		s->ops->timer_set(s->arg, (enum svc_timer)i, s->armed_us[i]);
	}
	watch_name(s);
	/* The list is taken: a deed that fails may queue further ones. */
	s->deeds = NULL;
	s->ndeeds = s->deeds_cap = 0;
	for (size_t i = 0; i < n; i++) {
		do_deed(s, &deeds[i]);
		deed_clear(&deeds[i]);
	}
	free(deeds);
}

void
svc_commit(struct service *s)
{
	bool was_busy = s->busy;

	/* What the deeds raise is dispatched by the loop of svc_dispatch.  What they
	 * decide at once (a command of HealthExec= that cannot be started: the next one)
	 * must not wait for the next event. */
	s->busy = true;
	do
		commit_once(s);
	while (s->ndeeds > 0 || s->nnotes > 0);
	s->busy = was_busy;
}

void
svc_undone_clear(struct service *s)
{
	for (size_t i = 0; i < s->ndeeds; i++)
		deed_clear(&s->deeds[i]);
	for (size_t i = 0; i < s->nnotes; i++)
		free(s->notes[i].text);
	free(s->deeds);
	free(s->notes);
	free(s->acks);
}
