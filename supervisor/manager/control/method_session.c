/*
 * Session.Screen, Attach: asked of the terminal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/link/link.h"
#include "manager/service/service.h"
#include "unit/conf.h"

enum { SCREEN_TIMEOUT_US = 5 * 1000 * 1000 };

static void
fail_terminal(struct call *call, int err)
{
	call_fail(call, "io.supd.Session.TerminalUnavailable", "try again in a moment",
	    err == ETIMEDOUT ? "the terminal does not answer"
			     : "the terminal is not there");
}

/* The slot of the session that the call is about; SLOT_NONE: it was answered. */
static uint32_t
session_slot(struct control *c, struct call *call)
{
	struct unit *u = select_unit(c, call, "unit", SELECT_LOADED);
	uint32_t slot = SLOT_NONE;
	bool has = false;

	if (u == NULL)
		return SLOT_NONE;
	if (u->svc != NULL) {
		slot = svc_memory(u->svc)->slot;
		has = unit_conf_terminal(svc_conf(u->svc)) != 0;
	}
	if (has && slot != SLOT_NONE) {
		if (link_has_terminal(c->m->link))
			return slot;
		fail_terminal(call, ENOTCONN);
		return SLOT_NONE;
	}
	select_fail_no_terminal(call, u);
	return SLOT_NONE;
}

/* ---- Screen ---- */

struct screen_call {
	struct control *c;
	struct call *call; /* NULL: the caller is gone */
};

static void
on_gone(struct call *call, void *arg)
{
	struct screen_call *s = call_data(call);

	(void)arg;
	s->call = NULL;
}

static void
on_screen(void *arg, int err, const char *text, size_t len)
{
	struct screen_call *s = arg;
	struct call *call = s->call;

	free(s);
	if (call == NULL)
		return;
	call_set_data(call, NULL, NULL);
	if (text == NULL)
		fail_terminal(call, err);
	else
		(void)call_reply_text(call, text, len, false);
}

void
method_session_screen(struct call *call, void *arg)
{
	struct control *c = arg;
	bool ansi = jv_bool(jv_get(call_params(call), "ansi"), false);
	uint32_t slot = session_slot(c, call);
	struct screen_call *s;

	if (slot == SLOT_NONE)
		return;
	s = xcalloc(1, sizeof(*s));
	s->c = c;
	s->call = call;
	call_set_data(call, s, on_gone);
	link_ask_screen(c->m->link, slot, ansi ? TERM_ASK_ANSI : TERM_ASK_TEXT,
	    SCREEN_TIMEOUT_US, on_screen, s);
}

/* ---- Attach ---- */

static struct jw *
attach_request(const struct jv *p, uint32_t slot, const char *who)
{
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	jw_kv_u64(w, "slot", slot);
	jw_kv_str(w, "who", who);
	jw_kv_bool(w, "read_only", jv_bool(jv_get(p, "read_only"), false));
	jw_kv_bool(w, "take", jv_bool(jv_get(p, "take"), false));
	jw_kv_i64(w, "rows", jv_i64(jv_get(p, "rows"), 0));
	jw_kv_i64(w, "cols", jv_i64(jv_get(p, "cols"), 0));
	jw_end(w);
	return w;
}

void
method_session_attach(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	bool read_only = jv_bool(jv_get(p, "read_only"), false);
	uint32_t slot;
	char who[160];

	/* Whoever may read may look; what is typed is an order to the unit. */
	if (!read_only && call_peer(call)->class < ACCESS_OPERATE) {
		call_fail(call, "io.supd.Manager.PermissionDenied",
		    "attach with read_only to look",
		    "typing into a session is not allowed: %s",
		    call_peer(call)->reason == NULL ? "the caller may only read"
						    : call_peer(call)->reason);
		return;
	}
	slot = session_slot(c, call);
	if (slot == SLOT_NONE)
		return;
	control_origin(call, who, sizeof(who));
	control_hand_over(c, call, attach_request(p, slot, who), link_attach_take_fds,
	    "io.supd.Session.TerminalUnavailable");
}
