/*
 * wish: what persons decided about a unit, and who.  A wish is one event; the logger also
 * appends it to state/wishes at once, so it outlives everything.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/json.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/budget/budgets.h"
#include "manager/instances.h"
#include "manager/links.h"
#include "manager/manager.h"
#include "manager/part/part.h"
#include "manager/part/pools.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/service/service.h"
#include "manager/sysinit.h"
#include "manager/units.h"
#include "manager/wish/emergency.h"
#include "manager/wish/hold.h"
#include "unit/conf.h"
#include "unit/load.h"

/* What an event says, and what it does.  The words are kept for ever. */
static const struct {
	const char *what;
	const char *undo; /* supctl command that takes it back */
	int wish;         /* enum wish, -1: a flag */
	int flag;         /* enum wish_flag */
	bool on;
} words[] = {
	{ "started", "stop", WISH_STARTED, 0, false },
	{ "stopped", "start", WISH_STOPPED, 0, false },
	{ "forgotten", "start", WISH_NONE, 0, false },
	{ "enabled", "disable", -1, WISH_FLAG_ENABLED, true },
	{ "not-enabled", "enable", -1, WISH_FLAG_ENABLED, false },
	{ "disabled", "enable", -1, WISH_FLAG_DISABLED, true },
	{ "not-disabled", "disable", -1, WISH_FLAG_DISABLED, false },
	{ "masked", "unmask", -1, WISH_FLAG_MASKED, true },
	{ "unmasked", "mask", -1, WISH_FLAG_MASKED, false },
	{ "held", "release", -1, WISH_FLAG_HELD, true },
	{ "released", "hold", -1, WISH_FLAG_HELD, false },
	{ "frozen", "thaw", -1, WISH_FLAG_FROZEN, true },
	{ "thawed", "freeze", -1, WISH_FLAG_FROZEN, false },
	{ "halted", "start", -1, WISH_FLAG_HALTED, true },
	{ "not-halted", "stop", -1, WISH_FLAG_HALTED, false },
	{ "draining", "start", -1, WISH_FLAG_DRAINING, true },
	{ "not-draining", "drain", -1, WISH_FLAG_DRAINING, false },
	{ "awaited", "stop", -1, WISH_FLAG_AWAITED, true },
	{ "not-awaited", "start", -1, WISH_FLAG_AWAITED, false },
};
enum { NWORDS = sizeof(words) / sizeof(words[0]) };

const char *
wish_name(enum wish wish)
{
	for (int i = 0; i < NWORDS; i++) {
		if (words[i].wish == (int)wish)
			return words[i].what;
	}
	return "?";
}

const char *
wish_flag_name(enum wish_flag flag)
{
	for (int i = 0; i < NWORDS; i++) {
		if (words[i].wish == -1 && words[i].flag == (int)flag && words[i].on)
			return words[i].what;
	}
	return "?";
}

/* As it stands before "by": it was not drained yet. */
static const char *
flag_verb(int flag)
{
	return flag == WISH_FLAG_DRAINING ? "being drained"
					  : wish_flag_name((enum wish_flag)flag);
}

static uint64_t
tell(struct unit *u, int i, const struct wish_who *who)
{
	struct emitter *ev = u->manager->events;
	const struct wish_terms *t =
	    words[i].wish == -1 && words[i].on ? &u->terms[words[i].flag] : NULL;
	char until[CLOCK_TEXT_MAX];

	event_begin(ev, EVENT_WISH, u->name, NULL);
	event_str(ev, "what", words[i].what);
	event_strf(ev, "who", "%s (%s)", who->name, who->command);
	event_strf(ev, "undo", "supctl %s %s", words[i].undo, u->name);
	event_str(ev, "user", who->name);
	event_int(ev, "uid", (int64_t)who->uid);
	event_int(ev, "by_pid", who->pid);
	event_str(ev, "command", who->command);
	if (t != NULL && t->reason != NULL)
		event_str(ev, "reason", t->reason);
	if (t != NULL && t->until_wall_us != 0)
		event_str(ev, "until",
		    clock_format_utc(until, sizeof(until), t->until_wall_us));
	return event_end_wish(ev);
}

