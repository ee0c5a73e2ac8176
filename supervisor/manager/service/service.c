#include "manager/service/service.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/service/service_int.h"

static uint64_t bugs;

/*
 * The table.  Every cell is decided: what is not an action is svc_ignore, and an empty
 * cell is a bug report.
 */
svc_action *const svc_table[SVC_NSTATES][SVC_NEVENTS] = {
	[SVC_DEAD] = {
		[SVC_EV_WANT_UP] = act_start,
		[SVC_EV_WANT_DOWN] = act_already_down,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_already_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = svc_ignore,
		[SVC_EV_CONTROL_EXIT] = svc_ignore,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = svc_ignore,
		[SVC_EV_TIMEOUT] = svc_ignore,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_CONDITION] = {
		[SVC_EV_WANT_UP] = act_join_start,
		[SVC_EV_WANT_DOWN] = act_stop_starting,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = svc_ignore,
		[SVC_EV_CONTROL_EXIT] = act_condition_exit,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_start,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_START_PRE] = {
		[SVC_EV_WANT_UP] = act_join_start,
		[SVC_EV_WANT_DOWN] = act_stop_starting,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = svc_ignore,
		[SVC_EV_CONTROL_EXIT] = act_pre_exit,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_start,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_START] = {
		[SVC_EV_WANT_UP] = act_join_start,
		[SVC_EV_WANT_DOWN] = act_stop_starting,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = act_execed,
		[SVC_EV_MAIN_EXIT] = act_main_exit_start,
		[SVC_EV_CONTROL_EXIT] = act_forked,
		[SVC_EV_READY] = act_ready,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = act_empty_start,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_start,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = act_watchdog,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_START_POST] = {
		[SVC_EV_WANT_UP] = act_join_start,
		[SVC_EV_WANT_DOWN] = act_stop_starting,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = act_execed,
		[SVC_EV_MAIN_EXIT] = act_main_exit_wait,
		[SVC_EV_CONTROL_EXIT] = act_post_exit,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_start,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = act_watchdog,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_RUNNING] = {
		[SVC_EV_WANT_UP] = act_already_up,
		[SVC_EV_WANT_DOWN] = act_stop,
		[SVC_EV_WANT_RELOAD] = act_reload,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = act_execed,
		[SVC_EV_MAIN_EXIT] = act_main_exit_running,
		[SVC_EV_CONTROL_EXIT] = svc_ignore,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = act_reload_notify,
		[SVC_EV_STOPPING] = act_stopping_notify,
		[SVC_EV_EMPTY] = act_empty_running,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = svc_ignore,
		[SVC_EV_RUNTIME_MAX] = act_runtime_max,
		[SVC_EV_WATCHDOG] = act_watchdog,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_EXITED] = {
		[SVC_EV_WANT_UP] = act_already_up,
		[SVC_EV_WANT_DOWN] = act_stop,
		[SVC_EV_WANT_RELOAD] = act_reload,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = svc_ignore,
		[SVC_EV_CONTROL_EXIT] = svc_ignore,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = svc_ignore,
		[SVC_EV_RUNTIME_MAX] = act_runtime_max,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_RELOAD] = {
		[SVC_EV_WANT_UP] = act_already_up,
		[SVC_EV_WANT_DOWN] = act_stop_reloading,
		[SVC_EV_WANT_RELOAD] = act_join_reload,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = act_execed,
		[SVC_EV_MAIN_EXIT] = act_main_exit_wait,
		[SVC_EV_CONTROL_EXIT] = act_reload_exit,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_reload,
		[SVC_EV_RUNTIME_MAX] = act_runtime_max,
		[SVC_EV_WATCHDOG] = act_watchdog,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_RELOAD_NOTIFY] = {
		[SVC_EV_WANT_UP] = act_already_up,
		[SVC_EV_WANT_DOWN] = act_stop_reloading,
		[SVC_EV_WANT_RELOAD] = act_join_reload,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = act_execed,
		[SVC_EV_MAIN_EXIT] = act_main_exit_wait,
		[SVC_EV_CONTROL_EXIT] = svc_ignore,
		[SVC_EV_READY] = act_reload_ready,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = act_stopping_notify,
		[SVC_EV_EMPTY] = act_empty_running,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_reload,
		[SVC_EV_RUNTIME_MAX] = act_runtime_max,
		[SVC_EV_WATCHDOG] = act_watchdog,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_RELOAD_SIGNAL] = {
		[SVC_EV_WANT_UP] = act_already_up,
		[SVC_EV_WANT_DOWN] = act_stop_reloading,
		[SVC_EV_WANT_RELOAD] = act_join_reload,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = act_execed,
		[SVC_EV_MAIN_EXIT] = act_main_exit_wait,
		[SVC_EV_CONTROL_EXIT] = svc_ignore,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = act_reload_notify,
		[SVC_EV_STOPPING] = act_stopping_notify,
		[SVC_EV_EMPTY] = act_empty_running,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_reload,
		[SVC_EV_RUNTIME_MAX] = act_runtime_max,
		[SVC_EV_WATCHDOG] = act_watchdog,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_STOP] = {
		[SVC_EV_WANT_UP] = act_up_refused,
		[SVC_EV_WANT_DOWN] = act_join_stop,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = svc_ignore, /* noted; ExecStop= ends first */
		[SVC_EV_CONTROL_EXIT] = act_stop_exit,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_stop,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_STOP_WATCHDOG] = {
		[SVC_EV_WANT_UP] = act_up_refused,
		[SVC_EV_WANT_DOWN] = act_join_stop,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = act_main_exit_stopping,
		[SVC_EV_CONTROL_EXIT] = act_main_exit_stopping,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = act_empty_stopping,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_watchdog,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_STOP_SIGTERM] = {
		[SVC_EV_WANT_UP] = act_up_refused,
		[SVC_EV_WANT_DOWN] = act_join_stop,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = act_main_exit_stopping,
		[SVC_EV_CONTROL_EXIT] = act_main_exit_stopping,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = act_empty_stopping,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_sigterm,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_STOP_SIGKILL] = {
		[SVC_EV_WANT_UP] = act_up_refused,
		[SVC_EV_WANT_DOWN] = act_join_stop,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = act_main_exit_stopping,
		[SVC_EV_CONTROL_EXIT] = act_main_exit_stopping,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = act_empty_stopping,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_sigkill,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_STOP_POST] = {
		[SVC_EV_WANT_UP] = act_up_refused,
		[SVC_EV_WANT_DOWN] = act_join_stop,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = svc_ignore, /* noted; ExecStopPost= ends first */
		[SVC_EV_CONTROL_EXIT] = act_stop_post_exit,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_stop_post,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_FINAL_SIGTERM] = {
		[SVC_EV_WANT_UP] = act_up_refused,
		[SVC_EV_WANT_DOWN] = act_join_stop,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_force_down,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = act_exit_final,
		[SVC_EV_CONTROL_EXIT] = act_exit_final,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = act_empty_final,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_final_term,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_FINAL_SIGKILL] = {
		[SVC_EV_WANT_UP] = act_up_refused,
		[SVC_EV_WANT_DOWN] = act_join_stop,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_join_stop,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = act_exit_final,
		[SVC_EV_CONTROL_EXIT] = act_exit_final,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = act_empty_final,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = act_timeout_final_kill,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_FAILED] = {
		[SVC_EV_WANT_UP] = act_start,
		[SVC_EV_WANT_DOWN] = act_already_down,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_already_down,
		[SVC_EV_EXECED] = svc_ignore,
		/* With a slot: processes that outlived FinalKillSignal= end at last. */
		[SVC_EV_MAIN_EXIT] = act_exit_failed,
		[SVC_EV_CONTROL_EXIT] = act_exit_failed,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = act_empty_failed,
		[SVC_EV_SLOT_FAILED] = act_slot_failed,
		[SVC_EV_TIMEOUT] = svc_ignore,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset_failed,
	},
	[SVC_AUTO_RESTART] = {
		[SVC_EV_WANT_UP] = act_start_waiting,
		[SVC_EV_WANT_DOWN] = act_cancel_restart,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_cancel_restart,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = svc_ignore,
		[SVC_EV_CONTROL_EXIT] = svc_ignore,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = svc_ignore,
		[SVC_EV_TIMEOUT] = act_restart_now,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset,
	},
	[SVC_LIMIT_WAIT] = {
		[SVC_EV_WANT_UP] = act_start,
		[SVC_EV_WANT_DOWN] = act_cancel_restart,
		[SVC_EV_WANT_RELOAD] = act_reload_refused,
		[SVC_EV_FORCE_DOWN] = act_cancel_restart,
		[SVC_EV_EXECED] = svc_ignore,
		[SVC_EV_MAIN_EXIT] = svc_ignore,
		[SVC_EV_CONTROL_EXIT] = svc_ignore,
		[SVC_EV_READY] = svc_ignore,
		[SVC_EV_RELOADING] = svc_ignore,
		[SVC_EV_STOPPING] = svc_ignore,
		[SVC_EV_EMPTY] = svc_ignore,
		[SVC_EV_SLOT_FAILED] = svc_ignore,
		[SVC_EV_TIMEOUT] = act_restart_now,
		[SVC_EV_RUNTIME_MAX] = svc_ignore,
		[SVC_EV_WATCHDOG] = svc_ignore,
		[SVC_EV_RESET] = act_reset_failed,
	},
};

