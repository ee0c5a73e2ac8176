/*
 * journal: events from the ring into journal/YYYYMMDD/events.jsonl, exactly once, and the
 * wishes of persons into state/wishes, durable before they are acknowledged.
 */
#ifndef SUPD_LOGGER_JOURNAL_H
#define SUPD_LOGGER_JOURNAL_H

struct logger;

/* Finish or undo what the last logger left. */
void journal_recover(struct logger *lg);
/* Store all that the ring holds, as far as the disk takes it. */
void journal_run(struct logger *lg);
void journal_close(struct logger *lg);

#endif