/* reason NULL, until 0: none. */
static void
set_terms(struct unit *u, int flag, const char *reason, uint64_t until_wall_us)
{
	const struct wish_who *who = u->flag_who[flag];
	struct wish_terms *t = &u->terms[flag];
	char until[CLOCK_TEXT_MAX];

	free(t->reason);
	free(t->text);
	t->reason =
	    reason == NULL || *reason == '\0'
		? NULL
		: xstrndup(reason, utf8_head(reason, strlen(reason), WISH_REASON_MAX));
	t->until_wall_us = until_wall_us;
	if (until_wall_us != 0)
		clock_format_local(until, sizeof(until), until_wall_us);
	t->text =
	    xasprintf("%s by %s (%s)%s%s%s%s", flag_verb(flag), who->name, who->command,
		until_wall_us == 0 ? "" : " until ", until_wall_us == 0 ? "" : until,
		t->reason == NULL ? "" : ": ", t->reason == NULL ? "" : t->reason);
}

static void
apply(struct unit *u, int i, const struct wish_who *who)
{
	if (words[i].wish != -1) {
		u->wish = (enum wish)words[i].wish;
		u->wish_who = *who;
	} else {
		u->flag[words[i].flag] = words[i].on;
		free(u->flag_who[words[i].flag]);
		u->flag_who[words[i].flag] = xmemdup(who, sizeof(*who));
		set_terms(u, words[i].flag, NULL, 0);
	}
	unit_render_drop(u);
}

uint64_t
unit_set_wish(struct unit *u, enum wish wish, const struct wish_who *who)
{
	uint64_t seq = 0;

	for (int i = 0; i < NWORDS; i++) {
		if (words[i].wish != (int)wish)
			continue;
		apply(u, i, who);
		seq = tell(u, i, who);
	}
	return seq;
}

static uint64_t
set_one_flag(struct unit *u, enum wish_flag flag, bool on, const struct wish_who *who)
{
	uint64_t seq = 0;

	for (int i = 0; i < NWORDS; i++) {
		if (words[i].wish != -1 || words[i].flag != (int)flag ||
		    words[i].on != on)
			continue;
		apply(u, i, who);
		seq = tell(u, i, who);
	}
	if (flag == WISH_FLAG_MASKED)
		sysinit_on_mask(u);
	return seq;
}

void
unit_set_awaited(struct unit *u, bool on)
{
	struct wish_who who = { .uid = u->manager->owner,
		.wall_us = clock_wall_us(),
		.name = "a start that waits",
		.command = "supd" };

	/* (Of a job that is being planned or settled: nothing may follow from it.) */
	if (u->flag[WISH_FLAG_AWAITED] != on)
		(void)set_one_flag(u, WISH_FLAG_AWAITED, on, &who);
}

uint64_t
unit_set_terms(struct unit *u, enum wish_flag flag, const char *reason,
    uint64_t until_wall_us, const struct wish_who *who)
{
	uint64_t seq = 0;

	for (int i = 0; i < NWORDS; i++) {
		if (words[i].wish != -1 || words[i].flag != (int)flag || !words[i].on)
			continue;
		apply(u, i, who);
		set_terms(u, (int)flag, reason, until_wall_us);
		seq = tell(u, i, who);
	}
	if (flag == WISH_FLAG_MASKED)
		sysinit_on_mask(u);
	if (hold_is_by_flag(flag))
		pools_on_held(u);
	return seq;
}

/* What the instance that the template names is depends on it. */
static void
look_at_default(const struct unit *template)
{
	const char *instance = template->conf->rules->default_instance;
	char *name = instance == NULL
			 ? NULL
			 : unit_name_replace_instance(template->name, instance);
	struct unit *u = name == NULL ? NULL : unit_find(template->manager, name);

	if (u != NULL) {
		unit_render_drop(u);
		unit_look_at_aliases(u);
	}
	free(name);
}

uint64_t
unit_set_flag(struct unit *u, enum wish_flag flag, bool on, const struct wish_who *who)
{
	uint64_t seq;

	/* Enabled and disabled exclude each other: the newer decision holds. */
	if (on && flag == WISH_FLAG_ENABLED && u->flag[WISH_FLAG_DISABLED])
		(void)set_one_flag(u, WISH_FLAG_DISABLED, false, who);
	if (on && flag == WISH_FLAG_DISABLED && u->flag[WISH_FLAG_ENABLED])
		(void)set_one_flag(u, WISH_FLAG_ENABLED, false, who);
	if (!on && u->flag[flag] && flag == WISH_FLAG_HELD)
		budgets_on_released(u, who);
	if (!on && u->flag[flag] && hold_is_by_flag(flag))
		hold_on_released(u);
	seq = set_one_flag(u, flag, on, who);
	if (on && hold_is_by_flag(flag))
		pools_on_held(u);
	if (u->instances != NULL)
		instances_on_conf(u);
	if (unit_name_is_template(u->name))
		look_at_default(u);
	else
		unit_look_at_aliases(u);
	member_on_rest(u);
	return seq;
}

