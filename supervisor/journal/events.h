/*
 * events: the one reader of the event journal, journal/YYYYMMDD/events.jsonl, over its
 * days and as it grows.  A damaged line is skipped and counted, never fatal.
 */
#ifndef SUPD_JOURNAL_EVENTS_H
#define SUPD_JOURNAL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct events;
struct jv;

/* A zeroed struct and n = -1 asks for every event. */
struct events_query {
	const char *const *units; /* names or globs, NULL-terminated; NULL: all */
	const char *const *kinds; /* names of events or globs; NULL: all */
	const char *run;          /* of this run of a pipeline; NULL: all */
	uint64_t after_seq;       /* only events with a greater seq */
	uint64_t since_us;        /* wall clock; 0: from the start */
	uint64_t until_us;        /* 0: to the end */
	int64_t n;                /* the last n that match; -1: all */
	bool follow;
	/* Whether an event that the others let through is asked for; NULL: each is. */
	bool (*wanted)(const struct jv *event);
};

struct events_entry {
	uint64_t seq;
	uint64_t wall_us;
	const char *event;
	const char *unit;      /* "" when the event is not about a unit */
	const struct jv *tree; /* the whole event */
	const char *json;      /* json_len bytes, one line without newline */
	size_t json_len;
};

/* root_fd is the instance folder, and stays the caller's.  No journal yet is an empty
 * one. NULL: errno. */
struct events *events_open(int root_fd, const struct events_query *q);
void events_free(struct events *e);
/* 1: *ev is valid until the next call; 0: no more (now); -1: errno. */
int events_next(struct events *e, struct events_entry *ev);
/* Follow: readable when events_next may have more.  -1 without follow. */
int events_fd(const struct events *e);
/* Lines that were no events. */
uint64_t events_damaged(const struct events *e);
/* The greatest seq in the journal, 0 if it is empty. */
uint64_t events_last_seq(int root_fd);

#endif
