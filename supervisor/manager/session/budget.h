/*
 * budget: what one unit has used of its limits within a period, and when that is too
 * much.
 *
 * What it promises:
 *
 *  1. 80 percent, and all, are told once each in a period, however often they are
 *     reached.  After a release another full budget is allowed until the period ends, and
 *     they are told again on the way to its end.
 *  2. A counter is kept by its name: what it grows by was used; one that falls has begun
 *     anew, and all it shows was used since.  Nothing is ever given back.
 *     What has no limit is not counted, and begins no period.
 *  3. Sums do not overflow: they stay at BUDGET_COUNT_MAX.
 *  4. Run time is that between budget_run_began and budget_run_ended, by the monotonic
 *     clock, which stands still while the machine sleeps.  A period that ends meanwhile
 *     has what was before its end.
 *  5. A clock that is set back does not begin a period that was over; what was used stays
 *     used.
 *  6. No timer is armed but while its process runs: for the moment at which run time
 *     reaches a limit, and for each step of it that is recorded, until it is used up.
 *
 * Pure: times are those of lib/clock.  Ops must not call back.
 */
#ifndef SUPD_MANAGER_SESSION_BUDGET_H
#define SUPD_MANAGER_SESSION_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/conf.h"

struct budget;
struct json_err;
struct jv;
struct jw;
struct zone;

#define BUDGET_COUNT_MAX ((uint64_t)INT64_MAX)

enum {
	/* Names; beyond, the one that was not used for the longest time goes.  One of
	 * more than BUDGET_NAME_MAX bytes is not remembered. */
	BUDGET_COUNTERS_MAX = 64,
};

struct budget_ops {
	/* 80 percent of a limit are used, or (up) all of it. */
	void (*crossed)(void *arg, enum budget_kind kind, bool up);
	/* What budget_save writes is different. */
	void (*changed)(void *arg);
	/* budget_tick is wanted at this monotonic time; INFINITY: no more. */
	void (*arm)(void *arg, uint64_t mono_us);
	/* That of the calendar; NULL: UTC. */
	const struct zone *(*zone)(void *arg);
};

/* conf must stay until budget_free or the next budget_set_conf has returned. */
struct budget *budget_new(
    const struct budget_conf *conf, const struct budget_ops *ops, void *arg);
void budget_free(struct budget *b);
/* What was used stays, within a period of the new kind where that is another. */
void budget_set_conf(struct budget *b, const struct budget_conf *conf);

/* ---- what happens ---- */

/* That much more was used. */
void budget_add(struct budget *b, enum budget_kind kind, uint64_t n);
/*
 * A counter shows this value.  of_run: it counts from 0 with each invocation.  base: seen
 * for the first time, it shows what was before, of which nothing is counted.
 */
void budget_counter(struct budget *b, const char *name, enum budget_kind kind,
    uint64_t value, bool of_run, bool base);
/* It shows this now, or nothing (0), and nothing is used by that; only of a counter that
 * is not known yet. */
void budget_counter_base(
    struct budget *b, const char *name, enum budget_kind kind, uint64_t value);
/* What it grew by is of the period that is over, or of nobody: it is not counted. */
void budget_counter_rebase(
    struct budget *b, const char *name, enum budget_kind kind, uint64_t value);
bool budget_counter_is_known(
    const struct budget *b, const char *name, enum budget_kind kind);
/* What it showed last; 0: nothing. */
uint64_t budget_counter_last(
    const struct budget *b, const char *name, enum budget_kind kind);
void budget_counter_forget(struct budget *b, const char *name);
/* Its process runs since that monotonic time.  Of the invocation that is known already it
 * goes on; another one's counters begin anew. */
void budget_run_began(struct budget *b, const char *invocation, uint64_t mono_us);
void budget_run_ended(struct budget *b, uint64_t mono_us);
/* Something is due, or a clock was set. */
void budget_tick(struct budget *b);

/* ---- what persons decide ---- */

/* Of each limit that is used up another full budget is allowed in this period.  True:
 * there was one. */
bool budget_release(struct budget *b);
/* Nothing is used, in a period that goes on. */
void budget_reset(struct budget *b);

/* ---- what it is ---- */

struct budget_use {
	uint64_t limit;   /* INFINITY: none */
	uint64_t used;    /* as of now */
	uint64_t allowed; /* until there: the limit, and what releases added */
	bool warned, up;
};

struct budget_view {
	struct budget_use use[BUDGET_NKINDS];
	/* Wall clock; 0: not begun yet.  end INFINITY: for ever. */
	uint64_t begin_us, end_us;
	bool any; /* there is a limit */
	bool up;  /* one is used up */
};
/* How much more is to be used until something is told, or the period begins (1);
 * INFINITY: nothing is. */
uint64_t budget_left(const struct budget *b, enum budget_kind kind);
/* What may be used and not be recorded yet. */
uint64_t budget_step(const struct budget *b, enum budget_kind kind);
/* The end of a period that has begun, INFINITY: it has none; 0: none has begun. */
uint64_t budget_end_us(const struct budget *b);
/* The period is over, and nobody has begun the next. */
bool budget_is_over(const struct budget *b);
/* Changes nothing. */
void budget_view(const struct budget *b, struct budget_view *v);
/* "12.31", "4h30m", "1048576": a number of that kind; into dst, which is returned. */
char *budget_format(char *dst, size_t size, enum budget_kind kind, uint64_t n);

/* ---- over a restart of the manager ---- */

/* Members of an object that is open in w. */
void budget_save(const struct budget *b, struct jw *w);
/* Into a new budget: -1 with err and as it was when v is not what budget_save wrote.
 * same_boot: its monotonic times still mean something. */
int budget_restore(
    struct budget *b, const struct jv *v, bool same_boot, struct json_err *err);

#endif
