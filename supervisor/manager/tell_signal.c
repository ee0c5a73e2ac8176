/*
 * tell_signal: what is told of the signals that a unit is sent, in the journal and for
 * status; see tell.h.
 */
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/manager.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "manager/tell.h"
#include "manager/units.h"

/* The last one, and for whom the next one is. */
struct unit_signal {
	char *who, *why; /* of the last */
	int signo;
	uint64_t wall_us;
	const char *by, *reason; /* a person's, while it is being sent */
};

static struct unit_signal *
signal_of(struct unit *u)
{
	if (u->signal == NULL)
		u->signal = xcalloc(1, sizeof(*u->signal));
	return u->signal;
}

void
tell_signal_by(struct unit *u, const char *who, const char *why)
{
	struct unit_signal *x = signal_of(u);

	x->by = who;
	x->reason = why;
}

void
tell_signal(struct unit *u, const char *scope, int signo)
{
	const struct svc_memory *mem = svc_memory(u->svc);
	struct emitter *ev = u->manager->events;
	struct unit_signal *x = signal_of(u);
	char name[16];
	/* What nobody asked for supd does by what the unit file says. */
	const char *who = x->by != NULL                                ? x->by
			  : mem->forbid_restart && mem->who[0] != '\0' ? mem->who
								       : "supd";
	const char *why = x->by != NULL ? x->reason : mem->why;

	free(x->who);
	free(x->why);
	x->who = xstrdup(who);
	x->why = xstrdup(why);
	x->signo = signo;
	x->wall_us = clock_wall_us();
	event_begin(ev, EVENT_SIGNAL_SENT, u->name, mem->invocation);
	event_str(ev, "signal", svc_signal_name(signo, name, sizeof(name)));
	event_str(ev, "scope", scope);
	event_str(ev, "who", who);
	event_str(ev, "why", why);
	event_end(ev);
}

void
tell_render_signal(const struct unit *u, struct jw *w)
{
	const struct unit_signal *x = u->signal;
	char text[CLOCK_TEXT_MAX];

	if (x == NULL || x->wall_us == 0) {
		jw_kv_null(w, "last_signal");
		return;
	}
	jw_kv_obj(w, "last_signal");
	jw_kv_str(w, "signal", svc_signal_name(x->signo, text, sizeof(text)));
	jw_kv_str(w, "who", x->who);
	jw_kv_str(w, "why", x->why);
	jw_kv_str(w, "at", clock_format_utc(text, sizeof(text), x->wall_us));
	jw_end(w);
}

void
tell_forget_signal(struct unit *u)
{
	if (u->signal == NULL)
		return;
	free(u->signal->who);
	free(u->signal->why);
	free(u->signal);
	u->signal = NULL;
}
