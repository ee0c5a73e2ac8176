/*
 * unit_socket: what status shows of a socket unit.
 */
#ifndef SUPD_SUPCTL_UNIT_SOCKET_H
#define SUPD_SUPCTL_UNIT_SOCKET_H

struct ctl;
struct jv;

/* s: the member "socket" of its status; of other units nothing is shown. */
void unit_socket_put(struct ctl *ctl, const struct jv *s);

#endif
