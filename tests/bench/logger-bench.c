/*
 * logger-bench: what the logger moves, beside what the machine can do and what the
 *loggers of others do, with the same writers and the same pipes.  The real role under a
 *fake init; asserts nothing, prints ratios.
 *
 *	logger-bench [-r ROUNDS] [-m MEGABYTES] [big|lines|many|files]...
 *
 * The subjects take turns, so that what else runs hits all alike, and the best round of
 * each counts: what the code can do.  All files stand before the clock starts (making
 * them is a row of its own) and are only emptied before the end of the bench: for some
 * seconds ext4 searches long for an inode that was not just deleted.
 */
#define FAKE_NSLOTS 256
#include "../unit/logger_fake.h"

#include <sys/epoll.h>
#include <sys/resource.h>

#include <ftw.h>

enum {
	LINE = 100,
	BIG = 65536 / LINE * LINE,
	MANY = 200,
	ROUNDS = 3,
	MEGABYTES = 200,
};

enum kind {
	TO_NULL, /* no reader: what the writers can do */
	ONE_CAT, /* all writers on one pipe */
	CATS,    /* a pipe and a file each */
	STAMPS,  /* one process stamps and writes, without any care for what is lost */
	SUPD,
	PEER, /* a process each, as its supervisor runs it */
};

struct subject {
	enum kind kind;
	const char *name;
	const char *program; /* has to be installed */
};

/* The peers stamp each line, too.  multilog syncs its file when it rotates and ends. */
static const struct subject subjects[] = {
	{ TO_NULL, "writers into /dev/null", NULL },
	{ ONE_CAT, "one cat >file for all", NULL },
	{ CATS, "cat >file", NULL },
	{ STAMPS, "bare loop, stamped", NULL },
	{ SUPD, "supd, stamped", NULL },
	{ PEER, "s6-log, stamped", "s6-log" },
	{ PEER, "multilog, stamped", "multilog" },
	{ PEER, "svlogd, stamped", "svlogd" },
};

enum { NSUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

struct result {
	double seconds; /* 0: not measured */
	double cpu;     /* of what reads */
	double writers_cpu;
};

/* One subject at work. */
struct work {
	const struct subject *s;
	char dir[96];
	unsigned writers;
	int w[MANY]; /* write ends */
	pid_t reader[MANY];
	unsigned nreaders;
	struct fake *f;
	double cpu_before;
};

static char base[64];
static unsigned nfolders;

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
cpu_of_usage(const struct rusage *r)
{
	return (double)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) +
	       (double)(r->ru_utime.tv_usec + r->ru_stime.tv_usec) / 1e6;
}

static double
cpu_of_pid(pid_t pid)
{
	unsigned long long ns = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = fopen(path, "re");
	if (f == NULL || fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	if (f != NULL)
		fclose(f);
	return (double)ns / 1e9;
}

static bool
is_installed(const char *program)
{
	char path[4096], *p = path, *dir;
	const char *env = getenv("PATH");

	snprintf(path, sizeof(path), "%s", env != NULL ? env : "/usr/bin:/bin");
	while ((dir = strsep(&p, ":")) != NULL) {
		char file[4200];

		snprintf(file, sizeof(file), "%s/%s", dir, program);
		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

/* ---- the writers ---- */

static void
write_lines(int fd, size_t bytes, size_t piece)
{
	static char text[BIG];

	memset(text, 'x', sizeof(text));
	for (size_t i = LINE; i <= sizeof(text); i += LINE)
		text[i - 1] = '\n';
	for (size_t done = 0; done < bytes; done += piece)
		if (full_write(fd, text, piece) == -1)
			_exit(1);
	_exit(0);
}

/* Each waits for the end of file at the gate. */
static void
start_writers(
    const struct work *k, pid_t *pids, const int gate[2], size_t bytes, size_t piece)
{
	for (unsigned i = 0; i < k->writers; i++) {
		char c;

		pids[i] = fork();
		FAKE_CHECK(pids[i] != -1);
		if (pids[i] != 0)
			continue;
		prctl(PR_SET_NAME, "writer");
		close(gate[1]);
		if (read(gate[0], &c, 1) != 0)
			_exit(1);
		write_lines(k->w[i], bytes / k->writers, piece);
	}
}

/* ---- the subjects ---- */

static int
open_in(const char *folder, const char *name)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	FAKE_CHECK(fd != -1);
	return fd;
}

/*
 * read, stamp, write, from all pipes in one process and with the same stamps as supd's,
 * and nothing else: no clock, no counter, and what was read is lost with the process.
 * No logger of one process can be much cheaper.
 */
struct plain {
	int in, out;
	size_t have;
	char carry[LINE];
};

/* False: its end. */
static bool
stamp_once(struct plain *p)
{
	static const char stamp[] = "2026-11-21T10:30:45 [w0:stdout] ";
	enum { STAMP = sizeof(stamp) - 1, ROOM = 256 * 1024 };
	static char in[ROOM], out[ROOM * 2];
	char *at = in, *end, *to = out;
	ssize_t n;

	memcpy(in, p->carry, p->have);
	n = read(p->in, in + p->have, sizeof(in) - p->have);
	if (n <= 0)
		return n == -1 && errno == EAGAIN;
	p->have += (size_t)n;
	while ((end = memchr(at, '\n', (size_t)(in + p->have - at))) != NULL) {
		size_t len = (size_t)(end + 1 - at);

		memcpy(to, stamp, STAMP);
		memcpy(to + STAMP, at, len);
		to += STAMP + len;
		at = end + 1;
	}
	if (full_write(p->out, out, (size_t)(to - out)) == -1)
		_exit(1);
	p->have -= (size_t)(at - in);
	memcpy(p->carry, at, p->have);
	return true;
}

static void
stamp_all(struct plain *p, unsigned n)
{
	struct epoll_event ev[MANY];
	int ep = epoll_create1(EPOLL_CLOEXEC);

	FAKE_CHECK(ep != -1);
	for (unsigned i = 0; i < n; i++) {
		ev[0] = (struct epoll_event){ .events = EPOLLIN, .data.u32 = i };
		FAKE_CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, p[i].in, ev) == 0);
	}
	for (unsigned open = n; open > 0;) {
		int got = epoll_wait(ep, ev, MANY, -1);

		for (int i = 0; i < got; i++) {
			struct plain *q = &p[ev[i].data.u32];

			if (!stamp_once(q)) {
				close(q->in);
				open--;
			}
		}
	}
	_exit(0);
}

