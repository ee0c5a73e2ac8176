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
/* Names that came as links just now are known from here on, and those that were links are
 * what they are now, before the folders have settled: who asks for something may have
 * made them for it.  (A file may be half written.) */
void unitwatch_take_links(struct unitwatch *w);
void unitwatch_free(struct unitwatch *w);

#endif
