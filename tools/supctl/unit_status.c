/* unit_status: see the header. */
#include "unit_status.h"
#include "unit_part.h"

#include <stdlib.h>
#include <string.h>

#include "brief.h"
#include "budget.h"
#include "ctl.h"
#include "field.h"
#include "tail.h"
#include "unit_ends.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"

enum {
	JOB_WAITS_SHOWN = 3,
	PROCESSES_SHOWN = 10,
};

static void
put_state(struct ctl *ctl, const struct jv *u)
{
	const char *state = jv_str(jv_get(u, "state"), "unknown");
	const char *result = field_text(u, "result");
	const char *since = field_text(u, "since");
	struct buf b = { 0 };

	buf_addf(&b, "%s (%s)", state, jv_str(jv_get(u, "substate"), "?"));
	field_begin(ctl, "State");
	ctl_style(ctl, ctl_state_style(state), buf_str(&b));
	if (result != NULL && strcmp(result, "success") != 0 && *result != '\0') {
		ctl_printf(ctl, ", result ");
		ctl_style(ctl, STYLE_RED, result);
	}
	field_since(ctl, since);
	ctl_printf(ctl, "\n");
	buf_free(&b);
}

/* Errors, all of them; of the warnings only some, so that a file that was written for
 * systemd does not push everything else from the screen. */
static void
put_diagnostics(struct ctl *ctl, const struct jv *u)
{
	enum { WARNINGS_MAX = 4 };
	const struct jv *list = jv_get(u, "diagnostics");
	const char *text;
	char *more;
	size_t i, warnings = 0;

	for (i = 0; i < jv_count(list); i++) {
		text = jv_str(jv_at(list, i), "?");
		if (strstr(text, ": warning: ") == NULL || warnings++ < WARNINGS_MAX)
			field_put(ctl, "!", STYLE_YELLOW, text);
	}
	if (warnings <= WARNINGS_MAX)
		return;
	more = xasprintf("and %zu more warnings: supctl verify %s",
	    warnings - WARNINGS_MAX, jv_str(jv_get(u, "unit"), "?"));
	field_put(ctl, "!", STYLE_YELLOW, more);
	free(more);
}

static void
put_files(struct ctl *ctl, const struct jv *u)
{
	const struct jv *drop_ins = jv_get(u, "drop_ins");
	const char *load = jv_str(jv_get(u, "load_state"), "loaded");
	size_t i;

	field_begin(ctl, "File");
	if (strcmp(load, "loaded") != 0) {
		ctl_style(ctl, STYLE_YELLOW, load);
		ctl_printf(ctl, " ");
	}
	if (jv_bool(jv_get(u, "transient"), false))
		ctl_printf(ctl, "none, made by supctl run");
	else
		ctl_put(ctl, jv_str(jv_get(u, "unit_file"), "none"));
	ctl_printf(ctl, " (");
	ctl_put(ctl, jv_str(jv_get(u, "enabled"), "?"));
	ctl_printf(ctl, ")\n");
	for (i = 0; i < jv_count(drop_ins); i++)
		field_put(ctl, i == 0 ? "Drop-ins" : "", STYLE_NONE,
		    jv_str(jv_at(drop_ins, i), "?"));
	if (jv_bool(jv_get(u, "changed_on_disk"), false))
		field_put(ctl, "!", STYLE_YELLOW,
		    "changed on the disk since; supctl daemon-reload says how");
	put_diagnostics(ctl, u);
}

