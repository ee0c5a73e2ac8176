/*
 * ledger_list: the ledgers of watchers for people, read in a helper.
 */
#ifndef SUPD_MANAGER_LEDGER_LIST_H
#define SUPD_MANAGER_LEDGER_LIST_H

#include <stdint.h>

struct buf;
struct strv;

enum { LEDGER_LIST_MAX = 10000 };

/* The question: of these watchers (names of units) the first so many entries, or those
 * of one instance alone (NULL: of all). */
void ledger_list_ask(const char *root, const struct strv *units, uint64_t limit,
    const char *instance, struct buf *question);
/* A helper_work.  Its answer is {"entries":[...],"total":N}, or {"error":TEXT}. */
void ledger_list_work(const void *question, struct buf *out);

#endif
