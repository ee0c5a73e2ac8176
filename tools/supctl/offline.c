/*
 * offline: see the header.  run/status.json holds what Manager.Status answers, and
 * `units' as Unit.List has them; fields that are missing are shown as unknown.
 */
#include "offline.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "brief.h"
#include "ctl.h"
#include "survivors.h"
#include "tail.h"

#include "journal/layout.h"
#include "journal/reader.h"
#include "lib/clock.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/name.h"

/* What the files say, read once. */
struct remains {
	bool silent;       /* supd runs, its manager does not answer */
	struct jv *status; /* NULL: no status.json */
	uint64_t age_us;   /* of it */
	struct survivors alive;
	bool counted; /* alive is known */
};

bool
offline_helps(enum client_result r)
{
	return r == CLIENT_DOWN || r == CLIENT_TIMEOUT || r == CLIENT_CLOSED;
}

static void
remains_read(struct ctl *ctl, enum client_result why_not, struct remains *r)
{
	char *path = ctl_run_path(ctl, "status.json");
	struct buf text = { 0 };
	struct buf why = { 0 };
	struct json_err err;
	uint64_t then, now;
	struct stat st;

	memset(r, 0, sizeof(*r));
	r->silent = why_not != CLIENT_DOWN;
	if (stat(path, &st) == -1) {
		if (errno != ENOENT)
			ctl_warn(ctl, "%s: %s", path, strerror(errno));
	} else if (!client_may_trust(&ctl->in, st.st_uid, geteuid())) {
		ctl_warn(ctl, "%s is not believed: it is another user's", path);
	} else if (file_read_at(AT_FDCWD, path, JSON_BYTES_DEFAULT, &text) == -1) {
		ctl_warn(ctl, "%s: %s", path, strerror(errno));
	} else {
		r->status = jv_parse(buf_str(&text), text.len, &err);
		if (r->status == NULL)
			ctl_warn(ctl, "%s is damaged: %s; supd writes it anew", path,
			    err.text);
		then = (uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC +
		       (uint64_t)st.st_mtim.tv_nsec / 1000;
		now = clock_wall_us();
		r->age_us = now > then ? now - then : 0;
	}
	r->counted = survivors_find(ctl, &r->alive, &why) == 0;
	if (!r->counted)
		ctl_warn(ctl, "what still runs is not known: %s", buf_str(&why));
	buf_free(&why);
	buf_free(&text);
	free(path);
}

static void
remains_clear(struct remains *r)
{
	jv_free(r->status);
	survivors_clear(&r->alive);
}

static char *
full_name(const char *word)
{
	char *name = unit_name_add_suffix(word);

	return name == NULL ? xstrdup(word) : name;
}

static bool
matches(const struct jv *u, int n, char **patterns)
{
	const char *unit = jv_str(jv_get(u, "unit"), "");
	const char *group = jv_str(jv_get(u, "group"), NULL);
	char *name;
	bool hit = n == 0;
	int i;

	for (i = 0; i < n && !hit; i++) {
		if (patterns[i][0] == '@') {
			hit = group != NULL && fnmatch(patterns[i] + 1, group, 0) == 0;
			continue;
		}
		name = full_name(patterns[i]);
		hit = fnmatch(patterns[i], unit, FNM_NOESCAPE) == 0 ||
		      strcmp(name, unit) == 0;
		free(name);
	}
	return hit;
}

/* As list --state means it: its state, its substate, or what its session did. */
static bool
is_in_state(const struct jv *u, const struct strv *states)
{
	const char *is[] = {
		jv_str(jv_get(u, "state"), ""),
		jv_str(jv_get(u, "substate"), ""),
		jv_str(jv_get(jv_get(u, "session"), "state"), ""),
	};

	if (states->n == 0)
		return true;
	for (size_t i = 0; i < states->n; i++)
		for (size_t k = 0; k < sizeof(is) / sizeof(is[0]); k++)
			if (strcmp(states->v[i], is[k]) == 0)
				return true;
	return false;
}

static void
put_down(struct ctl *ctl, const struct remains *r)
{
	char text[CLOCK_TEXT_MAX];

	ctl_style(ctl, STYLE_RED, ctl_state_dot(ctl, "failed"));
	if (r->silent)
		ctl_printf(ctl, " the manager of supd does not answer on ");
	else
		ctl_printf(ctl, " supd is not running on ");
	ctl_style(ctl, STYLE_BOLD, ctl->in.root);
	ctl_printf(ctl, "\n");
	if (r->status != NULL)
		ctl_printf(ctl, "  What follows was known %s ago.\n",
		    clock_format_duration(text, sizeof(text), r->age_us));
	else
		ctl_printf(ctl, "  It left no status.\n");
}

/* For those who read only the data: on stderr, since it is not as fresh as it looks. */
static void
warn_silent(struct ctl *ctl, const struct remains *r)
{
	char text[CLOCK_TEXT_MAX];

	if (!r->silent)
		return;
	if (r->status != NULL)
		ctl_warn(ctl,
		    "the manager of supd does not answer; this was known %s ago",
		    clock_format_duration(text, sizeof(text), r->age_us));
	else
		ctl_warn(ctl, "the manager of supd does not answer and left no status");
}

static void
put_next(struct ctl *ctl, const struct remains *r)
{
	if (r->silent) {
		ctl_printf(ctl,
		    "\n  Next: try again; init replaces a manager that hangs, and its "
		    "stderr says so\n");
		return;
	}
	ctl_printf(ctl, "\n  Next: supd -C ");
	ctl_put(ctl, ctl->in.root);
	ctl_printf(ctl, " -d%s\n",
	    r->alive.n > 0 ? " takes them over; supctl shutdown --offline ends them"
			   : "");
}

static bool
is_alive(const struct survivors *s, const char *unit)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->v[i].unit, unit) == 0)
			return true;
	return false;
}

