/*
 * vacuum: what bounds the journal: bytes of a unit and in total, age, compression of
 * closed days.  Deletes only files whose name and place the logger makes, never the
 * newest of a unit and never one that is being written.
 */
#ifndef SUPD_LOGGER_VACUUM_H
#define SUPD_LOGGER_VACUUM_H

struct logger;
struct msg_vacuum;

/* On request: now, with these bounds; queues VACUUM_DONE. */
void vacuum_run(struct logger *lg, const struct msg_vacuum *req);
/* A file was made, a day ended, the settings changed: look at the bounds soon, at most
 * once a minute. */
void vacuum_due(struct logger *lg);

#endif
