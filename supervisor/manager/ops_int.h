/*
 * ops_int: the operations of a service (struct svc_ops, which says what each does) that
 * have a file of their own.  Nobody but ops*.c includes it.
 */
#ifndef SUPD_MANAGER_OPS_INT_H
#define SUPD_MANAGER_OPS_INT_H

#include "manager/service/service.h"

struct buf;
struct unit;

/* ---- ops_spawn.c: what is started, and what has to wait for that ---- */
int ops_spawn(void *arg, const struct svc_spawn *sp, char *why, size_t size);
/* The end of a slot is asked for behind the processes that will be started in it. */
void ops_watch_empty(void *arg, uint32_t slot);
/* What waited for a removal or for files is started, in order, up to the first that has
 * to wait still. */
void ops_spawns_flush(struct unit *u);
/* What waits is not started: all of it, or (conf not NULL) what is of a configuration
 * that goes. */
void ops_spawns_forget(struct unit *u, const struct unit_conf *conf);
/* A signal for what has not begun: it does not begin, unless the signal is harmless. */
void ops_spawns_signal(struct unit *u, uint32_t slot, enum proc_kind kind,
    enum signal_scope scope, int signo);

/* ---- ops_ask.c: what is true of processes and files ---- */
uint64_t ops_life(void *arg);
enum svc_pid ops_pid_check(void *arg, uint32_t slot, int32_t pid, uint64_t *start_ticks);
uid_t ops_slot_uid(void *arg, uint32_t slot);
enum svc_pidfile ops_pidfile_read(
    void *arg, const char *path, int32_t *pid, bool *trusted, char *why, size_t size);
int32_t ops_guess_main(void *arg, uint32_t slot);
void ops_survivors(void *arg, uint32_t slot, struct buf *out);

/* ---- ops_cleanup.c ---- */
void ops_cleanup(void *arg, const struct unit_conf *conf, bool restarts);

#endif
