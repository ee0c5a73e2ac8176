/*
 * request_files: requests of units that have no supctl, as files below run/requests.
 *
 * run/requests/UNIT is the unit's own folder: its user's, and nobody else's, so that what
 * lies in it can speak for that unit alone.  Files in run/requests itself are of root or
 * the owner of the instance, and may name any unit.  They are looked at when supd is told
 * to (USR1) and when a manager starts, and are hostile: each is bounded, opened without
 * following or waiting, and gone before its request is carried out.
 */
#ifndef SUPD_MANAGER_REQUEST_FILES_H
#define SUPD_MANAGER_REQUEST_FILES_H

struct manager;
struct unit;

/* The unit starts: its folder is there and is its user's.  What fails is logged. */
void request_files_prepare(struct unit *u);
/* Carries out what waits, in no order, some hundreds at once. */
void request_files_take(struct manager *m);
/* Those in the folder of one unit, which request_files_take only asks for (wants.h). */
void request_files_take_of(struct unit *u);
/* The unit goes, and its folder unless something lies in it. */
void request_files_forget(const struct unit *u);

#endif
