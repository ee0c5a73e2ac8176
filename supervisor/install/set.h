/*
 * set: the units that a request is about: those that were named, and what their Also=
 * names, each once.
 */
#ifndef SUPD_INSTALL_SET_H
#define SUPD_INSTALL_SET_H

#include "install/install_int.h"

struct install_set {
	struct info *v;
	size_t n;
	struct map known; /* names that are in it, or were looked at */
};

enum set_mode {
	SET_ENABLE,  /* a name that is not there is an error */
	SET_DISABLE, /* it is a warning: links of what is gone can be removed */
	SET_ALONE,   /* as enable, without what Also= names */
};

/*
 * -1: a name cannot be used, told.  A name that is an absolute path is linked first, in
 * mode ENABLE.
 */
int install_set_gather(struct install *in, struct install_set *set,
    const struct strv *names, enum set_mode mode);
/* The names of all of it, for links_remove_marked. */
void install_set_mark(const struct install_set *set, struct map *marked);
void install_set_clear(struct install_set *set);
/* All links that its units ask for. */
int install_apply(struct install *in, const struct install_set *set);

#endif
