/*
 * sessions: the units that have a terminal.  What the terminal role says of them comes
 * here, what they want of it goes out from here; what follows from it is decided in
 * session/, which knows of neither roles nor units.
 */
#ifndef SUPD_MANAGER_SESSIONS_H
#define SUPD_MANAGER_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "manager/session/due.h"
#include "proto/msg.h"
#include "unit/conf.h"

struct input_entry;
struct input_known;
struct input_request;
struct jw;
struct manager;
struct svc_judgement;
struct svc_memory;
struct svc_note;
struct unit;

/* ---- what happens ---- */

/* A terminal is there (a new one, usually); it is gone. */
void sessions_on_terminal(struct manager *m);
void sessions_on_terminal_gone(struct manager *m);
void sessions_on_state(struct manager *m, const struct msg_term_state *st);
void sessions_on_taken(struct manager *m, const struct msg_term_taken *t);
void sessions_on_match(struct manager *m, const struct msg_match *match);
/* The number of a [Rule] among a slot's patterns, counted from the first. */
enum { SESSIONS_RULE_AT = 1024 };
/* False: the logger has told that line before, maybe to an earlier manager, or it is of a
 * run that is over. */
bool sessions_line_is_new(const struct unit *u, uint32_t slot, size_t rule, uint64_t seq);
/* A rule on stdout or stderr matches a line, as the logger says. */
void sessions_on_line(
    struct unit *u, uint32_t slot, size_t rule, uint64_t seq, const char *text);
/* What the logger says of the recording of an invocation of u. */
void sessions_on_cast(
    struct unit *u, const uint8_t invocation[16], const struct msg_stream_state *st);
/* Something happened to the service of a unit. */
void sessions_on_note(
    struct unit *u, const struct svc_note *note, const struct svc_memory *mem);
/* The terminal may not have its rules yet. */
void sessions_tell_rules(struct unit *u);
/* svc_ops.judge. */
void sessions_judge(struct unit *u, const struct msg_exit *x, struct svc_judgement *out);
/* The unit is not held any more, whoever ended it. */
void sessions_on_released(struct unit *u);
/* The start of a manager: what is remembered of the sessions that run. */
void sessions_restore(struct manager *m);
/* The unit has another configuration; it is forgotten. */
void sessions_on_conf(struct unit *u);
void sessions_forget(struct unit *u);
/* What is remembered of one that nobody needs any more goes; at a start, of all that are
 * not there. */
void sessions_remove_files(const struct unit *u);
void sessions_sweep(struct manager *m);

/* The wall clock was set, or the machine woke. */
void sessions_on_clock_set(struct manager *m);
/* What is due (wants.h).  false: it failed. */
bool sessions_do(struct unit *u, enum due_step step);

/* ---- what persons ask ---- */

/* Something to be typed, as input_enqueue: the id, or 0 and why.  fn (may be NULL) is
 * called once when it has its result, maybe at once; e is valid during the call only. */
typedef void session_result_fn(void *arg, const struct input_entry *e);
uint64_t session_send(struct unit *u, const struct input_request *r,
    session_result_fn *fn, void *arg, const char **why);
/* What is known of the input with this token.  False: nothing is. */
bool session_known(const struct unit *u, const char *token, struct input_known *out);
/* fn hears of the result that an input which is known does not have yet. */
void session_wait(struct unit *u, uint64_t id, session_result_fn *fn, void *arg);
/* arg is gone: its fn is not called. */
void session_wait_cancel(struct unit *u, void *arg);
/* What waits in that slot and was not begun is not typed any more: superseded. */
void session_withdraw(struct unit *u, const char *slot, const char *reason);
/* An input of that slot waits or is being delivered. */
bool session_has_input(const struct unit *u, const char *slot);
/* What it does; SESSION_UNKNOWN: it does not run. */
enum session_state session_state(const struct unit *u);
/* The unit has a terminal, by the configuration that runs or the newest. */
bool unit_is_session(const struct unit *u);
/* The file of the recording of the newest invocation, as layout_cast_path wants it;
 * false: there is none.  err: why it cannot be written now, or 0. */
bool session_cast(const struct unit *u, char day[PROTO_DAY_MAX], unsigned *alt, int *err);
/* The member "session" of a status; nothing for a unit that is none. */
void session_render(const struct unit *u, struct jw *w);
/* The member session of the light form; nothing when it does not run. */
void session_render_brief(const struct unit *u, struct jw *w);

#endif
