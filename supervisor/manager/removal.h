/*
 * removal: what a unit has left in the file system goes: a list of files and folders,
 * removed at once, or by a helper where that may take long or for ever.  A start of the
 * unit makes its folders anew, and so waits for the helper.  Nothing is reached through a
 * link: what lies there may belong to users.
 */
#ifndef SUPD_MANAGER_REMOVAL_H
#define SUPD_MANAGER_REMOVAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct exec_dir;
struct manager;
struct unit;

enum removal_kind {
	REMOVE_FILE = 'F',        /* base is "" */
	REMOVE_FOLDER = 'D',      /* with all that is in it, or what else has the name */
	REMOVE_LINK = 'L',        /* what is none stays */
	REMOVE_CREDENTIALS = 'C', /* a folder of run/credentials */
};

/* One more: a name in the folder base. */
void removal_add(
    struct buf *list, enum removal_kind kind, const char *base, const char *name);
/* All that lines of a RuntimeDirectory= (and so on) have made; private: also where those
 * of a transient user lie. */
void removal_add_dirs(
    struct buf *list, const char *base, const struct exec_dir *dir, bool private);
/* All of a list, at most max of each folder.  -1 with errno (E2BIG above all), and why
 * says what is left. */
int removal_do(const struct buf *list, size_t max, struct buf *why);

/* why: what is left, and the reason; NULL: nothing is. */
typedef void removal_fn(void *arg, const char *why);
/* The same by a helper; u NULL: no start waits.  fn is called in any case, from the loop.
 */
void removal_begin(struct manager *m, struct unit *u, const struct buf *list, size_t max,
    uint64_t timeout_us, removal_fn *fn, void *arg);

#endif
