/*
 * unitwatch: the folders of unit files, by inotify: a file that comes, goes or changes is
 * known at once.  It only tells (units_on_change); nothing is started or restarted.
 * What inotify cannot see (another host's write, an overflow) is found by the look at the
 * files that each command takes.
 */
#ifndef SUPD_MANAGER_UNITWATCH_H
#define SUPD_MANAGER_UNITWATCH_H

struct manager;
struct unitwatch;

/* NULL when there is no inotify to be had; that is no reason not to run. */
struct unitwatch *unitwatch_new(struct manager *m);
/* Folders that could not be looked at may be now. */
void unitwatch_again(struct unitwatch *w);
void unitwatch_free(struct unitwatch *w);

#endif
