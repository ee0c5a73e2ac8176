/*
 * condition_int: between the files of conditions.
 */
#ifndef SUPD_UNIT_CONDITION_INT_H
#define SUPD_UNIT_CONDITION_INT_H

#include <stdint.h>

#include "unit/condition.h"
#include "unit/version.h"

/* Of an argument; found is empty, and never NULL. */
typedef enum condition_answer condition_fn(
    const struct condition_world *w, const char *arg, struct buf *found);
/* NULL, or what is wrong (static text). */
typedef const char *condition_check_fn(const char *arg);

#define CONDITION(name, check)    \
	condition_fn test_##name; \
	condition_check_fn check_##check;
#include "unit/condition.def"

/* The answer, and why it could not be had. */
enum condition_answer condition_errno(struct buf *found, int err);
enum condition_answer condition_unknown(struct buf *found, const char *why);

/* A file of the machine, below w->root, whole; -1 with errno. */
int world_read(const struct condition_world *w, const char *path, struct buf *out);
/* The same without blanks at its end. */
int world_read_line(const struct condition_world *w, const char *path, struct buf *out);
/* access(2) below w->root. */
bool world_has(const struct condition_world *w, const char *path);

/* The words of kernel's command line that this system was started with, or of PID 1 in a
 * container; -1 with errno. */
struct strv;
int world_command_line(const struct condition_world *w, struct strv *out);
/* The value behind "key=" there, "" of a bare one; NULL.  The caller frees it. */
char *world_boot_option(const struct condition_world *w, const char *key);

/* ">= 4": the operator, `>=' without one, and the number.  NULL, or what is wrong. */
const char *condition_read_number(const char *arg, enum order *o, uint64_t *n);
const char *condition_read_size(const char *arg, enum order *o, uint64_t *n);

/* One comparison of Version= and KernelVersion=: the operator or a glob. */
struct condition_version {
	enum order order; /* ORDER_NONE: text is a glob */
	const char *text;
};
/* The next one of *P, 0 at the end, -1 with *why.  word holds the text. */
int condition_next_version(const char **p, bool *first, struct buf *word,
    struct condition_version *out, const char **why);

/* KEY, operator and value of OSRelease=; likewise. */
struct condition_release {
	char *key; /* within word */
	enum order order;
	const char *value;
};
int condition_next_release(
    const char **p, struct buf *word, struct condition_release *out, const char **why);

/* [SLICE:]PERCENT[/TIME].  NULL, or what is wrong. */
struct condition_pressure {
	char slice[256];    /* "": of the whole machine */
	unsigned permyriad; /* hundredths of a percent */
	unsigned window_s;  /* 10, 60, 300 */
};
const char *condition_read_pressure(const char *arg, struct condition_pressure *p);

/* smbios-field(FIELD OP VALUE).  0, -1. */
struct condition_smbios {
	char field[64];
	enum order order;
	char value[256];
};
int condition_read_smbios(const char *arg, struct condition_smbios *s);
/* The text between "NAME(" and ")", at its end; -1: it has another form. */
int condition_read_call(const char *arg, const char *name, char *dst, size_t size);

/* As `uname -m' has it to systemd's word, NULL: none. */
const char *architecture_of_machine(const char *machine);
bool architecture_is_known(const char *word);
bool security_is_known(const char *word);

#endif
