/*
 * Tests of manager/service/service_exec: from a unit file to what init and its child are
 * told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/strv.h"
#include "manager/service/service_exec.h"
#include "proto/spec.h"
#include "unit/load.h"

/* ---- a service whose ops do nothing but keep what is spawned ------------------------
 */

struct fixture {
	struct unit_paths *paths;
	struct supd_conf *supd;
	struct unit_conf *conf;
	struct svc_world world;
	struct service *s;
	int fd;
	uint64_t size;
	struct spec spec;
	char why[256];
};

static int
slot_fill(void *arg, const struct unit_conf *conf, struct msg_slot_open *open,
    int *status, char *why, size_t size)
{
	struct fixture *f = arg;

	return svc_exec_open(&f->world, conf, open, status, why, size);
}

static uint32_t
slot_take(void *arg, char *why, size_t size)
{
	(void)arg;
	(void)why;
	(void)size;
	return 7;
}

static enum svc_pool
pool_enter(
    void *arg, const struct unit_conf *conf, uint64_t *number, char *why, size_t size)
{
	(void)arg;
	(void)conf;
	(void)number;
	(void)why;
	(void)size;
	return SVC_POOL_NONE;
}

static int
slot_open(void *arg, const struct msg_slot_open *open)
{
	(void)arg;
	(void)open;
	return 0;
}

static int
spawn(void *arg, const struct svc_spawn *sp, char *why, size_t size)
{
	struct fixture *f = arg;
	struct strv from_files = { 0 };

	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
	if (svc_files_wait(&svc_conf(f->s)->service->context, 30 * USEC_PER_SEC,
		&from_files, why, size) == 0)
		f->fd =
		    svc_exec_spec(&f->world, f->s, sp, &from_files, &f->size, why, size);
	strv_clear(&from_files);
	snprintf(f->why, sizeof(f->why), "%s", why);
	if (f->fd == -1)
		return -1;
	assert_int_equal(spec_map(f->fd, f->size, &f->spec), 0);
	assert_int_equal(spec_check(f->spec.base, f->spec.size, &f->spec), 0);
	return 0;
}

static void
timer_set(void *arg, enum svc_timer which, uint64_t deadline_us)
{
	(void)arg;
	(void)which;
	(void)deadline_us;
}

static void
emit(void *arg, const struct svc_note *note, const struct svc_memory *m)
{
	(void)arg;
	(void)note;
	(void)m;
}

static void
done(void *arg, enum svc_done what, enum svc_done_result r, const char *why)
{
	(void)arg;
	(void)what;
	(void)r;
	(void)why;
}

static void
name_watch(void *arg, const char *name)
{
	(void)arg;
	(void)name;
}

static void
probe_stop(void *arg, enum probe_use use)
{
	(void)arg;
	(void)use;
}

static void
cleanup(void *arg, const struct unit_conf *conf, bool restarts)
{
	(void)arg;
	(void)conf;
	(void)restarts;
}

static uint64_t
life(void *arg)
{
	(void)arg;
	return 1;
}

static void
fd_drop(void *arg, const char *name)
{
	(void)arg;
	(void)name;
}

static void
slot_close(void *arg, uint32_t slot)
{
	(void)arg;
	(void)slot;
}

static void
conf_release(void *arg, const struct unit_conf *conf)
{
	(void)arg;
	(void)conf;
}

static void
exit_ack(void *arg, const struct msg_exit *x)
{
	(void)arg;
	(void)x;
}

static void
watch_empty(void *arg, uint32_t slot)
{
	(void)arg;
	(void)slot;
}

static void
signal_(void *arg, uint32_t slot, enum proc_kind kind, enum signal_scope scope, int signo,
    uint32_t step)
{
	(void)step;
	(void)arg;
	(void)slot;
	(void)kind;
	(void)scope;
	(void)signo;
}

static void
judge(void *arg, const struct msg_exit *x, struct svc_judgement *out)
{
	(void)arg;
	(void)x;
	*out = (struct svc_judgement){ 0 };
}

static const struct svc_ops ops = {
	.slot_fill = slot_fill,
	.slot_take = slot_take,
	.pool_enter = pool_enter,
	.slot_open = slot_open,
	.slot_close = slot_close,
	.spawn = spawn,
	.signal = signal_,
	.watch_empty = watch_empty,
	.exit_ack = exit_ack,
	.judge = judge,
	.timer_set = timer_set,
	.probe_stop = probe_stop,
	.name_watch = name_watch,
	.fd_drop = fd_drop,
	.life = life,
	.cleanup = cleanup,
	.emit = emit,
	.done = done,
	.conf_release = conf_release,
};