static const char *const event_texts[SVC_NEVENTS] = {
#define SVC_EVENT(name, text) [SVC_EV_##name] = text,
#include "manager/service/service.def"
};
static const char *const event_names[SVC_NEVENTS] = {
#define SVC_EVENT(name, text) [SVC_EV_##name] = #name,
#include "manager/service/service.def"
};

/* ---- life -------------------------------------------------------------------- */

struct service *
svc_new(
    const struct svc_ops *ops, void *arg, const char *unit, const struct unit_conf *conf)
{
	struct service *s = xcalloc(1, sizeof(*s));

	s->ops = ops;
	s->arg = arg;
	s->unit = unit;
	s->conf = conf;
	svc_memory_init(&s->m);
	for (int i = 0; i < SVC_NTIMERS; i++)
		s->armed_us[i] = UINT64_MAX;
	svc_set_why(s, "never started");
	s->told = svc_memory_sum(s);
	return s;
}

static void
deed_clear(struct deed *d)
{
	switch (d->kind) {
	case DEED_SLOT_OPEN:
		free(d->u.open);
		break;
	case DEED_FD_DROP:
		free(d->u.name);
		break;
	case DEED_DONE:
		free(d->u.done.why);
		break;
	case DEED_ACTION:
		free(d->u.action.why);
		break;
	default:
		break;
	}
}

