/* brief: see the header. */
#include "brief.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/xalloc.h"

void
briefs_take(struct briefs *b, struct jv *root, const struct jv *array)
{
	size_t n = jv_count(array);
	size_t i;

	b->roots = xreallocarray(b->roots, b->n_roots + 1, sizeof(*b->roots));
	b->roots[b->n_roots++] = root;
	if (n == 0)
		return;
	b->units = xreallocarray(b->units, b->n + n, sizeof(*b->units));
	for (i = 0; i < n; i++)
		b->units[b->n++] = jv_at(array, i);
}

void
briefs_clear(struct briefs *b)
{
	size_t i;

	for (i = 0; i < b->n_roots; i++)
		jv_free(b->roots[i]);
	free(b->roots);
	free(b->units);
	memset(b, 0, sizeof(*b));
}

int
briefs_get(struct ctl *ctl, const char *method, struct jw *w, struct briefs *out)
{
	struct reply r = { 0 };
	int code = ctl_call(ctl, method, w, &r);

	if (code == 0)
		briefs_take(out, r.root, jv_get(r.params, "units"));
	return code;
}

static const char *
field(const struct jv *u, const char *key)
{
	return jv_str(jv_get(u, key), "");
}

static int
rank(const char *state)
{
	if (strcmp(state, "failed") == 0)
		return 0;
	if (strcmp(state, "active") == 0)
		return 2;
	if (strcmp(state, "inactive") == 0)
		return 3;
	return 1;
}

/* It could not be started: its file is refused, or masks it. */
static bool
is_unfit(const struct jv *u)
{
	const char *load = field(u, "load_state");

	return strcmp(field(u, "state"), "inactive") == 0 &&
	       (strcmp(load, "bad-setting") == 0 || strcmp(load, "error") == 0 ||
		   strcmp(load, "masked") == 0);
}

/* What the session of a unit does; NULL: it has none, or something else is said of the
 * unit: it ends, or is frozen. */
static const char *
session_of(const struct jv *u)
{
	if (strcmp(field(u, "substate"), "running") != 0)
		return NULL;
	return jv_str(jv_get(jv_get(u, "session"), "state"), NULL);
}

enum style
briefs_session_style(const char *state)
{
	return strcmp(state, "stuck") == 0 ? STYLE_RED
	       : strcmp(state, "idle") == 0 || strcmp(state, "working") == 0
		   ? STYLE_GREEN
		   : STYLE_YELLOW;
}

/* Its session goes on only when somebody looks at it. */
static bool
wants_a_person(const struct jv *u)
{
	const char *s = session_of(u);

	return s != NULL && (strcmp(s, "waiting") == 0 || strcmp(s, "stuck") == 0);
}

/* A person wants that it does not start; it may run all the same. */
static bool
is_kept_off(const struct jv *u)
{
	const char *enabled = field(u, "enabled");

	return strcmp(enabled, "masked") == 0 || strcmp(enabled, "disabled") == 0;
}

static const char *
group_of(const struct jv *u)
{
	return jv_str(jv_get(u, "group"), NULL);
}

static bool
is_same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What a unit is sorted by, looked up once. */
struct place {
	int64_t group_place;
	const char *group; /* NULL: of none, or nobody asks */
	int rank;
	const char *name;
	const struct jv *unit;
};

/* As the operator wants them (StatusGroups=), then by name, then what is of none. */
static int
compare_groups(const struct place *x, const struct place *y)
{
	if (x->group == NULL || y->group == NULL)
		return (x->group == NULL) - (y->group == NULL);
	if (x->group_place != y->group_place)
		return x->group_place < y->group_place ? -1 : 1;
	return strcmp(x->group, y->group);
}

static int
compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int by_group = compare_groups(x, y);

	if (by_group != 0)
		return by_group;
	return x->rank != y->rank ? x->rank - y->rank : strcmp(x->name, y->name);
}

