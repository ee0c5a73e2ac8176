/*
 * enable_links: the part of enable and its like that is done on the disk: which of the
 * names of a call are decided by links, the links themselves, and what is looked at anew
 * because of them.
 */
#ifndef SUPD_MANAGER_CONTROL_ENABLE_LINKS_H
#define SUPD_MANAGER_CONTROL_ENABLE_LINKS_H

#include <stdbool.h>

#include "install/install.h"
#include "unit/diag.h"

struct call;
struct control;
struct jw;
struct manager;
struct selection;

struct enable_links {
	bool wanted; /* something of the call is done by links */
	bool failed; /* and was not, in part at least */
	struct strv names;
	struct install in;
	struct diags diags;
};

/*
 * Sorts what the call names: into s what wishes decide, into l->names what links do, as
 * it was written.  -1: the call was answered.  Clear both in any case.
 */
int enable_choose(struct control *c, struct call *call, enum install_verb verb,
    struct selection *s, struct enable_links *l);
/* Does it, and makes the manager look at all units that it is about. */
void enable_carry_out(
    struct manager *m, struct call *call, enum install_verb verb, struct enable_links *l);
/* Members of the object that is open. */
void enable_links_write(const struct enable_links *l, struct jw *w);
void enable_links_clear(struct enable_links *l);

#endif