static void
start_stamps(struct work *k)
{
	static struct plain plain[MANY];
	pid_t pid;

	for (unsigned i = 0; i < k->writers; i++) {
		char name[16];
		int p[2];

		FAKE_CHECK(pipe2(p, O_CLOEXEC) == 0 && fd_set_nonblock(p[0], true) == 0);
		if (k->writers == 1)
			fcntl(p[0], F_SETPIPE_SZ, 1024 * 1024); /* may be refused */
		snprintf(name, sizeof(name), "out%u", i);
		plain[i] = (struct plain){ .in = p[0], .out = open_in(k->dir, name) };
		k->w[i] = p[1];
	}
	pid = fork();
	FAKE_CHECK(pid != -1);
	if (pid == 0) {
		for (unsigned i = 0; i < k->writers; i++)
			close(k->w[i]);
		stamp_all(plain, k->writers);
	}
	for (unsigned i = 0; i < k->writers; i++) {
		close(plain[i].in);
		close(plain[i].out);
	}
	k->reader[k->nreaders++] = pid;
}

static void
exec_reader(const struct work *k, const char *folder)
{
	const char *program = k->s->kind == PEER ? k->s->program : "cat";

	close_range(3, ~0U, 0);
	if (strcmp(program, "s6-log") == 0)
		/* Its largest file is smaller than that. */
		execlp("s6-log", "s6-log", "-b", "n3", "s268435455", "t", folder, NULL);
	else if (strcmp(program, "multilog") == 0)
		execlp("multilog", "multilog", "t", "s16777215", "n100", folder, NULL);
	else if (strcmp(program, "svlogd") == 0)
		execlp("svlogd", "svlogd", "-tt", folder, NULL);
	else
		execlp("cat", "cat", NULL);
	_exit(127);
}

static void
start_reader(struct work *k, unsigned i)
{
	int p[2], out, conf;
	char folder[128];
	pid_t pid;

	snprintf(folder, sizeof(folder), "%s/%u", k->dir, i);
	FAKE_CHECK(mkdir(folder, 0700) == 0 && pipe2(p, O_CLOEXEC) == 0);
	conf = open_in(folder, "config"); /* of svlogd: it never rotates here */
	FAKE_CHECK(dprintf(conf, "s%d\n", 1 << 30) > 0);
	close(conf);
	out = open_in(folder, "out");
	pid = fork();
	FAKE_CHECK(pid != -1);
	if (pid == 0) {
		dup2(p[0], 0);
		dup2(out, 1);
		exec_reader(k, folder);
	}
	close(out);
	close(p[0]);
	k->w[i] = p[1];
	k->reader[k->nreaders++] = pid;
}

