/*
 * ctl: what all commands of supctl share: the row of a command, options, the one
 * connection, output, and how an error is told.
 *
 * A command is one row; its file exports it and commands.c lists it.  Commands write to
 * ctl->out and to stderr only through the functions here, which escape what came from
 * elsewhere.
 */
#ifndef SUPD_SUPCTL_CTL_H
#define SUPD_SUPCTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"
#include "columns.h"

#include "lib/buf.h"
#include "lib/strv.h"
#include "unit/instance.h"

struct jv;
struct jw;

/* Exit statuses; the LSB ones keep their meaning, and that of status differs there. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_INACTIVE = 3, /* status, is-active: not running */
	CTL_UNKNOWN = 4,  /* status, is-active: no such unit, or nothing is known */
	CTL_DENIED = 4,   /* others: not allowed */
	CTL_NO_UNIT = 5,
	CTL_BAD_UNIT = 6, /* its file is refused, or it is masked */
	CTL_DOWN = 7,     /* supd, or the unit, does not run */
	CTL_NOTHING = 3,  /* digest: nothing has happened */
	CTL_EARLY = 75,   /* digest: not yet */
	CTL_TIMEOUT = 124,
};

struct opt {
	const char *name;
	int id;          /* a letter is also the short form; others count from OPT_LONG */
	const char *arg; /* what its argument is, NULL: takes none */
	const char *help;
};

enum {
	OPT_LONG = 256, /* ids of commands */
	OPT_COMMON = 512,
	OPT_TIMEOUT = OPT_COMMON, /* a command may explain it in its own words */
};

enum ctl_words {
	WORDS_NONE,
	WORDS_UNITS,
	WORDS_FILES,
	WORDS_DIRECTIVE,
	WORDS_COMMAND, /* of supctl */
	WORDS_PROGRAM, /* options end at the first word: it is a program's command line */
};

struct ctl;

struct command {
	const char *name;
	const char *alias; /* or NULL */
	const char *words_usage;
	const char *summary; /* one line, no full stop */
	enum ctl_words words;
	bool groups;            /* its units may be a group: --group, @NAME */
	size_t min, max;        /* of words; max SIZE_MAX: any */
	const struct opt *opts; /* ends with a NULL name; NULL: none of its own */
	int (*run)(struct ctl *ctl, int argc, char **argv);
};

struct ctl {
	const struct command *cmd;
	const char *dir;      /* -C */
	bool json;            /* --json */
	bool quiet;           /* -q */
	bool raw;             /* --raw: no escaping; never true on a terminal */
	int colour;           /* -1: by the terminal */
	uint64_t timeout_us;  /* --timeout, 0: not given */
	uint64_t question_us; /* how long a question waits without it, 0: as usual */
	bool lsb; /* the exit status is an answer: what is not known is CTL_UNKNOWN */

	struct strv groups; /* --group, as words: "@NAME" */

	bool out_tty, err_tty;
	bool utf8;    /* the terminal shows more than ASCII */
	size_t width; /* of the terminal, 0: none */
	struct buf out;
	bool out_failed;

	bool have_instance;
	struct instance in;
	struct client *client;
};

/* The table: NULL-terminated. */
extern const struct command *const ctl_commands[];
/* By name or alias, NULL when there is none. */
const struct command *ctl_command_find(const char *name);
/* The nearest name, NULL when none is near. */
const char *ctl_command_nearest(const char *name);
extern const struct opt ctl_common_opts[];
/* Of commands with groups. */
extern const struct opt ctl_group_opts[];

void ctl_init(struct ctl *ctl);
void ctl_clear(struct ctl *ctl);
/* Asks the terminal, once the common options are known. */
void ctl_terminal(struct ctl *ctl);

/*
 * The next option of ctl->cmd: its id, -1 behind the last one (optind is then the first
 * word), '?' after a usage error that was told.  Common options are taken care of.
 */