void
briefs_sort(struct briefs *b)
{
	struct place *v;
	size_t i;

	if (b->n < 2)
		return;
	v = xreallocarray(NULL, b->n, sizeof(*v));
	for (i = 0; i < b->n; i++)
		v[i] = (struct place){
			.group = b->grouped ? group_of(b->units[i]) : NULL,
			.group_place =
			    jv_i64(jv_get(b->units[i], "group_place"), INT64_MAX),
			.rank = is_unfit(b->units[i]) || wants_a_person(b->units[i])
				    ? 1
				    : rank(field(b->units[i], "state")),
			.name = field(b->units[i], "unit"),
			.unit = b->units[i],
		};
	qsort(v, b->n, sizeof(*v), compare);
	for (i = 0; i < b->n; i++)
		b->units[i] = v[i].unit;
	free(v);
}

void
briefs_json(struct ctl *ctl, const struct briefs *b)
{
	struct jw *w = ctl_json_new(ctl);
	size_t i;

	jw_arr(w);
	for (i = 0; i < b->n; i++)
		jv_write(b->units[i], w);
	jw_end(w);
	ctl_json_take(ctl, w);
}

/* Somebody ended it, or what it waited for: not done, and no failure. */
static bool
was_stopped(const struct jv *u)
{
	return jv_bool(jv_get(u, "stopped"), false);
}

/* Of what went wrong one wants the reason, of what was ended who did that, of a session
 * why it does not work, of the others what they are. */
static const char *
what_of(const struct jv *u, bool troubled)
{
	const char *session = session_of(u);

	if ((troubled || was_stopped(u)) && *field(u, "why") != '\0')
		return field(u, "why");
	if (session != NULL && briefs_session_style(session) != STYLE_GREEN)
		return jv_str(jv_get(jv_get(u, "session"), "evidence"), "");
	if (*field(u, "held") != '\0')
		return field(u, "held");
	return field(u, "description");
}

/* "/srv/town/rigs.json#/rigs" without its folder: there is no room for that. */
static const char *
source_base(const char *source)
{
	const char *base = source;
	size_t n = strcspn(source, "#");

	/* A pattern says little without it. */
	for (size_t i = 0; source[n] == '#' && i < n; i++)
		if (source[i] == '/' && i + 1 < n)
			base = source + i + 1;
	return base;
}

/* How long its work took, when it is over. */
static const char *
took_of(char *dst, size_t size, const struct jv *u)
{
	const struct jv *ms = jv_get(u, "took_ms");

	return jv_type(ms) == JV_INT
		   ? clock_format_duration(dst, size, jv_u64(ms) * USEC_PER_MSEC)
		   : NULL;
}

/* The last cell: what is said of it, at most width columns; 0: all of it. */
static void
add_what(struct columns *t, const struct jv *u, bool ended, bool troubled, size_t width)
{
	const char *what = ended ? field(u, "description") : what_of(u, troubled);
	struct buf b = { 0 };

	buf_adds(&b, what);
	if (!ended && what == field(u, "why") && *field(u, "stderr_line") != '\0')
		buf_addf(&b, ": %s", field(u, "stderr_line"));
	/* Of those that something has named, where that is. */
	if (!ended && what == field(u, "description") && *field(u, "source") != '\0')
		buf_addf(&b, ", of %s", source_base(field(u, "source")));
	else if (strcmp(field(u, "load_state"), "masked") != 0 && is_kept_off(u))
		buf_addf(&b, " (%s)", field(u, "enabled"));
	if (width > 0 && text_width(buf_str(&b), b.len) > width) {
		buf_truncate(&b, text_fit(buf_str(&b), b.len, width - 1));
		buf_adds(&b, "\u2026");
	}
	columns_cell(t, STYLE_NONE, buf_str(&b));
	buf_free(&b);
}

