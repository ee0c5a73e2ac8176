/*
 * logs: what programs wrote, over days, rotations and invocations.
 *
 * Read from the files and followed by inotify, so that it works whether supd runs or not.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <poll.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "offline.h"
#include "runs.h"
#include "when.h"

#include "journal/layout.h"
#include "journal/reader.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "unit/table.h"

enum {
	OPT_SINCE = OPT_LONG,
	OPT_UNTIL,
	OPT_STREAM,
	OPT_REF,
	OPT_DAY,
	OPT_RUN,
	FLUSH_BYTES = 64 * 1024,
	FOLLOW_LINES = 10,
};

static const struct opt opts[] = {
	{ "follow", 'f', NULL, "go on with what comes; begins with the last 10 lines" },
	{ "lines", 'n', "NUMBER", "only the last lines" },
	{ "since", OPT_SINCE, "TIME", "\"10:30\", \"2026-11-21 10:30\", today, -1h, …" },
	{ "until", OPT_UNTIL, "TIME", "likewise" },
	{ "grep", 'g', "REGEX", "only lines that match (extended expression)" },
	{ "ignore-case", 'i', NULL, "for --grep" },
	{ "stream", OPT_STREAM, "STREAM", "stdout, stderr, or supd for its own notes" },
	{ "ref", OPT_REF, "REF", "only this invocation" },
	{ "run", OPT_RUN, "ID",
	    "all stages of this run of a pipeline, in order of time" },
	{ "day", OPT_DAY, "YYYYMMDD", "only this day's folder" },
	{ NULL, 0, NULL, NULL },
};

static int
parse_time(struct ctl *ctl, const char *what, const char *text, uint64_t *us)
{
	if (when_parse(text, clock_wall_us(), us) == 0)
		return 0;
	ctl_usage(ctl,
	    "%s: \"%s\" is no time; write for example \"2026-11-21 10:30\", "
	    "10:30, today, -1h",
	    what, text);
	return -1;
}

/* A wrong one is a wrong command line, not a failure of the journal. */
static int
check_regex(struct ctl *ctl, const char *text)
{
	char why[128];
	regex_t re;
	int e = regcomp(&re, text, REG_EXTENDED | REG_NOSUB);

	if (e == 0) {
		regfree(&re);
		return 0;
	}
	regerror(e, &re, why, sizeof(why));
	ctl_usage(ctl, "--grep: \"%s\" is no regular expression: %s", text, why);
	return -1;
}

static int
parse_opt(struct ctl *ctl, int id, struct reader_query *q, const char **run)
{
	uint64_t n;
	int stream;

	switch (id) {
	case 'f':
		q->follow = true;
		return 0;
	case 'n':
		if (ctl_parse_number(ctl, "-n", optarg, INT32_MAX, &n) == -1)
			return -1;
		q->n = (int64_t)n;
		return 0;
	case 'g':
		q->grep = optarg;
		return check_regex(ctl, optarg);
	case 'i':
		q->grep_icase = true;
		return 0;
	case OPT_SINCE:
		return parse_time(ctl, "--since", optarg, &q->since_us);
	case OPT_UNTIL:
		return parse_time(ctl, "--until", optarg, &q->until_us);
	case OPT_STREAM:
		stream = line_stream_parse(optarg);
		if (stream == -1) {
			ctl_usage(ctl, "--stream is stdout, stderr or supd");
			return -1;
		}
		q->streams |= 1U << stream;
		return 0;
	case OPT_RUN:
		*run = optarg;
		return ctl_check_run(ctl, optarg);
	case OPT_REF:
		q->ref = optarg;
		return 0;
	case OPT_DAY:
		if (!layout_day_is_valid(optarg)) {
			ctl_usage(ctl, "--day is YYYYMMDD");
			return -1;
		}
		q->day = optarg;
		return 0;
	default:
		return -1;
	}
}

