/*
 * bond: what units owe each other as they are now, whoever brought them there: what
 * BindsTo=, Upholds= and StopWhenUnneeded= ask for when one changes by itself.
 *
 * Questions only, about the states of units and the jobs that there are: a unit with a
 * job is on its way, and so is nobody's concern before that is done.  So the same is
 * answered after the death of the manager as before it.  What is done about it is in
 * manager/bonds.c.
 */
#ifndef SUPD_MANAGER_JOB_BOND_H
#define SUPD_MANAGER_JOB_BOND_H

#include <stdbool.h>

struct job_unit;

/* It is up, and bound to one that is down: that one.  NULL: all is well. */
struct job_unit *bond_broken_by(struct job_unit *ju);
/* It is down, and is to be up as long as another is, which is: that one.  NULL: nobody
 * upholds it now. */
struct job_unit *bond_upheld_by(struct job_unit *ju);
/* It is up, and of all that could need it none is up, on its way, or to be started again
 * by itself. */
bool bond_is_unneeded(struct job_unit *ju);

/* Its start by Restart= is others' concern, too: something that it needs is not up, or
 * something that needs it is, and is to be restarted with it. */
bool bond_restart_concerns(struct job_unit *ju);

#endif
