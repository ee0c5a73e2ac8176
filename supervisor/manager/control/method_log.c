/*
 * Log.Follow, Rotate, Vacuum: asked of the logger.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/loop.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/link/link.h"
#include "manager/record/event.h"
#include "manager/service/service.h"
#include "unit/conf.h"
#include "unit/name.h"

static void
fail_logger(struct call *call)
{
	call_fail(call, "io.supd.Log.LoggerUnavailable",
	    "try again in a moment; the log files can be read meanwhile",
	    "the logger is not there");
}

/* ---- Follow ---- */

/* Log names of what was asked for: the logger knows no units. */
static void
write_request(struct jw *w, const struct jv *p)
{
	const struct jv *units = jv_get(p, "units");
	const char *stream = jv_str(jv_get(p, "stream"), NULL);

	jw_obj(w);
	jw_kv_arr(w, "units");
	for (size_t i = 0; i < jv_count(units); i++) {
		const char *typed = jv_str(jv_at(units, i), "");
		char *stem =
		    unit_name_is_valid(typed) ? unit_name_stem(typed) : xstrdup(typed);

		jw_str(w, stem == NULL ? typed : stem);
		free(stem);
	}
	jw_end(w);
	if (stream != NULL) {
		jw_kv_arr(w, "streams");
		jw_str(w, stream);
		jw_end(w);
	}
	jw_end(w);
}

void
method_log_follow(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	const char *stream = jv_str(jv_get(p, "stream"), "stdout");
	struct jw *w;

	if (strcmp(stream, "stdout") != 0 && strcmp(stream, "stderr") != 0) {
		call_invalid(call, "stream", "expected stdout or stderr");
		return;
	}
	if (!link_has_logger(c->m->link)) {
		fail_logger(call);
		return;
	}
	w = jw_new(JW_COMPACT);
	write_request(w, p);
	control_hand_over(
	    c, call, w, link_viewer_take_fds, "io.supd.Log.LoggerUnavailable");
}

/* ---- Rotate ---- */

void
method_log_rotate(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *units = jv_get(call_params(call), "units");
	struct selection s = { 0 };
	struct strv rotated = { 0 };
	int rc = 0;

	if (jv_type(units) == JV_ARRAY && jv_count(units) > 0) {
		if (select_units(c, call, SELECT_LOADED, &s) == -1) {
			selection_clear(&s);
			return;
		}
		for (size_t i = 0; rc == 0 && i < s.n; i++) {
			const struct unit *u = s.v[i];

			if (u->svc == NULL || svc_memory(u->svc)->slot == SLOT_NONE)
				continue;
			rc = link_rotate(c->m->link, svc_memory(u->svc)->slot);
			strv_add(&rotated, u->name);
		}
	} else {
		rc = link_rotate(c->m->link, SLOT_NONE);
		strv_add(&rotated, "*");
	}
	if (rc == -1) {
		fail_logger(call);
	} else {
		jw_kv_strv(call_begin(call), "rotated", &rotated);
		call_reply(call);
	}
	selection_clear(&s);
	strv_free(&rotated);
}

/* ---- Vacuum ---- */

struct vacuum {
	struct control *c;
	struct call *call; /* NULL: the caller is gone */
	char who[160];
};

static void
on_gone(struct call *call, void *arg)
{
	struct vacuum *v = call_data(call);

	(void)arg;
	v->call = NULL;
}

static void
on_vacuumed(void *arg, const struct msg_vacuum_done *done)
{
	struct vacuum *v = arg;
	struct call *call = v->call;
	struct emitter *ev = v->c->m->events;

	if (done != NULL) {
		event_begin(ev, EVENT_LOG_VACUUM, NULL, NULL);
		event_str(ev, "who", v->who);
		event_int(ev, "files", (int64_t)done->files);
		event_int(ev, "freed_bytes", (int64_t)done->freed_bytes);
		event_end(ev);
	}
	free(v);
	if (call == NULL)
		return;
	call_set_data(call, NULL, NULL);
	if (done == NULL) {
		fail_logger(call);
	} else if (done->err != 0) {
		jw_kv_str(call_begin(call), "errno", strerrorname_np(done->err));
		call_fail(call, "io.supd.Manager.Failed", "look at the journal folder",
		    "old logs cannot be deleted: %s", strerror(done->err));
	} else {
		jw_kv_u64(call_begin(call), "files", done->files);
		jw_kv_u64(call_begin(call), "freed_bytes", done->freed_bytes);
		call_reply(call);
	}
}

void
method_log_vacuum(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	int64_t bytes = jv_i64(jv_get(p, "max_bytes"), 0);
	int64_t age = jv_i64(jv_get(p, "max_age_sec"), 0);
	struct vacuum *v;

	if (bytes < 0 || age < 0 || (uint64_t)age > UINT64_MAX / USEC_PER_SEC) {
		call_invalid(call, bytes < 0 ? "max_bytes" : "max_age_sec",
		    "expected a number that is not negative");
		return;
	}
	if (!link_has_logger(c->m->link)) {
		fail_logger(call);
		return;
	}
	v = xcalloc(1, sizeof(*v));
	v->c = c;
	v->call = call;
	control_origin(call, v->who, sizeof(v->who));
	call_set_data(call, v, on_gone);
	link_vacuum(
	    c->m->link, (uint64_t)bytes, (uint64_t)age * USEC_PER_SEC, on_vacuumed, v);
}
