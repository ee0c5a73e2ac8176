/*
 * run: a program once, supervised and logged.  With --wait its end is ours: the exit
 * status passes through, also when the manager was replaced meanwhile; then the end is
 * asked for by unit and ref.
 */
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "run.h"

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "unit/signame.h"

enum {
	POLL_FIRST_MS = 50,
	POLL_MAX_MS = 1000,
	HISTORY_MAX = 50,
	MISSES_MAX = 5,
};

#define GONE_US (60 * USEC_PER_SEC)

static void
set_text(char **dst, const struct jv *params, const char *key)
{
	const char *text = jv_str(jv_get(params, key), NULL);

	if (text == NULL)
		return;
	free(*dst);
	*dst = xstrdup(text);
}

static void
put_json(struct ctl *ctl, const struct run *q, const struct jv *end)
{
	struct jw *w = ctl_json_new(ctl);

	jw_obj(w);
	if (q->ended) {
		jw_kv_bool(w, "success", q->code == 0);
		jw_kv_i64(w, "exit_code", q->code);
	}
	jw_kv_str(w, "log_path", q->log);
	jw_kv_str(w, "unit", q->unit);
	if (q->trigger != NULL)
		jw_kv_str(w, "triggers", q->triggers);
	jw_kv_str(w, "ref", q->started_ref);
	if (q->pid > 0)
		jw_kv_i64(w, "pid", q->pid);
	else
		jw_kv_null(w, "pid");
	if (q->ended) {
		jw_key(w, "signal");
		jv_write(jv_get(end, "signal"), w);
		jw_key(w, "duration_ms");
		jv_write(jv_get(end, "duration_ms"), w);
		jw_key(w, "result");
		jv_write(jv_get(end, "result"), w);
	}
	jw_end(w);
	ctl_json_take(ctl, w);
}

/* The status that a shell would see. */
static int
code_of(const struct jv *end)
{
	int64_t code = jv_i64(jv_get(end, "exit_code"), -1);

	if (code >= 0 && code <= 255)
		return (int)code;
	return jv_bool(jv_get(end, "success"), false) ? CTL_OK : CTL_FAILED;
}

static void
take_end(struct ctl *ctl, struct run *q, const struct jv *end)
{
	const char *message = jv_str(jv_get(end, "message"), NULL);

	q->ended = true;
	q->code = code_of(end);
	/* Its last words come before ours. */
	run_pipe_end();
	if (ctl->json)
		put_json(ctl, q, end);
	if (q->code != 0 && !ctl->quiet && message != NULL)
		ctl_warn(ctl, "%s: %s", q->unit == NULL ? "run" : q->unit, message);
}

static void
tell_first(struct ctl *ctl, const struct run *q, const struct jv *p)
{
	const struct jv *warnings = jv_get(p, "warnings");
	const char *triggers = jv_str(jv_get(p, "triggers"), NULL);

	for (size_t i = 0; i < jv_count(warnings); i++)
		ctl_warn(ctl, "%s: %s", q->unit, jv_str(jv_at(warnings, i), "?"));
	if (ctl->quiet || q->pipe)
		return;
	if (q->log != NULL)
		ctl_note(ctl, "", q->log);
	else if (triggers != NULL && !ctl->json)
		ctl_note(ctl, "it will be started by ", q->unit);
	else if (q->no_block && !ctl->json)
		ctl_note(ctl, "", q->unit);
}

static void
take_reply(struct ctl *ctl, struct run *q, const struct jv *p)
{
	bool first = q->unit == NULL;
	char *full;

	set_text(&q->unit, p, "unit");
	set_text(&q->triggers, p, "triggers");
	set_text(&q->started_ref, p, "ref");
	if (q->pipe && q->started_ref == NULL)
		q->started_ref = xstrdup(q->ref);
	if (jv_str(jv_get(p, "log"), NULL) != NULL) {
		full = ctl_path(ctl, jv_str(jv_get(p, "log"), ""));
		free(q->log);
		q->log = full;
	}
	q->pid = jv_i64(jv_get(p, "pid"), q->pid);
	if (first && q->unit != NULL) {
		tell_first(ctl, q, p);
		if (q->pipe)
			run_pipe_named(q);
	}
	if (jv_bool(jv_get(p, "ended"), false))
		take_end(ctl, q, p);
	else if (!q->wait && ctl->json)
		put_json(ctl, q, NULL);
}

