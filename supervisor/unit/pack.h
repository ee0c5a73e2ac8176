/*
 * pack: a conf in one block of memory.
 *
 * While it is read, a conf grows in pieces; afterwards nobody changes it, and thousands
 * are kept.  Packed, it is one allocation without gaps, and equal texts near each other
 * are kept once.
 */
#ifndef SUPD_UNIT_PACK_H
#define SUPD_UNIT_PACK_H

#include "unit/conf.h"

/* Takes a conf made of pieces and gives the same in one block, which free(3) ends. */
struct unit_conf *conf_pack(struct unit_conf *);

#endif
