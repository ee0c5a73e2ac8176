/*
 * install_int: between the files of install.
 */
#ifndef SUPD_INSTALL_INSTALL_INT_H
#define SUPD_INSTALL_INSTALL_INT_H

#include "install/install.h"
#include "lib/map.h"
#include "unit/resolve.h"

enum install_by { BY_WANTS, BY_REQUIRES, BY_UPHOLDS, BY_KINDS };
/* ".wants" and its like. */
extern const char *const install_suffixes[BY_KINDS];
/* NAME is a folder of such links. */
bool install_is_link_folder(const char *name);

/* What [Install] of a unit says.  Lists are as they are written, specifiers and all. */
struct info {
	char *name;        /* of the unit, not the alias that was asked for */
	struct resolved r; /* its files */
	bool outside;      /* its file is not on the search path */
	bool also;         /* only another unit's Also= brought it */
	struct strv by[BY_KINDS], alias, also_names;
	char *default_instance;
	bool has_install; /* the section is there */
};

enum found { FOUND, FOUND_NOTHING, FOUND_MASK, FOUND_BAD };
/* Looks for NAME and reads its [Install].  FOUND_BAD was told to D, the others not; in
 * each case info is to be cleared. */
enum found info_find(
    struct unit_paths *, const char *name, struct info *info, struct diags *d);
void info_clear(struct info *);
/* Something makes it start, or names it. */
bool info_has_rules(const struct info *);
/* The unit that its links are for: a template's default instance.  malloc'd. */
char *info_instance_name(const struct info *);
/* TEXT with its specifiers replaced, for the unit of info.  NULL: told to D. */
char *info_expand(struct unit_paths *, const struct info *, const char *text,
    const char *key, struct diags *d);
/* The name that Alias=TEXT makes of it, NULL: it cannot be one, which was told to D, or
 * it is its own name. */
char *info_alias(
    struct unit_paths *, const struct info *, const char *text, struct diags *d);

/* ---- links ---- */

/* The folder in which links are made; NULL: there is none, told. */
const char *links_config(struct install *in);
enum link_over {
	LINK_OVER_NOTHING, /* but when in->force is set */
	LINK_OVER_SAME,    /* also a link to a file of the same name, as one that moved */
};
/* What failed with errno, about PATH, and what to do.  -1. */
int links_fail(struct install *in, const char *path, const char *what);
/* PATH is a link to TARGET from here on. */
int links_make(struct install *in, const char *target, const char *path, enum link_over);
/* PATH is not there any more, nor the folder of links if that is empty now. */
int links_remove(struct install *in, const char *path);
void links_note_removed(struct install *in, const char *path);
/* All links in the folder and its folders of links that are called so, lead to one that
 * is, or are instances of it.  The names of links that go are marked as well. */
int links_remove_marked(struct install *in, struct map *marked);

#endif
