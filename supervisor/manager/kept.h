/*
 * kept: the files of what runs, as they were when it was started: run/kept/UNIT.
 *
 * A unit file that is edited badly, half-written or removed disturbs nothing that runs:
 * the manager has what it read.  The next manager has not; it takes this instead, so that
 * the unit is stopped, restarted and judged as it was.  Of a file that was edited and can
 * be used what runs has this until its end, and its next start the file.
 *
 * Written before a start, of many that are started together a moment after it, each time
 * the files are other ones, by renaming and without a sync: it is of use only as long as
 * the process lives.  Not for what has its
 * file below run/ anyway (supctl run), nor for what is not on a local disk.
 *
 * What is there of a service is of what runs, or of nothing that runs: what was kept of
 * older files goes before anything of a start is remembered, and of a start whose files
 * were changed before they could be kept there is none.  A wrong text is worse than none.
 */
#ifndef SUPD_MANAGER_KEPT_H
#define SUPD_MANAGER_KEPT_H

#include <stdbool.h>

struct diags;
struct kept;
struct manager;
struct unit;
struct unit_conf;

struct kept *kept_new(struct manager *m);

/* A start of u->svc begins: what was kept of other files than its own goes. */
void kept_begins(struct unit *u);
/* What runs, or is about to be told to init, was started with the files as they are now:
 * those of svc_conf(u->svc), of a part those of u->svc_conf. */
void kept_started(struct unit *u);
/* The file goes. */
void kept_remove(struct unit *u);

/* What was kept is of the files that u->svc_conf is of. */
bool kept_is_newest(struct unit *u);

/*
 * What the files said: the caller's, with its diagnostics in diags.  NULL: nothing that
 * can be used was kept.
 */
struct unit_conf *kept_load(struct unit *u, struct diags *diags);

/* After all that runs was adopted: the files of what does not run go, and what runs and
 * has none is kept by the files as they are. */
void kept_adopted(struct manager *m);

#endif
