/*
 * Digest.Read, Take and Add: what has happened since somebody was told last.  To take it
 * and to add to it is an event, as durable as the wishes of persons: the reply waits for
 * that.
 */
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "manager/control/control_int.h"
#include "manager/control/durable.h"
#include "manager/record/digest.h"
#include "manager/record/event.h"
#include "unit/supd_conf.h"

static void
put_digest(struct control *c, struct jw *w, enum digest_which which)
{
	struct buf text = { 0 };

	jw_kv_obj(w, "digest");
	digest_render(c->m->digest, which, w);
	jw_end(w);
	digest_text(c->m->digest, which, &text);
	jw_kv_strn(w, "text", buf_str(&text), text.len);
	buf_free(&text);
}

/* Once event seq is on the disk.  What is taken is written now: by then the last digest
 * may be another one. */
static void
answer(struct control *c, struct call *call, uint64_t seq, bool takes)
{
	if (takes)
		put_digest(c, call_begin(call), DIGEST_LAST);
	durable_reply(c, call, seq, NULL, NULL, NULL);
}

/* ---- who ---- */

/* A process of a unit whose user may not even read from outside learns nothing here: the
 * call was answered. */
static bool
is_refused(struct call *call)
{
	const struct access_peer *peer = call_peer(call);

	if (!call_is_self(call) || peer->class >= ACCESS_READ)
		return false;
	jw_kv_str(call_begin(call), "class", access_class_name(peer->class));
	call_fail(call, "io.supd.Manager.PermissionDenied",
	    "call it from outside of supd's units", "%s may not read what others did",
	    peer->unit);
	return true;
}

/* ---- the methods ---- */

static uint64_t
due_us(const struct control *c)
{
	return digest_due_us(
	    c->m->digest, c->m->conf->digest_interval_us, clock_wall_us());
}

void
method_digest_read(struct call *call, void *arg)
{
	struct control *c = arg;
	struct jw *w = call_begin(call);
	bool last = jv_bool(jv_get(call_params(call), "last"), false);

	put_digest(c, w, last ? DIGEST_LAST : DIGEST_NOW);
	jw_kv_time(w, "shown", digest_shown_us(c->m->digest));
	jw_kv_time(w, "due", due_us(c));
	call_reply(call);
}

static void
fail_too_early(struct call *call, uint64_t when_us)
{
	char ts[CLOCK_TEXT_MAX];

	jw_kv_time(call_begin(call), "due", when_us);
	call_fail(call, "io.supd.Digest.TooEarly",
	    "supctl digest --peek shows what there is, --last what was handed out",
	    "the next digest may be taken at %s",
	    clock_format_local(ts, sizeof(ts), when_us));
}

void
method_digest_take(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	const char *key = jv_str(jv_get(p, "key"), NULL);
	struct emitter *ev = c->m->events;
	char who[160];

	if (is_refused(call))
		return;
	if (key != NULL && (strlen(key) == 0 || strlen(key) > DIGEST_KEY_MAX)) {
		call_invalid(call, "key", "expected 1 to %d bytes", DIGEST_KEY_MAX);
		return;
	}
	if (digest_is_of(c->m->digest, key)) {
		answer(c, call, digest_taken_seq(c->m->digest), true);
		return;
	}
	if (digest_is_empty(c->m->digest, DIGEST_NOW)) {
		(void)call_begin(call);
		call_fail(call, "io.supd.Digest.Nothing",
		    "supctl digest --last shows what was handed out last",
		    "nothing has happened since the last digest");
		return;
	}
	if (due_us(c) != 0 && !jv_bool(jv_get(p, "force"), false)) {
		fail_too_early(call, due_us(c));
		return;
	}
	event_begin(ev, EVENT_DIGEST_TAKEN, NULL, NULL);
	event_str(ev, "who", control_origin(call, who, sizeof(who)));
	event_str(ev, "key", key);
	answer(c, call, event_end_wish(ev), true);
}

void
method_digest_add(struct call *call, void *arg)
{
	struct control *c = arg;
	const char *text = jv_str(jv_get(call_params(call), "text"), "");
	const struct access_peer *peer = call_peer(call);
	struct emitter *ev = c->m->events;
	char who[160];

	if (is_refused(call))
		return;
	if (text[0] == '\0' || strlen(text) > DIGEST_ENTRY_MAX ||
	    strpbrk(text, "\r\n") != NULL) {
		call_invalid(call, "text", "expected one line of at most %d bytes",
		    DIGEST_ENTRY_MAX);
		return;
	}
	event_begin(ev, EVENT_DIGEST_ENTRY,
	    peer->supervised && peer->unit[0] != '\0' ? peer->unit : NULL, NULL);
	event_str(ev, "who", control_origin(call, who, sizeof(who)));
	event_str(ev, "text", text);
	answer(c, call, event_end_wish(ev), false);
}
