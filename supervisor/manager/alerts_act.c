/*
 * alerts_act: what an alert starts: the unit of Start=, or the command of Exec=, as a
 * transient service of which there is one, so that it cannot run twice at once.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/alerts_int.h"
#include "manager/job/job.h"
#include "manager/manager.h"
#include "manager/service/memory.h"
#include "manager/service/service.h"
#include "manager/units.h"

enum { EVIDENCE_IN_ENV = 256 };

/* A job that is not done yet. */
struct acting {
	struct manager *m;
	char *alert, *starts;
	uint64_t fired_us;
};

static void
tell(struct manager *m, const char *alert, const char *starts, const char *result,
    const char *why)
{
	event_begin(m->events, EVENT_ALERT_ACTION, NULL, NULL);
	event_str(m->events, "alert", alert);
	event_str(m->events, "starts", starts);
	event_str(m->events, "result", result);
	event_str(m->events, "why", why);
	event_end(m->events);
}

/* Its end was told: no other manager starts it again. */
static void
forget_pending(struct manager *m, const char *alert, uint64_t fired_us)
{
	struct alerts *as = m->alerts;

	for (size_t i = 0; i < as->n; i++)
		if (strcmp(as->v[i].name, alert) == 0 && as->v[i].a->fired_us == fired_us)
			as->v[i].a->pending = false;
}

static void
on_done(void *arg, uint32_t id, enum job_result result, const char *message)
{
	struct acting *x = arg;

	(void)id;
	forget_pending(x->m, x->alert, x->fired_us);
	tell(x->m, x->alert, x->starts, job_result_name(result), message);
	free(x->alert);
	free(x->starts);
	free(x);
}

/* ---- what it is told ---- */

/* In one line. */
static void
put_line(struct buf *b, const char *text, size_t max)
{
	size_t n = utf8_head(text, strlen(text), max);

	for (size_t i = 0; i < n; i++)
		buf_addc(b, (unsigned char)text[i] < ' ' ? ' ' : text[i]);
}

/* The time makes each firing another one. */
static char *
environment(const struct watched *w)
{
	struct buf b = { 0 };

	buf_addf(&b, "ALERT_NAME=%s\nALERT_EVIDENCE=", w->name);
	put_line(&b, w->a->evidence, EVIDENCE_IN_ENV);
	buf_addf(&b, "\nALERT_USEC=%" PRIu64, w->a->fired_us);
	return buf_take(&b);
}

/* The event, for the standard input: as a value of StandardInputText=. */
static void
put_input(struct buf *out, const struct watched *w)
{
	struct jw *j = jw_new(JW_COMPACT);
	char ts[CLOCK_TEXT_MAX];
	struct buf text = { 0 };

	jw_obj(j);
	jw_kv_str(j, "event", "alert");
	jw_kv_str(j, "ts", clock_format_utc(ts, sizeof(ts), w->a->fired_us));
	jw_kv_str(j, "alert", w->name);
	jw_kv_str(j, "evidence", w->a->evidence);
	jw_kv_str(j, "until", clock_format_utc(ts, sizeof(ts), w->a->until_us));
	jw_kv_u64(j, "fired", w->a->fired_n);
	jw_end(j);
	jw_take(j, &text);
	jw_free(j);
	for (size_t i = 0; i < text.len; i++) {
		char c = buf_str(&text)[i];

		if (c == '\\' || c == '%')
			buf_addc(out, c);
		buf_addc(out, c);
	}
	buf_free(&text);
}

/* The service of a command, made anew, which the alert alone limits; NULL and *err
 * (malloc'd): not now. */
static struct unit *
make_service(struct manager *m, const struct watched *w, char **err)
{
	const struct alert_conf *c = w->a->conf;
	struct buf text = { 0 };
	struct unit *u;

	buf_addf(&text,
	    "[Unit]\nDescription=Command of alert %s\nStartLimitIntervalSec=0\n"
	    "[Service]\nType=oneshot\n"
	    "TimeoutStartSec=%" PRIu64 "us\nStandardInput=data\nStandardInputText=",
	    w->name, c->timeout_us);
	put_input(&text, w);
	buf_addf(&text, "\nExecStart=%s\n", c->exec);
	u = unit_make_transient(m, w->starts, buf_str(&text), text.len, err);
	buf_free(&text);
	return u;
}

/* ---- starting ---- */

/* NULL: it may be started; else why not (static text). */
static const char *
refusal(const struct manager *m, const struct unit *u)
{
	if (m->shutdown != NULL)
		return "the instance ends";
	if (m->safe_mode)
		return "safe mode: nothing is started";
	if (u != NULL && u->wish == WISH_STOPPED)
		return "a person stopped it, and nothing else starts it";
	return NULL;
}

static struct unit *
find(struct manager *m, const struct watched *w, char **err)
{
	struct unit *u;

	if (refusal(m, NULL) != NULL) {
		*err = xstrdup(refusal(m, NULL));
		return NULL;
	}
	if (w->a->conf->exec != NULL)
		return make_service(m, w, err);
	u = unit_get(m, w->starts);
	if (u == NULL || refusal(m, u) != NULL) {
		*err = xstrdup(u == NULL ? "there is no such unit" : refusal(m, u));
		return NULL;
	}
	return u;
}

static void
start(struct alerts *as, struct watched *w, struct unit *u)
{
	char *env = environment(w), *origin = xasprintf("alert %s", w->name);
	struct acting *x = xcalloc(1, sizeof(*x));
	struct job_request r = {
		.type = JOB_START, .mode = JOB_AUTOMATIC, .env = env, .origin = origin
	};
	struct buf why = { 0 };

	*x = (struct acting){ as->m, xstrdup(w->name), xstrdup(w->starts),
		w->a->fired_us };
	if (job_request(as->m->jobs, u->job_unit, &r, on_done, x, &why) == 0) {
		w->a->pending = false;
		tell(as->m, w->name, w->starts, "refused", buf_str(&why));
		free(x->alert);
		free(x->starts);
		free(x);
	}
	buf_free(&why);
	free(origin);
	free(env);
}

void
alerts_act(struct alerts *as, struct watched *w)
{
	char *err = NULL;
	struct unit *u;

	w->a->pending = w->starts != NULL;
	if (w->starts == NULL)
		return;
	u = find(as->m, w, &err);
	if (u != NULL) {
		start(as, w, u);
		return;
	}
	w->a->pending = false;
	tell(as->m, w->name, w->starts, "refused", err);
	free(err);
}

void
alerts_act_again(struct alerts *as, struct watched *w)
{
	struct unit *u = w->starts == NULL ? NULL : unit_get(as->m, w->starts);
	char *env = environment(w);
	bool was = u != NULL && u->svc != NULL &&
		   strcmp(svc_memory(u->svc)->start_env, env) == 0;

	free(env);
	if (!was) {
		alerts_act(as, w);
		return;
	}
	/* By the manager that died since. */
	w->a->pending = false;
	tell(as->m, w->name, w->starts, "started", NULL);
}