/* What names it, or what it names. */
static void
put_instances(struct ctl *ctl, const struct jv *u)
{
	const struct jv *i = jv_get(u, "instances"), *why = jv_get(i, "refusals");
	int64_t starting = jv_i64(jv_get(i, "starting"), 0);
	int64_t waiting = jv_i64(jv_get(i, "waiting"), 0);

	if (field_text(u, "source") != NULL)
		field_put(ctl, "Named by", STYLE_NONE, field_text(u, "source"));
	if (jv_type(i) != JV_OBJECT)
		return;
	field_begin(ctl, "Instances");
	ctl_printf(ctl, "%lld of ", (long long)jv_i64(jv_get(i, "count"), 0));
	ctl_put(ctl, jv_str(jv_get(i, "source"), "?"));
	if (!jv_bool(jv_get(i, "on"), true))
		ctl_style(ctl, STYLE_YELLOW, ", not looked at");
	if (starting > 0)
		ctl_printf(ctl, ", %lld being started", (long long)starting);
	if (waiting > 0)
		ctl_printf(ctl, ", %lld wait", (long long)waiting);
	if (field_text(i, "read") != NULL) {
		ctl_printf(ctl, ", read ");
		field_ago(ctl, ctl_age_us(field_text(i, "read")));
	}
	ctl_printf(ctl, "\n");
	field_begin(ctl, "On remove");
	ctl_put(ctl, jv_str(jv_get(i, "on_remove"), "?"));
	ctl_printf(ctl, "\n");
	if (field_text(i, "problem") != NULL) {
		field_begin(ctl, "!");
		ctl_style(ctl, STYLE_YELLOW, field_text(i, "problem"));
		ctl_printf(ctl, "; what runs goes on\n");
	}
	if (!jv_bool(jv_get(i, "watched"), true))
		field_put(ctl, "!", STYLE_YELLOW,
		    "not all of it can be watched; supctl daemon-reload looks again");
	for (size_t k = 0; k < jv_count(why); k++)
		field_put(ctl, k == 0 ? "Refused" : "", STYLE_YELLOW,
		    jv_str(jv_at(why, k), "?"));
	if (jv_i64(jv_get(i, "refused"), 0) > (int64_t)jv_count(why))
		field_put(ctl, "", STYLE_YELLOW, "and others");
}

static void
put_wish(struct ctl *ctl, const struct jv *wish)
{
	char text[CLOCK_TEXT_MAX];

	if (jv_type(wish) != JV_OBJECT)
		return;
	field_begin(ctl, "Wish");
	ctl_style(ctl, STYLE_BOLD, jv_str(jv_get(wish, "what"), "?"));
	ctl_printf(ctl, " by ");
	ctl_put(ctl, jv_str(jv_get(wish, "who"), "somebody"));
	if (field_text(wish, "since") != NULL) {
		ctl_printf(ctl, " at ");
		ctl_put(ctl, ctl_time(text, sizeof(text), field_text(wish, "since")));
		ctl_printf(ctl, " (");
		field_ago(ctl, ctl_age_us(field_text(wish, "since")));
		ctl_printf(ctl, ")");
	}
	if (field_text(wish, "until") != NULL) {
		ctl_printf(ctl, " until ");
		ctl_put(ctl, ctl_time(text, sizeof(text), field_text(wish, "until")));
	}
	if (field_text(wish, "reason") != NULL) {
		ctl_printf(ctl, ": ");
		ctl_put(ctl, field_text(wish, "reason"));
	}
	if (field_text(wish, "undo") != NULL) {
		ctl_printf(ctl, "; undo: ");
		ctl_put(ctl, field_text(wish, "undo"));
	}
	ctl_printf(ctl, "\n");
}

/* The one that kept it down. */
static void
put_conditions(struct ctl *ctl, const struct jv *c)
{
	if (jv_type(c) != JV_OBJECT || field_text(c, "unmet") == NULL)
		return;
	field_begin(ctl, "Condition");
	ctl_style(ctl, STYLE_YELLOW, field_text(c, "unmet"));
	ctl_printf(ctl, " did not hold");
	if (field_text(c, "found") != NULL && *field_text(c, "found") != '\0') {
		ctl_printf(ctl, ": ");
		ctl_put(ctl, field_text(c, "found"));
	}
	if (field_text(c, "checked") != NULL) {
		ctl_printf(ctl, " (");
		field_ago(ctl, ctl_age_us(field_text(c, "checked")));
		ctl_printf(ctl, ")");
	}
	ctl_printf(ctl, "\n");
	if (field_text(c, "where") != NULL)
		field_put(ctl, "", STYLE_NONE, field_text(c, "where"));
}

