/*
 * start, stop, restart, try-restart, reload, reload-or-restart, try-reload-or-restart and
 * isolate: one request for jobs.
 *
 * They wait until the jobs are done, also across the death of the manager: what was asked
 * for is then asked again, which is harmless for all but a restart (see ask_again).
 */
#include <assert.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "dry_run.h"
#include "tail.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/name.h"

enum {
	OPT_NO_BLOCK = OPT_LONG,
	OPT_JOB_MODE,
	OPT_DRY_RUN,
	QUIET_MS = 2000,
	TAIL_LINES = 5,
	TAIL_TRIES = 4,
	TAIL_WAIT_MS = 50,
	TRIES_MAX = 3, /* what kills one manager may kill the next */
};

static const struct opt opts[] = {
	{ "no-block", OPT_NO_BLOCK, NULL, "return when the request is accepted" },
	{ "job-mode", OPT_JOB_MODE, "MODE",
	    "replace, fail, flush, ignore-dependencies, …" },
	{ "dry-run", OPT_DRY_RUN, NULL, "only show what would be done, and why" },
	{ NULL, 0, NULL, NULL },
};

struct verb {
	const char *name; /* of the command, and the type of its jobs */
	const char *method, *past;
	const char *type; /* of the job, NULL: as the name */
	const char *mode; /* NULL: replace */
};

static const struct verb verbs[] = {
	{ "start", "io.supd.Unit.Start", "started", NULL, NULL },
	{ "stop", "io.supd.Unit.Stop", "stopped", NULL, NULL },
	{ "restart", "io.supd.Unit.Restart", "restarted", NULL, NULL },
	{ "try-restart", "io.supd.Unit.TryRestart", "restarted", NULL, NULL },
	{ "reload", "io.supd.Unit.Reload", "reloaded", NULL, NULL },
	{ "reload-or-restart", "io.supd.Unit.ReloadOrRestart", "reloaded or restarted",
	    NULL, NULL },
	{ "try-reload-or-restart", "io.supd.Unit.TryReloadOrRestart",
	    "reloaded or restarted", NULL, NULL },
	{ "isolate", "io.supd.Unit.Start", "isolated", "start", "isolate" },
};

struct request {
	const char *verb;   /* as typed, for people */
	const char *method; /* the one to call next */
	const char *mode;   /* NULL: replace */
	bool no_block;
	uint64_t deadline_us; /* of the whole request */
	bool lost;            /* the connection broke once */
	bool told_waiting;
	struct strv units;
	struct jw *json; /* the array of results, with --json */
	int code;
	int refused; /* the exit status of an error reply, 0: none */
};

static const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/*
 * What the program said last: as the server has it, else from the log, which the logger
 * may be writing just now.
 */
static void
put_tail(struct ctl *ctl, const char *tail, const char *log)
{
	struct strv lines = { 0 };
	int tries;
	size_t i;

	if (tail != NULL) {
		strv_split(&lines, tail, "\n");
		for (i = 0; i < lines.n; i++)
			ctl_note(ctl, "  | ", lines.v[i]);
	} else if (log != NULL) {
		for (tries = 0; tries < TAIL_TRIES && lines.n == 0; tries++) {
			if (tries > 0)
				poll(NULL, 0, TAIL_WAIT_MS);
			if (tail_read(ctl, log, TAIL_LINES, &lines) == -1)
				break;
		}
		for (i = lines.n; i > 0; i--)
			ctl_note(ctl, "  | ", lines.v[i - 1]);
	}
	strv_free(&lines);
}

/* A reload of what does not run. */
static bool
is_down_for_reload(const struct jv *r, const char *result)
{
	const char *state = jv_str(jv_get(r, "state"), "");

	return strcmp(jv_str(jv_get(r, "type"), ""), "reload") == 0 &&
	       strcmp(result, "invalid") == 0 &&
	       (strcmp(state, "inactive") == 0 || strcmp(state, "failed") == 0);
}

static void
tell_failure(struct ctl *ctl, struct request *q, const struct jv *r)
{
	const char *unit = jv_str(jv_get(r, "unit"), "?");
	const char *result = jv_str(jv_get(r, "result"), "failed");
	const char *message = jv_str(jv_get(r, "message"), NULL);
	const char *log = jv_str(jv_get(r, "log"), NULL);
	const char *next = jv_str(jv_get(r, "next"), NULL);

	ctl_warn(ctl, "%s: %s: %s", unit, jv_str(jv_get(r, "type"), q->verb),
	    message == NULL ? result : message);
	/* What was refused ran nothing that could have said something about it. */
	if (strcmp(result, "invalid") != 0 && strcmp(result, "assert") != 0) {
		put_tail(ctl, jv_str(jv_get(r, "stderr_tail"), NULL), log);
		if (log != NULL && !tail_missing(ctl, log))
			ctl_note(ctl, "  log: ", log);
	}
	if (next != NULL)
		ctl_note(ctl, "  next: ", next);
	q->code = is_down_for_reload(r, result) ? CTL_DOWN : CTL_FAILED;
}

