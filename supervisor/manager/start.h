/*
 * start: which units start when, after a start of supd or of the manager alone.
 */
#ifndef SUPD_MANAGER_START_H
#define SUPD_MANAGER_START_H

struct manager;
struct unit;

/* Load all files and queue the starts that are due: of every unit that is wanted and was
 * not started since supd was, so that a manager that dies in between changes nothing. */
void start_units(struct manager *m);
/* The same for one unit: what kept it down has gone. */
void start_unit(struct unit *u);
/* Files that could not be read, because their file system did not answer, can be now. */
void start_answered(struct manager *m);
/* Other file systems are mounted now: all that is watched by a path may be another file.
 */
void start_look_again(struct manager *m);
/* A new logger has no patterns. */
void start_resend_patterns(struct manager *m);
/* One line for each unit on stderr (SIGUSR2). */
void start_log_state(struct manager *m);

#endif
