/*
 * reader: the one reader of program logs: over invocations, days, rotations and
 * compressed files, of one unit or many, and as they grow.
 *
 * Lines of one unit come in the order of its files (day, then invocation); lines of
 * several are merged by time.  Never writes, never needs a running supd, and trusts
 * nothing that it reads: links are not followed, names are checked.
 */
#ifndef SUPD_JOURNAL_READER_H
#define SUPD_JOURNAL_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/line.h"

struct reader;

enum { READER_ERR_MAX = 256 };

/* A zeroed struct and n = -1 asks for every line. */
struct reader_query {
	const char *const *names; /* log names or globs, NULL-terminated; NULL: all */
	const char *ref;          /* this invocation only; NULL: all */
	/* These invocations only, each "REF NAME", NULL-terminated; NULL: all. */
	const char *const *logs;
	const char *day;  /* this day's folder only; NULL: all */
	const char *grep; /* POSIX extended regular expression; NULL: none */
	bool grep_icase;
	unsigned streams;  /* bits 1 << enum line_stream; 0: all */
	uint64_t since_us; /* wall clock; 0: from the start */
	uint64_t until_us; /* 0: to the end */
	int64_t n;         /* the last n that match; -1: all */
	bool follow;
};

struct reader_entry {
	uint64_t wall_us; /* a raw line: that of the line before, or 0 */
	const char *ref;
	const char *name;
	const char *day;
	enum line_stream stream;
	enum line_mark mark;
	const char *text; /* text_len bytes, any bytes */
	size_t text_len;
};

/* root_fd is the instance folder, and stays the caller's.  NULL with a message in err
 * (bad expression, no journal). */
struct reader *reader_open(
    int root_fd, const struct reader_query *q, char err[READER_ERR_MAX]);
void reader_free(struct reader *r);
/* 1: *e is valid until the next call; 0: no more (follow: no more now); -1: errno. */
int reader_next(struct reader *r, struct reader_entry *e);
/* Follow: readable when reader_next may have more.  -1 without follow. */
int reader_fd(const struct reader *r);
/* Whether any log matches the names; for a good message. */
bool reader_found_any(const struct reader *r);

/* The path of the newest log of a name below the instance folder ("journal/…"); false if
 * there is none.  dst: LAYOUT_PATH_MAX. */
bool reader_newest_path(int root_fd, const char *name, char *dst, size_t size);

#endif
