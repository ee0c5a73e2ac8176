/*
 * corpus-dump: every unit file of the folders that are named, as supd understands it: one
 * JSON object a line.  For tests/corpus/compare, which holds it against what systemd
 * loads from the same files, and for the shares of tests/corpus/run.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/calendar.h"
#include "unit/file.h"
#include "unit/lex.h"
#include "unit/load.h"
#include "unit/name.h"
#include "unit/socket_address.h"
#include "unit/table.h"

/* What became of a line. */
enum fate {
	FATE_HONOURED,
	FATE_WARNED,
	FATE_REFUSED,
	FATE_UNKNOWN,
	FATE_NFATES,
};

static const char *const fate_names[FATE_NFATES] = { "honoured", "warned", "refused",
	"unknown" };

/* ---- lines ---- */

static enum fate
fate_of(const struct diags *d, const char *file, uint32_t line)
{
	enum fate fate = FATE_HONOURED;

	for (size_t i = 0; i < d->n; i++) {
		const struct diag *x = &d->v[i];

		if (x->line != line || strcmp(x->file, file) != 0)
			continue;
		if (strncmp(x->text, "unknown ", 8) == 0)
			return FATE_UNKNOWN;
		if (x->level == DIAG_ERROR)
			fate = FATE_REFUSED;
		else if (fate == FATE_HONOURED)
			fate = FATE_WARNED;
	}
	return fate;
}

static void
dump_lines(struct jw *w, const struct unit_conf *conf, const struct diags *d)
{
	jw_kv_arr(w, "lines");
	for (size_t i = 0; i < conf->n_sources; i++) {
		const char *file = conf->sources[i].path;
		char *section = xstrdup("");
		struct buf text = { 0 };
		enum lex_kind kind;
		struct stat st;
		struct lex lx;

		if (unit_file_read(file, &text, &st) == -1)
			goto next;
		lex_init(&lx, file, buf_str(&text), text.len, NULL);
		while ((kind = lex_next(&lx)) == LEX_KEY || kind == LEX_SECTION) {
			uint32_t line, col;

			if (kind == LEX_SECTION) {
				free(section);
				section = xstrdup(lx.name);
				continue;
			}
			lex_where(&lx, lx.name, &line, &col);
			jw_arr(w);
			jw_str(w, section);
			jw_str(w, lx.name);
			jw_str(w, fate_names[fate_of(d, file, line)]);
			jw_end(w);
		}
		lex_clear(&lx);
	next:
		buf_free(&text);
		free(section);
	}
	jw_end(w);
}

/* ---- values ---- */

static void
dump_commands(struct jw *w, const struct service_conf *s)
{
	static const char *const names[EXEC_NKINDS] = {
		[EXEC_CONDITION] = "ExecCondition",
		[EXEC_START_PRE] = "ExecStartPre",
		[EXEC_START] = "ExecStart",
		[EXEC_START_POST] = "ExecStartPost",
		[EXEC_RELOAD] = "ExecReload",
		[EXEC_STOP] = "ExecStop",
		[EXEC_STOP_POST] = "ExecStopPost",
		[EXEC_RESUME] = "ResumeExec",
	};

	jw_kv_obj(w, "exec");
	for (int k = 0; k < EXEC_NKINDS; k++) {
		jw_kv_arr(w, names[k]);
		for (size_t i = 0; i < s->exec[k].n; i++) {
			const struct exec_cmd *c = &s->exec[k].v[i];

			jw_obj(w);
			jw_kv_str(w, "path", c->path);
			jw_kv_strv(w, "argv", &c->argv);
			jw_kv_bool(w, "ignore", (c->flags & EXEC_IGNORE_FAILURE) != 0);
			jw_end(w);
		}
		jw_end(w);
	}
	jw_end(w);
}

static void
dump_time(struct jw *w, const char *name, uint64_t us)
{
	if (us == UNIT_INFINITY)
		jw_kv_str(w, name, "infinity");
	else
		jw_kv_u64(w, name, us);
}

static void
dump_times(struct jw *w, const struct service_conf *s)
{
	jw_kv_obj(w, "times");
	dump_time(w, "RestartUSec", s->restart_us);
	dump_time(w, "TimeoutStartUSec", s->timeout_start_us);
	dump_time(w, "TimeoutStopUSec", s->timeout_stop_us);
	dump_time(w, "TimeoutAbortUSec", s->timeout_abort_us);
	dump_time(w, "RuntimeMaxUSec", s->runtime_max_us);
	jw_end(w);
}

