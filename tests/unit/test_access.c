/*
 * access: what a peer may do comes from the kernel: uid, pid, ancestors.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "manager/control/access.h"

static pid_t known_pid;

static const char *
unit_of_pid(void *arg, pid_t pid)
{
	(void)arg;
	return pid == known_pid ? "agent.service" : NULL;
}

/* One that is known by what it inherited. */
static pid_t marked_pid;

static const char *
unit_of_mark(void *arg, pid_t pid)
{
	(void)arg;
	return pid == marked_pid ? "agent.scope" : NULL;
}

/* A child that is connected to us; ends when its socket is closed. */
static pid_t
peer_child(int *fd, uid_t uid, bool grandchild)
{
	/* A socketpair would have our own credentials. */
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr addr = { .sa_family = AF_UNIX };
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	pid_t pid;
	char c;

	/* An address of the kernel's choice: autobind. */
	assert_int_equal(bind(listener, &addr, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&bound, &len), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		int s;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (grandchild && fork() != 0) {
			pause();
			_exit(0);
		}
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (uid != getuid() && setuid(uid) == -1)
			_exit(2);
		s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(s, (struct sockaddr *)&bound, len) == -1)
			_exit(1);
		while (read(s, &c, 1) > 0)
			continue;
		_exit(0);
	}
	*fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(*fd != -1);
	close(listener);
	return pid;
}

static void
end_child(pid_t pid, int fd)
{
	close(fd);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct access_conf
conf_for(pid_t init_pid)
{
	return (struct access_conf){
		.owner = getuid(),
		.control_group = (gid_t)-1,
		.init_pid = init_pid,
		.unit_of_pid = unit_of_pid,
		.has_scopes = true,
		.unit_of_mark = unit_of_mark,
	};
}

static void
the_owner_from_outside_administers(void **state)
{
	struct access_conf conf = conf_for(0x3fffffff);
	struct access_peer p;
	struct buf text = { 0 };
	int fd;
	pid_t pid = peer_child(&fd, getuid(), false);

	(void)state;
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_ADMINISTER);
	assert_false(p.supervised);
	assert_int_equal(p.pid, pid);
	access_describe(&p, &text);
	assert_non_null(strstr(buf_str(&text), "uid "));
	buf_free(&text);
	end_child(pid, fd);
}

static void
a_supervised_process_may_only_read(void **state)
{
	struct access_conf conf = conf_for(getpid());
	struct access_peer p;
	int fd;
	pid_t pid;

	(void)state;
	for (int grandchild = 0; grandchild < 2; grandchild++) {
		pid = peer_child(&fd, getuid(), grandchild);
		known_pid = pid;
		access_decide(fd, &conf, &p);
		assert_int_equal(p.class, ACCESS_READ);
		assert_true(p.supervised);
		assert_string_equal(p.unit, "agent.service");
		assert_non_null(p.reason);
		/* Supervised, but of no unit that is known: nothing is its own. */
		known_pid = 0;
		access_decide(fd, &conf, &p);
		assert_true(p.supervised);
		assert_string_equal(p.unit, "");
		end_child(pid, fd);
	}
}

/* A scope, whose parent is no process of ours. */
static void
one_that_joined_from_outside_may_only_read(void **state)
{
	struct access_conf conf = conf_for(0x3fffffff);
	struct access_peer p;
	int fd;
	pid_t pid;

	(void)state;
	for (int grandchild = 0; grandchild < 2; grandchild++) {
		pid = peer_child(&fd, getuid(), grandchild);
		known_pid = pid;
		access_decide(fd, &conf, &p);
		assert_int_equal(p.class, ACCESS_READ);
		assert_true(p.supervised);
		assert_string_equal(p.unit, "agent.service");
		known_pid = 0;
		end_child(pid, fd);
	}
}

