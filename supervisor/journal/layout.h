/*
 * layout: where the journal keeps what, below the instance folder.
 *
 *	journal/YYYYMMDD/health/REF_NAME.log    output of one invocation
 *	journal/YYYYMMDD/health/NAME.log        link to the newest of that day
 *	journal/health/NAME.log                 link to the newest
 *	…/REF_NAME.cast, NAME.cast              the same of recordings of a session
 *	journal/YYYYMMDD/events.jsonl           the event journal
 *	journal/events.jsonl                    link to today's
 *
 * REFs made by supd have no underscore, so the first one of a file's name divides it; a
 * caller's may have: whoever knows the NAME asks layout_file_is_of, whoever does not
 *takes the name that stands in the lines.  Pure: nothing here looks at a file.
 */
#ifndef SUPD_JOURNAL_LAYOUT_H
#define SUPD_JOURNAL_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LAYOUT_REF_MAX = 64,   /* bytes of a ref, the NUL not counted */
	LAYOUT_NAME_MAX = 176, /* bytes of a log name: with ref and suffix a file name */
	LAYOUT_DAY_LEN = 8,
	LAYOUT_FILE_MAX = 256, /* enough for every file name here */
	LAYOUT_PATH_MAX = 320, /* enough for every path here */
	LAYOUT_ALT_MAX = 9,    /* other names tried when something is in the way */
};

/* [A-Za-z0-9._-]{1,64} and not "." or "..". */
bool layout_ref_is_valid(const char *ref);
/* "YYYYMMDD" with a month and day that can be; not looked up in a calendar. */
bool layout_day_is_valid(const char *day);
/* Bytes that stand for themselves in a log name, of a length that fits. */
bool layout_name_is_valid(const char *name);

/*
 * The log name for any text (a unit name without its suffix, --name, argv[0]): odd bytes,
 * a leading dot and `/' become \xHH; what is too long is cut and gets a hash.  Valid
 * names stay as they are; "" becomes "-".  dst needs LAYOUT_NAME_MAX + 1; returns dst.
 */
char *layout_name(char *dst, size_t size, const char *text);
/* The log name of a unit: without its suffix (".service", …), then as layout_name. */
char *layout_name_of_unit(char *dst, size_t size, const char *unit);

/* Each writes into dst (LAYOUT_PATH_MAX) and returns dst.  Paths are relative to the
 * instance folder; ref, day and name must be valid. */
/* "journal/20261121/health" */
char *layout_day_dir(char *dst, size_t size, const char *day);
/* "1795257045123_deacon.log"; alt 1 to LAYOUT_ALT_MAX: "1795257045123.1_deacon.log". */
char *layout_log_file(
    char *dst, size_t size, const char *ref, const char *name, unsigned alt);
/* "journal/20261121/health/1795257045123_deacon.log"; alt as above */
char *layout_log_path(char *dst, size_t size, const char *day, const char *ref,
    const char *name, unsigned alt);
/* "deacon.log", the name of both links */
char *layout_link_file(char *dst, size_t size, const char *name);
/* "journal/health/deacon.log" */
char *layout_link_path(char *dst, size_t size, const char *name);
/* Target of the top-level link for a file: "../20261121/health/FILE". */
char *layout_link_target(char *dst, size_t size, const char *day, const char *file);
/* The same of a recording: ".cast" instead of ".log". */
char *layout_cast_file(
    char *dst, size_t size, const char *ref, const char *name, unsigned alt);
char *layout_cast_path(char *dst, size_t size, const char *day, const char *ref,
    const char *name, unsigned alt);
char *layout_cast_link_file(char *dst, size_t size, const char *name);
char *layout_cast_link_path(char *dst, size_t size, const char *name);
/* "journal/20261121/events.jsonl" */
char *layout_events_path(char *dst, size_t size, const char *day);

/* What a file name in a health folder says. */
struct layout_file {
	char ref[LAYOUT_REF_MAX + 4]; /* ".N" of an alternative is part of it */
	char name[LAYOUT_NAME_MAX + 1];
	bool compressed; /* .log.gz */
	bool cast;       /* .cast */
};
/* False: not a name that layout_log_file makes.  Says nothing of the file's type: a link
 * may be called the same. */
bool layout_parse_file(const char *file, struct layout_file *out);
/* The same for a name that is known; false if file cannot be a log of that name. */
bool layout_file_is_of(const char *file, const char *name, struct layout_file *out);
/* Both of recordings. */
bool layout_parse_cast(const char *file, struct layout_file *out);
bool layout_cast_is_of(const char *file, const char *name, struct layout_file *out);
/* Day and file of a top-level link's target; false if it is not such a target.  file
 * needs LAYOUT_FILE_MAX. */
bool layout_parse_target(const char *target, char day[LAYOUT_DAY_LEN + 1], char *file);
bool layout_parse_cast_target(
    const char *target, char day[LAYOUT_DAY_LEN + 1], char *file);

/* Order of invocations by their refs: numbers by value, before others by bytes. */
int layout_ref_cmp(const char *a, const char *b);

#endif
