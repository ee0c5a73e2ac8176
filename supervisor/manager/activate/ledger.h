/*
 * ledger: what became of each file of a watcher (activate/stale.h), as text and back.
 *
 * A ledger is lines of JSON, one a change, of which the last about an instance counts.
 * Lines are only ever added, so that what was written before the machine lost its power
 * is there whatever happened to the last one; what cannot be read is skipped and counted.
 * The instance is the file's path, escaped: unlike the path, which is there for people,
 * it is text whatever the name of the file is.
 */
#ifndef SUPD_MANAGER_ACTIVATE_LEDGER_H
#define SUPD_MANAGER_ACTIVATE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/map.h"
#include "lib/runid.h"

struct buf;
struct jv;
struct jw;

enum ledger_result {
	LEDGER_STARTED,     /* a run is about to begin, or goes on */
	LEDGER_DONE,        /* it has ended well */
	LEDGER_FAILED,      /* it has failed, and is tried again */
	LEDGER_WAITING,     /* it came to no run that could fail, and is tried again */
	LEDGER_QUARANTINED, /* it has failed too often */
	LEDGER_FORGOTTEN,   /* as if it had never been here: never in a struct ledger */
	LEDGER_NRESULTS,
};

struct ledger_entry {
	char *instance; /* never empty */
	/* The file as it was when the run was decided. */
	uint64_t dev, inode, size;
	uint64_t folder_dev; /* the device of the folder that it is in */
	int64_t mtime_ns;
	enum ledger_result result;
	char run[RUN_ID_SIZE]; /* that is part of it, or was the last one; or empty */
	uint32_t tries;        /* runs that were begun for the file as it was */
	uint64_t at_wall_us;
	uint64_t next_wall_us; /* not tried again before; 0: at once, or never */
};

/* A zeroed struct is an empty one. */
struct ledger {
	struct map entries; /* instance -> struct ledger_entry */
	size_t lines;
	size_t bad; /* of these, that say nothing */
};

void ledger_entry_free(struct ledger_entry *e);
struct ledger_entry *ledger_entry_dup(const struct ledger_entry *e);
void ledger_clear(struct ledger *l);
/* Adds what the lines say.  A last one without its end counts if it can be read. */
void ledger_read(struct ledger *l, const char *text, size_t len);
/* NULL: nothing is known of it. */
const struct ledger_entry *ledger_find(const struct ledger *l, const char *instance);

/* The members of an open object; path may be NULL. */
void ledger_entry_write(const struct ledger_entry *e, const char *path, struct jw *w);
/* Back; NULL when v is none. */
struct ledger_entry *ledger_entry_read(const struct jv *v);
/* The same as a line, appended. */
void ledger_put_line(const struct ledger_entry *e, const char *path, struct buf *out);
/* "done", … */
const char *ledger_result_name(enum ledger_result r);

#endif
