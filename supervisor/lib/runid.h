/*
 * runid: names of the runs of pipelines, such as r01kbb0mqvz7hk2.
 *
 * A run is what one request from outside (a person, a timer, a path, a socket, the boot)
 * brings about: all stages that it pulls in, that follow from their ends, and their
 * further runs carry its id.  It is an `r', ten digits of base 32 that are the time in
 * milliseconds when it began, and four that are drawn: 15 characters, so that it is
 * pasted and read out; by the time, so that a list in the order of text is one in the
 * order of time, over days and instances; and drawn at its end, because neither a manager
 * that was killed, nor a clock that was set back, nor another boot may make it twice, and
 * nothing would have to be remembered for that.  Within one process a later one sorts
 * behind an earlier one, whatever the clock does.
 */
#ifndef SUPD_LIB_RUNID_H
#define SUPD_LIB_RUNID_H

#include <stdbool.h>

enum { RUN_ID_SIZE = 16 }; /* with its NUL */

/* A new one.  Returns dst. */
char *run_id_make(char dst[RUN_ID_SIZE]);
/* It has the form of one; NULL has not. */
bool run_id_is(const char *text);

#endif
