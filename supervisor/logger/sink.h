/*
 * sink: the file of an invocation, its day and its links.  Everything is opened by
 * folder descriptors, no link is followed, nothing that another made is written to.
 */
#ifndef SUPD_LOGGER_SINK_H
#define SUPD_LOGGER_SINK_H

#include <sys/stat.h>

#include "logger/state.h"

/*
 * Have the right file open for a line written now (lg->clock), as large as *size.  Makes
 * folders, file and links, rolls to a new day, makes again what was deleted.  -1: errno.
 */
int sink_ready(struct logger *lg, struct logslot *ls, uint64_t *size);
/* Recovery: open the file with that device and inode in that day, wherever it got its
 * name.  0; -1: there is none. */
int sink_find(
    struct logger *lg, struct logslot *ls, const char *day, uint64_t dev, uint64_t ino);
void sink_close(struct sink *s);
/* The file gets its size of before again, after a write that failed.  False, errno: not
 * now; sink_ready tries again, and fails until it is done. */
bool sink_take_back(struct sink *s, uint64_t before);
/* The name of the open file, into dst of LAYOUT_FILE_MAX bytes. */
const char *sink_file(const struct logslot *ls, char *dst);
/* Whether a file was not opened because it is not ours to write: a link, a FIFO, a
 * folder, a file with a second name. */
bool sink_is_refused(int err);
/* Make file and links of a slot that printed nothing so far. */
int sink_make_due(struct logger *lg, struct logslot *ls);
/* fdatasync of what LogSync=interval left. */
void sink_sync(struct logger *lg, struct logslot *ls);
/* The open folder journal/DAY/health ("" for journal/health), borrowed; -1: errno. */
int sink_day_fd(struct logger *lg, const char *day);
/* Close all cached folders (REOPEN, the end). */
void sink_forget_dirs(struct logger *lg);

#endif