static void
start_clear(struct svc_start *st)
{
	/* They are strdup'd by svc_want_up. */
	free((void *)(uintptr_t)st->who);
	free((void *)(uintptr_t)st->ref);
	free((void *)(uintptr_t)st->day);
	free((void *)(uintptr_t)st->log_name);
	memset(st, 0, sizeof(*st));
}

void
svc_free(struct service *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < SVC_NTIMERS; i++)
		if (s->armed_us[i] != UINT64_MAX)
			s->ops->timer_set(s->arg, (enum svc_timer)i, UINT64_MAX);
	s->ops->probe_stop(s->arg, PROBE_USE_READY);
	s->ops->probe_stop(s->arg, PROBE_USE_HEALTH);
	if (s->run_conf != NULL && s->run_conf != s->conf)
		s->ops->conf_release(s->arg, s->run_conf);
	for (size_t i = 0; i < s->ndeeds; i++)
		deed_clear(&s->deeds[i]);
	for (size_t i = 0; i < s->nnotes; i++)
		free(s->notes[i].text);
	for (size_t i = 0; i < s->nstored; i++)
		free(s->stored_names[i]);
	start_clear(&s->start);
	free(s->deeds);
	free(s->notes);
	free(s->acks);
	free(s->queue);
	free(s->probes);
	free(s->stored_ids);
	free(s->stored_names);
	free(s->seen);
	free(s->foreign);
	svc_memory_clear(&s->m);
	free(s);
}

void
svc_set_conf(struct service *s, const struct unit_conf *conf)
{
	const struct unit_conf *old = s->conf;

	if (conf == old)
		return;
	s->conf = conf;
	if (old != s->run_conf)
		s->ops->conf_release(s->arg, old);
}

const struct unit_conf *
svc_conf(const struct service *s)
{
	return s->run_conf != NULL ? s->run_conf : s->conf;
}

const struct service_conf *
svc_sc(const struct service *s)
{
	return svc_conf(s)->service;
}

/* ---- the queue --------------------------------------------------------------- */

void
svc_bug(struct service *s, const char *fmt, ...)
{
	char text[SVC_WHY_MAX];
	va_list ap;

	bugs++;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_warnx("%s: bug: %s (in %s)", s->unit, text, svc_state_name(s->m.state));
	svc_note(s, &(struct svc_note){ .what = SVC_EMIT_BUG }, text);
}

/* What an exit means, before the state has its say. */
static void
take_exit(struct service *s, struct svc_event_in *in)
{
	const struct msg_exit *x = &in->exit;

	if (in->ev == SVC_EV_MAIN_EXIT) {
		in->result = svc_exit_result(s, x, true);
		s->m.main_running = false;
		s->m.main_pid = 0;
		s->m.main_exit = (struct svc_exit){ .how = x->how,
			.status = x->status,
			.phase = x->phase,
			.err = x->err,
			.wall_us = x->wall_us };
		svc_restart_settle(s);
		svc_note_exit(s, in, true);
	} else {
		in->result = svc_exit_result(s, x, false);
		s->m.control_running = false;
		s->m.control_pid = 0;
		s->m.control_exit = (struct svc_exit){ .how = x->how,
			.status = x->status,
			.phase = x->phase,
			.err = x->err,
			.wall_us = x->wall_us };
		svc_note_exit(s, in, false);
	}
}

static void
drain(struct service *s)
{
	struct svc_event_in in;
	svc_action *act;

	s->busy = true;
	while (s->qhead < s->qlen) {
		/* Copied, since actions may make the queue grow. */
		in = s->queue[s->qhead++];
		if (in.ev == SVC_EV_MAIN_EXIT || in.ev == SVC_EV_CONTROL_EXIT)
			take_exit(s, &in);
		s->in = &in;
		act = svc_table[s->m.state][in.ev];
		if (act == NULL)
			svc_bug(s, "no decision for event %s", event_names[in.ev]);
		else
			act(s);
		s->in = NULL;
		svc_commit(s);
	}
	s->busy = false;
	/* Thousands of services wait for nothing most of the time. */
	free(s->queue);
	s->queue = NULL;
	s->qhead = s->qlen = s->qcap = 0;
}

void
svc_dispatch(struct service *s, const struct svc_event_in *in)
{
	if (s->qlen - s->qhead >= SVC_QUEUE_MAX) {
		svc_bug(s, "event queue is full");
		return;
	}
	if (s->qlen == s->qcap) {
		s->qcap = s->qcap == 0 ? 4 : 2 * s->qcap;
		s->queue = xreallocarray(s->queue, s->qcap, sizeof(*s->queue));
	}
	s->queue[s->qlen++] = *in;
	if (!s->busy && !s->restoring)
		drain(s);
}

void
svc_raise(struct service *s, enum svc_event ev)
{
	svc_dispatch(s, &(struct svc_event_in){ .ev = ev });
}

/* ---- decided, then told, then done ------------------------------------------- */

struct deed *
svc_deed(struct service *s, enum deed_kind kind)
{
	struct deed *d;

	if (s->ndeeds == s->deeds_cap) {
		s->deeds_cap = s->deeds_cap == 0 ? 8 : 2 * s->deeds_cap;
		s->deeds = xreallocarray(s->deeds, s->deeds_cap, sizeof(*s->deeds));
	}
	d = &s->deeds[s->ndeeds++];
	memset(d, 0, sizeof(*d));
	d->kind = kind;
	return d;
}

