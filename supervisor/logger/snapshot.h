/*
 * snapshot: state files that the manager hands over as memfds: state/snapshot.json
 * (durable, replaced only by a whole one) and run/status.json.
 */
#ifndef SUPD_LOGGER_SNAPSHOT_H
#define SUPD_LOGGER_SNAPSHOT_H

struct logger;
struct msg_snapshot;

/* Writes it and queues SNAPSHOT_DONE.  fd stays the caller's. */
void snapshot_write(struct logger *lg, const struct msg_snapshot *req, int fd);

#endif
