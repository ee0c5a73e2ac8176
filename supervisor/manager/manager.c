#include "manager/manager.h"
#include "manager/part/part.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "instance/paths.h"
#include "instance/settings.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/version.h"
#include "lib/xalloc.h"
#include "manager/alerts.h"
#include "manager/budget/budgets.h"
#include "manager/control/control.h"
#include "manager/end.h"
#include "manager/joblink.h"
#include "manager/kept.h"
#include "manager/lastwords.h"
#include "manager/link/adopt.h"
#include "manager/link/link.h"
#include "manager/links.h"
#include "manager/marking.h"
#include "manager/notify_up.h"
#include "manager/ops.h"
#include "manager/part/pools.h"
#include "manager/part/stales.h"
#include "manager/part/timers.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/record/history.h"
#include "manager/record/metrics.h"
#include "manager/record/store.h"
#include "manager/recorded.h"
#include "manager/service/memory.h"
#include "manager/service/service.h"
#include "manager/service/service_exec.h"
#include "manager/sessions/sessions.h"
#include "manager/start.h"
#include "manager/status.h"
#include "manager/units.h"
#include "manager/watch/mountwatch.h"
#include "manager/watch/reach.h"
#include "manager/watch/unitwatch.h"
#include "manager/wish/drain.h"
#include "manager/wish/emergency.h"
#include "manager/wish/freeze.h"
#include "manager/wish/hold.h"
#include "manager/wish/request_files.h"
#include "manager/wish/requests.h"
#include "proto/ring.h"
#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/instance.h"
#include "unit/load.h"

enum { FD_FIRST_EXTRA = ROLE_FD_EXTRA };

/* ---- what init gave us --------------------------------------------------------------
 */

static void *
map_whole(int fd, int prot, uint64_t *bytes)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1)
		fatal("descriptor %d", fd);
	*bytes = (uint64_t)st.st_size;
	p = mmap(NULL, *bytes, prot, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		fatal("descriptor %d", fd);
	return p;
}

/* A descriptor that may be absent. */
static int
optional_fd(int fd)
{
	return fcntl(fd, F_GETFD) == -1 ? -1 : fd;
}

static void
take_descriptors(struct manager *m)
{
	uint64_t table_bytes_;
	struct stat root;
	const char *bad;

	for (int fd = ROLE_FD_CHAN; fd < ROLE_FD_EXTRA + 2; fd++)
		(void)fd_set_cloexec(fd, true);
	m->root_fd = ROLE_FD_ROOT;
	/* Asked once: the folder may hang later, when somebody is to be let in. */
	if (fstat(m->root_fd, &root) == 0)
		m->owner = root.st_uid;
	m->run_fd = ROLE_FD_RUN;
	m->wake_fd = ROLE_FD_WAKE;
	m->control_fd = FD_FIRST_EXTRA;
	m->cgroup_fd = optional_fd(FD_FIRST_EXTRA + 1);
	m->table = map_whole(ROLE_FD_TABLE, PROT_READ, &table_bytes_);
	bad = table_invalid(m->table, table_bytes_);
	if (bad != NULL)
		fatalx("run/table is %s", bad);
	m->ring = map_whole(ROLE_FD_RING, PROT_READ | PROT_WRITE, &m->ring_bytes);
	if (!ring_valid(m->ring, m->ring_bytes))
		fatalx("run/ring is damaged");
	ring_sign(m->ring);
	m->nslots = m->table->nslots;
	m->root_path = m->table->root;
	m->run_path = m->table->run;
	m->boot_wall_us = m->table->start_wall_us;
}

/* ---- life ---------------------------------------------------------------------------
 */

static void
collect_one(struct unit *u, void *arg)
{
	if (!unit_can_start(u))
		return;
	jw_kv_obj(arg, u->name);
	if (u->part != NULL)
		part_write(u->part, arg);
	else
		svc_memory_write(svc_memory(u->svc), arg);
	jw_end(arg);
}

static void
collect(void *arg, struct jw *w)
{
	units_foreach(arg, collect_one, w);
}

static int
send_snapshot(void *arg, uint64_t id, int fd, uint64_t size)
{
	struct manager *m = arg;

	return link_snapshot_take_fd(m->link, id, SNAPSHOT_STATE, fd, size);
}

static void
tell_diags(const struct diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char *line = diag_format(&d->v[i]);

		log_warnx("%s", line);
		free(line);
	}
}

