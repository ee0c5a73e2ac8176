/*
 * credentials: LoadCredential= and SetCredential= as files: run/credentials/UNIT/ID.
 *
 * The folder is made by a helper process (helper.h), so that no byte of a secret is in
 * the memory of the manager, in a message or in the context of a process, and so that
 * nobody waits for the disk that a secret lies on.  It is made before the first process
 * of an invocation and goes with the invocation: no role holds it open, and what of supd
 * dies or is replaced meanwhile does not matter.  It is made under another name and
 * renamed: who sees it sees all of it.
 */
#ifndef SUPD_MANAGER_SERVICE_CREDENTIALS_H
#define SUPD_MANAGER_SERVICE_CREDENTIALS_H

#include <sys/types.h>

#include <stddef.h>

struct buf;
struct exec_conf;

struct credentials {
	const struct exec_conf *x;
	const char *run;  /* the run folder; it must be on a tmpfs */
	const char *unit; /* full name: that of the folder */
	uid_t uid;        /* who may read them */
	gid_t gid;
};

/* In a helper, for it may wait for ever.  -1: why says it, and has no value in it;
 * nothing is left of what was made.  missing gets the names of those that nobody has to
 * have, and nobody had. */
int credentials_make(const struct credentials *c, struct buf *missing, struct buf *why);

/* Takes the folder NAME of run/credentials away; as rm_rf_at. */
int credentials_remove_at(int base, const char *name, size_t max);

#endif
