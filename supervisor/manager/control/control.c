/*
 * control: the server's place in the manager.
 */
#include "manager/control/control.h"

#include <sys/stat.h>

#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/version.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/scan.h"
#include "manager/service/service.h"
#include "proto/table.h"
#include "unit/conf.h"

enum { TAILS_SPARE = 64, RATION = 20 };
#define RATION_SPAN_US (10 * USEC_PER_SEC)

static const struct varlink_method methods[] = {
#define METHOD(nm, function, cls, flg) \
	{ .name = nm, .fn = function, .class = ACCESS_##cls, .flags = flg },
#include "manager/control/method.def"
#undef METHOD
};

/* ---- who it is ---- */

/* Looking for the unit of a process among those that run: most slots of the table were
 * never used, and must not be touched, because each would become a page of memory. */
struct unit_search {
	pid_t pid;
	const char *folder; /* of a cgroup; NULL: by pid */
	const char *found;
};

static bool
is_of_slot(const struct unit_search *q, const struct table_slot *s, uint32_t slot)
{
	char name[256];

	if (q->folder != NULL) {
		if (!s->has_cgroup)
			return false;
		table_cgroup_name(s, slot, name);
		return strcmp(name, q->folder) == 0;
	}
	for (size_t k = 0; k < PROC_N; k++)
		if (s->proc[k].pid == q->pid && s->proc[k].state != TPROC_NONE)
			return true;
	return false;
}

static void
search_unit(struct unit *u, void *arg)
{
	struct unit_search *q = arg;
	const struct manager *m = u->manager;
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);

	if (q->found != NULL || mem == NULL || mem->slot == SLOT_NONE ||
	    mem->slot >= table_used(m->table))
		return;
	if ((q->folder == NULL &&
		(mem->main_pid == q->pid || mem->control_pid == q->pid)) ||
	    is_of_slot(q, table_slot(m->table, mem->slot), mem->slot))
		q->found = u->name;
}

static const char *
unit_of_pid(void *arg, pid_t pid)
{
	struct control *c = arg;
	struct unit_search q = { .pid = pid };

	units_foreach(c->m, search_unit, &q);
	return q.found;
}

static const char *
unit_of_cgroup(void *arg, const char *folder)
{
	struct control *c = arg;
	struct unit_search q = { .folder = folder };

	units_foreach(c->m, search_unit, &q);
	return q.found;
}

static const char *
unit_of_mark(void *arg, pid_t pid)
{
	struct control *c = arg;

	return scan_scope_of(c->m, pid);
}

/* Asked once: a name service may be slow. */
static gid_t
control_group(const struct manager *m)
{
	const char *name = m->conf->control_group;
	struct group *g;
	char *end;
	unsigned long n;

	if (name == NULL || *name == '\0')
		return (gid_t)-1;
	n = strtoul(name, &end, 10);
	if (*end == '\0')
		return (gid_t)n;
	g = getgrnam(name);
	return g == NULL ? (gid_t)-1 : g->gr_gid;
}

static void
on_accept(void *arg, int fd, struct access_peer *peer)
{
	struct control *c = arg;
	struct access_conf conf = {
		.owner = c->m->owner,
		.control_group = c->group,
		.init_pid = c->m->table == NULL ? -1 : c->m->table->init_pid,
		.cgroup = c->cgroup,
		.unit_of_pid = unit_of_pid,
		.has_scopes = c->m->n_scopes > 0,
		.unit_of_cgroup = unit_of_cgroup,
		.unit_of_mark = unit_of_mark,
		.arg = c,
	};

	access_decide(fd, &conf, peer);
}

static bool
changes_something(const char *method)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(methods[i].name, method) == 0)
			return methods[i].class >= ACCESS_OPERATE;
	return false;
}

static void
on_call(void *arg, const char *method, const struct access_peer *peer)
{
	struct control *c = arg;

	event_begin(c->m->events, EVENT_CALL, NULL, NULL);
	event_str(c->m->events, "method", method);
	event_int(c->m->events, "pid", peer->pid);
	event_int(c->m->events, "uid", (int64_t)peer->uid);
	event_end(c->m->events);
	/* What a unit does by itself says nothing of the person. */
	if (!peer->supervised && changes_something(method))
		phases_on_command(c->m, peer->user, peer->command);
}

/* Whether this one is told.  Otherwise everybody who can connect could fill the journal,
 * and push what matters out of it. */
static bool
ration_take(struct control *c, struct ration *r, unsigned *left_out)
{
	uint64_t now_us = loop_now_us(c->m->loop);

	if (now_us >= r->until_us) {
		r->until_us = now_us + RATION_SPAN_US;
		r->told = 0;
	}
	if (r->told == RATION) {
		r->left_out++;
		return false;
	}
	r->told++;
	*left_out = r->left_out;
	r->left_out = 0;
	return true;
}

static void
put_left_out(struct emitter *ev, unsigned n)
{
	if (n > 0)
		event_int(ev, "left_out", n);
}

static void
on_denied(void *arg, const struct varlink_method *method, const struct access_peer *peer)
{
	struct control *c = arg;
	struct emitter *ev = c->m->events;
	unsigned left_out;

	if (!ration_take(c, &c->denied[peer->class == ACCESS_NONE], &left_out))
		return;
	event_begin(
	    ev, EVENT_ACCESS_DENIED, peer->unit[0] == '\0' ? NULL : peer->unit, NULL);
	event_str(ev, "method", method->name);
	event_int(ev, "pid", peer->pid);
	event_int(ev, "uid", (int64_t)peer->uid);
	event_str(ev, "class", access_class_name(peer->class));
	event_str(ev, "reason", peer->reason == NULL ? "" : peer->reason);
	put_left_out(ev, left_out);
	event_end(ev);
}