/* As a shell has it, from an entry of the history. */
static int64_t
code_of_entry(const struct jv *run)
{
	const struct jv *e = jv_get(run, "exit");
	const char *sig = jv_str(jv_get(e, "signal"), NULL);
	int signo = sig == NULL ? -1 : signal_from_name(sig);

	return signo > 0 ? 128 + signo : jv_i64(jv_get(e, "exit_code"), -1);
}

/* The run with our ref in the history of the unit: 1 ended, 0 runs still, -1 not there.
 */
static int
look_up(struct ctl *ctl, struct run *q, const struct jv *runs)
{
	const struct jv *r, *e;
	struct json_err err;
	struct jw *w;
	struct buf text = { 0 };
	struct jv *end;
	int64_t code;
	size_t i;

	for (i = 0; i < jv_count(runs); i++) {
		r = jv_at(runs, i);
		if (strcmp(jv_str(jv_get(r, "ref"), ""), q->started_ref) != 0)
			continue;
		e = jv_get(r, "exit");
		if (jv_type(e) != JV_OBJECT)
			return 0;
		/* The same shape as the last reply of Run has. */
		w = jw_new(JW_COMPACT);
		jw_obj(w);
		code = q->timed_out ? CTL_TIMEOUT : code_of_entry(r);
		if (code >= 0)
			jw_kv_i64(w, "exit_code", code);
		jw_kv_str(w, "signal", jv_str(jv_get(e, "signal"), NULL));
		jw_kv_i64(w, "duration_ms", jv_i64(jv_get(r, "duration_ms"), 0));
		jw_kv_str(w, "result", jv_str(jv_get(r, "result"), NULL));
		jw_kv_str(w, "message", jv_str(jv_get(e, "text"), NULL));
		jw_end(w);
		jw_take(w, &text);
		jw_free(w);
		end = jv_parse(buf_str(&text), text.len, &err);
		take_end(ctl, q, end);
		jv_free(end);
		buf_free(&text);
		return 1;
	}
	return -1;
}

bool
run_stop(struct ctl *ctl, const struct run *q)
{
	struct jw *w = ctl_params();
	struct buf params = { 0 };
	struct buf why = { 0 };
	struct reply r = { 0 };
	bool ok;

	jw_kv_arr(w, "units");
	jw_str(w, q->unit);
	jw_end(w);
	jw_kv_bool(w, "no_block", true);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	ok = ctl_call_quietly(ctl, "io.supd.Unit.Stop", buf_str(&params), false,
		 ctl_deadline(ctl, false), &r, &why) == CLIENT_OK;
	reply_clear(&r);
	buf_free(&params);
	buf_free(&why);
	return ok;
}

/* The connection broke while the program runs: ask the next manager, by unit and ref. */
static int
wait_by_ref(struct ctl *ctl, struct run *q)
{
	uint64_t answered_us = clock_mono_us();
	struct buf params = { 0 };
	struct buf why = { 0 };
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	enum client_result res;
	int ms = POLL_FIRST_MS;
	int misses = 0;
	int code = CTL_OK;

	jw_kv_str(w, "unit", q->unit);
	jw_kv_i64(w, "max", HISTORY_MAX);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	while (!q->ended && code == CTL_OK) {
		poll(NULL, 0, ms);
		if (!q->timed_out && clock_mono_us() >= q->limit_us)
			/* It was kept by the manager that is gone: now it is ours. */
			q->timed_out = run_stop(ctl, q);
		ms = ms * 2 > POLL_MAX_MS ? POLL_MAX_MS : ms * 2;
		buf_clear(&why);
		res = ctl_call_quietly(ctl, "io.supd.Unit.History", buf_str(&params),
		    false, ctl_deadline(ctl, false), &r, &why);
		if (res != CLIENT_OK) {
			if (clock_mono_us() - answered_us > GONE_US)
				code = ctl_client_failed(ctl, res, buf_str(&why));
			continue;
		}
		answered_us = clock_mono_us();
		if (r.error != NULL || look_up(ctl, q, jv_get(r.params, "runs")) == -1)
			misses++;
		else
			misses = 0;
		reply_clear(&r);
		if (misses >= MISSES_MAX)
			code =
			    ctl_fail(ctl, CTL_FAILED, "unknown-end", "its log may tell",
				"%s: supd was replaced, and how %s ended is not known",
				q->unit, q->started_ref);
	}
	buf_free(&params);
	buf_free(&why);
	return q->ended ? q->code : code;
}

