/*
 * The descriptors of a child: stdin, stdout and stderr, those passed on from 3 upwards,
 * that of NotifyFD=, and the read ends of its own log pipes.  Part of child.c's way from
 * fork to exec.
 */
#ifndef SUPD_INIT_CHILD_FDS_H
#define SUPD_INIT_CHILD_FDS_H

struct child;

/* Place them all.  From then on init's numbers below c->floor mean nothing any more;
 * c->root_fd is init's FD_ROOT, above it.  What fails ends the child. */
void child_set_up_fds(struct child *c);

#endif
