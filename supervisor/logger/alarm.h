/*
 * alarm: the manager hears when the log of an invocation has so many bytes, so that it
 * need not look itself.
 */
#ifndef SUPD_LOGGER_ALARM_H
#define SUPD_LOGGER_ALARM_H

struct logger;
struct logslot;
struct msg_log_alarm;

/* LOG_ALARM: of a slot that is not open yet it is kept until it is. */
void alarm_set(struct logger *lg, const struct msg_log_alarm *a);
/* The slot was opened. */
void alarm_open(struct logger *lg, struct logslot *ls);
/* Its log has grown: tells once. */
void alarm_look(struct logger *lg, struct logslot *ls);
/* Whoever wanted to hear is gone. */
void alarm_drop_all(struct logger *lg);

#endif