static void
add_row(struct ctl *ctl, const struct briefs *l, struct columns *t, const struct jv *u,
    size_t what_width)
{
	bool ended = l->ended != NULL && l->ended(l->arg, u);
	const char *state = ended ? "ended" : field(u, "state");
	const char *load = field(u, "load_state");
	const char *since = jv_str(jv_get(u, "since"), NULL);
	int64_t pid = ended ? 0 : jv_i64(jv_get(u, "pid"), 0);
	int64_t restarts = jv_i64(jv_get(u, "restarts"), 0);
	const struct jv *retry = jv_get(u, "retry");
	int64_t used = jv_i64(jv_get(retry, "used"), 0);
	bool unfit = !ended && is_unfit(u);
	bool held = !ended && (strcmp(field(u, "substate"), "held") == 0 ||
				  strcmp(field(u, "substate"), "queued") == 0 ||
				  strcmp(field(u, "substate"), "frozen") == 0);
	bool ill = !ended && jv_bool(jv_get(u, "log_problem"), false);
	enum style style = unfit || held || ill ? STYLE_YELLOW : ctl_state_style(state);
	bool asks = !ended && wants_a_person(u);
	char text[CLOCK_TEXT_MAX] = "";
	const char *session = ended ? NULL : session_of(u);

	columns_row(t);
	columns_cell(t, style, unfit || ill || asks ? "!" : ctl_state_dot(ctl, state));
	columns_cell(t, STYLE_NONE, field(u, "unit"));
	columns_cell(t, style, state);
	if (ended)
		columns_cellf(t, STYLE_NONE, "was %s", field(u, "substate"));
	else if (session != NULL)
		columns_cell(t, briefs_session_style(session), session);
	else
		columns_cell(t, STYLE_NONE,
		    *load == '\0' || strcmp(load, "loaded") == 0 || pid > 0
			? field(u, "substate")
			: load);
	if (since != NULL)
		clock_format_duration(text, sizeof(text), ctl_age_us(since));
	columns_cell(t, STYLE_NONE, text);
	if (l->with_took)
		columns_cell(t, STYLE_NONE, took_of(text, sizeof(text), u));
	if (pid > 0)
		columns_cellf(t, STYLE_NONE, "%lld", (long long)pid);
	else
		columns_cell(t, STYLE_NONE, NULL);
	if (used > 0)
		columns_cellf(t, STYLE_NONE, "%lld, retry %lld/%lld", (long long)restarts,
		    (long long)used, (long long)jv_i64(jv_get(retry, "of"), 0));
	else if (restarts > 0)
		columns_cellf(t, STYLE_NONE, "%lld", (long long)restarts);
	else
		columns_cell(t, STYLE_NONE, NULL);
	add_what(t, u, ended, unfit || held || ill || rank(state) < 2, what_width);
}

/* ---- groups ---- */

enum {
	GROUP_FAILED_SHOWN = 3,
	GROUP_WHY_WIDTH = 80,
};

struct summary {
	size_t done, stopped, running, queued, failed;
};

static size_t *
count_of(struct summary *g, const struct jv *u)
{
	const char *state = field(u, "state"), *sub = field(u, "substate");

	if (strcmp(state, "failed") == 0)
		return &g->failed;
	if (strcmp(sub, "held") == 0 || strcmp(sub, "queued") == 0)
		return &g->queued;
	if (strcmp(state, "inactive") != 0)
		return &g->running;
	return was_stopped(u) ? &g->stopped : &g->done;
}

/* "jobs (6): 1 done, 1 running, 4 FAILED" without what is none. */
static void
add_counted_title(struct columns *t, const char *name, size_t total, struct summary *g)
{
	const struct {
		size_t n;
		const char *text;
		enum style style;
	} parts[] = { { g->done, "done", STYLE_NONE },
		{ g->stopped, "stopped", STYLE_NONE },
		{ g->running, "running", STYLE_GREEN },
		{ g->queued, "queued", STYLE_YELLOW },
		{ g->failed, "FAILED", STYLE_RED } };
	const char *gap = " ";

	columns_title(t);
	columns_cell(t, STYLE_BOLD, name);
	columns_cellf(t, STYLE_NONE, " (%zu):", total);
	for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
		if (parts[k].n == 0)
			continue;
		columns_cellf(
		    t, parts[k].style, "%s%zu %s", gap, parts[k].n, parts[k].text);
		gap = ", ";
	}
}

