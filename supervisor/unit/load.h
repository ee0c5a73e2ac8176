/*
 * load: names to struct unit_conf.
 *
 * Owns the search path, the rules of drop-ins, templates, aliases and masks, and the
 * checks of a whole unit.  Pure: reads files, sends nothing, logs nothing, keeps no state
 * but what is in struct unit_paths.  Never fails halfway: a unit that cannot be used is
 * returned with a load_state that says so and diagnostics that say why.
 */
#ifndef SUPD_UNIT_LOAD_H
#define SUPD_UNIT_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "unit/conf.h"
#include "unit/diag.h"
#include "unit/env.h"
#include "unit/instance.h"
#include "unit/name.h"
#include "unit/supd_conf.h"

struct buf;
struct directive;
struct line_hook;

/* ---- the search path ------------------------------------------------------------------
 */

enum unit_path_kind {
	UNIT_PATH_FOLDER,    /* units/ of an instance folder: [Install] is enough */
	UNIT_PATH_OWN,       /* the same of a system's or user's one: it is not */
	UNIT_PATH_TRANSIENT, /* made by supctl run: goes away with the instance */
	UNIT_PATH_GENERATED, /* what generators made, below /run */
	UNIT_PATH_ADMIN,     /* /etc, the user's configuration */
	UNIT_PATH_RUNTIME,   /* below /run */
	UNIT_PATH_VENDOR,    /* /usr */
};

/*
 * An ordered list of folders, the first wins, and what specifiers need to know of the
 * host.
 */
struct unit_paths;

/*
 * Asks the system once for host, kernel, user and folders (%H, %v, %u, %t, ...).
 */
struct unit_paths *unit_paths_new(void);
void unit_paths_free(struct unit_paths *);
/* Appends a folder; it need not exist. */
void unit_paths_add(struct unit_paths *, const char *dir, enum unit_path_kind);
/* Appends the folders of a system instance, or of an ordinary user's one. */
void unit_paths_add_system(struct unit_paths *);
void unit_paths_add_user(struct unit_paths *);
/* Which of the two follow where a list of folders ends with a colon. */
enum unit_path_scope {
	UNIT_SCOPE_NONE, /* an instance folder has its own folder only */
	UNIT_SCOPE_SYSTEM,
	UNIT_SCOPE_USER,
};
void unit_paths_add_scope(struct unit_paths *, enum unit_path_scope);
enum unit_path_scope unit_scope_of_instance(enum instance_kind);
/* The file in the run folder that has what --unit-path said, and its largest size. */
#define UNIT_PATH_FILE "unit-path"
enum { UNIT_PATH_TEXT_MAX = 65536 };
/*
 * Appends the folders of LIST, as in $SYSTEMD_UNIT_PATH: DIR[:DIR...]; one that ends with
 * a colon goes on with those of the scope.  What kind of folder it is follows from where
 * it lies.  -1: one of them is no absolute path, *bad (malloc'd) is it, and nothing was
 * added.
 */
int unit_paths_add_list(
    struct unit_paths *, const char *list, enum unit_path_scope, char **bad);
/*
 * The search path of the instance in ROOT: its own units/, the transient ones in RUN,
 * then those of LIST (UnitPath=, NULL or "": none is named), else of the scope.  What is
 * wrong with LIST is told to D, and the folders of the scope are taken.
 */
struct unit_paths *unit_paths_of_instance(const char *root, const char *run,
    enum unit_path_scope, const char *list, struct diags *d);
/*
 * What folders are named below: ROOT is in front of each folder that is added from here
 * on, and of what links in them lead to.  For folders of another system's image.
 */
void unit_paths_set_root(struct unit_paths *, const char *root);
const char *unit_paths_root(const struct unit_paths *);
/* Where `enable' makes links: the first folder of the administrator, or the first one
 * below /run.  NULL: there is none. */
const char *unit_paths_config(const struct unit_paths *, bool runtime);
/* Profiles that come with supd, for every instance: beside the binary that runs. */
void unit_paths_add_shipped(struct unit_paths *);
size_t unit_paths_count(const struct unit_paths *);
const char *unit_paths_dir(const struct unit_paths *, size_t i);
enum unit_path_kind unit_paths_kind(const struct unit_paths *, size_t i);
const char *unit_path_kind_name(enum unit_path_kind);
/* The folder below which RuntimeDirectory= and its like are made: "/run", "/var/lib", ...
 */
const char *unit_paths_base(const struct unit_paths *, enum exec_dir_kind);
/* The folder of the folders of credentials, for %d; NULL: no instance is known. */
void unit_paths_set_credentials(struct unit_paths *, const char *dir);
const char *unit_paths_credentials(const struct unit_paths *);

/*
 * Asked before each file and folder is touched; false: do not, it might never answer.
 * follow: links at its end are followed.
 */
typedef bool unit_guard(void *arg, const char *path, bool follow);
void unit_paths_set_guard(struct unit_paths *, unit_guard *, void *arg);
/*
 * The guard kept something from the last load, scan or look for changes: what came of it
 * is not what is on the disk.
 */
