/*
 * run_pipe: `run --pipe'.  The program has FIFOs in the run folder as its input and
 * outputs, and a child of ours copies between them and our own descriptors, while we wait
 * for the end as always, over a restart of supd as well.
 *
 * The child begins before the unit does, as a start may last as long as the program.  We
 * hold the other ends until the unit has ended: so neither the one that has ended before
 * the next begins, nor one that closes its descriptors, is taken for the end.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "run.h"
#include "run_fifos.h"

#include "lib/fdio.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/name.h"

enum {
	PIECE = 65536,
	DRAIN_FIRST_MS =
	    2, /* how soon it is looked again whether the input was read, … */
	DRAIN_MAX_MS = 250, /* … and at least how often */
};

/* One direction; from -1: nothing comes any more, to -1: it is over. */
struct stream {
	int from, to;
	size_t len, at;
	char piece[PIECE];
};

struct relay {
	struct ctl *ctl;
	struct run *q;
	struct stream s[N_STREAMS];
	bool orphan;
	int told; /* see hear; -1: nothing comes any more */
	int drain_ms;
};

static const char *const keys[N_STREAMS] = { "StandardInput", "StandardOutput",
	"StandardError" };

static struct fifos fifos;
static int tell_fd = -1;
static volatile sig_atomic_t wanted_to_end;
static volatile pid_t relay_pid;

/* KEY=file:PATH, where `%' is no specifier. */
static void
add_property(struct run *q, const char *key, const char *path)
{
	struct buf text = { 0 };

	buf_addf(&text, "%s=file:", key);
	for (; *path != '\0'; path++)
		buf_adds(&text, *path == '%' ? "%%" : (char[]){ *path, '\0' });
	strv_add(&q->properties, buf_str(&text));
	buf_free(&text);
}

static void
add_properties(const struct ctl *ctl, struct run *q)
{
	struct strv all = { 0 };

	/* As a shell would start it; what was asked for has the last word. */
	strv_add(&all, "IgnoreSIGPIPE=no");
	strv_add_all(&all, &q->properties);
	strv_free(&q->properties);
	q->properties = all;
	for (int i = 0; i < N_STREAMS; i++) {
		char *path =
		    xasprintf("%s/%s/%s", ctl->in.run, fifos.name, fifos_names[i]);

		add_property(q, keys[i], path);
		free(path);
	}
}

/* ---- signals -------------------------------------------------------------------------
 */

/* Ours are passed on to the relay, which has none. */
static void
on_signal(int signo)
{
	wanted_to_end = 1;
	if (relay_pid > 0)
		kill(relay_pid, signo);
}

static const int ends[] = { SIGINT, SIGTERM, SIGHUP };

static void
catch_ends(int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaction(ends[i], &sa, NULL);
}

/* They come only while the relay waits. */
static void
relay_signals(sigset_t *waiting)
{
	sigset_t blocked;

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaddset(&blocked, ends[i]);
	sigprocmask(SIG_BLOCK, &blocked, waiting);
	catch_ends(0);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- copying -------------------------------------------------------------------------
 */

/* Our own three stay: another must not get their numbers. */
static void
let_go(int *fd)
{
	if (*fd <= STDERR_FILENO)
		*fd = -1;
	else
		fd_close(fd);
}

/* Who opens an output that nobody reads any more would wait for ever. */
static void
stream_end(struct stream *s, int i)
{
	if (s->to != -1)
		fifos_retire(&fifos, i);
	let_go(&s->from);
	let_go(&s->to);
}

/* What is there is taken, at most one piece. */
static void
stream_read(struct stream *s, int i)
{
	ssize_t n = read(s->from, s->piece, sizeof(s->piece));

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0 && i == 0) {
		/* Its end is told when all was read: see drain. */
		let_go(&s->from);
		return;
	}
	if (n <= 0) {
		stream_end(s, i);
		return;
	}
	s->len = (size_t)n;
	s->at = 0;
}

/* Nobody reads it any more: its writer is to know, by the same signal as in a pipeline.
 */
static void
stream_write(struct stream *s, int i)
{
	size_t left = s->len - s->at;
	/* So much a pipe that is ready takes without a wait. */
	ssize_t n = write(s->to, s->piece + s->at, left < PIPE_BUF ? left : PIPE_BUF);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n == -1) {
		stream_end(s, i);
		return;
	}
	s->at += (size_t)n;
}

static bool
is_full(const struct stream *s)
{
	return s->at < s->len;
}

/*
 * The input has ended.  The program may not have opened it yet, or another of the unit
 * has before it: only when all was read the end is told, and is there for all that come
 * later.  Returns how long to wait before the next look, -1: nothing to look at.
 */
static int
drain(struct relay *r)
{
	struct stream *in = &r->s[0];
	int left;

	if (in->from != -1 || in->to == -1 || is_full(in))
		return -1;
	if (ioctl(in->to, FIONREAD, &left) == -1 || left == 0) {
		stream_end(in, 0);
		return -1;
	}
	r->drain_ms = r->drain_ms == 0 ? DRAIN_FIRST_MS : r->drain_ms * 2;
	if (r->drain_ms > DRAIN_MAX_MS)
		r->drain_ms = DRAIN_MAX_MS;
	return r->drain_ms;
}

/* The name of the unit, or its end: "".  Else the one who waits for it was killed, and
 * nobody does any more. */
