/*
 * service_users: which user and groups a unit's names mean, as numbers.
 *
 * They are looked up here, not in the child, so that a wrong name is a clear message;
 * answers are kept until /etc/passwd or /etc/group change.  Where nsswitch.conf names
 * more than local files, a helper asks, and a name service that hangs is a failure of the
 * unit after a second; it is not asked again for half a minute.
 */
#ifndef SUPD_MANAGER_SERVICE_SERVICE_USERS_H
#define SUPD_MANAGER_SERVICE_SERVICE_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/service/service_exec.h"

struct svc_user {
	uint32_t uid, gid;
	char *name, *home, *shell;
	uint32_t *groups; /* those of the name, gid included */
	size_t ngroups;
};

/* The number of a user's or a group's name.  0, or -1 with errno, 0 for "nobody has it".
 */
int svc_id_find(struct svc_world *w, bool group, const char *name, uint32_t *id);

/* Who a unit's processes are, and what of that has to be set. */
struct svc_ids {
	const struct svc_user *user;
	uint32_t uid, gid;
	bool set_uid, set_gid, set_groups;
	uint32_t *groups; /* malloc'd; NULL: none */
	size_t ngroups;
};

/* User= of x, or who supd is.  Kept until the files change: not for longer than the call
 * at hand.  NULL: why says it. */
const struct svc_user *svc_user_find(
    struct svc_world *w, const struct exec_conf *x, char *why, size_t size);
/* User=, Group= and SupplementaryGroups= of x.  -1: why says it, *status is the exit
 * status that a child would have had.  ids->groups is the caller's to free. */
int svc_ids_find(struct svc_world *w, const struct exec_conf *x, struct svc_ids *ids,
    int *status, char *why, size_t size);

#endif