static void
put_process(struct ctl *ctl, const struct jv *p, const char *name, enum style style)
{
	struct buf b = { 0 };

	buf_addf(&b, "%lld %s", (long long)jv_i64(jv_get(p, "pid"), 0),
	    jv_str(jv_get(p, "command"), "?"));
	if (field_text(p, "kind") != NULL && strcmp(field_text(p, "kind"), "other") != 0)
		buf_addf(&b, " (%s)", field_text(p, "kind"));
	if (field_text(p, "wchan") != NULL)
		buf_addf(&b, ", waits in %s", field_text(p, "wchan"));
	field_put(ctl, name, style, buf_str(&b));
	buf_free(&b);
}

static void
put_processes(struct ctl *ctl, const struct jv *u)
{
	const struct jv *list = jv_get(u, "processes");
	const struct jv *survivors = jv_get(u, "survivors");
	int64_t pid = jv_i64(jv_get(u, "pid"), 0);
	int64_t procs = jv_i64(jv_get(u, "procs"), 0);
	const char *containment = field_text(u, "containment");
	size_t i;

	if (pid > 0) {
		field_begin(ctl, "Pid");
		ctl_printf(ctl, "%lld", (long long)pid);
		if (procs > 0)
			ctl_printf(ctl, " (%lld process%s)", (long long)procs,
			    procs == 1 ? "" : "es");
		if (containment != NULL) {
			ctl_printf(ctl, ", containment: ");
			ctl_put(ctl, containment);
		}
		ctl_printf(ctl, "\n");
	}
	for (i = 0; i < jv_count(list) && i < PROCESSES_SHOWN; i++)
		if (jv_i64(jv_get(jv_at(list, i), "pid"), 0) != pid || pid == 0)
			put_process(ctl, jv_at(list, i), i == 0 && pid == 0 ? "Pids" : "",
			    STYLE_NONE);
	if (jv_count(list) > PROCESSES_SHOWN)
		field_put(ctl, "", STYLE_DIM, "and others");
	for (i = 0; i < jv_count(survivors); i++)
		put_process(
		    ctl, jv_at(survivors, i), i == 0 ? "Survived" : "", STYLE_RED);
}

static void
put_heartbeat(struct ctl *ctl, const struct jv *h)
{
	char text[CLOCK_TEXT_MAX];
	int64_t skipped = jv_i64(jv_get(h, "skipped"), 0);

	if (jv_type(h) != JV_OBJECT)
		return;
	field_begin(ctl, "Heartbeat");
	ctl_printf(ctl, "%lld sent", (long long)jv_i64(jv_get(h, "sent"), 0));
	if (field_text(h, "last") != NULL) {
		ctl_printf(ctl, ", the last ");
		field_ago(ctl, ctl_age_us(field_text(h, "last")));
	}
	if (skipped > 0)
		ctl_printf(ctl, ", %lld not: nothing was new", (long long)skipped);
	if (field_text(h, "next") != NULL)
		ctl_printf(ctl, "; next at %s",
		    ctl_time(text, sizeof(text), field_text(h, "next")));
	else
		ctl_printf(ctl, "; none is due");
	ctl_printf(ctl, "\n");
}

/* What a session does, and what that rests on. */
static void
put_session(struct ctl *ctl, const struct jv *s)
{
	const char *state = jv_str(jv_get(s, "state"), "?");
	int64_t inputs = jv_i64(jv_get(s, "inputs"), 0);
	int64_t viewers = jv_i64(jv_get(s, "viewers"), 0);
	const char *why = jv_str(jv_get(s, "inputs_wait"), NULL);
	char text[CLOCK_TEXT_MAX];

	/* Of what does not run the state is said above. */
	if (jv_type(s) != JV_OBJECT || strcmp(state, "unknown") == 0)
		return;
	field_begin(ctl, "Session");
	ctl_style(ctl, briefs_session_style(state), state);
	ctl_printf(ctl, ": ");
	ctl_put(ctl, jv_str(jv_get(s, "evidence"), ""));
	ctl_printf(ctl, " (");
	field_ago(ctl, field_us(s, "age_ms"));
	ctl_printf(ctl, ")");
	if (field_text(s, "until") != NULL)
		ctl_printf(ctl, ", until %s",
		    ctl_time(text, sizeof(text), field_text(s, "until")));
	else if (strcmp(state, "limited") == 0)
		ctl_printf(ctl, ", its end is not known");
	if (viewers > 0)
		ctl_printf(ctl, ", %lld attached", (long long)viewers);
	if (inputs > 0) {
		ctl_printf(ctl, inputs == 1 ? ", 1 input waits" : ", %lld inputs wait",
		    (long long)inputs);
		if (why != NULL) {
			ctl_printf(ctl, " (");
			ctl_put(ctl, why);
			ctl_printf(ctl, ")");
		}
	}
	ctl_printf(ctl, "\n");
	put_heartbeat(ctl, jv_get(s, "heartbeat"));
}

