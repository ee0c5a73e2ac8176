/*
 * unit_files: the unit files of the instance, read without supd: where they are, and what
 * a unit would be with other text in one of them.
 */
#ifndef SUPD_SUPCTL_UNIT_FILES_H
#define SUPD_SUPCTL_UNIT_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/strv.h"
#include "unit/diag.h"

struct ctl;
struct supd_conf;
struct unit_conf;
struct unit_paths;

/* The search path of the instance, as the manager has it; ctl_instance was called. */
struct unit_paths *unit_files_paths(struct ctl *ctl);

/*
 * A change of the files of one unit that is checked as a whole before any of it is
 * written.
 */
struct unit_change {
	struct ctl *ctl;
	char *unit;
	struct unit_paths *paths;
	struct supd_conf *conf; /* supd.conf */
	char *dir;              /* below which the files are written */
	struct unit_conf *before, *after;
	struct strv names, texts; /* "NAME.d/x.conf" and what it will be */
	struct strv gone;         /* names that are removed */
};

/*
 * The unit that a person means, and where its own files lie: 0, or an exit status after
 * telling.  runtime: where they are gone after a reboot.
 */
int unit_change_begin(
    struct ctl *ctl, struct unit_change *c, const char *word, bool runtime);
void unit_change_clear(struct unit_change *c);

/* The name is relative to dir. */
void unit_change_put(struct unit_change *c, const char *name, const char *text);
void unit_change_remove(struct unit_change *c, const char *name);
/* The path of such a file; malloc'd. */
char *unit_change_path(const struct unit_change *c, const char *name);

/*
 * Loads the unit as it would be: false when that is refused, or its new lines are; what
 * is wrong with them is told in any case.
 */
bool unit_change_check(struct unit_change *c);
/* Replaces each file by rename: 0, or an exit status after telling. */
int unit_change_write(struct unit_change *c);
/* What differs, and when it holds. */
void unit_change_tell(struct unit_change *c);

#endif
