/*
 * line: what a line of a log file looks like; written by the logger, read by everybody.
 *
 *	2026-11-21T10:30:45 [deacon:stdout] text
 *
 * Local time, or UTC with a `Z'; 0, 3 or 6 digits after the second.  After the stream may
 * stand one mark:
 *
 *	[deacon:stdout+]  longer than a line may be: the next line of this stream
 *continues it [deacon:stdout~]  unfinished: the program ended without a newline
 *	[deacon:supd]     not the program's words: a note of supd (lines dropped, …)
 *
 * The text is as the program wrote it, NUL and control characters included; escaping is
 * for those who show it.  The JSON form has the same as members ts, name, stream, line,
 * mark ("split", "unfinished") and, where line is not UTF-8, hex with the exact bytes.
 */
#ifndef SUPD_JOURNAL_LINE_H
#define SUPD_JOURNAL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Same values as LogFormat= has. */
enum line_format {
	LINE_TEXT,
	LINE_JSON,
	LINE_RAW, /* lines as they are, without prefix, never split or marked */
};

enum line_stream {
	LINE_STDOUT,
	LINE_STDERR,
	LINE_NOTE, /* "supd" */
	LINE_NSTREAMS,
};

enum line_mark {
	LINE_WHOLE,
	LINE_SPLIT,
	LINE_UNFINISHED,
};

struct line_style {
	enum line_format format;
	int precision; /* 0, 3, 6 */
	bool utc;
};

enum { LINE_TS_MAX = 40 };

struct line {
	uint64_t wall_us; /* 0: the line has no time (raw) */
	enum line_stream stream;
	enum line_mark mark;
	const char *name; /* not terminated */
	size_t name_len;
	const char *text; /* without newline; may hold any byte */
	size_t text_len;
};

/* "stdout", "stderr", "supd" */
const char *line_stream_name(enum line_stream s);
/* -1 if there is none of that name. */
int line_stream_parse(const char *s);

/* "2026-11-21T10:30:45.123"; returns the length.  Slow: once a second, not once a line.
 */
size_t line_format_ts(
    char dst[LINE_TS_MAX], const struct line_style *style, uint64_t wall_us);
/* Appends one line with its newline.  text must not hold a newline. */
void line_format(struct buf *out, const struct line_style *style, const struct line *l);

/* The same, with a time stamp that line_format_ts made. */
void line_format_with_ts(struct buf *out, const struct line_style *style, const char *ts,
    const struct line *l);

/*
 * Remembers the last second, so that reading does not ask the calendar for each line, and
 * holds the text of a JSON line.  A zeroed struct is ready.
 */
struct line_parser {
	char second[20];
	bool second_utc;
	uint64_t second_us;
	struct buf *text; /* of the last JSON line */
	char name[256];
};
/*
 * What a line of a log says.  n is without the newline.  Never fails: what is no line of
 * ours is raw text (wall_us 0, stdout).  Pointers in *l are valid until the next call and
 * as long as s.
 */
void line_parse(struct line_parser *p, const char *s, size_t n, struct line *l);
void line_parser_clear(struct line_parser *p);

#endif