void
svc_note(struct service *s, const struct svc_note *note, const char *text)
{
	struct svc_waiting_note *n;

	if (s->nnotes == s->notes_cap) {
		s->notes_cap = s->notes_cap == 0 ? 8 : 2 * s->notes_cap;
		s->notes = xreallocarray(s->notes, s->notes_cap, sizeof(*s->notes));
	}
	n = &s->notes[s->nnotes++];
	n->note = *note;
	n->text = text != NULL ? xstrdup(text) : NULL;
	n->note.text = n->text;
}

void
svc_note_refused(struct service *s, unsigned bit, const char *fmt, ...)
{
	char text[SVC_WHY_MAX];
	va_list ap;

	/* Once for each kind and invocation: the sender chooses how often it asks. */
	if (s->refused & (1U << bit))
		return;
	s->refused |= 1U << bit;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	svc_note(s, &(struct svc_note){ .what = SVC_EMIT_REFUSED }, text);
}

void
svc_timer(struct service *s, enum svc_timer which, uint64_t deadline_us)
{
	s->m.deadline_us[which] = deadline_us;
}

void
svc_set_why(struct service *s, const char *fmt, ...)
{
	char raw[2 * SVC_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	svc_memory_text(&s->m.why, SVC_WHY_MAX, raw);
}

/* The only writer of the state. */
void
svc_set_state(struct service *s, enum svc_state st)
{
	struct svc_note note = { .what = SVC_EMIT_STATE, .old = s->m.state };
	uint64_t now = clock_wall_us();

	if (st == s->m.state)
		return;
	note.state = st;
	s->m.state = st;
	if (now > s->m.changed_wall_us && s->m.changed_wall_us != 0)
		note.duration_us = now - s->m.changed_wall_us;
	s->m.changed_wall_us = now;
	svc_note(s, &note, NULL);
}

void
svc_done(struct service *s, enum svc_done what, enum svc_done_result r, const char *why)
{
	struct deed *d;

	if (!s->open[what])
		return;
	s->open[what] = false;
	d = svc_deed(s, DEED_DONE);
	d->u.done.what = what;
	d->u.done.r = r;
	d->u.done.why = xstrdup(why != NULL ? why : "");
}

void
svc_deed_signal(
    struct service *s, enum proc_kind kind, enum signal_scope scope, int signo)
{
	struct deed *d = svc_deed(s, DEED_SIGNAL);

	d->u.sig.slot = s->m.slot;
	d->u.sig.kind = kind;
	d->u.sig.scope = scope;
	d->u.sig.signo = signo;
}

void
svc_deed_watch_empty(struct service *s)
{
	if (s->watching || s->m.slot == SLOT_NONE)
		return;
	s->watching = true;
	svc_deed(s, DEED_WATCH_EMPTY)->u.slot = s->m.slot;
}

/* As fnv1a64, but in steps of eight bytes, turned about so that the high ones count for
 * the low: it is asked for after every event of every service. */
static uint64_t
add_sum(uint64_t sum, const void *data, size_t n)
{
	const uint8_t *p = data;

	while (n > 0) {
		uint64_t word = 0;
		size_t len = n < sizeof(word) ? n : sizeof(word);

		memcpy(&word, p, len);
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
		sum = sum << 29 | sum >> 35;
		p += len;
		n -= len;
	}
	return sum;
}

/*
 * A sum over what a new manager would have to know.  What a service says all the time
 * (keep-alives, its status text) and what begins anew with a new manager (probes) waits
 * for the next reason.
 */
uint64_t
svc_memory_sum(const struct service *s)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	struct svc_memory m;

	memcpy(&m, &s->m, sizeof(m));
	m.seq = 0;
	m.main_execed = false; /* init says it again */
	m.status = NULL;
	for (int i = SVC_TIMER_WATCHDOG; i < SVC_NTIMERS; i++)
		m.deadline_us[i] = 0;
		/* Of the others, what they say and not where they are. */
#define UINT(f)
#define INT(f)
#define TIME(f)
#define BOOL(f)
#define TEXT(f, max)                                      \
	if (m.f != NULL)                                  \
		sum = add_sum(sum, m.f, strlen(m.f) + 1); \
	m.f = NULL;
#include "manager/service/memory.def"
	return add_sum(sum, &m, sizeof(m));
}

static void
emit_notes(struct service *s)
{
	size_t carrier = SIZE_MAX;
	uint64_t sum = svc_memory_sum(s);
	struct svc_memory passed;

	/* One of the notes carries the memory: the last change of the state, else one of
	 * its own.  Those before it were passed within one decision. */
	for (size_t i = 0; i < s->nnotes; i++)
		if (s->notes[i].note.what == SVC_EMIT_STATE)
			carrier = i;
	if (carrier == SIZE_MAX && sum != s->told) {
		carrier = s->nnotes;
		svc_note(s,
		    &(struct svc_note){ .what = SVC_EMIT_MEMORY, .state = s->m.state },
		    NULL);
	}
	for (size_t i = 0; i < s->nnotes; i++) {
		struct svc_note *n = &s->notes[i].note;

		n->keep = i == carrier;
		if (n->what == SVC_EMIT_STATE && !n->keep) {
			memcpy(&passed, &s->m, sizeof(passed));
			passed.state = n->state;
			s->ops->emit(s->arg, n, &passed);
		} else {
			s->ops->emit(s->arg, n, &s->m);
		}
		free(s->notes[i].text);
	}
	if (carrier != SIZE_MAX)
		s->told = sum;
	free(s->notes);
	s->notes = NULL;
	s->nnotes = s->notes_cap = 0;
}

