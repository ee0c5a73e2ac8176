/*
 * logger: main, the loop, and whose turn it is.
 *
 * One loop watches the channels, the ring's eventfd, and one edge-triggered epoll set
 * with all log pipes.  Streams with something to read wait in a queue and get a turn of
 * TURN_BYTES each; after a few turns the loop looks at the channels again.  Nothing here
 * ever waits for a peer: what a channel does not take is folded and sent when it does.
 */
#include "logger/logger.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/xalloc.h"
#include "logger/barrier.h"
#include "logger/cast.h"
#include "logger/channel.h"
#include "logger/flood.h"
#include "logger/journal.h"
#include "logger/logslot.h"
#include "logger/mirror.h"
#include "logger/sink.h"
#include "logger/staging.h"
#include "logger/state.h"
#include "logger/stream.h"
#include "logger/vacuum.h"

enum {
	TURNS = 32, /* between two looks at the channels */
	EDGES = 256,
	GATHER_US = 150,
	GATHER_AFTER = 2,
	UNWATCH_AFTER = 3, /* turns in a row that found something */
	RETRY_US = 1000 * 1000,
	LINE_MAX_DEFAULT = 16 * 1024,
	LINE_MAX_LEAST = 256,
	FILE_MODE = 0640,
	DIR_MODE = 0750,
};

/* ---- settings ---- */

uint64_t
logger_retry_us(const struct logger *lg)
{
	uint64_t us = lg->t->log_settings.retry_us;

	return us != 0 ? us : RETRY_US;
}

size_t
logger_line_max(const struct logger *lg)
{
	uint32_t n = lg->t->log_settings.line_max;

	if (n == 0)
		return LINE_MAX_DEFAULT;
	if (n < LINE_MAX_LEAST)
		return LINE_MAX_LEAST;
	return n < CARRY_BYTES ? n : CARRY_BYTES;
}

uint32_t
logger_file_mode(const struct logger *lg)
{
	uint32_t mode = lg->t->log_settings.file_mode & 0666;

	return mode != 0 ? mode : FILE_MODE;
}

uint32_t
logger_dir_mode(const struct logger *lg)
{
	uint32_t mode = lg->t->log_settings.dir_mode & 0777;

	return mode != 0 ? mode : DIR_MODE;
}

void
logger_clock(struct logger *lg, const struct logslot *ls)
{
	const struct msg_log_settings *set = &lg->t->log_settings;
	struct line_style style = { .format = (enum line_format)ls->ts->conf.format,
		.precision = set->precision >= 6   ? 6
			     : set->precision >= 3 ? 3
						   : 0,
		.utc = set->utc != 0 };

	stamp_clock_set(&lg->clock, &style, clock_wall_us());
}

/* ---- turns ---- */

static void run_turns(void *arg);
static void on_pipes(struct loop_io *io, int events, void *arg);

void
logger_ready(struct logger *lg, struct stream *s)
{
	if (s->ready || s->fd == -1)
		return;
	s->ready = true;
	TAILQ_INSERT_TAIL(&lg->ready, s, link);
	if (lg->replayed)
		loop_post(lg->loop, run_turns, lg);
}

/* A closing slot is done when its pipes are read to their end, or as far as they went
 * when it was closed: what still writes into them must not keep it for ever. */
static bool
is_drained(const struct logslot *ls)
{
	for (int i = 0; i < 2; i++)
		if (ls->stream[i].fd != -1 && !ls->stream[i].empty &&
		    ls->close_left[i] > 0)
			return false;
	return true;
}

static void
close_if_drained(struct logger *lg, struct logslot *ls)
{
	if (!ls->closing || ls->done || !is_drained(ls))
		return;
	for (int i = 0; i < 2; i++)
		if (stream_finish(lg, &ls->stream[i]) == -1)
			return;
	/* A program that said nothing and ended at once has its file, too. */
	if (!ls->ts->log.linked && !ls->parked &&
	    (ls->ts->conf.stream_mask & SLOT_LOG_STREAMS) != 0 &&
	    sink_make_due(lg, ls) == -1)
		log_warn("%s: cannot make its log", ls->ts->unit);
	cast_close(lg, ls);
	ls->done = true;
	lg->done_waits = true;
}

static void
turn(struct logger *lg, struct stream *s)
{
	struct logslot *ls = s->slot;
	enum stream_turn r = stream_read(lg, s);

	s->empty = r == STREAM_EMPTY;
	if (r == STREAM_AGAIN && !(ls->closing && ls->close_left[s->which] == 0)) {
		logger_ready(lg, s);
		if (++s->again == UNWATCH_AFTER)
			stream_unwatch(lg, s);
	} else {
		s->again = 0;
		stream_watch(lg, s);
	}
	if (r != STREAM_STUCK)
		close_if_drained(lg, ls);
}

