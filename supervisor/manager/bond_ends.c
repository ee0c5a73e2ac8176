/*
 * bond_ends: what follows from the end of a unit: OnFailure=, OnSuccess= and their
 * MONITOR_* environment, FailureAction= and SuccessAction=.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/hex.h"
#include "lib/xalloc.h"
#include "manager/bonds_int.h"
#include "manager/end.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/service/service.h"
#include "manager/units.h"
#include "proto/msg.h"
#include "unit/conf.h"

/* An end whose handlers are on their way. */
struct due {
	struct manager *m;
	char *unit;
	uint64_t since_us;
	unsigned pending; /* jobs */
	const char *directive;
	enum job_how how;
	char *env;
};

/* What is due, and since when it is. */
static unsigned
due_of(const struct unit *u, uint64_t *since_us)
{
	uint64_t life = u->manager->boot_wall_us;

	if (u->svc != NULL) {
		const struct svc_memory *mem = svc_memory(u->svc);

		*since_us = mem->due_us;
		return mem->due_life == life ? mem->due : 0;
	}
	if (u->part == NULL)
		return 0;
	*since_us = u->part->due_us;
	return u->part->due_life == life ? u->part->due : 0;
}

/* ---- whose end it was ----------------------------------------------------------------
 */

static void
put_exit(struct buf *b, const struct svc_exit *x)
{
	char sig[24];

	if (x->how == EXIT_EXITED)
		buf_addf(b, "MONITOR_EXIT_CODE=exited\nMONITOR_EXIT_STATUS=%" PRId32 "\n",
		    x->status);
	else if (x->how == EXIT_KILLED || x->how == EXIT_DUMPED)
		buf_addf(b, "MONITOR_EXIT_CODE=%s\nMONITOR_EXIT_STATUS=%s\n",
		    svc_how_name(x->how), svc_signal_name(x->status, sig, sizeof(sig)));
}

/* Lines for the environment of a handler.  The time makes each end another one. */
static char *
monitor(const struct unit *u, uint64_t since_us)
{
	static const uint8_t none[16];
	char hex[HEX_ID_SIZE];
	struct buf b = { 0 };
	const struct svc_memory *mem;

	buf_addf(&b, "MONITOR_UNIT=%s\n", u->name);
	if (u->svc != NULL) {
		mem = svc_memory(u->svc);
		buf_addf(&b, "MONITOR_SERVICE_RESULT=%s\n", svc_result_name(mem->result));
		if (memcmp(mem->invocation, none, sizeof(none)) != 0) {
			hex_encode(hex, mem->invocation, sizeof(mem->invocation));
			buf_addf(&b, "MONITOR_INVOCATION_ID=%s\n", hex);
		}
		put_exit(&b, &mem->main_exit);
	} else {
		buf_addf(&b, "MONITOR_SERVICE_RESULT=%s\n", u->part->result);
	}
	buf_addf(&b, "MONITOR_USEC=%" PRIu64, since_us);
	return buf_take(&b);
}

/* ---- handlers ------------------------------------------------------------------------
 */

static void
done_with(struct unit *u, uint64_t since_us)
{
	uint64_t now_us = 0;

	/* It may have ended again meanwhile. */
	if (due_of(u, &now_us) == 0 || now_us != since_us)
		return;
	if (u->svc != NULL)
		svc_due_done(u->svc);
	else
		part_due_done(u->part);
}

static void
finish(struct due *d)
{
	struct unit *u;

	if (d->pending > 0)
		return;
	u = unit_find(d->m, d->unit);
	if (u != NULL)
		done_with(u, d->since_us);
	free(d->unit);
	free(d->env);
	free(d);
}

static void
on_handler_done(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct due *d = arg;

	(void)id;
	(void)result;
	(void)message;
	d->pending--;
	finish(d);
}

static bool
was_started_for(const struct unit *h, const char *env)
{
	return h->svc != NULL && strcmp(svc_memory(h->svc)->start_env, env) == 0;
}

static bool
is_queued_for(const struct unit *h, const char *env)
{
	const struct job *j = job_unit_job(h->job_unit);
	const char *asked = j == NULL ? NULL : job_env(j);

	return asked != NULL && strcmp(asked, env) == 0;
}

static void
start_handler(void *arg, struct job_unit *ju)
{
	struct due *d = arg;
	struct unit *h = job_unit_data(ju);
	struct job_request r = { .type = JOB_START, .how = d->how, .env = d->env };

	if (h == NULL)
		h = unit_get(d->m, job_unit_name(ju));
	/* By the manager that died since; or it is in the queue, where it waits for what
	 * it needs, and is not to have that started again. */
	if (h == NULL || was_started_for(h, d->env) || is_queued_for(h, d->env))
		return;
	if (h->wish == WISH_STOPPED) {
		bond_refused(h, JOB_START, d->directive, d->unit,
		    "a person stopped it, and nothing else starts it");
		return;
	}
	/* (done is called in any case, later.) */
	d->pending++;
	(void)bond_request(h, &r, d->directive, d->unit, on_handler_done, d);
}

static void
begin(struct unit *u, uint64_t since_us, bool failed)
{
	const struct unit_conf *conf = u->svc_conf != NULL ? u->svc_conf : u->conf;
	struct due *d = xcalloc(1, sizeof(*d));

	d->m = u->manager;
	d->unit = xstrdup(u->name);
	d->since_us = since_us;
	d->directive = failed ? "OnFailure" : "OnSuccess";
	d->how = bond_how(
	    failed ? conf->rules->on_failure_mode : conf->rules->on_success_mode);
	d->env = monitor(u, since_us);
	d->pending = 1;
	job_unit_each(u->job_unit, failed ? DEP_ON_FAILURE : DEP_ON_SUCCESS, false,
	    start_handler, d);
	d->pending--;
	finish(d);
}

/* ---- the instance --------------------------------------------------------------------
 */

/* (A service says it itself, with the same words: this is for parts, and for what a
 * manager that died had not begun.  The end begins once.) */
static void
act(struct unit *u, unsigned due)
{
	const struct unit_conf *conf = u->svc_conf != NULL ? u->svc_conf : u->conf;
	bool limit =
	    u->svc != NULL && svc_memory(u->svc)->result == SVC_RESULT_START_LIMIT;
	const char *why = u->svc != NULL ? svc_why(u->svc) : u->part->why;
	bool down = unit_active(u) == SVC_ACTIVE_INACTIVE;

	if ((due & SVC_DUE_FAILURE) != 0) {
		if (limit)
			end_by_unit(u, conf->rules->start_limit_action, -1, why);
		end_by_unit(u, conf->rules->failure_action,
		    conf->rules->failure_action_status, why);
	}
	/* (Not before a restart.) */
	if ((due & SVC_DUE_SUCCESS) != 0 && down)
		end_by_unit(u, conf->rules->success_action,
		    conf->rules->success_action_status, why);
}

void
bond_ends_look(struct unit *u)
{
	uint64_t since_us = 0;
	unsigned due = due_of(u, &since_us);

	if (due == 0 || bond_of(u)->begun_us == since_us)
		return;
	bond_of(u)->begun_us = since_us;
	act(u, due);
	if (u->manager->shutdown != NULL)
		return;
	begin(u, since_us, (due & SVC_DUE_SUCCESS) == 0);
}