/* What was asked last from inside, or of it: whoever asked may have ended by it. */
static void
put_request(struct ctl *ctl, const struct jv *r)
{
	const char *result = field_text(r, "result");
	bool good = result != NULL && strcmp(result, "done") == 0;

	if (jv_type(r) != JV_OBJECT)
		return;
	field_begin(ctl, "Request");
	ctl_put(ctl, jv_str(jv_get(r, "action"), "?"));
	ctl_printf(ctl, " by ");
	ctl_put(ctl, jv_str(jv_get(r, "who"), "somebody"));
	ctl_printf(ctl, ": ");
	ctl_style(
	    ctl, good ? STYLE_GREEN : STYLE_YELLOW, result == NULL ? "goes on" : result);
	if (field_text(r, "text") != NULL) {
		ctl_printf(ctl, ", ");
		ctl_put(ctl, field_text(r, "text"));
	}
	if (field_text(r, "claimed") != NULL) {
		ctl_printf(ctl, " (");
		field_ago(ctl, ctl_age_us(field_text(r, "claimed")));
		ctl_printf(ctl, ")");
	}
	ctl_printf(ctl, "\n");
	if (field_text(r, "reason") != NULL)
		field_put(ctl, "Reason", STYLE_NONE, field_text(r, "reason"));
	if (field_text(r, "message") != NULL)
		field_put(ctl, "Message", STYLE_NONE, field_text(r, "message"));
}

static void
put_budget(struct ctl *ctl, const struct jv *b, const char *unit)
{
	struct buf text = { 0 };

	if (jv_type(b) != JV_OBJECT)
		return;
	budget_words(b, &text);
	field_put(ctl, "Budget", STYLE_NONE, buf_str(&text));
	buf_clear(&text);
	budget_next_step(b, unit, &text);
	if (text.len > 0)
		field_put(ctl, "", STYLE_YELLOW, buf_str(&text));
	if (field_text(b, "source_error") != NULL)
		field_put(ctl, "", STYLE_RED, field_text(b, "source_error"));
	buf_free(&text);
}

/* What the program said of itself: STATUS= and ERRNO=. */
static void
put_said(struct ctl *ctl, const struct jv *u)
{
	const char *text = field_text(u, "status_text");
	int64_t err = jv_i64(jv_get(u, "status_errno"), 0);

	if (text == NULL && err == 0)
		return;
	field_begin(ctl, "Says");
	if (text != NULL)
		ctl_put(ctl, text);
	if (err != 0)
		ctl_printf(ctl, "%s%serror %d: %s%s", text != NULL ? " " : "",
		    text != NULL ? "(" : "", (int)err, strerror((int)err),
		    text != NULL ? ")" : "");
	ctl_printf(ctl, "\n");
}

static void
put_health(struct ctl *ctl, const struct jv *u)
{
	const struct jv *h = jv_get(u, "health");
	const char *state = jv_str(jv_get(h, "state"), "?");
	bool good = strcmp(state, "healthy") == 0 || strcmp(state, "ok") == 0 ||
		    strcmp(state, "good") == 0 || strcmp(state, "ready") == 0;

	if (jv_type(h) == JV_OBJECT) {
		field_begin(ctl, "Health");
		ctl_style(ctl, good ? STYLE_GREEN : STYLE_YELLOW, state);
		if (field_text(h, "evidence") != NULL &&
		    *field_text(h, "evidence") != '\0') {
			ctl_printf(ctl, ": ");
			ctl_put(ctl, field_text(h, "evidence"));
		}
		ctl_printf(ctl, " (");
		field_ago(ctl, field_us(h, "age_ms"));
		ctl_printf(ctl, ")\n");
	}
	put_session(ctl, jv_get(u, "session"));
	put_request(ctl, jv_get(u, "request"));
	put_said(ctl, u);
}

