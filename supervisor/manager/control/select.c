/*
 * select: from what a caller wrote to units, or an error that says what to do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/links.h"
#include "manager/record/history.h"
#include "manager/service/service.h"
#include "manager/sessions/sessions.h"
#include "manager/watch/unitwatch.h"
#include "unit/load.h"
#include "unit/name.h"

enum {
	SELECT_MAX = 20000, /* units in one call */
	SCAN_FROM = 16, /* units; then reading the folders is less than asking for each */
};

void
selection_clear(struct selection *s)
{
	free(s->v);
	*s = (struct selection){ 0 };
}

void
control_who(const struct call *call, struct wish_who *who)
{
	const struct access_peer *peer = call_peer(call);

	*who = (struct wish_who){ .uid = peer->uid, .pid = peer->pid };
	strlcpy(who->name, peer->user, sizeof(who->name));
	strlcpy(who->command, peer->command, sizeof(who->command));
	/* That a unit asks is not to look as if a person did. */
	if (peer->unit[0] != '\0') {
		strlcat(who->command, " of ", sizeof(who->command));
		strlcat(who->command, peer->unit, sizeof(who->command));
	}
	who->wall_us = clock_wall_us();
}

const char *
control_origin(const struct call *call, char *dst, size_t size)
{
	const struct access_peer *peer = call_peer(call);

	snprintf(dst, size, "uid %s (%s %d%s%s)", peer->user,
	    peer->command[0] == '\0' ? "?" : peer->command, (int)peer->pid,
	    peer->unit[0] != '\0' ? " of " : "", peer->unit);
	return dst;
}

static bool
is_glob(const char *name)
{
	return strpbrk(name, "*?[") != NULL || name[0] == '@';
}

static void
fail_bad_name(struct call *call, const char *name, const char *why)
{
	jw_kv_str(call_begin(call), "unit", name);
	call_fail(call, "io.supd.Unit.BadName", "supctl list shows the names there are",
	    "`%s' is no name of a unit: %s", name, why);
}

static void
fail_not_found(struct control *c, struct call *call, const char *name)
{
	struct strv near = { 0 };
	char *next, *names;

	units_nearest(c->m, name, NEAREST_MAX, &near);
	names = strv_join(&near, ", ");
	next = near.n > 0 ? xasprintf("did you mean %s?", names)
			  : xasprintf("put %s into %s/units, or see supctl list", name,
				c->m->root_path);
	jw_kv_str(call_begin(call), "unit", name);
	jw_kv_strv(call_begin(call), "nearest", &near);
	call_fail(call, "io.supd.Unit.NoSuchUnit", next, "there is no unit %s", name);
	free(next);
	free(names);
	strv_free(&near);
}

static void
fail_bad_unit(struct call *call, const struct unit *u)
{
	struct jw *w = call_begin(call);
	char *why = unit_refusal(u), *next = xasprintf("supctl verify %s", u->name);

	jw_kv_str(w, "unit", u->name);
	render_diagnostics(u, w);
	call_fail(call, "io.supd.Unit.BadUnit", next, "%s",
	    why == NULL ? "the unit file is refused" : why);
	free(why);
	free(next);
}

static bool
is_masked(const struct unit *u)
{
	return u->flag[WISH_FLAG_MASKED] || u->conf->load_state == UNIT_MASKED;
}

void
select_fail_masked(struct call *call, const struct unit *u)
{
	bool by_file = !u->flag[WISH_FLAG_MASKED] && u->conf->fragment != NULL;
	char *why = unit_refusal(u);
	char *next = by_file && !unit_is_by_links(u)
			 ? xasprintf("rm %s", u->conf->fragment)
			 : xasprintf("supctl unmask %s", u->name);

	jw_kv_str(call_begin(call), "unit", u->name);
	call_fail(
	    call, "io.supd.Unit.Masked", next, "%s", why == NULL ? "it is masked" : why);
	free(why);
	free(next);
}

static bool
is_bad(const struct unit *u)
{
	return u->conf->load_state == UNIT_BAD_SETTING ||
	       u->conf->load_state == UNIT_LOAD_ERROR;
}

