/*
 * run_fifos: the folder with FIFOs that stand for the input and the outputs of a program
 * of `run --pipe'.
 *
 * Promises: it is made in a run folder that somebody else may own and change meanwhile,
 * and nothing but what was made here is ever given to that owner.
 */
#ifndef SUPD_SUPCTL_RUN_FIFOS_H
#define SUPD_SUPCTL_RUN_FIFOS_H

enum { N_STREAMS = 3 };

struct fifos {
	int run_fd, dir_fd; /* dir_fd is locked: that it is in use is known by that */
	char name[32];      /* of the folder; "": there is none */
	int rd[N_STREAMS], wr[N_STREAMS]; /* -1: closed */
};

/* Input, output, errors: the names in the folder. */
extern const char *const fifos_names[N_STREAMS];

/* The folder in the one of this path, all ends opened; it belongs to the owner of that,
 * where we are root.  -1 with errno: nothing is left of it. */
int fifos_make(struct fifos *f, const char *run);
/* Who opens it from now on has /dev/null, and does not wait for another end. */
void fifos_retire(const struct fifos *f, int i);
/* Removes the folder; the ends stay open. */
void fifos_remove(struct fifos *f);
void fifos_close(struct fifos *f);

#endif
