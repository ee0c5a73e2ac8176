/*
 * ops_spawn: what is to be started, in order: at once, or behind what has to be done
 * first for it (a file that is read, a credential that is made, a folder that is
 * removed).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "manager/kept.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/ops.h"
#include "manager/ops_int.h"
#include "manager/part/sockets.h"
#include "manager/service/credentials.h"
#include "manager/service/helper.h"
#include "manager/service/service.h"
#include "manager/service/service_exec.h"
#include "manager/service/service_fds.h"
#include "manager/service/service_users.h"
#include "manager/units.h"
#include "manager/wish/request_files.h"

enum {
	FILES_SEC = 30, /* that EnvironmentFile= and LoadCredential= may take */
};

static void
spawn_drop(struct unit_spawn *w)
{
	TAILQ_REMOVE(&w->unit->ops->spawns, w, next);
	helper_free(w->helper);
	strv_free(&w->from_files);
	free(w);
}

void
ops_spawns_forget(struct unit *u, const struct unit_conf *conf)
{
	struct unit_spawn *w, *tmp;

	if (u->ops == NULL)
		return;
	TAILQ_FOREACH_SAFE (w, &u->ops->spawns, next, tmp) {
		if (conf == NULL || w->conf == conf)
			spawn_drop(w);
	}
}

/* Nobody waits for its exec, and it gets no stored descriptors and no terminal. */
static bool
spawn_is_quick(const struct service *s, const struct svc_spawn *sp)
{
	const struct service_conf *c = svc_conf(s)->service;

	if (sp->kind == PROC_MAIN && unit_conf_terminal(svc_conf(s)) != 0)
		return false;
	return svc_stored(s, NULL, NULL) == 0 &&
	       (sp->kind != PROC_MAIN ||
		   (c->type != SERVICE_EXEC && c->type != SERVICE_DBUS &&
		       c->notify_fd < 0));
}

static int
spawn_now(struct unit *u, const struct svc_spawn *wanted, const struct strv *from_files,
    char *why, size_t size)
{
	struct svc_spawn sp = *wanted;
	struct msg_spawn q = { .slot = sp.slot, .kind = sp.kind, .seq = sp.seq };
	struct svc_fds fds = { 0 };
	int fd;

	if (sp.kind == PROC_MAIN) {
		request_files_prepare(u);
		sockets_fds(u, &fds);
		sp.fds = &fds;
	}
	fd = svc_exec_spec(
	    u->manager->world, u->svc, &sp, from_files, &q.spec_size, why, size);
	if (fd == -1) {
		svc_fds_clear(&fds);
		return -1;
	}
	/* Before there is a process whose next manager would look for it.  (Main of
	 * Type=forking comes of a control process.) */
	if (sp.kind == PROC_MAIN || svc_memory(u->svc)->state == SVC_START)
		kept_started(u);
	memcpy(q.invocation, sp.invocation, sizeof(q.invocation));
	link_spawn_take_fd(
	    u->manager->link, &q, fds.n == 0 && spawn_is_quick(u->svc, &sp), fd);
	svc_fds_clear(&fds);
	return 0;
}

/* The end of a slot is asked for behind the processes that will be started in it. */
static void
watch_after_spawns(struct unit *u)
{
	struct unit_ops *o = unit_ops(u);
	uint32_t slot = o->empty_slot;

	if (slot == SLOT_NONE || !TAILQ_EMPTY(&o->spawns))
		return;
	o->empty_slot = SLOT_NONE;
	link_watch_empty(u->manager->link, slot);
}

void
ops_spawns_flush(struct unit *u)
{
	struct unit_spawn *w;
	struct svc_spawn sp;
	char why[SVC_WHY_MAX];
	uint32_t phase;
	bool failed;
	int err;

	while (u->ops != NULL && u->ops->removal == NULL &&
	       (w = TAILQ_FIRST(&u->ops->spawns)) != NULL && w->helper == NULL) {
		sp = w->spawn;
		failed = w->failed;
		phase = w->phase;
		err = w->err;
		memcpy(why, w->why, sizeof(why));
		errno = 0;
		if (!failed &&
		    spawn_now(u, &sp, &w->from_files, why, sizeof(why)) == -1) {
			failed = true;
			err = errno != 0 ? errno : EIO;
		}
		spawn_drop(w);
		if (failed)
			svc_on_not_started(u->svc, &sp,
			    phase != 0 ? EXIT_EXITED : EXIT_NOT_STARTED, (int)phase, err,
			    why);
	}
	if (u->ops != NULL)
		watch_after_spawns(u);
}