/* One line; own NULL: of whichever unit has the name that it says, else only when that is
 * the one.  Returns whether it was of another name of its unit. */
static bool
restore_line(struct manager *m, struct unit *own, const char *line, size_t len)
{
	struct jv *v = jv_parse(line, len, NULL);
	const char *what = jv_str(jv_get(v, "what"), "");
	const char *name = jv_str(jv_get(v, "unit"), "");
	struct wish_who who = { 0 };
	uint64_t until_us;
	struct unit *u;
	bool fleet, is_other = false;

	if (own != NULL && strcmp(own->name, name) != 0) {
		jv_free(v);
		return false;
	}
	strlcpy(who.name, jv_str(jv_get(v, "user"), "?"), sizeof(who.name));
	strlcpy(who.command, jv_str(jv_get(v, "command"), "?"), sizeof(who.command));
	who.uid = (uid_t)jv_i64(jv_get(v, "uid"), -1);
	who.pid = (pid_t)jv_i64(jv_get(v, "by_pid"), 0);
	if (clock_parse(jv_str(jv_get(v, "ts"), ""), &who.wall_us) == -1)
		who.wall_us = 1; /* somebody, some time */
	if (clock_parse(jv_str(jv_get(v, "until"), ""), &until_us) == -1)
		until_us = 0;
	fleet = own == NULL && emergency_restore(m, what, name, v, &who);
	for (int i = 0; i < NWORDS && !fleet; i++) {
		if (strcmp(words[i].what, what) != 0)
			continue;
		u = own != NULL ? own : unit_get(m, name);
		if (u == NULL)
			continue;
		apply(u, i, &who);
		if (words[i].wish == -1 && words[i].on)
			set_terms(u, words[i].flag, jv_str(jv_get(v, "reason"), NULL),
			    until_us);
		is_other = strcmp(u->name, name) != 0;
	}
	jv_free(v);
	return is_other;
}

struct restoring {
	struct manager *m;
	bool others; /* some were of other names */
};

static void
restore_any(void *arg, const char *line, size_t len)
{
	struct restoring *r = arg;

	if (restore_line(r->m, NULL, line, len))
		r->others = true;
}

static void
restore_named(void *arg, const char *line, size_t len)
{
	struct restoring *r = arg;
	struct jv *v = jv_parse(line, len, NULL);
	struct unit *u = unit_find(r->m, jv_str(jv_get(v, "unit"), ""));

	jv_free(v);
	if (u != NULL)
		(void)restore_line(r->m, u, line, len);
}

void
wishes_restore(struct manager *m)
{
	struct restoring r = { .m = m };

	store_each_wish(m->store, restore_any, &r);
	/* Somebody who stopped what had that name before did not mean this unit: what was
	 * said of its own name counts. */
	if (r.others)
		store_each_wish(m->store, restore_named, &r);
}

static void
restore_own(void *arg, const char *line, size_t len)
{
	struct unit *u = arg;

	(void)restore_line(u->manager, u, line, len);
}

void
wish_restore_own(struct unit *u)
{
	u->wish = WISH_NONE;
	u->wish_who = (struct wish_who){ 0 };
	for (int i = 0; i < WISH_NFLAGS; i++) {
		u->flag[i] = false;
		free(u->flag_who[i]);
		u->flag_who[i] = NULL;
		free(u->terms[i].reason);
		free(u->terms[i].text);
		u->terms[i] = (struct wish_terms){ 0 };
	}
	store_each_wish(u->manager->store, restore_own, u);
	unit_render_drop(u);
}

bool
units_path_is_in_folder(const struct manager *m, const char *path)
{
	const char *root = m->root_path;
	size_t n = strlen(root);

	return path != NULL && strncmp(path, root, n) == 0 &&
	       strncmp(path + n, "/units/", 7) == 0;
}

bool
unit_is_in_folder(const struct unit *u)
{
	return units_path_is_in_folder(u->manager, u->conf->fragment);
}

