/*
 * graph: units and what they say of each other, as supd tells it (io.supd.Unit.Graph),
 * for the commands that show it.
 */
#ifndef SUPD_SUPCTL_GRAPH_H
#define SUPD_SUPCTL_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "columns.h"

struct ctl;
struct graph;
struct jw;
struct opt;

/* One kind of dependency, in the order in which they are shown. */
struct graph_kind {
	const char *name;    /* the directive, of the unit that has it */
	const char *inverse; /* as it is said of the other */
	bool need;           /* starts the other, too: what tree shows */
	const char *dot;     /* attributes of its edges */
};
enum { GRAPH_NKINDS = 14 };
extern const struct graph_kind graph_kinds[GRAPH_NKINDS];
enum { GRAPH_AFTER = GRAPH_NKINDS - 1 }; /* the order; all others are before it */

struct graph_edge {
	size_t to;
	size_t kind;
	bool implied; /* no file says so */
};

struct graph_node {
	char *unit, *state, *substate, *load;
	char *job;                /* NULL: none */
	struct graph_edge *edges; /* of what it has, by kind */
	size_t n, cap;
	struct graph_edge *back; /* of those that have it, likewise */
	size_t nback, back_cap;
};

struct graph {
	struct graph_node *v;
	size_t n;
	size_t *roots;
	size_t nroots;
};

/* What the options of both commands say. */
struct graph_ask {
	unsigned kinds; /* bits; 0: as usual */
	bool reverse;
	bool whole;
	int64_t depth; /* -1: no bound */
};

enum { GRAPH_OPT_KIND = 'k', GRAPH_OPT_REVERSE = 'r', GRAPH_OPT_DEPTH = 'd' };
/* One option: 0, or CTL_USAGE after telling. */
int graph_option(struct ctl *ctl, struct graph_ask *ask, int id);
/* The units of the command line, by dependencies of the kinds that walk has.  g is to be
 * cleared in any case.  The exit status. */
int graph_ask(struct ctl *ctl, int argc, char **argv, const struct graph_ask *ask,
    unsigned walk, struct graph *g);
void graph_clear(struct graph *g);

/* A line begins with the colour and the dot of its state. */
void graph_put_unit(struct ctl *ctl, const struct graph_node *n);
/* "active (running)", or why there is none: "not found". */
const char *graph_state(const struct graph_node *n, char *dst, size_t size);

#endif
