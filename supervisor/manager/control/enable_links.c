#include "manager/control/enable_links.h"

#include <stdlib.h>
#include <string.h>

#include "lib/json.h"
#include "lib/map.h"
#include "lib/xalloc.h"
#include "manager/control/control_int.h"
#include "manager/links.h"
#include "manager/units.h"
#include "unit/conf.h"
#include "unit/load.h"
#include "unit/name.h"

/* No wish says the same. */
static bool
is_links_only(enum install_verb verb)
{
	switch (verb) {
	case INSTALL_LINK:
	case INSTALL_REVERT:
	case INSTALL_ADD_WANTS:
	case INSTALL_ADD_REQUIRES:
		return true;
	default:
		return false;
	}
}

/* What is not there can be masked all the same, and links of it be removed. */
static unsigned
select_flags(enum install_verb verb)
{
	switch (verb) {
	case INSTALL_MASK:
	case INSTALL_UNMASK:
	case INSTALL_REVERT:
		return SELECT_FILES;
	default:
		return SELECT_FILES | SELECT_LOADED;
	}
}

static void
add_unit(struct selection *s, struct unit *u)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i] == u)
			return;
	s->v = xreallocarray(s->v, s->n + 1, sizeof(*s->v));
	s->v[s->n++] = u;
}

/* One that a pattern found, or that was named as NAME. */
static void
sort_in(struct unit *u, const char *name, enum install_verb verb, struct selection *s,
    struct enable_links *l)
{
	if (is_links_only(verb) || unit_is_by_links(u))
		(void)strv_add_unique(&l->names, name);
	else
		add_unit(s, u);
}

static int
choose_word(struct control *c, struct call *call, const char *word,
    enum install_verb verb, struct selection *s, struct enable_links *l)
{
	struct strv found = { 0 };
	struct unit *u;
	char *name;

	if (word[0] == '/') {
		(void)strv_add_unique(&l->names, word);
		return 0;
	}
	if (strpbrk(word, "*?[") != NULL || word[0] == '@') {
		(void)units_match(c->m, word, &found);
		for (size_t i = 0; i < found.n; i++) {
			u = unit_find(c->m, found.v[i]);
			if (u != NULL)
				sort_in(u, u->name, verb, s, l);
		}
		strv_free(&found);
		return 0;
	}
	u = select_named(c, call, word, select_flags(verb));
	if (u == NULL)
		return -1;
	name = unit_name_add_suffix(word);
	sort_in(u, name != NULL ? name : u->name, verb, s, l);
	free(name);
	return 0;
}

int
enable_choose(struct control *c, struct call *call, enum install_verb verb,
    struct selection *s, struct enable_links *l)
{
	const struct jv *units = jv_get(call_params(call), "units");

	*s = (struct selection){ 0 };
	*l = (struct enable_links){ 0 };
	diags_init(&l->diags);
	install_begin(&l->in, c->m->paths, NULL);
	if (verb == INSTALL_PRESET_ALL) {
		l->wanted = links_decide(c->m);
		return 0;
	}
	if (!links_decide(c->m) && !is_links_only(verb))
		return select_units(c, call, select_flags(verb), s);
	if (jv_count(units) == 0) {
		call_invalid(call, "units", "names no unit");
		return -1;
	}
	for (size_t i = 0; i < jv_count(units); i++)
		if (choose_word(c, call, jv_str(jv_at(units, i), ""), verb, s, l) == -1)
			return -1;
	l->wanted = l->names.n > 0;
	return 0;
}

/* ---- the deed ---- */

/* The units that a link, a mask or a drop-in at PATH is about. */
static void
note_units(const char *path, struct strv *names)
{
	static const char *const suffixes[] = { ".wants", ".requires", ".upholds", ".d" };
	const char *base = strrchr(path, '/'), *dir;
	char *parent = xstrndup(path, (size_t)(base - path));

	if (unit_name_is_valid(base + 1))
		(void)strv_add_unique(names, base + 1);
	dir = strrchr(parent, '/');
	dir = dir != NULL ? dir + 1 : parent;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(dir), k = strlen(suffixes[i]);
		char *name;

		if (n <= k || strcmp(dir + n - k, suffixes[i]) != 0)
			continue;
		name = xstrndup(dir, n - k);
		if (unit_name_is_valid(name))
			(void)strv_add_unique(names, name);
		free(name);
	}
	free(parent);
}

void
enable_carry_out(
    struct manager *m, struct call *call, enum install_verb verb, struct enable_links *l)
{
	const struct jv *p = call_params(call);
	int mode = preset_mode_find(jv_str(jv_get(p, "mode"), "full"));
	char *target = unit_name_add_suffix(jv_str(jv_get(p, "target"), ""));
	struct strv touched = { 0 };

	install_begin(&l->in, m->paths, &l->diags);
	l->in.runtime = jv_bool(jv_get(p, "runtime"), false);
	l->in.force = jv_bool(jv_get(p, "force"), false);
	l->failed =
	    install_run(&l->in, verb, target != NULL ? target : "",
		mode == -1 ? PRESET_FULL : (enum preset_mode)mode, &l->names) == -1;
	for (size_t i = 0; i < l->in.n; i++)
		note_units(l->in.v[i].path, &touched);
	units_on_changes(m, &touched);
	strv_free(&touched);
	free(target);
}

void
enable_links_write(const struct enable_links *l, struct jw *w)
{
	jw_kv_bool(w, "failed", l->failed);
	install_write(&l->in, w);
}

void
enable_links_clear(struct enable_links *l)
{
	install_clear(&l->in);
	diags_clear(&l->diags);
	strv_free(&l->names);
}
