/*
 * graph_live: how far what is on its way is, beside the units of a graph, and when it is
 * worth looking again.  It is told by events; nothing is asked while nothing happens.
 */
#ifndef SUPD_SUPCTL_GRAPH_LIVE_H
#define SUPD_SUPCTL_GRAPH_LIVE_H

#include "lib/map.h"

struct client;
struct ctl;

/* Of each unit with a job, as text: how far it is, and its run.  Clear it with
 * graph_live_clear.  An exit code. */
int graph_live_ask(struct ctl *ctl, struct map *notes);
void graph_live_clear(struct map *notes);

/* A connection of its own, which brings all events from now on; NULL after telling why,
 * with *code. */
struct client *graph_live_begin(struct ctl *ctl, int *code);
/* Waits until something has happened and for a moment nothing more does.  false: supd
 * has gone, or nobody reads us any more. */
bool graph_live_wait(struct client *events);

#endif