bool
unit_is_default(const struct unit *u)
{
	const char *instance = u->conf->rules->default_instance;

	return instance != NULL && u->conf->instance != NULL &&
	       strcmp(instance, u->conf->instance) == 0 && u->conf->rules->has_install &&
	       unit_is_of_template(u) && unit_is_in_folder(u) && !unit_is_by_links(u);
}

bool
unit_has_install(const struct unit *u)
{
	if (unit_is_of_template(u))
		return unit_is_default(u);
	if (unit_name_is_template(u->name) && !unit_is_by_links(u) &&
	    u->conf->rules->default_instance == NULL)
		return false;
	return u->conf->rules->has_install;
}

const char *
unit_install_denied(const struct unit *u)
{
	char *name = unit_is_default(u) ? unit_name_template(u->name) : NULL;
	const struct unit *template = NULL;

	if (name != NULL)
		template = unit_find(u->manager, name);
	free(name);
	if (template != NULL && template->flag[WISH_FLAG_MASKED])
		return "its template is masked";
	if (template != NULL && template->flag[WISH_FLAG_DISABLED])
		return "its template is disabled";
	if (template != NULL && template->flag[WISH_FLAG_ENABLED])
		return NULL;
	return links_preset_disables(u) ? "disabled by a preset" : NULL;
}

bool
unit_is_enabled_here(const struct unit *u)
{
	if (!unit_is_in_folder(u) || unit_is_by_links(u) || u->flag[WISH_FLAG_DISABLED])
		return false;
	return u->flag[WISH_FLAG_ENABLED] ||
	       (unit_has_install(u) && unit_install_denied(u) == NULL);
}

bool
unit_is_wanted(const struct unit *u, const char **why)
{
	static const char nothing_starts_it[] = "nothing starts it with the instance";
	const char *no;

	if (u->conf->load_state == UNIT_MASKED || u->flag[WISH_FLAG_MASKED])
		no = "masked";
	else if (u->conf->load_state != UNIT_LOADED || !unit_can_start(u))
		no = "not loaded";
	else if (hold_why(u) != NULL)
		no = "held";
	else if (u->wish == WISH_STOPPED)
		no = "stopped by a person";
	else if (u->wish == WISH_STARTED && !u->transient)
		no = NULL;
	else if (u->flag[WISH_FLAG_DISABLED])
		no = "disabled";
	else if (!unit_is_by_links(u) && phases_start(u))
		no = "its phase starts it";
	else if (u->flag[WISH_FLAG_ENABLED])
		no = NULL;
	else if (member_is_named(u))
		no = NULL;
	else if (unit_is_by_links(u))
		no = u->wanted_by != NULL ? NULL : nothing_starts_it;
	else if (!unit_has_install(u) || !unit_is_in_folder(u))
		no = nothing_starts_it;
	else
		no = unit_install_denied(u);
	if (why != NULL)
		*why = no != NULL                   ? no
		       : u->wish == WISH_STARTED    ? "the wish of a person"
		       : u->flag[WISH_FLAG_ENABLED] ? "enabled"
		       : member_is_named(u)         ? member_source(u)
		       : unit_is_by_links(u)        ? u->wanted_by
						    : "[Install]";
	return no == NULL;
}

char *
unit_refusal(const struct unit *u)
{
	if (u->flag[WISH_FLAG_MASKED])
		return xasprintf("%s is masked by %s; `supctl unmask %s' allows it again",
		    u->name, u->flag_who[WISH_FLAG_MASKED]->name, u->name);
	switch (u->conf->load_state) {
	case UNIT_NOT_FOUND:
		if (unit_name_type(u->name) == UNIT_POOL)
			return xasprintf("%s has no unit file; add one, with Slots= in "
					 "[Pool], or take Pool= out",
			    u->name);
		return xasprintf("%s has no unit file", u->name);
	case UNIT_MASKED:
		return xasprintf("%s is masked: its file %s is empty or a link to "
				 "/dev/null; remove it to allow it again",
		    u->name, u->conf->fragment != NULL ? u->conf->fragment : "");
	case UNIT_BAD_SETTING:
	case UNIT_LOAD_ERROR:
		for (size_t i = 0; i < u->diags.n; i++) {
			char *line, *text;

			if (u->diags.v[i].level != DIAG_ERROR)
				continue;
			line = diag_format(&u->diags.v[i]);
			text = xasprintf("%s is refused: %s", u->name, line);
			free(line);
			return text;
		}
		return xasprintf("%s cannot be used: %s", u->name,
		    unit_load_state_name(u->conf->load_state));
	default:
		return NULL;
	}
}