void
select_fail_no_terminal(struct call *call, const struct unit *u)
{
	char *next;

	if (is_bad(u)) {
		fail_bad_unit(call, u);
		return;
	}
	jw_kv_str(call_begin(call), "unit", u->name);
	if (!unit_is_session(u)) {
		call_fail(call, "io.supd.Session.NoTerminal",
		    "give it one with Terminal=yes in [Session]", "%s has no terminal",
		    u->name);
		return;
	}
	next = xasprintf("supctl start %s", u->name);
	call_fail(call, "io.supd.Session.NoTerminal", next, "%s does not run", u->name);
	free(next);
}

/* It holds whether there is a file or not, and can be found to take it back. */
static bool
is_known_by_wish(const struct unit *u)
{
	return u->flag[WISH_FLAG_ENABLED] || u->flag[WISH_FLAG_HELD] ||
	       u->flag[WISH_FLAG_FROZEN] || u->flag[WISH_FLAG_DRAINING];
}

/* 0, or -1 when the call was answered: u was named and is not fit. */
static int
check_named(struct control *c, struct call *call, const struct unit *u, unsigned flags)
{
	bool runs = unit_is_running(u);
	bool wished = u->flag[WISH_FLAG_MASKED] ||
		      ((flags & SELECT_START) == 0 && is_known_by_wish(u));

	if (u->conf->load_state == UNIT_NOT_FOUND && !u->conf->builtin && !wished &&
	    ((flags & SELECT_START) != 0 || !runs) &&
	    (flags & (SELECT_START | SELECT_LOADED)) != 0) {
		fail_not_found(c, call, u->name);
		return -1;
	}
	if ((flags & SELECT_FILES) == 0 && unit_name_is_template(u->name)) {
		fail_bad_name(call, u->name,
		    "it is a template; name an instance, such as NAME@INSTANCE");
		return -1;
	}
	if ((flags & SELECT_START) == 0)
		return 0;
	if (is_masked(u)) {
		select_fail_masked(call, u);
		return -1;
	}
	if (is_bad(u)) {
		fail_bad_unit(call, u);
		return -1;
	}
	return 0;
}

static void
refresh(struct unit *u, unsigned flags)
{
	if (u->manager->safe_mode)
		return;
	if (unit_refresh(u))
		render_forget(u);
	/* A start is what a changed file waits for. */
	if ((flags & SELECT_START) != 0 && u->changed)
		unit_reload(u);
}

void
select_forget(struct control *c, struct unit *u)
{
	if (history_run(c->m->history, u->name, 0) == NULL)
		(void)unit_forget(u);
}

/* A name as typed to a unit that is fit; NULL: the call was answered. */
static struct unit *
named_unit(struct control *c, struct call *call, const char *typed, unsigned flags)
{
	char *name = unit_name_add_suffix(typed);
	struct unit *u = name == NULL ? NULL : unit_find(c->m, name);

	/* A link that was removed or replaced just now. */
	if (u != NULL && !c->m->safe_mode && unit_name_is_stale(u, name))
		units_on_change(c->m, name);
	u = name == NULL ? NULL : unit_get(c->m, name);
	units_set_edges(c->m);
	free(name);
	if (u == NULL) {
		fail_bad_name(call, typed,
		    "letters, digits, and : - _ . \\ @ only, at most 255 bytes");
		return NULL;
	}
	refresh(u, flags);
	if (check_named(c, call, u, flags) == -1) {
		/* Whoever asks for names that are none must not fill the memory. */
		select_forget(c, u);
		return NULL;
	}
	return u;
}

static bool
add_unit(struct selection *s, struct map *seen, struct unit *u)
{
	if (map_has(seen, u->name))
		return true;
	if (s->n >= SELECT_MAX)
		return false;
	map_set(seen, u->name, u);
	s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = u;
	return true;
}

static void
drop_templates(struct strv *names)
{
	for (size_t i = names->n; i-- > 0;)
		if (unit_name_is_template(names->v[i]))
			strv_remove_at(names, i);
}

/* All that a glob matches; -1: the call was answered. */
static int
add_glob(struct control *c, struct call *call, const char *pattern, unsigned flags,
    struct map *seen, struct selection *out)
{
	struct strv names = { 0 };
	bool scan;
	int rc = 0;