static char *
call_params(const struct run *q, int argc, char **argv)
{
	struct jw *w = ctl_params();
	struct buf text = { 0 };
	int i;

	jw_kv_arr(w, "argv");
	for (i = optind; i < argc; i++)
		jw_str(w, argv[i]);
	jw_end(w);
	if (q->name != NULL)
		jw_kv_str(w, "name", q->name);
	if (q->ref != NULL)
		jw_kv_str(w, "ref", q->ref);
	if (q->day != NULL)
		jw_kv_str(w, "day", q->day);
	if (q->env.n > 0)
		jw_kv_strv(w, "env", &q->env);
	if (q->cwd != NULL)
		jw_kv_str(w, "cwd", q->cwd);
	if (q->description != NULL)
		jw_kv_str(w, "description", q->description);
	if (q->properties.n > 0)
		jw_kv_strv(w, "properties", &q->properties);
	if (q->trigger != NULL) {
		jw_kv_str(w, "trigger", q->trigger);
		jw_kv_strv(w, "trigger_properties", &q->trigger_properties);
	}
	if (q->no_block)
		jw_kv_bool(w, "no_block", true);
	if (q->wait)
		jw_kv_bool(w, "wait", true);
	if (q->pipe)
		/* So that it can be stopped while it is started. */
		jw_kv_bool(w, "unit_first", true);
	if (q->timeout_us != 0)
		jw_kv_u64(w, "timeout_ms", q->timeout_us / USEC_PER_MSEC);
	jw_end(w);
	jw_take(w, &text);
	jw_free(w);
	return buf_take(&text);
}

static int
call(struct ctl *ctl, struct run *q, const char *params)
{
	struct buf why = { 0 };
	struct reply r = { 0 };
	enum client_result res;
	bool last = false;
	int code = CTL_OK;

	res = ctl_call_quietly(ctl, "io.supd.Job.Run", params, q->wait,
	    q->wait ? USEC_INFINITY : ctl_deadline(ctl, false), &r, &why);
	while (res == CLIENT_OK && !last) {
		last = !r.continues;
		if (r.error != NULL)
			code = ctl_error_reply(ctl, &r);
		else
			take_reply(ctl, q, r.params);
		reply_clear(&r);
		if (!last)
			res = ctl_receive(ctl, &r, USEC_INFINITY, &why);
	}
	if (res == CLIENT_CLOSED && q->wait && q->unit != NULL &&
	    q->started_ref != NULL) {
		ctl_disconnect(ctl);
		code = wait_by_ref(ctl, q);
	} else if (res == CLIENT_CLOSED && q->started_ref == NULL) {
		code = ctl_fail(ctl, CTL_FAILED, "connection",
		    "supctl list shows whether it was started; run it again only if not",
		    "the connection broke before supd said whether it started: %s",
		    buf_str(&why));
	} else if (res != CLIENT_OK) {
		code = ctl_client_failed(ctl, res, buf_str(&why));
	}
	buf_free(&why);
	return q->ended ? q->code : code;
}

/* The way to supd is JSON, which is text: other bytes would arrive as something else, and
 * the program would be given the name of another file. */