/* What was wrong with the context tells more than the errno that it became. */
static void
note_no_spawn(struct service *s, enum proc_kind kind, const char *why)
{
	if (why[0] == '\0')
		return;
	svc_note(s, &(struct svc_note){ .what = SVC_EMIT_REFUSED }, why);
	if (kind == PROC_MAIN)
		svc_fail(s, SVC_RESULT_RESOURCES, "%s", why);
}

static void
spawn_failed(struct service *s, const struct svc_spawn *sp, int err, const char *why)
{
	struct msg_exit x = { .slot = sp->slot,
		.kind = sp->kind,
		.how = EXIT_NOT_STARTED,
		.err = err,
		.seq = sp->seq,
		.mono_us = clock_mono_us(),
		.wall_us = clock_wall_us() };

	note_no_spawn(s, sp->kind, why);
	if (sp->kind == PROC_READY || sp->kind == PROC_HEALTH)
		svc_on_aux_exit(
		    s, sp->kind == PROC_READY ? PROBE_USE_READY : PROBE_USE_HEALTH, &x);
	else
		svc_dispatch(s, &(struct svc_event_in){ .ev = sp->kind == PROC_MAIN
								  ? SVC_EV_MAIN_EXIT
								  : SVC_EV_CONTROL_EXIT,
				    .exit = x });
}

static void
do_deed(struct service *s, const struct deed *d)
{
	const struct svc_ops *o = s->ops;
	char why[SVC_WHY_MAX];

	switch (d->kind) {
	case DEED_SLOT_OPEN:
		if (o->slot_open(s->arg, d->u.open) == -1) {
			svc_set_why(s, "no slot: %s", strerror(errno));
			svc_raise(s, SVC_EV_SLOT_FAILED);
		}
		break;
	case DEED_SLOT_CLOSE:
		o->slot_close(s->arg, d->u.slot);
		break;
	case DEED_SPAWN:
		why[0] = '\0';
		errno = EBADF;
		if (d->u.spawn.slot == SLOT_NONE ||
		    o->spawn(s->arg, &d->u.spawn, why, sizeof(why)) == -1)
			spawn_failed(s, &d->u.spawn, errno != 0 ? errno : EIO, why);
		break;
	case DEED_PROC_SET:
		o->proc_set(
		    s->arg, d->u.proc.slot, PROC_MAIN, d->u.proc.pid, d->u.proc.ticks);
		break;
	case DEED_SIGNAL:
		o->signal(
		    s->arg, d->u.sig.slot, d->u.sig.kind, d->u.sig.scope, d->u.sig.signo);
		break;
	case DEED_WATCH_EMPTY:
		o->watch_empty(s->arg, d->u.slot);
		break;
	case DEED_PROBE_START:
		o->probe_start(s->arg, d->u.probe.use, d->u.probe.id, d->u.probe.conf,
		    d->u.probe.since_wall_us, d->u.probe.timeout_us);
		break;
	case DEED_PROBE_STOP:
		o->probe_stop(s->arg, d->u.probe.use);
		break;
	case DEED_PATTERNS:
		o->patterns(s->arg, d->u.patterns.slot, d->u.patterns.list);
		break;
	case DEED_FD_DROP:
		svc_drop_stored(s, d->u.name);
		break;
	case DEED_CLEANUP:
		o->cleanup(s->arg, d->u.cleanup.conf, d->u.cleanup.restarts);
		break;
	case DEED_DONE:
		o->done(s->arg, d->u.done.what, d->u.done.r, d->u.done.why);
		break;
	case DEED_ACTION:
		o->action(
		    s->arg, d->u.action.action, d->u.action.status, d->u.action.why);
		break;
	case DEED_RELEASE:
		o->conf_release(s->arg, d->u.conf);
		break;
	}
}

void
svc_commit(struct service *s)
{
	struct deed *deeds = s->deeds;
	size_t n = s->ndeeds;
	bool was_busy = s->busy;

	emit_notes(s);
	/* What the deeds raise is dispatched by the loop of svc_dispatch. */
	s->busy = true;
	for (size_t i = 0; i < s->nacks; i++)
		s->ops->exit_ack(s->arg, &s->acks[i]);
	free(s->acks);
	s->acks = NULL;
	s->nacks = s->acks_cap = 0;
	for (int i = 0; i < SVC_NTIMERS; i++) {
		if (s->m.deadline_us[i] == s->armed_us[i])
			continue;
		s->armed_us[i] = s->m.deadline_us[i];
		s->ops->timer_set(s->arg, (enum svc_timer)i, s->armed_us[i]);
	}
	/* The list is taken: a deed that fails may queue further ones. */
	s->deeds = NULL;
	s->ndeeds = s->deeds_cap = 0;
	for (size_t i = 0; i < n; i++) {
		do_deed(s, &deeds[i]);
		deed_clear(&deeds[i]);
	}
	free(deeds);
	s->busy = was_busy;
}

/*
 * Outside of svc_dispatch: commit what was changed, then handle what that raised.
 */
void
svc_settle(struct service *s)
{
	if (s->busy || s->restoring)
		return;
	svc_commit(s);
	drain(s);
}

