/*
 * render: units as JSON in their light form, and what all forms have.  The light form is
 * kept with the unit until something happens to it, so that a list of a thousand is a
 * thousand copies of text.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/layout.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/instances.h"
#include "manager/job/job.h"
#include "manager/links.h"
#include "manager/part/pools.h"
#include "manager/record/history.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/wish/freeze.h"
#include "manager/wish/groups.h"
#include "manager/wish/hold.h"
#include "manager/wish/jitter.h"
#include "unit/load.h"
#include "unit/name.h"

enum { STDERR_LINE_MAX = 160 };

/* ---- the parts ---- */

const char *
render_active(const struct unit *u)
{
	return svc_active_name(unit_active(u));
}

const char *
render_sub(const struct unit *u)
{
	if (hold_keeps_down(u))
		return "held";
	if (freeze_is_on(u))
		return "frozen";
	if (jitter_waits(u) && !unit_is_running(u))
		return "queued";
	if (u->svc != NULL)
		return svc_state_name(svc_state(u->svc));
	return u->part != NULL ? u->part->kind->sub(u->part) : "dead";
}

const char *
render_result(const struct unit *u)
{
	if (u->part != NULL)
		return u->part->result;
	return svc_result_name(
	    u->svc == NULL ? SVC_RESULT_SUCCESS : svc_memory(u->svc)->result);
}

uint64_t
render_since_us(const struct unit *u)
{
	const struct svc_memory *mem;

	if (u->part != NULL)
		return part_is_up(u->part) ? u->part->active_wall_us
					   : u->part->changed_wall_us;
	if (u->svc == NULL)
		return 0;
	mem = svc_memory(u->svc);
	switch (svc_state_active(mem->state)) {
	case SVC_ACTIVE_ACTIVE:
	case SVC_ACTIVE_RELOADING:
		return mem->active_wall_us != 0 ? mem->active_wall_us
						: mem->changed_wall_us;
	default:
		return mem->changed_wall_us;
	}
}

/* But for the time that its start waits. */
static const char *
why_of(const struct unit *u)
{
	bool at_rest = u->svc == NULL || svc_state(u->svc) == SVC_DEAD;

	if (unit_name_is_template(u->name) && u->conf->load_state == UNIT_LOADED)
		return "a template: what runs are its instances";
	/* What happened says more than its file, but where nothing goes on. */
	if (u->svc != NULL && (!at_rest || u->conf->load_state == UNIT_LOADED))
		return svc_why(u->svc);
	if (u->part != NULL && u->part->why[0] != '\0')
		return u->part->why;
	switch (u->conf->load_state) {
	case UNIT_LOADED:
		return u->conf->builtin ? "supd knows it without a file"
					: "nothing of it runs";
	case UNIT_NOT_FOUND:
		return "there is no unit file";
	case UNIT_MASKED:
		return "its file is empty or a link to /dev/null";
	default:
		for (size_t i = 0; i < u->diags.n; i++)
			if (u->diags.v[i].level == DIAG_ERROR)
				return u->diags.v[i].text;
		return "its unit file is refused";
	}
}

/* Its place, and what keeps it from a slot. */
static const char *
queue_why(const struct unit *u)
{
	static char text[4 * SVC_WHY_MAX];
	struct buf why = { 0 };

	if (svc_memory(u->svc)->pool[0] == '\0')
		return why_of(u); /* no pool, but a phase */
	pools_why(u, &why);
	strlcpy(text, buf_str(&why), sizeof(text));
	buf_free(&why);
	return text;
}

const char *
render_why(const struct unit *u)
{
	static char text[2 * SVC_WHY_MAX];
	struct buf waits = { 0 };

	if (jitter_waits(u) && !unit_is_running(u))
		return jitter_why(u, true, text, sizeof(text));
	if (u->svc == NULL)
		return why_of(u);
	if (svc_is_queued(u->svc))
		return queue_why(u);
	svc_waits_for(u->svc, &waits);
	if (waits.len == 0)
		return why_of(u);
	snprintf(text, sizeof(text), "%s; waits for %s", why_of(u), buf_str(&waits));
	buf_free(&waits);
	return text;
}

