/* budgets_int: what the budgets*.c share.  Nobody else includes it. */
#ifndef SUPD_MANAGER_BUDGETS_INT_H
#define SUPD_MANAGER_BUDGETS_INT_H

#include <sys/queue.h>

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/map.h"
#include "manager/budget/budgets.h"
#include "proto/msg.h"

struct budget_files;
struct buf;
struct jv;
struct jw;
struct loop_timer;

/* What is remembered of a unit that is not looked at now. */
struct budget_row {
	char *text; /* a JSON object */
	uint64_t rev;
	uint64_t end_us;  /* of its period; 0: not begun, INFINITY: it has none */
	uint64_t left_us; /* since when it is a row, or was looked for last */
	bool noted;       /* it is in run/, too, which is as old as what runs */
};

struct budgets {
	struct manager *m;
	struct map rows; /* by unit */
	struct budget_files *files;
	bool restored; /* deeds may be done */
	/* That have something to settle, the oldest first, and since which round. */
	TAILQ_HEAD(, unit_budget) due;
	uint64_t round;

	/* budget_ledger.c */
	struct loop_timer *timer;
	uint64_t id;
	bool newer; /* written by a newer supd: left alone */
	bool dirty, writing;
	int err; /* of the last writing; 0: it went well */
};

/* A source that is a rule: its pattern, compiled when it is first needed. */
struct budget_pattern {
	regex_t re;
	bool compiled, bad;
};

struct unit_budget {
	struct unit *unit;
	struct budget *account;
	const struct budget_conf *conf; /* what it is kept by */
	struct loop_timer *timer;
	uint64_t run_due_us; /* of budget_ops.arm */
	uint32_t low, up;    /* crossed, and not told yet; by kind */
	uint64_t telling;    /* the number of the first event about them; 0: none yet */
	bool is_due;
	uint64_t due_round;
	TAILQ_ENTRY(unit_budget) due;

	bool dirty;    /* save it */
	bool stopping; /* a stop is asked for */
	uint64_t rev;
	int save_err;

	/* The log of the invocation that runs. */
	uint32_t slot; /* SLOT_NONE */
	uint8_t invocation[16];
	uint64_t alarm; /* what the logger was asked; 0: nothing */

	struct budget_pattern pattern[BUDGET_SOURCES_MAX];
	/* Files (budget_files.c). */
	struct loop_timer *read_timer;
	bool watched;
	bool retried;       /* it could not be read, and is looked at once more */
	char *source_error; /* NULL: all could be read */
	/* What was told of each since then; by enum why. */
	uint16_t source_told[BUDGET_SOURCES_MAX];
};

static inline enum budget_kind
budget_kind_of(enum budget_counted what)
{
	return what == BUDGET_COUNTED_COST ? BUDGET_COST : BUDGET_TOKENS;
}

/* ---- budgets.c ---- */
/* Of a unit that has a budget, made when it has to be; NULL: it has none. */
struct unit_budget *budget_get(struct unit *u);
/* Its timer, for what is due next. */
void budget_arm(struct unit_budget *ub);

/* ---- budget_deeds.c ---- */
/* Tells and does what has to be, soon. */
void budget_later(struct unit_budget *ub);
/* It is forgotten. */
void budget_not_due(struct unit_budget *ub);
/* The hold of this unit is its budget's.  The hold itself says so: it is known also when
 * a person has held on meanwhile, and to the next manager. */
bool budget_holds(const struct unit *u);
/* As much again, from now on. */
void budget_extend(struct unit_budget *ub);

/* ---- budget_store.c ---- */
void budget_store_open(struct budgets *bs);
/* Into a new one; false: nothing is remembered. */
bool budget_store_take(struct unit_budget *ub);
/* What is remembered of it from now on. */
void budget_store_save(struct unit_budget *ub);
/* The unit is forgotten: its memory stays as a row. */
void budget_store_give(struct unit_budget *ub);
/* Members of an object that is open in w. */
void budget_write(const struct unit_budget *ub, struct jw *w);
/* Below run/. */
enum { BUDGET_PATH_MAX = PROTO_UNIT_MAX + 16 };
void budget_note_path(const char *unit, char path[BUDGET_PATH_MAX]);
/* kept_as NULL: it is where it was. */
void budget_tell_damaged(
    struct manager *m, const char *file, const char *why, const char *kept_as);

/* ---- budget_rows.c ---- */
/* v is what budget_write wrote, or anything else: then nothing is added.  Of two the
 * newer one stays.  noted: from run/, not from the ledger. */
void budget_row_add(struct budgets *bs, const char *unit, const struct jv *v, bool noted);
/* It is not in the rows any more, and the caller's; NULL: there was none. */
struct budget_row *budget_row_take(struct budgets *bs, const char *unit);
void budget_row_free(struct budget_row *row);
/* Members of the ledger; what need not be kept any more is dropped. */
void budget_rows_write(struct budgets *bs, struct buf *text);

/* ---- budget_ledger.c ---- */
void budget_ledger_open(struct budgets *bs);
/* It is written after SnapshotIntervalSec=. */
void budget_ledger_later(struct budgets *bs);
/* A key in the object units, which is open: what follows is its value. */
void budget_ledger_key(struct buf *text, const char *unit);

/* ---- budget_log.c ---- */
/* Counts what the invocation that runs has written until now. */
void budget_log_look(struct unit_budget *ub);
/* Asks the logger to tell when what is left is used up. */
void budget_log_arm(struct unit_budget *ub);

/* ---- budget_text.c ---- */
/* The compiled patterns: it is forgotten, or its rules are others now. */
void budget_text_forget(struct unit_budget *ub);

/* ---- budget_files.c ---- */
struct budget_files *budget_files_new(struct manager *m);
/* A run is about to begin: what the files show now was before. */
void budget_files_base(struct unit_budget *ub);
/* It runs: they are looked at when they change. */
void budget_files_watch(struct unit_budget *ub);
void budget_files_unwatch(struct unit_budget *ub);
void budget_files_read(struct unit_budget *ub);
/* The name of the counter that a source keeps; appended. */
void budget_counter_name(
    const struct budget_source *s, enum budget_counted what, struct buf *name);

#endif