static void
add_name(struct strv *names, const char *word)
{
	static const char suffix[] = ".service";
	char name[LAYOUT_NAME_MAX + 1];
	size_t n = strlen(word);

	if (strpbrk(word, "*?[") == NULL) {
		strv_add(names, layout_name_of_unit(name, sizeof(name), word));
		return;
	}
	if (n > sizeof(suffix) - 1 &&
	    strcmp(word + n - (sizeof(suffix) - 1), suffix) == 0)
		n -= sizeof(suffix) - 1;
	strv_addn(names, word, n);
}

/*
 * A program that was run once may log under another name than its unit's: supd knows.
 * Writes the log's name over the unit's when there is no log of the unit's own name.
 * True when there is none of that name and supd knows the unit.
 */
static bool
ask_name(struct ctl *ctl, int root, const char *word, char **name)
{
	struct layout_file file;
	struct buf params = { 0 };
	struct buf why = { 0 };
	struct reply r = { 0 };
	char path[LAYOUT_PATH_MAX];
	const char *log, *base;
	bool known = false;
	struct jw *w;

	if (strpbrk(word, "*?[") != NULL ||
	    reader_newest_path(root, *name, path, sizeof(path)))
		return false;
	ctl->question_us = OFFLINE_AFTER_US;
	w = ctl_params();
	jw_kv_arr(w, "units");
	jw_str(w, word);
	jw_end(w);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	if (ctl_call_quietly(ctl, "io.supd.Unit.Status", buf_str(&params), false,
		ctl_deadline(ctl, false), &r, &why) == CLIENT_OK &&
	    r.error == NULL) {
		known = jv_count(jv_get(r.params, "units")) > 0;
		log = jv_str(jv_get(jv_at(jv_get(r.params, "units"), 0), "log"), "");
		base = strrchr(log, '/');
		if (base != NULL && layout_parse_file(base + 1, &file)) {
			free(*name);
			*name = xstrdup(file.name);
		}
	}
	ctl_disconnect(ctl);
	reply_clear(&r);
	buf_free(&params);
	buf_free(&why);
	return known;
}

static void
put_json(struct ctl *ctl, const struct reader_entry *e)
{
	struct jw *w = jw_new(JW_COMPACT);
	char ts[CLOCK_TEXT_MAX];

	jw_obj(w);
	if (e->wall_us != 0)
		jw_kv_str(w, "ts", clock_format_utc(ts, sizeof(ts), e->wall_us));
	else
		jw_kv_null(w, "ts");
	jw_kv_str(w, "ref", e->ref);
	jw_kv_str(w, "name", e->name);
	jw_kv_str(w, "stream", line_stream_name(e->stream));
	jw_kv_strn(w, "line", e->text, e->text_len);
	if (e->mark != LINE_WHOLE)
		jw_kv_str(w, "mark", e->mark == LINE_SPLIT ? "split" : "unfinished");
	jw_end(w);
	jw_take(w, &ctl->out);
	jw_free(w);
	if (ctl->out.data[ctl->out.len - 1] != '\n')
		buf_addc(&ctl->out, '\n');
}

static void
put_text(struct ctl *ctl, const struct reader_entry *e)
{
	struct buf head = { 0 };
	char ts[CLOCK_TEXT_MAX] = "-";

	if (e->wall_us != 0)
		clock_format_local(ts, sizeof(ts), e->wall_us);
	buf_addf(&head, "%s [%s:%s%s]", ts, e->name, line_stream_name(e->stream),
	    e->mark == LINE_SPLIT        ? "+"
	    : e->mark == LINE_UNFINISHED ? "~"
					 : "");
	ctl_style(
	    ctl, e->stream == LINE_STDERR ? STYLE_YELLOW : STYLE_DIM, buf_str(&head));
	buf_addc(&ctl->out, ' ');
	if (ctl->raw)
		buf_append(&ctl->out, e->text, e->text_len);
	else
		utf8_escape_buf(&ctl->out, e->text, e->text_len);
	buf_addc(&ctl->out, '\n');
	buf_free(&head);
}

