/*
 * init: the process that must not die.  It forks, reaps, signals and holds descriptors;
 * what it knows is run/table, which outlives it.  It never parses a file of a user, never
 * allocates, never waits for anybody but the kernel, and has no way out but halt.c.
 * init always starts from a table: a new one made by boot, its own after a re-exec or a
 * crash, or that of a dead supd.  libc and proto only.
 */
#ifndef SUPD_INIT_INIT_H
#define SUPD_INIT_INIT_H

/* Number of the table's descriptor, in the environment of init. */
#define INIT_TABLE_ENV "SUPD_TABLE_FD"

enum {
	INIT_EXIT_FAILURE = 70, /* not started: no usable table */
	INIT_ROLE_FAILURE = 71, /* a role that could not be executed */
	INIT_CHECK_YES = 86,    /* init_check: this build can take the table over */
};

/* The role "supd: init".  Returns only when there is no usable table. */
int init_main(void);

/* The role "supd: check": may this build take over the running table?  It only looks.
 * The running init starts it before it hands over (MSG_REEXEC), so that a build that
 * cannot read the table is refused while the old one is still there. */
int init_check(void);

#endif