/* It had a process when the status was written, and none is left. */
static bool
has_ended(const void *arg, const struct jv *u)
{
	const struct remains *r = arg;

	return r->counted && jv_i64(jv_get(u, "pid"), 0) > 0 &&
	       !is_alive(&r->alive, jv_str(jv_get(u, "unit"), ""));
}

static void
put_survivors(struct ctl *ctl, const struct survivors *s, const char *unit)
{
	bool first = true;
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (unit != NULL && strcmp(s->v[i].unit, unit) != 0)
			continue;
		ctl_printf(ctl, "%s%d ",
		    first ? "  Still running: " : "                 ", (int)s->v[i].pid);
		if (unit == NULL) {
			ctl_put(ctl, s->v[i].unit);
			ctl_printf(ctl, ": ");
		}
		ctl_put(ctl, s->v[i].command);
		ctl_printf(ctl, "\n");
		first = false;
	}
}

static void
json_survivors(struct jw *w, const struct survivors *s, const char *unit)
{
	size_t i;

	jw_kv_arr(w, "survivors");
	for (i = 0; i < s->n; i++) {
		if (unit != NULL && strcmp(s->v[i].unit, unit) != 0)
			continue;
		jw_obj(w);
		jw_kv_i64(w, "pid", s->v[i].pid);
		jw_kv_str(w, "unit", s->v[i].unit);
		jw_kv_str(w, "command", s->v[i].command);
		jw_kv_bool(w, "main", s->v[i].main);
		jw_end(w);
	}
	jw_end(w);
}

/* The members of o, if it is an object, but those of the given names. */
static void
json_members(struct jw *w, const struct jv *o, const char *but)
{
	size_t i;

	for (i = 0; jv_type(o) == JV_OBJECT && i < jv_count(o); i++) {
		if (strcmp(jv_key_at(o, i), but) == 0)
			continue;
		jw_key(w, jv_key_at(o, i));
		jv_write(jv_at(o, i), w);
	}
}

/* What the file says of a unit (u, may be NULL), and what is known beside it. */
static void
json_unit(struct jw *w, const struct remains *r, const char *unit, const struct jv *u)
{
	jw_obj(w);
	if (u == NULL)
		jw_kv_str(w, "unit", unit);
	else
		json_members(w, u, "survivors");
	jw_kv_bool(w, "supd_running", r->silent);
	jw_kv_bool(w, "supd_answers", false);
	if (r->status != NULL)
		jw_kv_u64(w, "known_ms", r->age_us / USEC_PER_MSEC);
	json_survivors(w, &r->alive, unit);
	jw_end(w);
}

static void
json_list(struct ctl *ctl, const struct remains *r, struct briefs *list)
{
	struct jw *w = ctl_json_new(ctl);
	size_t i;

	jw_arr(w);
	for (i = 0; i < list->n; i++)
		json_unit(
		    w, r, jv_str(jv_get(list->units[i], "unit"), ""), list->units[i]);
	jw_end(w);
	ctl_json_take(ctl, w);
}

