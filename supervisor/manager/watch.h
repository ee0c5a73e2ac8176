/*
 * watch: the folders of unit files, by inotify: a file that comes, goes or changes is
 * known at once.  It only tells (units_on_change); nothing is started or restarted.
 * What inotify cannot see (another host's write, an overflow) is found by the look at the
 * files that each command takes.
 */
#ifndef SUPD_MANAGER_WATCH_H
#define SUPD_MANAGER_WATCH_H

struct manager;
struct watch;

/* NULL when there is no inotify to be had; that is no reason not to run. */
struct watch *watch_new(struct manager *m);
void watch_free(struct watch *w);

#endif