static void
dump_numbers(struct jw *w, const struct service_conf *s)
{
	const struct exec_conf *x = &s->context;

	jw_kv_obj(w, "numbers");
	jw_kv_i64(w, "KillSignal", s->kill.signal);
	jw_kv_i64(w, "FinalKillSignal", s->kill.final_signal);
	jw_kv_i64(w, "WatchdogSignal", s->kill.watchdog_signal);
	jw_kv_i64(w, "UMask", x->umask);
	jw_kv_i64(w, "Nice", x->nice_set ? x->nice : 0);
	jw_kv_i64(w, "RuntimeDirectoryMode", x->dirs[DIR_RUNTIME].mode);
	jw_kv_i64(w, "StateDirectoryMode", x->dirs[DIR_STATE].mode);
	jw_kv_i64(w, "CacheDirectoryMode", x->dirs[DIR_CACHE].mode);
	jw_kv_i64(w, "LogsDirectoryMode", x->dirs[DIR_LOGS].mode);
	jw_kv_i64(w, "FileDescriptorStoreMax", s->fd_store_max);
	for (size_t i = 0; i < x->n_limits; i++) {
		char name[48];

		snprintf(
		    name, sizeof(name), "Limit%sSoft", limit_conf_name(&x->limits[i]));
		jw_kv_u64(w, name, x->limits[i].soft);
		snprintf(name, sizeof(name), "Limit%s", limit_conf_name(&x->limits[i]));
		jw_kv_u64(w, name, x->limits[i].hard);
	}
	jw_end(w);
}

static void
dump_lists(struct jw *w, const struct exec_conf *x)
{
	jw_kv_obj(w, "lists");
	jw_kv_strv(w, "Environment", &x->environment);
	jw_kv_strv(w, "PassEnvironment", &x->pass_environment);
	jw_kv_strv(w, "UnsetEnvironment", &x->unset_environment);
	jw_kv_strv(w, "SupplementaryGroups", &x->supplementary_groups);
	jw_kv_strv(w, "RuntimeDirectory", &x->dirs[DIR_RUNTIME].names);
	jw_kv_strv(w, "StateDirectory", &x->dirs[DIR_STATE].names);
	jw_kv_strv(w, "CacheDirectory", &x->dirs[DIR_CACHE].names);
	jw_kv_strv(w, "LogsDirectory", &x->dirs[DIR_LOGS].names);
	jw_kv_strv(w, "ConfigurationDirectory", &x->dirs[DIR_CONFIGURATION].names);
	jw_kv_arr(w, "EnvironmentFiles");
	for (size_t i = 0; i < x->n_environment_files; i++) {
		jw_arr(w);
		jw_str(w, x->environment_files[i].path);
		jw_bool(w, x->environment_files[i].optional);
		jw_end(w);
	}
	jw_end(w);
	jw_end(w);
}

static void
dump_deps(struct jw *w, const struct unit_rules *r)
{
	jw_kv_obj(w, "deps");
	for (int i = 0; i < DEP_NKINDS; i++)
		jw_kv_strv(w, unit_dep_name((enum unit_dep)i), &r->deps[i]);
	jw_end(w);
}

