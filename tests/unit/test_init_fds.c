/*
 * init as a real process: the descriptors that it keeps for others, and the pipes of a
 * slot.
 */
#include "init_rig.h"

static void
drop(struct rig *g, uint32_t id, const char *name)
{
	struct msg m;

	msg_init(&m, MSG_FD_DROP);
	m.u.FD_DROP.id = id;
	snprintf(m.u.FD_DROP.unit, PROTO_UNIT_MAX, "unit2.service");
	snprintf(m.u.FD_DROP.fdname, PROTO_FDNAME_MAX, "%s", name);
	send_to(&g->manager, &m);
}

static void
test_dropped_descriptors_are_closed_and_told(void **state)
{
	struct rig g;
	struct msg m;
	int w;

	(void)state;
	rig_start(&g);
	/* By name, by number, and all of the unit; the number is free again each time. */
	for (int i = 0; i < 3; i++) {
		w = store_pipe(&g);
		drop(&g, 0, "other");
		drop(&g, i == 1, i == 0 ? "in" : "");
		want(&g, MSG_UNSTORED, &m);
		assert_int_equal(m.u.UNSTORED.id, 1);
		assert_string_equal(m.u.UNSTORED.unit, "unit2.service");
		/* Nobody reads any more: init has closed it. */
		assert_int_equal(write(w, "x", 1), -1);
		assert_int_equal(errno, EPIPE);
		close(w);
	}
	rig_stop(&g);
}

/* A listener that init keeps as number 1, at an address that is nobody's: its name. */
static struct sockaddr_un
store_listener(struct rig *g, bool blocking)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(un);
	struct msg m;
	int fd = socket(
	    AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&un, &len), 0);
	msg_init(&m, MSG_FD_PUT);
	snprintf(m.u.FD_PUT.unit, PROTO_UNIT_MAX, "a.socket");
	snprintf(m.u.FD_PUT.fdname, PROTO_FDNAME_MAX, "0 Stream x");
	m.fds[0] = fd;
	m.nfds = 1;
	send_to(&g->manager, &m);
	close(fd);
	want(g, MSG_STORED, &m);
	assert_int_equal(m.u.STORED.id, 1);
	assert_int_equal(m.u.STORED.poll, 0);
	msg_close_fds(&m);
	return un;
}

static int
connect_to(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* The kernel's own names have a NUL and five letters. */
	assert_int_equal(
	    connect(fd, (const struct sockaddr *)un, sizeof(sa_family_t) + 6), 0);
	return fd;
}

static void
ask_accept(struct rig *g, uint32_t id, uint32_t max)
{
	struct msg m;

	msg_init(&m, MSG_FD_ACCEPT);
	m.u.FD_ACCEPT.id = id;
	m.u.FD_ACCEPT.poll = max;
	snprintf(m.u.FD_ACCEPT.unit, PROTO_UNIT_MAX, "a.socket");
	snprintf(m.u.FD_ACCEPT.fdname, PROTO_FDNAME_MAX, ":connection");
	send_to(&g->manager, &m);
}

static void
want_listener(struct rig *g, uint32_t taken)
{
	struct msg m;

	want(g, MSG_STORED, &m);
	assert_int_equal(m.u.STORED.id, 1);
	assert_int_equal(m.u.STORED.poll, taken);
	msg_close_fds(&m);
}

