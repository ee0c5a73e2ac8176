/*
 * agent: a small interactive program that behaves as agent programs do: a prompt, a
 * screen while it works, one while it is idle, questions, limits, crashes.  It needs no
 * account and no network: the fleet of units/ runs it where no real agent is installed,
 * and the tests type into it.
 *
 *	agent [-l] [-n NAME] [-t TRANSCRIPT] [-u USAGE] [-d MS] [--resume] [--vi]
 *[--paste]
 *
 * -l: a plain program that reads lines (cooked mode) instead of one that draws.
 * -t: each message that it was sent is appended there as a line: who wants to know what
 *     arrived, and how often, counts them.
 * -u: tokens and cost so far, as JSON, written there after each message.
 * -d: milliseconds that pass before a message is looked at (a slow reader).
 * --vi: the prompt has a normal and an insert mode; Escape and i lead from one to the
 *     other, and in normal mode letters are no text.
 * --paste: asks for bracketed paste.
 *
 * Messages are commands, or text that takes a moment of work:
 *
 *	work SECONDS		works for so long; Escape interrupts it
 *	ask QUESTION		asks; waits for 1, 2, Enter or Escape
 *	password		reads a line that is not shown
 *	limit SECONDS		a limit is reached, and is over after so long
 *	say TEXT, lines N	prints; prints N lines
 *	full			a full-screen picture until q is pressed
 *	hang			does nothing any more, and reads nothing
 *	crash [STATUS]		ends at once
 *	exit			ends as after a full day
 */
#include <sys/ioctl.h>
#include <sys/types.h>

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_MAX_BYTES = 64 * 1024,
	FRAME_MS = 100, /* between two pictures of the spinner */
	THINK_MS = 300, /* work that a text takes */
	TOKENS_A_BYTE = 3,
	KEY_ESC = 0x1b,
	KEY_CTRL_C = 3,
	KEY_CTRL_D = 4,
	KEY_CTRL_U = 0x15,
	KEY_DEL = 0x7f,
};

enum mode { IDLE, WORKING, ASKING, LIMITED, PASSWORD };

static const char *const spinner[] = { "·", "✢", "✳", "✶", "✻", "✽" };

static struct {
	const char *name, *transcript, *usage;
	int delay_ms;
	bool lines, vi, paste, resumed;

	enum mode mode;
	bool normal; /* vi: letters are commands */
	int64_t until_ms, since_ms;
	char question[256];
	char draft[LINE_MAX_BYTES];
	size_t len;
	unsigned frame;
	unsigned long long tokens;
	int drawn; /* rows of the live region on the screen, above its last */
	int below; /* of them, below the cursor */
	bool pasting;
	bool after_cr;
} a = { .name = "agent" };

static struct termios before;
static bool is_raw;
static volatile sig_atomic_t ended, resized;
static sigset_t outside; /* the signals that were blocked when we came */

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
on_signal(int signo)
{
	if (signo == SIGWINCH)
		resized = 1;
	else
		ended = signo;
}

/* Until there are keys (true), a signal came, or that time is over; -1: for ever. Signals
 * come in here alone: one that came between a look at ended and the wait would be lost.
 */
static bool
keys_within(int ms)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	return ppoll(&p, 1, ms < 0 ? NULL : &ts, &outside) > 0;
}

static void
pause_ms(int ms)
{
	int64_t until = now_ms() + ms, left;

	while (!ended && (left = until - now_ms()) > 0) {
		struct timespec ts = { left / 1000, left % 1000 * 1000000L };

		(void)ppoll(NULL, 0, &ts, &outside);
	}
}

static void
leave(int status)
{
	if (is_raw) {
		fputs(a.paste ? "\033[?2004l" : "", stdout);
		fputs("\033[?25h", stdout);
		fflush(stdout);
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	}
	exit(status);
}

/* ---- the picture ---- */

static int
columns(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 10
		   ? size.ws_col
		   : 80;
}