int ctl_getopt(struct ctl *ctl, int argc, char **argv);
/* For commands without options of their own: 0, or CTL_USAGE. */
int ctl_no_opts(struct ctl *ctl, int argc, char **argv);
/* Checks the number of words that are left: 0, or CTL_USAGE after telling. */
int ctl_words(struct ctl *ctl, int argc);
/* What `supctl help COMMAND' says, into ctl->out (cmd_help.c). */
void ctl_help(struct ctl *ctl, const struct command *cmd);
/* What `supctl --version' says, without asking anybody (cmd_version.c). */
void ctl_own_version(struct ctl *ctl);
/* "usage: …" and why, on stderr; returns CTL_USAGE. */
int ctl_usage(struct ctl *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A span such as "90", "1min 30s"; -1 after telling. */
int ctl_parse_span(struct ctl *ctl, const char *what, const char *text, uint64_t *us);
int ctl_parse_number(
    struct ctl *ctl, const char *what, const char *text, uint64_t max, uint64_t *out);

/* ---- output ---- */

void ctl_printf(struct ctl *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Escaped, unless --raw. */
void ctl_put(struct ctl *ctl, const char *text);
void ctl_style(struct ctl *ctl, enum style style, const char *text);
bool ctl_colour(const struct ctl *ctl);
/* A table, for the terminal's width. */
void ctl_columns(struct ctl *ctl, const struct columns *t, bool head);
/* A value as JSON with a newline: indented on a terminal, else in one line. */
void ctl_json(struct ctl *ctl, const struct jv *v);
/* Takes the finished writer. */
void ctl_json_take(struct ctl *ctl, struct jw *w);
struct jw *ctl_json_new(const struct ctl *ctl);
/* Writes what is in ctl->out; false when nobody reads it. */
bool ctl_flush(struct ctl *ctl);
/* A calm line on a terminal; nothing into a pipe or with -q. */
void ctl_say(struct ctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "supctl: …" on stderr, escaped. */
void ctl_warn(struct ctl *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A line that belongs to a warning: a literal head, and text that is escaped. */
void ctl_note(struct ctl *ctl, const char *head, const char *text);
/* The same as ctl_warn with the next step (may be NULL), and as an object with --json;
 * returns code. */
int ctl_fail(struct ctl *ctl, int code, const char *error, const char *next,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* ---- the server ---- */

/* Finds the instance: 0, or an exit status after telling. */
int ctl_instance(struct ctl *ctl);
/* A path below the instance folder; the caller frees it. */
char *ctl_path(const struct ctl *ctl, const char *relative);
/* The same of a file in the run folder. */
char *ctl_run_path(const struct ctl *ctl, const char *name);
/* Connects unless connected; tells nothing. */
enum client_result ctl_try_connect(struct ctl *ctl, struct buf *why);
void ctl_disconnect(struct ctl *ctl);
/* After the connection broke: waits until the next manager listens, or nobody holds the
 * socket any more. */
enum client_result ctl_reconnect(struct ctl *ctl, struct buf *why);
/*
 * Sends and waits as client_send and client_receive do, on the connection that there is.
 * Without a deadline the wait lasts as long as supd answers others: CLIENT_TIMEOUT when
 * it does not.
 */
enum client_result ctl_send(struct ctl *ctl, const char *method, const char *params,
    bool more, uint64_t deadline_us, struct buf *why);
enum client_result ctl_receive(
    struct ctl *ctl, struct reply *out, uint64_t deadline_us, struct buf *why);
/* Tells what went wrong with the connection, and what to do; returns the exit status. */
int ctl_client_failed(struct ctl *ctl, enum client_result r, const char *why);
/* Tells an error reply; returns the exit status. */
int ctl_error_reply(struct ctl *ctl, const struct reply *r);
int ctl_error_status(const char *error);

/* An open object for parameters. */
struct jw *ctl_params(void);
/* "units": [words from optind on] */
void ctl_param_units(struct jw *w, int argc, char **argv);
/*
 * One call with one reply; w (NULL: no parameters) is finished and freed.  0 and a reply
 * to be cleared, or an exit status after telling.
 */
int ctl_call(struct ctl *ctl, const char *method, struct jw *w, struct reply *out);
/* Without a deadline but --timeout: for calls that wait for something to happen. */
int ctl_call_waiting(
    struct ctl *ctl, const char *method, struct jw *w, struct reply *out);
/* The same for a call that may be made twice, because supd knows it again: it is, when
 * the manager dies before it has answered. */
int ctl_call_again(struct ctl *ctl, const char *method, struct jw *w, struct reply *out);
/* The same, nothing told: the caller decides what a failure means.  A question is asked
 * once more when the connection ends before its answer. */
enum client_result ctl_call_quietly(struct ctl *ctl, const char *method,
    const char *params, bool more, uint64_t deadline_us, struct reply *out,
    struct buf *why);
/* A whole command: the method for the units of the command line, all without one; its
 * reply is a list of names under what was done to them ("reset").  The exit status. */
int ctl_for_units(
    struct ctl *ctl, int argc, char **argv, const char *method, const char *done);
/* Tells what became of one unit: an object of "units". */
typedef void ctl_unit_fn(struct ctl *ctl, const struct jv *unit);
/* One call about units whose reply is a list "units": told by fn, and of each whether the
 * wish is on the disk; with --json as it is.  w is finished and freed.  The exit status.
 */
int ctl_call_units(struct ctl *ctl, const char *method, struct jw *w, ctl_unit_fn *fn);
/* Of a unit in a reply: warns when what was wished of it is not on the disk yet. */
void ctl_warn_late(struct ctl *ctl, const struct jv *unit);
/*
 * With more: fn for each reply until the last one, or until fn returns not -1, which is
 * then the result.  0 after the last.
 */
typedef int ctl_reply_fn(struct ctl *ctl, const struct jv *params, void *arg);
int ctl_call_more(struct ctl *ctl, const char *method, struct jw *w, bool waiting,
    ctl_reply_fn *fn, void *arg);
uint64_t ctl_deadline(const struct ctl *ctl, bool waiting);

/* ---- how things are shown ---- */

/* "2026-11-21 10:30:45", from the UTC text of a reply; the text itself if it is none. */
char *ctl_time(char *dst, size_t size, const char *utc);
/* Microseconds from then until now; 0 when it cannot be read. */
uint64_t ctl_age_us(const char *utc);
/* "12.3M" */
char *ctl_bytes(char *dst, size_t size, int64_t bytes);
enum style ctl_state_style(const char *state);
const char *ctl_state_dot(const struct ctl *ctl, const char *state);

#endif