static void
take_result(struct ctl *ctl, struct request *q, const struct jv *r)
{
	const char *unit = jv_str(jv_get(r, "unit"), "?");
	const char *type = jv_str(jv_get(r, "type"), q->verb);
	const char *result = jv_str(jv_get(r, "result"), "failed");
	const struct verb *done = verb_find(type);

	if (q->json != NULL)
		jv_write(r, q->json);
	if (strcmp(result, "done") == 0)
		ctl_say(ctl, "%s %s", done == NULL ? "done:" : done->past, unit);
	else if (strcmp(result, "skipped") == 0)
		ctl_say(ctl, "%s: nothing to %s (%s)", unit, q->verb,
		    jv_str(jv_get(r, "message"), jv_str(jv_get(r, "state"), "skipped")));
	else if (strcmp(result, "queued") == 0)
		ctl_say(ctl, "%s of %s is queued", type, unit);
	else
		tell_failure(ctl, q, r);
	for (size_t i = 0; i < jv_count(jv_get(r, "notes")); i++)
		ctl_warn(ctl, "%s: %s", unit, jv_str(jv_at(jv_get(r, "notes"), i), ""));
	ctl_warn_late(ctl, r);
}

static void
take_results(struct ctl *ctl, struct request *q, const struct jv *params)
{
	const struct jv *list = jv_get(params, "results");
	size_t i;

	for (i = 0; i < jv_count(list); i++)
		take_result(ctl, q, jv_at(list, i));
	ctl_flush(ctl);
}

static char *
request_params(struct request *q)
{
	struct jw *w = ctl_params();
	struct buf text = { 0 };
	uint64_t now = clock_mono_us();

	jw_kv_strv(w, "units", &q->units);
	if (q->mode != NULL)
		jw_kv_str(w, "job_mode", q->mode);
	if (q->no_block)
		jw_kv_bool(w, "no_block", true);
	else if (q->deadline_us != USEC_INFINITY)
		jw_kv_u64(w, "timeout_ms",
		    q->deadline_us > now ? (q->deadline_us - now) / USEC_PER_MSEC : 1);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	return buf_take(&text);
}

/* All the names of a command are right, or nothing is done: who reads of one of them
 * must not think that the others were. */
static void
tell_none(struct ctl *ctl, const struct request *q)
{
	const struct verb *v = verb_find(q->verb);

	if (q->units.n > 1 && !ctl->json)
		ctl_note(ctl, "  nothing was ", v == NULL ? "done" : v->past);
}

/* A person who sits before a silent terminal is told once what it waits for. */
static void
tell_waiting(struct ctl *ctl, struct request *q)
{
	struct pollfd p = { .fd = client_fd(ctl->client), .events = POLLIN };
	char *names;

	if (!ctl->err_tty || ctl->quiet || q->told_waiting || poll(&p, 1, QUIET_MS) != 0)
		return;
	names = strv_join(&q->units, " ");
	ctl_warn(ctl, "waiting for the %s of %s; it goes on if this is interrupted",
	    q->verb, names);
	free(names);
	q->told_waiting = true;
}

/* One call and its replies; CLIENT_OK when the last one came. */
static enum client_result
ask(struct ctl *ctl, struct request *q, struct buf *why)
{
	/* The server keeps the time; ours is for the case that it does not. */
	uint64_t deadline = clock_add_us(q->deadline_us, 5 * USEC_PER_SEC);
	char *params = request_params(q);
	struct reply reply = { 0 };
	enum client_result r;
	bool last = false;

	r = ctl_try_connect(ctl, why);
	if (r == CLIENT_OK)
		r = ctl_send(ctl, q->method, params, true, deadline, why);
	free(params);
	if (r == CLIENT_OK) {
		tell_waiting(ctl, q);
		r = ctl_receive(ctl, &reply, deadline, why);
	}
	while (r == CLIENT_OK && !last) {
		last = !reply.continues;
		if (reply.error != NULL) {
			q->refused = ctl_error_reply(ctl, &reply);
			tell_none(ctl, q);
		} else {
			take_results(ctl, q, reply.params);
		}
		reply_clear(&reply);
		if (!last)
			r = ctl_receive(ctl, &reply, deadline, why);
	}
	if (r != CLIENT_OK)
		ctl_disconnect(ctl);
	return r;
}

/*
 * Asking twice starts or stops nothing twice.  A restart may have been done or not when
 * the connection broke: then the unit is started, and the doubt is told.
 */