/* The live region is drawn over and over: up to its first row, and erased. */
static void
erase(void)
{
	if (a.lines)
		return;
	if (a.below > 0)
		printf("\033[%dB", a.below);
	for (int i = 0; i < a.drawn; i++)
		fputs("\033[2K\033[1A", stdout);
	if (a.drawn > 0)
		fputs("\033[2K\r", stdout);
	a.drawn = a.below = 0;
}

static void
draw_rule(void)
{
	int n = columns();

	for (int i = 0; i < n; i++)
		fputs("─", stdout);
}

static void
draw(void)
{
	char text[512];
	int rows = 0;

	if (a.lines)
		return;
	erase();
	if (a.mode == WORKING) {
		snprintf(text, sizeof(text), "%s Working… (%llds · esc to interrupt)",
		    spinner[a.frame % (sizeof(spinner) / sizeof(spinner[0]))],
		    (long long)(now_ms() - a.since_ms) / 1000);
		fputs(text, stdout);
		fputs("\r\n", stdout);
		rows++;
	} else if (a.mode == ASKING) {
		snprintf(text, sizeof(text),
		    "%s\r\n ❯ 1. Yes\r\n   2. No, and tell %s what to do (esc)\r\n",
		    a.question, a.name);
		fputs(text, stdout);
		a.drawn = 3;
		fflush(stdout);
		return;
	} else if (a.mode == LIMITED) {
		time_t at = time(NULL) + (time_t)((a.until_ms - now_ms() + 999) / 1000);
		struct tm tm;

		localtime_r(&at, &tm);
		strftime(text, sizeof(text),
		    "Usage limit reached · resets at %Y-%m-%dT%H:%M:%S%z", &tm);
		fputs(text, stdout);
		fputs("\r\n", stdout);
		rows++;
	}
	draw_rule();
	fputs("\r\n", stdout);
	printf("> %.*s\r\n", (int)(a.len < 200 ? a.len : 200), a.draft);
	draw_rule();
	fputs("\r\n", stdout);
	printf("  %s", a.mode == WORKING ? "esc to interrupt"
		       : a.vi            ? (a.normal ? "-- NORMAL --" : "-- INSERT --")
					 : "? for shortcuts");
	a.drawn = rows + 3;
	a.below = 2;
	/* The cursor stands in the prompt. */
	printf("\033[2A\r\033[%dC", 2 + (int)(a.len < 200 ? a.len : 200));
	fflush(stdout);
}

/* What is above the live region stays. */
static void
print_line(const char *text)
{
	if (a.lines) {
		printf("%s\n", text);
		fflush(stdout);
		return;
	}
	erase();
	printf("%s\r\n", text);
}

/* ---- what it is told ---- */

static void
note(const char *path, const char *mode, const char *text)
{
	FILE *f;

	if (path == NULL || (f = fopen(path, mode)) == NULL)
		return;
	fprintf(f, "%s\n", text);
	fclose(f);
}

static void
note_usage(size_t bytes)
{
	char text[128];

	a.tokens += TOKENS_A_BYTE * (bytes + 1);
	snprintf(text, sizeof(text), "{\"tokens\":%llu,\"cost\":%.6f}", a.tokens,
	    (double)a.tokens / 100000);
	note(a.usage, "w", text);
}

static void
begin(enum mode mode, long long ms)
{
	a.mode = mode;
	a.since_ms = now_ms();
	a.until_ms = a.since_ms + ms;
}

static void
end_work(const char *how)
{
	a.mode = IDLE;
	print_line(how);
}

static void
hang(void)
{
	for (;;)
		pause();
}

static void
show_full_screen(void)
{
	char c = 0;

	fputs("\033[?1049h\033[2J\033[H", stdout);
	printf("a full screen of %s\r\n\r\npress q to leave", a.name);
	fflush(stdout);
	while (!ended && (!keys_within(-1) || read(STDIN_FILENO, &c, 1) != 1 || c != 'q'))
		;
	fputs("\033[?1049l", stdout);
	fflush(stdout);
}

