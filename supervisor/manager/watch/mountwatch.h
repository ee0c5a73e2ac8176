/*
 * mountwatch: file systems that are mounted and unmounted.
 *
 * inotify watches the folder that it was shown.  What is mounted over that covers it
 * without a word, and what comes off again uncovers it the same way.  So the kernel's
 * list of mounts is watched as well: when it has changed, all that is watched by a path
 * is looked at once more.  A machine that mounts all the time costs one look in some
 * seconds, one that does not mount none.
 */
#ifndef SUPD_MANAGER_MOUNTWATCH_H
#define SUPD_MANAGER_MOUNTWATCH_H

struct manager;

/* From now on, as long as the manager lives.  Without /proc nothing is seen: told in the
 * log, once. */
void mountwatch_begin(struct manager *m);

#endif
