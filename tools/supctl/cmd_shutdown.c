/*
 * shutdown: stop everything and end supd; with --offline, end what outlived a dead one.
 */
#include <sys/file.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "survivors.h"

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"

enum {
	OPT_LEAVE = OPT_LONG,
	OPT_OFFLINE,
	OPT_NO_BLOCK,
	OPT_EXIT_STATUS,
	ROUNDS_MAX = 8, /* of looking for what is left after a KILL */
	LOCK_POLL_MS = 10,
};

#define GRACE_US (15 * USEC_PER_SEC)
#define LAST_US (30 * USEC_PER_SEC)
#define KILLED_US (5 * USEC_PER_SEC)

static const struct opt opts[] = {
	{ "leave", OPT_LEAVE, NULL,
	    "let services run on; the next supd takes them over" },
	{ "offline", OPT_OFFLINE, NULL, "supd is dead: end what it left running" },
	{ "no-block", OPT_NO_BLOCK, NULL, "do not wait for the end" },
	{ "exit-status", OPT_EXIT_STATUS, "N", "of supd" },
	{ NULL, 0, NULL, NULL },
};

/* The lock of the instance: init and its roles hold it as long as one of them lives. */
static int
lock_open(struct ctl *ctl)
{
	char *path = ctl_run_path(ctl, "supd.lock");
	int fd = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);

	free(path);
	return fd;
}

/* Until supd's last process is gone: then the instance can be started again. */
static int
wait_for_lock(int fd, uint64_t deadline_us)
{
	while (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (clock_mono_us() >= deadline_us) {
			errno = ETIMEDOUT;
			return -1;
		}
		poll(NULL, 0, LOCK_POLL_MS);
	}
	return 0;
}

static int
on_stopped(struct ctl *ctl, const struct jv *params, void *arg)
{
	const char *unit = jv_str(jv_get(params, "unit"), NULL);
	int64_t left = jv_i64(jv_get(params, "stopping"), 0);
	bool *accepted = arg;

	*accepted = true;
	if (unit != NULL)
		ctl_say(ctl, "stopped %s (%lld left)", unit, (long long)left);
	ctl_flush(ctl);
	return -1;
}

/* The end of the connection is what we wait for, so it is no failure. */
static int
follow_shutdown(struct ctl *ctl, const char *params)
{
	uint64_t deadline = ctl_deadline(ctl, true);
	struct buf why = { 0 };
	struct reply r = { 0 };
	enum client_result res;
	bool accepted = false;
	bool last = false;
	int code = CTL_OK;

	res = ctl_call_quietly(
	    ctl, "io.supd.Manager.Shutdown", params, true, deadline, &r, &why);
	while (res == CLIENT_OK && !last) {
		last = !r.continues;
		if (r.error != NULL)
			code = ctl_error_reply(ctl, &r);
		else
			on_stopped(ctl, r.params, &accepted);
		reply_clear(&r);
		if (!last)
			res = ctl_receive(ctl, &r, deadline, &why);
	}
	if (res == CLIENT_DOWN)
		code = ctl_fail(ctl, CTL_DOWN, "connection",
		    "supctl shutdown --offline ends what it left running, if anything",
		    "%s", buf_str(&why));
	else if (res != CLIENT_OK && (res != CLIENT_CLOSED || !accepted))
		code = ctl_client_failed(ctl, res, buf_str(&why));
	buf_free(&why);
	return code;
}

static int
online(struct ctl *ctl, struct jw *w, bool no_block)
{
	struct buf params = { 0 };
	struct reply r = { 0 };
	int lock, code;

	if (no_block) {
		code = ctl_call(ctl, "io.supd.Manager.Shutdown", w, &r);
		reply_clear(&r);
		return code;
	}
	lock = lock_open(ctl);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	code = follow_shutdown(ctl, buf_str(&params));
	buf_free(&params);
	if (code == CTL_OK && wait_for_lock(lock, clock_mono_us() + LAST_US) == -1)
		code = ctl_fail(ctl, CTL_TIMEOUT, "still-there",
		    "look for processes whose title begins with `supd:'",
		    "everything is stopped, but supd itself has not ended");
	else if (code == CTL_OK)
		ctl_say(ctl, "supd has ended");
	fd_close(&lock);
	return code;
}

