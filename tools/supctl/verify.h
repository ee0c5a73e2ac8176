/*
 * verify: what `supctl verify' knows of the units it was given: each with its files, its
 * lines and what was said of them.  verify_load.c finds and loads them, verify_refs.c
 * looks at what they say of each other, verify_host.c at what they need of the machine.
 */
#ifndef SUPD_SUPCTL_VERIFY_H
#define SUPD_SUPCTL_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/map.h"
#include "lib/strv.h"
#include "unit/diag.h"
#include "unit/line.h"

struct ctl;
struct supd_conf;
struct unit_conf;
struct unit_paths;

/* Where a unit says something of another one, or of the machine: the words of names of
 * units, else the whole value. */
struct verify_word {
	const struct directive *row;
	char *file, *word;
	uint32_t line, col;
};

/* A line and its answer; kept for --lines only. */
struct verify_line {
	char *file, *key;
	uint32_t line, col;
	enum line_answer answer;
};

/* A search path; of files it begins with their folder. */
struct verify_path {
	char *dir; /* NULL: that of the instance */
	struct unit_paths *paths;
	struct supd_conf *conf; /* of the instance that the folder belongs to, or NULL */
};

struct verify_unit {
	char *name; /* as one writes it: a path, or the name of a unit */
	struct verify_path *path;
	struct unit_conf *conf; /* NULL: it is none (supd.conf, a profile, a drop-in) */
	struct diags diags;
	struct verify_word *words;
	size_t n_words;
	struct verify_line *lines;
	size_t n_lines;
	size_t index; /* in verify.v */
	bool named;   /* asked for; else another one needs it */
	bool missing; /* a name of nothing: no error of a file */
	bool made_up; /* the instance of a template: what is made of it is not there */
};

struct verify {
	struct ctl *ctl;
	struct verify_path **paths;
	size_t n_paths;
	struct strv dirs; /* of all files that are named: they see each other */
	struct verify_unit **v;
	size_t n;
	struct map by_name; /* of units; "FOLDER\nNAME", a folder "" is the instance's */
	struct map counted; /* lines, each once however many units have its file */
	size_t uses[LINE_NANSWERS];
	size_t files; /* how many were asked for */
	bool keep_lines;
};

/* The words of the command line, or all units of the instance: 0, or an exit status after
 * telling.  */
int verify_load(struct verify *v, int argc, char **argv);
void verify_clear(struct verify *v);

/* A unit that another one names, loaded by the search path of that one. */
struct verify_unit *verify_other(
    struct verify *v, const struct verify_unit *of, const char *name);
/* The nearest name of a file on the search path of a unit, or of a unit that needs none;
 * malloc'd or NULL. */
char *verify_nearest(const struct verify_unit *of, const char *name);

/* Where the unit has that word under that key; without a word, or when it is not there as
 * it is written, the first line of the key; NULL: no line has the key. */
const struct verify_word *verify_word_find(
    const struct verify_unit *u, const char *key, const char *word);
/* A warning there; none about what comes of an instance that is made up. */
void verify_warn(struct verify_unit *u, const struct verify_word *at, const char *hint,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Missing and masked units, cycles of their order. */
void verify_refs(struct verify *v);
/* What was said of a unit as a whole, and of a key, is said of the line of that key. */
void verify_place(struct verify_unit *u);
/* Programs, users and files that are not there. */
void verify_host(struct verify_unit *u);

#endif