static void
ask_again(struct ctl *ctl, struct request *q)
{
	if (!q->lost && strcmp(q->verb, "start") != 0 && strcmp(q->verb, "stop") != 0)
		ctl_warn(ctl,
		    "supd's manager was replaced during the %s; whether it was done "
		    "before is not known, see: supctl status",
		    q->verb);
	if (strcmp(q->method, "io.supd.Unit.Restart") == 0)
		q->method = "io.supd.Unit.Start";
	q->lost = true;
}

static int
read_options(struct ctl *ctl, int argc, char **argv, struct request *q, bool *dry_run)
{
	int id;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		switch (id) {
		case OPT_NO_BLOCK:
			q->no_block = true;
			break;
		case OPT_JOB_MODE:
			q->mode = optarg;
			break;
		case OPT_DRY_RUN:
			*dry_run = true;
			break;
		default:
			return -1;
		}
	}
	return 0;
}

static int
run_request(struct ctl *ctl, int argc, char **argv)
{
	const struct verb *verb = verb_find(ctl->cmd->name);
	struct request q = { .verb = ctl->cmd->name };
	struct buf why = { 0 };
	enum client_result r;
	bool dry_run = false;
	char *target = NULL;
	int i, tries;

	assert(verb != NULL);
	q.method = verb->method;
	q.mode = verb->mode;
	if (read_options(ctl, argc, argv, &q, &dry_run) == -1)
		return CTL_USAGE;
	if (optind == argc && strcmp(q.verb, "reload") == 0)
		return ctl_usage(ctl, "reload whom?  (to read the unit files again: "
				      "supctl daemon-reload)");
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	q.code = ctl_instance(ctl);
	if (q.code != 0)
		return q.code;
	/* What is isolated is mostly a target: a name without a suffix is that of one. */
	if (verb->type != NULL && unit_name_type(argv[optind]) == UNIT_TYPE_NONE)
		argv[optind] = target = xasprintf("%s.target", argv[optind]);
	if (dry_run) {
		q.code = dry_run_show(ctl, argc, argv,
		    verb->type != NULL ? verb->type : verb->name, q.mode);
		free(target);
		return q.code;
	}
	for (i = optind; i < argc; i++)
		strv_add(&q.units, argv[i]);
	q.deadline_us = ctl->timeout_us == 0
			    ? USEC_INFINITY
			    : clock_add_us(clock_mono_us(), ctl->timeout_us);
	if (ctl->json) {
		q.json = ctl_json_new(ctl);
		jw_arr(q.json);
	}
	r = ask(ctl, &q, &why);
	for (tries = 0; r == CLIENT_CLOSED && tries < TRIES_MAX; tries++) {
		r = ctl_reconnect(ctl, &why);
		if (r != CLIENT_OK)
			break;
		ask_again(ctl, &q);
		r = ask(ctl, &q, &why);
	}
	if (q.json != NULL) {
		jw_end(q.json);
		if (q.refused == 0 && r == CLIENT_OK)
			ctl_json_take(ctl, q.json);
		else
			jw_free(q.json);
	}
	if (q.refused != 0)
		q.code = q.refused;
	if (r != CLIENT_OK)
		q.code = ctl_client_failed(ctl, r, buf_str(&why));
	strv_free(&q.units);
	buf_free(&why);
	return q.code;
}

const struct command cmd_start = {
	.name = "start",
	.words_usage = "UNIT...",
	.summary = "Start units and wait until they run",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_request,
};

const struct command cmd_stop = {
	.name = "stop",
	.words_usage = "UNIT...",
	.summary = "Stop units and wait until nothing of them is left",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_request,
};

const struct command cmd_restart = {
	.name = "restart",
	.words_usage = "UNIT...",
	.summary = "Stop units, then start them",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_request,
};

const struct command cmd_try_restart = {
	.name = "try-restart",
	.alias = "condrestart",
	.words_usage = "UNIT...",
	.summary = "Restart those of the units that run",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_request,
};

const struct command cmd_reload = {
	.name = "reload",
	.words_usage = "UNIT...",
	.summary = "Let running units read their own configuration again (ExecReload=)",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 0,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_request,
};

const struct command cmd_reload_or_restart = {
	.name = "reload-or-restart",
	.words_usage = "UNIT...",
	.summary = "Reload units that can, restart the others",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_request,
};

const struct command cmd_try_reload_or_restart = {
	.name = "try-reload-or-restart",
	.words_usage = "UNIT...",
	.summary = "The same for those of the units that run",
	.words = WORDS_UNITS,
	.groups = true,
	.min = 1,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_request,
};

const struct command cmd_isolate = {
	.name = "isolate",
	.words_usage = "UNIT",
	.summary = "Start a unit, and stop all that it does not need",
	.words = WORDS_UNITS,
	.min = 1,
	.max = 1,
	.opts = opts,
	.run = run_request,
};
