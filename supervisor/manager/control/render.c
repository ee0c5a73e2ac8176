/*
 * render: units as JSON.  The light form is kept with the unit until something happens to
 * it, so that a list of a thousand is a thousand copies of text.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/layout.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/hex.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "manager/adopt.h"
#include "manager/budgets.h"
#include "manager/control/control_int.h"
#include "manager/drain.h"
#include "manager/emergency.h"
#include "manager/freeze.h"
#include "manager/groups.h"
#include "manager/hold.h"
#include "manager/instances.h"
#include "manager/jitter.h"
#include "manager/job/job.h"
#include "manager/record/history.h"
#include "manager/requests.h"
#include "manager/scan.h"
#include "manager/service/procfs.h"
#include "manager/service/service.h"
#include "manager/sessions.h"
#include "manager/tell.h"
#include "unit/load.h"
#include "unit/name.h"

enum {
	PROCESSES_MAX = 64,
	CGROUP_FILE_MAX = 4096,
};

/* ---- the parts ---- */

void
render_time(struct jw *w, const char *key, uint64_t wall_us)
{
	char text[CLOCK_TEXT_MAX];

	if (wall_us == 0)
		jw_kv_null(w, key);
	else
		jw_kv_str(w, key, clock_format_utc(text, sizeof(text), wall_us));
}

const char *
render_active(const struct unit *u)
{
	if (u->svc != NULL)
		return svc_active_name(svc_active(u->svc));
	return u->conf->builtin ? "active" : "inactive";
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
	return u->conf->builtin ? "active" : "dead";
}

const char *
render_result(const struct unit *u)
{
	return svc_result_name(
	    u->svc == NULL ? SVC_RESULT_SUCCESS : svc_memory(u->svc)->result);
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

const char *
render_why(const struct unit *u)
{
	static char text[128];

	if (jitter_waits(u) && !unit_is_running(u))
		return jitter_why(u, true, text, sizeof(text));
	return why_of(u);
}

const char *
render_enabled(const struct unit *u)
{
	if (u->flag[WISH_FLAG_MASKED] || u->conf->load_state == UNIT_MASKED)
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
	if (u->flag[WISH_FLAG_ENABLED] || unit_has_install(u) || member_is_named(u) ||
	    instances_is_on(u))
		return "enabled";
	return u->conf->rules->has_install ? "disabled" : "static";
}

static bool
ever_ran(const struct unit *u)
{
	return u->svc != NULL && svc_memory(u->svc)->ref[0] != '\0';
}

static void
log_name_of(const struct unit *u, char dst[LAYOUT_NAME_MAX + 1])
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

	if (!ever_ran(u) || !layout_ref_is_valid(svc_memory(u->svc)->ref))
		return NULL;
	log_name_of(u, name);
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
	render_time(w, "at", wall_us);
	if (duration_us == 0)
		jw_kv_null(w, "duration_ms");
	else
		jw_kv_u64(w, "duration_ms", duration_us / USEC_PER_MSEC);
}

/* pid, invocation, ref, log, restarts, since: what both forms have. */
static void
write_run(const struct unit *u, struct jw *w)
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
	jw_kv_str(w, "log", log);
	free(log);
	jw_kv_i64(w, "restarts", mem == NULL ? 0 : mem->restarts);
	render_time(w, "since", mem == NULL ? 0 : mem->changed_wall_us);
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
	if (unit_is_summarised(u))
		jw_kv_bool(w, "summary", true);
}

/* An errno: its lines are not written; 0: they are. */
static int
log_error(const struct unit *u)
{
	return u->log_err != 0 && u->svc != NULL &&
		       svc_memory(u->svc)->slot == u->log_err_slot
		   ? u->log_err
		   : 0;
}

/* What is wrong with the log, for those whose lines wait or were dropped. */
static void
write_log_problem(const struct control *c, const struct unit *u, struct jw *w)
{
	struct table *t = c->m->table;
	uint32_t slot = u->svc == NULL ? SLOT_NONE : svc_memory(u->svc)->slot;
	uint64_t lines = 0, bytes = 0;
	int err = log_error(u);

	if (t != NULL && slot < table_used(t))
		for (int i = 0; i < 2; i++) {
			const struct stream_log *s = &table_slot(t, slot)->log.stream[i];

			lines += s->dropped_lines;
			bytes += s->dropped_bytes;
		}
	if (err == 0 && lines == 0)
		return;
	jw_kv_obj(w, "log_problem");
	if (err != 0)
		jw_kv_str(w, "error", strerror(err));
	jw_kv_u64(w, "dropped_lines", lines);
	jw_kv_u64(w, "dropped_bytes", bytes);
	jw_end(w);
}

