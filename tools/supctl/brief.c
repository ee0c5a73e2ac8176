/* brief: see the header. */
#include "brief.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

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

/* What a unit is sorted by, looked up once. */
struct place {
	int rank;
	const char *name;
	const struct jv *unit;
};

static int
compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

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

/* Of what went wrong one wants the reason, of a session why it does not work, of the
 * others what they are. */
static const char *
what_of(const struct jv *u, bool troubled)
{
	const char *session = session_of(u);

	if (troubled && *field(u, "why") != '\0')
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

static void
add_row(struct ctl *ctl, struct columns *t, const struct jv *u, bool ended)
{
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
	const char *session = ended ? NULL : session_of(u), *what;

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
	what = ended ? field(u, "description")
		     : what_of(u, unfit || held || ill || rank(state) < 2);
	/* Of those that something has named, where that is. */
	if (!ended && what == field(u, "description") && *field(u, "source") != '\0')
		columns_cellf(
		    t, STYLE_NONE, "%s, of %s", what, source_base(field(u, "source")));
	else if (strcmp(load, "masked") != 0 && is_kept_off(u))
		columns_cellf(t, STYLE_NONE, "%s (%s)", what, field(u, "enabled"));
	else
		columns_cell(t, STYLE_NONE, what);
}

/* ---- groups that are counted ---- */

enum {
	GROUP_FAILED_SHOWN = 3,
	GROUPS_MAX = 64, /* more are listed as any unit */
};

struct summary {
	const char *name;
	size_t total, done, running, queued, failed;
};

static size_t *
count_of(struct summary *g, const struct jv *u)
{
	const char *state = field(u, "state"), *sub = field(u, "substate");

	if (strcmp(state, "failed") == 0)
		return &g->failed;
	if (strcmp(sub, "held") == 0 || strcmp(sub, "queued") == 0)
		return &g->queued;
	return strcmp(state, "inactive") == 0 ? &g->done : &g->running;
}

/* The group that u is counted in, made when it is the first of it; NULL: in none. */
static struct summary *
summary_of(struct summary *groups, size_t *n, const struct jv *u)
{
	const char *name = field(u, "group");

	if (!jv_bool(jv_get(u, "summary"), false))
		return NULL;
	for (size_t i = 0; i < *n; i++)
		if (strcmp(groups[i].name, name) == 0)
			return &groups[i];
	if (*n == GROUPS_MAX)
		return NULL;
	groups[*n] = (struct summary){ .name = name };
	return &groups[(*n)++];
}

static void
put_summaries(struct ctl *ctl, const struct summary *groups, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct summary *g = &groups[i];
		const struct {
			size_t n;
			const char *text;
			enum style style;
		} parts[] = { { g->done, "done", STYLE_NONE },
			{ g->running, "running", STYLE_GREEN },
			{ g->queued, "queued", STYLE_YELLOW },
			{ g->failed, "FAILED", STYLE_RED } };
		const char *gap = " ";
		char text[48];

		ctl_style(ctl, STYLE_BOLD, g->name);
		ctl_printf(ctl, " (%zu):", g->total);
		for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
			if (parts[k].n == 0)
				continue;
			ctl_printf(ctl, "%s", gap);
			snprintf(text, sizeof(text), "%zu %s", parts[k].n, parts[k].text);
			ctl_style(ctl, parts[k].style, text);
			gap = ", ";
		}
		ctl_printf(ctl, "\n");
	}
}

/* Counted; true: it is listed as well. */
static bool
count(struct summary *groups, size_t *n, const struct jv *u)
{
	struct summary *g = summary_of(groups, n, u);
	size_t *kind;

	if (g == NULL)
		return true;
	g->total++;
	kind = count_of(g, u);
	(*kind)++;
	return kind == &g->running ||
	       (kind == &g->failed && g->failed <= GROUP_FAILED_SHOWN);
}

void
briefs_table(struct ctl *ctl, struct briefs *b)
{
	struct columns *t = columns_new();
	struct summary groups[GROUPS_MAX];
	size_t i, n = 0;

	columns_add(t, "", 0);
	columns_add(t, "UNIT", COL_SHRINK);
	columns_add(t, "STATE", 0);
	columns_add(t, "SUB", 0);
	columns_add(t, "SINCE", COL_RIGHT);
	columns_add(t, "PID", COL_RIGHT);
	columns_add(t, "RESTARTS", COL_RIGHT);
	columns_add(t, "WHAT", COL_SHRINK);
	briefs_sort(b);
	for (i = 0; i < b->n; i++)
		if (!b->summarise || count(groups, &n, b->units[i]))
			add_row(ctl, t, b->units[i],
			    b->ended != NULL && b->ended(b->arg, b->units[i]));
	if (b->n == 0)
		ctl_say(ctl, "no units");
	else
		ctl_columns(ctl, t, !ctl->quiet);
	put_summaries(ctl, groups, n);
	columns_free(t);
}
