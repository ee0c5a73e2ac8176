/*
 * status: of units, in full (unit_status.c); without a unit, of the whole instance with
 * problems first.  When supd does not run: what its files say (offline.c).
 */
#include <getopt.h>
#include <string.h>

#include "brief.h"
#include "commands.h"
#include "ctl.h"
#include "field.h"
#include "notice.h"
#include "offline.h"
#include "unit_status.h"

#include "lib/clock.h"
#include "lib/json.h"

static const struct opt opts[] = {
	{ "lines", 'n', "NUMBER", "lines of the log to show, 10 when not given" },
	{ NULL, 0, NULL, NULL },
};

static const char *
text_of(const struct jv *o, const char *key)
{
	return jv_str(jv_get(o, key), NULL);
}

/* As LSB has it: 0 runs, 3 does not. */
static int
exit_status(const struct jv *u)
{
	const char *state = jv_str(jv_get(u, "state"), "");
	const char *load = jv_str(jv_get(u, "load_state"), "loaded");

	if (strcmp(state, "active") == 0 || strcmp(state, "reloading") == 0)
		return CTL_OK;
	if (strcmp(load, "not-found") == 0)
		return CTL_UNKNOWN;
	return CTL_INACTIVE;
}

static int
show_units(struct ctl *ctl, const struct jv *units, size_t lines, bool one)
{
	int code = CTL_OK;
	size_t i;

	for (i = 0; i < jv_count(units); i++)
		if (code == CTL_OK)
			code = exit_status(jv_at(units, i));
	if (ctl->quiet)
		return code;
	/* One name is one object, so that a script need not unwrap it. */
	if (ctl->json && one && jv_count(units) == 1)
		ctl_json(ctl, jv_at(units, 0));
	else if (ctl->json)
		ctl_json(ctl, units);
	for (i = 0; !ctl->json && i < jv_count(units); i++) {
		if (i > 0)
			ctl_printf(ctl, "\n");
		unit_status_put(ctl, jv_at(units, i), lines);
	}
	return code;
}

static int status_of_units(struct ctl *ctl, int argc, char **argv, size_t lines);

/* One of several is not there: the others are shown all the same. */
static int
status_of_each(struct ctl *ctl, int argc, char **argv, size_t lines)
{
	int first = optind, code = CTL_OK, r;

	for (; optind < argc; optind++) {
		if (optind > first && ctl->out.len > 0 && !ctl->quiet)
			ctl_printf(ctl, "\n");
		r = status_of_units(ctl, optind + 1, argv, lines);
		if (code == CTL_OK)
			code = r;
	}
	return code;
}

static int
status_of_units(struct ctl *ctl, int argc, char **argv, size_t lines)
{
	struct buf params = { 0 };
	struct buf why = { 0 };
	struct reply r = { 0 };
	struct jw *w = ctl_params();
	enum client_result res;
	int code;

	ctl_param_units(w, argc, argv);
	jw_end(w);
	jw_take(w, &params);
	jw_free(w);
	res = ctl_call_quietly(ctl, "io.supd.Unit.Status", buf_str(&params), false,
	    ctl_deadline(ctl, false), &r, &why);
	if (offline_helps(res)) {
		code = offline_status(ctl, res, argc - optind, argv + optind, lines);
	} else if (res != CLIENT_OK) {
		code = ctl_client_failed(ctl, res, buf_str(&why));
	} else if (r.error != NULL && argc - optind > 1 && !ctl->json &&
		   ctl_error_status(r.error) == CTL_NO_UNIT) {
		code = status_of_each(ctl, argc, argv, lines);
	} else if (r.error != NULL) {
		code = ctl_error_reply(ctl, &r);
	} else {
		code = show_units(ctl, jv_get(r.params, "units"), lines,
		    argc - optind == 1 && argv[optind][0] != '@' &&
			strpbrk(argv[optind], "*?[") == NULL);
	}
	reply_clear(&r);
	buf_free(&params);
	buf_free(&why);
	return code;
}

static void
put_roles(struct ctl *ctl, const struct jv *roles)
{
	const struct jv *role;
	int64_t restarts;
	size_t i;

	field_begin(ctl, "Roles");
	for (i = 0; i < jv_count(roles); i++) {
		role = jv_at(roles, i);
		restarts = jv_i64(jv_get(role, "restarts"), 0);
		ctl_printf(ctl, "%s", i == 0 ? "" : ", ");
		ctl_put(ctl, jv_str(jv_get(role, "name"), "?"));
		ctl_printf(ctl, " %lld", (long long)jv_i64(jv_get(role, "pid"), 0));
		if (restarts > 0)
			ctl_printf(ctl, " (restarted %lld time%s)", (long long)restarts,
			    restarts == 1 ? "" : "s");
	}
	ctl_printf(ctl, "\n");
}

/* "NAME : TOTAL, N state, N state", without those that are none. */
static void
put_numbers(struct ctl *ctl, const char *name, int64_t total, const struct jv *counts,
    const char *const names[], enum style (*style)(const char *))
{
	struct buf b = { 0 };
	int64_t n;

	field_begin(ctl, name);
	ctl_printf(ctl, "%lld", (long long)total);
	for (; *names != NULL; names++) {
		n = jv_i64(jv_get(counts, *names), 0);
		if (n == 0)
			continue;
		buf_clear(&b);
		buf_addf(&b, "%lld %s", (long long)n, *names);
		ctl_printf(ctl, ", ");
		ctl_style(ctl, style(*names), buf_str(&b));
	}
	ctl_printf(ctl, "\n");
	buf_free(&b);
}