/* ---- requests ---------------------------------------------------------------- */

static char *
dup_or_null(const char *t)
{
	return t != NULL ? xstrdup(t) : NULL;
}

static void
set_who(struct service *s, const char *who)
{
	svc_memory_text(&s->m.who, SVC_WHO_MAX, who);
}

void
svc_want_up(struct service *s, const struct svc_start *start)
{
	start_clear(&s->start);
	s->start.who = dup_or_null(start->who);
	s->start.automatic = start->automatic;
	s->start.ref = dup_or_null(start->ref);
	s->start.day = dup_or_null(start->day);
	s->start.log_name = dup_or_null(start->log_name);
	s->open[SVC_DONE_START] = true;
	svc_raise(s, SVC_EV_WANT_UP);
}

void
svc_want_down(struct service *s, enum svc_down how, const char *who)
{
	s->down = how;
	set_who(s, who);
	s->open[SVC_DONE_STOP] = true;
	svc_raise(s, SVC_EV_WANT_DOWN);
}

void
svc_force_down(struct service *s, const char *who)
{
	s->down = SVC_DOWN_STOP;
	set_who(s, who);
	s->open[SVC_DONE_STOP] = true;
	svc_raise(s, SVC_EV_FORCE_DOWN);
}

void
svc_want_reload(struct service *s, const char *who)
{
	set_who(s, who);
	s->open[SVC_DONE_RELOAD] = true;
	svc_raise(s, SVC_EV_WANT_RELOAD);
}

const char *
svc_reload_refusal(const struct service *s)
{
	switch (svc_active(s)) {
	case SVC_ACTIVE_ACTIVE:
	case SVC_ACTIVE_RELOADING:
		break;
	default:
		return "it is not running";
	}
	if (svc_sc(s)->exec[EXEC_RELOAD].n > 0 ||
	    (svc_sc(s)->type == SERVICE_NOTIFY_RELOAD && s->m.main_running))
		return NULL;
	return "it has no ExecReload=";
}

void
svc_start_given_up(struct service *s, const char *why)
{
	if (s->restoring || (s->m.state != SVC_DEAD && s->m.state != SVC_FAILED))
		return;
	s->m.then_start = false;
	if (why != NULL && s->m.slot == SLOT_NONE)
		svc_set_why(s, "not started: %s", why);
	svc_settle(s);
}

void
svc_reset_failed(struct service *s)
{
	svc_raise(s, SVC_EV_RESET);
}

int
svc_kill(struct service *s, enum svc_whom whom, int signo)
{
	if (s->m.slot == SLOT_NONE || (whom == SVC_WHOM_MAIN && !s->m.main_running) ||
	    (whom == SVC_WHOM_CONTROL && !s->m.control_running)) {
		errno = ESRCH;
		return -1;
	}
	if (whom == SVC_WHOM_ALL)
		svc_deed_signal(s, PROC_MAIN, SIGNAL_SLOT, signo);
	else
		svc_deed_signal(s, whom == SVC_WHOM_MAIN ? PROC_MAIN : PROC_CONTROL,
		    SIGNAL_PROC, signo);
	svc_settle(s);
	return 0;
}

/* ---- what happened ----------------------------------------------------------- */

void
svc_on_started(struct service *s, const struct msg_started *st)
{
	struct svc_note note = { .what = SVC_EMIT_EXEC };
	struct svc_memory *m = &s->m;
	struct svc_aux *aux;

	if (s->restoring) {
		for (size_t i = 0; i < s->nseen; i++)
			if (s->seen[i].slot.slot == st->slot && st->kind < PROC_N) {
				s->seen[i].started[st->kind] = *st;
				s->seen[i].has_started[st->kind] = true;
			}
		return;
	}
	if (st->slot != m->slot || st->kind >= PROC_N)
		return;
	note.kind = (enum proc_kind)st->kind;
	note.pid = st->pid;
	switch (st->kind) {
	case PROC_MAIN:
		if (!m->main_running || (st->seq != m->main_seq && !m->main_alien))
			return;
		if (m->main_alien) {
			/* The answer to PROC_SET. */
			if (st->pid == m->main_pid)
				m->main_ticks = st->start_ticks;
			break;
		}
		if (m->main_pid == 0) {
			m->main_pid = st->pid;
			m->main_ticks = st->start_ticks;
			m->main_started_wall_us = clock_wall_us();
			if (svc_sc(s)->exec[EXEC_START].n > m->main_index)
				note.cmd = &svc_sc(s)->exec[EXEC_START].v[m->main_index];
			svc_note(s, &note, NULL);
			/* Type=simple waits for no more than this, if for anything. */
			if (m->state == SVC_START)
				svc_raise(s, SVC_EV_READY);
		}
		if (st->execed != 0 && !m->main_execed) {
			m->main_execed = true;
			svc_raise(s, SVC_EV_EXECED);
		}
		break;
	case PROC_CONTROL:
		if (!m->control_running || st->seq != m->control_seq)
			return;
		if (m->control_pid == 0) {
			m->control_pid = st->pid;
			if (m->cmd < EXEC_NKINDS &&
			    svc_sc(s)->exec[m->cmd].n > m->cmd_index)
				note.cmd = &svc_sc(s)->exec[m->cmd].v[m->cmd_index];
			svc_note(s, &note, NULL);
		}
		break;
	default:
		aux = s->probes != NULL ? &s->probes->aux[st->kind - PROC_READY] : NULL;
		if (aux != NULL && aux->seq == st->seq)
			aux->pid = st->pid;
		break;
	}
	svc_settle(s);
}

