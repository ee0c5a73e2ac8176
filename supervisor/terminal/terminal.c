/*
 * terminal: main, the loop, and whose turn it is.
 */
#include "terminal/terminal.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "terminal/input.h"
#include "terminal/lines.h"
#include "terminal/peers.h"
#include "terminal/record.h"
#include "terminal/session.h"
#include "terminal/state.h"

enum {
	TURNS = 32, /* between two looks at the channels */
	EDGES = 256,
	REST_US =
	    30 * 1000 * 1000, /* without a session: it ends, and comes when needed */
};

/* ---- turns ---- */

static void
run_turns(void *arg)
{
	struct terminal *t = arg;
	struct session *s, *last = TAILQ_LAST(&t->ready, sessionq);

	for (int i = 0; i < TURNS && (s = TAILQ_FIRST(&t->ready)) != NULL; i++) {
		TAILQ_REMOVE(&t->ready, s, ready_link);
		s->ready = false;
		if (session_turn(s) == SESSION_AGAIN)
			terminal_ready(t, s);
		if (s == last)
			break;
	}
	if (!TAILQ_EMPTY(&t->ready))
		loop_post(t->loop, run_turns, t);
	terminal_flush(t);
}

void
terminal_ready(struct terminal *t, struct session *s)
{
	if (s->ready || s->stuck || s->done)
		return;
	s->ready = true;
	TAILQ_INSERT_TAIL(&t->ready, s, ready_link);
	if (t->replayed)
		loop_post(t->loop, run_turns, t);
}

static void
on_ptys(struct loop_io *io, int events, void *arg)
{
	struct epoll_event ev[EDGES];
	struct terminal *t = arg;
	int n;

	(void)io;
	(void)events;
	do {
		n = epoll_wait(t->pty_fd, ev, EDGES, 0);
		for (int i = 0; i < n; i++) {
			struct session *s = session_get(t, (uint32_t)ev[i].data.u64);

			if (s == NULL)
				continue;
			/* Now: one whose log is full has no turn. */
			input_go_on(s);
			terminal_ready(t, s);
		}
	} while (n == EDGES);
	terminal_flush(t);
}

/* ---- start and end ---- */

static void
on_long_rest(struct loop_timer *timer, void *arg)
{
	struct terminal *t = arg;

	(void)timer;
	if (t->n_sessions == 0)
		_exit(0);
}

void
terminal_flush(struct terminal *t)
{
	peers_flush(t);
	if (t->n_sessions > 0)
		loop_timer_stop(t->rest);
	else if (!loop_timer_is_armed(t->rest))
		loop_timer_in(t->rest, REST_US);
}

void
terminal_replay_end(struct terminal *t)
{
	lines_clear_staging(t);
	t->replayed = true;
	if (!TAILQ_EMPTY(&t->ready))
		loop_post(t->loop, run_turns, t);
}

static void
map_table(struct terminal *t)
{
	const char *why;
	struct stat st;
	void *p;

	if (fstat(ROLE_FD_TABLE, &st) == -1 || st.st_size <= 0)
		fatal("the table");
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, ROLE_FD_TABLE, 0);
	if (p == MAP_FAILED)
		fatal("cannot map the table");
	t->table = p;
	why = table_invalid(t->table, (uint64_t)st.st_size);
	if (why != NULL)
		fatalx("the table is %s", why);
}

static void
set_descriptors(struct terminal *t)
{
	t->run_fd = ROLE_FD_RUN;
	t->lines_r = ROLE_FD_EXTRA;
	t->lines_w = ROLE_FD_EXTRA + 1;
	t->init = (struct chan){ ROLE_FD_CHAN, ROLE_TERMINAL, ROLE_INIT };
	t->manager = (struct chan){ -1, ROLE_TERMINAL, ROLE_MANAGER };
	for (int fd = ROLE_FD_CHAN; fd < ROLE_FD_EXTRA + 2; fd++)
		if (fd_set_cloexec(fd, true) == -1)
			fatal("descriptor %d", fd);
	if (fd_set_nonblock(t->init.fd, true) == -1 ||
	    fd_set_nonblock(t->lines_r, true) == -1 ||
	    fd_set_nonblock(t->lines_w, true) == -1)
		fatal("cannot make the descriptors non-blocking");
}

/* Ctrl-C and the like are init's business, which tells us by closing the channel. */
static void
set_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1,
		SIGUSR2, SIGTSTP, SIGTTOU, SIGXFSZ };

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

int
terminal_main(void)
{
	struct terminal *t = xcalloc(1, sizeof(*t));

	log_init("terminal", LOG_LEVEL_INFO);
	xalloc_init();
	set_signals();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		fatal("prctl");
	TAILQ_INIT(&t->ready);
	TAILQ_INIT(&t->reports);
	TAILQ_INIT(&t->answers);
	set_descriptors(t);
	map_table(t);
	if (t->table->init_pid != 0 && getppid() != t->table->init_pid)
		return 1; /* it died before it could take us along */
	umask(0);
	t->sessions = xcalloc(t->table->nslots, sizeof(struct session *));
	t->pty_fd = epoll_create1(EPOLL_CLOEXEC);
	t->loop = loop_new();
	if (t->pty_fd == -1)
		fatal("epoll");
	peers_start(t);
	t->pty_io = loop_io_new(t->loop, "ptys", t->pty_fd, LOOP_READ, on_ptys, t);
	t->rest = loop_timer_new(t->loop, "rest", on_long_rest, t);
	record_start(t);
	loop_run(t->loop);
	_exit(0);
}