/* Sends sig to each and waits until all are gone or the deadline. */
static void
end_all(const struct survivors *s, int sig, uint64_t deadline_us)
{
	struct pollfd p = { .events = POLLIN };
	uint64_t now;
	size_t i;
	int fd;

	for (i = 0; i < s->n; i++) {
		fd = survivor_open(&s->v[i]);
		if (fd == -1)
			continue;
		/* It may end just now: then there is nothing to do. */
		(void)pidfd_send_signal_(fd, sig);
		if (sig == SIGTERM)
			(void)pidfd_send_signal_(fd, SIGCONT);
		fd_close(&fd);
	}
	for (i = 0; i < s->n; i++) {
		p.fd = survivor_open(&s->v[i]);
		if (p.fd == -1)
			continue;
		do {
			now = clock_mono_us();
			if (now >= deadline_us)
				break;
		} while (poll(&p, 1, (int)((deadline_us - now) / 1000) + 1) == -1 &&
			 errno == EINTR);
		fd_close(&p.fd);
	}
}

static int
tell_left(struct ctl *ctl, const struct survivors *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		ctl_warn(ctl, "%s: pid %d (%s) survived KILL", s->v[i].unit,
		    (int)s->v[i].pid, s->v[i].command);
	return s->n == 0 ? CTL_OK : CTL_FAILED;
}

/* Rounds, because what is ended may have had children that nobody had seen. */
static int
end_survivors(struct ctl *ctl)
{
	uint64_t grace = ctl->timeout_us == 0 ? GRACE_US : ctl->timeout_us;
	struct survivors s;
	struct buf why = { 0 };
	size_t ended = 0;
	int round, code = CTL_OK;

	for (round = 0; round < ROUNDS_MAX; round++) {
		if (survivors_find(ctl, &s, &why) == -1) {
			code = ctl_fail(
			    ctl, CTL_FAILED, "no-table", NULL, "%s", buf_str(&why));
			break;
		}
		if (s.n == 0)
			break;
		if (round == 0) {
			ended = s.n;
			end_all(&s, SIGTERM, clock_mono_us() + grace);
		} else {
			end_all(&s, SIGKILL, clock_mono_us() + KILLED_US);
		}
		if (round + 1 == ROUNDS_MAX)
			code = tell_left(ctl, &s);
		survivors_clear(&s);
	}
	if (code == CTL_OK)
		ctl_say(ctl, "ended %zu processes", ended);
	buf_free(&why);
	return code;
}

static int
offline(struct ctl *ctl)
{
	int lock = lock_open(ctl);
	int code;

	if (lock == -1 && errno != ENOENT)
		return ctl_fail(ctl, CTL_FAILED, "no-lock", NULL,
		    "the lock of %s cannot be opened: %s", ctl->in.root, strerror(errno));
	/* Held to the end: no supd can start here meanwhile. */
	if (lock != -1 && flock(lock, LOCK_EX | LOCK_NB) == -1)
		code = ctl_fail(ctl, CTL_FAILED, "running",
		    "supctl shutdown, without --offline",
		    "supd runs on %s: nothing was ended", ctl->in.root);
	else
		code = end_survivors(ctl);
	fd_close(&lock);
	return code;
}

static int
run_shutdown(struct ctl *ctl, int argc, char **argv)
{
	bool leave = false, off = false, no_block = false;
	uint64_t status = UINT64_MAX;
	struct jw *w;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id == OPT_LEAVE)
			leave = true;
		else if (id == OPT_OFFLINE)
			off = true;
		else if (id == OPT_NO_BLOCK)
			no_block = true;
		else if (id != OPT_EXIT_STATUS || ctl_parse_number(ctl, "--exit-status",
						      optarg, 255, &status) == -1)
			return CTL_USAGE;
	}
	code = ctl_words(ctl, argc);
	if (code == 0)
		code = ctl_instance(ctl);
	if (code != 0)
		return code;
	if (off)
		return offline(ctl);
	w = ctl_params();
	if (leave)
		jw_kv_bool(w, "leave", true);
	if (status != UINT64_MAX)
		jw_kv_u64(w, "exit_status", status);
	return online(ctl, w, no_block);
}

const struct command cmd_shutdown = {
	.name = "shutdown",
	.words_usage = "",
	.summary = "Stop everything in reverse order and end supd",
	.max = 0,
	.opts = opts,
	.run = run_shutdown,
};
