/*
 * defaults: which settings of supd.conf hold for units that do not say it themselves.
 */
#ifndef SUPD_UNIT_DEFAULTS_H
#define SUPD_UNIT_DEFAULTS_H

#include <stdbool.h>

struct directive;
struct supd_conf;
struct unit_parts;

/* What supd.conf says for units that say nothing. */
void defaults_inherit(struct unit_parts *, const struct supd_conf *);
/* The key of supd.conf that gives the default of a row; NULL: the table does. */
const char *defaults_supd_key(const struct directive *);
/* Whether a key of supd.conf is one of those. */
bool defaults_is_supd_key(const char *key);
/* Whether units that are loaded by the one may differ from those by the other. */
bool defaults_differ(const struct supd_conf *, const struct supd_conf *);

#endif
