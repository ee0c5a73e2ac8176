/*
 * Ledger.List and Ledger.Forget: what became of the files of watchers.  A ledger may be
 * long: it is read in a helper.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/part/ledger_list.h"
#include "manager/part/stales.h"
#include "manager/service/helper.h"
#include "unit/name.h"

enum { LIST_DEFAULT = 1000 };
#define READ_TIMEOUT_US (30 * USEC_PER_SEC)

/* A call that waits for a helper. */
struct reading {
	struct call *call;
	struct manager *m;
	struct helper *helper;
	char *unit, *instance, *path; /* of Forget; NULL */
};

static void
reading_free(struct reading *r)
{
	helper_free(r->helper);
	free(r->unit);
	free(r->instance);
	free(r->path);
	free(r);
}

static void
on_gone(struct call *call, void *arg)
{
	(void)arg;
	reading_free(call_data(call));
}

/* The call is about to be answered, and r is freed by the caller. */
static struct call *
end_of(struct reading *r)
{
	r->helper = NULL;
	call_set_data(r->call, NULL, NULL);
	return r->call;
}

static void
fail_unavailable(struct call *call, const char *why)
{
	call_fail(call, "io.supd.Ledger.Unavailable",
	    "supctl status of the watcher, and the log of supd, may say more", "%s", why);
}

/* What the helper says; NULL: the call was answered with an error. */
static struct jv *
read_answer(struct call *call, const struct buf *answer)
{
	struct jv *v =
	    answer != NULL ? jv_parse(buf_str(answer), answer->len, NULL) : NULL;
	const char *error =
	    v != NULL ? jv_str(jv_get(v, "error"), NULL) : "it was not read in time";

	if (error == NULL)
		return v;
	fail_unavailable(call, error);
	jv_free(v);
	return NULL;
}

static void
ask(struct reading *r, const struct strv *units, uint64_t limit, helper_fn *fn)
{
	struct buf q = { 0 };

	ledger_list_ask(r->m->root_path, units, limit, r->instance, &q);
	call_set_data(r->call, r, on_gone);
	r->helper = helper_new(
	    r->m->loop, ledger_list_work, buf_str(&q), q.len, READ_TIMEOUT_US, fn, r);
	buf_free(&q);
}

/* The watcher of that name, with or without its suffix; NULL: the call was answered. */
static struct unit *
find_watcher(struct control *c, struct call *call, const char *name)
{
	char *full = unit_name_type(name) == UNIT_PATH ? xstrdup(name)
						       : xasprintf("%s.path", name);
	struct unit *u = unit_find(c->m, full);

	if (u == NULL || !stales_is_one(u)) {
		u = NULL;
		jw_kv_str(call_begin(call), "unit", name);
		call_fail(call, "io.supd.Ledger.NoSuchWatcher",
		    "supctl paths shows path units; a watcher has StaleGlob=",
		    "%s is no watcher", name);
	}
	free(full);
	return u;
}

/* ---- List ----------------------------------------------------------------------------
 */

static void
on_listed(void *arg, const struct buf *answer)
{
	struct reading *r = arg;
	struct call *call = end_of(r);
	struct jv *v = read_answer(call, answer);
	struct jw *w;

	reading_free(r);
	if (v == NULL)
		return;
	w = call_begin(call);
	jw_key(w, "entries");
	jv_write(jv_get(v, "entries"), w);
	jw_kv_u64(w, "total", jv_u64(jv_get(v, "total")));
	call_reply(call);
	jv_free(v);
}

static void
add_watcher(struct unit *u, void *arg)
{
	if (stales_is_one(u))
		strv_add(arg, u->name);
}

void
method_ledger_list(struct call *call, void *arg)
{
	const struct jv *params = call_params(call), *list = jv_get(params, "units"),
			*limit = jv_get(params, "limit");
	uint64_t n = jv_type(limit) == JV_INT ? jv_u64(limit) : LIST_DEFAULT;
	struct control *c = arg;
	struct strv units = { 0 };
	struct reading *r;

	for (size_t i = 0; i < jv_count(list); i++) {
		const struct unit *u = find_watcher(c, call, jv_str(jv_at(list, i), ""));

		if (u == NULL) {
			strv_free(&units);
			return;
		}
		(void)strv_add_unique(&units, u->name);
	}
	if (jv_count(list) == 0)
		units_look(c->m, add_watcher, &units);
	r = xcalloc(1, sizeof(*r));
	r->call = call;
	r->m = c->m;
	ask(r, &units, n < LEDGER_LIST_MAX ? n : LEDGER_LIST_MAX, on_listed);
	strv_free(&units);
}

/* ---- Forget --------------------------------------------------------------------------
 */

static void
fail_in_flight(
    struct call *call, const struct unit *u, const char *instance, const char *path)
{
	char *name = unit_name_replace_instance(u->conf->trigger->path.unit, instance);
	char *next = xasprintf("supctl stop '%s' first", name != NULL ? name : instance);

	jw_kv_str(call_begin(call), "path", path);
	call_fail(call, "io.supd.Ledger.InFlight", next, "it runs: %s", path);
	free(next);
	free(name);
}

static void
forget(struct call *call, const struct reading *r, const struct jv *v)
{
	struct unit *u = unit_find(r->m, r->unit);

	if (u == NULL || !stales_is_one(u)) {
		fail_unavailable(call, "the watcher has gone");
	} else if (stales_has_run(u, r->instance)) {
		fail_in_flight(call, u, r->instance, r->path);
	} else if (jv_u64(jv_get(v, "total")) == 0) {
		jw_kv_str(call_begin(call), "path", r->path);
		call_fail(call, "io.supd.Ledger.NoSuchEntry",
		    "supctl ledger shows what there is", "the ledger of %s has no %s",
		    u->name, r->path);
	} else if (stales_forget(u, r->instance) == -1) {
		fail_unavailable(call, strerror(errno));
	} else {
		(void)call_begin(call);
		call_reply(call);
	}
}

static void
on_found(void *arg, const struct buf *answer)
{
	struct reading *r = arg;
	struct call *call = end_of(r);
	struct jv *v = read_answer(call, answer);

	if (v != NULL)
		forget(call, r, v);
	jv_free(v);
	reading_free(r);
}

void
method_ledger_forget(struct call *call, void *arg)
{
	const char *path = jv_str(jv_get(call_params(call), "path"), "");
	struct control *c = arg;
	struct strv units = { 0 };
	struct reading *r;
	const struct unit *u;
	char *instance = path[0] == '/' ? unit_name_path_escape(path) : NULL;

	if (instance == NULL) {
		call_invalid(call, "path", "\"%s\" is no absolute path", path);
		return;
	}
	u = find_watcher(c, call, jv_str(jv_get(call_params(call), "unit"), ""));
	if (u == NULL) {
		free(instance);
		return;
	}
	r = xcalloc(1, sizeof(*r));
	*r = (struct reading){ .call = call,
		.m = c->m,
		.unit = xstrdup(u->name),
		.instance = instance,
		.path = xstrdup(path) };
	strv_add(&units, u->name);
	ask(r, &units, 1, on_found);
	strv_free(&units);
}
