/*
 * link: the manager's channels, to init, to the logger and to the terminal.
 *
 * Sending never waits and keeps the order: what a full channel does not take is queued
 * here.  init always drains its channel, so its queue is not bounded.  The logger may
 * hang for as long as its disk does: what is sent to it may be lost with it, everything
 * that must not be is in the ring or in the table, and its queue is bounded.
 * What is received is handed on: slots and processes to adopt.c and the services, events'
 * acknowledgements to record/, the rest to manager.c.
 *
 * _take_fd: the descriptor belongs to the link from the call on, also when it fails.
 */
#ifndef SUPD_MANAGER_LINK_H
#define SUPD_MANAGER_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/msg.h"

struct link;
struct manager;

struct link *link_new(struct manager *m, int init_fd);
void link_free(struct link *l);
/* True while a logger is there (its channel is open). */
bool link_has_logger(const struct link *l);
/* Messages waiting for init and the logger. */
size_t link_pending(const struct link *l);
/* Send what is queued now, waiting for at most timeout_us (before a re-exec). */
void link_flush(struct link *l, uint64_t timeout_us);

/* ---- to init ---- */
void link_slot_open(struct link *l, const struct msg_slot_open *open);
/* quick: see SPAWN_QUICK in msg.def. */
void link_spawn_take_fd(
    struct link *l, const struct msg_spawn *spawn, bool quick, int spec_fd);
/* start_ticks 0: not known. */
void link_proc_set(struct link *l, uint32_t slot, enum proc_kind kind, int32_t pid,
    uint64_t start_ticks);
/* The main process of the slot is this one of somebody else, moved into it. */
void link_proc_join(struct link *l, uint32_t slot, int32_t pid, uint64_t start_ticks);
/* step 0: none, see SIGNAL_STEP in msg.def. */
void link_signal(struct link *l, uint32_t slot, enum proc_kind kind,
    enum signal_scope scope, int signo, uint32_t step);
void link_signal_take_pidfd(struct link *l, int pidfd, int signo);
void link_exit_ack(struct link *l, const struct msg_exit *x);
void link_watch_empty(struct link *l, uint32_t slot);
void link_slot_close(struct link *l, uint32_t slot);
void link_fd_put_take_fd(
    struct link *l, const char *unit, const char *fdname, bool poll, int fd);
/* id 0: every descriptor of that unit and fdname ("" all names). */
void link_fd_drop(struct link *l, uint32_t id, const char *unit, const char *fdname);
/* See FD_ACCEPT and FD_RENAME in msg.def. */
void link_fd_accept(struct link *l, uint32_t listener, uint32_t max, const char *unit,
    const char *fdname);
void link_fd_rename(struct link *l, uint32_t id, const char *unit, const char *fdname);
void link_halt(struct link *l, enum halt_how how, int status);
void link_reexec(struct link *l);
void link_settings(struct link *l, const struct msg_settings *s);

/* ---- to the logger: -1 (ENOTCONN, ENOBUFS) when it is not there or too far behind ----
 */
int link_viewer_take_fds(struct link *l, int client_fd, int request_fd, uint64_t size);
/* The patterns of an invocation that has the slot, or will have it. */
int link_patterns_take_fd(
    struct link *l, uint32_t slot, const uint8_t invocation[16], int fd);
int link_rotate(struct link *l, uint32_t slot);
/* See LOG_ALARM. */
int link_log_alarm(
    struct link *l, uint32_t slot, const uint8_t invocation[16], uint64_t bytes);
int link_snapshot_take_fd(
    struct link *l, uint64_t id, enum snapshot_kind kind, int fd, uint64_t size);
void link_log_settings(struct link *l, const struct msg_log_settings *s);

/* Ask the logger to drain a slot and to make its file, if it has none yet: its name, if
 * that is another than wanted, was told before the answer.  fn is called exactly once,
 * with NULL when there was no answer in timeout_us. */
typedef void link_barrier_fn(void *arg, const struct msg_barrier_done *done);
void link_barrier(
    struct link *l, uint32_t slot, uint64_t timeout_us, link_barrier_fn *fn, void *arg);
/* Forget all barriers of arg; their fn is not called. */
void link_barrier_cancel(struct link *l, void *arg);
/* fn is called exactly once, with NULL when the logger went away. */
typedef void link_vacuum_fn(void *arg, const struct msg_vacuum_done *done);
void link_vacuum(struct link *l, uint64_t max_bytes, uint64_t max_age_us,
    link_vacuum_fn *fn, void *arg);
void link_vacuum_cancel(struct link *l, void *arg);

/* ---- to the terminal (link_terminal.c): likewise ---- */
bool link_has_terminal(const struct link *l);
int link_attach_take_fds(struct link *l, int client_fd, int request_fd, uint64_t size);
int link_input_take_fd(struct link *l, const struct msg_term_input *q, int fd);
/* How did the newest step of input go?  The answer is one as to the input itself. */
int link_ask_taken(struct link *l, uint32_t slot);
int link_rules_take_fd(struct link *l, uint32_t slot, int fd, uint64_t size);
/* The screen as JSON, in a memfd that stays the link's.  fn is called exactly once; text
 * NULL: there was no answer (err says why: ETIMEDOUT, ENOTCONN, ENOENT). */
typedef void link_screen_fn(void *arg, int err, const char *text, size_t len);
void link_ask_screen(struct link *l, uint32_t slot, enum term_ask what,
    uint64_t timeout_us, link_screen_fn *fn, void *arg);
/* Forget all questions of arg; their fn is not called. */
void link_ask_cancel(struct link *l, void *arg);

#endif
