/*
 * ops_int: the operations of a service (struct svc_ops, which says what each does) that
 * have a file of their own.  Nobody but ops*.c includes it.
 */
#ifndef SUPD_MANAGER_OPS_INT_H
#define SUPD_MANAGER_OPS_INT_H

#include "manager/service/service.h"

struct buf;
struct unit;

/* ---- ops.c ---- */
/* What waited for a removal or a slot is started, in order. */
void ops_spawns_flush(struct unit *u);

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
