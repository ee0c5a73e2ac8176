/*
 * events: the event journal, from its files, and what comes, from supd.  When supd goes
 * away, following goes on when there is one again, without a gap.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "event_names.h"
#include "job_view.h"
#include "runs.h"
#include "when.h"

#include "journal/events.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/name.h"
#include "unit/span.h"

enum {
	OPT_SINCE = OPT_LONG,
	OPT_UNTIL,
	OPT_JOBS,
	OPT_RUN,
	FLUSH_BYTES = 64 * 1024,
	RECONNECT_MS = 200,
	FOLLOW_EVENTS = 10,
	TOO_OLD_MAX = 25, /* the logger may be a little behind: 5 s */
};

static const struct opt opts[] = {
	{ "follow", 'f', NULL, "go on with what comes; begins with the last 10" },
	{ "lines", 'n', "NUMBER", "only the last ones" },
	{ "unit", 'u', "UNIT", "only of this unit, or a glob (may be repeated)" },
	{ "event", 'e', "NAME", "only of this name, or a glob (may be repeated)" },
	{ "jobs", OPT_JOBS, NULL, "what became of jobs: started, completed, failed ..." },
	{ "run", OPT_RUN, "ID", "only of this run of a pipeline" },
	{ "since", OPT_SINCE, "SEQ|TIME",
	    "after this sequence number, or from a time on" },
	{ "until", OPT_UNTIL, "TIME", "up to this time" },
	{ NULL, 0, NULL, NULL },
};

struct request {
	struct events_query q;
	struct strv units, kinds;
	bool jobs;
	uint64_t seq;    /* of the last event seen */
	uint64_t oldest; /* what supd can resume from, when seq is before that */
	int too_old;     /* how often it said so in a row */
	bool told_down;
	bool told_damaged;
	bool any; /* something was printed */
};

static int
parse_since(struct ctl *ctl, const char *text, struct request *rq)
{
	/* 8 digits would also be a day; sequence numbers are asked for more often. */
	if (number_parse(text, UINT64_MAX, &rq->q.after_seq) == 0 ||
	    when_parse(text, clock_wall_us(), &rq->q.since_us) == 0)
		return 0;
	ctl_usage(ctl, "--since: \"%s\" is neither a sequence number nor a time", text);
	return -1;
}

/* A name that no event has would be waited for in vain. */
static int
parse_kinds(struct ctl *ctl, const char *text, struct request *rq)
{
	const char *near;
	char *hint = NULL;
	size_t i = rq->kinds.n;

	strv_split(&rq->kinds, text, ",");
	for (; i < rq->kinds.n; i++) {
		if (event_name_matches(rq->kinds.v[i]))
			continue;
		near = event_name_nearest(rq->kinds.v[i]);
		if (near != NULL)
			hint = xasprintf("did you mean %s?", near);
		ctl_fail(ctl, CTL_USAGE, "usage",
		    hint == NULL ? "man supd.events lists them" : hint, "%s %s",
		    strpbrk(rq->kinds.v[i], "*?[") == NULL ? "there is no event"
							   : "no event matches",
		    rq->kinds.v[i]);
		free(hint);
		return -1;
	}
	return 0;
}

static int
parse_opt(struct ctl *ctl, int id, struct request *rq)
{
	uint64_t n;
	char *name;

	switch (id) {
	case 'f':
		rq->q.follow = true;
		return 0;
	case 'n':
		if (ctl_parse_number(ctl, "-n", optarg, INT32_MAX, &n) == -1)
			return -1;
		rq->q.n = (int64_t)n;
		return 0;
	case 'u':
		name =
		    strpbrk(optarg, "*?[") == NULL ? unit_name_add_suffix(optarg) : NULL;
		strv_add(&rq->units, name == NULL ? optarg : name);
		free(name);
		return 0;
	case 'e':
		return parse_kinds(ctl, optarg, rq);
	case OPT_JOBS:
		rq->jobs = true;
		return 0;
	case OPT_RUN:
		rq->q.run = optarg;
		return ctl_check_run(ctl, optarg);
	case OPT_SINCE:
		return parse_since(ctl, optarg, rq);
	case OPT_UNTIL:
		if (when_parse(optarg, clock_wall_us(), &rq->q.until_us) == 0)
			return 0;
		ctl_usage(ctl, "--until: \"%s\" is no time", optarg);
		return -1;
	default:
		return -1;
	}
}

