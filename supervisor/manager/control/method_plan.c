/*
 * Unit.Plan: what a request would do, without doing it.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "manager/control/control_int.h"
#include "manager/job/job.h"

struct showing {
	struct jw *w;
	bool left_out; /* the list of what is left out was begun */
};

static void
begin_left_out(struct showing *s)
{
	if (s->left_out)
		return;
	s->left_out = true;
	jw_end(s->w);
	jw_kv_arr(s->w, "left_out");
}

/* What is left out comes last. */
static void
put_part(void *arg, const struct job_planned *p)
{
	struct showing *s = arg;

	if (p->left_out != NULL)
		begin_left_out(s);
	jw_obj(s->w);
	jw_kv_str(s->w, "unit", job_unit_name(p->unit));
	jw_kv_str(s->w, "type", job_type_name(p->type));
	jw_kv_str(s->w, "by", p->by != NULL ? job_unit_name(p->by) : NULL);
	jw_kv_str(s->w, "because", p->because);
	jw_kv_str(s->w, "why", p->left_out);
	jw_end(s->w);
}

static void
put_plan(struct jw *w, struct unit *u, const struct job_request *r)
{
	char *refusal = control_job_refusal(r->type, u);
	struct showing s = { .w = w };
	struct buf why = { 0 };

	jw_obj(w);
	jw_kv_str(w, "unit", u->name);
	jw_kv_arr(w, "jobs");
	if (refusal != NULL)
		buf_adds(&why, refusal);
	else
		(void)job_plan(u->manager->jobs, u->job_unit, r, put_part, &s, &why);
	begin_left_out(&s);
	jw_end(w);
	jw_kv_str(w, "refused", why.len > 0 ? buf_str(&why) : NULL);
	jw_end(w);
	free(refusal);
	buf_free(&why);
}

static bool
can_be_asked_for(const char *name, enum job_type *type)
{
	return name != NULL && job_type_parse(name, type) == 0 &&
	       *type != JOB_VERIFY_ACTIVE;
}

void
method_unit_plan(struct call *call, void *arg)
{
	struct control *c = arg;
	struct job_request r = { .origin = "a look ahead" };
	struct selection s;
	bool starts;
	struct jw *w;

	if (!can_be_asked_for(jv_str(jv_get(call_params(call), "type"), NULL), &r.type)) {
		call_invalid(call, "type", "not a type of job");
		return;
	}
	if (control_job_how(call, &r.how) == -1)
		return;
	starts = r.type == JOB_START || r.type == JOB_RESTART ||
		 r.type == JOB_RELOAD_OR_RESTART;
	if (select_units(c, call, starts ? SELECT_START : SELECT_LOADED, &s) == -1) {
		selection_clear(&s);
		return;
	}
	w = call_begin(call);
	jw_kv_arr(w, "plans");
	for (size_t i = 0; i < s.n; i++)
		put_plan(w, s.v[i], &r);
	jw_end(w);
	selection_clear(&s);
	call_reply(call);
}