static void
ask_password(void)
{
	struct termios tio, old;
	char line[256];

	if (tcgetattr(STDIN_FILENO, &old) == -1)
		return;
	tio = is_raw ? before : old;
	tio.c_lflag |= ICANON;
	tio.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &tio);
	fputs("Password: ", stdout);
	fflush(stdout);
	if (read(STDIN_FILENO, line, sizeof(line)) > 0)
		fputs("\r\n", stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &old);
	print_line("the password was read");
}

static bool
is_command(const char *line, const char *word, const char **rest)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0 || (line[n] != '\0' && line[n] != ' '))
		return false;
	*rest = line[n] == ' ' ? line + n + 1 : line + n;
	return true;
}

static void
obey(const char *line)
{
	char text[512];
	const char *rest;

	if (is_command(line, "work", &rest)) {
		begin(WORKING, atoll(rest) * 1000);
	} else if (is_command(line, "ask", &rest)) {
		snprintf(a.question, sizeof(a.question), "Do you want to %s?", rest);
		if (a.lines)
			print_line(a.question);
		a.mode = ASKING;
	} else if (is_command(line, "limit", &rest)) {
		begin(LIMITED, atoll(rest) * 1000);
		if (a.lines) {
			snprintf(text, sizeof(text),
			    "Usage limit reached · resets in %s seconds", rest);
			print_line(text);
		}
	} else if (is_command(line, "password", &rest)) {
		ask_password();
	} else if (is_command(line, "say", &rest)) {
		print_line(rest);
	} else if (is_command(line, "lines", &rest)) {
		for (long long i = 1, n = atoll(rest); i <= n; i++) {
			snprintf(text, sizeof(text), "line %lld", i);
			print_line(text);
		}
	} else if (is_command(line, "full", &rest)) {
		show_full_screen();
	} else if (is_command(line, "hang", &rest)) {
		hang();
	} else if (is_command(line, "crash", &rest)) {
		fprintf(stderr, "%s: crashed\n", a.name);
		leave(*rest == '\0' ? 1 : atoi(rest));
	} else if (is_command(line, "exit", &rest)) {
		print_line("goodbye");
		leave(0);
	} else {
		begin(WORKING, THINK_MS);
	}
}

static void
take(char *line, size_t len)
{
	char text[512];

	line[len] = '\0';
	if (len == 0)
		return;
	if (a.delay_ms > 0)
		pause_ms(a.delay_ms);
	note(a.transcript, "a", line);
	note_usage(len);
	if (!a.lines) {
		snprintf(text, sizeof(text), "> %.400s", line);
		print_line(text);
	}
	if (a.mode == LIMITED)
		print_line("The limit is not over yet.");
	else
		obey(line);
}

/* ---- keys ---- */

static void
answer(char c)
{
	if (c != '1' && c != '2' && c != '\r' && c != '\n' && c != KEY_ESC)
		return;
	a.mode = IDLE;
	print_line(c == '2' || c == KEY_ESC ? "answered: no" : "answered: yes");
}

static void
on_prompt_key(char c)
{
	if (a.vi && c == KEY_ESC) {
		a.normal = true;
	} else if (a.vi && a.normal && c != '\r') {
		a.normal = c != 'i' && c != 'a';
	} else if (c == '\r' || (c == '\n' && !a.after_cr)) {
		char line[LINE_MAX_BYTES];
		size_t len = a.len;

		if (a.pasting) {
			/* Part of the text: programs that know pastes do not send it. */
			if (a.len + 1 < sizeof(a.draft))
				a.draft[a.len++] = ' ';
			return;
		}
		memcpy(line, a.draft, len);
		a.len = 0;
		take(line, len);
	} else if (c == KEY_CTRL_U) {
		a.len = 0;
	} else if ((c == KEY_DEL || c == '\b') && a.len > 0) {
		a.len--;
	} else if (((unsigned char)c >= ' ' || c == '\t') &&
		   a.len + 1 < sizeof(a.draft)) {
		a.draft[a.len++] = c;
	}
}