const char *
render_enabled(const struct unit *u)
{
	if (u->flag[WISH_FLAG_MASKED])
		return "masked";
	if (unit_is_by_links(u) && !u->flag[WISH_FLAG_DISABLED] &&
	    !u->flag[WISH_FLAG_ENABLED])
		return links_state(u);
	if (u->conf->load_state == UNIT_MASKED)
		return "masked";
	if (u->conf->load_state == UNIT_NOT_FOUND && !u->conf->builtin)
		return "not-found";
	if (u->conf->load_state == UNIT_BAD_SETTING ||
	    u->conf->load_state == UNIT_LOAD_ERROR)
		return "bad";
	if (u->transient)
		return "transient";
	if (u->flag[WISH_FLAG_DISABLED])
		return "disabled";
	if (u->flag[WISH_FLAG_ENABLED] || member_is_named(u) || instances_is_on(u) ||
	    (unit_has_install(u) && unit_install_denied(u) == NULL))
		return "enabled";
	return u->conf->rules->has_install ? "disabled" : "static";
}

static bool
ever_ran(const struct unit *u)
{
	return u->svc != NULL && svc_memory(u->svc)->ref[0] != '\0';
}

void
render_log_name(const struct unit *u, char dst[LAYOUT_NAME_MAX + 1])
{
	if (u->svc != NULL && svc_memory(u->svc)->log_name[0] != '\0')
		layout_name(dst, LAYOUT_NAME_MAX + 1, svc_memory(u->svc)->log_name);
	else
		layout_name_of_unit(dst, LAYOUT_NAME_MAX + 1, u->name);
}

/* The day whose folder holds the log of the newest invocation. */
static void
log_day_of(const struct unit *u, char dst[CLOCK_DAY_MAX])
{
	const struct svc_memory *mem = svc_memory(u->svc);
	const struct manager *m = u->manager;

	if (mem->day[0] != '\0') {
		strlcpy(dst, mem->day, CLOCK_DAY_MAX);
		return;
	}
	/* The logger's own word, while it has the file open. */
	if (mem->slot != SLOT_NONE && mem->slot < table_used(m->table)) {
		const struct table_slot *s = table_slot(m->table, mem->slot);

		if (strcmp(s->conf.ref, mem->ref) == 0 &&
		    layout_day_is_valid(s->log.day)) {
			strlcpy(dst, s->log.day, CLOCK_DAY_MAX);
			return;
		}
	}
	clock_day(dst, CLOCK_DAY_MAX,
	    mem->started_wall_us != 0 ? mem->started_wall_us : clock_wall_us());
}

char *
render_log_path(const struct unit *u)
{
	char name[LAYOUT_NAME_MAX + 1], day[CLOCK_DAY_MAX], path[LAYOUT_PATH_MAX];

	/* (What a scope writes goes where it went before it was one.) */
	if (u->conf->type == UNIT_SCOPE || !ever_ran(u) ||
	    !layout_ref_is_valid(svc_memory(u->svc)->ref))
		return NULL;
	render_log_name(u, name);
	log_day_of(u, day);
	layout_log_path(path, sizeof(path), day, svc_memory(u->svc)->ref, name,
	    svc_memory(u->svc)->log_alt);
	return xasprintf("%s/%s", u->manager->root_path, path);
}

void
render_exit(struct jw *w, int how, int status, uint64_t wall_us, uint64_t duration_us,
    const char *text)
{
	char name[32];

	jw_kv_str(w, "how", history_how_name(how));
	if (how == EXIT_EXITED)
		jw_kv_i64(w, "exit_code", status);
	else
		jw_kv_null(w, "exit_code");
	if (how == EXIT_KILLED || how == EXIT_DUMPED)
		jw_kv_str(w, "signal", svc_signal_name(status, name, sizeof(name)));
	else
		jw_kv_null(w, "signal");
	jw_kv_str(w, "text", text);
	jw_kv_time(w, "at", wall_us);
	if (duration_us == 0)
		jw_kv_null(w, "duration_ms");
	else
		jw_kv_u64(w, "duration_ms", duration_us / USEC_PER_MSEC);
}