/* Where its session is recorded, and why it is not. */
static void
write_recording(const struct unit *u, struct jw *w)
{
	char name[LAYOUT_NAME_MAX + 1], day[PROTO_DAY_MAX], path[LAYOUT_PATH_MAX];
	unsigned alt;
	int err;

	if (!session_cast(u, day, &alt, &err))
		return;
	log_name_of(u, name);
	if (day[0] != '\0')
		jw_kv_strf(w, "recording", "%s/%s", u->manager->root_path,
		    layout_cast_path(
			path, sizeof(path), day, svc_memory(u->svc)->ref, name, alt));
	if (err != 0)
		jw_kv_str(w, "recording_problem", strerror(err));
}

/* Where there is room for one reason, it is the one that something can be done about. */
static const char *
brief_why(const struct unit *u)
{
	static char text[128];

	if (log_error(u) != 0) {
		snprintf(text, sizeof(text), "its log cannot be written: %s",
		    strerror(log_error(u)));
		return text;
	}
	if (hold_keeps_down(u) || freeze_is_on(u))
		return hold_why(u);
	/* It is kept for a while: no time from now on. */
	if (jitter_waits(u) && !unit_is_running(u))
		return jitter_why(u, false, text, sizeof(text));
	return why_of(u);
}

void
render_brief_to(const struct unit *u, struct jw *w)
{
	write_head(u, w);
	jw_kv_str(w, "enabled", render_enabled(u));
	jw_kv_str(w, "result", render_result(u));
	write_run(u, w);
	session_render_brief(u, w);
	jw_kv_str(w, "why", brief_why(u));
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
	render_time(w, "since", mem == NULL ? 0 : mem->changed_wall_us);
	if (log_error(u) != 0)
		jw_kv_bool(w, "log_problem", true);
	if (log_error(u) != 0 || freeze_is_on(u) ||
	    strcmp(render_active(u), "active") != 0)
		jw_kv_str(w, "why", brief_why(u));
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

/* ---- the full form ---- */

/* t NULL: none can have come with it. */
static void
write_one_wish(struct jw *w, const struct unit *u, const char *what, const char *undo,
    const struct wish_who *who, const struct wish_terms *t)
{
	jw_kv_obj(w, "wish");
	jw_kv_str(w, "what", what);
	jw_kv_strf(w, "who", "%s (%s)", who->name, who->command);
	render_time(w, "since", who->wall_us);
	jw_kv_strf(w, "undo", "supctl %s %s", undo, u->name);
	jw_kv_str(w, "reason", t == NULL ? NULL : t->reason);
	render_time(w, "until", t == NULL ? 0 : t->until_wall_us);
	jw_end(w);
}

/* The decision of a person that matters most for what is seen now. */
static void
write_wish(struct jw *w, const struct unit *u)
{
	static const struct {
		enum wish_flag flag;
		const char *undo;
	} flags[] = {
		{ WISH_FLAG_DRAINING, "start" },
		{ WISH_FLAG_FROZEN, "thaw" },
		{ WISH_FLAG_HELD, "release" },
		{ WISH_FLAG_MASKED, "unmask" },
		{ WISH_FLAG_DISABLED, "enable" },
	};

	if (emergency_why(u) != NULL) {
		const struct wish_who *who = emergency_who(u);

		jw_kv_obj(w, "wish");
		jw_kv_str(w, "what", "emergency-stop");
		jw_kv_strf(w, "who", "%s (%s)", who->name, who->command);
		render_time(w, "since", who->wall_us);
		jw_kv_str(w, "undo", emergency_undo(u));
		jw_kv_str(w, "reason", emergency_why(u));
		jw_kv_null(w, "until");
		jw_end(w);
		return;
	}
	if (u->wish == WISH_STOPPED && hold_why(u) == NULL) {
		write_one_wish(w, u, wish_name(u->wish), "start", &u->wish_who, NULL);
		return;
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		enum wish_flag f = flags[i].flag;

		if (!u->flag[f])
			continue;
		write_one_wish(
		    w, u, wish_flag_name(f), flags[i].undo, u->flag_who[f], &u->terms[f]);
		return;
	}
	if (u->wish == WISH_STARTED)
		write_one_wish(w, u, wish_name(u->wish), "stop", &u->wish_who, NULL);
	else if (u->flag[WISH_FLAG_ENABLED])
		write_one_wish(w, u, wish_flag_name(WISH_FLAG_ENABLED), "disable",
		    u->flag_who[WISH_FLAG_ENABLED], NULL);
	else
		jw_kv_null(w, "wish");
}

static void
write_health(struct jw *w, const struct unit *u)
{
	struct svc_health h = { 0 };
	uint64_t now_us = clock_mono_us();

	if (u->svc != NULL)
		svc_health(u->svc, &h);
	if (!h.configured) {
		jw_kv_null(w, "health");
		return;
	}
	jw_kv_obj(w, "health");
	jw_kv_str(w, "state", !h.known ? "unknown" : h.ok ? "good" : "bad");
	jw_kv_str(w, "evidence", h.evidence == NULL ? "" : h.evidence);
	jw_kv_u64(w, "age_ms",
	    h.known && now_us > h.at_us ? (now_us - h.at_us) / USEC_PER_MSEC : 0);
	jw_end(w);
}

static const char *
kind_of(const struct svc_memory *mem, int32_t pid)
{
	return pid == mem->main_pid      ? "main"
	       : pid == mem->control_pid ? "control"
					 : "other";
}

static void
write_process(struct jw *w, const struct svc_memory *mem, int32_t pid, bool wchan)
{
	struct procfs_stat st;
	struct buf text = { 0 };
	char path[64];

	if (procfs_stat(pid, &st) == -1)
		return;
	jw_obj(w);
	jw_kv_i64(w, "pid", pid);
	jw_kv_str(w, "kind", kind_of(mem, pid));
	jw_kv_str(w, "command", st.comm);
	snprintf(path, sizeof(path), "/proc/%d/wchan", (int)pid);
	if (wchan && file_read_follow_at(AT_FDCWD, path, 256, &text) == 0 && text.len > 0)
		jw_kv_strn(w, "wchan", buf_str(&text), strcspn(buf_str(&text), "\n"));
	else
		jw_kv_null(w, "wchan");
	jw_end(w);
	buf_free(&text);
}

/*
 * The pids of the unit: of its cgroup, else those that init watches.  Only where nothing
 * is told by these, which is rare, all of /proc is searched.  Returns how many there are
 * (v holds the first ones).
 */
static size_t
unit_pids(const struct unit *u, int cgroup_fd, int32_t v[PROCESSES_MAX])
{
	const struct svc_memory *mem = svc_memory(u->svc);
	size_t n = 0;

	if (cgroup_fd != -1)
		return procfs_cgroup_pids(cgroup_fd, v, PROCESSES_MAX);
	if (mem->main_pid > 0)
		v[n++] = mem->main_pid;
	if (mem->control_pid > 0)
		v[n++] = mem->control_pid;
	if (mem->leftover > 0 || (n == 0 && unit_is_running(u)))
		n = scan_find(u->manager, mem->slot, v, PROCESSES_MAX);
	return n;
}

/* A number from a file of the cgroup, behind key if that is not NULL. */
static void
write_cgroup_number(
    struct jw *w, const char *name, int cgroup_fd, const char *file, const char *key)
{
	struct buf text = { 0 };
	const char *p;
	char *end;
	unsigned long long v;

	if (cgroup_fd == -1 ||
	    file_read_follow_at(cgroup_fd, file, CGROUP_FILE_MAX, &text) == -1)
		goto none;
	p = key == NULL ? buf_str(&text) : strstr(buf_str(&text), key);
	if (p == NULL)
		goto none;
	p += key == NULL ? 0 : strlen(key);
	v = strtoull(p, &end, 10);
	if (end == p)
		goto none;
	jw_kv_u64(w, name, v);
	buf_free(&text);
	return;
none:
	jw_kv_null(w, name);
	buf_free(&text);
}

static void
write_processes(struct jw *w, const struct unit *u)
{
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);
	int cgroup_fd = mem == NULL || mem->slot == SLOT_NONE
			    ? -1
			    : adopt_slot_cgroup(u->manager, mem->slot);
	int32_t pids[PROCESSES_MAX];
	size_t n =
	    mem == NULL || mem->slot == SLOT_NONE ? 0 : unit_pids(u, cgroup_fd, pids);
	size_t shown = n < PROCESSES_MAX ? n : PROCESSES_MAX;

	jw_kv_str(w, "containment",
	    cgroup_fd != -1 || (u->manager->cgroup_fd != -1 && n == 0) ? "cgroup"
								       : "best-effort");
	jw_kv_u64(w, "procs", n);
	jw_kv_arr(w, "processes");
	for (size_t i = 0; i < shown; i++)
		write_process(w, mem, pids[i], false);
	jw_end(w);
	write_cgroup_number(w, "memory_bytes", cgroup_fd, "memory.current", NULL);
	write_cgroup_number(w, "cpu_us", cgroup_fd, "cpu.stat", "usage_usec ");
	jw_kv_arr(w, "survivors");
	for (size_t i = 0; mem != NULL && mem->leftover > 0 && i < shown; i++)
		write_process(w, mem, pids[i], true);
	jw_end(w);
}

