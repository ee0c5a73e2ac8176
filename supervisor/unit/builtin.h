/*
 * builtin: units that are there without a file: the standard targets, so that existing
 * files resolve; and slices, mounts and devices, of which supd has nothing but the name.
 * A file of the same name on the search path goes before them.
 */
#ifndef SUPD_UNIT_BUILTIN_H
#define SUPD_UNIT_BUILTIN_H

struct buf;

/* The name that NAME stands for ("multi-user.target" of "default.target"); NULL: it is no
 * other name. */
const char *builtin_alias(const char *name);
/* What a file of the builtin unit NAME would say; appended. */
void builtin_text(const char *name, struct buf *out);
/* The names of the list, in order; NULL behind the last one. */
const char *builtin_name(unsigned i);

#endif
