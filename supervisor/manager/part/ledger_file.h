/*
 * ledger_file: where a watcher's ledger (activate/ledger.h) is: state/ledger/UNIT/.
 *
 * `log' has the lines as they come; only the manager adds to it, and gives it the name
 * `old' when it is long enough.  A helper makes `base' of all three, replaces it as a
 * whole, and removes `old'.  They are read in the order base, old, log: whatever died
 * between two of these steps, reading some lines twice changes nothing, and a line that
 * was added is never lost.
 */
#ifndef SUPD_MANAGER_LEDGER_FILE_H
#define SUPD_MANAGER_LEDGER_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct ledger;

/* ---- in the manager: root is the folder of the instance; -1: errno ---- */

/* All of it (whole lines), or nothing; on the disk after ledger_file_sync. */
int ledger_file_append(int root, const char *unit, const struct buf *lines);
/* There is something to merge now, or was: `log' was long enough, or all is wanted. */
bool ledger_file_rotate(int root, const char *unit, bool all);

/* ---- in a helper, which waits for the disk ---- */

int ledger_file_load(int root, const char *unit, struct ledger *l);
/* What l has, which was loaded by this helper, becomes `base'. */
int ledger_file_merge(int root, const char *unit, const struct ledger *l);
int ledger_file_sync(int root, const char *unit);

#endif
