/*
 * dynamic_user: numbers of users that are in no list, for DynamicUser=.
 *
 * A name of an instance has one number until the machine boots, and no other name on the
 * machine has it.  Who has which is in a folder of links on a tmpfs, so that any later
 * manager finds the same, and other instances see it: 61200 leads to who has it, and
 * INSTANCE-NAME to 61200.
 */
#ifndef SUPD_MANAGER_SERVICE_DYNAMIC_USER_H
#define SUPD_MANAGER_SERVICE_DYNAMIC_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* As in systemd: numbers that nobody else gives away. */
	DYNAMIC_UID_FIRST = 61184,
	DYNAMIC_UID_LAST = 65519,
};

struct dynamic_user {
	const char *folder; /* of the links; made when it is missing */
	const char *root;   /* of the instance */
	const char *name;
	uint32_t
	    hint; /* tried first when it is one of them: who owns its folders; else 0 */
	/* Whether somebody in the lists of users has that number. */
	bool (*is_known)(void *arg, uint32_t uid);
	void *arg;
};

/* -1: why says it. */
int dynamic_user_find(
    const struct dynamic_user *u, uint32_t *uid, char *why, size_t size);

#endif