/* Fields that have a place of their own in the line. */
static bool
is_head(const char *key)
{
	return strcmp(key, "seq") == 0 || strcmp(key, "ts") == 0 ||
	       strcmp(key, "event") == 0 || strcmp(key, "unit") == 0 ||
	       strcmp(key, "invocation") == 0;
}

/* The run is the same word in many lines: it stands behind what the event says. */
static bool
is_tail(const char *key)
{
	return strcmp(key, "run") == 0;
}

/* What supd notes for its own successor: of no use to a person. */
static bool
is_memory(const char *key)
{
	return strcmp(key, "memory") == 0;
}

static void
put_value(struct ctl *ctl, const char *key, const struct jv *v)
{
	struct jw *w;
	struct buf text = { 0 };

	if (jv_type(v) == JV_NULL)
		return;
	ctl_printf(ctl, " ");
	ctl_style(ctl, STYLE_DIM, key);
	ctl_printf(ctl, "=");
	if (jv_str(v, NULL) != NULL && strpbrk(jv_str(v, ""), " \"=") == NULL &&
	    *jv_str(v, "") != '\0') {
		ctl_put(ctl, jv_str(v, ""));
		return;
	}
	w = jw_new(JW_COMPACT);
	jv_write(v, w);
	jw_take(w, &text);
	jw_free(w);
	while (text.len > 0 && text.data[text.len - 1] == '\n')
		buf_truncate(&text, text.len - 1);
	ctl_put(ctl, buf_str(&text));
	buf_free(&text);
}

static void
put_event(struct ctl *ctl, struct request *rq, const struct jv *tree)
{
	struct job_entry entry;
	const char *ts = jv_str(jv_get(tree, "ts"), NULL);
	char text[CLOCK_TEXT_MAX];
	struct jw *w;
	size_t i;

	if (rq->jobs) {
		if (!job_view(tree, &entry))
			return;
		rq->any = true;
		job_entry_put(ctl, &entry);
		job_entry_clear(&entry);
		return;
	}
	rq->any = true;
	if (ctl->json) {
		w = jw_new(JW_COMPACT);
		jv_write(tree, w);
		ctl_json_take(ctl, w);
		return;
	}
	ctl_style(ctl, STYLE_DIM, ctl_time(text, sizeof(text), ts));
	ctl_printf(ctl, " %8lld ", (long long)jv_i64(jv_get(tree, "seq"), 0));
	ctl_style(ctl, STYLE_BOLD, jv_str(jv_get(tree, "event"), "?"));
	if (jv_str(jv_get(tree, "unit"), NULL) != NULL) {
		ctl_printf(ctl, " ");
		ctl_put(ctl, jv_str(jv_get(tree, "unit"), ""));
	}
	for (i = 0; i < jv_count(tree); i++)
		if (!is_head(jv_key_at(tree, i)) && !is_tail(jv_key_at(tree, i)) &&
		    !is_memory(jv_key_at(tree, i)))
			put_value(ctl, jv_key_at(tree, i), jv_at(tree, i));
	for (i = 0; i < jv_count(tree); i++)
		if (is_tail(jv_key_at(tree, i)))
			put_value(ctl, jv_key_at(tree, i), jv_at(tree, i));
	ctl_printf(ctl, "\n");
}

/* Nothing was printed, which a person could take for an answer that is still to come. */
static void
say_none(struct ctl *ctl, const struct request *rq)
{
	char *units = strv_join(&rq->units, ", ");

	ctl_say(ctl, "no events%s%s%s", rq->jobs ? " of jobs" : "",
	    rq->units.n > 0 ? " of " : "", units);
	free(units);
}

