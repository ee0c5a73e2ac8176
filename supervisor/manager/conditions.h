/*
 * conditions: are the Condition*= and Assert*= of a unit true now?  Asked when a start
 * begins, behind all that it waits for; services and parts alike.  How the lines are read
 * and answered is in unit/condition.h; what may hang is asked by a helper first
 * (reach.h).
 */
#ifndef SUPD_MANAGER_CONDITIONS_H
#define SUPD_MANAGER_CONDITIONS_H

#include <stdbool.h>

struct jw;
struct manager;
struct svc_conditions;
struct unit;
struct unit_conf;

void conditions_ask(
    struct manager *m, const struct unit_conf *conf, struct svc_conditions *out);
/* A start came to nothing because of the condition unmet, for which found was seen: the
 * event, and a line for people. */
void conditions_tell(
    struct unit *u, const char *unmet, const char *found, const char *why);
/* Whether the Condition*= held when they were asked last, and the Assert*=, which are
 * asked behind them; false before, unless there are none. */
void conditions_results(const struct unit *u, bool *conditions, bool *asserts);
/* The last answer, as the member "conditions". */
void conditions_render(const struct unit *u, struct jw *w);

#endif
