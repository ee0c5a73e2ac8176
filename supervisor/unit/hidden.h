/*
 * hidden: names of files that do not count when a folder is asked whether it is empty.
 */
#ifndef SUPD_UNIT_HIDDEN_H
#define SUPD_UNIT_HIDDEN_H

#include <stdbool.h>

/* Hidden by a dot, a backup, or what packages and editors leave behind. */
bool hidden_name(const char *name);

#endif