static int
check_text(struct ctl *ctl, const struct run *q, int argc, char **argv)
{
	int i;
	size_t k;

	for (i = optind; i < argc; i++)
		if (!utf8_is_valid(argv[i], strlen(argv[i])))
			return ctl_usage(ctl,
			    "run: word %d of the command is not UTF-8; pass it through a "
			    "script",
			    i - optind + 1);
	for (k = 0; k < q->properties.n; k++)
		if (!utf8_is_valid(q->properties.v[k], strlen(q->properties.v[k])))
			return ctl_usage(ctl, "a property is not UTF-8");
	for (k = 0; k < q->env.n; k++)
		if (!utf8_is_valid(q->env.v[k], strlen(q->env.v[k])))
			return ctl_usage(ctl, "--env: %.*s is not UTF-8",
			    (int)strcspn(q->env.v[k], "="), q->env.v[k]);
	if (q->cwd != NULL && !utf8_is_valid(q->cwd, strlen(q->cwd)))
		return ctl_usage(ctl, "--cwd: the name of the folder is not UTF-8");
	return 0;
}

/* Whether it still runs, as far as supd says. */
static bool
runs_still(struct ctl *ctl, const struct run *q)
{
	struct jw *w = ctl_params();
	struct buf params = { 0 }, why = { 0 };
	struct reply r = { 0 };
	const struct jv *settings;
	bool yes = false;

	jw_kv_str(w, "unit", q->unit);
	jw_kv_arr(w, "properties");
	jw_str(w, "MainPID");
	jw_end(w);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	if (ctl_call_quietly(ctl, "io.supd.Unit.Show", buf_str(&params), false,
		ctl_deadline(ctl, false), &r, &why) == CLIENT_OK) {
		settings = jv_get(r.params, "settings");
		yes = strcmp(jv_str(jv_get(jv_at(settings, 0), "value"), "0"), "0") != 0;
	}
	reply_clear(&r);
	buf_free(&params);
	buf_free(&why);
	return yes;
}

/* Attached until it ends, or until we detach: then it goes on without us. */
static int
attach_to(struct ctl *ctl, struct run *q)
{
	const struct command *own = ctl->cmd;
	char word[] = "attach";
	char *argv[] = { word, q->unit, NULL };
	int code;

	ctl->cmd = &cmd_attach;
	optind = 0;
	code = cmd_attach.run(ctl, 2, argv);
	ctl->cmd = own;
	ctl_disconnect(ctl);
	if (!q->wait && runs_still(ctl, q)) {
		ctl_note(ctl, "it goes on: supctl attach ", q->unit);
		return code;
	}
	return wait_by_ref(ctl, q);
}

static int
run_run(struct ctl *ctl, int argc, char **argv)
{
	struct run q = { 0 };
	bool wait;
	char *params;
	int code = run_options(ctl, argc, argv, &q);

	if (code == 0)
		code = check_text(ctl, &q, argc, argv);
	if (code == 0)
		code = ctl_instance(ctl);
	if (code == 0 && q.pipe)
		code = run_pipe_prepare(ctl, &q);
	if (code == 0 && q.scope) {
		code = run_scope(ctl, &q, argv + optind);
	} else if (code == 0) {
		/* The end of a session is waited for where it is shown. */
		wait = q.wait;
		q.wait = wait && !q.pty;
		params = call_params(&q, argc, argv);
		code = call(ctl, &q, params);
		free(params);
		q.wait = wait;
		if (code == 0 && q.pty && q.unit != NULL && !q.ended)
			code = attach_to(ctl, &q);
	}
	run_pipe_end();
	run_options_clear(&q);
	return code;
}

const struct command cmd_run = {
	.name = "run",
	.words_usage = "[--] PROGRAM [ARGUMENT...]",
	.summary = "Run a program once, supervised and logged",
	.words = WORDS_PROGRAM,
	.min = 1,
	.max = SIZE_MAX,
	.opts = run_opts,
	.run = run_run,
};