/* Everything that is there now.  -1: an error was told, or nobody reads us any more. */
static int
drain(struct ctl *ctl, struct reader *r)
{
	struct reader_entry e;
	int n;

	while ((n = reader_next(r, &e)) == 1) {
		if (ctl->json)
			put_json(ctl, &e);
		else
			put_text(ctl, &e);
		if (ctl->out.len >= FLUSH_BYTES && !ctl_flush(ctl))
			return -1;
	}
	if (n == -1) {
		ctl_warn(ctl, "reading the journal: %s", strerror(errno));
		return -1;
	}
	return ctl_flush(ctl) ? 0 : -1;
}

static int
follow(struct ctl *ctl, struct reader *r)
{
	/* The second one is never readable; it tells when our reader has gone. */
	struct pollfd p[2] = {
		{ .fd = reader_fd(r), .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 },
	};

	for (;;) {
		if (poll(p, 2, -1) == -1 && errno != EINTR) {
			ctl_warn(ctl, "waiting for the journal: %s", strerror(errno));
			return CTL_FAILED;
		}
		if ((p[1].revents & (POLLERR | POLLHUP)) != 0)
			return CTL_OK;
		if (p[0].revents != 0 && drain(ctl, r) == -1)
			return ctl->out_failed ? CTL_OK : CTL_FAILED;
	}
}

/* The log with the name that is nearest, NULL when none is near; the caller frees it. */
static char *
nearest_log(int root, const char *name)
{
	enum { NEAR = 3 };
	DIR *d = dir_open_at(root, "journal/health");
	size_t best_distance = NEAR + 1;
	char *best = NULL;
	struct dirent *e;

	if (d == NULL)
		return NULL;
	while ((e = readdir(d)) != NULL) {
		size_t n = strlen(e->d_name), dist;
		char *log;

		if (n <= 4 || strcmp(e->d_name + n - 4, ".log") != 0)
			continue;
		log = xstrndup(e->d_name, n - 4);
		dist = edit_distance(name, log, NEAR);
		if (dist < best_distance) {
			best_distance = dist;
			free(best);
			best = log;
		} else {
			free(log);
		}
	}
	closedir(d);
	return best;
}

/* Whether it has any log at all; a glob may have.  Its link may be gone, or be no link.
 */
static bool
has_log(int root, const char *name)
{
	const char *const names[] = { name, NULL };
	struct reader_query q = { .names = names, .n = 1 };
	char path[LAYOUT_PATH_MAX], err[READER_ERR_MAX];
	struct reader *r;
	bool yes;

	if (strpbrk(name, "*?[") != NULL ||
	    reader_newest_path(root, name, path, sizeof(path)))
		return true;
	r = reader_open(root, &q, err);
	yes = r != NULL && reader_found_any(r);
	reader_free(r);
	return yes;
}

/* known: it is a unit, so nobody meant another. */
static int
no_log(struct ctl *ctl, int root, const char *name, bool known)
{
	char *near = known ? NULL : nearest_log(root, name);
	char *next = known
			 ? xasprintf("supctl status %s; supctl show -p StandardOutput %s",
			       name, name)
		     : near == NULL ? xstrdup("supctl list --all shows the units")
				    : xasprintf("did you mean %s?", near);
	int code = ctl_fail(ctl, CTL_NO_UNIT, "no-log", next, "there is no log of %s%s",
	    name, known ? ": it has written nothing to one" : "");

	free(near);
	free(next);
	return code;
}

/* Those that have none at all are named, beside others that have; else --ref and --day
 * left nothing. */
static int
tell_missing(struct ctl *ctl, int root, const struct reader_query *q,
    const struct strv *names, const bool *known, bool found)
{
	int code = CTL_OK;

	for (size_t i = 0; i < names->n; i++)
		if (!has_log(root, names->v[i]))
			code = no_log(ctl, root, names->v[i], known[i]);
	if (found || code != CTL_OK)
		return code;
	if (q->ref == NULL && q->day == NULL)
		return no_log(ctl, root, names->v[0], known[0]);
	return ctl_fail(ctl, CTL_NO_UNIT, "no-log",
	    "supctl history lists the invocations of a unit",
	    "there is no log of %s%s%s%s%s%s", names->v[0],
	    names->n > 1 ? " or the others" : "", q->ref == NULL ? "" : " with the ref ",
	    q->ref == NULL ? "" : q->ref, q->day == NULL ? "" : " of the day ",
	    q->day == NULL ? "" : q->day);
}