/* The last ones that failed, newest first; their times are of one form. */
static size_t
last_failed(const struct jv *const *v, size_t n, const struct jv *out[GROUP_FAILED_SHOWN])
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++) {
		size_t at = found;

		if (strcmp(field(v[i], "state"), "failed") != 0)
			continue;
		while (at > 0 &&
		       strcmp(field(v[i], "since"), field(out[at - 1], "since")) > 0)
			at--;
		if (at == GROUP_FAILED_SHOWN)
			continue;
		if (found < GROUP_FAILED_SHOWN)
			found++;
		for (size_t k = found - 1; k > at; k--)
			out[k] = out[k - 1];
		out[at] = v[i];
	}
	return found;
}

/* What it does in numbers, then what runs, then what failed last. */
static void
add_counted(struct ctl *ctl, const struct briefs *b, struct columns *t, const char *name,
    const struct jv *const *v, size_t n)
{
	const struct jv *failed[GROUP_FAILED_SHOWN];
	struct summary g = { 0 };
	size_t i, n_failed = last_failed(v, n, failed);

	for (i = 0; i < n; i++)
		(*count_of(&g, v[i]))++;
	add_counted_title(t, name, n, &g);
	for (i = 0; i < n; i++)
		if (count_of(&g, v[i]) == &g.running)
			add_row(ctl, b, t, v[i], 0);
	for (i = 0; i < n_failed; i++)
		add_row(ctl, b, t, failed[i], GROUP_WHY_WIDTH);
}

/* The units of one group, sorted; of none: name is NULL. */
static void
add_group(struct ctl *ctl, const struct briefs *b, struct columns *t, const char *name,
    const struct jv *const *v, size_t n)
{
	bool counted = true;

	for (size_t i = 0; i < n && counted; i++)
		counted = jv_bool(jv_get(v[i], "summary"), false);
	if (name != NULL && counted) {
		add_counted(ctl, b, t, name, v, n);
		return;
	}
	columns_title(t);
	columns_cell(t, name == NULL ? STYLE_NONE : STYLE_BOLD,
	    name == NULL ? "of no group" : name);
	columns_cellf(t, STYLE_NONE, " (%zu)", n);
	for (size_t i = 0; i < n; i++)
		add_row(ctl, b, t, v[i], 0);
}

static void
add_groups(struct ctl *ctl, const struct briefs *b, struct columns *t)
{
	const char *name;
	size_t i, n;

	for (i = 0; i < b->n; i += n) {
		name = group_of(b->units[i]);
		for (n = 1; i + n < b->n; n++)
			if (!is_same(name, group_of(b->units[i + n])))
				break;
		add_group(ctl, b, t, name, &b->units[i], n);
	}
}

void
briefs_table(struct ctl *ctl, struct briefs *b)
{
	struct columns *t = columns_new();
	bool any = false;
	size_t i;

	b->with_took = false;
	for (i = 0; i < b->n; i++) {
		b->with_took =
		    b->with_took || jv_type(jv_get(b->units[i], "took_ms")) == JV_INT;
		any = any || group_of(b->units[i]) != NULL;
	}
	/* (Without any the one table that there is needs no title.) */
	b->grouped = b->grouped && any;
	columns_add(t, "", 0);
	columns_add(t, "UNIT", COL_SHRINK);
	columns_add(t, "STATE", 0);
	columns_add(t, "SUB", 0);
	columns_add(t, "SINCE", COL_RIGHT);
	if (b->with_took)
		columns_add(t, "TOOK", COL_RIGHT);
	columns_add(t, "PID", COL_RIGHT);
	columns_add(t, "RESTARTS", COL_RIGHT);
	columns_add(t, "WHAT", COL_SHRINK);
	briefs_sort(b);
	if (b->grouped)
		add_groups(ctl, b, t);
	for (i = 0; i < b->n && !b->grouped; i++)
		add_row(ctl, b, t, b->units[i], 0);
	if (b->n == 0)
		ctl_say(ctl, "no units");
	else
		ctl_columns(ctl, t, !ctl->quiet);
	columns_free(t);
}