static void
put_counts(struct ctl *ctl, const struct jv *s)
{
	static const char *const states[] = { "failed", "active", "reloading",
		"activating", "deactivating", "inactive", NULL };
	static const char *const doing[] = { "waiting", "stuck", "limited", "working",
		"idle", "starting", NULL };
	const struct jv *units = jv_get(s, "counts"), *sessions = jv_get(s, "sessions");
	int64_t n = 0;

	put_numbers(ctl, "Units", jv_i64(jv_get(units, "total"), 0), units, states,
	    ctl_state_style);
	for (size_t i = 0; doing[i] != NULL; i++)
		n += jv_i64(jv_get(sessions, doing[i]), 0);
	if (n > 0)
		put_numbers(ctl, "Sessions", n, sessions, doing, briefs_session_style);
}

static void
put_safe_mode(struct ctl *ctl, const char *until)
{
	char text[CLOCK_TEXT_MAX];

	field_put(ctl, "!", STYLE_RED,
	    "safe mode: the manager died several times; it keeps what runs and starts "
	    "nothing");
	field_begin(ctl, "Next");
	ctl_printf(ctl, "supctl events -e 'role-*'; supctl daemon-reload ends it");
	if (until != NULL)
		ctl_printf(ctl, ", and so does %s", ctl_time(text, sizeof(text), until));
	ctl_printf(ctl, "\n");
}

static void
put_phase(struct ctl *ctl, const struct jv *phase)
{
	if (jv_type(phase) != JV_OBJECT)
		return;
	field_begin(ctl, "Phase");
	ctl_put(ctl, jv_str(jv_get(phase, "phase"), "?"));
	field_since(ctl, text_of(phase, "since"));
	ctl_printf(ctl, "\n");
}

static void
put_overview(struct ctl *ctl, const struct jv *s)
{
	const char *state = jv_str(jv_get(s, "state"), "running");
	const char *since = text_of(s, "since");
	bool good = strcmp(state, "running") == 0;
	int64_t dropped = jv_i64(jv_get(s, "events_dropped"), 0);
	int64_t jobs = jv_i64(jv_get(s, "jobs"), 0);

	notice_emergencies(ctl, s);
	ctl_style(ctl, good ? STYLE_GREEN : STYLE_YELLOW,
	    ctl_state_dot(ctl, good ? "active" : "activating"));
	ctl_printf(ctl, " supd ");
	ctl_put(ctl, jv_str(jv_get(s, "version"), "?"));
	ctl_printf(ctl, " on ");
	ctl_style(ctl, STYLE_BOLD, jv_str(jv_get(s, "instance"), "?"));
	ctl_printf(ctl, "\n");
	field_begin(ctl, "State");
	ctl_style(ctl, good ? STYLE_GREEN : STYLE_YELLOW, state);
	field_since(ctl, since);
	ctl_printf(ctl, ", containment: ");
	ctl_put(ctl, jv_str(jv_get(s, "containment"), "?"));
	ctl_printf(ctl, "\n");
	put_roles(ctl, jv_get(s, "roles"));
	put_counts(ctl, s);
	put_phase(ctl, jv_get(s, "phase"));
	if (jobs > 0)
		ctl_printf(ctl, "%*s: %lld on the way, see supctl jobs\n",
		    FIELD_NAME_WIDTH, "Jobs", (long long)jobs);
	if (jv_bool(jv_get(s, "safe_mode"), false))
		put_safe_mode(ctl, text_of(s, "safe_mode_until"));
	for (size_t i = 0; i < jv_count(jv_get(s, "unanswered")); i++)
		ctl_printf(ctl,
		    "%*s: %s does not answer; unit files on it are as they were loaded\n",
		    FIELD_NAME_WIDTH, "!", jv_str(jv_at(jv_get(s, "unanswered"), i), ""));
	if (dropped > 0)
		ctl_printf(ctl, "%*s: %lld events were dropped (a full disk?)\n",
		    FIELD_NAME_WIDTH, "!", (long long)dropped);
}

static int
status_of_all(struct ctl *ctl)
{
	struct briefs list = { 0 };
	struct buf why = { 0 };
	struct reply r = { 0 };
	enum client_result res;
	int code = CTL_OK;

	res = ctl_call_quietly(ctl, "io.supd.Manager.Status", NULL, false,
	    ctl_deadline(ctl, false), &r, &why);
	if (offline_helps(res))
		code = offline_overview(ctl, res);
	else if (res != CLIENT_OK)
		code = ctl_client_failed(ctl, res, buf_str(&why));
	else if (r.error != NULL)
		code = ctl_error_reply(ctl, &r);
	else if (ctl->json)
		ctl_json(ctl, r.params);
	else if (!ctl->quiet) {
		struct jw *w = ctl_params();

		jw_kv_bool(w, "short", true);
		put_overview(ctl, r.params);
		list.grouped = true;
		code = briefs_get(ctl, "io.supd.Unit.List", w, &list);
		if (code == CTL_OK && list.n > 0) {
			ctl_printf(ctl, "\n");
			briefs_table(ctl, &list);
		}
	}
	briefs_clear(&list);
	reply_clear(&r);
	buf_free(&why);
	return code;
}

static int
run_status(struct ctl *ctl, int argc, char **argv)
{
	uint64_t lines = 10;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1)
		if (id != 'n' || ctl_parse_number(ctl, "-n", optarg, 10000, &lines) == -1)
			return CTL_USAGE;
	ctl->question_us = OFFLINE_AFTER_US;
	ctl->lsb = true;
	code = ctl_instance(ctl);
	if (code != 0)
		return code;
	if (optind == argc)
		return status_of_all(ctl);
	return status_of_units(ctl, argc, argv, (size_t)lines);
}

const struct command cmd_status = {
	.name = "status",
	.words_usage = "[UNIT...]",
	.summary = "Show how units are and why, or how the whole instance is",
	.words = WORDS_UNITS,
	.groups = true,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_status,
};