static int
show(struct ctl *ctl, struct reader_query *q, struct strv *names, char **words)
{
	char err[READER_ERR_MAX];
	struct reader *r;
	bool *known;
	size_t i;
	int code = CTL_OK;
	int root = open(ctl->in.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root == -1)
		return ctl_fail(ctl, CTL_FAILED, "no-journal", NULL, "%s: %s",
		    ctl->in.root, strerror(errno));
	known = xcalloc(names->n + 1, sizeof(*known));
	for (i = 0; i < names->n; i++)
		known[i] = ask_name(ctl, root, words[i], &names->v[i]);
	if (names->n > 0)
		q->names = (const char *const *)strv_argv(names);
	r = reader_open(root, q, err);
	if (r == NULL) {
		code = ctl_fail(ctl, CTL_FAILED, "no-journal", NULL, "%s", err);
	} else if (drain(ctl, r) == -1) {
		code = CTL_FAILED;
	} else if (q->follow) {
		if (names->n > 0 && !reader_found_any(r) && !ctl->quiet)
			ctl_warn(ctl, "there is no log of %s%s yet; waiting for it",
			    names->v[0], names->n > 1 ? " or the others" : "");
		code = follow(ctl, r);
	} else if (names->n > 0) {
		code = tell_missing(ctl, root, q, names, known, reader_found_any(r));
	}
	reader_free(r);
	free(known);
	fd_close(&root);
	return code;
}

/* The lines of all stages of a run. */
static int
show_run(struct ctl *ctl, struct reader_query *q, const char *run)
{
	struct strv names = { 0 }, logs = { 0 };
	char err[READER_ERR_MAX];
	struct reader *r = NULL;
	int code, root = open(ctl->in.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root == -1)
		return ctl_fail(ctl, CTL_FAILED, "no-journal", NULL, "%s: %s",
		    ctl->in.root, strerror(errno));
	ctl_await_journal(ctl);
	code = ctl_run_logs(ctl, root, run, &names, &logs);
	if (code != CTL_OK)
		goto out;
	q->names = (const char *const *)strv_argv(&names);
	q->logs = (const char *const *)strv_argv(&logs);
	r = reader_open(root, q, err);
	if (r == NULL)
		code = ctl_fail(ctl, CTL_FAILED, "no-journal", NULL, "%s", err);
	else if (drain(ctl, r) == -1)
		code = CTL_FAILED;
out:
	reader_free(r);
	strv_free(&names);
	strv_free(&logs);
	fd_close(&root);
	return code;
}

static int
run_logs(struct ctl *ctl, int argc, char **argv)
{
	struct reader_query q = { .n = -1 };
	struct strv names = { 0 };
	const char *run = NULL;
	int id, i;
	int code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1)
		if (parse_opt(ctl, id, &q, &run) == -1)
			return CTL_USAGE;
	if (run != NULL && (q.follow || q.ref != NULL || optind < argc))
		return ctl_usage(ctl,
		    "--run shows the stages that have run: leave out --follow, --ref and "
		    "the units");
	if (q.follow && q.until_us != 0)
		return ctl_usage(ctl, "--follow has no end: leave out --until");
	code = ctl_instance(ctl);
	if (code != 0)
		return code;
	if (run != NULL)
		return show_run(ctl, &q, run);
	for (i = optind; i < argc; i++)
		add_name(&names, argv[i]);
	if (q.follow && q.n == -1 && q.since_us == 0)
		q.n = FOLLOW_LINES;
	code = show(ctl, &q, &names, argv + optind);
	strv_free(&names);
	return code;
}

const struct command cmd_logs = {
	.name = "logs",
	.alias = "log",
	.words_usage = "[UNIT...]",
	.summary = "Print what programs wrote, over days, rotations and invocations",
	.words = WORDS_UNITS,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_logs,
};