/* What the files hold beyond rq->seq. */
static int
from_files(struct ctl *ctl, struct request *rq)
{
	struct events_query q = rq->q;
	struct events_entry ev;
	struct events *e;
	int n = 0;
	int code = CTL_OK;
	int root = open(ctl->in.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	q.follow = false;
	if (rq->seq > q.after_seq)
		q.after_seq = rq->seq;
	e = root == -1 ? NULL : events_open(root, &q);
	if (e == NULL) {
		code = ctl_fail(ctl, CTL_FAILED, "no-journal", NULL,
		    "the event journal of %s cannot be read: %s", ctl->in.root,
		    strerror(errno));
		goto out;
	}
	while ((n = events_next(e, &ev)) == 1) {
		put_event(ctl, rq, ev.tree);
		rq->seq = ev.seq;
		if (ctl->out.len >= FLUSH_BYTES && !ctl_flush(ctl))
			break;
	}
	if (n == -1)
		code = ctl_fail(ctl, CTL_FAILED, "no-journal", NULL,
		    "reading the event journal: %s", strerror(errno));
	if (events_damaged(e) > 0 && !rq->told_damaged)
		ctl_warn(ctl, "%llu damaged lines were left out",
		    (unsigned long long)events_damaged(e));
	rq->told_damaged = rq->told_damaged || events_damaged(e) > 0;
	/* Filtered ones count too: what follows begins behind the last line. */
	if (rq->q.follow && events_last_seq(root) > rq->seq)
		rq->seq = events_last_seq(root);
out:
	events_free(e);
	fd_close(&root);
	return code;
}

static char *
subscribe_params(const struct request *rq)
{
	struct jw *w = ctl_params();
	struct buf text = { 0 };

	if (rq->units.n > 0)
		jw_kv_strv(w, "units", &rq->units);
	if (rq->kinds.n > 0)
		jw_kv_strv(w, "events", &rq->kinds);
	if (rq->q.run != NULL)
		jw_kv_str(w, "run", rq->q.run);
	jw_kv_u64(w, "since", rq->seq);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	return buf_take(&text);
}

/* Waits for the next reply, but no longer than somebody reads us. */
static bool
wait_for_more(struct ctl *ctl)
{
	struct pollfd p[2] = {
		{ .fd = client_fd(ctl->client), .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 },
	};

	if (client_has_reply(ctl->client))
		return true;
	while (poll(p, 2, -1) == -1)
		if (errno != EINTR)
			return false;
	return (p[1].revents & (POLLERR | POLLHUP)) == 0;
}

/* We were further than supd is: its files were removed, or the power was lost. */
static void
go_back(struct ctl *ctl, struct request *rq, uint64_t newest)
{
	ctl_warn(ctl,
	    "event %llu is not there: the newest is %llu (another instance, a journal "
	    "that "
	    "was removed, or events lost with the power); going on after that",
	    (unsigned long long)rq->seq, (unsigned long long)newest);
	rq->seq = newest;
}

/* One subscription until it ends.  CLIENT_OK: nobody reads us any more, or *code is set.
 */
static enum client_result
subscribe(struct ctl *ctl, struct request *rq, int *code)
{
	char *params = subscribe_params(rq);
	struct buf why = { 0 };
	struct reply r = { 0 };
	enum client_result res;
	bool alive = true;

	res = ctl_try_connect(ctl, &why);
	if (res == CLIENT_OK)
		res = client_send(ctl->client, "io.supd.Event.Subscribe", params, true,
		    ctl_deadline(ctl, false), &why);
	while (res == CLIENT_OK && alive && *code == CTL_OK) {
		if (!client_has_reply(ctl->client) || ctl->out.len >= FLUSH_BYTES)
			alive = ctl_flush(ctl) && wait_for_more(ctl);
		if (alive)
			res = client_receive(
			    ctl->client, &r, ctl_deadline(ctl, false), &why);
		if (!alive || res != CLIENT_OK)
			break;
		rq->told_down = false;
		if (r.error != NULL && strcmp(r.error, "io.supd.Event.TooOld") == 0) {
			rq->oldest = (uint64_t)jv_i64(jv_get(r.params, "oldest"), 0);
			rq->too_old++;
			res = CLIENT_CLOSED; /* the files have it */
		} else if (r.error != NULL &&
			   strcmp(r.error, "io.supd.Event.Ahead") == 0) {
			go_back(ctl, rq, (uint64_t)jv_i64(jv_get(r.params, "newest"), 0));
			res = CLIENT_CLOSED;
		} else if (r.error != NULL) {
			*code = ctl_error_reply(ctl, &r);
		} else {
			put_event(ctl, rq, jv_get(r.params, "event"));
			rq->seq = (uint64_t)jv_i64(jv_get(r.params, "seq"), 0);
			rq->too_old = 0;
		}
		reply_clear(&r);
	}
	if (res != CLIENT_OK && res != CLIENT_CLOSED && res != CLIENT_DOWN &&
	    res != CLIENT_TIMEOUT)
		*code = ctl_client_failed(ctl, res, buf_str(&why));
	ctl_disconnect(ctl);
	free(params);
	buf_free(&why);
	return *code == CTL_OK ? res : CLIENT_OK;
}

/* The connection ended, or there is none.  The files have what it did not bring. */
static int
catch_up(struct ctl *ctl, struct request *rq, enum client_result res)
{
	int code = CTL_OK;

	if (res != CLIENT_DOWN || !rq->told_down)
		code = from_files(ctl, rq);
	if (res == CLIENT_DOWN && !rq->told_down) {
		if (!ctl->quiet)
			ctl_warn(ctl, "supd is not running; waiting for it");
		rq->told_down = true;
	}
	if (rq->too_old >= TOO_OLD_MAX && rq->seq + 1 < rq->oldest) {
		ctl_warn(ctl, "the events %llu to %llu are in no file",
		    (unsigned long long)rq->seq + 1, (unsigned long long)rq->oldest - 1);
		rq->seq = rq->oldest - 1;
	}
	return code;
}

static int
follow(struct ctl *ctl, struct request *rq)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = 0 };
	enum client_result res;
	int code = CTL_OK;

	rq->q.n = -1;
	for (;;) {
		res = subscribe(ctl, rq, &code);
		if (res == CLIENT_OK)
			return code;
		code = catch_up(ctl, rq, res);
		if (code != CTL_OK || !ctl_flush(ctl))
			return code;
		if (poll(&p, 1, RECONNECT_MS) > 0 &&
		    (p.revents & (POLLERR | POLLHUP)) != 0)
			return CTL_OK;
	}
}

