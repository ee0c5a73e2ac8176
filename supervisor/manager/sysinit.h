/*
 * sysinit: whether something is in sysinit.target.
 *
 * What is started there is started before all units that have default dependencies, which
 * require it.  In most folders it holds nothing but targets that are there without a
 * file; then nothing requires it, and no start has a second job.
 *
 * Masked, it is required as well, as with systemd: what has default dependencies cannot
 * be started, which is said.
 */
#ifndef SUPD_MANAGER_SYSINIT_H
#define SUPD_MANAGER_SYSINIT_H

struct manager;
struct unit;

/* Unit files or links may be others now. */
void sysinit_look(struct manager *m);
/* A person has masked or unmasked u. */
void sysinit_on_mask(const struct unit *u);

#endif