static void
hear(struct relay *r)
{
	char name[UNIT_NAME_MAX + 1];
	ssize_t n = recv(r->told, name, sizeof(name), 0);

	if (n == -1 && errno == EINTR)
		return;
	if (n > 1) {
		free(r->q->unit);
		r->q->unit = xstrndup(name, (size_t)n - 1);
		return;
	}
	fd_close(&r->told);
	if (n == 1)
		return;
	r->orphan = true;
	wanted_to_end = 1;
}

/* Each signal asks anew: an answer may have failed to come. */
static void
stop(struct relay *r)
{
	wanted_to_end = 0;
	if (!run_stop(r->ctl, r->q))
		ctl_warn(r->ctl, "--pipe: %s was not stopped: supd did not answer",
		    r->q->unit);
	ctl_disconnect(r->ctl);
}

static void
relay_turn(struct relay *r, const sigset_t *waiting)
{
	struct pollfd p[N_STREAMS + 1];
	int ms = drain(r);
	struct timespec ts = { .tv_nsec = (long)ms * 1000000 };

	for (int i = 0; i < N_STREAMS; i++) {
		const struct stream *s = &r->s[i];

		p[i] = (struct pollfd){ .fd = is_full(s) ? s->to : s->from,
			.events = is_full(s) ? POLLOUT : POLLIN };
	}
	p[N_STREAMS] = (struct pollfd){ .fd = r->told, .events = POLLIN };
	if (ppoll(p, N_STREAMS + 1, ms == -1 ? NULL : &ts, waiting) <= 0)
		return;
	for (int i = 0; i < N_STREAMS; i++) {
		if (p[i].revents == 0)
			continue;
		if (is_full(&r->s[i]))
			stream_write(&r->s[i], i);
		else
			stream_read(&r->s[i], i);
	}
	if (p[N_STREAMS].revents != 0)
		hear(r);
}

/* Until both outputs are at their end, which they are when the last process is gone. */
static void
relay(struct relay *r, const sigset_t *waiting)
{
	while (r->s[1].from != -1 || r->s[2].from != -1 || r->told != -1) {
		if (wanted_to_end && r->q->unit != NULL && (r->told != -1 || r->orphan))
			stop(r);
		else if (wanted_to_end && r->told == -1)
			/* The unit is over; who keeps its outputs open is none of it. */
			break;
		relay_turn(r, waiting);
	}
	if (r->orphan)
		fifos_remove(&fifos);
}

static void
relay_main(struct ctl *ctl, struct run *q, int told)
{
	struct relay *r = xcalloc(1, sizeof(*r));
	sigset_t waiting;

	relay_signals(&waiting);
	ctl_disconnect(ctl);
	r->ctl = ctl;
	r->q = q;
	r->told = told;
	fd_close(&fifos.rd[0]);
	for (int i = 1; i < N_STREAMS; i++)
		fd_close(&fifos.wr[i]);
	for (int i = 0; i < N_STREAMS; i++) {
		r->s[i].from = i == 0 ? STDIN_FILENO : fifos.rd[i];
		r->s[i].to = i == 0 ? fifos.wr[i] : i;
	}
	relay(r, &waiting);
	_exit(0);
}

/* ---- the one who waits ---------------------------------------------------------------
 */

static int
start_relay(struct ctl *ctl, struct run *q)
{
	pid_t pid;
	int ends_of[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends_of) == -1)
		return -1;
	ctl_flush(ctl);
	pid = fork();
	if (pid == 0) {
		close(ends_of[1]);
		relay_main(ctl, q, ends_of[0]);
	}
	close(ends_of[0]);
	tell_fd = ends_of[1];
	if (pid == -1)
		return -1;
	relay_pid = pid;
	if (wanted_to_end)
		kill(pid, SIGTERM);
	fd_close(&fifos.wr[0]);
	for (int i = 1; i < N_STREAMS; i++)
		fd_close(&fifos.rd[i]);
	return 0;
}

int
run_pipe_prepare(struct ctl *ctl, struct run *q)
{
	/* From here on there is something that must not be left behind. */
	catch_ends(SA_RESTART);
	if (fifos_make(&fifos, ctl->in.run) == -1)
		return ctl_fail(ctl, CTL_FAILED, "pipe", NULL,
		    "--pipe: no FIFOs in %s: %s", ctl->in.run, strerror(errno));
	add_properties(ctl, q);
	if (q->ref == NULL)
		/* By which it is found again where supd is replaced during the start. */
		q->ref = fifos.name;
	if (start_relay(ctl, q) == -1)
		return ctl_fail(ctl, CTL_FAILED, "pipe", NULL,
		    "--pipe: nothing can be passed on: %s", strerror(errno));
	return 0;
}

/* With its end.  Where the relay is gone, there is nobody to tell. */
static void
tell(const char *text)
{
	(void)send(tell_fd, text, strlen(text) + 1, MSG_NOSIGNAL);
}

void
run_pipe_named(const struct run *q)
{
	tell(q->unit);
}

void
run_pipe_end(void)
{
	pid_t pid = relay_pid;

	if (fifos.name[0] == '\0')
		return;
	fifos_remove(&fifos);
	for (int i = 0; i < N_STREAMS; i++) {
		fd_close(&fifos.rd[i]);
		fd_close(&fifos.wr[i]);
	}
	tell("");
	fd_close(&tell_fd);
	while (pid > 0 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	relay_pid = 0;
	/* What the relay may have put there meanwhile. */
	fifos_remove(&fifos);
	fifos_close(&fifos);
}
