/*
 * chaos-unit: the services of the chaos test.  Each says what it wrote, and notices when
 * another one of its unit lives.
 *
 *	chaos-unit MARK DIR UNIT MODE [OPTION...]
 *
 * MARK is only looked at by the test, which finds all processes of a unit by it.
 * DIR/lock.UNIT is locked by the main process and by all that it forks: whoever finds it
 * locked at its start writes that to DIR/violations.  DIR/count.UNIT.PID.N holds the
 * number of the last line that the kernel has taken, so that the test knows how many must
 * be in the logs; lines look like `c UNIT PID.N NUMBER LENGTH xxxx', LENGTH times x.
 *
 * MODE: simple, notify, line (ready by a line to descriptor 5), fork (PIDFILE follows, or
 *-), oneshot, crash, stubborn, leaky, mute (no lines), whole (simple, each line in one
 *write).
 */
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *dir, *unit;
static volatile uint64_t *count[2];
static char tag[64];
static uint64_t rnd;
static int whole; /* others write to the same pipe: one write for a line */

static uint32_t
next_random(uint32_t below)
{
	rnd ^= rnd << 13;
	rnd ^= rnd >> 7;
	rnd ^= rnd << 17;
	return (uint32_t)(rnd >> 20) % below;
}

static void
pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

static void
append(const char *file, const char *text)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, text, strlen(text)) == -1)
		err(90, "%s", path);
	close(fd);
}

/* Locked for as long as this process and all that it forks live. */
static void
lock_unit(const char *mode)
{
	char path[4096], text[512], holder[256] = "";
	ssize_t n;
	int fd, len;

	snprintf(path, sizeof(path), "%s/lock.%s", dir, unit);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		err(90, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		n = pread(fd, holder, sizeof(holder) - 1, 0);
		holder[n > 0 ? n : 0] = '\0';
		snprintf(text, sizeof(text),
		    "%s: %d (%s) starts while a process of %s lives\n", unit,
		    (int)getpid(), getenv("INVOCATION_ID"), holder);
		append("violations", text);
		return;
	}
	len = snprintf(
	    text, sizeof(text), "%d %s %s", (int)getpid(), mode, getenv("INVOCATION_ID"));
	if (ftruncate(fd, 0) == -1 || pwrite(fd, text, (size_t)len, 0) == -1)
		err(90, "%s", path);
	snprintf(text, sizeof(text), "%s %d %s\n", unit, (int)getpid(),
	    getenv("INVOCATION_ID"));
	append("starts", text);
}

static void
map_count(void)
{
	char path[4096];
	void *at;
	int fd;

	for (int i = 0;; i++) {
		snprintf(tag, sizeof(tag), "%d.%d", (int)getpid(), i);
		snprintf(path, sizeof(path), "%s/count.%s.%s", dir, unit, tag);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd != -1)
			break;
		if (errno != EEXIST)
			err(90, "%s", path);
	}
	if (ftruncate(fd, 16) == -1)
		err(90, "%s", path);
	at = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		err(90, "%s", path);
	close(fd);
	count[0] = at;
	count[1] = count[0] + 1;
}

static void
put(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t did = write(fd, p, n);

		if (did == -1 && errno == EINTR)
			continue;
		if (did == -1) {
			char text[256];

			snprintf(
			    text, sizeof(text), "%s: write: %s\n", unit, strerror(errno));
			append("violations", text);
			_exit(91);
		}
		p += did;
		n -= (size_t)did;
	}
}

/* One line, now and then in pieces and now and then a long one. */
static void
line(int stream)
{
	static char buf[24000];
	uint64_t no = *count[stream] + 1;
	size_t pad = next_random(100);
	size_t n, cut = 0;

	if (!whole && next_random(50) == 0)
		pad = next_random(20000);

	n = (size_t)snprintf(buf, sizeof(buf), "c %s %s %llu %zu ", unit, tag,
	    (unsigned long long)no, pad);
	memset(buf + n, 'x', pad);
	n += pad;
	buf[n++] = '\n';
	if (!whole && next_random(8) == 0)
		cut = next_random((uint32_t)n);
	put(1 + stream, buf, cut);
	if (cut > 0 && next_random(4) == 0)
		pause_ms(3);
	put(1 + stream, buf + cut, n - cut);
	*count[stream] = no;
}