/* The further runs that its job has taken, and how many there are; null without them. */
static void
write_retry(const struct unit *u, struct jw *w)
{
	const struct unit_conf *conf = u->svc == NULL ? NULL : svc_conf(u->svc);

	if (conf == NULL || conf->service->retries == 0) {
		jw_kv_null(w, "retry");
		return;
	}
	jw_kv_obj(w, "retry");
	jw_kv_i64(w, "used", svc_memory(u->svc)->retry);
	jw_kv_i64(w, "of", conf->service->retries);
	jw_end(w);
}

/* pid, invocation, ref, log, restarts, retry, since: what both forms have. */
void
render_run(const struct unit *u, struct jw *w)
{
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);
	char id[HEX_ID_SIZE], *log = render_log_path(u);

	if (mem != NULL && mem->main_pid > 0)
		jw_kv_i64(w, "pid", mem->main_pid);
	else
		jw_kv_null(w, "pid");
	if (ever_ran(u)) {
		hex_encode(id, mem->invocation, sizeof(mem->invocation));
		jw_kv_str(w, "invocation", id);
		jw_kv_str(w, "ref", mem->ref);
	} else {
		jw_kv_null(w, "invocation");
		jw_kv_null(w, "ref");
	}
	jw_kv_str(w, "run", unit_run(u));
	jw_kv_str(w, "log", log);
	free(log);
	jw_kv_i64(w, "restarts", mem == NULL ? 0 : mem->restarts);
	write_retry(u, w);
	jw_kv_time(w, "since", render_since_us(u));
}

void
render_diagnostics(const struct unit *u, struct jw *w)
{
	jw_kv_arr(w, "diagnostics");
	for (size_t i = 0; i < u->diags.n; i++) {
		char *line = diag_format(&u->diags.v[i]);

		jw_str(w, line);
		free(line);
	}
	jw_end(w);
}

/* ---- the light form ---- */

void
render_forget(struct unit *u)
{
	unit_render_drop(u);
}

void
render_took(const struct unit *u, struct jw *w)
{
	uint64_t took_us = u->svc == NULL ? 0 : svc_took_us(svc_memory(u->svc));

	if (took_us != 0)
		jw_kv_u64(w, "took_ms", took_us / USEC_PER_MSEC);
}

/* Of a unit that failed, the last line that it wrote to stderr: the reason, as a rule. */
static void
write_stderr_line(const struct unit *u, struct jw *w)
{
	const struct control *c = u->manager->control;
	const char *tail = c == NULL || unit_active(u) != SVC_ACTIVE_FAILED
			       ? NULL
			       : map_get(&c->tails, u->name);
	size_t end = tail == NULL ? 0 : strlen(tail), from;

	while (end > 0 && strchr(" \t\r\n", tail[end - 1]) != NULL)
		end--;
	for (from = end; from > 0 && tail[from - 1] != '\n';)
		from--;
	if (end > from)
		jw_kv_strn(w, "stderr_line", tail + from,
		    utf8_head(tail + from, end - from, STDERR_LINE_MAX));
}

/* What both forms begin with; the object stays open. */
static void
write_head(const struct unit *u, struct jw *w)
{
	jw_obj(w);
	jw_kv_str(w, "unit", u->name);
	jw_kv_str(w, "description", u->conf->description);
	jw_kv_str(w, "load_state", unit_load_state_name(u->conf->load_state));
	jw_kv_str(w, "state", render_active(u));
	jw_kv_str(w, "substate", render_sub(u));
	if (unit_group(u) != NULL)
		jw_kv_str(w, "group", unit_group(u));
	if (unit_group_place(u) != 0)
		jw_kv_u64(w, "group_place", unit_group_place(u));
	render_took(u, w);
	if (u->svc != NULL && svc_memory(u->svc)->stopped)
		jw_kv_bool(w, "stopped", true);
	write_stderr_line(u, w);
	if (unit_is_summarised(u))
		jw_kv_bool(w, "summary", true);
}

