/*
 * job_view: the event journal as what became of jobs: one entry for each thing that a
 * person asks of them (was it started, is it done, how long did it take, why did it
 * fail), and nothing of how supd came to it.  An entry follows from its event alone, so
 * that the last n of them are found from the end of the journal, and what is followed
 * says the same.
 */
#ifndef SUPD_SUPCTL_JOB_VIEW_H
#define SUPD_SUPCTL_JOB_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/buf.h"

struct ctl;
struct jv;
struct strv;

enum {
	JOB_STDERR_MAX = 500, /* bytes at the end of stderr in what a failure says */
	JOB_DETAIL_WIDTH = 60,
	JOB_NAME_WIDTH = 20,
	JOB_EVENT_WIDTH = 12,
};

struct job_entry {
	const char *ts;    /* as the event has it */
	const char *job;   /* the unit, "supd" for the instance */
	const char *event; /* started, completed, failed ... */
	struct buf detail; /* "" when there is nothing to add */
};

/* Adds the names of events that entries are made of, for who asks for no others. */
void job_view_kinds(struct strv *out);
/* False: the event is no entry.  Otherwise e, which lives as long as the event, is filled
 * in, and its detail freed by job_entry_clear. */
bool job_view(const struct jv *event, struct job_entry *e);
void job_entry_clear(struct job_entry *e);
/* The same without the entry. */
bool job_view_has(const struct jv *event);
/* One line: the time of the day, padded columns, the detail made short; with --json an
 * object of ts, job, event and, unless it is empty, detail, which is whole. */
void job_entry_put(struct ctl *ctl, struct job_entry *e);

#endif