static struct fixture *
fixture_new(const char *text, const char *supd_text)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct diags d;

	assert_non_null(f);
	f->fd = -1;
	f->paths = unit_paths_new();
	diags_init(&d);
	f->supd = supd_conf_load_text("supd.conf", supd_text, strlen(supd_text), &d);
	f->conf = unit_load_text(
	    f->paths, f->supd, "a.service", "a.service", text, strlen(text), &d);
	if (d.n_errors > 0)
		diags_print(&d, stderr);
	assert_int_equal(d.n_errors, 0);
	diags_clear(&d);
	f->world = (struct svc_world){ .conf = f->supd,
		.paths = f->paths,
		.root = "/srv/fleet",
		.run = "/run/supd/x",
		.is_root = geteuid() == 0 };
	f->s = svc_new(&ops, f, "a.service", f->conf);
	return f;
}

static void
fixture_free(struct fixture *f)
{
	svc_free(f->s);
	if (f->fd != -1)
		close(f->fd);
	unit_conf_free(f->conf);
	supd_conf_free(f->supd);
	svc_world_clear(&f->world);
	unit_paths_free(f->paths);
	free(f);
}

static void
start(struct fixture *f)
{
	svc_want_up(f->s, &(struct svc_start){ .who = "a person" });
}

/* The value of a variable in the context, NULL: not there. */
static const char *
env(const struct fixture *f, const char *name)
{
	struct spec_item it;
	size_t at = 0, n = strlen(name);

	while (spec_next_of(&f->spec, SPEC_ENV, &at, &it)) {
		const char *a = it.data;

		if (strncmp(a, name, n) == 0 && a[n] == '=')
			return a + n + 1;
	}
	return NULL;
}

static const char *
nth(const struct fixture *f, uint32_t tag, unsigned i)
{
	struct spec_item it;
	size_t at = 0;

	while (spec_next_of(&f->spec, tag, &at, &it))
		if (i-- == 0)
			return it.data;
	return NULL;
}

/* ---- the tests ------------------------------------------------------------------------
 */

static void
test_command(void **state)
{
	struct fixture *f = fixture_new(
	    "[Service]\nEnvironment=\"OPTS=-a -b\" X=1\n"
	    "ExecStart=@/bin/prog name $OPTS ${OPTS} x$OPTS $$ \"two words\"\n",
	    "");

	(void)state;
	start(f);
	assert_string_equal(nth(f, SPEC_PATH, 0), "/bin/prog");
	assert_null(nth(f, SPEC_PATH, 1));
	assert_string_equal(nth(f, SPEC_ARG, 0), "name");
	assert_string_equal(nth(f, SPEC_ARG, 1), "-a");
	assert_string_equal(nth(f, SPEC_ARG, 2), "-b");
	assert_string_equal(nth(f, SPEC_ARG, 3), "-a -b");
	assert_string_equal(nth(f, SPEC_ARG, 4), "x$OPTS");
	assert_string_equal(nth(f, SPEC_ARG, 5), "$");
	assert_string_equal(nth(f, SPEC_ARG, 6), "two words");
	assert_null(nth(f, SPEC_ARG, 7));
	assert_true(spec_has(&f->spec, SPEC_CWD_INSTANCE));
	assert_true(spec_has(&f->spec, SPEC_TAG));
	assert_true(spec_has(&f->spec, SPEC_IGNORE_SIGPIPE));
	assert_int_equal(spec_u32(&f->spec, SPEC_UMASK, 0), 022);
	assert_false(spec_has(&f->spec, SPEC_UID));
	fixture_free(f);
}

static void
test_search_path(void **state)
{
	struct fixture *f =
	    fixture_new("[Service]\nExecSearchPath=/one:/two\nExecStart=prog\n", "");

	(void)state;
	start(f);
	assert_string_equal(nth(f, SPEC_PATH, 0), "/one/prog");
	assert_string_equal(nth(f, SPEC_PATH, 1), "/two/prog");
	assert_null(nth(f, SPEC_PATH, 2));
	assert_string_equal(nth(f, SPEC_ARG, 0), "prog");
	fixture_free(f);
}

