/*
 * pack: confs as they are kept.
 *
 * While it is read, a conf grows in pieces; afterwards nobody changes it, and thousands
 * are kept.  Packed, each of its parts is one allocation without gaps, equal texts near
 * each other are kept once, and the parts that many units have alike (rules and service:
 * all but names, files and description) are kept once for all of them.
 */
#ifndef SUPD_UNIT_PACK_H
#define SUPD_UNIT_PACK_H

#include "unit/conf.h"

/* The parts that are shared.  They belong to all confs that have them, none of which
 * knows of the others: here alone it is counted. */
struct pack_pool;

struct pack_pool *pack_pool_new(void);
/* No more is packed into it; what confs still have stays as long as they do. */
void pack_pool_end(struct pack_pool *);

/* Takes parts made of pieces (and in malloc'd memory) and gives the conf. */
struct unit_conf *conf_pack(struct pack_pool *, struct unit_parts *);
void conf_pack_free(struct unit_conf *);

#endif