/* How the main process ended; of one that runs, how the one before it did. */
static void
write_last_exit(struct jw *w, const struct unit *u, const struct svc_memory *mem)
{
	const struct history_run *run = NULL;
	struct svc_exit x = mem->main_exit;
	uint64_t begin_us = mem->main_started_wall_us;
	char text[128];

	for (size_t i = 0; x.how == 0; i++) {
		run = history_run(u->manager->history, u->name, i);
		if (run == NULL)
			break;
		x = (struct svc_exit){
			.how = (uint32_t)run->how,
			.status = run->status,
			.wall_us = run->wall_end_us,
		};
		begin_us = run->wall_start_us;
	}
	if (x.how == 0) {
		jw_kv_null(w, "main_exit");
		return;
	}
	jw_kv_obj(w, "main_exit");
	render_exit(w, (int)x.how, x.status, x.wall_us,
	    begin_us != 0 && x.wall_us > begin_us ? x.wall_us - begin_us : 0,
	    svc_exit_text(&x, text, sizeof(text)));
	jw_end(w);
}

static void
write_ends(struct control *c, struct jw *w, const struct unit *u)
{
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);
	uint64_t next_us = u->svc == NULL ? 0 : svc_next_restart_us(u->svc);
	uint64_t now_us = clock_mono_us();
	const char *tail = map_get(&c->tails, u->name);

	if (mem != NULL)
		write_last_exit(w, u, mem);
	else
		jw_kv_null(w, "main_exit");
	if (next_us == 0)
		jw_kv_null(w, "next_restart_ms");
	else
		jw_kv_u64(w, "next_restart_ms",
		    next_us > now_us ? (next_us - now_us) / USEC_PER_MSEC : 0);
	jw_kv_str(w, "stderr_tail", tail != NULL && *tail != '\0' ? tail : NULL);
}