static void
test_environment_order(void **state)
{
	char path[] = "/tmp/test_exec.XXXXXX", text[512];
	struct fixture *f;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd != -1);
	assert_int_equal(write(fd, "D=file\nE=file\n", 14), 14);
	close(fd);
	assert_int_equal(setenv("B", "own", 1), 0);
	assert_int_equal(setenv("C", "own", 1), 0);
	assert_int_equal(setenv("SECRET", "own", 1), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", "/of/supd", 1), 0);
	snprintf(text, sizeof(text),
	    "[Service]\nPassEnvironment=B C NOTIFY_SOCKET\nEnvironment=C=unit D=unit "
	    "PATH=/mine G=1\n"
	    "EnvironmentFile=%s\nEnvironmentFile=-/does/not/exist\nUnsetEnvironment=G\n"
	    "ExecStart=/bin/prog\n",
	    path);
	f = fixture_new(text, "[Supd]\nDefaultEnvironment=A=default B=default\n");
	start(f);
	assert_string_equal(env(f, "A"), "default");
	assert_string_equal(env(f, "B"), "own");
	assert_string_equal(env(f, "C"), "unit");
	assert_string_equal(env(f, "D"), "file");
	assert_string_equal(env(f, "E"), "file");
	assert_string_equal(env(f, "PATH"), "/mine");
	assert_null(env(f, "G"));
	assert_null(env(f, "SECRET"));
	assert_null(env(f, "NOTIFY_SOCKET")); /* not supd's own */
	assert_string_equal(env(f, "SUPD_ROOT"), "/srv/fleet");
	assert_string_equal(env(f, "SUPD_UNIT"), "a.service");
	assert_int_equal(strlen(env(f, "INVOCATION_ID")), 32);
	assert_non_null(env(f, "HOME"));
	assert_non_null(env(f, "USER"));
	assert_non_null(env(f, "SHELL"));
	fixture_free(f);
	unlink(path);
}

static void
test_missing_environment_file(void **state)
{
	struct fixture *f = fixture_new(
	    "[Service]\nEnvironmentFile=/does/not/exist\nExecStart=/bin/prog\n", "");

	(void)state;
	start(f);
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why, "/does/not/exist"));
	assert_int_equal(svc_memory(f->s)->result, SVC_RESULT_RESOURCES);
	fixture_free(f);
}

static void
test_notify_and_watchdog(void **state)
{
	struct fixture *f = fixture_new("[Service]\nType=notify\nWatchdogSec=30\n"
					"FileDescriptorStoreMax=3\nExecStart=/bin/prog\n",
	    "");

	const char *fd;
	uint32_t id = 0;

	(void)state;
	svc_on_stored(f->s, 11, "door");
	svc_on_stored(f->s, 12, "window");
	start(f);
	assert_string_equal(env(f, "NOTIFY_SOCKET"), "/run/supd/x/n/7");
	assert_string_equal(env(f, "WATCHDOG_USEC"), "30000000");
	assert_string_equal(env(f, "FDSTORE"), "3");
	assert_string_equal(env(f, "LISTEN_FDS"), "2");
	assert_string_equal(env(f, "LISTEN_FDNAMES"), "door:window");
	assert_int_equal(spec_count(&f->spec, SPEC_FD), 2);
	fd = nth(f, SPEC_FD, 1);
	assert_non_null(fd);
	if (fd != NULL)
		memcpy(&id, fd, sizeof(id));
	assert_int_equal(id, 12);
	assert_string_equal(nth(f, SPEC_ENV_PID, 0), "SYSTEMD_EXEC_PID");
	assert_string_equal(nth(f, SPEC_ENV_PID, 1), "WATCHDOG_PID");
	assert_string_equal(nth(f, SPEC_ENV_PID, 2), "LISTEN_PID");
	fixture_free(f);
}

static void
test_wrong_user(void **state)
{
	struct fixture *f =
	    fixture_new("[Service]\nUser=nobody-of-that-name\nExecStart=/bin/prog\n", "");
	char text[160];

	(void)state;
	start(f);
	assert_int_equal(svc_state(f->s), SVC_FAILED);
	assert_int_equal(svc_memory(f->s)->result, SVC_RESULT_EXIT_CODE);
	assert_non_null(strstr(svc_why(f->s), "no such user: nobody-of-that-name"));
	assert_non_null(strstr(svc_why(f->s), "217"));
	/* No call failed, so there is no error to be told. */
	assert_string_equal(
	    svc_exit_text(&svc_memory(f->s)->main_exit, text, sizeof(text)),
	    "failed at step user (status=217)");
	fixture_free(f);
	f = fixture_new("[Service]\nGroup=no-such-group\nExecStart=/bin/prog\n", "");
	start(f);
	assert_non_null(strstr(svc_why(f->s), "216"));
	fixture_free(f);
}