static void
on_key(char c)
{
	if (c == KEY_CTRL_C || (c == KEY_CTRL_D && a.len == 0 && a.mode == IDLE))
		leave(c == KEY_CTRL_C ? 130 : 0);
	if (a.mode == ASKING)
		answer(c);
	else if (a.mode == WORKING && c == KEY_ESC)
		end_work("interrupted");
	else
		on_prompt_key(c);
	a.after_cr = c == '\r';
}

/* Bracketed pastes and cursor keys are several bytes that come at once. */
static size_t
escape_at(const char *p, size_t n)
{
	static const char begin_mark[] = "\033[200~", end_mark[] = "\033[201~";
	size_t i = 2;

	if (n < 3 || p[0] != KEY_ESC || p[1] != '[')
		return 0;
	if (n >= 6 && memcmp(p, begin_mark, 6) == 0)
		a.pasting = true;
	if (n >= 6 && memcmp(p, end_mark, 6) == 0)
		a.pasting = false;
	while (i < n && (p[i] < '@' || p[i] > '~'))
		i++;
	return i < n ? i + 1 : 0;
}

static void
read_keys(void)
{
	char bytes[4096];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (n == 0 || (n == -1 && errno != EINTR && errno != EAGAIN))
		leave(0);
	for (ssize_t i = 0; i < n; i++) {
		size_t skip = a.lines ? 0 : escape_at(bytes + i, (size_t)(n - i));

		if (skip > 0)
			i += (ssize_t)skip - 1;
		else
			on_key(bytes[i]);
	}
}

/* ---- main ---- */

static void
set_up(void)
{
	static const int noted[] = { SIGTERM, SIGHUP, SIGWINCH };
	struct sigaction sa = { .sa_handler = on_signal };
	struct termios raw;
	sigset_t blocked;
	char text[256];

	sigemptyset(&blocked);
	for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++) {
		sigaction(noted[i], &sa, NULL);
		sigaddset(&blocked, noted[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, &outside);
	if (!a.lines && tcgetattr(STDIN_FILENO, &before) == 0) {
		raw = before;
		cfmakeraw(&raw);
		is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
	}
	if (a.paste)
		fputs("\033[?2004h", stdout);
	snprintf(text, sizeof(text), "✻ Welcome, I am %s%s", a.name,
	    a.resumed ? " (resumed)" : "");
	print_line(text);
}

static int
wait_ms(void)
{
	int64_t left;

	if (a.mode != WORKING && a.mode != LIMITED)
		return -1;
	left = a.until_ms - now_ms();
	if (left < 0)
		left = 0;
	if (a.mode == WORKING && left > FRAME_MS)
		return FRAME_MS;
	return left > 1000 ? 1000 : (int)left;
}

static void
on_time(void)
{
	a.frame++;
	if ((a.mode != WORKING && a.mode != LIMITED) || now_ms() < a.until_ms)
		return;
	end_work(a.mode == WORKING ? "done" : "The limit is over.");
}

static int
parse_options(int argc, char **argv)
{
	static const struct option longs[] = { { "resume", no_argument, NULL, 'r' },
		{ "vi", no_argument, NULL, 'v' }, { "paste", no_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "ln:t:u:d:", longs, NULL)) != -1) {
		switch (c) {
		case 'l':
			a.lines = true;
			break;
		case 'n':
			a.name = optarg;
			break;
		case 't':
			a.transcript = optarg;
			break;
		case 'u':
			a.usage = optarg;
			break;
		case 'd':
			a.delay_ms = atoi(optarg);
			break;
		case 'r':
			a.resumed = true;
			break;
		case 'v':
			a.vi = true;
			break;
		case 'p':
			a.paste = true;
			break;
		default:
			return -1;
		}
	}
	return 0;
}

int
main(int argc, char **argv)
{
	if (parse_options(argc, argv) == -1)
		return 2;
	set_up();
	while (!ended) {
		draw();
		if (a.lines && a.mode == IDLE) {
			fputs("> ", stdout);
			fflush(stdout);
		}
		if (keys_within(wait_ms()))
			read_keys();
		on_time();
	}
	print_line("ended by a signal");
	leave(0);
}
