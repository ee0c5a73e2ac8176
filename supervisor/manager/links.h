/*
 * links: which units start with the instance without that a person asked.
 *
 * In the folder units/ of an instance folder that is what has an [Install] section,
 * unless a preset says no.  Everywhere else, for the instances of the system and of users
 * and for the folders of UnitPath=, it is what links make the default target want: this
 * looks which ones these are, and how units stand by them.  What persons decided goes
 * before.
 */
#ifndef SUPD_MANAGER_LINKS_H
#define SUPD_MANAGER_LINKS_H

#include <stdbool.h>

struct manager;
struct unit;

struct links;

struct links *links_new(struct manager *m);
void links_free(struct links *l);

/* The instance has folders in which links decide. */
bool links_decide(const struct manager *m);
/* They decide over this unit, not [Install] alone. */
bool unit_is_by_links(const struct unit *u);
/* systemd's word for how it stands by its links; only where they decide. */
const char *links_state(const struct unit *u);
/* The same of a name, which may be an alias or a template. */
const char *links_state_of(struct manager *m, const char *name);
/* A preset disables it, or the template whose default instance it is; only where links do
 * not decide. */
bool links_preset_disables(const struct unit *u);

/* Unit files, links or presets may be others now. */
void links_changed(struct manager *m);
/* Looks which units the default target wants, by targets (u->wanted_by).  All units are
 * loaded. */
void links_mark(struct manager *m);
/* The default target came up: what links name since then waits for the next start. */
bool links_are_done(struct manager *m);

#endif
