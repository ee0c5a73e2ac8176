/*
 * typed: is there a draft in the line that a person types into?
 */
#ifndef SUPD_TERMINAL_TYPED_H
#define SUPD_TERMINAL_TYPED_H

#include <stdbool.h>
#include <stddef.h>

struct typed {
	bool draft; /* something was typed since the last Enter, or Ctrl-C */
	bool paste; /* within a paste, where Enter is text */
};

/* What came from the terminal of a person, as it was read at once.  What that terminal
 * says by itself (the mouse, the focus, answers) is nothing that was typed: false, when
 * there was nothing else. */
bool typed_feed(struct typed *t, const char *bytes, size_t len);

#endif
