/*
 * Job.Scope: the process that calls becomes a unit.  Who it is nobody is asked: the
 * kernel has said it when the connection was made, and init compares the time of its
 * start before it moves it.
 */
#include <stdlib.h>
#include <string.h>

#include "journal/layout.h"
#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/control/run_text.h"
#include "manager/control/run_unit.h"
#include "manager/job/job.h"
#include "manager/link/adopt.h"
#include "manager/service/service.h"
#include "unit/name.h"

struct scope {
	struct control *c;
	struct call *call;
	char *unit;
};

static void
scope_free(struct scope *s)
{
	job_forget_waiters(s->c->m->jobs, s);
	free(s->unit);
	free(s);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	scope_free(call_data(call));
}

static void
write_scope(struct jw *w, const struct unit *u)
{
	const struct svc_memory *mem = svc_memory(u->svc);
	char id[HEX_ID_SIZE];

	hex_encode(id, mem->invocation, sizeof(mem->invocation));
	jw_kv_str(w, "unit", u->name);
	jw_kv_str(w, "invocation", id);
	jw_kv_bool(w, "contained", adopt_slot_is_contained(u->manager, mem->slot));
	run_unit_write_warnings(w, u);
}

static void
on_started(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct scope *s = arg;
	struct call *call = s->call;
	struct manager *m = s->c->m;
	const struct unit *u = unit_find(m, s->unit);

	(void)id;
	call_set_data(call, NULL, NULL);
	if (result == JOB_DONE && u != NULL && u->svc != NULL) {
		write_scope(call_begin(call), u);
		scope_free(s);
		call_reply(call);
		return;
	}
	call_fail(call, "io.supd.Manager.Failed",
	    "without --scope supd starts the program itself", "%s: %s", s->unit,
	    message != NULL ? message : "the process cannot be taken in");
	unit_forget_transient(m, s->unit);
	scope_free(s);
}

static void
begin(struct control *c, struct call *call, const struct unit *u)
{
	const struct access_peer *peer = call_peer(call);
	char origin[160];
	struct job_request q = {
		.type = JOB_START,
		.origin = control_origin(call, origin, sizeof(origin)),
		.pid = peer->pid,
		.pid_ticks = peer->start_ticks,
	};
	struct scope *s = xcalloc(1, sizeof(*s));

	s->c = c;
	s->call = call;
	s->unit = xstrdup(u->name);
	call_set_data(call, s, on_gone);
	job_request(c->m->jobs, jobs_unit(c->m->jobs, u->name), &q, on_started, s, NULL);
}

/* The name of the unit, malloc'd; NULL: the call was answered. */
static char *
scope_name(struct control *c, struct call *call)
{
	const struct jv *p = call_params(call);
	const char *given = jv_str(jv_get(p, "name"), NULL), *program, *slash;
	char base[LAYOUT_NAME_MAX + 1], *unit;
	size_t n;

	if (given == NULL) {
		program = jv_str(jv_get(p, "program"), "");
		slash = strrchr(program, '/');
		layout_name(base, sizeof(base), slash != NULL ? slash + 1 : program);
		return run_unit_name(c->m, "run-", base, ".scope");
	}
	n = strlen(given);
	unit = n > 6 && strcmp(given + n - 6, ".scope") == 0
		   ? xstrdup(given)
		   : xasprintf("%s.scope", given);
	if (unit_name_is_valid(unit) && !unit_name_is_template(unit) &&
	    !unit_name_is_builtin(unit))
		return unit;
	call_invalid(call, "name", "`%s' cannot be a scope", given);
	free(unit);
	return NULL;
}

void
method_job_scope(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	const char *program = jv_str(jv_get(p, "program"), "");
	const char *title = jv_str(jv_get(p, "description"), program);
	struct buf text = { 0 };
	struct unit *u;
	char *name;

	if (run_is_refused(c, call))
		return;
	if (call_peer(call)->start_ticks == 0) {
		call_fail(call, "io.supd.Manager.Failed",
		    "without --scope supd starts the program itself",
		    "supd cannot see which process is calling");
		return;
	}
	name = scope_name(c, call);
	if (name == NULL)
		return;
	if (!run_unit_is_in_use(c, call, name) &&
	    run_scope_text(c, call, title, &text) == 0) {
		u = run_unit_make(c, call, name, &text);
		if (u != NULL)
			begin(c, call, u);
	}
	buf_free(&text);
	free(name);
}
