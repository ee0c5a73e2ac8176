/*
 * control: the methods behind the control socket (method.def), over varlink.c.  Calls
 * down into units, jobs, link and record; nothing calls into it but manager.c.
 */
#ifndef SUPD_MANAGER_CONTROL_CONTROL_H
#define SUPD_MANAGER_CONTROL_CONTROL_H

struct control;
struct jw;
struct manager;

/* Serves m->control_fd from now on; everything else of m is there already. */
struct control *control_new(struct manager *m);
void control_free(struct control *c);
/* supd.conf was read again. */
void control_on_conf(struct control *c);
/* The logger has stored events or wishes: replies that wait for it can go. */
void control_on_event_ack(struct control *c);
/* Send what can be sent without waiting: before a re-exec, and at the end. */
void control_flush(struct control *c);
/* Members of the open object: what io.supd.Manager.Status replies, and "units", an array
 * of what io.supd.Unit.List has.  For run/status.json. */
void control_write_status(struct manager *m, struct jw *w);

#endif
