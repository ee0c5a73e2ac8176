/*
 * render_status: a unit as JSON in its full form, with its processes, its wish and its
 * end.  Made anew each time it is asked for.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/layout.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "manager/budget/budgets.h"
#include "manager/conditions.h"
#include "manager/control/control_int.h"
#include "manager/instances.h"
#include "manager/job/job.h"
#include "manager/link/adopt.h"
#include "manager/record/history.h"
#include "manager/scan.h"
#include "manager/service/procfs.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/tell.h"
#include "manager/wish/drain.h"
#include "manager/wish/emergency.h"
#include "manager/wish/freeze.h"
#include "manager/wish/groups.h"
#include "manager/wish/hold.h"
#include "manager/wish/requests.h"
#include "unit/load.h"

enum {
	PROCESSES_MAX = 64,
	CGROUP_FILE_MAX = 4096,
};

/* What is wrong with the log, for those whose lines wait or were dropped. */
static void
write_log_problem(const struct control *c, const struct unit *u, struct jw *w)
{
	struct table *t = c->m->table;
	uint32_t slot = u->svc == NULL ? SLOT_NONE : svc_memory(u->svc)->slot;
	uint64_t lines = 0, bytes = 0;
	int err = render_log_error(u);

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
		jw_kv_str(w, "error", open_error(err));
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
	render_log_name(u, name);
	if (day[0] != '\0')
		jw_kv_strf(w, "recording", "%s/%s", u->manager->root_path,
		    layout_cast_path(
			path, sizeof(path), day, svc_memory(u->svc)->ref, name, alt));
	if (err != 0)
		jw_kv_str(w, "recording_problem", open_error(err));
}

/* t NULL: none can have come with it. */
static void
write_one_wish(struct jw *w, const struct unit *u, const char *what, const char *undo,
    const struct wish_who *who, const struct wish_terms *t)
{
	jw_kv_obj(w, "wish");
	jw_kv_str(w, "what", what);
	jw_kv_strf(w, "who", "%s (%s)", who->name, who->command);
	jw_kv_time(w, "since", who->wall_us);
	jw_kv_strf(w, "undo", "supctl %s %s", undo, u->name);
	jw_kv_str(w, "reason", t == NULL ? NULL : t->reason);
	jw_kv_time(w, "until", t == NULL ? 0 : t->until_wall_us);
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
		{ WISH_FLAG_FROZEN, "thaw" },
		{ WISH_FLAG_DRAINING, "start" },
		{ WISH_FLAG_HELD, "release" },
		{ WISH_FLAG_MASKED, "unmask" },
		{ WISH_FLAG_DISABLED, "enable" },
	};

	if (emergency_why(u) != NULL) {
		const struct wish_who *who = emergency_who(u);

		jw_kv_obj(w, "wish");
		jw_kv_str(w, "what", "emergency-stop");
		jw_kv_strf(w, "who", "%s (%s)", who->name, who->command);
		jw_kv_time(w, "since", who->wall_us);
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

void
render_drop_ins(const struct unit *u, struct strv *paths)
{
	const struct unit_conf *conf = u->conf;
	const struct unit_source *profile = unit_conf_profile(conf);

	for (size_t i = 0; i < conf->n_sources; i++)
		if (conf->sources[i].ino != 0 && &conf->sources[i] != profile &&
		    (conf->fragment == NULL ||
			strcmp(conf->sources[i].path, conf->fragment) != 0))
			strv_add(paths, conf->sources[i].path);
}

static void
write_files(struct jw *w, const struct unit *u)
{
	const struct unit_conf *conf = u->conf;
	struct strv drop_ins = { 0 };

	jw_kv_str(w, "unit_file", conf->fragment);
	render_drop_ins(u, &drop_ins);
	jw_kv_strv(w, "drop_ins", &drop_ins);
	strv_free(&drop_ins);
	jw_kv_bool(w, "changed_on_disk", u->changed);
	jw_kv_bool(w, "transient", u->transient);
	instances_render(u, w);
	render_diagnostics(u, w);
}

static void
add_name(void *arg, struct job_unit *ju)
{
	strv_add(arg, job_unit_name(ju));
}

static void
write_job(struct control *c, struct jw *w, const struct unit *u)
{
	struct job_unit *ju = jobs_unit_find(c->m->jobs, u->name);
	const struct job *j = ju == NULL ? NULL : job_unit_job(ju);
	struct strv names = { 0 };

	if (j == NULL)
		jw_kv_null(w, "job");
	else
		jw_kv_strf(w, "job", "%s (%s)", job_type_name(job_type(j)),
		    job_is_running(j) ? "running" : "waiting");
	if (j != NULL)
		job_waits_for(j, add_name, &names);
	jw_kv_strv(w, "job_waits_for", &names);
	strv_free(&names);
}

/* What starts it, besides persons and other units. */
static void
write_triggers(const struct unit *u, struct jw *w)
{
	struct strv names = { 0 };

	job_unit_each(u->job_unit, DEP_TRIGGERS, true, add_name, &names);
	strv_sort(&names);
	if (names.n > 0)
		jw_kv_strv(w, "triggered_by", &names);
	strv_free(&names);
}

void
render_part(const struct unit *u, struct jw *w)
{
	if (u->part == NULL || u->part->kind->render == NULL)
		return;
	jw_kv_obj(w, u->part->kind->section);
	u->part->kind->render(u->part, w);
	jw_end(w);
}

void
render_status(struct control *c, struct unit *u, struct jw *w)
{
	const struct svc_memory *mem = u->svc == NULL ? NULL : svc_memory(u->svc);
	uint64_t now_us = clock_wall_us(), since_us = render_since_us(u);
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
	render_run(u, w);
	render_log_name(u, name);
	jw_kv_strf(w, "log_link", "%s/%s", u->manager->root_path,
	    layout_link_path(link, sizeof(link), name));
	if (since_us != 0 && now_us > since_us)
		jw_kv_u64(w, "age_ms", (now_us - since_us) / USEC_PER_MSEC);
	else
		jw_kv_null(w, "age_ms");
	jw_kv_time(w, "started", mem == NULL ? 0 : mem->started_wall_us);
	write_wish(w, u);
	conditions_render(u, w);
	jw_kv_str(
	    w, "status_text", mem != NULL && mem->status[0] != '\0' ? mem->status : NULL);
	if (mem != NULL && mem->notify_errno != 0)
		jw_kv_i64(w, "status_errno", mem->notify_errno);
	else
		jw_kv_null(w, "status_errno");
	write_log_problem(c, u, w);
	write_recording(u, w);
	write_health(w, u);
	session_render(u, w);
	render_part(u, w);
	write_triggers(u, w);
	request_render(u, w);
	budget_render_status(u, w);
	drain_render(u, w);
	tell_render_signal(u, w);
	freeze_render(u, w);
	jw_kv_str(w, "group", unit_group(u));
	render_took(u, w);
	write_processes(w, u);
	write_ends(c, w, u);
	write_job(c, w, u);
	jw_end(w);
}