int
offline_overview(struct ctl *ctl, enum client_result why_not)
{
	struct remains r;
	struct briefs list = { .ended = has_ended, .arg = &r };
	struct jw *w;
	int code;

	remains_read(ctl, why_not, &r);
	if (ctl->json) {
		warn_silent(ctl, &r);
		w = ctl_json_new(ctl);
		jw_obj(w);
		jw_kv_bool(w, "running", r.silent);
		jw_kv_bool(w, "answers", false);
		jw_kv_str(w, "root", ctl->in.root);
		if (r.status != NULL)
			jw_kv_u64(w, "known_ms", r.age_us / USEC_PER_MSEC);
		json_survivors(w, &r.alive, NULL);
		jw_key(w, "last");
		jv_write(r.status, w);
		jw_end(w);
		ctl_json_take(ctl, w);
	} else if (!ctl->quiet) {
		put_down(ctl, &r);
		put_survivors(ctl, &r.alive, NULL);
		if (jv_count(jv_get(r.status, "units")) > 0) {
			ctl_printf(ctl, "\n");
			briefs_take(&list, NULL, jv_get(r.status, "units"));
			list.grouped = true;
			briefs_table(ctl, &list);
		}
		put_next(ctl, &r);
	}
	briefs_clear(&list);
	code = r.silent ? CTL_TIMEOUT : CTL_INACTIVE;
	remains_clear(&r);
	return code;
}

int
offline_list(struct ctl *ctl, enum client_result why_not, int n, char **patterns,
    const struct strv *states)
{
	struct remains r;
	struct briefs list = { .ended = has_ended, .arg = &r };
	size_t i, kept = 0;
	int code;

	remains_read(ctl, why_not, &r);
	briefs_take(&list, NULL, jv_get(r.status, "units"));
	for (i = 0; i < list.n; i++)
		if (matches(list.units[i], n, patterns) &&
		    is_in_state(list.units[i], states))
			list.units[kept++] = list.units[i];
	list.n = kept;
	if (ctl->json) {
		warn_silent(ctl, &r);
		json_list(ctl, &r, &list);
	} else if (!ctl->quiet) {
		put_down(ctl, &r);
		ctl_printf(ctl, "\n");
		if (list.n > 0)
			briefs_table(ctl, &list);
		put_next(ctl, &r);
	}
	briefs_clear(&list);
	code = r.silent ? CTL_TIMEOUT : CTL_DOWN;
	remains_clear(&r);
	return code;
}

static void
put_log(struct ctl *ctl, const char *unit, const struct jv *u, size_t lines)
{
	const char *log = jv_str(jv_get(u, "log"), NULL);
	char name[LAYOUT_NAME_MAX + 1];
	char newest[LAYOUT_PATH_MAX];
	int root = open_dir_at(AT_FDCWD, ctl->in.root);

	if (root != -1 &&
	    reader_newest_path(root, layout_name_of_unit(name, sizeof(name), unit),
		newest, sizeof(newest)))
		log = newest;
	fd_close(&root);
	if (log == NULL)
		return;
	ctl_printf(ctl, "  Log: ");
	ctl_put(ctl, log);
	ctl_printf(ctl, "\n");
	if (lines > 0)
		tail_put(ctl, log, lines);
}

static void
put_unit(struct ctl *ctl, const struct remains *r, const char *unit, const struct jv *u,
    size_t lines)
{
	struct jw *w;

	if (ctl->json) {
		w = ctl_json_new(ctl);
		json_unit(w, r, unit, u);
		ctl_json_take(ctl, w);
		return;
	}
	ctl_printf(ctl, "\n");
	ctl_style(ctl, STYLE_BOLD, unit);
	if (u == NULL)
		ctl_printf(ctl, " - nothing is known of it\n");
	else {
		ctl_printf(ctl, " - was ");
		ctl_put(ctl, jv_str(jv_get(u, "state"), "?"));
		ctl_printf(ctl, " (");
		ctl_put(ctl, jv_str(jv_get(u, "substate"), "?"));
		ctl_printf(ctl, ")\n");
		if (has_ended(r, u))
			ctl_printf(ctl, "  Nothing of it is left: it has ended since.\n");
	}
	put_survivors(ctl, &r->alive, unit);
	put_log(ctl, unit, u, lines);
}

int
offline_status(
    struct ctl *ctl, enum client_result why_not, int n, char **names, size_t lines)
{
	const struct jv *units, *u;
	struct remains r;
	char *name;
	size_t k;
	bool hit;
	int i, code;

	remains_read(ctl, why_not, &r);
	units = jv_get(r.status, "units");
	if (ctl->json)
		warn_silent(ctl, &r);
	else if (!ctl->quiet)
		put_down(ctl, &r);
	for (i = 0; i < n && !ctl->quiet; i++) {
		hit = false;
		for (k = 0; k < jv_count(units); k++) {
			u = jv_at(units, k);
			if (!matches(u, 1, &names[i]))
				continue;
			put_unit(ctl, &r, jv_str(jv_get(u, "unit"), ""), u, lines);
			hit = true;
		}
		if (hit)
			continue;
		name = full_name(names[i]);
		put_unit(ctl, &r, name, NULL, lines);
		free(name);
	}
	if (!ctl->json && !ctl->quiet)
		put_next(ctl, &r);
	code = r.silent ? CTL_TIMEOUT : CTL_UNKNOWN;
	remains_clear(&r);
	return code;
}
