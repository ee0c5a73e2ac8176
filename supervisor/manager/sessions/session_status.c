/*
 * session_status: what is shown of a session.
 */
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/session/heartbeat.h"
#include "manager/session/input.h"
#include "manager/session/oracle.h"
#include "manager/sessions/sessions.h"
#include "manager/sessions/sessions_int.h"
#include "manager/units.h"
#include "unit/load.h"

enum session_state
session_state(const struct unit *u)
{
	return u->session == NULL || u->session->slot == SLOT_NONE ? SESSION_UNKNOWN
								   : u->session->state;
}

void
session_render_brief(const struct unit *u, struct jw *w)
{
	uint64_t now = clock_mono_us();
	char text[CLOCK_TEXT_MAX];
	struct oracle_view v;

	if (session_state(u) == SESSION_UNKNOWN)
		return;
	oracle_view(u->session->oracle, &v);
	jw_kv_obj(w, "session");
	jw_kv_str(w, "state", session_state_name(v.state));
	jw_kv_str(w, "evidence", v.evidence);
	if (v.since_us != 0 && now >= v.since_us)
		jw_kv_str(w, "since",
		    clock_format_utc(
			text, sizeof(text), clock_wall_us() - (now - v.since_us)));
	jw_end(w);
}

static void
render_wall(struct jw *w, const char *key, uint64_t wall_us)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_us != 0)
		jw_kv_str(w, key, clock_format_utc(text, sizeof(text), wall_us));
}

static void
render_heartbeat(const struct session *s, struct jw *w)
{
	const struct heartbeat_conf *c = &session_conf(s)->heartbeat;
	const struct heartbeat_memory *m = heartbeat_memory(s->heartbeat);
	uint64_t due = s->frozen ? USEC_INFINITY : heartbeat_due_us(s->heartbeat);
	uint64_t now = clock_mono_us();

	if (c->interval_us == 0 && c->n_tiers == 0)
		return;
	jw_kv_obj(w, "heartbeat");
	jw_kv_u64(w, "sent", m->count);
	jw_kv_u64(w, "skipped", m->skipped);
	render_wall(w, "last", m->last_wall_us);
	if (due != USEC_INFINITY)
		render_wall(w, "next", clock_wall_us() + (due > now ? due - now : 0));
	jw_end(w);
}

void
session_render(const struct unit *u, struct jw *w)
{
	const struct session *s = u->session;
	uint64_t now = clock_mono_us();
	struct oracle_view v;
	struct buf why = { 0 };

	if (s == NULL || (!unit_is_session(u) && s->state == SESSION_UNKNOWN))
		return;
	oracle_view(s->oracle, &v);
	jw_kv_obj(w, "session");
	jw_kv_str(w, "state", session_state_name(v.state));
	jw_kv_str(w, "evidence", v.evidence);
	if (v.rule != NULL)
		jw_kv_str(w, "rule", v.rule);
	jw_kv_u64(w, "age_ms",
	    v.since_us != 0 && now > v.since_us ? (now - v.since_us) / USEC_PER_MSEC : 0);
	render_wall(w, "until", v.wall_until_us);
	if (s->term.slot != SLOT_NONE) {
		jw_kv_u64(w, "viewers", s->term.viewers);
		jw_kv_u64(w, "quiet_ms",
		    s->term.last_output_us == 0
			? 0
			: (now - s->term.last_output_us) / USEC_PER_MSEC);
	}
	jw_kv_u64(w, "inputs", input_count(s->input));
	input_put_why(s->input, &why);
	if (why.len > 0)
		jw_kv_str(w, "inputs_wait", buf_str(&why));
	buf_free(&why);
	jw_kv_u64(w, "heartbeats", heartbeat_memory(s->heartbeat)->count);
	render_heartbeat(s, w);
	jw_end(w);
}
