/*
 * emergency: the whole fleet, or a group of it (StatusGroup=), halted by one call.
 *
 * While an emergency stop is on, nothing that it covers is started, restarted or brought
 * back, by whomever.  What runs stands still (EMERGENCY_FREEZE: no work is lost, and
 * nothing is spent), or is ended, in the ordinary way or by KILL.  Nothing is changed in
 * what persons decided about single units: being frozen and held follows from the
 * emergency stop alone, so that its end takes back exactly what it did.  What it ended is
 * marked as halted and started again then, unless somebody stopped it meanwhile.
 *
 * It is a wish (units.h) of the fleet, and outlives supd and the reboot of the machine.
 */
#ifndef SUPD_MANAGER_EMERGENCY_H
#define SUPD_MANAGER_EMERGENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emergency;
struct jv;
struct jw;
struct manager;
struct unit;
struct wish_who;

enum emergency_how {
	EMERGENCY_FREEZE,
	EMERGENCY_STOP,
	EMERGENCY_KILL,
	EMERGENCY_NHOWS,
};

/* The words of the interface: "freeze"; EMERGENCY_NHOWS: it is none. */
const char *emergency_how_name(enum emergency_how how);
enum emergency_how emergency_how_find(const char *word);

/* What one call has done. */
struct emergency_count {
	size_t units;       /* that are covered */
	size_t frozen;      /* that stand still now */
	size_t best_effort; /* of them, without a cgroup */
	size_t stopping;    /* that are being ended */
	size_t started;     /* by the end of it: that go on, or are started again */
	uint64_t seq;       /* the number after which all is durable */
};

/* group NULL: the fleet.  An emergency stop of the same group is replaced.  In one go:
 * when it returns, init has been told. */
void emergency_stop(struct manager *m, const char *group, enum emergency_how how,
    const char *reason, const struct wish_who *who, struct emergency_count *n);
/* The end of exactly that one.  false: there is none. */
bool emergency_resume(struct manager *m, const char *group, const struct wish_who *who,
    struct emergency_count *n);

/* NULL, or why nothing of a unit may run: "halted by an emergency stop of root (supctl):
 * REASON".  The text is the emergency stop's. */
const char *emergency_why(const struct unit *u);
/* The same of the fleet, for what is not a unit yet. */
const char *emergency_why_all(const struct manager *m);
/* What ends that: "supctl resume --group agents"; NULL where there is none. */
const char *emergency_undo(const struct unit *u);
/* It wants the unit to stand still. */
bool emergency_freezes(const struct unit *u);
/* Who, and since when; NULL: nothing covers it. */
const struct wish_who *emergency_who(const struct unit *u);

/* The member "emergencies" of the manager's status: a list. */
void emergency_render(const struct manager *m, struct jw *w);
/* A wish of that kind (wishes_restore).  false: it is of another. */
bool emergency_restore(struct manager *m, const char *what, const char *unit,
    const struct jv *v, const struct wish_who *who);
/* The start of a manager, when the starts of the instance are queued: what one before it
 * had decided and maybe not done. */
void emergencies_restore(struct manager *m);
void emergencies_free(struct manager *m);

#endif
