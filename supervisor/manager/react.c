/*
 * react: what the manager does by signals, and the two things that replace what it is
 * made of: reading all files again, and the program itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "instance/settings.h"
#include "lib/log.h"
#include "lib/version.h"
#include "manager/budget/budgets.h"
#include "manager/control/control.h"
#include "manager/link/link.h"
#include "manager/manager.h"
#include "manager/marking.h"
#include "manager/phases.h"
#include "manager/record/event.h"
#include "manager/record/store.h"
#include "manager/reload.h"
#include "manager/service/memory.h"
#include "manager/service/service_exec.h"
#include "manager/start.h"
#include "manager/wish/request_files.h"
#include "unit/conf.h"
#include "unit/defaults.h"
#include "unit/load.h"

/* ---- signals ------------------------------------------------------------------------
 */

static void
tell_signal(struct manager *m, const struct msg_got_signal *sig)
{
	char name[16];

	event_begin(m->events, EVENT_SIGNAL_RECEIVED, NULL, NULL);
	event_str(m->events, "signal", svc_signal_name(sig->signo, name, sizeof(name)));
	event_int(m->events, "from_pid", sig->pid);
	event_int(m->events, "from_uid", sig->uid);
	event_end(m->events);
}

static void
end_by_signal(struct manager *m, const struct msg_got_signal *sig, uint32_t how)
{
	struct manager_end e = { .how = how };
	char name[16], reason[64];

	snprintf(reason, sizeof(reason), "signal %s",
	    svc_signal_name(sig->signo, name, sizeof(name)));
	e.reason = reason;
	e.leave = m->conf->on_exit == ON_EXIT_LEAVE && !m->is_pid1 && how == HALT_EXIT;
	/* The second Ctrl-C: no more patience. */
	e.force = m->shutdown != NULL && (sig->signo == SIGINT || sig->signo == SIGTERM);
	manager_end(m, &e);
}

static void
reload_by_signal(struct manager *m)
{
	struct reload *r = reload_look(m);

	if (!reload_is_refused(r))
		manager_take_reload(m, r, "signal HUP");
	reload_free(r);
}

/*
 * The table of signals, as in supd(8).  RTMIN+3 to +6 are what systemd's PID 1 knows and
 * container engines send.
 */
void
manager_on_signal(struct manager *m, const struct msg_got_signal *sig)
{
	tell_signal(m, sig);
	if (sig->signo == SIGRTMIN + 3) {
		end_by_signal(m, sig, HALT_HALT);
	} else if (sig->signo == SIGRTMIN + 4 || sig->signo == SIGPWR) {
		end_by_signal(m, sig, HALT_POWEROFF);
	} else if (sig->signo == SIGRTMIN + 5) {
		end_by_signal(m, sig, HALT_REBOOT);
	} else if (sig->signo == SIGRTMIN + 6) {
		end_by_signal(m, sig, HALT_KEXEC);
	} else {
		switch (sig->signo) {
		case SIGTERM:
		case SIGINT:
		case SIGQUIT:
			end_by_signal(m, sig, HALT_EXIT);
			break;
		case SIGHUP:
			reload_by_signal(m);
			break;
		case SIGUSR1:
			request_files_take(m);
			break;
		case SIGUSR2:
			start_log_state(m);
			break;
		default:
			break;
		}
	}
}

void
manager_reload(struct manager *m, const char *who)
{
	struct reload *r = reload_look(m);

	manager_take_reload(m, r, who);
	reload_free(r);
}

void
manager_take_reload(struct manager *m, struct reload *r, const char *who)
{
	const struct supd_conf *looked = reload_conf(r);
	/* Of values only: what it points to is gone. */
	struct supd_conf before = looked != NULL ? *looked : *m->conf;
	struct msg_settings settings;
	struct msg_log_settings log;

	manager_read_conf(m);
	store_set_interval(m->store, m->conf->snapshot_interval_us);
	settings_of_init(m->conf, m->is_pid1, &settings);
	link_settings(m->link, &settings);
	settings_of_log(m->conf, m->is_pid1, isatty(STDOUT_FILENO), &log);
	link_log_settings(m->link, &log);
	if (m->control != NULL)
		control_on_conf(m->control);
	marking_on_conf(m);
	phases_on_conf(m);
	/* (Written again since the look.) */
	reload_take_units(r, who, defaults_differ(&before, m->conf));
	manager_leave_safe_mode(m, "the files were read again");
}

/* ---- replacing the program ----------------------------------------------------------
 */

static void
ignore(void *arg, int err)
{
	(void)arg;
	(void)err;
}

void
manager_reexec(struct manager *m, const char *who, manager_reexec_fn *done, void *arg)
{
	if (m->reexec_done != NULL || m->shutdown != NULL) {
		done(arg, EBUSY);
		return;
	}
	m->reexec_done = done;
	m->reexec_arg = arg;
	event_begin(m->events, EVENT_REEXEC, NULL, NULL);
	event_str(m->events, "who", who);
	event_str(m->events, "version", SUPD_VERSION);
	event_end(m->events);
	(void)store_snapshot_now(m->store);
	budgets_write_now(m);
	marking_write_now(m);
	link_reexec(m->link);
}

void
manager_reexec_cancel(struct manager *m, void *arg)
{
	if (m->reexec_arg == arg)
		m->reexec_done = ignore;
}

void
manager_on_reexec_failed(struct manager *m, int err)
{
	manager_reexec_fn *done = m->reexec_done;

	event_begin(m->events, EVENT_REEXEC_FAILED, NULL, NULL);
	event_str(m->events, "error", strerror(err));
	event_end(m->events);
	log_warnx(
	    "the program on the disk could not take over: %s; everything goes on as "
	    "it was",
	    strerror(err));
	m->reexec_done = NULL;
	if (done != NULL)
		done(m->reexec_arg, err);
}