static void
on_files(void *arg, const struct buf *answer)
{
	struct unit_spawn *w = arg;
	struct strv skipped = { 0 };
	int err = errno;

	w->helper = NULL;
	if (svc_files_read(answer, &w->from_files, &skipped, &w->phase, w->why,
		sizeof(w->why)) == -1) {
		w->failed = true;
		w->err = answer == NULL ? err : w->phase != 0 ? 0 : ENOENT;
	} else if (w->makes_credentials) {
		memcpy(unit_ops(w->unit)->credentials_of, w->spawn.invocation,
		    sizeof(w->spawn.invocation));
	}
	/* Each command reads them; told is it once a start by hand. */
	if (w->spawn.kind == PROC_MAIN && svc_memory(w->unit->svc)->restarts == 0)
		for (size_t i = 0; i < skipped.n; i++)
			log_warnx("%s: %s", w->unit->conf->stem, skipped.v[i]);
	strv_clear(&skipped);
	ops_spawns_flush(w->unit);
}

/* The first process of an invocation, as far as this manager knows, finds its credentials
 * made; a stop, a reload or a probe has what there is. */
static bool
makes_credentials(struct unit *u, const struct svc_spawn *sp)
{
	return exec_has_credentials(&svc_conf(u->svc)->service->context) &&
	       (sp->kind == PROC_MAIN ||
		   (sp->kind == PROC_CONTROL && sp->exec <= EXEC_START)) &&
	       memcmp(unit_ops(u)->credentials_of, sp->invocation,
		   sizeof(sp->invocation)) != 0;
}

static int
read_files(struct unit *u, struct unit_spawn *w, char *why, size_t size)
{
	struct svc_world *world = u->manager->world;
	const struct exec_conf *x = &w->conf->service->context;
	struct credentials c = { .x = x, .run = world->run, .unit = w->conf->id };
	struct svc_ids ids;
	int status;

	if (w->makes_credentials) {
		if (svc_ids_find(world, x, &ids, &status, why, size) == -1)
			return -1;
		c.uid = ids.uid;
		c.gid = ids.gid;
		free(ids.groups);
		u->manager->has_credentials = true;
	}
	w->helper = svc_files_begin(u->manager->loop, x, w->makes_credentials ? &c : NULL,
	    FILES_SEC * USEC_PER_SEC, on_files, w);
	return 0;
}

int
ops_spawn(void *arg, const struct svc_spawn *sp, char *why, size_t size)
{
	struct unit *u = arg;
	const struct exec_conf *x = &svc_conf(u->svc)->service->context;
	bool makes = makes_credentials(u, sp);
	bool waits = x->n_environment_files > 0 || makes;
	struct unit_ops *o = unit_ops(u);
	struct unit_spawn *w;

	if (!waits && TAILQ_EMPTY(&o->spawns) && o->removal == NULL)
		return spawn_now(u, sp, NULL, why, size);
	w = xcalloc(1, sizeof(*w));
	w->unit = u;
	w->spawn = *sp;
	w->conf = svc_conf(u->svc);
	w->makes_credentials = makes;
	TAILQ_INSERT_TAIL(&o->spawns, w, next);
	if (waits && read_files(u, w, why, size) == -1) {
		spawn_drop(w);
		errno = EINVAL;
		return -1;
	}
	return 0;
}

void
ops_spawns_signal(struct unit *u, uint32_t slot, enum proc_kind kind,
    enum signal_scope scope, int signo)
{
	bool all = scope != SIGNAL_PROC && scope != SIGNAL_PROC_GROUP;
	struct unit_spawn *w, *tmp;
	struct svc_spawn sp;

	if (u->ops == NULL || TAILQ_EMPTY(&u->ops->spawns) || signo == SIGCONT ||
	    (signo != SIGKILL && svc_active(u->svc) != SVC_ACTIVE_DEACTIVATING))
		return;
	TAILQ_FOREACH_SAFE (w, &u->ops->spawns, next, tmp) {
		if (w->spawn.slot != slot || (!all && w->spawn.kind != kind))
			continue;
		sp = w->spawn;
		spawn_drop(w);
		/* The service is within a decision: this is dealt with after it. */
		svc_on_not_started(u->svc, &sp, EXIT_KILLED, signo, 0, "");
	}
	watch_after_spawns(u);
}

void
ops_watch_empty(void *arg, uint32_t slot)
{
	struct unit *u = arg;

	unit_ops(u)->empty_slot = slot;
	watch_after_spawns(u);
}