/* What is not in it. */
static void
put_log_problem(struct ctl *ctl, const struct jv *p)
{
	const char *error = jv_str(jv_get(p, "error"), NULL);
	int64_t lines = jv_i64(jv_get(p, "dropped_lines"), 0);

	if (jv_type(p) != JV_OBJECT)
		return;
	field_begin(ctl, "");
	if (error != NULL) {
		ctl_style(ctl, STYLE_RED, "it cannot be written: ");
		ctl_put(ctl, error);
		ctl_printf(ctl, lines > 0 ? "; " : "");
	}
	if (lines > 0)
		ctl_printf(ctl, "%lld lines were dropped", (long long)lines);
	ctl_printf(ctl, "\n");
}

static void
put_recording(struct ctl *ctl, const struct jv *u)
{
	const char *error = field_text(u, "recording_problem");

	if (field_text(u, "recording") != NULL)
		field_put(ctl, "Recording", STYLE_NONE, field_text(u, "recording"));
	if (error == NULL)
		return;
	field_begin(ctl, field_text(u, "recording") == NULL ? "Recording" : "");
	ctl_style(ctl, STYLE_RED, "it cannot be written: ");
	ctl_put(ctl, error);
	ctl_printf(ctl, "\n");
}

static void
put_log(struct ctl *ctl, const struct jv *u, size_t lines)
{
	const char *log = field_text(u, "log");

	if (log == NULL)
		return;
	field_begin(ctl, "Log");
	ctl_put(ctl, log);
	ctl_printf(
	    ctl, "%s\n", tail_missing(ctl, log) ? " (nothing is written yet)" : "");
	put_log_problem(ctl, jv_get(u, "log_problem"));
	put_recording(ctl, u);
	if (lines > 0)
		tail_put(ctl, log, lines);
}

/* Its job, and the first of the units that this waits for. */
static void
put_job(struct ctl *ctl, const struct jv *u)
{
	const struct jv *waits = jv_get(u, "job_waits_for");
	struct buf text = { 0 };
	size_t i;

	if (field_text(u, "job") == NULL)
		return;
	buf_adds(&text, field_text(u, "job"));
	for (i = 0; i < jv_count(waits) && i < JOB_WAITS_SHOWN; i++)
		buf_addf(
		    &text, "%s%s", i == 0 ? " for " : ", ", jv_str(jv_at(waits, i), "?"));
	if (i < jv_count(waits))
		buf_addf(&text, " and %zu more", jv_count(waits) - i);
	field_put(ctl, "Job", STYLE_YELLOW, buf_str(&text));
	buf_free(&text);
}

void
unit_status_put(struct ctl *ctl, const struct jv *u, size_t lines)
{
	const char *state = jv_str(jv_get(u, "state"), "unknown");
	const char *description = field_text(u, "description");

	ctl_style(ctl, ctl_state_style(state), ctl_state_dot(ctl, state));
	ctl_printf(ctl, " ");
	ctl_style(ctl, STYLE_BOLD, jv_str(jv_get(u, "unit"), "?"));
	if (description != NULL && *description != '\0') {
		ctl_printf(ctl, " - ");
		ctl_put(ctl, description);
	}
	ctl_printf(ctl, "\n");
	put_state(ctl, u);
	if (field_text(u, "why") != NULL && *field_text(u, "why") != '\0')
		field_put(ctl, "Why", STYLE_NONE, field_text(u, "why"));
	put_wish(ctl, jv_get(u, "wish"));
	put_conditions(ctl, jv_get(u, "conditions"));
	put_instances(ctl, u);
	unit_part_put_state(ctl, u);
	put_job(ctl, u);
	unit_part_put_when(ctl, u);
	put_health(ctl, u);
	put_budget(ctl, jv_get(u, "budget"), jv_str(jv_get(u, "unit"), "?"));
	put_processes(ctl, u);
	unit_ends_put(ctl, u);
	put_files(ctl, u);
	put_log(ctl, u, lines);
}