static void
say_ready(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	static const char text[] = "READY=1\nSTATUS=working";
	int fd;

	if (path == NULL || strlen(path) >= sizeof(to.sun_path))
		errx(92, "no NOTIFY_SOCKET");
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* Nobody reads it while supd is dead; a word about it would be no line of ours.
	 */
	if (fd == -1 || sendto(fd, text, sizeof(text) - 1, 0, (struct sockaddr *)&to,
			    sizeof(to)) == -1)
		_exit(92);
	close(fd);
}

static void
work(void)
{
	for (;;) {
		uint32_t burst = 1 + next_random(20);

		for (uint32_t i = 0; i < burst; i++)
			line(next_random(4) == 0);
		pause_ms(5 + next_random(60));
	}
}

/* Two processes that nobody is the parent of, without environment, in own sessions. */
static void
leak(char *argv[])
{
	(void)argv;
	for (int i = 0; i < 2; i++) {
		pid_t child = fork();

		if (child == -1)
			err(93, "fork");
		if (child > 0) {
			waitpid(child, NULL, 0);
			continue;
		}
		setsid();
		child = fork();
		if (child != 0)
			_exit(0);
		setsid();
		clearenv();
		if (i == 0)
			signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
}

int
main(int argc, char *argv[])
{
	const char *mode;
	struct timespec now;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 5)
		errx(90, "usage: chaos-unit MARK DIR UNIT MODE [OPTION]");
	dir = argv[2];
	unit = argv[3];
	mode = argv[4];
	clock_gettime(CLOCK_REALTIME, &now);
	rnd = (uint64_t)now.tv_nsec * 2654435761U + (uint64_t)getpid() + 1;

	if (strcmp(mode, "fork") == 0) {
		pid_t child;
		int go[2];
		char c;

		if (argc < 6 || pipe(go) == -1)
			err(90, "pipe");
		child = fork();
		if (child == -1)
			err(93, "fork");
		if (child > 0) { /* ends when the daemon runs */
			close(go[1]);
			_exit(read(go[0], &c, 1) == 1 ? 0 : 94);
		}
		close(go[0]);
		setsid();
		lock_unit(mode);
		map_count();
		if (argv[5][0] != '-') {
			char temp[4096];
			FILE *f;

			snprintf(temp, sizeof(temp), "%s.new", argv[5]);
			f = fopen(temp, "w");
			if (f == NULL || fprintf(f, "%d\n", (int)getpid()) < 0 ||
			    fclose(f) != 0 || rename(temp, argv[5]) == -1)
				err(90, "%s", argv[5]);
		}
		/* The parent may have been killed. */
		if (write(go[1], "r", 1) != 1 && errno != EPIPE)
			err(90, "pipe");
		close(go[1]);
		work();
	}
	lock_unit(mode);
	map_count();
	if (strcmp(mode, "notify") == 0) {
		pause_ms(next_random(40));
		say_ready();
		work();
	}
	if (strcmp(mode, "line") == 0) {
		pause_ms(next_random(40));
		put(5, "ready\n", 6);
		close(5);
		work();
	}
	if (strcmp(mode, "oneshot") == 0) {
		for (uint32_t i = next_random(30); i > 0; i--)
			line(0);
		pause_ms(next_random(100));
		for (uint32_t i = next_random(30); i > 0; i--)
			line(1);
		return 0;
	}
	if (strcmp(mode, "crash") == 0) {
		for (uint32_t i = next_random(30); i > 0; i--)
			line(next_random(2) == 0);
		pause_ms(20 + next_random(400));
		line(0);
		put(1, "unfinished", 10);
		return 1;
	}
	if (strcmp(mode, "stubborn") == 0) {
		signal(SIGTERM, SIG_IGN);
		work();
	}
	if (strcmp(mode, "leaky") == 0) {
		leak(argv);
		work();
	}
	whole = strcmp(mode, "whole") == 0;
	if (strcmp(mode, "mute") == 0)
		for (;;)
			pause();
	work();
	return 0;
}
