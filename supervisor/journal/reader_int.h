/*
 * reader_int: what the files of the reader share.  Nobody else includes it.
 */
#ifndef SUPD_JOURNAL_READER_INT_H
#define SUPD_JOURNAL_READER_INT_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/layout.h"
#include "journal/line.h"
#include "journal/reader.h"
#include "lib/map.h"
#include "lib/strv.h"

struct lines;
struct watch;

enum { READER_KEEP_OPEN = 3 }; /* newest files of a chain, when following */

struct file {
	char day[LAYOUT_DAY_LEN + 1];
	char name[LAYOUT_FILE_MAX];
	struct layout_file lf;
	struct lines *lines; /* NULL: not open */
	bool failed;         /* cannot be read, or was read to its end */
	bool look;           /* at its place there may be another one by now */
	bool replaced;       /* there is: when this one is read, that one */
};

struct saved {
	uint64_t wall_us;
	size_t file;
	enum line_stream stream;
	enum line_mark mark;
	char *text;
	size_t text_len;
	char *name;
};

struct chain {
	char *name;
	bool exact; /* lines of others in the same files are skipped */
	struct file *files;
	size_t nfiles, cur;
	size_t known; /* before the scan that goes on */
	struct line_parser parser;
	uint64_t last_us; /* of the last line with a time */
	char line_name[LAYOUT_NAME_MAX + 1];
	struct saved *saved; /* newest first */
	size_t nsaved, left; /* of them picked, and then still to be shown */
	size_t back;         /* files from here on are saved */
	size_t timed;        /* next_us is the time of the saved ones up to here */
	uint64_t next_us;
	bool has_head;
	struct reader_entry head;
};

struct reader {
	int root_fd;
	struct strv names;
	bool globs; /* some name is a glob, or there are none */
	char *ref, *day;
	struct strv logs; /* none: all */
	regex_t re;
	bool has_re;
	struct reader_query q;
	struct chain **chains;
	size_t nchains;
	struct map by_name;
	struct watch *watch;
	bool rescans; /* files that a chain has already may be met again */
};

/* ---- reader_scan.c ---- */
/* A name of a query that may mean several logs. */
bool reader_is_glob(const char *s);
/* The chains of the query, with their files in order. */
void reader_scan(struct reader *r);
/* The files that came since: at the end of their chains. */
void reader_rescan(struct reader *r);

/* ---- reader_follow.c ---- */
/* One of the newest files of a chain that is followed. */
bool reader_keeps_open(const struct reader *r, const struct chain *c, size_t i);
/* Below the instance folder; dst: LAYOUT_PATH_MAX + LAYOUT_FILE_MAX.  Returns dst. */
char *reader_file_path(char *dst, size_t size, const struct file *f);
/* Hears of the days and files that come. */
void reader_watch_journal(struct reader *r);
/* Hears of the files kept open being made again, and looks at each place once more. */
void reader_watch_files(struct reader *r);
/* At the end of a file: whether to read on, the rest of it (replaced is set then) or,
 * with lines NULL, the one that is at its place now. */
bool reader_file_goes_on(struct reader *r, struct file *f);

#endif