static void
on_cut(void *arg, const struct access_peer *peer, const char *why)
{
	struct control *c = arg;
	unsigned left_out;

	if (!ration_take(c, &c->cut[peer->class == ACCESS_NONE], &left_out))
		return;
	event_begin(c->m->events, EVENT_CLIENT_CUT, NULL, NULL);
	event_int(c->m->events, "pid", peer->pid);
	event_int(c->m->events, "uid", (int64_t)peer->uid);
	event_str(c->m->events, "reason", why);
	put_left_out(c->m->events, left_out);
	event_end(c->m->events);
}

/* ---- waits ---- */

void
control_wait(struct control *c, struct wait *w, wait_fn *check)
{
	w->check = check;
	TAILQ_INSERT_TAIL(&c->waits, w, link);
}

void
control_wait_end(struct control *c, struct wait *w)
{
	TAILQ_REMOVE(&c->waits, w, link);
}

static void
check_waits(void *arg)
{
	struct control *c = arg;
	struct wait *w, *next;

	TAILQ_FOREACH_SAFE (w, &c->waits, link, next)
		w->check(w);
}

void
control_check_later(struct control *c)
{
	loop_post(c->m->loop, check_waits, c);
}

/* ---- events ---- */

static void
flush_requests(void *arg)
{
	requests_on_ack(arg);
}

static void
keep_tail(struct control *c, const struct event_view *v)
{
	struct jv *jv = jv_parse(v->line, v->len, NULL);
	const char *tail = jv_str(jv_get(jv, "stderr_tail"), "");

	/* Units that are gone leave theirs behind. */
	if (c->tails.n > units_count(c->m) + TAILS_SPARE)
		map_clear(&c->tails, free);
	free(map_set(&c->tails, v->unit, xstrdup(tail)));
	jv_free(jv);
}

static void
on_event(void *arg, const struct event_view *v)
{
	struct control *c = arg;
	struct unit *u;

	if (v->unit != NULL && (u = unit_find(c->m, v->unit)) != NULL)
		render_forget(u);
	/* What an earlier run wrote says nothing about this one. */
	if (v->id == EVENT_EXEC && v->unit != NULL)
		free(map_del(&c->tails, v->unit));
	if (v->id == EVENT_FAILED && v->unit != NULL) {
		keep_tail(c, v);
		loop_post(c->m->loop, flush_requests, c);
	}
	if ((v->id == EVENT_EXEC || v->id == EVENT_UNIT_STATE) &&
	    !TAILQ_EMPTY(&c->requests))
		loop_post(c->m->loop, flush_requests, c);
	if ((v->id == EVENT_UNIT_STATE || v->id == EVENT_JOB_DONE ||
		v->id == EVENT_SUPD_STOPPED || v->id == EVENT_DRAIN) &&
	    !TAILQ_EMPTY(&c->waits))
		loop_post(c->m->loop, check_waits, c);
	subscribe_deliver(c, v);
}

/* ---- life ---- */

static struct varlink_conf
varlink_conf_of(const struct supd_conf *conf)
{
	return (struct varlink_conf){
		.max_clients = conf->control_max_clients,
		.message_max_bytes = conf->control_message_max_bytes,
		.pending_max_bytes = conf->control_pending_max_bytes,
		.stall_us = conf->control_stall_us,
		.vendor = "supd",
		.product = "supd",
		.version = SUPD_VERSION,
		.url = "man:supd.control(7)",
	};
}

struct control *
control_new(struct manager *m)
{
	struct control *c = xcalloc(1, sizeof(*c));
	struct varlink_conf conf = varlink_conf_of(m->conf);
	struct varlink_ops ops = {
		.accept = on_accept,
		.on_call = on_call,
		.on_denied = on_denied,
		.on_cut = on_cut,
		.arg = c,
	};

	c->m = m;
	c->group = control_group(m);
	c->cgroup = access_cgroup_path(m->cgroup_fd);
	TAILQ_INIT(&c->waits);
	TAILQ_INIT(&c->requests);
	TAILQ_INIT(&c->subscriptions);
	c->varlink = varlink_new(m->loop, m->control_fd, &conf, methods,
	    sizeof(methods) / sizeof(methods[0]), &ops);
	emitter_add_sink(m->events, on_event, c);
	return c;
}

void
control_free(struct control *c)
{
	if (c == NULL)
		return;
	check_waits(c);
	varlink_flush(c->varlink);
	emitter_remove_sink(c->m->events, on_event, c);
	loop_post_cancel(c->m->loop, check_waits, c);
	loop_post_cancel(c->m->loop, flush_requests, c);
	varlink_free(c->varlink);
	requests_free(c);
	subscribe_sweep(c);
	map_clear(&c->tails, free);
	free(c->cgroup);
	free(c);
}

void
control_on_event_ack(struct control *c)
{
	requests_on_ack(c);
	check_waits(c);
}

void
control_flush(struct control *c)
{
	varlink_flush(c->varlink);
}

static void
forget_rendered(struct unit *u, void *arg)
{
	(void)arg;
	render_forget(u);
}

void
control_on_conf(struct control *c)
{
	struct varlink_conf conf = varlink_conf_of(c->m->conf);

	c->group = control_group(c->m);
	varlink_set_conf(c->varlink, &conf);
	/* StatusGroups= is in what is shown of each. */
	units_look(c->m, forget_rendered, NULL);
}