void
manager_read_conf(struct manager *m)
{
	struct supd_conf *old = m->conf;
	char *path = NULL;
	struct diags d;

	if (reach_may(m->reach, m->root_path, true))
		path = instance_conf(m->root_path);
	m->conf_unanswered = path == NULL || !reach_may(m->reach, path, true);
	if (m->conf_unanswered && old != NULL) {
		free(path);
		return;
	}
	diags_init(&d);
	if (m->conf_unanswered) {
		log_warnx("supd.conf cannot be read: until then the defaults hold");
		m->conf = supd_conf_load_text("supd.conf", "", 0, &d);
	} else {
		m->conf = supd_conf_load(path, &d);
	}
	if (m->world != NULL)
		m->world->conf = m->conf;
	if (m->alerts != NULL)
		alerts_on_conf(m);
	supd_conf_free(old);
	tell_diags(&d);
	diags_clear(&d);
	free(path);
}

static void
make_world(struct manager *m)
{
	m->world = xcalloc(1, sizeof(*m->world));
	*m->world = (struct svc_world){
		.conf = m->conf,
		.paths = m->paths,
		.root = m->root_path,
		.run = m->run_path,
		.want_cgroup = m->cgroup_fd != -1,
		.is_root = geteuid() == 0,
		.is_pid1 = m->is_pid1,
	};
}

static void
on_clock_set(void *arg)
{
	struct manager *m = arg;

	event_begin(m->events, EVENT_CLOCK_SET, NULL, NULL);
	event_end(m->events);
	if (m->phase != MANAGER_RUNNING)
		return;
	hold_run(m);
	budgets_on_clock_set(m);
	marking_run(m);
	phases_on_clock_set(m);
	sessions_on_clock_set(m);
	timers_on_clock_set(m);
	alerts_on_clock_set(m);
}

/* Until the next supd: units are loaded from them all the time. */
static void
read_paths(struct manager *m)
{
	struct diags d;

	diags_init(&d);
	m->paths = paths_units(m->root_path, m->run_path, m->conf->unit_path, &d);
	tell_diags(&d);
	diags_clear(&d);
	m->scope = unit_scope_of_instance(instance_kind_of(m->root_path));
	m->links = links_new(m);
}

/* The newest invocation is of the run that is remembered; of older ones nobody knows. */
static const char *
run_of(void *arg, const char *unit, const uint8_t invocation[16])
{
	const struct unit *u = unit_find(arg, unit);

	if (u == NULL || u->svc == NULL ||
	    memcmp(svc_memory(u->svc)->invocation, invocation, 16) != 0)
		return NULL;
	return unit_run(u);
}

static void
manager_start(struct manager *m)
{
	struct store_ops ops = { .collect = collect, .send = send_snapshot, .arg = m };
	struct jv *ending;

	TAILQ_INIT(&m->emergencies);
	m->tty = isatty(STDERR_FILENO);
	m->is_pid1 = m->table->is_pid1;
	m->loop = loop_new();
	m->metrics = metrics_new();
	m->history = history_new();
	m->events = emitter_new(m->loop, m->ring, ROLE_FD_RING, m->wake_fd, m->metrics);
	emitter_set_run_of(m->events, run_of, m);
	m->reach = reach_new(m);
	manager_read_conf(m);
	read_paths(m);
	unit_paths_set_guard(m->paths, reach_may, m->reach);
	make_world(m);
	joblink_new(m);
	m->store = store_new(m->loop, m->events, m->history, m->table->boot_id, &ops);
	store_set_interval(m->store, m->conf->snapshot_interval_us);
	recorded_new(m);
	m->alerts = alerts_new(m);
	m->link = link_new(m, ROLE_FD_CHAN);
	store_restore(m->store, m->root_fd, m->ring);
	ending = store_ending(m->store);
	m->ended_in_order = ending != NULL;
	jv_free(ending);
	/* Before there are new events: it looks at which of the old ones there are. */
	m->budgets = budgets_new(m);
	m->marking = marking_new(m);
	m->phases = phases_new(m);
	/* Each wish and each slot loads its unit: what is not there is asked once. */
	unit_paths_scan(m->paths);
	wishes_restore(m);
	m->kept = kept_new(m);
	loop_on_clock_set(m->loop, on_clock_set, m);
}

/* A parent that dies takes us with it; one that died before we asked, too. */
static void
tie_to_init(const struct manager *m)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		log_warn("PR_SET_PDEATHSIG");
	if (getppid() != m->table->init_pid)
		fatalx("init is gone");
}

