/*
 * kinds: the readers and writers of values that kinds.def names.  Only the table calls
 * them.  kinds.c has single values, kinds_exec.c command lines and ends of processes,
 * kinds_probe.c what asks a service how it is, kinds_context.c what a process gets,
 * kinds_sched.c how it is scheduled, kinds_limits.c, kinds_stdio.c and
 * kinds_credential.c the same of its limits, standard descriptors and secrets;
 * kinds_condition.c, kinds_timer.c, kinds_trigger.c, kinds_socket.c and
 * kinds_pool.c have what those units say, kinds_session.c, kinds_rule.c and
 * kinds_budget.c what the sections of sessions do.
 */
#ifndef SUPD_UNIT_KINDS_H
#define SUPD_UNIT_KINDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "unit/conf.h"
#include "unit/quote.h"
#include "unit/table.h"

enum kind_id {
#define KIND(name, set, show, width, syntax) KIND_##name,
#define KIND_ENUM(name, words, syntax) KIND_##name,
#include "unit/kinds.def"
#undef KIND
#undef KIND_ENUM
	KIND_NKINDS,
};

extern const struct kind kinds[KIND_NKINDS];

#define KIND(name, set, show, width, syntax) \
	kind_set set;                        \
	kind_show show;
#define KIND_ENUM(name, words, syntax) extern const char *const words[];
#include "unit/kinds.def"
#undef KIND
#undef KIND_ENUM
kind_set set_enum;
kind_show show_enum;

/* One word of a list, expanded, into FIELD; AT is where it stands.  -1 after telling. */
typedef int kinds_word(struct parse *, const struct directive *, const char *word,
    const char *at, void *field);
/* Warns of the escape whose backslash is AT; WHAT becomes of it goes on the sentence. */
void kinds_unknown_escape(struct parse *, const char *at, const char *what);

/* Splits VALUE and hands each word to ADD.  0, or -1 after telling. */
int kinds_each_word(struct parse *, const struct directive *, enum quote_mode,
    const char *value, void *field, kinds_word *add);
/* The same for a list of words that an empty VALUE empties: what earlier lines gave goes.
 */
int kinds_list(struct parse *, const struct directive *, const char *value,
    struct strv *list, kinds_word *add);

/* One command of a line, from *P on, into C (the caller's).  1: one more follows, 0:
 * done, -1: told. */
int kinds_take_command(struct parse *, const char **p, struct exec_cmd *c);

/* Tells that WHAT, at AT in the value, is not what the row takes.  -1. */
int kinds_refuse(
    struct parse *, const struct directive *, const char *at, const char *what);
/* TEXT becomes what FIELD, a char *, holds (NULL if it is empty); TEXT is empty then. */
void kinds_keep(void *field, struct buf *text);
/* RFC 6901: nothing, or members with a slash before each; ~0 and ~1 are ~ and /. */
bool kinds_is_pointer(const char *text);
/* A name or a number of a user, in the strict syntax. */
bool user_name_is_valid(const char *name);
/* A name of a profile, rule or slot. */
bool session_name_is_valid(const char *name);
/* How many groups PATTERN, which was accepted, has. */
int pattern_groups(const char *pattern);
/* The highest group that the text of Until= names, 0 included; -1: none. */
int until_groups(const char *until);

/* Frees what a list or text holds; used by the conf's destructor. */
void exec_cmd_clear(struct exec_cmd *);

#endif
