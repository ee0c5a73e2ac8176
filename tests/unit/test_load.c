/*
 * Tests of unit/load: which files make a unit, and what they make of it.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/load.h"
#include "units_rig.h"

static void
put_link(struct fixture *f, const char *path, const char *target)
{
	char *folder = xstrdup(path);

	*strrchr(folder, '/') = '\0';
	assert_int_equal(mkdir_p_at(f->fd, folder, 0700), 0);
	assert_int_equal(symlinkat(target, f->fd, path), 0);
	free(folder);
}

static struct unit_conf *
load(struct fixture *f, const char *name)
{
	return unit_load(f->paths, NULL, name, &f->d);
}

/* Loads NAME with and without a scan: both must give this state and description. */
static void
check(struct fixture *f, const char *name, enum unit_load_state want,
    const char *description)
{
	for (int scan = 0; scan < 2; scan++) {
		struct unit_conf *conf;

		if (scan)
			unit_paths_scan(f->paths);
		conf = load(f, name);
		assert_string_equal(
		    unit_load_state_name(conf->load_state), unit_load_state_name(want));
		if (description != NULL)
			assert_string_equal(conf->description, description);
		assert_false(unit_conf_changed(f->paths, conf));
		unit_conf_free(conf);
		unit_paths_forget(f->paths);
	}
}

#define RUN "\n[Service]\nExecStart=/bin/true\n"

static void
the_first_folder_wins(void **state)
{
	struct fixture *f = *state;

	put(f, "low/a.service", "[Unit]\nDescription=low" RUN);
	check(f, "a.service", UNIT_LOADED, "low");
	put(f, "high/a.service", "[Unit]\nDescription=high" RUN);
	check(f, "a.service", UNIT_LOADED, "high");
	check(f, "none.service", UNIT_NOT_FOUND, "none.service");
	check(f, "not a name.service", UNIT_BAD_SETTING, NULL);
}

static void
templates_and_instances(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *conf;

	put(f, "low/w@.service", "[Unit]\nDescription=of %i" RUN);
	check(f, "w@x.service", UNIT_LOADED, "of x");
	put(f, "low/w@own.service", "[Unit]\nDescription=its own" RUN);
	check(f, "w@own.service", UNIT_LOADED, "its own");
	check(f, "w.service", UNIT_NOT_FOUND, NULL);
	conf = load(f, "w@x.service");
	assert_string_equal(conf->prefix, "w");
	assert_string_equal(conf->instance, "x");
	assert_string_equal(conf->stem, "w@x");
	unit_conf_free(conf);
}

static void
drop_ins_by_name_folder_and_prefix(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *conf;

	put(f, "low/a-b@.service",
	    "[Unit]\nDescription=main\n[Service]\nExecStart=/bin/"
	    "main\nEnvironment=M=0\n");
	put(f, "low/service.d/10.conf", "[Service]\nEnvironment=ALL=1\n");
	put(f, "low/a-.service.d/20.conf", "[Service]\nEnvironment=BAD=1\n");
	put(f, "low/a-@.service.d/25.conf", "[Service]\nEnvironment=PREFIX=1\n");
	put(f, "low/a-b@.service.d/30.conf", "[Service]\nEnvironment=TEMPLATE=1\n");
	put(f, "high/a-b@x.service.d/05.conf",
	    "[Service]\nExecStart=\nExecStart=/bin/x\n");
	put(f, "high/a-b@x.service.d/40.conf", "[Unit]\nDescription=last\n");
	put(f, "low/a-b@x.service.d/40.conf", "[Unit]\nDescription=hidden\n");
	put(f, "low/service.d/50.conf", "[Service]\nEnvironment=GONE=1\n");
	put(f, "high/service.d/50.conf", "");
	put_link(f, "high/service.d/60.conf", "/dev/null");
	put(f, "low/service.d/60.conf", "[Service]\nEnvironment=GONE=2\n");
	put(f, "low/service.d/70.txt", "[Service]\nEnvironment=GONE=3\n");
	put(f, "low/service.d/.80.conf", "[Service]\nEnvironment=GONE=4\n");
	check(f, "a-b@x.service", UNIT_LOADED, "last");
	conf = load(f, "a-b@x.service");
	assert_int_equal(conf->service->exec[EXEC_START].n, 1);
	assert_string_equal(conf->service->exec[EXEC_START].v[0].path, "/bin/x");
	assert_null(strv_env_get(&conf->service->context.environment, "GONE"));
	assert_null(strv_env_get(&conf->service->context.environment, "BAD"));
	assert_non_null(strv_env_get(&conf->service->context.environment, "ALL"));
	assert_non_null(strv_env_get(&conf->service->context.environment, "PREFIX"));
	assert_non_null(strv_env_get(&conf->service->context.environment, "TEMPLATE"));
	assert_int_equal(f->d.n, 0);
	unit_conf_free(conf);
}

