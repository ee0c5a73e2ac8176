/* method_history: io.supd.Unit.History: the last runs of a unit, and those of pipelines.
 */
#include <string.h>

#include "journal/layout.h"
#include "lib/clock.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/runid.h"
#include "manager/control/control_int.h"
#include "manager/record/history.h"
#include "manager/service/service.h"
#include "unit/conf.h"

struct stages {
	struct control *c;
	struct jw *w;
	const char *but;                  /* not this invocation, of this unit; or NULL */
	const struct history_run *but_of; /* likewise */
	int64_t left;                     /* so many more are shown */
	bool open;                        /* the array was begun */
};

static void
write_log(
    struct jw *w, struct manager *m, const char *unit, const struct history_run *run)
{
	char day[CLOCK_DAY_MAX], last[CLOCK_DAY_MAX], path[LAYOUT_PATH_MAX],
	    name[LAYOUT_NAME_MAX + 1];
	const struct unit *u = unit_find(m, unit);
	unsigned alt = 0;

	if (!layout_ref_is_valid(run->ref) || run->wall_start_us == 0) {
		jw_kv_null(w, "log");
		return;
	}
	/* Another name than it wanted is known of the newest only. */
	if (u != NULL && u->svc != NULL &&
	    memcmp(svc_memory(u->svc)->invocation, run->invocation,
		sizeof(run->invocation)) == 0)
		alt = svc_memory(u->svc)->log_alt;
	layout_name_of_unit(name, sizeof(name), unit);
	clock_day(day, sizeof(day), run->wall_start_us);
	jw_kv_strf(w, "log", "%s/%s", m->root_path,
	    layout_log_path(path, sizeof(path), day, run->ref, name, alt));
	if (run->wall_end_us == 0)
		return;
	clock_day(last, sizeof(last), run->wall_end_us);
	if (strcmp(last, day) != 0)
		jw_kv_strf(w, "log_last", "%s/%s", m->root_path,
		    layout_log_path(path, sizeof(path), last, run->ref, name, alt));
}

/* Members of the object that is open. */
static void
write_members(
    struct jw *w, struct manager *m, const char *unit, const struct history_run *run)
{
	struct svc_exit x = {
		.how = (uint32_t)run->how,
		.status = run->status,
	};
	char id[HEX_ID_SIZE], text[128];

	hex_encode(id, run->invocation, sizeof(run->invocation));
	jw_kv_str(w, "unit", unit);
	jw_kv_str(w, "run", run->run[0] == '\0' ? NULL : run->run);
	jw_kv_str(w, "ref", run->ref);
	jw_kv_str(w, "invocation", id);
	jw_kv_i64(w, "pid", run->pid);
	jw_kv_time(w, "start", run->wall_start_us);
	jw_kv_time(w, "end", run->wall_end_us);
	if (run->how != 0) {
		jw_kv_u64(w, "duration_ms", run->duration_us / USEC_PER_MSEC);
		jw_kv_obj(w, "exit");
		render_exit(w, run->how, run->status, run->wall_end_us, run->duration_us,
		    svc_exit_text(&x, text, sizeof(text)));
		jw_end(w);
	} else {
		jw_kv_null(w, "duration_ms");
		jw_kv_null(w, "exit");
	}
	jw_kv_str(w, "result", run->result[0] == '\0' ? NULL : run->result);
	if (run->maxrss_kib != 0) {
		jw_kv_u64(w, "cpu_us", run->cpu_us);
		jw_kv_u64(w, "maxrss_kib", run->maxrss_kib);
	} else {
		jw_kv_null(w, "cpu_us");
		jw_kv_null(w, "maxrss_kib");
	}
	write_log(w, m, unit, run);
}

static void
write_stage(void *arg, const char *unit, const struct history_run *run)
{
	struct stages *st = arg;

	if (st->left <= 0 ||
	    (st->but != NULL && run == st->but_of && strcmp(unit, st->but) == 0))
		return;
	if (!st->open)
		jw_kv_arr(st->w, st->but != NULL ? "stages" : "runs");
	st->open = true;
	st->left--;
	jw_obj(st->w);
	write_members(st->w, st->c->m, unit, run);
	jw_end(st->w);
}

/* One run of the unit, and what else was part of the same run of a pipeline. */
static void
write_run(
    struct control *c, struct jw *w, const char *unit, const struct history_run *run)
{
	struct stages st = {
		.c = c, .w = w, .but = unit, .but_of = run, .left = HISTORY_STAGES
	};

	jw_obj(w);
	write_members(w, c->m, unit, run);
	if (run->run[0] != '\0')
		history_each_of(c->m->history, run->run, write_stage, &st);
	if (st.open)
		jw_end(w);
	jw_end(w);
}

static void
of_run(struct control *c, struct call *call, const char *run, int64_t max)
{
	struct jw *w = call_begin(call);
	struct stages st = { .c = c, .w = w, .left = max };

	history_each_of(c->m->history, run, write_stage, &st);
	if (!st.open)
		jw_kv_arr(w, "runs");
	jw_end(w);
	call_reply(call);
}

void
method_unit_history(struct call *call, void *arg)
{
	struct control *c = arg;
	const struct jv *p = call_params(call);
	int64_t max = jv_i64(jv_get(p, "max"), HISTORY_RUNS);
	const char *id = jv_str(jv_get(p, "run"), NULL);
	const struct history_run *run;
	struct unit *u;
	struct jw *w;

	if (id != NULL && !run_id_is(id)) {
		call_invalid(call, "run", "expected the id of a run");
		return;
	}
	if (id != NULL) {
		of_run(c, call, id, jv_i64(jv_get(p, "max"), HISTORY_STAGES));
		return;
	}
	u = select_unit(c, call, "unit", SELECT_FILES);
	/* Of what has neither a file nor a past nothing can be said. */
	if (u != NULL && u->conf->load_state == UNIT_NOT_FOUND &&
	    history_run(c->m->history, u->name, 0) == NULL)
		u = select_unit(c, call, "unit", SELECT_LOADED | SELECT_FILES);
	if (u == NULL)
		return;
	w = call_begin(call);
	jw_kv_arr(w, "runs");
	for (size_t i = 0;
	     (int64_t)i < max && (run = history_run(c->m->history, u->name, i)) != NULL;
	     i++)
		write_run(c, w, u->name, run);
	jw_end(w);
	select_forget(c, u);
	call_reply(call);
}
