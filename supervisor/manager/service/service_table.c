/*
 * service_table: what a service does when something happens, [state][event], and the same
 * as text.  Every cell is decided: what is not an action is svc_ignore, and an empty cell
 * is a bug report.  The actions are in service_start.c, service_forking.c, service_run.c,
 * service_reload.c and service_stop.c.
 */
#include "lib/buf.h"
#include "manager/service/service_int.h"

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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = act_slot_free,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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
		[SVC_EV_SLOT_FREE] = svc_ignore,
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

const char *
svc_event_name(enum svc_event ev)
{
	return event_names[ev];
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