static void
a_more_specific_drop_in_hides_the_less_specific(void **state)
{
	struct fixture *f = *state;

	put(f, "low/a-b.service", "[Unit]\nDescription=main" RUN);
	put(f, "low/service.d/x.conf", "[Unit]\nDescription=type\n");
	check(f, "a-b.service", UNIT_LOADED, "type");
	put(f, "low/a-.service.d/x.conf", "[Unit]\nDescription=prefix\n");
	check(f, "a-b.service", UNIT_LOADED, "prefix");
	put(f, "low/a-b.service.d/x.conf", "[Unit]\nDescription=name\n");
	check(f, "a-b.service", UNIT_LOADED, "name");
	/* The order that systemd has for these, least to most specific. */
	put(f, "low/p-q@.service", "[Unit]\nDescription=main" RUN);
	put(f, "low/p-@.service.d/y.conf", "[Unit]\nDescription=1\n");
	check(f, "p-q@i.service", UNIT_LOADED, "1");
	put(f, "low/p-@i.service.d/y.conf", "[Unit]\nDescription=2\n");
	check(f, "p-q@i.service", UNIT_LOADED, "2");
	put(f, "low/p-q@.service.d/y.conf", "[Unit]\nDescription=3\n");
	check(f, "p-q@i.service", UNIT_LOADED, "3");
	/* An earlier folder comes before a more specific name, but for the type's own. */
	put(f, "high/p-@.service.d/y.conf", "[Unit]\nDescription=4\n");
	check(f, "p-q@i.service", UNIT_LOADED, "4");
	put(f, "high/service.d/z.conf", "[Unit]\nDescription=5\n");
	check(f, "p-q@i.service", UNIT_LOADED, "5");
	put(f, "low/p-@.service.d/z.conf", "[Unit]\nDescription=6\n");
	check(f, "p-q@i.service", UNIT_LOADED, "6");
}

static void
masks(void **state)
{
	struct fixture *f = *state;

	put(f, "low/a.service", "[Unit]\nDescription=low" RUN);
	put_link(f, "high/a.service", "/dev/null");
	check(f, "a.service", UNIT_MASKED, NULL);
	put(f, "low/b.service", "");
	check(f, "b.service", UNIT_MASKED, NULL);
	put(f, "low/c@.service", "[Unit]\nDescription=low" RUN);
	put_link(f, "high/c@x.service", "/dev/null");
	check(f, "c@x.service", UNIT_MASKED, NULL);
	check(f, "c@y.service", UNIT_LOADED, "low");
}

static void
aliases(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *conf;

	put(f, "low/real.service", "[Unit]\nDescription=%n" RUN);
	put(f, "low/t@.service", "[Unit]\nDescription=%n" RUN);
	put_link(f, "high/nick.service", "../low/real.service");
	put_link(f, "high/nickname.service", "nick.service");
	put_link(f, "low/s@.service", "t@.service");
	put_link(f, "low/u@one.service", "t@.service");
	put_link(f, "low/one.service", "t@one.service");
	put_link(f, "low/wrong.service", "t@.service");
	put_link(f, "low/wrong.target", "real.service");
	put_link(f, "low/loop.service", "pool.service");
	put_link(f, "low/pool.service", "loop.service");
	put_link(f, "low/dangling.service", "/nonexistent/dangling.service");
	check(f, "nick.service", UNIT_LOADED, "real.service");
	check(f, "nickname.service", UNIT_LOADED, "real.service");
	check(f, "s@x.service", UNIT_LOADED, "t@x.service");
	check(f, "u@one.service", UNIT_LOADED, "t@one.service");
	check(f, "one.service", UNIT_LOADED, "t@one.service");
	assert_int_equal(f->d.n_errors, 0);
	check(f, "wrong.service", UNIT_LOAD_ERROR, NULL);
	check(f, "wrong.target", UNIT_LOAD_ERROR, NULL);
	check(f, "loop.service", UNIT_LOAD_ERROR, NULL);
	check(f, "dangling.service", UNIT_LOAD_ERROR, NULL);
	assert_true(f->d.n_errors >= 8);
	unit_paths_scan(f->paths);
	conf = load(f, "real.service");
	assert_true(strv_contains(&conf->aliases, "nick.service"));
	unit_conf_free(conf);
}