/* An errno: its lines are not written; 0: they are. */
int
render_log_error(const struct unit *u)
{
	return u->log_err != 0 && u->svc != NULL &&
		       svc_memory(u->svc)->slot == u->log_err_slot
		   ? u->log_err
		   : 0;
}

/* Where there is room for one reason, it is the one that something can be done about. */
static const char *
brief_why(const struct unit *u)
{
	static char text[128];

	if (render_log_error(u) != 0) {
		snprintf(text, sizeof(text), "its log cannot be written: %s",
		    open_error(render_log_error(u)));
		return text;
	}
	if (hold_keeps_down(u) || freeze_is_on(u))
		return hold_why(u);
	/* It is kept for a while: no time from now on. */
	if (jitter_waits(u) && !unit_is_running(u))
		return jitter_why(u, false, text, sizeof(text));
	if (u->svc != NULL && svc_is_queued(u->svc))
		return queue_why(u);
	return why_of(u);
}

/* It runs on; its next start is what somebody does not want. */
static void
write_held(const struct unit *u, struct jw *w)
{
	const char *why = hold_why(u);

	if (why != NULL && !hold_keeps_down(u) && !freeze_is_on(u))
		jw_kv_str(w, "held", why);
}

void
render_brief_to(const struct unit *u, struct jw *w)
{
	write_head(u, w);
	jw_kv_str(w, "enabled", render_enabled(u));
	jw_kv_str(w, "result", render_result(u));
	render_run(u, w);
	session_render_brief(u, w);
	render_part(u, w);
	jw_kv_str(w, "why", brief_why(u));
	write_held(u, w);
	jw_kv_str(w, "source", member_source(u));
	jw_end(w);
}

/* What a table shows of it, and no more: most lists are for one. */
static void
write_short(const struct unit *u, struct jw *w)
{
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);

	write_head(u, w);
	if (mem != NULL && mem->main_pid > 0)
		jw_kv_i64(w, "pid", mem->main_pid);
	jw_kv_i64(w, "restarts", mem == NULL ? 0 : mem->restarts);
	if (mem != NULL && mem->retry > 0)
		write_retry(u, w);
	jw_kv_time(w, "since", render_since_us(u));
	if (render_log_error(u) != 0)
		jw_kv_bool(w, "log_problem", true);
	if (render_log_error(u) != 0 || freeze_is_on(u) ||
	    strcmp(render_active(u), "active") != 0)
		jw_kv_str(w, "why", brief_why(u));
	write_held(u, w);
	session_render_brief(u, w);
	if (u->flag[WISH_FLAG_MASKED] || u->flag[WISH_FLAG_DISABLED])
		jw_kv_str(w, "enabled", render_enabled(u));
	if (member_source(u) != NULL)
		jw_kv_str(w, "source", member_source(u));
	jw_end(w);
}

const char *
render_brief(struct unit *u, bool in_short, struct jw *w, size_t *len)
{
	/* Its place is another one whenever somebody before it has gone. */
	if (u->svc != NULL && svc_is_queued(u->svc))
		unit_render_drop(u);
	if (u->rendered[in_short] == NULL) {
		struct buf text = { 0 };

		if (in_short)
			write_short(u, w);
		else
			render_brief_to(u, w);
		jw_take(w, &text);
		u->rendered_len[in_short] = (uint32_t)text.len;
		u->rendered[in_short] = xmemdup(buf_str(&text), text.len + 1);
		buf_free(&text);
	}
	*len = u->rendered_len[in_short];
	return u->rendered[in_short];
}