void
svc_on_slot(struct service *s, const struct msg_slot *slot)
{
	if (s->restoring) {
		if (slot->err != 0 || slot->closing != 0)
			return;
		s->seen = xreallocarray(s->seen, s->nseen + 1, sizeof(*s->seen));
		memset(&s->seen[s->nseen], 0, sizeof(*s->seen));
		s->seen[s->nseen++].slot = *slot;
		return;
	}
	if (slot->err != 0 && slot->slot == s->m.slot) {
		svc_set_why(s, "no slot: %s", strerror(slot->err));
		svc_raise(s, SVC_EV_SLOT_FAILED);
	}
}

static void
ack(struct service *s, const struct msg_exit *x)
{
	if (s->nacks == s->acks_cap) {
		s->acks_cap = s->acks_cap == 0 ? 4 : 2 * s->acks_cap;
		s->acks = xreallocarray(s->acks, s->acks_cap, sizeof(*s->acks));
	}
	s->acks[s->nacks++] = *x;
}

/* init says that nothing of the slot lives: true when nothing was spawned meanwhile. */
static void
note_empty(struct service *s, const struct msg_exit *x)
{
	bool other = x->kind == PROC_MAIN ? s->m.control_running : s->m.main_running;

	if (s->probes != NULL)
		other = other || s->probes->aux[PROBE_USE_READY].running ||
			s->probes->aux[PROBE_USE_HEALTH].running;
	if (x->empty != 0 && !other)
		s->empty = true;
}

void
svc_on_exit(struct service *s, const struct msg_exit *x)
{
	const struct svc_memory *m = &s->m;
	struct svc_event_in in = { .exit = *x };

	if (s->restoring) {
		for (size_t i = 0; i < s->nseen; i++)
			if (s->seen[i].slot.slot == x->slot && x->kind < PROC_N) {
				s->seen[i].exit[x->kind] = *x;
				s->seen[i].has_exit[x->kind] = true;
			}
		return;
	}
	ack(s, x);
	if (x->slot == m->slot) {
		switch (x->kind) {
		case PROC_MAIN:
			/* The answer to PROC_SET has no number; its pid says it. */
			if (m->main_running && (m->main_alien ? x->pid == m->main_pid
							      : x->seq == m->main_seq)) {
				note_empty(s, x);
				in.ev = SVC_EV_MAIN_EXIT;
				svc_dispatch(s, &in);
				return;
			}
			break;
		case PROC_CONTROL:
			if (m->control_running && x->seq == m->control_seq) {
				note_empty(s, x);
				in.ev = SVC_EV_CONTROL_EXIT;
				svc_dispatch(s, &in);
				return;
			}
			break;
		case PROC_READY:
			svc_on_aux_exit(s, PROBE_USE_READY, x);
			break;
		case PROC_HEALTH:
			svc_on_aux_exit(s, PROBE_USE_HEALTH, x);
			break;
		default:
			break;
		}
	} else {
		svc_foreign_exit(s, x);
	}
	svc_settle(s);
}

void
svc_on_not_started(struct service *s, const struct svc_spawn *sp, enum exit_how how,
    int status, int err, const char *why)
{
	struct msg_exit x = { .slot = sp->slot,
		.kind = sp->kind,
		.how = how,
		.status = status,
		.err = err,
		.seq = sp->seq,
		.mono_us = clock_mono_us(),
		.wall_us = clock_wall_us() };
	const struct svc_memory *m = &s->m;
	struct svc_event_in in = { .exit = x };

	if (sp->slot != m->slot ||
	    memcmp(sp->invocation, m->invocation, sizeof(m->invocation)) != 0)
		return;
	note_no_spawn(s, sp->kind, why);
	if (sp->kind == PROC_READY || sp->kind == PROC_HEALTH) {
		svc_on_aux_exit(
		    s, sp->kind == PROC_READY ? PROBE_USE_READY : PROBE_USE_HEALTH, &x);
	} else if (sp->kind == PROC_MAIN && m->main_running && !m->main_alien &&
		   m->main_seq == sp->seq) {
		in.ev = SVC_EV_MAIN_EXIT;
		svc_dispatch(s, &in);
		return;
	} else if (sp->kind == PROC_CONTROL && m->control_running &&
		   m->control_seq == sp->seq) {
		in.ev = SVC_EV_CONTROL_EXIT;
		svc_dispatch(s, &in);
		return;
	}
	svc_settle(s);
}

void
svc_on_empty(struct service *s, uint32_t slot)
{
	if (s->restoring)
		return;
	if (slot != s->m.slot || !s->watching) {
		svc_foreign_empty(s, slot);
	} else if (s->watch_stale) {
		/* It may be from before the newest process: ask again. */
		s->watching = s->watch_stale = false;
		if (svc_waits_for_empty(s))
			svc_deed_watch_empty(s);
	} else {
		s->watching = false;
		s->empty = true;
		svc_raise(s, SVC_EV_EMPTY);
	}
	svc_settle(s);
}

