#include "deed.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "ctl.h"
#include "unit_files.h"

#include "install/install.h"
#include "lib/json.h"
#include "lib/xalloc.h"
#include "unit/diag.h"
#include "unit/name.h"

/* ---- what is asked for ---- */

bool
deed_place_opt(struct deed *d, int id)
{
	switch (id) {
	case DEED_OPT_OFFLINE:
		d->offline = true;
		return true;
	case DEED_OPT_ROOT:
		d->root = optarg;
		return true;
	case DEED_OPT_UNIT_PATH:
		d->unit_path = optarg;
		return true;
	default:
		return false;
	}
}

bool
deed_is_offline(const struct deed *d)
{
	return d->offline || d->root != NULL || d->unit_path != NULL;
}

static char *
absolute(const char *word)
{
	char *here = getcwd(NULL, 0);
	char *path =
	    *word == '/' || here == NULL ? xstrdup(word) : xasprintf("%s/%s", here, word);

	free(here);
	return path;
}

void
deed_take_words(struct deed *d, int argc, char **argv)
{
	bool files = strcmp(d->verb, "link") == 0;

	for (int i = optind; i < argc; i++) {
		bool is_path = files || strchr(argv[i], '/') != NULL;
		char *name = is_path ? absolute(argv[i])
			     : strpbrk(argv[i], "*?[") != NULL
				 ? NULL
				 : unit_name_add_suffix(argv[i]);

		strv_add(&d->names, name != NULL ? name : argv[i]);
		free(name);
	}
}

void
deed_clear(struct deed *d)
{
	strv_free(&d->names);
}

/* ---- where ---- */

struct unit_paths *
deed_paths(struct ctl *ctl, const struct deed *d, int *code)
{
	enum unit_path_scope scope =
	    geteuid() == 0 || d->root != NULL ? UNIT_SCOPE_SYSTEM : UNIT_SCOPE_USER;
	struct unit_paths *paths;
	char *root, *bad = NULL;

	*code = CTL_OK;
	if (d->root == NULL && d->unit_path == NULL) {
		*code = ctl_instance(ctl);
		return *code == CTL_OK ? unit_files_paths(ctl) : NULL;
	}
	paths = unit_paths_new();
	if (d->root != NULL) {
		root = realpath(d->root, NULL);
		if (root == NULL) {
			*code = ctl_fail(ctl, CTL_FAILED, "root", NULL,
			    "--root=%s cannot be used: %m", d->root);
			unit_paths_free(paths);
			return NULL;
		}
		unit_paths_set_root(paths, root);
		free(root);
	}
	if (d->unit_path == NULL) {
		unit_paths_add_scope(paths, scope);
	} else if (unit_paths_add_list(paths, d->unit_path, scope, &bad) == -1) {
		*code = ctl_usage(ctl, "--unit-path: %s is not an absolute path", bad);
		free(bad);
		unit_paths_free(paths);
		return NULL;
	}
	return paths;
}

/* ---- how it is told ---- */

static void
put_changes(struct ctl *ctl, const struct jv *changes)
{
	for (size_t i = 0; i < jv_count(changes); i++) {
		const struct jv *c = jv_at(changes, i);
		const char *target = jv_str(jv_get(c, "target"), NULL);

		ctl_printf(ctl,
		    jv_bool(jv_get(c, "removed"), false) ? "Removed " : "Created link ");
		ctl_put(ctl, jv_str(jv_get(c, "path"), "?"));
		if (target != NULL) {
			ctl_printf(ctl, " -> ");
			ctl_put(ctl, target);
		}
		ctl_printf(ctl, "\n");
	}
}

static void
put_notes(struct ctl *ctl, const struct jv *notes)
{
	for (size_t i = 0; i < jv_count(notes); i++) {
		const struct jv *n = jv_at(notes, i);
		const char *next = jv_str(jv_get(n, "next"), NULL);

		ctl_warn(ctl, "%s: %s", jv_str(jv_get(n, "subject"), "?"),
		    jv_str(jv_get(n, "text"), "?"));
		if (next != NULL)
			ctl_note(ctl, "  next: ", next);
	}
}

void
deed_tell_links(struct ctl *ctl, const struct deed *d, const struct jv *reply)
{
	bool failed = jv_bool(jv_get(reply, "failed"), false);

	if (!ctl->quiet && !ctl->json)
		put_changes(ctl, jv_get(reply, "changes"));
	if (!ctl->quiet || failed)
		put_notes(ctl, jv_get(reply, "notes"));
	if (ctl->quiet || ctl->json || !jv_bool(jv_get(reply, "nothing"), false) ||
	    (strcmp(d->verb, "enable") != 0 && strcmp(d->verb, "reenable") != 0))
		return;
	ctl_warn(ctl, "nothing in [Install] of what was named says when it is to start: "
		      "no link was made");
	ctl_note(ctl, "  next: ",
	    "supctl add-wants multi-user.target UNIT starts it with the instance");
}

int
deed_take_opts(struct ctl *ctl, struct deed *d, int argc, char **argv)
{
	int id;

	d->verb = ctl->cmd->name;
	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (deed_place_opt(d, id))
			continue;
		switch (id) {
		case DEED_OPT_NOW:
			d->now = true;
			break;
		case DEED_OPT_RUNTIME:
			d->runtime = true;
			break;
		case 'f':
			d->force = true;
			break;
		case DEED_OPT_MODE:
			d->mode = optarg;
			break;
		default:
			return CTL_USAGE;
		}
	}
	if (ctl_words(ctl, argc) != 0)
		return CTL_USAGE;
	if (d->mode != NULL && preset_mode_find(d->mode) == -1)
		return ctl_usage(
		    ctl, "--preset-mode is full, enable-only or disable-only");
	if (d->now && deed_is_offline(d))
		return ctl_usage(ctl, "--now needs supd: it is not asked");
	return CTL_OK;
}

int
deed_do_offline(struct ctl *ctl, struct deed *d)
{
	struct jv *reply = NULL;
	int code = deed_on_disk(ctl, d, &reply);

	if (code != CTL_OK)
		return code;
	if (ctl->json)
		ctl_json(ctl, reply);
	deed_tell_links(ctl, d, reply);
	code = jv_bool(jv_get(reply, "failed"), false) ? CTL_FAILED : CTL_OK;
	jv_free(reply);
	return code;
}
