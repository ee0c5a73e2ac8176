/*
 * script: what the tests of one service write line by line: its unit file, then what
 * happens to it in its world.
 */
#ifndef SUPD_TESTS_SIM_SCRIPT_H
#define SUPD_TESTS_SIM_SCRIPT_H

#include "world.h"

/* The text of a unit file. */
#define U(lines) "[Service]\n" lines "\n"
#define SIMPLE "ExecStart=/bin/main\n"

#endif
