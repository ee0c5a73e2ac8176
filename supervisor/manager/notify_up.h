/*
 * notify_up: what supd itself says to the service manager that started it, or to the
 * process that waits for `supd -d'; as sd_notify(3).  Nothing when nobody listens.
 */
#ifndef SUPD_MANAGER_NOTIFY_UP_H
#define SUPD_MANAGER_NOTIFY_UP_H

struct manager;

/* Read the environment once, and take it away from what is started later. */
void notify_up_init(struct manager *m);
void notify_up(struct manager *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
