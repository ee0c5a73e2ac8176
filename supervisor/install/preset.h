/*
 * preset: what is to be enabled before anybody decided, by files *.preset:
 *
 *	enable GLOB [INSTANCE...]
 *	disable GLOB
 *	ignore GLOB
 *
 * The first line that matches holds; none: enable.  The files lie beside each folder of
 * units, in DIR-preset/ (/etc/supd/units-preset), and in the folder units/ of an instance
 * itself.  They are read in the order of their names, whichever folder they are in; of
 *two with one name that of the higher folder counts, and an empty one hides the lower.
 */
#ifndef SUPD_INSTALL_PRESET_H
#define SUPD_INSTALL_PRESET_H

#include <stdbool.h>

#include "lib/strv.h"

struct diags;
struct unit_paths;

enum preset_verdict { PRESET_ENABLE, PRESET_DISABLE, PRESET_IGNORE };

struct presets;

/* D may be NULL. */
struct presets *presets_load(struct unit_paths *, struct diags *d);
void presets_free(struct presets *);
/* Otherwise something of them could not be read, which was told: what they say of a unit
 * is not known. */
bool presets_are_whole(const struct presets *);
/*
 * What they say of NAME.  *why (malloc'd, may be NULL): the place of the line, NULL when
 * there is none.  INSTANCES (may be NULL) gets the instances of a template that the line
 * names.
 */
enum preset_verdict presets_ask(
    const struct presets *, const char *name, struct strv *instances, char **why);
/* The same of an instance that TEMPLATE (NULL: none) names: the first line about one of
 * them. */
enum preset_verdict presets_ask_default(
    const struct presets *, const char *name, const char *template);
const char *preset_verdict_name(enum preset_verdict);

#endif
