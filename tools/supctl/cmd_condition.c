/*
 * condition: do conditions and assertions hold, here and now?  Asked by supctl itself, as
 * the user that it runs as and in its environment; needs no supd.
 */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "ctl.h"
#include "unit_files.h"

#include "lib/buf.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "unit/condition.h"
#include "unit/diag.h"
#include "unit/load.h"
#include "unit/name.h"

static const struct opt opts[] = {
	{ "unit", 'u', "UNIT", "those of this unit" },
	{ NULL, 0, NULL, NULL },
};

/* What is asked: borrowed from the confs. */
struct list {
	struct unit_conf **confs;
	size_t n_confs;
	struct unit_condition *v;
	size_t n;
};

static void
list_clear(struct list *l)
{
	for (size_t i = 0; i < l->n_confs; i++)
		unit_conf_free(l->confs[i]);
	free(l->confs);
	free(l->v);
}

static void
take_conf(struct list *l, struct unit_conf *conf)
{
	const struct unit_rules *r = conf->rules;

	l->confs = xreallocarray(l->confs, l->n_confs + 1, sizeof(struct unit_conf *));
	l->confs[l->n_confs++] = conf;
	if (r->n_conditions == 0)
		return;
	l->v = xreallocarray(l->v, l->n + r->n_conditions, sizeof(*l->v));
	memcpy(&l->v[l->n], r->conditions, r->n_conditions * sizeof(*l->v));
	l->n += r->n_conditions;
}

/* -1 when there are errors among them. */
static int
put_diags(struct ctl *ctl, const struct diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char *text = diag_format(&d->v[i]);

		ctl_note(ctl, "supctl: ", text);
		free(text);
	}
	return d->n_errors > 0 ? -1 : 0;
}

static bool
is_condition(const char *word)
{
	size_t skip = strncmp(word, "Condition", 9) == 0 ? 9
		      : strncmp(word, "Assert", 6) == 0  ? 6
							 : 0;
	const char *equal = strchr(word, '=');
	char *name;
	bool is;

	/* (A backslash at its end would take in the next one.) */
	if (skip == 0 || equal == NULL || strchr(word, '\n') != NULL ||
	    word[strlen(word) - 1] == '\\')
		return false;
	name = xstrndup(word + skip, (size_t)(equal - word) - skip);
	is = condition_is_known(name);
	free(name);
	return is;
}

/* Conditions are what the lines of one unit file would be: an empty one takes back those
 * before it. */
static int
read_words(struct ctl *ctl, int argc, char **argv, struct list *l)
{
	struct unit_paths *paths;
	struct buf text = { 0 };
	struct diags d;
	int r;

	for (int i = optind; i < argc; i++)
		if (!is_condition(argv[i]))
			return ctl_usage(ctl,
			    "\"%s\" is no condition, as "
			    "ConditionPathExists=/etc/passwd is",
			    argv[i]);
	buf_adds(&text, "[Service]\nExecStart=/bin/true\n[Unit]\n");
	for (int i = optind; i < argc; i++)
		buf_addf(&text, "%s\n", argv[i]);
	paths = unit_paths_new();
	diags_init(&d);
	take_conf(l, unit_load_text(paths, NULL, "condition.service", "(argument)",
			 buf_str(&text), text.len, &d));
	r = put_diags(ctl, &d);
	diags_clear(&d);
	unit_paths_free(paths);
	buf_free(&text);
	return r == -1 ? CTL_FAILED : 0;
}

static int
read_unit(struct ctl *ctl, const char *word, struct list *l)
{
	char *name = unit_name_add_suffix(word), *path;
	struct unit_paths *paths;
	struct supd_conf *sc;
	struct unit_conf *conf;
	struct diags d;
	int code;

	if (name == NULL)
		return ctl_usage(ctl, "\"%s\" is no name of a unit", word);
	code = ctl_instance(ctl);
	if (code != 0) {
		free(name);
		return code;
	}
	diags_init(&d);
	path = instance_conf(ctl->in.root);
	sc = supd_conf_load(path, &d);
	diags_clear(&d);
	diags_init(&d);
	paths = unit_files_paths(ctl);
	conf = unit_load(paths, sc, name, &d);
	if (conf->load_state == UNIT_NOT_FOUND) {
		code = ctl_fail(ctl, CTL_NO_UNIT, "no-unit", "supctl list",
		    "%s: there is no file of this unit", name);
		unit_conf_free(conf);
	} else {
		put_diags(ctl, &d);
		take_conf(l, conf);
	}
	diags_clear(&d);
	unit_paths_free(paths);
	supd_conf_free(sc);
	free(path);
	free(name);
	return code;
}

/* ---- answers ------------------------------------------------------------------------
 */

static void
show_one(struct ctl *ctl, struct jw *w, const struct unit_condition *c,
    enum condition_answer a, const char *found)
{
	static const char *const words[] = { [CONDITION_NO] = "no",
		[CONDITION_YES] = "yes",
		[CONDITION_UNKNOWN] = "unknown" };
	struct buf text = { 0 };

