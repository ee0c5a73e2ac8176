/* budget: what a budget is, in words; for status and budget. */
#ifndef SUPD_SUPCTL_BUDGET_H
#define SUPD_SUPCTL_BUDGET_H

struct buf;
struct jv;

/* "Cost 12.31 of 12.5 (98%), Tokens …; until 2026-11-22 00:00:00"; appended. */
void budget_words(const struct jv *budget, struct buf *out);
/* How to go on with a unit whose budget is used up; appended, nothing if it is not. */
void budget_next_step(const struct jv *budget, const char *unit, struct buf *out);
/* "until 2026-…", "this hour", …: when the period ends; appended. */
void budget_end_words(const struct jv *budget, struct buf *out);

#endif
