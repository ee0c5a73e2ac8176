/*
 * install: what makes a unit start with its instance, on the disk: links in NAME.wants/,
 * NAME.requires/ and NAME.upholds/, other names, masks, links to files elsewhere, and
 * what presets say.  As systemctl has it, for the folders of a search path.
 *
 * Looks and changes links; reads [Install] of unit files and nothing else of them.  What
 * it did is in a list; what it could not do is a diagnostic with the next step.  No file
 * is ever written over; a link that leads elsewhere only if that is forced.  Links appear
 * whole or not at all.  Sends nothing, logs nothing.
 */
#ifndef SUPD_INSTALL_INSTALL_H
#define SUPD_INSTALL_INSTALL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/strv.h"
#include "unit/load.h"

struct diags;
struct unit_conf;
struct unit_paths;

struct install_change {
	bool removed;
	char *path;
	char *target; /* of a link that was made; else NULL */
};

/* One request, and what came of it. */
struct install {
	struct unit_paths *paths; /* borrowed */
	bool runtime;             /* in the folder below /run: gone with the next boot */
	bool force;               /* links that lead elsewhere are replaced */
	struct diags *diags;      /* borrowed; an error is something that was not done */
	struct install_change *v;
	size_t n;
	size_t n_units;  /* that had something to do, or nothing to do it by: */
	size_t n_silent; /* of those: without anything in [Install] */
};

void install_begin(struct install *, struct unit_paths *, struct diags *);
void install_clear(struct install *);

/*
 * Each returns 0, or -1 when something could not be done: it is told to diags, and the
 * rest was done all the same, but for names that are not there (enable): then nothing is.
 * A name may be the absolute path of a file where one can be linked (enable, link).
 */
int install_enable(struct install *, const struct strv *names);
int install_disable(struct install *, const struct strv *names);
int install_reenable(struct install *, const struct strv *names);
int install_mask(struct install *, const struct strv *names);
int install_unmask(struct install *, const struct strv *names);
int install_link(struct install *, const struct strv *files);
/* What the vendor has holds again: own files, drop-ins and masks of it are removed. */
int install_revert(struct install *, const struct strv *names);
/* KIND is "wants", "requires" or "upholds". */
int install_add(
    struct install *, const char *target, const char *kind, const struct strv *names);

enum preset_mode { PRESET_FULL, PRESET_ENABLE_ONLY, PRESET_DISABLE_ONLY, PRESET_NMODES };
/* "full", "enable-only", "disable-only"; -1: none of them. */
int preset_mode_find(const char *word);
int install_preset(struct install *, const struct strv *names, enum preset_mode);
int install_preset_all(struct install *, enum preset_mode);

/* ---- the same by its word ------------------------------------------------------------
 */

enum install_verb {
	INSTALL_ENABLE,
	INSTALL_DISABLE,
	INSTALL_REENABLE,
	INSTALL_MASK,
	INSTALL_UNMASK,
	INSTALL_LINK,
	INSTALL_REVERT,
	INSTALL_PRESET,
	INSTALL_PRESET_ALL,
	INSTALL_ADD_WANTS,
	INSTALL_ADD_REQUIRES,
	INSTALL_NVERBS,
};

/* As the command of supctl is called: "enable"; INSTALL_NVERBS: no such. */
enum install_verb install_verb_find(const char *word);
const char *install_verb_name(enum install_verb);
/* target: of the last two. */
int install_run(struct install *, enum install_verb, const char *target, enum preset_mode,
    const struct strv *names);
/* Members of the object that is open: "changes", "notes", and "nothing": no unit has
 * anything in [Install]. */
struct jw;
void install_write(const struct install *, struct jw *w);

/* ---- how a unit stands --------------------------------------------------------------
 */

enum install_state {
	INSTALL_ENABLED,
	INSTALL_ENABLED_RUNTIME,
	INSTALL_LINKED,
	INSTALL_LINKED_RUNTIME,
	INSTALL_ALIAS,
	INSTALL_MASKED,
	INSTALL_MASKED_RUNTIME,
	INSTALL_STATIC,
	INSTALL_INDIRECT,
	INSTALL_DISABLED,
	INSTALL_GENERATED,
	INSTALL_TRANSIENT,
	INSTALL_BAD,
	INSTALL_NOT_FOUND,
	INSTALL_NSTATES,
};

/* systemd's word.  (An instance folder's units with [Install] are enabled without a
 * link, unless a preset says no.) */
const char *install_state_name(enum install_state);
/* INSTALL_NSTATES: no such word. */
enum install_state install_state_find(const char *word);
/* is-enabled succeeds. */
bool install_state_is_on(enum install_state);

/* All links on the search path, read once: for asking after many units.  With
 * unit_paths_scan before it, these cost less. */
struct install_index;
struct install_index *install_index_new(struct unit_paths *);
void install_index_free(struct install_index *);
/* -1: a folder that is there could not be read, told: what it has is not known. */
int install_index_check(const struct install_index *, struct diags *d);
/* What is wrong with it (bad, a dangling alias) is told to D, which may be NULL. */
enum install_state install_state(
    struct install_index *, const char *name, struct diags *d);
/* The same of one that is loaded, by its own name: no file is read. */
enum install_state install_state_of_conf(
    struct install_index *, const struct unit_conf *conf);
/* The name that UNIT gets by Alias=ALIAS, malloc'd; NULL: that cannot be one. */
char *install_alias_name(const char *unit, const char *alias);
/* The folder that has the file, as it counts; NULL: none has. */
const char *install_folder(
    struct install_index *, const char *name, enum unit_path_kind *kind);
/* The names of all unit files, sorted, each once. */
void install_list(struct install_index *, struct strv *names);
/* Where links make NAME be started: the units whose .wants and so on have it. */
void install_wanted_by(struct install_index *, const char *name, struct strv *units);

#endif
