/*
 * watch: tells that files or folders of the journal changed, for the readers.  inotify
 * where it can be had; what it cannot watch (no /proc, no watches left) makes the
 * descriptor readable twice a second instead.
 */
#ifndef SUPD_JOURNAL_WATCH_H
#define SUPD_JOURNAL_WATCH_H

#include <stdbool.h>

struct watch;

/* NULL with errno. */
struct watch *watch_new(void);
void watch_free(struct watch *w);
/* A folder below root_fd; false: it does not exist (yet). */
bool watch_dir(struct watch *w, int root_fd, const char *path);
/* An open file. */
void watch_file(struct watch *w, int fd);
/* Forgets what happened; true if something did, or may have. */
bool watch_drain(struct watch *w);
int watch_fd(const struct watch *w);

#endif
