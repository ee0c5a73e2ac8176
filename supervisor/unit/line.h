/*
 * line: what becomes of each line of a file, told while it is read.  For those who show
 * that: verify, and the origin of values.  Nothing is decided by it.
 */
#ifndef SUPD_UNIT_LINE_H
#define SUPD_UNIT_LINE_H

#include <stddef.h>
#include <stdint.h>

struct directive;
struct lex;
struct unit_paths;

/* The answer to a line.  All but the first two were told as a diagnostic. */
enum line_answer {
	LINE_HONOURED,
	LINE_NOTE,      /* for people and other programs: nothing is to be done */
	LINE_DOUBTED,   /* honoured, but for what its warning says */
	LINE_LATER,     /* kept and shown, not acted on yet */
	LINE_NO_EFFECT, /* known, and without effect here */
	LINE_UNKNOWN,   /* nobody knows the key, or its section */
	LINE_REFUSED,   /* refuses the unit */
	LINE_NANSWERS,
};

/* Of texts and pointers nothing stays after the call. */
struct unit_line {
	const char *file;
	uint32_t line, col;          /* of the key */
	const char *section;         /* as written; "" before the first one */
	const char *rule;            /* of [Rule NAME], else NULL */
	const struct directive *row; /* behind other spellings; NULL: there is none */
	const char *key, *value;
	enum line_answer answer;
	const struct lex *lex; /* for the place of a word in value */
};

typedef void unit_line_fn(void *arg, const struct unit_line *);

struct line_hook {
	unit_line_fn *fn; /* NULL: nobody looks */
	void *arg;
};

/* "honoured", "no-effect", ... */
const char *line_answer_name(enum line_answer);

/* From now on each line of a file that is loaded is told; fn NULL ends that. */
void unit_paths_on_line(struct unit_paths *, unit_line_fn *fn, void *arg);

#endif