	(void)units_match(c->m, pattern, &names);
	if ((flags & SELECT_FILES) == 0 || (flags & SELECT_UNITS) != 0)
		drop_templates(&names);
	if (names.n == 0) {
		jw_kv_str(call_begin(call), "unit", pattern);
		jw_kv_arr(call_begin(call), "nearest");
		jw_end(call_begin(call));
		call_fail(call, "io.supd.Unit.NoSuchUnit",
		    "supctl list shows the names there are",
		    pattern[0] == '@' ? "no unit is of the group %s (StatusGroup=)"
				      : "no unit matches %s",
		    pattern[0] == '@' ? pattern + 1 : pattern);
		rc = -1;
	}
	scan = names.n >= SCAN_FROM && !c->m->safe_mode;
	if (scan)
		unit_paths_scan(c->m->paths);
	for (size_t i = 0; rc == 0 && i < names.n; i++) {
		struct unit *u = unit_find(c->m, names.v[i]);

		if (u == NULL)
			continue;
		refresh(u, flags);
		if (!add_unit(out, seen, u)) {
			call_fail(call, "io.supd.Unit.TooMany", "use a narrower glob",
			    "%s matches more than %d units", pattern, SELECT_MAX);
			rc = -1;
		}
	}
	if (scan)
		unit_paths_forget(c->m->paths);
	strv_free(&names);
	return rc;
}

/* What a supervised peer may touch is its own unit only. */
static int
check_self(struct call *call, const struct selection *s)
{
	const struct access_peer *peer = call_peer(call);

	if (!call_is_self(call))
		return 0;
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->v[i]->name, peer->unit) == 0)
			continue;
		jw_kv_str(call_begin(call), "class", access_class_name(peer->class));
		call_fail(call, "io.supd.Manager.PermissionDenied",
		    "call it from outside of supd's units", "%s may %s itself, not %s",
		    peer->unit,
		    peer->class == ACCESS_SELF ? "read, stop and restart"
					       : "stop and restart",
		    s->v[i]->name);
		return -1;
	}
	return 0;
}

int
select_units(struct control *c, struct call *call, unsigned flags, struct selection *out)
{
	const struct jv *units = jv_get(call_params(call), "units");
	struct map seen = { 0 }, typed = { 0 };
	size_t globs = 0;
	int rc = -1;

	*out = (struct selection){ 0 };
	if (jv_count(units) == 0) {
		call_invalid(call, "units", "names no unit");
		return -1;
	}
	if ((flags & SELECT_START) != 0 && !c->m->safe_mode)
		unitwatch_take_links(c->m->watch);
	for (size_t i = 0; i < jv_count(units); i++) {
		const char *name = jv_str(jv_at(units, i), "");
		struct unit *u;

		/* Each is looked for on the disk, while all others wait. */
		if (map_has(&typed, name))
			continue;
		map_set(&typed, name, NULL);
		if (is_glob(name)) {
			if (++globs > SELECT_GLOBS_MAX) {
				call_invalid(call, "units", "more than %d patterns",
				    SELECT_GLOBS_MAX);
				goto out;
			}
			if (add_glob(c, call, name, flags, &seen, out) == -1)
				goto out;
			continue;
		}
		u = named_unit(c, call, name, flags);
		if (u == NULL)
			goto out;
		if (!add_unit(out, &seen, u)) {
			call_fail(call, "io.supd.Unit.TooMany", "use several calls",
			    "more than %d units in one call", SELECT_MAX);
			goto out;
		}
	}
	rc = check_self(call, out);
out:
	map_clear(&seen, NULL);
	map_clear(&typed, NULL);
	return rc;
}

struct unit *
select_unit(struct control *c, struct call *call, const char *parameter, unsigned flags)
{
	const char *name = jv_str(jv_get(call_params(call), parameter), "");

	return select_named(c, call, name, flags);
}

struct unit *
select_named(struct control *c, struct call *call, const char *name, unsigned flags)
{
	struct unit *u = named_unit(c, call, name, flags);
	struct selection one = { .v = &u, .n = 1 };

	return u == NULL || check_self(call, &one) == -1 ? NULL : u;
}