/* A scan sees all links; those that do not lead to the unit are no other names of it. */
static void
no_aliases(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *conf;
	char *name;

	put(f, "low/real.service", "[Unit]\nDescription=real" RUN);
	put(f, "high/own.service", "[Unit]\nDescription=own" RUN);
	put(f, "out/real.service", "[Unit]\nDescription=out" RUN);
	put_link(f, "low/own.service", "real.service");
	put_link(f, "low/far.service", "../out/real.service");
	put_link(f, "low/nick.service", "real.service");
	unit_paths_scan(f->paths);
	conf = load(f, "real.service");
	assert_int_equal(conf->aliases.n, 1);
	assert_string_equal(conf->aliases.v[0], "nick.service");
	unit_conf_free(conf);
	unit_paths_forget(f->paths);
	name = unit_real_name(f->paths, "nick.service");
	assert_string_equal(name, "real.service");
	free(name);
	name = unit_real_name(f->paths, "own.service");
	assert_string_equal(name, "own.service");
	free(name);
	name = unit_real_name(f->paths, "none.service");
	assert_string_equal(name, "none.service");
	free(name);
}

static void
a_link_to_a_file_elsewhere_is_a_unit(void **state)
{
	struct fixture *f = *state;
	char *target = xasprintf("%s/other/x.service", f->dir);

	put(f, "other/x.service", "[Unit]\nDescription=%n in %Y" RUN);
	put_link(f, "low/x.service", target);
	put_link(f, "low/y.service", target);
	check(f, "x.service", UNIT_LOADED, NULL);
	check(f, "y.service", UNIT_LOADED, NULL);
	free(target);
}

static void
folders_of_wants(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *conf;

	put(f, "low/a.service", "[Unit]\nWants=c.service" RUN);
	put_link(f, "low/a.service.wants/b.service", "../b.service");
	put_link(f, "high/a.service.requires/d.service", "/nowhere/d.service");
	put(f, "low/a.service.wants/not-a-unit", "");
	conf = load(f, "a.service");
	assert_int_equal(conf->rules->deps[DEP_WANTS].n, 2);
	assert_true(strv_contains(&conf->rules->deps[DEP_WANTS], "b.service"));
	assert_true(strv_contains(&conf->rules->deps[DEP_REQUIRES], "d.service"));
	unit_conf_free(conf);
}

static void
times_of_timers_load(void **state)
{
	struct fixture *f = *state;
	const struct timer_conf *t;
	struct unit_conf *conf;

	put(f, "low/t.timer",
	    "[Timer]\nOnBootSec=1\nOnCalendar=daily\nOnActiveSec=\nOnActiveSec=2min\n"
	    "OnCalendar=*:0/5\nOnCalendar=Mon *-*-* 02:00 Europe/Berlin\n"
	    "OnUnitInactiveSec=1h 30min\nOverlap=queue\nPersistent=yes\n");
	conf = load(f, "t.timer");
	assert_int_equal(conf->load_state, UNIT_LOADED);
	t = &conf->trigger->timer;
	assert_int_equal(t->when.calendars.n, 2);
	assert_string_equal(t->when.calendars.v[0], "*:0/5");
	assert_int_equal(t->when.n_spans, 2);
	assert_int_equal(t->when.spans[0].base, TIMER_ON_ACTIVE);
	assert_int_equal(t->when.spans[1].us, 5400 * UINT64_C(1000000));
	assert_int_equal(t->accuracy_us, 60 * UINT64_C(1000000));
	assert_int_equal(t->policy.overlap, OVERLAP_QUEUE);
	assert_true(t->persistent && t->remain_after_elapse && !t->fixed_random);
	unit_conf_free(conf);
	put(f, "low/n.timer", "[Timer]\nOnCalendar=daily\nOnCalendar=\n");
	check(f, "n.timer", UNIT_BAD_SETTING, NULL);
	put(f, "low/c.timer", "[Timer]\nOnClockChange=yes\n");
	check(f, "c.timer", UNIT_LOADED, NULL);
	put(f, "low/b.timer", "[Timer]\nOnCalendar=25:00\n");
	check(f, "b.timer", UNIT_BAD_SETTING, NULL);
	put(f, "low/w.timer", "[Timer]\nOnCalendar=daily\nUnit=w@.service\n");
	check(f, "w.timer", UNIT_BAD_SETTING, NULL);
	put(f, "low/v.timer", "[Timer]\nOnCalendar=daily\nOverlap=allow:2\n");
	check(f, "v.timer", UNIT_BAD_SETTING, NULL);
	put(f, "low/a.timer",
	    "[Timer]\nOnCalendar=daily\nOverlap=allow:2\nUnit=w@.service\n");
	conf = load(f, "a.timer");
	assert_int_equal(conf->load_state, UNIT_LOADED);
	assert_int_equal(conf->trigger->timer.policy.allow, 2);
	assert_true(strv_contains(&conf->rules->deps[DEP_TRIGGERS], "w@2.service"));
	assert_int_equal(conf->rules->deps[DEP_TRIGGERS].n, 2);
	unit_conf_free(conf);
}