/* Not root: a group that cannot be joined refuses the unit, and is not left out. */
static void
test_group_that_cannot_be_joined(void **state)
{
	struct fixture *f = fixture_new(
	    "[Service]\nSupplementaryGroups=54321\nExecStart=/bin/prog\n", "");
	char text[128];

	(void)state;
	f->world.is_root = false;
	start(f);
	assert_int_equal(svc_state(f->s), SVC_FAILED);
	assert_non_null(strstr(svc_why(f->s), "not of group 54321"));
	assert_non_null(strstr(svc_why(f->s), "216"));
	fixture_free(f);
	/* One that supd has itself needs nothing. */
	snprintf(text, sizeof(text),
	    "[Service]\nSupplementaryGroups=%u\nExecStart=/bin/prog\n",
	    (unsigned)getegid());
	f = fixture_new(text, "");
	f->world.is_root = false;
	start(f);
	assert_int_not_equal(svc_state(f->s), SVC_FAILED);
	assert_false(spec_has(&f->spec, SPEC_GROUPS));
	fixture_free(f);
}

static void
test_user(void **state)
{
	struct fixture *f;

	(void)state;
	if (geteuid() != 0)
		skip();
	f = fixture_new(
	    "[Service]\nUser=nobody\nWorkingDirectory=~\nNoNewPrivileges=yes\n"
	    "ExecStart=/bin/prog\nExecReload=+/bin/root\n",
	    "");
	start(f);
	assert_int_equal(spec_u32(&f->spec, SPEC_UID, 0), 65534);
	assert_int_equal(spec_u32(&f->spec, SPEC_GID, 0), 65534);
	assert_true(spec_has(&f->spec, SPEC_GROUPS));
	assert_true(spec_has(&f->spec, SPEC_NO_NEW_PRIVS));
	assert_string_equal(env(f, "USER"), "nobody");
	assert_string_equal(spec_str(&f->spec, SPEC_CWD, ""), env(f, "HOME"));
	/* The commands beside main are told which one it is: not before it is known. */
	svc_want_reload(f->s, "a person");
	assert_true(spec_has(&f->spec, SPEC_UID));
	svc_on_started(f->s, &(struct msg_started){ .slot = 7,
				 .kind = PROC_MAIN,
				 .seq = svc_memory(f->s)->main_seq,
				 .pid = 4711 });
	svc_want_reload(f->s, "a person");
	assert_string_equal(env(f, "MAINPID"), "4711");
	assert_false(spec_has(&f->spec, SPEC_UID));
	assert_false(spec_has(&f->spec, SPEC_NO_NEW_PRIVS));
	fixture_free(f);
	/* A number needs no entry. */
	f = fixture_new("[Service]\nUser=54321\nExecStart=/bin/prog\n", "");
	start(f);
	assert_int_equal(spec_u32(&f->spec, SPEC_UID, 0), 54321);
	fixture_free(f);
}

static void
test_result_in_stop_post(void **state)
{
	struct fixture *f = fixture_new(
	    "[Service]\nKillMode=process\nExecStart=/bin/prog\nExecStopPost=/bin/post\n",
	    "");
	struct msg_exit x = {
		.slot = 7, .kind = PROC_MAIN, .how = EXIT_KILLED, .status = 9
	};

	(void)state;
	start(f);
	x.seq = svc_memory(f->s)->main_seq;
	svc_on_exit(f->s, &x);
	assert_int_equal(svc_state(f->s), SVC_STOP_POST);
	assert_string_equal(env(f, "SERVICE_RESULT"), "signal");
	assert_string_equal(env(f, "EXIT_CODE"), "killed");
	assert_string_equal(env(f, "EXIT_STATUS"), "KILL");
	assert_null(env(f, "MAINPID"));
	assert_null(env(f, "WATCHDOG_USEC"));
	fixture_free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_search_path),
		cmocka_unit_test(test_environment_order),
		cmocka_unit_test(test_missing_environment_file),
		cmocka_unit_test(test_notify_and_watchdog),
		cmocka_unit_test(test_wrong_user),
		cmocka_unit_test(test_group_that_cannot_be_joined),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_result_in_stop_post),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