int
manager_explain(const char *what)
{
	struct buf out = { 0 };

	if (strcmp(what, "states") != 0) {
		fprintf(
		    stderr, "supd: --explain=%s: there is only --explain=states\n", what);
		return 2;
	}
	svc_explain(&out);
	fwrite(out.data, 1, out.len, stdout);
	buf_free(&out);
	return fflush(stdout) == 0 ? 0 : 1;
}

int
manager_main(void)
{
	struct manager *m = xcalloc(1, sizeof(*m));

	log_init("manager", LOG_LEVEL_INFO);
	xalloc_init();
	(void)prctl(PR_SET_NAME, "supd");
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		log_warn("SIGPIPE");
	take_descriptors(m);
	tie_to_init(m);
	notify_up_init(m);
	manager_start(m);
	loop_run(m->loop);
	return 0;
}

/* ---- what init says -----------------------------------------------------------------
 */

void
manager_on_hello(struct manager *m, const struct msg_hello *hello)
{
	if (hello->version != PROTO_VERSION)
		log_info("init speaks version %u of the protocol, I %d", hello->version,
		    PROTO_VERSION);
	m->generation = hello->generation;
	m->safe_mode = hello->safe_mode != 0;
	m->revived = hello->revived != 0;
	m->role[ROLE_INIT].pid = hello->init_pid;
	m->role[ROLE_MANAGER].pid = getpid();
	m->role[ROLE_MANAGER].restarts =
	    hello->generation > 0 ? hello->generation - 1 : 0;
	m->role[ROLE_LOGGER].pid = m->table->role[ROLE_LOGGER].pid;
	m->role[ROLE_LOGGER].restarts = m->table->role[ROLE_LOGGER].restarts;
	event_begin(m->events, EVENT_SUPD_STARTED, NULL, NULL);
	event_str(m->events, "version", SUPD_VERSION);
	event_str(m->events, "instance", m->root_path);
	event_int(m->events, "pid", hello->init_pid);
	event_int(m->events, "generation", hello->generation);
	event_bool(m->events, "safe_mode", m->safe_mode);
	event_bool(m->events, "revived", m->revived);
	event_str(m->events, "boot_id", m->table->boot_id);
	event_end(m->events);
}

void
manager_leave_safe_mode(struct manager *m, const char *why)
{
	if (!m->safe_mode || m->phase != MANAGER_RUNNING)
		return;
	m->safe_mode = false;
	m->safe_mode_until_us = 0;
	loop_timer_stop(m->safe_mode_timer);
	/* In the journal before the deed: should the deed be the end of this manager, it
	 * shows what was tried. */
	event_begin(m->events, EVENT_SAFE_MODE_LEFT, NULL, NULL);
	event_str(m->events, "why", why);
	event_end(m->events);
	manager_say(m, MARK_NOTE, "safe mode is over: %s", why);
	start_units(m);
	emergencies_restore(m);
	m->watch = unitwatch_new(m);
	mountwatch_begin(m);
	request_files_take(m);
	hold_run(m);
	pools_begin(m);
	phases_begin(m);
	stales_begin(m);
	alerts_begin(m);
}

static void
on_safe_mode_over(struct loop_timer *t, void *arg)
{
	(void)t;
	manager_leave_safe_mode(arg, "it was quiet for SafeModeSec=");
}

/* A manager that dies at once when it loads units must not keep them from being stopped
 * and asked after; and whatever it was may be over in a while. */
static void
enter_safe_mode(struct manager *m)
{
	char text[CLOCK_TEXT_MAX];
	uint64_t us = m->conf->safe_mode_us;

	m->safe_mode_timer = loop_timer_new(m->loop, "safe-mode", on_safe_mode_over, m);
	if (us != USEC_INFINITY) {
		loop_timer_in(m->safe_mode_timer, us);
		m->safe_mode_until_us = clock_add_us(clock_wall_us(), us);
	}
	log_warnx("safe mode after several quick deaths: what runs is kept, nothing is "
		  "loaded or started%s%s; `supctl daemon-reload' ends it now",
	    us == USEC_INFINITY ? "" : " for ",
	    us == USEC_INFINITY ? "" : clock_format_duration(text, sizeof(text), us));
}