/* A first line in each log, so that the files stand. */
static void
start_supd(struct work *k)
{
	struct fake *f = k->f = fake_new(k->dir);
	unsigned n = k->writers;

	fake_start(f);
	for (unsigned i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "w%u", i);
		fake_open_told(f, i, name, "1");
		k->w[i] = f->slot[i].w[0];
		FAKE_CHECK(write(k->w[i], "first\n", 6) == 6);
	}
	for (unsigned i = 0; i < n; i++)
		FAKE_CHECK(fake_barrier(f, i)->slot == i);
}

static void
start(struct work *k, const struct subject *s, unsigned writers)
{
	*k = (struct work){ .s = s, .writers = writers };
	snprintf(k->dir, sizeof(k->dir), "%s/%u", base, nfolders++);
	FAKE_CHECK(mkdir(k->dir, 0700) == 0);
	for (unsigned i = 0; i < writers; i++) {
		if (s->kind == TO_NULL)
			k->w[i] = open("/dev/null", O_WRONLY | O_CLOEXEC);
		else if (s->kind == ONE_CAT && i > 0)
			k->w[i] = fcntl(k->w[0], F_DUPFD_CLOEXEC, 0);
		else if (s->kind != SUPD && s->kind != STAMPS)
			start_reader(k, i);
	}
	if (s->kind == STAMPS)
		start_stamps(k);
	if (s->kind == SUPD)
		start_supd(k);
}

/* What they used up to now: cat is no reader before it has run exec, and so on. */
static void
settle(struct work *k)
{
	double before = -1;

	while (before != k->cpu_before) {
		before = k->cpu_before;
		poll(NULL, 0, 20);
		k->cpu_before = k->f != NULL ? cpu_of_pid(k->f->pid) : 0;
		for (unsigned i = 0; i < k->nreaders; i++)
			k->cpu_before += cpu_of_pid(k->reader[i]);
	}
}

static int
empty_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type == FTW_F && S_ISREG(st->st_mode) && st->st_size > 0)
		FAKE_CHECK(truncate(path, 0) == 0);
	return 0;
}

static int
remove_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Returns the processor time of what read, all of it being in the files. */
static double
finish_readers(struct work *k)
{
	double cpu = 0;

	for (unsigned i = 0; i < k->writers; i++)
		if (k->f == NULL)
			close(k->w[i]);
		else
			fake_close(k->f, i);
	for (unsigned i = 0; i < k->nreaders; i++) {
		struct rusage ru;

		FAKE_CHECK(wait4(k->reader[i], NULL, 0, &ru) == k->reader[i]);
		cpu += cpu_of_usage(&ru);
	}
	return k->f != NULL ? cpu_of_pid(k->f->pid) : cpu;
}

static struct result
measure(const struct subject *s, unsigned writers, size_t bytes, size_t piece)
{
	struct result res = { 0 };
	pid_t pids[MANY];
	struct work k;
	int gate[2];

	start(&k, s, writers);
	FAKE_CHECK(pipe2(gate, O_CLOEXEC) == 0);
	start_writers(&k, pids, gate, bytes, piece);
	settle(&k);
	res.seconds = now();
	close(gate[1]);
	for (unsigned i = 0; i < writers; i++) {
		struct rusage ru;
		int status;

		FAKE_CHECK(wait4(pids[i], &status, 0, &ru) == pids[i] && status == 0);
		res.writers_cpu += cpu_of_usage(&ru);
	}
	res.cpu = finish_readers(&k) - k.cpu_before;
	res.seconds = now() - res.seconds;
	close(gate[0]);
	if (k.f != NULL) {
		fake_kill(k.f);
		nftw(k.dir, empty_file, 16, FTW_PHYS);
		fake_free(k.f);
	} else {
		nftw(k.dir, empty_file, 16, FTW_PHYS);
	}
	return res;
}

/* ---- rows ---- */

static void
print_result(const struct subject *s, const struct result *r, double limit, double bytes)
{
	printf("    %-24s %6.0f MB/s", s->name, bytes / r->seconds / 1e6);
	if (s->kind != TO_NULL)
		printf(
		    "  %.2fx  %5.2f CPU s/GB", limit / r->seconds, r->cpu / bytes * 1e9);
	else
		printf("  %5s  %14s", "", "");
	printf("  writers %5.2f\n", r->writers_cpu / bytes * 1e9);
}

