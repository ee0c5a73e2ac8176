/*
 * specifier: %n, %i, %h and their like.
 *
 * What belongs to the host and to the user of supd is asked for once; to expand never
 * calls out.
 */
#ifndef SUPD_UNIT_SPECIFIER_H
#define SUPD_UNIT_SPECIFIER_H

#include "unit/conf.h"

struct buf;

/* The value of each letter, NULL for what this host does not have. */
struct specifier_host {
	char *value[128];
	char *base[DIR_NKINDS]; /* below which RuntimeDirectory= and its like are made */
	char *credentials; /* the folder of their folders; NULL: no instance is known */
};

void specifier_host_init(struct specifier_host *);
void specifier_host_clear(struct specifier_host *);

/* What one text is expanded for.  Strings are borrowed. */
struct specifier {
	const struct specifier_host *host;
	const char *id;
	const char *prefix;
	const char *instance; /* may be NULL */
	const char *fragment; /* may be NULL */
};

/*
 * Appends TEXT with its specifiers replaced.  -1: *BAD is the place of the one that
 * cannot be, *WHY (a literal) says why.
 */
int specifier_expand(const struct specifier *, const char *text, struct buf *out,
    const char **bad, const char **why);

#endif