	condition_show(c, &text);
	if (w != NULL) {
		jw_obj(w);
		jw_kv_str(w, "condition", buf_str(&text));
		jw_kv_str(w, "answer", words[a]);
		jw_kv_str(w, "found", found);
		jw_kv_strf(w, "where", "%s:%u", c->file, c->line);
		jw_end(w);
	} else {
		ctl_put(ctl, buf_str(&text));
		ctl_style(ctl, a == CONDITION_YES ? STYLE_GREEN : STYLE_YELLOW,
		    a == CONDITION_YES  ? " holds"
		    : a == CONDITION_NO ? " does not hold"
					: " cannot be told, which counts as a no");
		ctl_printf(ctl, "%s", *found != '\0' ? ": " : "");
		ctl_put(ctl, found);
		ctl_printf(ctl, "\n");
	}
	buf_free(&text);
}

static bool
has(const struct list *l, bool asserts)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].is_assert == asserts)
			return true;
	return false;
}

/* (Whoever asks may wait for a name service.) */
static int
find_id(void *arg, bool group, const char *name, uint32_t *id)
{
	const struct passwd *pw;
	const struct group *gr;

	(void)arg;
	errno = 0;
	if (group && (gr = getgrnam(name)) != NULL)
		*id = gr->gr_gid;
	else if (!group && (pw = getpwnam(name)) != NULL)
		*id = pw->pw_uid;
	else
		return errno = errno == ENOENT || errno == ESRCH ? 0 : errno, -1;
	return 0;
}

/* Only supd knows the phase.  The reply owns it; NULL: there is none, or nobody to ask.
 */
static const char *
ask_phase(struct ctl *ctl, const struct list *l, struct reply *r)
{
	struct buf why = { 0 };
	bool wanted = false;
	enum client_result res;

	for (size_t i = 0; i < l->n; i++)
		wanted = wanted || strcmp(l->v[i].name, "Phase") == 0;
	if (!wanted || ctl_instance(ctl) != 0)
		return NULL;
	res = ctl_call_quietly(ctl, "io.supd.Manager.Status", NULL, false,
	    ctl_deadline(ctl, false), r, &why);
	buf_free(&why);
	return res != CLIENT_OK || r->error != NULL
		   ? NULL
		   : jv_str(jv_get(jv_get(r->params, "phase"), "phase"), NULL);
}

static int
show(struct ctl *ctl, const struct list *l)
{
	struct reply r = { 0 };
	struct jw *w = ctl->json ? ctl_json_new(ctl) : NULL;
	struct condition_unmet unmet;
	struct condition_world world;
	struct buf found = { 0 };
	bool held[2];

	condition_world_init(&world);
	world.find_id = find_id;
	world.phase = ask_phase(ctl, l, &r);
	if (w != NULL) {
		jw_obj(w);
		jw_kv_arr(w, "conditions");
	}
	for (size_t i = 0; i < l->n; i++) {
		enum condition_answer a = condition_test(&world, &l->v[i], &found);

		show_one(ctl, w, &l->v[i], a, buf_str(&found));
	}
	for (int k = 0; k < 2; k++)
		held[k] = conditions_hold(&world, l->v, l->n, k != 0, &unmet, &found);
	reply_clear(&r);
	if (w != NULL) {
		jw_end(w);
		jw_kv_bool(w, "conditions_hold", held[0]);
		jw_kv_bool(w, "asserts_hold", held[1]);
		jw_end(w);
		ctl_json_take(ctl, w);
	} else {
		if (has(l, true))
			ctl_printf(ctl, "Assertions %s.\n", held[1] ? "hold" : "fail");
		if (has(l, false))
			ctl_printf(ctl, "Conditions %s.\n", held[0] ? "hold" : "fail");
		if (l->n == 0)
			ctl_say(ctl, "it has no conditions");
	}
	buf_free(&found);
	return held[0] && held[1] ? CTL_OK : CTL_FAILED;
}

static int
run_condition(struct ctl *ctl, int argc, char **argv)
{
	struct list l = { 0 };
	const char *unit = NULL;
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (id != 'u')
			return CTL_USAGE;
		unit = optarg;
	}
	if ((unit != NULL) == (optind < argc))
		return ctl_usage(
		    ctl, "either conditions, or --unit=UNIT for those of a unit");
	code = unit != NULL ? read_unit(ctl, unit, &l) : read_words(ctl, argc, argv, &l);
	if (code == 0)
		code = show(ctl, &l);
	list_clear(&l);
	return code;
}

const struct command cmd_condition = {
	.name = "condition",
	.words_usage = "CONDITION...",
	.summary = "Tell whether conditions, or those of a unit (--unit), hold",
	.words = WORDS_NONE,
	.max = SIZE_MAX,
	.opts = opts,
	.run = run_condition,
};
