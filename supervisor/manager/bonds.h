/*
 * bonds: what follows for others when a unit changes its state by itself.
 *
 *	it leaves the active state   what is bound to it (BindsTo=), and what its stop is
 *	without a job                passed on to, is stopped
 *	it is down                   what is bound to it is stopped; what it needed may be
 *	                             unneeded (StopWhenUnneeded=); who upholds it starts
 *it it is up                     what it upholds is started; what was stopped because it
 *	                             had gone comes back, when Restart= brought it back
 *	it fails, or ends well       OnFailure= or OnSuccess=, FailureAction=,
 *SuccessAction=
 *
 * Nothing is done at once: units are marked, and bonds_run, posted, looks at them and
 *asks for jobs.  So nothing recurses, and what several changes ask for is asked once.
 *
 * Most of it is read from the states as they are (job/bond.h), so that a new manager only
 * has to look again (bonds_look_all).  What a state does not say any more, that it failed
 * and nobody was told, is in the memory of the unit (due), set with the state itself and
 * taken back when all that was to be started has been; a handler's own memory names the
 * end that it was started for (MONITOR_*), so that none is started twice for one.
 */
#ifndef SUPD_MANAGER_BONDS_H
#define SUPD_MANAGER_BONDS_H

#include <stdbool.h>

#include "manager/job/job.h"
#include "manager/service/memory.h"

struct bond;
struct bonds;
struct job;
struct manager;
struct unit;

/* Called after each change of the active state (unit_note_active). */
void bonds_on_active(struct unit *u, enum svc_active from, enum svc_active to);
/* A job of it has ended: what waited for that is looked at. */
void bonds_look(struct unit *u);
/* Its start was given up, for want of another unit or of time: as systemd has it, that is
 * a failure for OnFailure=, though not of its state. */
void bonds_on_unstarted(struct unit *u);
/* A new manager, the end of safe mode, files that were read again. */
void bonds_look_all(struct manager *m);
/* Restart= is due: the start goes as a job when others are to be started or restarted
 * with it.  false: it does not, and the service may go on. */
bool bonds_restart(struct unit *u);
/* The start of a job is that one: the service begins it itself, as if its time had come.
 */
bool bonds_begin_restart(struct unit *u);
/* That job has ended: if it came to nothing, the restart is tried again later. */
void bonds_restart_ended(struct unit *u, enum job_result result, const char *message);

void bonds_forget(struct unit *u);

#endif