void
manager_on_replay_end(struct manager *m)
{
	struct msg_settings settings;

	if (m->phase != MANAGER_RESTORING)
		return;
	adopt_finish(m);
	kept_adopted(m);
	ops_credentials_sweep(m);
	sessions_restore(m);
	lastwords_adopted(m);
	requests_restore(m);
	freezes_restore(m);
	drains_restore(m);
	budgets_restore(m);
	unit_paths_forget(m->paths);
	/* What a service left behind may have been the end of all (FailureAction=). */
	if (m->phase == MANAGER_RESTORING)
		m->phase = MANAGER_RUNNING;
	settings_of_init(m->conf, m->is_pid1, &settings);
	link_settings(m->link, &settings);
	m->control = control_new(m);
	m->status = status_new(m);
	store_enable(m->store);
	marking_run(m);
	if (end_resume(m))
		return;
	if (m->safe_mode) {
		enter_safe_mode(m);
	} else {
		start_units(m);
		sessions_sweep(m);
		m->watch = unitwatch_new(m);
		mountwatch_begin(m);
		request_files_take(m);
	}
	emergencies_restore(m);
	hold_run(m);
	pools_begin(m);
	phases_begin(m);
	stales_begin(m);
	alerts_begin(m);
	if (m->generation == 0 && !m->revived)
		manager_say(m, MARK_NOTE,
		    "supd %s for %s: %zu units; `supctl status' shows them, Ctrl-C ends "
		    "it",
		    SUPD_VERSION, m->root_path, units_count(m));
	notify_up(m, "READY=1\nSTATUS=Running %zu units", units_count(m));
}

void
manager_on_logger(struct manager *m)
{
	struct msg_log_settings s;

	m->role[ROLE_LOGGER].pid = m->table->role[ROLE_LOGGER].pid;
	settings_of_log(m->conf, m->is_pid1, isatty(STDOUT_FILENO), &s);
	link_log_settings(m->link, &s);
	start_resend_patterns(m);
	if (m->status != NULL)
		status_on_logger(m->status);
	store_on_logger(m->store);
	budgets_on_logger(m);
	marking_on_logger(m);
	lastwords_on_logger(m);
}

void
manager_on_role(struct manager *m, const struct msg_role *role)
{
	static const char *const names[] = {
		[ROLE_INIT] = "init",
		[ROLE_MANAGER] = "manager",
		[ROLE_LOGGER] = "logger",
		[ROLE_TERMINAL] = "terminal",
	};
	const char *name;

	if (role->role == ROLE_NONE || role->role >= ROLE_N)
		return;
	name = names[role->role];
	m->role[role->role].pid = role->pid;
	m->role[role->role].restarts = role->restarts;
	if (role->how == 0 && role->hung != 0) {
		event_begin(m->events, EVENT_ROLE_HUNG, NULL, NULL);
		event_str(m->events, "role", name);
		event_int(m->events, "pid", role->pid);
		event_end(m->events);
		manager_say(m, MARK_FAIL, "supd's %s does not answer", name);
		return;
	}
	if (role->how != 0) {
		m->role[role->role].hung += role->hung != 0;
		event_begin(m->events, EVENT_ROLE_DIED, NULL, NULL);
		event_str(m->events, "role", name);
		event_str(m->events, "how", svc_how_name(role->how));
		event_int(m->events, "status", role->status);
		event_bool(m->events, "hung", role->hung != 0);
		event_int(m->events, "restarts", role->restarts);
		event_end(m->events);
		manager_say(m, MARK_FAIL, "supd's %s ended and is started again", name);
	}
	event_begin(m->events, EVENT_ROLE_STARTED, NULL, NULL);
	event_str(m->events, "role", name);
	event_int(m->events, "pid", role->pid);
	event_int(m->events, "restarts", role->restarts);
	event_end(m->events);
}

void
manager_on_orphan(struct manager *m)
{
	/* scan.c holds what it waits for by pidfds; the count is in the table. */
	(void)m;
}

void
manager_on_event_ack(struct manager *m, const struct msg_event_ack *ack)
{
	(void)ack;
	emitter_on_ack(m->events);
	store_on_event_ack(m->store, m->ring);
	if (m->control != NULL)
		control_on_event_ack(m->control);
}

void
manager_on_snapshot_done(struct manager *m, const struct msg_snapshot_done *done)
{
	if (status_is_mine(done->id)) {
		if (m->status != NULL)
			status_on_done(m->status, done->id, done->err);
		return;
	}
	if (!budgets_on_done(m, done->id, done->err) &&
	    !marking_on_done(m, done->id, done->err))
		store_on_done(m->store, done->id, done->err);
	if (m->control != NULL)
		control_on_event_ack(m->control);
}