static void
targets_and_triggers_load(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *conf = load(f, "network.target");

	assert_int_equal(conf->load_state, UNIT_LOADED);
	assert_true(conf->builtin);
	unit_conf_free(conf);
	check(f, "mine.target", UNIT_NOT_FOUND, NULL);
	put(f, "low/mine.target", "[Unit]\nDescription=x\n");
	check(f, "mine.target", UNIT_LOADED, "x");
	put(f, "low/t.timer", "[Timer]\nOnCalendar=daily\n");
	conf = load(f, "t.timer");
	assert_int_equal(conf->load_state, UNIT_LOADED);
	assert_string_equal(conf->trigger->timer.unit, "t.service");
	assert_true(strv_contains(&conf->rules->deps[DEP_TRIGGERS], "t.service"));
	assert_true(strv_contains(&conf->rules->deps[DEP_BEFORE], "t.service"));
	unit_conf_free(conf);
	put(f, "low/p@.path", "[Path]\nUnit=x-%i.target\n");
	conf = load(f, "p@1.path");
	assert_string_equal(conf->trigger->path.unit, "x-1.target");
	unit_conf_free(conf);
	put(f, "low/s.socket", "[Socket]\nService=x.target\n");
	check(f, "s.socket", UNIT_BAD_SETTING, NULL);
	put(f, "low/s.timer", "[Timer]\nOnCalendar=daily\nUnit=s.timer\n");
	check(f, "s.timer", UNIT_BAD_SETTING, NULL);
	put(f, "low/a.slice", "[Slice]\nMemoryMax=1G\n");
	check(f, "a.slice", UNIT_LOADED, NULL);
}

/* The clock of files goes by steps: a change from here on has another time. */
static void
wait_for_tick(const struct timespec *after)
{
	struct timespec now;

	for (int i = 0; i < 10000; i++) {
		assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &now), 0);
		if (now.tv_sec > after->tv_sec ||
		    (now.tv_sec == after->tv_sec && now.tv_nsec > after->tv_nsec))
			return;
		usleep(1000);
	}
	fail_msg("the clock of files stands still");
}

/* In place, by as many bytes, and with the time of before: what only the time of the
 * inode tells. */