/* Of a scope that has no cgroup, and of which it has left the first process. */
static void
one_with_the_mark_of_a_scope_may_only_read(void **state)
{
	struct access_conf conf = conf_for(0x3fffffff);
	struct access_peer p;
	int fd;
	pid_t pid = peer_child(&fd, getuid(), false);

	(void)state;
	marked_pid = pid;
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_READ);
	assert_true(p.supervised);
	assert_string_equal(p.unit, "agent.scope");
	/* No scope, no mark. */
	conf.has_scopes = false;
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_ADMINISTER);
	/* Marks can be copied: who may nothing gains nothing by one. */
	conf.has_scopes = true;
	conf.owner = getuid() + 1;
	if (getuid() != 0) {
		access_decide(fd, &conf, &p);
		assert_int_equal(p.class, ACCESS_NONE);
		assert_false(p.supervised);
	}
	end_child(pid, fd);
	if (getuid() == 0) {
		pid = marked_pid = peer_child(&fd, 65534, false);
		access_decide(fd, &conf, &p);
		assert_int_equal(p.class, ACCESS_NONE);
		assert_false(p.supervised);
		assert_string_equal(p.unit, "");
		end_child(pid, fd);
	}
	/* Nor may it choose another unit. */
	conf = conf_for(getpid());
	pid = marked_pid = peer_child(&fd, getuid(), false);
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_READ);
	assert_string_equal(p.unit, "");
	marked_pid = 0;
	end_child(pid, fd);
}

static void
one_of_another_user_may_ask_for_itself_alone(void **state)
{
	struct access_conf conf = conf_for(getpid());
	struct access_peer p;
	int fd;
	pid_t pid;

	(void)state;
	conf.owner = getuid() + 1;
	if (getuid() == 0)
		conf.owner = 1;
	pid = peer_child(&fd, getuid() == 0 ? 65534 : getuid(), false);
	known_pid = pid;
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_SELF);
	assert_true(p.supervised);
	assert_string_equal(p.unit, "agent.service");
	/* Of no unit that is known: a stranger. */
	known_pid = 0;
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_NONE);
	known_pid = pid;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	conf.init_pid = getpid();
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_NONE);
	close(fd);
}

static void
a_peer_that_is_gone_may_only_read(void **state)
{
	struct access_conf conf = conf_for(0x3fffffff);
	struct access_peer p;
	int fd;
	pid_t pid = peer_child(&fd, getuid(), false);

	(void)state;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_READ);
	close(fd);
}

static void
strangers_may_nothing(void **state)
{
	struct access_conf conf = conf_for(0x3fffffff);
	struct access_peer p;
	int fd;
	pid_t pid;

	(void)state;
	if (getuid() != 0)
		skip();
	conf.owner = 0;
	pid = peer_child(&fd, 65534, false);
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_NONE);
	conf.control_group = p.gid;
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_OPERATE);
	conf.owner = 65534;
	access_decide(fd, &conf, &p);
	assert_int_equal(p.class, ACCESS_ADMINISTER);
	end_child(pid, fd);
}

static void
what_is_no_unix_peer_may_nothing(void **state)
{
	struct access_conf conf = conf_for(1);
	struct access_peer p;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	access_decide(fds[0], &conf, &p);
	assert_int_equal(p.class, ACCESS_NONE);
	close(fds[0]);
	close(fds[1]);
}

static void
stat_lines_with_hostile_names(void **state)
{
	pid_t ppid;
	uint64_t ticks;

	(void)state;
	assert_int_equal(
	    access_parse_stat("7 (x) R 3 7 7 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 "
			      "12345 0",
		&ppid, &ticks),
	    0);
	assert_int_equal(ppid, 3);
	assert_int_equal(ticks, 12345);
	assert_int_equal(
	    access_parse_stat(
		"7 (a) S 1 (b) R 9 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 5", &ppid, &ticks),
	    0);
	assert_int_equal(ppid, 9);
	assert_int_equal(access_parse_stat("", &ppid, &ticks), -1);
	assert_int_equal(access_parse_stat("7 (x) R", &ppid, &ticks), -1);
	assert_int_equal(access_parse_stat("7 x R 3 4", &ppid, &ticks), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owner_from_outside_administers),
		cmocka_unit_test(a_supervised_process_may_only_read),
		cmocka_unit_test(one_that_joined_from_outside_may_only_read),
		cmocka_unit_test(one_with_the_mark_of_a_scope_may_only_read),
		cmocka_unit_test(one_of_another_user_may_ask_for_itself_alone),
		cmocka_unit_test(a_peer_that_is_gone_may_only_read),
		cmocka_unit_test(strangers_may_nothing),
		cmocka_unit_test(what_is_no_unix_peer_may_nothing),
		cmocka_unit_test(stat_lines_with_hostile_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
