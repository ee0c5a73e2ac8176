/*
 * control: the control socket of the instance: the Varlink server with supd's methods,
 * the subscribers to events, and the requests that wait for jobs.
 *
 * Owns nothing of the units: it looks them up by name each time, because any of them may
 * be gone after the next event.
 */
#ifndef SUPD_MANAGER_CONTROL_CONTROL_H
#define SUPD_MANAGER_CONTROL_CONTROL_H

struct control;
struct jw;
struct manager;

/* Serves m->control_fd (-1: nobody comes, but the rest works).  m->events, units and jobs
 * must be there. */
struct control *control_new(struct manager *m);
/* Ends all connections; what is pending is sent if it goes without waiting. */
void control_free(struct control *c);
/* The logger has stored more (EVENT_ACK, SNAPSHOT_DONE): replies that wait for a wish may
 * go. */
void control_on_event_ack(struct control *c);
/* supd.conf was read again. */
void control_on_conf(struct control *c);
/* Sends what goes without waiting: before a re-exec, and at the end. */
void control_flush(struct control *c);
/* Writes what Manager.Status answers, and all units in their light form, as members of
 * the object that is open: the status as a file. */
void control_write_status(struct manager *m, struct jw *w);

#endif