static void
overwrite_quietly(struct fixture *f, const char *path, const char *old, const char *new)
{
	int fd = openat(f->fd, path, O_RDWR | O_CLOEXEC);
	struct timespec times[2];
	char text[1024], *at;
	struct stat st;
	ssize_t n;

	assert_int_not_equal(fd, -1);
	assert_int_equal(fstat(fd, &st), 0);
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	at = strstr(text, old);
	assert_non_null(at);
	assert_int_equal(strlen(old), strlen(new));
	wait_for_tick(&st.st_ctim);
	assert_int_equal(pwrite(fd, new, strlen(new), at - text), strlen(new));
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

/* Where all times of a file go by the steps of that clock, two writes within one step
 * leave the same ones, and what was read between them is not what the file says. */
static void
changes_within_a_tick_are_seen(void **state)
{
	struct fixture *f = *state;

	put(f, "low/a.service", "[Unit]\nDescription=one" RUN);
	for (int i = 0; i < 20; i++) {
		int fd = openat(f->fd, "low/a.service", O_WRONLY | O_CLOEXEC);
		struct unit_conf *conf;

		assert_int_not_equal(fd, -1);
		assert_int_equal(pwrite(fd, "[Unit]\nDescription=one", 22, 0), 22);
		conf = load(f, "a.service");
		assert_int_equal(pwrite(fd, "[Unit]\nDescription=two", 22, 0), 22);
		close(fd);
		assert_true(unit_conf_changed(f->paths, conf));
		unit_conf_free(conf);
	}
}

static int64_t
ctime_ns(const struct stat *st)
{
	return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

static void
changes_are_seen(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *conf;
	struct stat st;

	conf = load(f, "a.service");
	assert_false(unit_conf_changed(f->paths, conf));
	put(f, "low/a.service", "[Unit]\nDescription=1" RUN);
	assert_true(unit_conf_changed(f->paths, conf));
	unit_conf_free(conf);

	conf = load(f, "a.service");
	put(f, "low/a.service", "[Unit]\nDescription=two" RUN);
	assert_true(unit_conf_changed(f->paths, conf));
	unit_conf_free(conf);

	conf = load(f, "a.service");
	overwrite_quietly(f, "low/a.service", "Description=two", "Description=too");
	assert_true(unit_conf_changed(f->paths, conf));
	unit_conf_free(conf);

	/* What is no other text is none to be read again and again, either. */
	assert_int_equal(fstatat(f->fd, "low/a.service", &st, 0), 0);
	wait_for_tick(&st.st_ctim);
	conf = load(f, "a.service");
	assert_int_equal(fchmodat(f->fd, "low/a.service", 0640, 0), 0);
	assert_int_equal(fstatat(f->fd, "low/a.service", &st, 0), 0);
	wait_for_tick(&st.st_ctim);
	assert_true(conf->sources[0].wall_ctime_ns != ctime_ns(&st));
	assert_false(unit_conf_changed(f->paths, conf));
	assert_true(conf->sources[0].wall_ctime_ns == ctime_ns(&st));
	assert_false(unit_conf_changed(f->paths, conf));
	unit_conf_free(conf);

	conf = load(f, "a.service");
	put(f, "high/a.service.d/x.conf", "[Unit]\nDescription=3\n");
	assert_true(unit_conf_changed(f->paths, conf));
	unit_conf_free(conf);

	conf = load(f, "a.service");
	assert_int_equal(unlinkat(f->fd, "high/a.service.d/x.conf", 0), 0);
	assert_true(unit_conf_changed(f->paths, conf));
	unit_conf_free(conf);

	conf = load(f, "a.service");
	put_link(f, "high/a.service", "/dev/null");
	assert_true(unit_conf_changed(f->paths, conf));
	unit_conf_free(conf);

	conf = load(f, "a.service");
	assert_int_equal(conf->load_state, UNIT_MASKED);
	assert_int_equal(unlinkat(f->fd, "high/a.service", 0), 0);
	assert_true(unit_conf_changed(f->paths, conf));
	unit_conf_free(conf);

	conf = load(f, "a.service");
	assert_int_equal(unlinkat(f->fd, "low/a.service", 0), 0);
	assert_true(unit_conf_changed(f->paths, conf));
	unit_conf_free(conf);
}

/* Why it cannot be read may be over at any time: it counts as changed. */
static void
check_unreadable(struct fixture *f, const char *name)
{
	struct unit_conf *c = load(f, name);

	assert_int_equal(c->load_state, UNIT_LOAD_ERROR);
	assert_true(unit_conf_changed(f->paths, c));
	unit_conf_free(c);
}

static void
what_is_no_file_is_an_error_and_never_waited_for(void **state)
{
	struct fixture *f = *state;

	put(f, "low/x.service", "");
	assert_int_equal(mkfifoat(f->fd, "low/fifo.service", 0600), 0);
	assert_int_equal(mkdirat(f->fd, "low/dir.service", 0700), 0);
	check_unreadable(f, "fifo.service");
	check_unreadable(f, "dir.service");
	put(f, "low/a.service", "[Unit]\nDescription=a" RUN);
	assert_int_equal(mkdirat(f->fd, "low/a.service.d", 0700), 0);
	assert_int_equal(mkfifoat(f->fd, "low/a.service.d/f.conf", 0600), 0);
	check_unreadable(f, "a.service");
}

static void
all_names_are_listed_once(void **state)
{
	struct fixture *f = *state;
	struct strv names = { 0 };
	char *joined;

	put(f, "low/b.service", RUN);
	put(f, "high/b.service", RUN);
	put(f, "low/a@.service", RUN);
	put(f, "low/c.timer", "");
	put(f, "low/README", "");
	put(f, "low/b.service.d/x.conf", "");
	put_link(f, "low/masked.service", "/dev/null");
	unit_list_dir(f->paths, &names);
	joined = strv_join(&names, " ");
	assert_string_equal(joined, "a@.service b.service c.timer masked.service");
	free(joined);
	strv_free(&names);
}

static void
count_difference(
    void *arg, const char *name, const char *old_value, const char *new_value)
{
	struct strv *got = arg;

	strv_addf(got, "%s:%s>%s", name, old_value, new_value);
}

static struct unit_conf *
load_text(struct fixture *f, const struct supd_conf *sc, const char *text)
{
	return unit_load_text(
	    f->paths, sc, "a.service", "a.service", text, strlen(text), &f->d);
}

static void
differences_are_named_key_by_key(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *a =
	    load_text(f, NULL, "[Service]\nExecStart=/bin/a\nRestartSec=1\nNice=5\n");
	struct unit_conf *b = load_text(
	    f, NULL, "[Service]\nExecStart=/bin/a x\nRestartSec=1s\nUser=bob\n");
	struct strv got = { 0 };
	char *joined;

	unit_conf_diff(a, b, count_difference, &got);
	joined = strv_join(&got, " ");
	assert_string_equal(joined, "ExecStart:/bin/a>/bin/a x Nice:5> User:>bob");
	free(joined);
	strv_free(&got);
	unit_conf_free(a);
	unit_conf_free(b);
}

/* A file that is missing is an empty one; a link was meant to lead to something. */
static void
supd_conf_that_leads_nowhere_is_told(void **state)
{
	struct fixture *f = *state;
	char *path = xasprintf("%s/low/supd.conf", f->dir);

	supd_conf_free(supd_conf_load(path, &f->d));
	assert_int_equal(f->d.n, 0);
	put_link(f, "low/supd.conf", "/nonexistent/supd.conf");
	supd_conf_free(supd_conf_load(path, &f->d));
	assert_int_equal(f->d.n, 1);
	assert_int_equal(f->d.v[0].level, DIAG_ERROR);
	assert_non_null(strstr(f->d.v[0].text, "leads nowhere"));
	free(path);
}

static void
defaults_come_from_supd_conf(void **state)
{
	static const char conf[] =
	    "[Supd]\nDefaultTimeoutStopSec=5\nDefaultRestartSec=2\n"
	    "DefaultStartLimitBurst=9\nLogOverflow=drop\nIsolation=require\n"
	    "UnknownKeys=error\n";
	struct fixture *f = *state;
	struct supd_conf *sc =
	    supd_conf_load_text("supd.conf", conf, strlen(conf), &f->d);
	struct unit_conf *c;

	assert_int_equal(f->d.n, 0);
	c = load_text(
	    f, sc, "[Service]\nExecStart=/bin/a\nTimeoutStopSec=1\nTimeoutStopSec=\n");
	assert_true(c->service->timeout_stop_us == 5000000);
	assert_true(c->service->timeout_abort_us == 5000000);
	assert_true(c->service->timeout_start_us == 90000000);
	assert_true(c->service->restart_us == 2000000);
	assert_int_equal(c->rules->start_limit_burst, 9);
	assert_int_equal(c->service->context.log_overflow, LOG_OVERFLOW_DROP);
	assert_int_equal(c->load_state, UNIT_LOADED);
	unit_conf_free(c);
	c = load_text(f, sc, "[Service]\nExecStart=/bin/a\nPrivateTmp=yes\n");
	assert_int_equal(c->load_state, UNIT_BAD_SETTING);
	unit_conf_free(c);
	c = load_text(f, sc, "[Service]\nExecStart=/bin/a\nNonsense=yes\n");
	assert_int_equal(c->load_state, UNIT_BAD_SETTING);
	unit_conf_free(c);
	supd_conf_free(sc);
}

static void
what_follows_from_other_lines(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c =
	    load_text(f, NULL, "[Service]\nType=oneshot\nExecStart=/bin/a\n");

	assert_true(c->service->timeout_start_us == UNIT_INFINITY);
	assert_int_equal(c->service->notify_access, NOTIFY_ACCESS_NONE);
	assert_int_equal(c->service->notify_fd, -1);
	assert_string_equal(c->description, "a.service");
	assert_false(c->rules->has_install);
	unit_conf_free(c);
	c = load_text(
	    f, NULL, "[Install]\n[Service]\nExecStop=/bin/a\nRemainAfterExit=1\n");
	assert_int_equal(c->service->type, SERVICE_ONESHOT);
	assert_true(c->rules->has_install);
	unit_conf_free(c);
	c = load_text(f, NULL, "[Service]\nType=notify\nExecStart=/bin/a\n");
	assert_int_equal(c->service->notify_access, NOTIFY_ACCESS_MAIN);
	unit_conf_free(c);
}

static void
lists_have_a_bound(void **state)
{
	struct fixture *f = *state;
	struct buf text = { 0 };
	struct unit_conf *c;

	buf_adds(&text, "[Service]\nExecStart=/bin/a\nEnvironment=");
	for (int i = 0; i < 2 * UNIT_LIST_MAX; i++)
		buf_addf(&text, "A%d=1 ", i);
	buf_adds(&text, "\nExecStartPre=/bin/b");
	for (int i = 0; i < 2 * UNIT_LIST_MAX; i++)
		buf_adds(&text, " ; /bin/b");
	buf_adds(&text, "\n[Unit]\nAfter=");
	for (int i = 0; i < 2 * UNIT_LIST_MAX; i++)
		buf_addf(&text, "a%d.service ", i);
	c = load_text(f, NULL, buf_str(&text));
	assert_int_equal(c->load_state, UNIT_BAD_SETTING);
	assert_int_equal(c->service->context.environment.n, UNIT_LIST_MAX);
	assert_int_equal(c->service->exec[EXEC_START_PRE].n, UNIT_LIST_MAX);
	assert_int_equal(c->rules->deps[DEP_AFTER].n, UNIT_LIST_MAX);
	assert_int_equal(f->d.n, DIAGS_MAX);
	unit_conf_free(c);
	buf_free(&text);
}

static void
add_times(struct buf *text, int n, const char *piece)
{
	while (n-- > 0)
		buf_adds(text, piece);
}

static double
cpu_seconds(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (double)ru.ru_utime.tv_sec + (double)ru.ru_utime.tv_usec / 1e6;
}

/* A manager that reads for longer than RoleHangSec= is killed, and the next one, too:
 * what is bad about a file must not take time by what is said about it. */
static void
what_is_bad_about_a_large_file_is_said_soon(void **state)
{
	struct fixture *f = *state;
	double begin = cpu_seconds();
	struct buf text = { 0 };

	buf_adds(&text, "[Service]\nExecStart=/bin/a\nEnvironment=A=1");
	add_times(&text, 250000, " \\\n1");
	buf_addc(&text, '\n');
	add_times(&text, 300000, "aaaaaaaaaaaaaaaaaaaa=\n");
	unit_conf_free(load_text(f, NULL, buf_str(&text)));
	assert_int_equal(f->d.n, DIAGS_MAX);
	assert_int_equal(f->d.v[0].line, 4);
	assert_int_equal(f->d.v[DIAGS_MAX - 1].line, 3 + DIAGS_MAX);
	/* Not a measure of speed: it was a minute. */
	assert_true(cpu_seconds() - begin < 15);
	buf_free(&text);
}

static void
bad_with(struct fixture *f, const char *text, const char *what)
{
	struct unit_conf *c = load_text(f, NULL, text);

	assert_int_equal(c->load_state, UNIT_BAD_SETTING);
	assert_int_equal(f->d.n, 1);
	assert_non_null(strstr(f->d.v[0].text, what));
	unit_conf_free(c);
	diags_clear(&f->d);
}

/* What a file becomes is bounded, as is the file. */
static void
values_have_a_bound(void **state)
{
	struct fixture *f = *state;
	struct buf text = { 0 };
	char *id = xmalloc(UNIT_NAME_MAX + 1);
	struct unit_conf *c;

	/* One value that grows by its specifiers; `-' does not make that a small thing.
	 */
	memset(id, 'x', UNIT_NAME_MAX);
	strcpy(id + UNIT_NAME_MAX - 8, ".service");
	buf_adds(&text, "[Service]\nExecStart=/bin/a\nExecStartPre=/bin/a ");
	add_times(&text, 5000, "%n");
	c = unit_load_text(f->paths, NULL, id, "x", buf_str(&text), text.len, &f->d);
	assert_int_equal(c->load_state, UNIT_BAD_SETTING);
	assert_non_null(strstr(f->d.v[0].text, "longer than 1 MiB"));
	unit_conf_free(c);
	diags_clear(&f->d);
	free(id);

	/* Many of them, in lines of a lawful length. */
	buf_clear(&text);
	buf_adds(&text, "[Service]\nExecStart=/bin/a\nExecStartPre=-/bin/a ");
	add_times(&text, 260000, "%n ");
	bad_with(f, buf_str(&text), "too many values");

	/* And in files of a lawful size. */
	buf_clear(&text);
	put(f, "high/a.service", "[Service]\nExecStart=/bin/a\n");
	add_times(&text, 1000000, "#######\n");
	for (int i = 0; i < 6; i++) {
		char *path = xasprintf("high/a.service.d/%d.conf", i);

		put(f, path, buf_str(&text));
		free(path);
	}
	c = load(f, "a.service");
	assert_int_equal(c->load_state, UNIT_BAD_SETTING);
	assert_int_equal(f->d.n, 1);
	assert_non_null(strstr(f->d.v[0].text, "larger than 32 MiB"));
	unit_conf_free(c);
	buf_free(&text);
}

static void
folders_of_links_have_a_bound(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c;

	put(f, "high/a.service", "[Service]\nExecStart=/bin/a\n");
	for (int i = 0; i <= UNIT_LIST_MAX; i++) {
		char *path = xasprintf("high/a.service.wants/n%d.service", i);

		put_link(f, path, "../b.service");
		free(path);
	}
	c = load(f, "a.service");
	assert_int_equal(c->load_state, UNIT_BAD_SETTING);
	assert_int_equal(c->rules->deps[DEP_WANTS].n, UNIT_LIST_MAX);
	assert_non_null(strstr(f->d.v[0].text, "more than 4096 dependencies"));
	unit_conf_free(c);
	diags_clear(&f->d);

	for (int i = 0; i < 1100; i++) {
		char *path = xasprintf("low/a%d-b-c-d-e-f-g-h-i-j.service", i);

		put_link(f, path, "c.service");
		free(path);
	}
	put(f, "low/c.service", "[Service]\nExecStart=/bin/a\n");
	unit_paths_scan(f->paths);
	c = load(f, "c.service");
	assert_int_equal(c->load_state, UNIT_LOADED);
	assert_in_range(c->aliases.n, 1000, 1099);
	assert_non_null(strstr(f->d.v[0].text, "links lead to it"));
	unit_conf_free(c);
	unit_paths_forget(f->paths);
}

static struct unit_conf *
load_named(struct fixture *f, const char *name, const char *text)
{
	return unit_load_text(f->paths, NULL, name, name, text, strlen(text), &f->d);
}

static bool
forbid(void *arg, const char *path, bool follow)
{
	(void)arg;
	(void)path;
	(void)follow;
	return false;
}

/* What did not answer once is no reason to be silent about what is not there later. */
static void
text_after_what_did_not_answer(void **state)
{
	struct fixture *f = *state;
	struct unit_conf *c;

	unit_paths_set_guard(f->paths, forbid, NULL);
	unit_conf_free(load(f, "a.service"));
	assert_true(unit_paths_unanswered(f->paths));
	unit_paths_set_guard(f->paths, NULL, NULL);
	diags_clear(&f->d);
	c = load_named(f, "a.service",
	    "[Service]\nExecStart=/bin/a\n[Session]\nTerminal=yes\nProfile=none\n");
	assert_false(unit_paths_unanswered(f->paths));
	assert_int_equal(f->d.n, 1);
	assert_non_null(strstr(f->d.v[0].text, "there is no profile none"));
	unit_conf_free(c);
}

/* What units say alike is kept once, and as long as one of them is there. */
static void
settings_are_shared(void **state)
{
	static const char text[] = "[Unit]\nDescription=%n\nAfter=b.service\n"
				   "[Service]\nExecStart=/bin/a b c\nNice=3\n"
				   "Environment=A=1 B=2\nReadyFile=/x\nKillMode=mixed\n";
	struct fixture *f = *state;
	struct unit_conf *a = load_named(f, "a.service", text);
	struct unit_conf *b = load_named(f, "b.service", text);
	struct unit_conf *c = load_named(
	    f, "c.service", "[Unit]\nAfter=b.service\n[Service]\nExecStart=/bin/a b d\n");
	struct unit_conf *own = load_named(f, "d.service",
	    "[Unit]\nAfter=%p\n[Service]\nExecStart=/bin/a b c\nEnvironment=A=%p\n");

	assert_ptr_equal(a->service, b->service);
	assert_ptr_equal(a->rules, b->rules);
	assert_string_equal(b->id, "b.service");
	assert_string_equal(b->description, "b.service");
	assert_ptr_not_equal(a->service, c->service);
	assert_ptr_not_equal(own->service, c->service);
	unit_conf_free(a);
	assert_string_equal(b->service->exec[EXEC_START].v[0].argv.v[2], "c");
	assert_string_equal(c->service->exec[EXEC_START].v[0].argv.v[2], "d");
	assert_string_equal(strv_env_get(&b->service->context.environment, "B"), "2");
	assert_string_equal(b->rules->deps[DEP_AFTER].v[0], "b.service");
	/* Their folders may be forgotten before them. */
	unit_paths_free(f->paths);
	f->paths = NULL;
	assert_string_equal(b->service->ready.v[0].text, "/x");
	unit_conf_free(b);
	unit_conf_free(c);
	unit_conf_free(own);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_first_folder_wins),
		TEST(templates_and_instances),
		TEST(drop_ins_by_name_folder_and_prefix),
		TEST(a_more_specific_drop_in_hides_the_less_specific),
		TEST(masks),
		TEST(aliases),
		TEST(no_aliases),
		TEST(a_link_to_a_file_elsewhere_is_a_unit),
		TEST(folders_of_wants),
		TEST(times_of_timers_load),
		TEST(targets_and_triggers_load),
		TEST(changes_are_seen),
		TEST(changes_within_a_tick_are_seen),
		TEST(what_is_no_file_is_an_error_and_never_waited_for),
		TEST(all_names_are_listed_once),
		TEST(differences_are_named_key_by_key),
		TEST(supd_conf_that_leads_nowhere_is_told),
		TEST(defaults_come_from_supd_conf),
		TEST(what_follows_from_other_lines),
		TEST(lists_have_a_bound),
		TEST(what_is_bad_about_a_large_file_is_said_soon),
		TEST(values_have_a_bound),
		TEST(folders_of_links_have_a_bound),
		TEST(text_after_what_did_not_answer),
		TEST(settings_are_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