static void
test_connections_are_taken_and_kept(void **state)
{
	struct sockaddr_un un;
	struct rig g;
	struct msg m;
	int c[3];
	char byte;

	(void)state;
	rig_start(&g);
	un = store_listener(&g, false);
	for (int i = 0; i < 3; i++)
		c[i] = connect_to(&un);
	/* No more than were asked for, and the listener says how many. */
	ask_accept(&g, 1, 2);
	want_listener(&g, 2);
	for (uint32_t i = 2; i <= 3; i++) {
		want(&g, MSG_STORED, &m);
		assert_int_equal(m.u.STORED.id, i);
		assert_string_equal(m.u.STORED.unit, "a.socket");
		assert_string_equal(m.u.STORED.fdname, ":connection");
		msg_close_fds(&m);
	}
	ask_accept(&g, 1, 8);
	want_listener(&g, 3);
	want(&g, MSG_STORED, &m);
	msg_close_fds(&m);
	ask_accept(&g, 1, 8);
	want_listener(&g, 3);
	/* One gets another owner; all of the old one's go without it. */
	msg_init(&m, MSG_FD_RENAME);
	m.u.FD_RENAME.id = 2;
	snprintf(m.u.FD_RENAME.unit, PROTO_UNIT_MAX, "a@0.service");
	snprintf(m.u.FD_RENAME.fdname, PROTO_FDNAME_MAX, ":connection");
	send_to(&g.manager, &m);
	msg_init(&m, MSG_FD_DROP);
	snprintf(m.u.FD_DROP.unit, PROTO_UNIT_MAX, "a.socket");
	send_to(&g.manager, &m);
	for (int i = 0; i < 3; i++) {
		want(&g, MSG_UNSTORED, &m);
		assert_string_equal(m.u.UNSTORED.unit, "a.socket");
		assert_int_not_equal(m.u.UNSTORED.id, 2);
	}
	assert_int_equal(recv(c[0], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(recv(c[1], &byte, 1, 0), 0);
	assert_int_equal(recv(c[2], &byte, 1, 0), 0);
	for (int i = 0; i < 3; i++)
		close(c[i]);
	rig_stop(&g);
}

/* init would wait for ever at a listener that waits, and takes none from a stranger's. */
static void
test_connections_that_are_not_taken(void **state)
{
	struct sockaddr_un un;
	struct rig g;
	int c;

	(void)state;
	rig_start(&g);
	un = store_listener(&g, true);
	c = connect_to(&un);
	ask_accept(&g, 7, 1);
	ask_accept(&g, 0, 1);
	ask_accept(&g, 1, 1);
	want_listener(&g, 0);
	close(c);
	rig_stop(&g);
}

static void
test_log_pipe_survives_the_logger(void **state)
{
	struct spec_buf b;
	struct stat before, after;
	struct rig g;
	struct msg m;
	int go;

	(void)state;
	rig_start(&g);
	go = store_pipe(&g);
	slot_open(&g, 4, false, false);
	sh(&b, "echo one; read x <&3; echo two");
	spec_put_u32(&b, SPEC_FD, 1);
	spawn_spec(&g, 4, PROC_MAIN, &b);
	want_line(&g, 4, 0, "one\n");
	assert_int_equal(fstat(g.log_fd[4][0], &before), 0);
	kill_role(&g, &g.logger);
	for (int i = 0; i < 2; i++) {
		close(g.log_fd[4][i]);
		g.log_fd[4][i] = -1;
	}
	/* Nobody reads, and the write works all the same. */
	assert_int_equal(write(go, "\n", 1), 1);
	want(&g, MSG_EXIT, &m);
	assert_int_equal(m.u.EXIT.how, EXIT_EXITED);
	assert_int_equal(m.u.EXIT.status, 0);
	want_line(&g, 4, 0, "two\n");
	assert_int_equal(fstat(g.log_fd[4][0], &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(g.table->role[ROLE_LOGGER].restarts, 1);
	close(go);
	rig_stop(&g);
}

static void
test_slot_waits_for_the_logger(void **state)
{
	struct rig g;
	struct msg m;

	(void)state;
	rig_start(&g);
	g.keep_logs = true;
	slot_open(&g, 0, false, false);
	want(&g, MSG_SLOT, &m);
	send_slot(&g, MSG_SLOT_CLOSE, 0);
	/* Another slot goes through meanwhile: this one is only closing. */
	slot_open(&g, 1, false, false);
	spawn_sh(&g, 1, PROC_MAIN, "exit 1");
	want(&g, MSG_EXIT, &m);
	assert_int_equal(table_slot(g.table, 0)->state, SLOT_CLOSING);
	/* The logger dies over it; the next one is asked again. */
	g.keep_logs = false;
	kill_role(&g, &g.logger);
	want(&g, MSG_SLOT_DONE, &m);
	assert_int_equal(m.u.SLOT_DONE.slot, 0);
	rig_stop(&g);
}

static void
test_notify_descriptor_is_a_pipe(void **state)
{
	struct spec_buf b;
	struct rig g;
	struct msg m;
	char text[16];

	(void)state;
	rig_start(&g);
	slot_open(&g, 6, true, false);
	want(&g, MSG_SLOT_NOTIFY, &m);
	assert_int_equal(m.u.SLOT_NOTIFY.slot, 6);
	msg_close_fds(&m);
	sh(&b, "echo >&7; exec 7>&-; exec sleep 5");
	spec_put_u32(&b, SPEC_NOTIFY_FD, 7);
	spawn_spec(&g, 6, PROC_MAIN, &b);
	do
		want(&g, MSG_STARTED, &m);
	while (m.u.STARTED.execed == 0);
	/* The line is kept by the read end that the process has, then comes the end. */
	int fd = openat(g.run_fd, "fifo/6.rdy", O_RDONLY | O_NONBLOCK);
	assert_int_not_equal(fd, -1);
	struct pollfd pfd = { fd, POLLIN, 0 };
	assert_int_equal(poll(&pfd, 1, DEADLINE_MS), 1);
	assert_int_equal(read(fd, text, sizeof(text)), 1);
	assert_int_equal(text[0], '\n');
	uint64_t until = now_ms() + DEADLINE_MS;
	ssize_t n;
	while ((n = read(fd, text, sizeof(text))) == -1 && now_ms() < until)
		poll(&pfd, 1, 100);
	assert_int_equal(n, 0);
	close(fd);
	rig_stop(&g);
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dropped_descriptors_are_closed_and_told),
		cmocka_unit_test(test_connections_are_taken_and_kept),
		cmocka_unit_test(test_connections_that_are_not_taken),
		cmocka_unit_test(test_log_pipe_survives_the_logger),
		cmocka_unit_test(test_slot_waits_for_the_logger),
		cmocka_unit_test(test_notify_descriptor_is_a_pipe),
	};

	int rc;

	if (rig_part(argc, argv, &rc))
		return rc;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