static int
run_events(struct ctl *ctl, int argc, char **argv)
{
	struct request rq = { .q = { .n = -1 } };
	int code = CTL_USAGE;
	int id;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1)
		if (parse_opt(ctl, id, &rq) == -1)
			goto out;
	if (ctl_words(ctl, argc) != 0)
		goto out;
	if (rq.q.follow && rq.q.until_us != 0) {
		ctl_usage(ctl, "--follow has no end: leave out --until");
		goto out;
	}
	code = ctl_instance(ctl);
	if (code != 0)
		goto out;
	if (rq.jobs)
		rq.q.wanted = job_view_has;
	if (rq.jobs && rq.kinds.n == 0)
		job_view_kinds(&rq.kinds);
	if (rq.units.n > 0)
		rq.q.units = (const char *const *)strv_argv(&rq.units);
	if (rq.kinds.n > 0)
		rq.q.kinds = (const char *const *)strv_argv(&rq.kinds);
	if (rq.q.follow && rq.q.n == -1 && rq.q.after_seq == 0 && rq.q.since_us == 0)
		rq.q.n = FOLLOW_EVENTS;
	if (!rq.q.follow)
		ctl_await_journal(ctl);
	code = from_files(ctl, &rq);
	if (code == CTL_OK && rq.q.follow && ctl_flush(ctl))
		code = follow(ctl, &rq);
	else if (code == CTL_OK && !rq.any)
		say_none(ctl, &rq);
out:
	strv_free(&rq.units);
	strv_free(&rq.kinds);
	return code;
}

const struct command cmd_events = {
	.name = "events",
	.words_usage = "",
	.summary = "Print the event journal, and follow it",
	.max = 0,
	.opts = opts,
	.run = run_events,
};
