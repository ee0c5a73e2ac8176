/*
 * run_unit: see the header.
 */
#include "manager/control/run_unit.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/service/service.h"
#include "manager/wish/emergency.h"
#include "unit/conf.h"
#include "unit/name.h"

bool
run_is_refused(struct control *c, struct call *call)
{
	if (c->m->phase == MANAGER_STOPPING) {
		call_fail(call, "io.supd.Manager.ShuttingDown", "start supd again",
		    "supd is stopping: nothing is started");
		return true;
	}
	if (emergency_why_all(c->m) != NULL) {
		call_fail(call, "io.supd.Manager.Halted", "supctl resume",
		    "nothing is started: all is %s", emergency_why_all(c->m));
		return true;
	}
	return false;
}

char *
run_unit_name(struct manager *m, const char *prefix, const char *name, const char *suffix)
{
	char *escaped, *unit;

	escaped = unit_name_escape(name);
	for (uint64_t ms = clock_wall_us() / USEC_PER_MSEC;; ms++) {
		unit = xasprintf(
		    "%s%.160s-%llu%s", prefix, escaped, (unsigned long long)ms, suffix);
		if (unit_find(m, unit) == NULL)
			break;
		free(unit);
	}
	free(escaped);
	if (!unit_name_is_valid(unit)) {
		free(unit);
		return NULL;
	}
	return unit;
}

bool
run_unit_is_in_use(struct control *c, struct call *call, const char *name)
{
	struct unit *u = unit_get(c->m, name);

	if (u != NULL && u->conf->load_state == UNIT_NOT_FOUND && u->svc == NULL) {
		/* That it was looked for is no reason to list it. */
		(void)unit_forget(u);
		return false;
	}
	if (u == NULL || (u->transient && u->svc != NULL && !svc_has_slot(u->svc)))
		return false;
	jw_kv_str(call_begin(call), "unit", name);
	call_fail(call, "io.supd.Job.Exists", "choose another --name, or stop it first",
	    "%s exists%s", name, u->transient ? " and runs" : " as a unit file");
	return true;
}

struct unit *
run_unit_make(
    struct control *c, struct call *call, const char *name, const struct buf *text)
{
	char *err = NULL;
	struct unit *u = unit_make_transient(c->m, name, buf_str(text), text->len, &err);

	if (u != NULL && unit_can_start(u)) {
		free(err);
		return u;
	}
	if (u != NULL)
		unit_forget_transient(c->m, name);
	call_fail(call, "io.supd.Manager.Failed", NULL, "%s cannot be run: %s", name,
	    err == NULL ? "it is refused" : err);
	free(err);
	return NULL;
}

void
run_unit_write_warnings(struct jw *w, const struct unit *u)
{
	jw_kv_arr(w, "warnings");
	for (size_t i = 0; u != NULL && i < u->diags.n; i++)
		jw_str(w, u->diags.v[i].text);
	jw_end(w);
}
