/*
 * signame: names of signals, exit statuses and capabilities, both ways.
 */
#ifndef SUPD_UNIT_SIGNAME_H
#define SUPD_UNIT_SIGNAME_H

/* "TERM", "SIGTERM", "15", "RTMIN+3": the number, -1 if there is none. */
int signal_from_name(const char *name);
/* "SIGTERM"; "SIGRTMIN+3"; "64" for what has no name.  Valid until the next call. */
const char *signal_name(int signo);

/* "EXEC" is 203, "USAGE" 64; -1 if there is none.  Numbers are not read. */
int exit_status_from_name(const char *name);
/* NULL if the status has no name. */
const char *exit_status_name(int status);

/* "CAP_NET_ADMIN", in any case, or a number below 64; -1 if there is none. */
int capability_from_name(const char *name);
/* NULL if it has no name. */
const char *capability_name(int capability);
enum { CAPABILITY_LAST = 40 };

#endif