static void
write_files(struct jw *w, const struct unit *u)
{
	const struct unit_conf *conf = u->conf;
	const struct unit_source *profile = unit_conf_profile(conf);

	jw_kv_str(w, "unit_file", conf->fragment);
	jw_kv_arr(w, "drop_ins");
	for (size_t i = 0; i < conf->n_sources; i++)
		if (conf->sources[i].ino != 0 && &conf->sources[i] != profile &&
		    (conf->fragment == NULL ||
			strcmp(conf->sources[i].path, conf->fragment) != 0))
			jw_str(w, conf->sources[i].path);
	jw_end(w);
	jw_kv_bool(w, "changed_on_disk", u->changed);
	jw_kv_bool(w, "transient", u->transient);
	instances_render(u, w);
	render_diagnostics(u, w);
}

static void
write_job(struct control *c, struct jw *w, const struct unit *u)
{
	struct job_unit *ju = jobs_unit_find(c->m->jobs, u->name);
	const struct job *j = ju == NULL ? NULL : job_unit_job(ju);

	if (j == NULL)
		jw_kv_null(w, "job");
	else
		jw_kv_strf(w, "job", "%s (%s)", job_type_name(job_type(j)),
		    job_is_running(j) ? "running" : "waiting");
}

void
render_status(struct control *c, struct unit *u, struct jw *w)
{
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);
	uint64_t now_us = clock_wall_us();
	char name[LAYOUT_NAME_MAX + 1], link[LAYOUT_PATH_MAX];

	jw_obj(w);
	jw_kv_str(w, "unit", u->name);
	jw_kv_str(w, "description", u->conf->description);
	jw_kv_str(w, "load_state", unit_load_state_name(u->conf->load_state));
	write_files(w, u);
	jw_kv_str(w, "enabled", render_enabled(u));
	jw_kv_str(w, "state", render_active(u));
	jw_kv_str(w, "substate", render_sub(u));
	jw_kv_str(w, "result", render_result(u));
	jw_kv_str(w, "why", render_why(u));
	write_run(u, w);
	log_name_of(u, name);
	jw_kv_strf(w, "log_link", "%s/%s", u->manager->root_path,
	    layout_link_path(link, sizeof(link), name));
	if (mem != NULL && mem->changed_wall_us != 0 && now_us > mem->changed_wall_us)
		jw_kv_u64(w, "age_ms", (now_us - mem->changed_wall_us) / USEC_PER_MSEC);
	else
		jw_kv_null(w, "age_ms");
	render_time(w, "started", mem == NULL ? 0 : mem->started_wall_us);
	write_wish(w, u);
	jw_kv_str(
	    w, "status_text", mem != NULL && mem->status[0] != '\0' ? mem->status : NULL);
	write_log_problem(c, u, w);
	write_recording(u, w);
	write_health(w, u);
	session_render(u, w);
	request_render(u, w);
	budget_render_status(u, w);
	drain_render(u, w);
	tell_render_signal(u, w);
	freeze_render(u, w);
	jw_kv_str(w, "group", unit_group(u));
	write_processes(w, u);
	write_ends(c, w, u);
	write_job(c, w, u);
	jw_end(w);
}