static void
dump_timer(struct jw *w, const struct timer_conf *t)
{
	static const char *const bases[] = {
		[TIMER_ON_ACTIVE] = "OnActiveUSec",
		[TIMER_ON_BOOT] = "OnBootUSec",
		[TIMER_ON_STARTUP] = "OnStartupUSec",
		[TIMER_ON_UNIT_ACTIVE] = "OnUnitActiveUSec",
		[TIMER_ON_UNIT_INACTIVE] = "OnUnitInactiveUSec",
	};

	jw_kv_obj(w, "timer");
	jw_kv_arr(w, "TimersCalendar");
	for (size_t i = 0; i < t->when.calendars.n; i++) {
		struct calendar_error error;
		struct calendar *c = calendar_parse(t->when.calendars.v[i], &error);
		struct buf text = { 0 };

		if (c != NULL)
			calendar_format(&text, c);
		jw_str(w, buf_str(&text));
		buf_free(&text);
		calendar_free(c);
	}
	jw_end(w);
	jw_kv_arr(w, "TimersMonotonic");
	for (size_t i = 0; i < t->when.n_spans; i++) {
		jw_arr(w);
		jw_str(w, bases[t->when.spans[i].base]);
		jw_u64(w, t->when.spans[i].us);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_str(w, "Unit", t->unit);
	jw_kv_u64(w, "AccuracyUSec", t->accuracy_us);
	jw_kv_u64(w, "RandomizedDelayUSec", t->random_delay_us);
	jw_kv_bool(w, "Persistent", t->persistent);
	jw_kv_bool(w, "FixedRandomDelay", t->fixed_random);
	jw_kv_bool(w, "WakeSystem", t->wake_system);
	jw_kv_bool(w, "RemainAfterElapse", t->remain_after_elapse);
	jw_kv_bool(w, "OnClockChange", t->on_clock_change);
	jw_kv_bool(w, "OnTimezoneChange", t->on_timezone_change);
	jw_end(w);
}

static void
dump_socket(struct jw *w, const struct socket_conf *s)
{
	jw_kv_obj(w, "socket");
	jw_kv_arr(w, "Listen");
	for (size_t i = 0; i < s->listen.n; i++) {
		const struct listen_conf *l = &s->listen.v[i];
		struct socket_address a;
		struct buf text = { 0 };
		const char *why;

		if (socket_address_parse(l->kind, l->address, &a, &why) == 0)
			socket_address_show(&a, l->address, &text);
		jw_arr(w);
		jw_str(w, listen_kind_name(l->kind));
		jw_str(w, buf_str(&text));
		jw_end(w);
		buf_free(&text);
	}
	jw_end(w);
	jw_kv_strv(w, "Symlinks", &s->symlinks);
	jw_kv_str(w, "SocketUser", s->user != NULL ? s->user : "");
	jw_kv_str(w, "SocketGroup", s->group != NULL ? s->group : "");
	jw_kv_u64(w, "SocketMode", s->socket_mode);
	jw_kv_u64(w, "DirectoryMode", s->directory_mode);
	jw_kv_bool(w, "Accept", s->accept);
	jw_kv_bool(w, "Writable", s->writable);
	jw_kv_bool(w, "RemoveOnStop", s->remove_on_stop);
	jw_kv_bool(w, "FlushPending", s->flush_pending);
	jw_kv_bool(w, "KeepAlive", s->keep_alive);
	jw_kv_bool(w, "NoDelay", s->no_delay);
	jw_kv_bool(w, "FreeBind", s->free_bind);
	jw_kv_bool(w, "ReusePort", s->reuse_port);
	jw_kv_bool(w, "PassCredentials", s->pass_credentials);
	jw_kv_bool(w, "PassSecurity", s->pass_security);
	jw_kv_bool(w, "PassPacketInfo", s->pass_packet_info);
	jw_kv_u64(w, "MaxConnections", s->max_connections);
	jw_kv_u64(w, "ReceiveBuffer", s->receive_buffer);
	jw_kv_u64(w, "SendBuffer", s->send_buffer);
	jw_end(w);
}

static void
dump_path(struct jw *w, const struct path_conf *p)
{
	jw_kv_obj(w, "path");
	jw_kv_arr(w, "Paths");
	for (size_t i = 0; i < p->watch.n; i++) {
		jw_arr(w);
		jw_str(w, path_kind_name(p->watch.v[i].kind));
		jw_str(w, p->watch.v[i].path);
		jw_end(w);
	}
	jw_end(w);
	jw_kv_str(w, "Unit", p->unit);
	jw_kv_bool(w, "MakeDirectory", p->make_directory);
	jw_kv_u64(w, "DirectoryMode", p->directory_mode);
	jw_kv_u64(w, "TriggerLimitIntervalUSec", p->limit_interval_us);
	jw_kv_u64(w, "TriggerLimitBurst", p->limit_burst);
	jw_end(w);
}

static void
show_one(void *arg, const char *name, const char *value)
{
	if (*value != '\0')
		jw_kv_str(arg, name, value);
}

static void
dump_unit(struct unit_paths *paths, const char *name)
{
	struct jw *w = jw_new(JW_COMPACT);
	struct unit_conf *conf;
	struct buf out = { 0 };
	struct diags d;

	diags_init(&d);
	conf = unit_load(paths, NULL, name, &d);
	jw_obj(w);
	jw_kv_str(w, "name", name);
	jw_kv_str(w, "id", conf->id);
	jw_kv_str(w, "type", unit_type_name(conf->type));
	jw_kv_str(w, "load_state", unit_load_state_name(conf->load_state));
	jw_kv_str(w, "description", conf->description);
	dump_lines(w, conf, &d);
	dump_deps(w, conf->rules);
	if (conf->type == UNIT_SERVICE) {
		dump_commands(w, conf->service);
		dump_times(w, conf->service);
		dump_numbers(w, conf->service);
		dump_lists(w, &conf->service->context);
	}
	if (conf->type == UNIT_TIMER)
		dump_timer(w, &conf->trigger->timer);
	if (conf->type == UNIT_SOCKET)
		dump_socket(w, &conf->trigger->socket);
	if (conf->type == UNIT_PATH)
		dump_path(w, &conf->trigger->path);
	jw_kv_obj(w, "show");
	unit_conf_show(conf, show_one, w);
	jw_end(w);
	jw_kv_arr(w, "diagnostics");
	for (size_t i = 0; i < d.n; i++) {
		char *line = diag_format(&d.v[i]);

		jw_str(w, line);
		free(line);
	}
	jw_end(w);
	jw_end(w);
	jw_take(w, &out);
	puts(buf_str(&out));
	buf_free(&out);
	jw_free(w);
	unit_conf_free(conf);
	diags_clear(&d);
}

int
main(int argc, char *argv[])
{
	struct unit_paths *paths = unit_paths_new();
	struct strv names = { 0 };

	for (int i = 1; i < argc; i++)
		unit_paths_add(paths, argv[i], UNIT_PATH_VENDOR);
	unit_paths_scan(paths);
	unit_list_dir(paths, &names);
	for (size_t i = 0; i < names.n; i++) {
		char *instance = unit_name_is_template(names.v[i])
				     ? unit_name_replace_instance(names.v[i], "corpus")
				     : NULL;

		dump_unit(paths, instance != NULL ? instance : names.v[i]);
		free(instance);
	}
	unit_paths_free(paths);
	strv_free(&names);
	return argc > 1 ? 0 : 2;
}
