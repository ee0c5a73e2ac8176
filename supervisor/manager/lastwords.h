/*
 * lastwords: the end of a main process waits until its last words are read.
 *
 * A rule may say of an exit and of a line what neither says alone ("Unknown command", and
 * status 1).  The exit comes from init at once, the line through a pipe and the logger,
 * or through the terminal.  Where a unit has rules that look at both, its exit is kept
 * for a moment, at most FailureTailSec= of supd.conf, until those have said what is
 * there.  Until then init has no answer: if the manager dies, the next one is told of the
 * exit again.
 */
#ifndef SUPD_MANAGER_LASTWORDS_H
#define SUPD_MANAGER_LASTWORDS_H

#include <stdbool.h>

struct manager;
struct msg_exit;
struct unit;

/* True: kept; adopt_exit is called with it, once, from the loop. */
bool lastwords_wait(struct unit *u, const struct msg_exit *x);
/* The start of a manager: what runs is adopted. */
void lastwords_adopted(struct manager *m);
/* Another logger is there, and has the patterns. */
void lastwords_on_logger(struct manager *m);

#endif