static void
row(const char *what, unsigned rounds, unsigned writers, size_t bytes, size_t piece)
{
	struct result best[NSUBJECTS] = { 0 };
	double limit = 0;

	bytes = bytes / writers / piece * piece * writers;
	for (unsigned i = 0; i < rounds; i++)
		for (unsigned k = 0; k < NSUBJECTS; k++) {
			const struct subject *s = &subjects[k];
			struct result r;

			if ((s->program != NULL && !is_installed(s->program)) ||
			    (s->kind == ONE_CAT && writers == 1))
				continue;
			r = measure(s, writers, bytes, piece);
			if (best[k].seconds == 0 || r.seconds < best[k].seconds)
				best[k] = r;
			if (s->kind == CATS)
				limit = best[k].seconds;
		}
	printf("%s\n", what);
	for (unsigned k = 0; k < NSUBJECTS; k++)
		if (best[k].seconds > 0)
			print_result(&subjects[k], &best[k], limit, (double)bytes);
		else if (subjects[k].program != NULL)
			printf("    %-24s SKIPPED: not installed\n", subjects[k].program);
	fflush(stdout);
}

/* A log and its two links, MANY times, in two folders. */
static double
make_files(void)
{
	char dir[96], name[64], target[96];
	int day, top, fd;
	double t;

	snprintf(dir, sizeof(dir), "%s/%u", base, nfolders++);
	FAKE_CHECK(mkdir(dir, 0700) == 0);
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FAKE_CHECK(top != -1 && mkdir_p_at(top, "journal/20261121/health", 0700) == 0 &&
		   mkdir_p_at(top, "journal/health", 0700) == 0);
	day = openat(top, "journal/20261121/health", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(top);
	top = open(strcat(dir, "/journal/health"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FAKE_CHECK(day != -1 && top != -1);
	t = now();
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "1_w%u.log", i);
		snprintf(target, sizeof(target), "../20261121/health/%s", name);
		fd = openat(day, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
		FAKE_CHECK(fd != -1 && write(fd, "first\n", 6) == 6);
		FAKE_CHECK(symlinkat(name, day, name + 2) == 0);
		FAKE_CHECK(symlinkat(target, top, name + 2) == 0);
		close(fd);
	}
	t = now() - t;
	close(day);
	close(top);
	return t;
}

static double
make_logs(void)
{
	const struct subject s = { SUPD, "supd", NULL };
	struct work k = { .s = &s, .writers = 0 };
	unsigned done;
	double t;

	start(&k, &s, 0);
	for (unsigned i = 0; i < MANY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "w%u", i);
		fake_open_told(k.f, i, name, "1");
	}
	fake_barrier(k.f, MANY - 1);
	done = k.f->count[MSG_BARRIER_DONE];
	t = now();
	for (unsigned i = 0; i < MANY; i++)
		FAKE_CHECK(write(k.f->slot[i].w[0], "first\n", 6) == 6);
	for (unsigned i = 0; i < MANY; i++)
		fake_ask_barrier(k.f, i);
	fake_wait(k.f, MSG_BARRIER_DONE, done + MANY - 1);
	t = now() - t;
	fake_free(k.f);
	return t;
}

static void
row_files(unsigned rounds)
{
	double limit = 1e9, supd = 1e9, t;

	for (unsigned i = 0; i < rounds; i++) {
		if ((t = make_files()) < limit)
			limit = t;
		if ((t = make_logs()) < supd)
			supd = t;
	}
	printf("first line of %d services: a file and two links for each\n"
	       "    %-24s %6.1f ms\n    %-24s %6.1f ms  %.2fx\n",
	    MANY, "the bare calls", limit * 1e3, "supd", supd * 1e3, supd / limit);
}

int
main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	unsigned rounds = ROUNDS;
	size_t mb = MEGABYTES;
	int opt;

	while ((opt = getopt(argc, argv, "r:m:")) != -1) {
		if (opt == 'r')
			rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (opt == 'm')
			mb = strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	snprintf(
	    base, sizeof(base), "%.40s/supd-bench.XXXXXX", tmp != NULL ? tmp : "/tmp");
	FAKE_CHECK(mkdtemp(base) != NULL);
	for (int i = optind; i <= argc; i++) {
		const char *only = i < argc ? argv[i] : NULL;

		if (only == NULL && optind < argc)
			break;
		if (only == NULL || strcmp(only, "files") == 0)
			row_files(rounds);
		if (only == NULL || strcmp(only, "big") == 0)
			row("lines of 100, big writes", rounds, 1, mb * 1000000, BIG);
		if (only == NULL || strcmp(only, "lines") == 0)
			row("lines of 100, one a write", rounds, 1, mb * 250000, LINE);
		if (only == NULL || strcmp(only, "many") == 0)
			row("200 writers at once", rounds, MANY, mb * 1000000,
			    8192 / LINE * LINE);
	}
	nftw(base, remove_file, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