/*
 * Programs that write line by line wake us for each of them, which costs them and us more
 * than the line.  When several runs soon after each other found little, a moment's wait
 * finds more.  Never when a writer may be waiting for room, nor before all that are ready
 * had their turn.  True: it waited.
 */
static bool
gather(struct logger *lg)
{
	static const struct timespec moment = { 0, GATHER_US * 1000 };

	if (lg->hot < GATHER_AFTER || lg->ran_full || !lg->ran_all ||
	    clock_mono_us() - lg->ran_us > 2 * GATHER_US)
		return false;
	nanosleep(&moment, NULL);
	on_pipes(NULL, LOOP_READ, lg);
	return true;
}

/* Looks that found nothing count only when they waited for it: between two lines there is
 * always one. */
static void
note_heat(struct logger *lg, bool waited)
{
	uint64_t now;

	if (lg->ran_bytes == 0) {
		if (waited)
			lg->hot = 0;
		return;
	}
	now = clock_mono_us();
	if (!waited && now - lg->ran_us > 2 * GATHER_US)
		lg->hot = 0;
	else if (!lg->ran_full && lg->hot < GATHER_AFTER)
		lg->hot++;
	lg->ran_us = now;
}

static void
run_turns(void *arg)
{
	struct logger *lg = arg;
	struct stream *s, *last;
	bool waited = gather(lg);

	lg->ran_bytes = 0;
	lg->ran_full = lg->ran_all = false;
	/* One turn for each, so that what comes meanwhile can gather. */
	last = TAILQ_LAST(&lg->ready, streamq);
	for (int i = 0; i < TURNS && (s = TAILQ_FIRST(&lg->ready)) != NULL; i++) {
		TAILQ_REMOVE(&lg->ready, s, link);
		s->ready = false;
		turn(lg, s);
		if (s == last) {
			lg->ran_all = true;
			break;
		}
	}
	note_heat(lg, waited);
	if (!TAILQ_EMPTY(&lg->ready))
		loop_post(lg->loop, run_turns, lg);
	channel_flush(lg);
}

static void
on_pipes(struct loop_io *io, int events, void *arg)
{
	struct epoll_event ev[EDGES];
	struct logger *lg = arg;
	int n;

	(void)io;
	(void)events;
	do {
		n = epoll_wait(lg->pipes_fd, ev, EDGES, 0);
		for (int i = 0; i < n; i++) {
			struct logslot *ls =
			    logslot_get(lg, (uint32_t)(ev[i].data.u64 >> 1));

			if (ls != NULL)
				logger_ready(lg, &ls->stream[ev[i].data.u64 & 1]);
		}
	} while (n == EDGES);
}

static void
on_retry(struct loop_timer *t, void *arg)
{
	struct logger *lg = arg;

	bool waits = stream_retry(lg);

	if (cast_retry(lg) || waits)
		loop_timer_in(t, logger_retry_us(lg));
	channel_flush(lg);
}

static void
on_sync(struct loop_timer *t, void *arg)
{
	struct logger *lg = arg;

	(void)t;
	for (uint32_t i = 0; i < table_used(lg->t); i++)
		if (lg->slots[i] != NULL)
			sink_sync(lg, lg->slots[i]);
}

/* ---- the ring ---- */

static void
on_wake(struct loop_io *io, int events, void *arg)
{
	struct logger *lg = arg;
	uint64_t n;

	(void)io;
	(void)events;
	if (read(lg->wake_fd, &n, sizeof(n)) == -1 && errno != EAGAIN && errno != EINTR)
		fatal("the event ring's eventfd");
	if (lg->replayed) {
		journal_run(lg);
		cast_run(lg);
	}
	channel_flush(lg);
}

static void
on_events_retry(struct loop_timer *t, void *arg)
{
	struct logger *lg = arg;

	(void)t;
	journal_run(lg);
	channel_flush(lg);
}

/* ---- start and end ---- */

void
logger_replay_end(struct logger *lg)
{
	staging_recover(lg);
	journal_recover(lg);
	lg->replayed = true;
	barrier_answer_due(lg);
	if (!TAILQ_EMPTY(&lg->ready))
		loop_post(lg->loop, run_turns, lg);
	journal_run(lg);
	cast_run(lg);
	vacuum_due(lg);
}

void
logger_finish(struct logger *lg)
{
	if (lg->replayed) {
		journal_run(lg);
		cast_run(lg);
	}
	on_sync(lg->sync_timer, lg);
	mirror_finish(lg);
	mirror_free(lg);
	xalloc_check_leaks();
	loop_stop(lg->loop);
}

