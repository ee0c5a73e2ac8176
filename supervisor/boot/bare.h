/*
 * bare: what PID 1 of a bare container or machine finds missing, and what it does when it
 * cannot start.
 */
#ifndef SUPD_BOOT_BARE_H
#define SUPD_BOOT_BARE_H

/* Before anything is looked up: /proc. */
void bare_mount_proc(void);
/* Before the folders of the instance are opened: /sys, /dev, and a tmpfs on an empty /run
 * or /dev/shm when neither is one.  Not permitted, or there: fine. */
void bare_mount_rest(const char *root);
/* supd could not start.  Returns, but for the first process of a machine, whose exit is a
 * panic that leaves nothing to read: it stays, and does nothing. */
void bare_stay(void);

#endif
