/*
 * link_int: what link.c and link_init.c share.  Nobody else includes it.
 */
#ifndef SUPD_MANAGER_LINK_INT_H
#define SUPD_MANAGER_LINK_INT_H

struct link;
struct msg;

/* To init, now or when it reads again, in order; the descriptors in msg are taken. */
void link_send_init(struct link *l, struct msg *msg);

#endif
