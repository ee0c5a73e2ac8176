/*
 * The folders of a unit, and the links to them.  Only in a child of init, before it gives
 * up rights.
 */
#ifndef SUPD_INIT_CHILD_DIRS_H
#define SUPD_INIT_CHILD_DIRS_H

struct child;

void child_make_dirs(struct child *c);

#endif
