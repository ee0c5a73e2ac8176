/*
 * instance: which folder is meant.
 *
 * supd and supctl find the instance by the same rule, and this is its only place: the
 * folder that was named; for supctl $SUPD_ROOT; the current folder if it has units/;
 * else the user's folder below XDG_STATE_HOME, and for root the system's.  As root, a
 * current folder that was not named is taken only if nobody but root could have written
 * it; as an ordinary user supd runs none that is another user's.  Looks and tells;
 * creates nothing, logs nothing.
 */
#ifndef SUPD_UNIT_INSTANCE_H
#define SUPD_UNIT_INSTANCE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct strv;

#define INSTANCE_SYSTEM_ROOT "/var/lib/supd"
#define INSTANCE_ROOT_ENV "SUPD_ROOT"

enum instance_kind {
	INSTANCE_FOLDER, /* a folder of its own, with units/ */
	INSTANCE_USER,
	INSTANCE_SYSTEM,
};

struct instance {
	char *root; /* absolute, links resolved when it exists; owned */
	/* Its run folder: root/run, or where supd has one on a tmpfs that it could not
	 * link to (a read-only root); owned. */
	char *run;
	enum instance_kind kind;
	bool implicit; /* the current folder, not named by anybody */
	bool exists;   /* a user's or the system's may have to be made first */
	uid_t owner;   /* of the folder, when it exists */
};

/*
 * dir is what was named (-C), or NULL.  use_env allows $SUPD_ROOT.  On failure returns
 * -1 with a sentence in why that says what was refused and what to do; in is untouched.
 */
int instance_find(struct instance *in, const char *dir, bool use_env, struct buf *why);
void instance_clear(struct instance *in);
/* Which instance it is by its folder: the system's, the user's (of who asks, for another
 * user than root), or one in a folder of its own. */
enum instance_kind instance_kind_of(const char *root);
/* ROOT/supd.conf; for the system's and the user's instance the one where configuration
 * belongs, if ROOT has none.  malloc'd. */
char *instance_conf(const char *root);
/*
 * Where supd as uid puts the run folder of the instance: paths on a tmpfs, the best one
 * first, each PARENT/HASH.  xdg is $XDG_RUNTIME_DIR if it may be used, or NULL.
 */
void instance_run_places(const char *root, uid_t uid, const char *xdg, struct strv *out);
/* The part of an instance in a name that all instances of a host share: of its path,
 * which is unique, hashed because it may be long. */
uint64_t instance_hash(const char *root);

#endif