void
svc_on_timer(struct service *s, enum svc_timer which)
{
	if (s->restoring || (unsigned)which >= SVC_NTIMERS ||
	    s->m.deadline_us[which] == UINT64_MAX)
		return;
	if (clock_mono_us() < s->m.deadline_us[which]) {
		/* It was moved while the call was on its way. */
		s->ops->timer_set(s->arg, which, s->m.deadline_us[which]);
		return;
	}
	s->m.deadline_us[which] = UINT64_MAX;
	s->armed_us[which] = UINT64_MAX;
	switch (which) {
	case SVC_TIMER_PHASE:
		svc_raise(s, SVC_EV_TIMEOUT);
		break;
	case SVC_TIMER_RUNTIME:
		svc_raise(s, SVC_EV_RUNTIME_MAX);
		break;
	case SVC_TIMER_WATCHDOG:
		svc_raise(s, SVC_EV_WATCHDOG);
		break;
	case SVC_TIMER_READY:
		svc_on_ready_timer(s);
		break;
	case SVC_TIMER_HEALTH:
		svc_on_health_timer(s);
		break;
	case SVC_TIMER_PROBE:
		svc_on_aux_timer(s, PROBE_USE_READY);
		break;
	case SVC_TIMER_PROBE_HEALTH:
		svc_on_aux_timer(s, PROBE_USE_HEALTH);
		break;
	case SVC_NTIMERS:
		break;
	}
	svc_settle(s);
}

void
svc_on_stored(struct service *s, uint32_t id, const char *fdname)
{
	for (size_t i = 0; i < s->nstored; i++)
		if (s->stored_ids[i] == id)
			return;
	if (s->fds_on_the_way > 0)
		s->fds_on_the_way--;
	s->stored_ids =
	    xreallocarray(s->stored_ids, s->nstored + 1, sizeof(*s->stored_ids));
	s->stored_names =
	    xreallocarray(s->stored_names, s->nstored + 1, sizeof(*s->stored_names));
	s->stored_ids[s->nstored] = id;
	s->stored_names[s->nstored++] = xstrdup(fdname);
}

void
svc_on_unstored(struct service *s, uint32_t id)
{
	for (size_t i = 0; i < s->nstored; i++) {
		if (s->stored_ids[i] != id)
			continue;
		free(s->stored_names[i]);
		s->nstored--;
		memmove(&s->stored_ids[i], &s->stored_ids[i + 1],
		    (s->nstored - i) * sizeof(*s->stored_ids));
		memmove(&s->stored_names[i], &s->stored_names[i + 1],
		    (s->nstored - i) * sizeof(*s->stored_names));
		return;
	}
}

void
svc_drop_stored(struct service *s, const char *name)
{
	for (size_t i = s->nstored; i > 0; i--)
		if (name == NULL || strcmp(s->stored_names[i - 1], name) == 0)
			svc_on_unstored(s, s->stored_ids[i - 1]);
	s->ops->fd_drop(s->arg, name);
}

/* ---- questions --------------------------------------------------------------- */

const struct svc_memory *
svc_memory(const struct service *s)
{
	return &s->m;
}

const char *
svc_unit(const struct service *s)
{
	return s->unit;
}

enum svc_state
svc_state(const struct service *s)
{
	return s->m.state;
}

enum svc_active
svc_active(const struct service *s)
{
	return svc_state_active(s->m.state);
}

bool
svc_has_slot(const struct service *s)
{
	return s->m.slot != SLOT_NONE || s->nforeign > 0;
}

uint64_t
svc_next_restart_us(const struct service *s)
{
	if (s->m.state != SVC_AUTO_RESTART && s->m.state != SVC_LIMIT_WAIT)
		return 0;
	return s->m.deadline_us[SVC_TIMER_PHASE] == UINT64_MAX
		   ? 0
		   : s->m.deadline_us[SVC_TIMER_PHASE];
}

const char *
svc_why(const struct service *s)
{
	return s->m.why;
}

size_t
svc_stored(const struct service *s, const uint32_t **ids, char *const **names)
{
	if (ids != NULL)
		*ids = s->stored_ids;
	if (names != NULL)
		*names = s->stored_names;
	return s->nstored;
}

/* The name of an action as the source has it, in words. */
static void
put_action(struct buf *out, svc_action *act)
{
	static const struct {
		svc_action *act;
		const char *name;
	} names[] = {
#define SVC_ACTION(name) { act_##name, #name },
#include "manager/service/service.def"
	};
	const char *name = NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].act == act)
			name = names[i].name;
	for (name = name == NULL ? "undecided" : name; *name != '\0'; name++)
		buf_addc(out, *name == '_' ? ' ' : *name);
}

void
svc_explain(struct buf *out)
{
	for (int st = 0; st < SVC_NSTATES; st++) {
		buf_addf(out, "%s (%s)\n", svc_state_name((enum svc_state)st),
		    svc_active_name(svc_state_active((enum svc_state)st)));
		for (int ev = 0; ev < SVC_NEVENTS; ev++) {
			if (svc_table[st][ev] == svc_ignore)
				continue;
			buf_addf(out, "\t%s: ", event_texts[ev]);
			put_action(out, svc_table[st][ev]);
			buf_addc(out, '\n');
		}
	}
}

unsigned
svc_undecided(void)
{
	unsigned n = 0;

	for (int st = 0; st < SVC_NSTATES; st++)
		for (int ev = 0; ev < SVC_NEVENTS; ev++)
			n += svc_table[st][ev] == NULL;
	return n;
}

uint64_t
svc_bugs(void)
{
	return bugs;
}
