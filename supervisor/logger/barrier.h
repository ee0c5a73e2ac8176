/*
 * barrier: the manager's question whether all that a slot has written until now is in its
 * log, and what the last of it was.
 */
#ifndef SUPD_LOGGER_BARRIER_H
#define SUPD_LOGGER_BARRIER_H

struct logger;
struct msg_barrier;

void barrier_on_request(struct logger *lg, const struct msg_barrier *req);
/* Answer those that nothing keeps waiting any more. */
void barrier_answer_due(struct logger *lg);
/* The manager that asked is gone. */
void barrier_drop_all(struct logger *lg);

#endif
