/*
 * deed: what enable and its like ask for, and how it is told: links that were made and
 * removed, how the units stand, and what could not be done.  supd does it when it runs;
 * without it, or in the image of another system, supctl does the same on the disk.
 */
#ifndef SUPD_SUPCTL_DEED_H
#define SUPD_SUPCTL_DEED_H

#include <stdbool.h>

#include "lib/strv.h"
#include "unit/load.h"

struct ctl;
struct jv;
struct opt;

struct deed {
	const char *verb;   /* of supctl */
	const char *target; /* of add-wants and add-requires; else NULL */
	bool now;
	bool runtime;
	bool force;
	bool offline;          /* on the disk, also when supd runs */
	const char *root;      /* --root, NULL: none; implies offline */
	const char *unit_path; /* --unit-path, likewise */
	const char *mode;      /* --preset-mode */
	struct strv names;
};

/* Options of commands that do something. */
enum {
	DEED_OPT_NOW = 300,
	DEED_OPT_RUNTIME,
	DEED_OPT_MODE,
	DEED_OPT_OFFLINE,
	DEED_OPT_ROOT,
	DEED_OPT_UNIT_PATH,
};
#define DEED_LINK_OPTS                                                                  \
	{ "runtime", DEED_OPT_RUNTIME, NULL, "until the next boot: links below /run" }, \
	{                                                                               \
		"force", 'f', NULL, "replace links that lead elsewhere"                 \
	}
#define DEED_PLACE_OPTS                                                                  \
	{ "offline", DEED_OPT_OFFLINE, NULL, "on the disk, without asking supd" },       \
	    { "root", DEED_OPT_ROOT, "DIR", "of the system below DIR, without asking" }, \
	{                                                                                \
		"unit-path", DEED_OPT_UNIT_PATH, "DIR:...",                              \
		    "in these folders of unit files, without asking"                     \
	}

/* One of these options was taken. */
bool deed_place_opt(struct deed *d, int id);
bool deed_is_offline(const struct deed *d);
/* Words from optind on, as names of units or absolute paths. */
void deed_take_words(struct deed *d, int argc, char **argv);
void deed_clear(struct deed *d);

/* The search path that is meant; NULL: told, *code is the exit status. */
struct unit_paths *deed_paths(struct ctl *ctl, const struct deed *d, int *code);
/* All options, and how many words there are: 0, or CTL_USAGE. */
int deed_take_opts(struct ctl *ctl, struct deed *d, int argc, char **argv);
/* Does it on the disk, and tells.  An exit status. */
int deed_do_offline(struct ctl *ctl, struct deed *d);
/* The links of a reply, and what could not be done; with --json only what failed. */
void deed_tell_links(struct ctl *ctl, const struct deed *d, const struct jv *reply);

/* On the disk (deed_disk.c): a reply as that of supd in *reply, to be freed.  An exit
 * status; not CTL_OK: nothing was done, told. */
int deed_on_disk(struct ctl *ctl, struct deed *d, struct jv **reply);
/* Names in which * ? [ stand for what there is. */
void deed_expand(struct unit_paths *paths, struct strv *names);

#endif
