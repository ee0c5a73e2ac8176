/*
 * condition: do the Condition*= and Assert*= lines of a unit hold here and now?
 *
 * A question is asked each time anew and remembers nothing.  Whatever a unit file names
 * may hang whoever touches it: each path is shown to the guard first, and one that it
 * refuses is an answer (it could not be determined, which counts as a no, whatever stands
 * before it).  Nothing here changes anything.
 */
#ifndef SUPD_UNIT_CONDITION_H
#define SUPD_UNIT_CONDITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

struct buf;

/* Where the answers come from. */
struct condition_world {
	/* In front of /proc, /sys, /etc, /run and /usr, as they are asked for what the
	 * machine is: "" but in tests.  Paths of unit files are taken as they are. */
	const char *root;
	/* As unit_guard of load.h; NULL: everything may be touched. */
	bool (*guard)(void *arg, const char *path, bool follow);
	void *guard_arg;
	/* The number of a user's or group's name that /etc/passwd and /etc/group have
	 * not: 0, or -1 with errno, 0 for "nobody has it".  NULL: those files are all. */
	int (*find_id)(void *arg, bool group, const char *name, uint32_t *id);
	void *find_id_arg;
	const char *phase; /* of the person, NULL: there are no phases */
};

/* The environment of this process, and its machine. */
void condition_world_init(struct condition_world *w);

enum condition_answer {
	CONDITION_NO,
	CONDITION_YES,
	CONDITION_UNKNOWN, /* could not be determined; `!' does not turn it about */
};

/*
 * One of them, `!' taken into account.  found (may be NULL; cleared first) gets what was
 * seen, in words that fit behind "it is" or stand alone: "No such file or directory",
 * "it is 6.1.0".
 */
enum condition_answer condition_test(
    const struct condition_world *w, const struct unit_condition *c, struct buf *found);

/* The first that keeps a unit down. */
struct condition_unmet {
	const struct unit_condition *c;
	/* None of several with `|' holds, and this is the first of these. */
	bool any;
};

/*
 * All Condition*= lines (or, asserts, all Assert*= lines) together: each without `|' must
 * hold, and of those with `|' one, if there are any.  false: unmet and found say which
 * does not, and what was seen.
 */
bool conditions_hold(const struct condition_world *w, const struct unit_condition *v,
    size_t n, bool asserts, struct condition_unmet *unmet, struct buf *found);

/* As it is written: "ConditionPathExists=|!/etc/x"; appended. */
void condition_show(const struct unit_condition *c, struct buf *out);

/* There is one of that name ("PathExists"). */
bool condition_is_known(const char *name);
/* Its argument is a path. */
bool condition_wants_path(const char *name);
/*
 * What is wrong with an argument whatever the machine is, NULL: nothing.  Appended to
 * why.  -1: it is no argument at all; 1: one that can never be determined, as systemd
 * takes it.
 */
int condition_check(const char *name, const char *arg, struct buf *why);

/* An absolute path without empty parts and without a slash at its end, as all that names
 * paths is kept. */
void condition_simplify(struct buf *path);

#endif
