/*
 * detach: `supd -d'.  The caller's process waits until the instance says that it is
 * ready, a child of it becomes supd.  Readiness travels as sd_notify does, over a socket
 * in the run folder, so that the manager has one way to say it.
 */
#ifndef SUPD_BOOT_DETACH_H
#define SUPD_BOOT_DETACH_H

/* The variable under which the roles find the notify socket; services never see it. */
#define SUPD_NOTIFY_ENV "SUPD_NOTIFY_SOCKET"

/*
 * Forks.  In the child: a new session, stdio to run/supd.log, and 0.  In the caller:
 * waits for READY=1 and ends the process: status 0, or 1 when supd ended before it.  -1:
 * errno.
 */
int detach(int run_fd, const char *run_path);
/* Under a service manager: hide NOTIFY_SOCKET from everybody but the roles. */
void detach_keep_notify(void);

#endif
