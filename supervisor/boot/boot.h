/*
 * boot: what `supd' does before it becomes init: options, finding the instance, its
 * folders and lock, the table (new, or revived from a dead supd), limits, cgroup folder,
 * control socket.  Then it executes itself as init with the same pid, so that start,
 * re-exec and crash are one path.  Everything here may allocate, wait for a disk and fail
 * with a message; nothing here runs again until supd is started again.
 */
#ifndef SUPD_BOOT_BOOT_H
#define SUPD_BOOT_BOOT_H

enum {
	BOOT_EXIT_FAILURE = 1, /* could not start; the reason is on stderr */
	BOOT_EXIT_USAGE = 2,
	BOOT_EXIT_RUNNING = 100, /* another supd runs on this instance */
};

/* The environment variable in which init finds the number of the table's descriptor. */
#define SUPD_TABLE_FD_ENV "SUPD_TABLE_FD"

/* Returns an exit status; on success it does not return. */
int boot_main(int argc, char **argv);

#endif
