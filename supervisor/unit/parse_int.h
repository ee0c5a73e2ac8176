/*
 * parse_int: what parse.c and parse_section.c share.
 */
#ifndef SUPD_UNIT_PARSE_INT_H
#define SUPD_UNIT_PARSE_INT_H

#include "unit/parse.h"

/*
 * A file of some megabytes, or a folder of such drop-ins, must not become a unit that
 * takes all memory, or minutes: takes so many bytes of p->room.  -1: there are not so
 * many, which parse_error was told once, about the byte AT.
 */
int parse_take_room(struct parse *p, const char *at, size_t bytes);

/* The current value of a key of a session stands at AT; D is NULL for the header of the
 * rule of that name. */
void parse_note_place(
    struct parse *p, const struct directive *d, const char *rule, const char *at);

/*
 * The section of the header [NAME]; p->rule, p->marks or p->alert is what its keys fill.
 * SECTION_NONE: its lines are not read, and why that is so was told, unless it is one
 * that nobody reads (X-).
 */
enum section parse_open_section(struct parse *p, const char *name);

#endif