bool unit_paths_unanswered(const struct unit_paths *);

/*
 * Reads all folders once, so that the loads until unit_paths_forget cost no look-ups of
 * what is not there.  For loading many: a file that appears in between may not be seen.
 */
void unit_paths_scan(struct unit_paths *);
void unit_paths_forget(struct unit_paths *);
/* Of the scan that holds, another one each time; 0: none does. */
unsigned unit_paths_scan_number(const struct unit_paths *);

/*
 * Appends the names of all units on the search path, sorted, each once; templates and
 * masked ones too.
 */
void unit_list_dir(struct unit_paths *, struct strv *names);

/* ---- loading --------------------------------------------------------------------------
 */

/*
 * Loads NAME.  conf gives the defaults (NULL: the built-in ones).  An alias loads the
 * unit it leads to (see unit_conf.id); all aliases of a unit are known
 * only in a scan, else the one asked for.  Never NULL.
 */
struct unit_conf *unit_load(
    struct unit_paths *, const struct supd_conf *conf, const char *name, struct diags *);

/* The id of what would be loaded by NAME, malloc'd; a few stat(2). */
char *unit_real_name(struct unit_paths *, const char *name);
/* There is a file of that name or of its template, or a unit of supd's own. */
bool unit_name_is_there(struct unit_paths *, const char *name);
/* The link on the search path that makes NAME another name, malloc'd; NULL: none has that
 * very name. */
char *unit_name_link(struct unit_paths *, const char *name);

/*
 * The same from text in memory, as if FILE held it, without drop-ins, other names and
 * folders of links.
 */
struct unit_conf *unit_load_text(struct unit_paths *, const struct supd_conf *conf,
    const char *name, const char *file, const char *text, size_t len, struct diags *);

void unit_conf_free(struct unit_conf *);

/*
 * Whether a file that CONF was made from changed, vanished or came since; a few stat(2),
 * and one look into a file of which only the time of the inode is another one.
 * False, too, when that cannot be told because the guard forbids to look.
 */
bool unit_conf_changed(struct unit_paths *, struct unit_conf *conf);

/* It is a template that says itself which instances there are. */
bool unit_conf_has_instances(const struct unit_conf *);

/* Its profile among its sources, NULL if it names none.  It was read before all others.
 */
const struct unit_source *unit_conf_profile(const struct unit_conf *);

/*
 * What is wrong with the profile PATH by itself.  NAME is that of a unit, for its
 * specifiers.
 */
void unit_profile_verify(
    struct unit_paths *, const char *path, const char *name, struct diags *);
/* The same of a drop-in whose unit is not there. */
void unit_drop_in_verify(
    struct unit_paths *, const char *path, const char *name, struct diags *d);

/*
 * Whether a file assigned the directive, for example "RestartSec"; also as it is shown:
 * "Session.Terminal", "Rule.limit.Until".
 */
bool unit_conf_is_set(const struct unit_conf *, const char *directive);

/* ---- supd.conf ------------------------------------------------------------------------
 */

/*
 * Loads PATH; one that does not exist gives the defaults and no diagnostic.  Never NULL:
 * with errors the good lines hold.
 */
struct supd_conf *supd_conf_load(const char *path, struct diags *);
/* The same, each line told. */
struct supd_conf *supd_conf_load_lines(
    const char *path, struct diags *, const struct line_hook *);
struct supd_conf *supd_conf_load_text(
    const char *file, const char *text, size_t len, struct diags *);
void supd_conf_free(struct supd_conf *);

/* ---- showing --------------------------------------------------------------------------
 */

typedef void unit_show_fn(void *arg, const char *name, const char *value);
typedef void unit_diff_fn(
    void *arg, const char *name, const char *old_value, const char *new_value);

/*
 * Each directive that has an effect, in the order of the table, with its value as one
 * would write it; "" where it is not set.  The name is the key; in the sections of
 * sessions (only for a unit that has one) "Session.Terminal", and "Rule.limit.Until" for
 * each rule.
 */
void unit_conf_show(const struct unit_conf *, unit_show_fn *, void *arg);
void supd_conf_show(const struct supd_conf *, unit_show_fn *, void *arg);
/* The default of a row as it is shown, without what supd.conf makes of it; malloc'd. */
char *unit_default_show(const struct unit_paths *, const struct directive *);

/*
 * Each directive whose value differs.  What only one of them has, a rule or all of a
 * session, has "" on the other side.  "Rule" is the order of the rules.
 */
void unit_conf_diff(
    const struct unit_conf *a, const struct unit_conf *b, unit_diff_fn *, void *arg);

const char *unit_load_state_name(enum unit_load_state);
const char *unit_dep_name(enum unit_dep);
const char *session_state_name(enum session_state);
const char *rule_source_name(enum rule_source);
const char *rule_action_name(enum rule_action);
const char *budget_action_name(enum budget_action);
/* As they are written in a unit file; appended. */
void budget_period_show(const struct budget_period *, struct buf *);
void budget_source_show(const struct budget_source *, struct buf *);

#endif
