/*
 * The logger role: drains every log pipe, stamps lines, keeps files and links, writes the
 * event journal and the state snapshots.  The only role that waits for a disk, and the
 * one that nobody waits for.
 */
#ifndef SUPD_LOGGER_LOGGER_H
#define SUPD_LOGGER_LOGGER_H

/* Runs on the fixed descriptors of proto/table.h (extra: scratch r, w, staging r, w). */
int logger_main(void);

#endif