static void *
map_shared(int fd, uint64_t *size, const char *what)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) == -1)
		fatal("%s", what);
	if (st.st_size <= 0)
		fatalx("%s is empty", what);
	*size = (uint64_t)st.st_size;
	p = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		fatal("cannot map %s", what);
	return p;
}

static void
map_tables(struct logger *lg)
{
	const char *why;
	uint64_t size;

	lg->t = map_shared(ROLE_FD_TABLE, &size, "the table");
	why = table_invalid(lg->t, size);
	if (why != NULL)
		fatalx("the table is %s", why);
	lg->ring = map_shared(ROLE_FD_RING, &size, "the event ring");
	if (!ring_valid(lg->ring, size))
		fatalx("the event ring cannot be used");
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

static void
set_descriptors(struct logger *lg)
{
	lg->root_fd = ROLE_FD_ROOT;
	lg->run_fd = ROLE_FD_RUN;
	lg->wake_fd = ROLE_FD_WAKE;
	lg->scratch_r = ROLE_FD_EXTRA;
	lg->scratch_w = ROLE_FD_EXTRA + 1;
	lg->staging_r = ROLE_FD_EXTRA + 2;
	lg->staging_w = ROLE_FD_EXTRA + 3;
	lg->init = (struct chan){ ROLE_FD_CHAN, ROLE_LOGGER, ROLE_INIT };
	lg->manager = (struct chan){ -1, ROLE_LOGGER, ROLE_MANAGER };
	lg->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	lg->events_fd = -1;
	lg->top.fd = -1;
	for (int i = 0; i < DAYDIRS; i++)
		lg->daydir[i].fd = -1;
	for (int fd = ROLE_FD_CHAN; fd < ROLE_FD_EXTRA + 4; fd++)
		if (fd_set_cloexec(fd, true) == -1)
			fatal("descriptor %d", fd);
	if (fd_set_nonblock(lg->init.fd, true) == -1 ||
	    fd_set_nonblock(lg->wake_fd, true) == -1 ||
	    fd_set_nonblock(lg->scratch_r, true) == -1 ||
	    fd_set_nonblock(lg->staging_r, true) == -1)
		fatal("cannot make the descriptors non-blocking");
	flood_start(lg);
}

static void
start_loop(struct logger *lg)
{
	lg->pipes_fd = epoll_create1(EPOLL_CLOEXEC);
	if (lg->pipes_fd == -1)
		fatal("epoll");
	lg->loop = loop_new();
	channel_start(lg);
	lg->wake_io = loop_io_new(lg->loop, "wake", lg->wake_fd, LOOP_READ, on_wake, lg);
	lg->pipes_io =
	    loop_io_new(lg->loop, "pipes", lg->pipes_fd, LOOP_READ, on_pipes, lg);
	lg->retry_timer = loop_timer_new(lg->loop, "retry", on_retry, lg);
	lg->due_timer = loop_timer_new(lg->loop, "due", logslot_on_due, lg);
	lg->sync_timer = loop_timer_new(lg->loop, "sync", on_sync, lg);
	lg->events_timer = loop_timer_new(lg->loop, "events", on_events_retry, lg);
}

int
logger_main(void)
{
	struct logger *lg = xcalloc(1, sizeof(*lg));

	log_init("logger", LOG_LEVEL_INFO);
	xalloc_init();
	set_signals();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		fatal("prctl");
	TAILQ_INIT(&lg->early);
	TAILQ_INIT(&lg->alarms);
	TAILQ_INIT(&lg->ready);
	TAILQ_INIT(&lg->parked);
	TAILQ_INIT(&lg->due);
	TAILQ_INIT(&lg->reports);
	TAILQ_INIT(&lg->casts);
	TAILQ_INIT(&lg->answers);
	TAILQ_INIT(&lg->barriers);
	TAILQ_INIT(&lg->viewers);
	set_descriptors(lg);
	map_tables(lg);
	if (lg->t->init_pid != 0 && getppid() != lg->t->init_pid)
		return 1;               /* it died before it could take us along */
	umask(0);                       /* modes are explicit */
	prctl(PR_SET_TIMERSLACK, 1000); /* for gather */
	lg->slots = xcalloc(lg->t->nslots, sizeof(struct logslot *));
	lg->in = xmalloc(CARRY_BYTES + TURN_BYTES);
	start_loop(lg);
	mirror_set(lg);
	loop_run(lg->loop);
	/* What was used is left as it is: looked through at the end, it would be a leak.
	 */
	_exit(0);
}
