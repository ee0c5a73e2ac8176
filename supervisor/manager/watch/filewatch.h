/*
 * filewatch: single files, by inotify: told when one appears, changes or goes away.
 *
 * One inotify serves all of them: a user may have 128, and hundreds of sessions.  (What
 * has wildcards, and few of them, has pathlook.h.)
 *
 * A file that changes all the time costs one wake-up each FileWatchDelaySec= of
 * supd.conf, not one a change; one that does not change costs none.  Its folder need not
 * be there yet.  What may hang is asked first (reach.h); on a share only the changes that
 * are made on this machine are seen.
 */
#ifndef SUPD_MANAGER_FILEWATCH_H
#define SUPD_MANAGER_FILEWATCH_H

struct filewatch_file;
struct manager;

/* Look at it: it may have changed.  From the loop, and not from within the calls below.
 */
typedef void filewatch_fn(void *arg);

/* path is absolute, and copied. */
struct filewatch_file *filewatch_add(
    struct manager *m, const char *path, filewatch_fn *fn, void *arg);
/* fn is not called any more; NULL is fine. */
void filewatch_remove(struct filewatch_file *f);
/* A mount answers again: what could not be watched is. */
void filewatch_answered(struct manager *m);
/* Other file systems are mounted now: what is another file, or in another folder, is told
 * as changed. */
void filewatch_again(struct manager *m);

#endif
