/*
 * supctl against a server that misbehaves: slow, torn, closed, not Varlink, somebody
 * else's; and what the commands make of good and bad answers.
 *
 * The server is a child that plays a list of steps.  A step first waits for a call (when
 * it names one), then sends its bytes, then may close the connection.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>

#include "../../tools/supctl/client.h"
#include "../../tools/supctl/commands.h"
#include "../../tools/supctl/ctl.h"
#include "../../tools/supctl/tty.h"
#include "../../tools/supctl/when.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/rmtree.h"
#include "unit/instance.h"

enum how {
	HOW_WHOLE,
	HOW_BYTES,   /* one at a time */
	HOW_CLOSE,   /* and close */
	HOW_HANG,    /* and never say anything more */
	HOW_ENDLESS, /* bytes without an end */
};

struct step {
	const char *expect; /* a part of the call, NULL: do not wait for one */
	const char *send;
	enum how how;
};

struct world {
	char root[256];
	struct instance in;
	pid_t server;
};

/* ---- the server ---- */

static void
write_all(int fd, const char *p, size_t n)
{
	ssize_t w;

	while (n > 0) {
		w = write(fd, p, n);
		if (w <= 0)
			_exit(3);
		p += w;
		n -= (size_t)w;
	}
}

static void
expect_call(int fd, const char *part)
{
	char call[4096];
	size_t n = 0;

	do {
		if (n == sizeof(call) - 1 || read(fd, call + n, 1) != 1)
			_exit(4);
	} while (call[n++] != '\0');
	if (strstr(call, part) == NULL) {
		fprintf(stderr, "# server: expected %s, got %s\n", part, call);
		_exit(5);
	}
}

static void
play(int listener, const struct step *s)
{
	int fd = -1;
	size_t i;

	for (; s->expect != NULL || s->send != NULL; s++) {
		if (fd == -1)
			fd = accept(listener, NULL, NULL);
		if (fd == -1)
			_exit(6);
		if (s->expect != NULL)
			expect_call(fd, s->expect);
		if (s->how == HOW_BYTES) {
			for (i = 0; i <= strlen(s->send); i++)
				write_all(fd, s->send + i, 1);
		} else if (s->send != NULL) {
			/* A frame ends with its NUL; what is torn has none. */
			write_all(
			    fd, s->send, strlen(s->send) + (s->how == HOW_CLOSE ? 0 : 1));
		}
		while (s->how == HOW_ENDLESS)
			write_all(fd, "          ", 10);
		if (s->how == HOW_HANG)
			pause();
		if (s->how == HOW_CLOSE) {
			close(fd);
			fd = -1;
		}
	}
	_exit(0);
}

static int
listen_at(const char *root)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX, .sun_path = "supd.sock" };
	char run[512];
	int here = open(".", O_PATH | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(run, sizeof(run), "%s/run", root);
	if (fd == -1 || here == -1 || chdir(run) == -1)
		return -1;
	unlink("supd.sock");
	if (bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    listen(fd, 4) == -1 || fchdir(here) == -1)
		return -1;
	close(here);
	return fd;
}

static void
serve(struct world *w, const struct step *steps)
{
	int fd = listen_at(w->in.root);

	assert_true(fd != -1);
	w->server = fork();
	assert_true(w->server != -1);
	if (w->server == 0) {
		signal(SIGPIPE, SIG_DFL);
		alarm(60);
		play(fd, steps);
	}
	close(fd);
}

