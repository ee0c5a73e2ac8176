/*
 * service_resume: whether a run goes on with what the one before it had begun
 * (ResumeExec=), or begins anew (ExecStart=).
 *
 * A run is taken for interrupted from its main process on until its end says otherwise,
 * so that a reboot and the death of all of supd need nobody to notice them.  Its end says
 * so when it ended well by itself, when a person stopped or restarted it, and when it had
 * nothing to do while supd stopped it for another reason.
 */
#include <inttypes.h>

#include "lib/clock.h"
#include "lib/hex.h"
#include "manager/service/service_int.h"

static bool
can_resume(const struct service_conf *c)
{
	return c->exec[EXEC_RESUME].n > 0 && c->type != SERVICE_ONESHOT &&
	       c->type != SERVICE_FORKING;
}

enum service_exec
svc_main_list(const struct service *s)
{
	return s->m.resumes && svc_sc(s)->exec[EXEC_RESUME].n > 0 ? EXEC_RESUME
								  : EXEC_START;
}

void
svc_resume_decide(struct service *s)
{
	const struct service_conf *c = svc_sc(s);
	struct svc_memory *m = &s->m;
	char hex[HEX_ID_SIZE];
	bool ever = false;

	for (size_t i = 0; i < sizeof(m->invocation); i++)
		ever |= m->invocation[i] != 0;
	hex_encode(hex, m->invocation, sizeof(m->invocation));
	svc_memory_text(&m->previous, SVC_ID_MAX, ever ? hex : NULL);
	m->idle = false;
	m->resumes = can_resume(c) && m->interrupted && m->resume_fails < c->resume_tries;
	if (m->resumes)
		return;
	/* What it would go on with is given up. */
	m->resume_fails = 0;
	m->interrupted = false;
	svc_memory_text(&m->session_id, SVC_SESSION_ID_MAX, NULL);
}

void
svc_resume_give_up(struct service *s)
{
	if ((s->down & SVC_DOWN_AUTOMATIC) == 0)
		s->m.interrupted = false;
}

void
svc_resume_on_stop(struct service *s)
{
	/* A person knows what is stopped, and why. */
	s->m.idle = (s->down & SVC_DOWN_AUTOMATIC) == 0 || s->ops->is_idle(s->arg);
}

/* It was cut before it can have done much: by what it resumed, maybe. */
static bool
was_quick(const struct service *s)
{
	const struct svc_memory *m = &s->m;

	return m->main_started_wall_us == 0 ||
	       m->ended_wall_us <
		   clock_add_us(m->main_started_wall_us, svc_sc(s)->resume_grace_us);
}

void
svc_resume_on_end(struct service *s)
{
	struct svc_memory *m = &s->m;

	if (m->result == SVC_RESULT_EXEC_CONDITION)
		return; /* it did not begin */
	if (m->forbid_restart ? m->idle : m->result == SVC_RESULT_SUCCESS)
		m->interrupted = false;
	if (!m->resumes || !m->interrupted || m->forbid_restart || !was_quick(s))
		m->resume_fails = 0;
	else if (m->resume_fails < UINT32_MAX)
		m->resume_fails++;
}
