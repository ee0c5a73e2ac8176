/*
 * origin: where the values of a unit come from: the lines of its files that hold, and
 * what a value is when no line says it.
 */
#ifndef SUPD_UNIT_ORIGIN_H
#define SUPD_UNIT_ORIGIN_H

#include "lib/strv.h"

struct directive;
struct origins;
struct supd_conf;
struct unit_conf;
struct unit_line;
struct unit_paths;

struct origins *origins_new(void);
void origins_free(struct origins *);
/* A unit_line_fn; arg is a struct origins. */
void origins_on_line(void *arg, const struct unit_line *);

/*
 * Appends "FILE:LINE" for each line that makes the value of the setting, by the name that
 * unit_conf_show has for it; none when no line does.
 */
void origins_find(const struct origins *, const char *name, struct strv *out);

/*
 * What it rests on when no line of the unit says it, for people: the default, supd.conf
 * (SUPD: its lines, may be NULL), a folder of links, or other settings.  malloc'd.
 */
char *origin_of_unset(const struct unit_paths *, const struct supd_conf *,
    const struct unit_conf *, const char *name, const char *value,
    const struct origins *supd);

#endif