/* The exit status of the server, -1 when it had to be ended. */
static int
server_end(struct world *w)
{
	int status;

	kill(w->server, SIGCONT);
	assert_int_equal(waitpid(w->server, &status, 0), w->server);
	w->server = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const char *tmp = getenv("TMPDIR");
	char run[300];

	snprintf(
	    w->root, sizeof(w->root), "%.180s/supctl.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	if (mkdtemp(w->root) == NULL)
		return -1;
	snprintf(run, sizeof(run), "%s/run", w->root);
	if (mkdir(run, 0755) == -1)
		return -1;
	w->in.root = strdup(w->root);
	w->in.run = strdup(run);
	w->in.owner = geteuid();
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	if (w->server > 0) {
		kill(w->server, SIGKILL);
		waitpid(w->server, NULL, 0);
	}
	rm_rf_at(AT_FDCWD, w->root, 10000);
	free(w->in.root);
	free(w->in.run);
	free(w);
	return 0;
}

static uint64_t
in_sec(unsigned s)
{
	return clock_mono_us() + s * USEC_PER_SEC;
}

/* One call as a command makes it. */
static enum client_result
ask(struct world *w, uint64_t deadline_us, struct reply *r, struct buf *why)
{
	struct client *c = NULL;
	enum client_result res = client_connect(&c, &w->in, deadline_us, why);

	if (res == CLIENT_OK)
		res = client_send(
		    c, "io.supd.Manager.Version", "{}", false, deadline_us, why);
	if (res == CLIENT_OK)
		res = client_receive(c, r, deadline_us, why);
	client_free(c);
	return res;
}

static void
expect_result(struct world *w, const struct step *steps, unsigned seconds,
    enum client_result expected)
{
	struct reply r = { 0 };
	struct buf why = { 0 };

	serve(w, steps);
	assert_int_equal(ask(w, in_sec(seconds), &r, &why), expected);
	if (expected != CLIENT_OK)
		assert_true(why.len > 0);
	reply_clear(&r);
	buf_free(&why);
}

/* ---- the client ---- */

static void
test_answer(void **state)
{
	static const struct step steps[] = {
		{ "\"method\":\"io.supd.Manager.Version\"",
		    "{\"parameters\":{\"version\":\"1\"}}", HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct reply r = { 0 };
	struct buf why = { 0 };

	serve(w, steps);
	assert_int_equal(ask(w, in_sec(30), &r, &why), CLIENT_OK);
	assert_null(r.error);
	assert_false(r.continues);
	assert_string_equal(jv_str(jv_get(r.params, "version"), ""), "1");
	assert_int_equal(server_end(w), 0);
	reply_clear(&r);
	buf_free(&why);
}

static void
test_torn_into_bytes(void **state)
{
	static const struct step steps[] = {
		{ "Version", "{\"error\":\"io.supd.Unit.NoSuchUnit\"}", HOW_BYTES },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct reply r = { 0 };
	struct buf why = { 0 };

	serve(w, steps);
	assert_int_equal(ask(w, in_sec(30), &r, &why), CLIENT_OK);
	assert_string_equal(r.error, "io.supd.Unit.NoSuchUnit");
	assert_null(r.params);
	reply_clear(&r);
	buf_free(&why);
}

static void
test_several_replies_at_once(void **state)
{
	/* Two frames in one write, and the beginning of a third. */
	static const char frames[] = "{\"continues\":true,\"parameters\":{\"n\":1}}\0"
				     "{\"continues\":true,\"parameters\":{\"n\":2}}\0"
				     "{\"param";
	struct world *w = *state;
	struct client *c = NULL;
	struct reply r = { 0 };
	struct buf why = { 0 };
	int fd = listen_at(w->root);
	int peer, i;

	assert_true(fd != -1);
	assert_int_equal(client_connect(&c, &w->in, in_sec(30), &why), CLIENT_OK);
	peer = accept(fd, NULL, NULL);
	assert_int_equal(write(peer, frames, sizeof(frames) - 1), sizeof(frames) - 1);
	for (i = 1; i <= 2; i++) {
		assert_int_equal(client_receive(c, &r, in_sec(30), &why), CLIENT_OK);
		assert_true(r.continues);
		assert_int_equal(jv_i64(jv_get(r.params, "n"), 0), i);
		reply_clear(&r);
	}
	assert_int_equal(write(peer, "eters\":{\"n\":3}}", 16), 16);
	assert_int_equal(client_receive(c, &r, in_sec(30), &why), CLIENT_OK);
	assert_false(r.continues);
	assert_int_equal(jv_i64(jv_get(r.params, "n"), 0), 3);
	reply_clear(&r);
	close(peer);
	close(fd);
	client_free(c);
	buf_free(&why);
}

static void
test_slow_server(void **state)
{
	static const struct step steps[] = {
		{ "Version", NULL, HOW_HANG },
		{ NULL, NULL, HOW_WHOLE },
	};

	expect_result(*state, steps, 1, CLIENT_TIMEOUT);
}

static void
test_half_an_answer(void **state)
{
	static const struct step steps[] = {
		{ "Version", "{\"parameters\":", HOW_CLOSE },
		{ NULL, NULL, HOW_WHOLE },
	};

	expect_result(*state, steps, 30, CLIENT_CLOSED);
}

static void
test_no_answer(void **state)
{
	static const struct step steps[] = {
		{ "Version", NULL, HOW_CLOSE },
		{ NULL, NULL, HOW_WHOLE },
	};

	expect_result(*state, steps, 30, CLIENT_CLOSED);
}

static void
test_answer_without_end(void **state)
{
	static const struct step steps[] = {
		{ "Version", "", HOW_ENDLESS },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct reply r = { 0 };
	struct buf why = { 0 };
	enum client_result res;

	/* The first frame is empty, so no JSON; without it: bytes for ever. */
	serve(w, steps);
	res = ask(w, in_sec(2), &r, &why);
	assert_true(res == CLIENT_PROTOCOL || res == CLIENT_TIMEOUT);
	reply_clear(&r);
	buf_free(&why);
}

static void
test_blanks_without_end(void **state)
{
	struct world *w = *state;
	struct client *c = NULL;
	struct reply r = { 0 };
	struct buf why = { 0 };
	char blanks[4096];
	enum client_result res;
	pid_t pid;
	int fd = listen_at(w->root);
	int peer;

	memset(blanks, ' ', sizeof(blanks));
	assert_int_equal(client_connect(&c, &w->in, in_sec(30), &why), CLIENT_OK);
	peer = accept(fd, NULL, NULL);
	pid = fork();
	if (pid == 0)
		for (;;)
			write_all(peer, blanks, sizeof(blanks));
	w->server = pid;
	close(peer);
	res = client_receive(c, &r, in_sec(1), &why);
	assert_true(res == CLIENT_TIMEOUT || res == CLIENT_PROTOCOL);
	close(fd);
	client_free(c);
	buf_free(&why);
}

static void
test_not_varlink(void **state)
{
	static const char *const answers[] = { "hello", "[1]", "{\"parameters\":3}",
		"{\"error\":{}}", "{\"continues\":\"x\"}", "{} {}", "\"x\"" };
	struct world *w = *state;
	struct step steps[2] = { { 0 } };
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		steps[0].expect = "Version";
		steps[0].send = answers[i];
		expect_result(w, steps, 30, CLIENT_PROTOCOL);
		assert_int_equal(server_end(w), 0);
	}
}

static void
test_nobody_listens(void **state)
{
	struct world *w = *state;
	struct reply r = { 0 };
	struct buf why = { 0 };

	assert_int_equal(ask(w, in_sec(30), &r, &why), CLIENT_DOWN);
	buf_clear(&why);
	close(listen_at(w->root)); /* the socket file stays */
	assert_int_equal(ask(w, in_sec(30), &r, &why), CLIENT_DOWN);
	assert_non_null(strstr(buf_str(&why), w->root));
	buf_free(&why);
}

static void
test_full_queue_ends_by_the_deadline(void **state)
{
	struct world *w = *state;
	struct client *c[16] = { NULL };
	struct buf why = { 0 };
	enum client_result res = CLIENT_OK;
	int fd = listen_at(w->root);
	size_t i;

	for (i = 0; i < 16 && res == CLIENT_OK; i++)
		res = client_connect(&c[i], &w->in, clock_mono_us() + 200000, &why);
	assert_int_equal(res, CLIENT_TIMEOUT);
	for (i = 0; i < 16; i++)
		client_free(c[i]);
	close(fd);
	buf_free(&why);
}

static void
test_deep_instance(void **state)
{
	static const struct step steps[] = {
		{ "Version", "{}", HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	char path[512];
	size_t n = strlen(w->root);

	memcpy(path, w->root, n + 1);
	while (n < 330) {
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/%050d", 7);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	free(w->in.root);
	w->in.root = strdup(path);
	snprintf(path + n, sizeof(path) - n, "/run");
	assert_int_equal(mkdir(path, 0755), 0);
	free(w->in.run);
	w->in.run = strdup(path);
	expect_result(w, steps, 30, CLIENT_OK);
}

static void
test_whom_to_trust(void **state)
{
	struct instance in = { .owner = 1000 };

	(void)state;
	assert_true(client_may_trust(&in, 0, 1000));
	assert_true(client_may_trust(&in, 0, 0));
	assert_true(client_may_trust(&in, 1000, 1000));
	assert_true(client_may_trust(&in, 1000, 0)); /* named by root */
	assert_true(client_may_trust(&in, 1000, 1001));
	assert_true(client_may_trust(&in, 1001, 1001));
	assert_false(client_may_trust(&in, 1002, 1001));
	assert_false(client_may_trust(&in, 1002, 0));
	in.implicit = true;
	assert_false(client_may_trust(&in, 1000, 0));
	assert_true(client_may_trust(&in, 0, 0));
	assert_true(client_may_trust(&in, 1000, 1000));
}

static void
test_socket_of_somebody_else(void **state)
{
	struct world *w = *state;
	struct reply r = { 0 };
	struct buf why = { 0 };
	char run[300];
	int ready[2];
	char byte;

	if (geteuid() != 0)
		skip(); /* only root can be somebody else */
	snprintf(run, sizeof(run), "%s/run", w->root);
	assert_int_equal(chmod(w->root, 0755), 0);
	assert_int_equal(chmod(run, 0777), 0);
	assert_int_equal(pipe(ready), 0);
	w->server = fork();
	if (w->server == 0) {
		/* The chain of folders above may be closed to others: enter first. */
		if (chdir(w->root) == -1 || setgid(65534) == -1 || setuid(65534) == -1 ||
		    listen_at(".") == -1 || write(ready[1], "x", 1) != 1)
			_exit(1);
		alarm(60);
		pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(ask(w, in_sec(30), &r, &why), CLIENT_FOREIGN);
	assert_non_null(strstr(buf_str(&why), "65534"));
	buf_free(&why);
}

/* ---- commands ---- */

/* Runs a command line in this process; its output is left in out. */
static int
run_command(struct world *w, char **argv, struct buf *out)
{
	struct ctl ctl;
	int argc = 0;
	int code;

	while (argv[argc] != NULL)
		argc++;
	ctl_init(&ctl);
	ctl.out_tty = false;
	ctl.dir = w->root;
	ctl.cmd = ctl_command_find(argv[0]);
	assert_non_null(ctl.cmd);
	optind = 0;
	opterr = 0;
	code = ctl.cmd->run(&ctl, argc, argv);
	buf_append(out, buf_str(&ctl.out), ctl.out.len);
	ctl_clear(&ctl);
	return code;
}

#define COMMAND_LINE(...) ((char *[]){ __VA_ARGS__, NULL })

static char word_start[] = "start", word_status[] = "status", word_unit[] = "deacon",
	    word_json[] = "--json", word_is_active[] = "is-active",
	    word_check[] = "check", word_run[] = "run", word_wait[] = "--wait",
	    word_true[] = "true", word_list[] = "list", word_no_lines[] = "-n0",
	    word_dashes[] = "--", word_bad[] = "--no-such", word_restart[] = "restart",
	    word_record[] = "record", word_to[] = "-o",
	    word_timeout[] = "--timeout=300ms", word_limit[] = "--timeout=1ms";

static void
test_start_of_unknown_unit(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Unit.Start",
		    "{\"error\":\"io.supd.Unit.NoSuchUnit\",\"parameters\":{\"unit\":"
		    "\"deacon.service\",\"nearest\":[\"beacon.service\"],\"message\":"
		    "\"there is no unit deacon.service\",\"next\":\"did you mean "
		    "beacon.service?\"}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct buf out = { 0 };

	serve(*state, steps);
	assert_int_equal(
	    run_command(*state, COMMAND_LINE(word_start, word_unit), &out), CTL_NO_UNIT);
	buf_free(&out);
}

static void
test_start_again_after_the_manager_died(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Unit.Start", NULL, HOW_CLOSE },
		{ "io.supd.Unit.Start",
		    "{\"continues\":true,\"parameters\":{\"results\":[]}}", HOW_WHOLE },
		{ NULL,
		    "{\"parameters\":{\"results\":[{\"unit\":\"deacon.service\",\"job\":"
		    "1,\"type\":\"start\",\"result\":\"done\",\"state\":\"active\","
		    "\"substate\":\"running\"}]}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct buf out = { 0 };

	serve(w, steps);
	assert_int_equal(
	    run_command(
		w, COMMAND_LINE(word_start, word_json, word_dashes, word_unit), &out),
	    CTL_OK);
	assert_int_equal(server_end(w), 0);
	assert_non_null(strstr(buf_str(&out), "\"result\":\"done\""));
	assert_int_equal(buf_str(&out)[0], '[');
	buf_free(&out);
}

static void
test_restart_is_not_done_twice(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Unit.Restart", NULL, HOW_CLOSE },
		{ "io.supd.Unit.Start",
		    "{\"parameters\":{\"results\":[{\"unit\":\"deacon.service\",\"type\":"
		    "\"start\",\"result\":\"done\"}]}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct buf out = { 0 };

	serve(w, steps);
	assert_int_equal(
	    run_command(w, COMMAND_LINE(word_restart, word_unit), &out), CTL_OK);
	assert_int_equal(server_end(w), 0);
	buf_free(&out);
}

/* A viewer that records: its first call is lost, its second one comes too early. */
static void
test_attached_after_a_role_died(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Session.Attach", NULL, HOW_CLOSE },
		{ "io.supd.Session.Attach",
		    "{\"error\":\"io.supd.Session.TerminalUnavailable\",\"parameters\":{"
		    "\"message\":\"it is not there\",\"next\":\"\"}}",
		    HOW_WHOLE },
		{ NULL, "", HOW_CLOSE },
		{ "io.supd.Session.Attach",
		    "{\"parameters\":{\"writer\":false,\"rows\":24,\"cols\":80}}",
		    HOW_WHOLE },
		/* The frame of the end: x, four bytes of length, why. */
		{ NULL, "x", HOW_WHOLE },
		{ NULL, "", HOW_WHOLE },
		{ NULL, "", HOW_WHOLE },
		{ NULL, "\4over", HOW_CLOSE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct buf out = { 0 };
	char path[300];

	snprintf(path, sizeof(path), "%s/cast", w->root);
	serve(w, steps);
	assert_int_equal(
	    run_command(w, COMMAND_LINE(word_record, word_to, path, word_unit), &out),
	    CTL_OK);
	assert_int_equal(server_end(w), 0);
	buf_free(&out);
}

/* A size is sent before what was typed after it. */
static void
test_a_new_size_is_seen_beside_bytes(void **state)
{
	static const int noted[] = { SIGWINCH, SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	sigset_t before;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	sigprocmask(SIG_SETMASK, NULL, &before);
	tty_note_signals();
	raise(SIGWINCH);
	assert_int_equal(tty_wait(fds[0], TTY_PEER, 0), TTY_PEER | TTY_RESIZED);
	assert_int_equal(tty_wait(fds[0], TTY_PEER, 0), TTY_PEER);
	for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++)
		signal(noted[i], SIG_DFL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(fds[0]);
	close(fds[1]);
}

static void
test_failed_job(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Unit.Start",
		    "{\"parameters\":{\"results\":[{\"unit\":\"deacon.service\",\"job\":"
		    "1,"
		    "\"type\":\"start\",\"result\":\"failed\",\"state\":\"failed\","
		    "\"substate\":\"failed\",\"message\":\"exited with status 3\","
		    "\"next\":\"supctl logs deacon\",\"stderr_tail\":\"boo\\u001b[2J\","
		    "\"log\":null}]}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct buf out = { 0 };

	serve(*state, steps);
	assert_int_equal(
	    run_command(*state, COMMAND_LINE(word_start, word_unit), &out), CTL_FAILED);
	buf_free(&out);
}

static void
test_wait_timeout(void **state)
{
	static const struct step steps[] = {
		{ "\"timeout_ms\":",
		    "{\"error\":\"io.supd.Unit.WaitTimeout\",\"parameters\":{\"pending\":"
		    "[\"deacon.service\"],\"message\":\"not done in "
		    "time\",\"next\":\"\"}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct buf out = { 0 };

	serve(*state, steps);
	assert_int_equal(
	    run_command(*state, COMMAND_LINE(word_start, word_timeout, word_unit), &out),
	    CTL_TIMEOUT);
	buf_free(&out);
}

#define STATUS(state)                                                                    \
	"{\"parameters\":{\"units\":[{\"unit\":\"deacon.service\",\"description\":"      \
	"\"The "                                                                         \
	"\\u001b[31mdeacon\",\"load_state\":\"loaded\",\"state\":\"" state               \
	"\",\"substate\":\"running\",\"result\":\"success\",\"why\":\"wanted\",\"pid\":" \
	"42,\"restarts\":2,\"since\":\"2026-11-21T10:30:45.123456Z\",\"wish\":{"         \
	"\"what\":"                                                                      \
	"\"stopped\",\"who\":\"uid 1000\",\"since\":null,\"undo\":\"supctl start "       \
	"deacon\"},\"log\":null,\"containment\":\"cgroup\",\"processes\":[],"            \
	"\"survivors\":[],\"drop_ins\":[],\"diagnostics\":[],\"enabled\":\"enabled\"}]}" \
	"}"

static void
test_status_of_a_unit(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Unit.Status", STATUS("active"), HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct buf out = { 0 };

	serve(*state, steps);
	assert_int_equal(run_command(*state,
			     COMMAND_LINE(word_status, word_no_lines, word_unit), &out),
	    CTL_OK);
	assert_non_null(strstr(buf_str(&out), "deacon.service"));
	assert_non_null(strstr(buf_str(&out), "active (running)"));
	assert_non_null(strstr(buf_str(&out), "stopped by uid 1000"));
	assert_non_null(strstr(buf_str(&out), "undo: supctl start deacon"));
	/* What a unit file says cannot write to the terminal. */
	assert_null(strchr(buf_str(&out), '\033'));
	assert_non_null(strstr(buf_str(&out), "\\e[31m"));
	buf_free(&out);
}

static void
test_status_json_is_one_object(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Unit.Status", STATUS("inactive"), HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct buf out = { 0 };
	struct jv *v;

	serve(*state, steps);
	assert_int_equal(
	    run_command(*state, COMMAND_LINE(word_status, word_unit, word_json), &out),
	    CTL_INACTIVE);
	v = jv_parse(buf_str(&out), out.len, NULL);
	assert_string_equal(jv_str(jv_get(v, "unit"), ""), "deacon.service");
	assert_int_equal(jv_i64(jv_get(v, "pid"), 0), 42);
	jv_free(v);
	buf_free(&out);
}

static void
test_status_of_unknown_unit(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Unit.Status",
		    "{\"error\":\"io.supd.Unit.NoSuchUnit\",\"parameters\":{}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct buf out = { 0 };

	serve(*state, steps);
	assert_int_equal(
	    run_command(*state, COMMAND_LINE(word_status, word_unit), &out), CTL_UNKNOWN);
	buf_free(&out);
}

static void
test_is_active(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Unit.Status", STATUS("failed"), HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct buf out = { 0 };

	serve(*state, steps);
	assert_int_equal(
	    run_command(*state, COMMAND_LINE(word_is_active, word_unit), &out),
	    CTL_INACTIVE);
	assert_string_equal(buf_str(&out), "failed\n");
	buf_free(&out);
}

static void
test_check(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Manager.Status",
		    "{\"parameters\":{\"failed\":[\"x.service\"],\"counts\":{\"total\":3}"
		    "}}",
		    HOW_CLOSE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct step good[] = {
		{ "io.supd.Manager.Status",
		    "{\"parameters\":{\"failed\":[],\"counts\":{\"total\":3}}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct step bad[] = { steps[0], steps[1] };
	struct world *w = *state;
	struct buf out = { 0 };

	bad[0].how = HOW_WHOLE;
	serve(w, bad);
	assert_int_equal(run_command(w, COMMAND_LINE(word_check), &out), CTL_FAILED);
	assert_int_equal(server_end(w), 0);
	serve(w, good);
	assert_int_equal(run_command(w, COMMAND_LINE(word_check), &out), CTL_OK);
	assert_int_equal(server_end(w), 0);
	/* No supd is no health. */
	assert_int_equal(run_command(w, COMMAND_LINE(word_check), &out), CTL_DOWN);
	buf_free(&out);
}

#define STARTED                                                                         \
	"{\"continues\":true,\"parameters\":{\"unit\":\"true.service\",\"ref\":\"17\"," \
	"\"log\":\"journal/x.log\",\"pid\":9,\"ended\":false}}"

static void
test_run_passes_the_exit_status(void **state)
{
	static const struct step steps[] = {
		{ "\"argv\":[\"true\",\"--wait\"]", STARTED, HOW_WHOLE },
		{ NULL,
		    "{\"parameters\":{\"unit\":\"true.service\",\"ref\":\"17\",\"ended\":"
		    "true,\"success\":false,\"exit_code\":143,\"signal\":\"TERM\"}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct buf out = { 0 };
	struct jv *v;

	/* Options behind the program are the program's. */
	serve(w, steps);
	assert_int_equal(
	    run_command(w,
		COMMAND_LINE(word_run, word_json, word_wait, word_true, word_wait), &out),
	    143);
	assert_int_equal(server_end(w), 0);
	v = jv_parse(buf_str(&out), out.len, NULL);
	assert_false(jv_bool(jv_get(v, "success"), true));
	assert_int_equal(jv_i64(jv_get(v, "exit_code"), 0), 143);
	assert_non_null(strstr(jv_str(jv_get(v, "log_path"), ""), "/journal/x.log"));
	jv_free(v);
	buf_free(&out);
}

static void
test_run_survives_the_manager(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Job.Run", STARTED, HOW_WHOLE },
		{ NULL, "", HOW_CLOSE },
		{ "io.supd.Unit.History",
		    "{\"parameters\":{\"runs\":[{\"ref\":\"17\",\"exit\":null}]}}",
		    HOW_WHOLE },
		{ "io.supd.Unit.History", NULL, HOW_CLOSE },
		{ "io.supd.Unit.History",
		    "{\"parameters\":{\"runs\":[{\"ref\":\"16\",\"exit\":{\"exit_code\":"
		    "1}}"
		    ",{\"ref\":\"17\",\"result\":\"exit-code\",\"duration_ms\":5,"
		    "\"exit\":"
		    "{\"exit_code\":7,\"text\":\"exited with status 7\"}}]}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct buf out = { 0 };

	serve(w, steps);
	assert_int_equal(
	    run_command(w, COMMAND_LINE(word_run, word_wait, word_true), &out), 7);
	assert_int_equal(server_end(w), 0);
	buf_free(&out);
}

static void
test_run_by_signal_survives_the_manager(void **state)
{
	static const struct step steps[] = {
		{ "io.supd.Job.Run", STARTED, HOW_WHOLE },
		{ NULL, "", HOW_CLOSE },
		{ "io.supd.Unit.History",
		    "{\"parameters\":{\"runs\":[{\"ref\":\"17\",\"result\":\"signal\","
		    "\"exit\":{\"how\":\"killed\",\"exit_code\":null,\"signal\":"
		    "\"SIGKILL\",\"text\":\"killed by KILL\"}}]}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct buf out = { 0 };

	serve(w, steps);
	assert_int_equal(
	    run_command(w, COMMAND_LINE(word_run, word_wait, word_true), &out), 137);
	assert_int_equal(server_end(w), 0);
	buf_free(&out);
}

static void
test_run_limit_survives_the_manager(void **state)
{
	static const struct step steps[] = {
		{ "\"timeout_ms\":1}", STARTED, HOW_WHOLE },
		{ NULL, "", HOW_CLOSE },
		{ "io.supd.Unit.Stop", "{\"parameters\":{\"results\":[]}}", HOW_WHOLE },
		{ "io.supd.Unit.History",
		    "{\"parameters\":{\"runs\":[{\"ref\":\"17\",\"exit\":{\"signal\":"
		    "\"SIGTERM\"}}]}}",
		    HOW_WHOLE },
		{ NULL, NULL, HOW_WHOLE },
	};
	struct world *w = *state;
	struct buf out = { 0 };

	serve(w, steps);
	assert_int_equal(
	    run_command(
		w, COMMAND_LINE(word_run, word_wait, word_limit, word_true), &out),
	    CTL_TIMEOUT);
	assert_int_equal(server_end(w), 0);
	buf_free(&out);
}

static void
test_without_supd(void **state)
{
	struct world *w = *state;
	struct buf out = { 0 };
	char path[300];

	snprintf(path, sizeof(path), "%s/run/status.json", w->root);
	assert_int_equal(
	    file_write_atomic(AT_FDCWD, path,
		"{\"units\":[{\"unit\":\"deacon.service\",\"state\":\"active\","
		"\"substate\":\"running\"}]}",
		75, 0600, false),
	    0);
	assert_int_equal(
	    run_command(w, COMMAND_LINE(word_status, word_unit), &out), CTL_UNKNOWN);
	assert_non_null(strstr(buf_str(&out), "supd is not running"));
	assert_non_null(strstr(buf_str(&out), "deacon.service - was active (running)"));
	buf_clear(&out);
	assert_int_equal(run_command(w, COMMAND_LINE(word_status), &out), CTL_INACTIVE);
	assert_non_null(strstr(buf_str(&out), "Next: supd -C"));
	buf_clear(&out);
	assert_int_equal(
	    run_command(w, COMMAND_LINE(word_list, word_json), &out), CTL_DOWN);
	assert_int_equal(buf_str(&out)[0], '[');
	buf_clear(&out);
	assert_int_equal(
	    run_command(w, COMMAND_LINE(word_start, word_unit), &out), CTL_DOWN);
	buf_free(&out);
}

static void
test_usage(void **state)
{
	struct buf out = { 0 };

	assert_int_equal(run_command(*state, COMMAND_LINE(word_start), &out), CTL_USAGE);
	assert_int_equal(
	    run_command(*state, COMMAND_LINE(word_start, word_bad, word_unit), &out),
	    CTL_USAGE);
	assert_null(ctl_command_find("strat"));
	assert_string_equal(ctl_command_nearest("strat"), "start");
	assert_string_equal(ctl_command_nearest("statsu"), "status");
	assert_null(ctl_command_nearest("xylophone"));
	buf_free(&out);
}

static void
test_table(void **state)
{
	const struct command *c;
	const struct opt *o, *p;
	size_t i, k;

	(void)state;
	for (i = 0; (c = ctl_commands[i]) != NULL; i++) {
		assert_non_null(c->summary);
		assert_non_null(c->words_usage);
		assert_non_null(c->run);
		for (k = 0; ctl_commands[k] != NULL; k++)
			assert_true(
			    k == i || strcmp(ctl_commands[k]->name, c->name) != 0);
		for (o = c->opts; o != NULL && o->name != NULL; o++) {
			assert_non_null(o->help);
			for (p = ctl_common_opts; p->name != NULL; p++) {
				/* The same option in other words, or another one. */
				assert_int_equal(
				    strcmp(o->name, p->name) == 0, o->id == p->id);
			}
		}
	}
}

static void
test_times(void **state)
{
	uint64_t now, us;

	(void)state;
	assert_int_equal(clock_parse("2026-11-21T10:30:45", &now), 0);
	assert_int_equal(when_parse("now", now, &us), 0);
	assert_int_equal(us, now);
	assert_int_equal(when_parse("-1h", now, &us), 0);
	assert_int_equal(now - us, USEC_PER_HOUR);
	assert_int_equal(when_parse("90min ago", now, &us), 0);
	assert_int_equal(now - us, 90 * USEC_PER_MINUTE);
	assert_int_equal(when_parse("today", now, &us), 0);
	assert_int_equal(
	    now - us, 10 * USEC_PER_HOUR + 30 * USEC_PER_MINUTE + 45 * USEC_PER_SEC);
	assert_int_equal(when_parse("yesterday", now, &us), 0);
	assert_int_equal(when_parse("09:30", now, &us), 0);
	assert_int_equal(now - us, USEC_PER_HOUR + 45 * USEC_PER_SEC);
	assert_int_equal(when_parse("9:30:45", now, &us), 0);
	assert_int_equal(now - us, USEC_PER_HOUR);
	assert_int_equal(when_parse("24:30", now, &us), -1);
	assert_int_equal(when_parse("10:", now, &us), -1);
	assert_int_equal(when_parse("10:30 x", now, &us), -1);
	assert_int_equal(when_parse_ahead("11:30", now, &us), 0);
	assert_int_equal(us - now, USEC_PER_HOUR - 45 * USEC_PER_SEC);
	assert_int_equal(when_parse_ahead("09:30:45", now, &us), 0);
	assert_int_equal(us - now, 23 * USEC_PER_HOUR);
	assert_int_equal(when_parse("yesterday", now, &us), 0);
	assert_int_equal(when_parse("20261120", now, &now), 0);
	assert_int_equal(us, now);
	assert_int_equal(when_parse("2026-11-21 10:30:45 UTC", now, &us), 0);
	assert_int_equal(clock_parse("2026-11-21T10:30:45Z", &now), 0);
	assert_int_equal(us, now);
	assert_int_equal(when_parse(" UTC", now, &us), -1);
	assert_int_equal(when_parse("soon", now, &us), -1);
	assert_int_equal(when_parse("", now, &us), -1);
	assert_int_equal(when_parse("-", now, &us), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answer),
		TEST(test_torn_into_bytes),
		TEST(test_several_replies_at_once),
		TEST(test_slow_server),
		TEST(test_half_an_answer),
		TEST(test_no_answer),
		TEST(test_answer_without_end),
		TEST(test_blanks_without_end),
		TEST(test_not_varlink),
		TEST(test_nobody_listens),
		TEST(test_full_queue_ends_by_the_deadline),
		TEST(test_deep_instance),
		TEST(test_whom_to_trust),
		TEST(test_socket_of_somebody_else),
		TEST(test_start_of_unknown_unit),
		TEST(test_start_again_after_the_manager_died),
		TEST(test_restart_is_not_done_twice),
		TEST(test_attached_after_a_role_died),
		TEST(test_a_new_size_is_seen_beside_bytes),
		TEST(test_failed_job),
		TEST(test_wait_timeout),
		TEST(test_status_of_a_unit),
		TEST(test_status_json_is_one_object),
		TEST(test_status_of_unknown_unit),
		TEST(test_is_active),
		TEST(test_check),
		TEST(test_run_passes_the_exit_status),
		TEST(test_run_survives_the_manager),
		TEST(test_run_by_signal_survives_the_manager),
		TEST(test_run_limit_survives_the_manager),
		TEST(test_without_supd),
		TEST(test_usage),
		TEST(test_table),
		TEST(test_times),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
