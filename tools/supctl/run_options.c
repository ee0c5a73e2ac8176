/*
 * run_options: the options of run.  Most are another way to write a directive: `--nice 5'
 * is `-p Nice=5'.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "run.h"

#include "lib/clock.h"
#include "lib/xalloc.h"

enum {
	OPT_WAIT = OPT_LONG,
	OPT_REF,
	OPT_DAY,
	OPT_NAME,
	OPT_UNIT,
	OPT_CWD,
	OPT_DESCRIPTION,
	OPT_PTY,
	OPT_NO_BLOCK,
	OPT_COLLECT,
	OPT_REMAIN,
	OPT_SCOPE,
	OPT_TIMER_PROPERTY,
	OPT_PATH_PROPERTY,
	OPT_SOCKET_PROPERTY,
	OPT_ON_CLOCK_CHANGE,
	OPT_ON_TIMEZONE_CHANGE,
	OPT_DIRECTIVE, /* from here on: of_service, then of_timer */
};

/* --OPTION=X is KEY=X. */
static const char *const of_service[] = { "User", "Group", "Nice", "Slice", "Type" };
static const char *const of_timer[] = { "OnActiveSec", "OnBootSec", "OnStartupSec",
	"OnUnitActiveSec", "OnUnitInactiveSec", "OnCalendar" };

enum {
	N_SERVICE = sizeof(of_service) / sizeof(of_service[0]),
	N_TIMER = sizeof(of_timer) / sizeof(of_timer[0]),
};

const struct opt run_opts[] = {
	{ "wait", OPT_WAIT, NULL, "wait for the end; its exit status is ours" },
	{ "timeout", OPT_TIMEOUT, "TIME", "stop the program after this time (124)" },
	{ "pty", 't', NULL, "with a terminal, and attach to it" },
	{ "scope", OPT_SCOPE, NULL, "as a process of our own, which becomes a unit" },
	{ "pipe", 'P', NULL, "with our own input and outputs; waits for the end" },
	{ "property", 'p', "KEY=VALUE", "a directive of the unit (may be repeated)" },
	{ "unit", OPT_UNIT, "NAME", "name of the unit, as --name" },
	{ "name", OPT_NAME, "NAME", "name of unit and log, instead of the program's" },
	{ "ref", OPT_REF, "REF", "name of the log file before the `_', for finding it" },
	{ "day", OPT_DAY, "YYYYMMDD", "log to the folder of that day, whatever the day" },
	{ "env", 'E', "NAME=VALUE", "add to the environment (may be repeated)" },
	{ "setenv", 'E', "NAME[=VALUE]", "the same; without a value that of our own" },
	{ "cwd", OPT_CWD, "DIR", "working folder, instead of the instance's" },
	{ "working-directory", OPT_CWD, "DIR", "the same" },
	{ "same-dir", 'd', NULL, "the current folder as working folder" },
	{ "description", OPT_DESCRIPTION, "TEXT", "what status shows" },
	{ "uid", OPT_DIRECTIVE + 0, "USER", "as this user" },
	{ "gid", OPT_DIRECTIVE + 1, "GROUP", "with this group" },
	{ "nice", OPT_DIRECTIVE + 2, "NUMBER", "with this nice value" },
	{ "slice", OPT_DIRECTIVE + 3, "SLICE", "in this slice" },
	{ "service-type", OPT_DIRECTIVE + 4, "TYPE", "exec (the default), oneshot, ..." },
	{ "remain-after-exit", 'r', NULL, "the unit stays active after the end" },
	{ "collect", 'G', NULL, "forget the unit also when it failed" },
	{ "no-block", OPT_NO_BLOCK, NULL, "do not wait for the start" },
	{ "on-active", OPT_DIRECTIVE + 5, "TIME", "start it so long after now" },
	{ "on-boot", OPT_DIRECTIVE + 6, "TIME", "start it so long after the boot" },
	{ "on-startup", OPT_DIRECTIVE + 7, "TIME", "after the start of supd" },
	{ "on-unit-active", OPT_DIRECTIVE + 8, "TIME", "after it was started last" },
	{ "on-unit-inactive", OPT_DIRECTIVE + 9, "TIME", "after it has ended last" },
	{ "on-calendar", OPT_DIRECTIVE + 10, "EXPR", "start it at these times" },
	{ "on-clock-change", OPT_ON_CLOCK_CHANGE, NULL, "when the clock is set" },
	{ "on-timezone-change", OPT_ON_TIMEZONE_CHANGE, NULL, "when the zone changes" },
	{ "timer-property", OPT_TIMER_PROPERTY, "KEY=VALUE", "of the timer" },
	{ "path-property", OPT_PATH_PROPERTY, "KEY=VALUE", "start it by such a path" },
	{ "socket-property", OPT_SOCKET_PROPERTY, "KEY=VALUE",
	    "start it by such a socket" },
	{ NULL, 0, NULL, NULL },
};

void
run_options_clear(struct run *q)
{
	free(q->name);
	free(q->cwd);
	free(q->unit);
	free(q->triggers);
	free(q->started_ref);
	free(q->log);
	strv_free(&q->env);
	strv_free(&q->properties);
	strv_free(&q->trigger_properties);
}

/* NAME, or NAME=VALUE. */
static int
add_env(struct ctl *ctl, struct run *q, const char *word)
{
	const char *own;

	if (strchr(word, '=') != NULL) {
		strv_add(&q->env, word);
		return 0;
	}
	own = getenv(word);
	if (own == NULL)
		return ctl_usage(ctl, "--env: %s has no `=' and is not set here", word);
	strv_addf(&q->env, "%s=%s", word, own);
	return 0;
}

static int
set_cwd(struct ctl *ctl, struct run *q, const char *dir)
{
	free(q->cwd);
	q->cwd = realpath(dir, NULL);
	return q->cwd != NULL ? 0 : ctl_usage(ctl, "--cwd: no folder %s", dir);
}

/* The name of a unit, with its suffix or without. */
static int
set_unit(struct ctl *ctl, struct run *q, const char *word)
{
	static const char suffix[] = ".service", scope[] = ".scope";
	size_t n = strlen(word), m = sizeof(suffix) - 1;

	if (n > m && strcmp(word + n - m, suffix) == 0)
		n -= m;
	else if (n >= sizeof(scope) && strcmp(word + n - sizeof(scope) + 1, scope) == 0)
		; /* see check: only with --scope */
	else if (strrchr(word, '.') != NULL && q->trigger == NULL &&
		 strspn(strrchr(word, '.') + 1, "abcdefghijklmnopqrstuvwxyz") > 3)
		return ctl_usage(ctl, "--unit: %s is not the name of a service", word);
	free(q->name);
	q->name = xstrndup(word, n);
	return 0;
}

static int
add_property(struct ctl *ctl, struct strv *list, const char *word)
{
	if (strchr(word, '=') == NULL)
		return ctl_usage(ctl, "a property is KEY=VALUE, not %s", word);
	strv_add(list, word);
	return 0;
}

static int
set_trigger(struct ctl *ctl, struct run *q, const char *type)
{
	if (q->trigger != NULL && strcmp(q->trigger, type) != 0)
		return ctl_usage(ctl, "one of timer, path and socket starts it");
	q->trigger = type;
	return 0;
}

static int
add_trigger(struct ctl *ctl, struct run *q, const char *type, const char *word)
{
	int code = set_trigger(ctl, q, type);

	return code != 0 ? code : add_property(ctl, &q->trigger_properties, word);
}

static int
add_directive(struct ctl *ctl, struct run *q, int i, const char *value)
{
	if (i < N_SERVICE) {
		strv_addf(&q->properties, "%s=%s", of_service[i], value);
		return 0;
	}
	strv_addf(&q->trigger_properties, "%s=%s", of_timer[i - N_SERVICE], value);
	return set_trigger(ctl, q, "timer");
}

static int
take_flag(struct run *q, int id)
{
	switch (id) {
	case OPT_WAIT:
		q->wait = true;
		return 0;
	case OPT_NO_BLOCK:
		q->no_block = true;
		return 0;
	case OPT_SCOPE:
		q->scope = true;
		return 0;
	case 'P':
		q->pipe = q->wait = true;
		return 0;
	case 't':
		q->pty = true;
		strv_add(&q->properties, "Session.Terminal=yes");
		return 0;
	case 'r':
		strv_add(&q->properties, "RemainAfterExit=yes");
		return 0;
	case 'G':
		strv_add(&q->properties, "CollectMode=inactive-or-failed");
		return 0;
	default:
		return -1;
	}
}

static int
take_option(struct ctl *ctl, struct run *q, int id)
{
	switch (id) {
	case OPT_REF:
		q->ref = optarg;
		return 0;
	case OPT_DAY:
		q->day = optarg;
		return 0;
	case OPT_DESCRIPTION:
		q->description = optarg;
		return 0;
	case OPT_NAME:
		free(q->name);
		q->name = xstrdup(optarg);
		return 0;
	case OPT_UNIT:
		return set_unit(ctl, q, optarg);
	case 'E':
		return add_env(ctl, q, optarg);
	case OPT_CWD:
		return set_cwd(ctl, q, optarg);
	case 'd':
		return set_cwd(ctl, q, ".");
	case 'p':
		return add_property(ctl, &q->properties, optarg);
	case OPT_TIMER_PROPERTY:
		return add_trigger(ctl, q, "timer", optarg);
	case OPT_ON_CLOCK_CHANGE:
		return add_trigger(ctl, q, "timer", "OnClockChange=yes");
	case OPT_ON_TIMEZONE_CHANGE:
		return add_trigger(ctl, q, "timer", "OnTimezoneChange=yes");
	case OPT_PATH_PROPERTY:
		return add_trigger(ctl, q, "path", optarg);
	case OPT_SOCKET_PROPERTY:
		return add_trigger(ctl, q, "socket", optarg);
	default:
		break;
	}
	if (id >= OPT_DIRECTIVE && id < OPT_DIRECTIVE + N_SERVICE + N_TIMER)
		return add_directive(ctl, q, id - OPT_DIRECTIVE, optarg);
	return CTL_USAGE;
}

/* A scope is our own process: there is nothing to wait for, to attach to, to log. */
static int
check_scope(struct ctl *ctl, const struct run *q)
{
	const char *with = q->pipe              ? "pipe"
			   : q->wait            ? "wait"
			   : q->pty             ? "pty"
			   : q->no_block        ? "no-block"
			   : q->trigger != NULL ? q->trigger
			   : q->ref != NULL     ? "ref"
			   : q->day != NULL     ? "day"
			   : ctl->json          ? "json"
						: NULL;

	if (q->timeout_us != 0)
		return ctl_usage(ctl, "with --scope write -p RuntimeMaxSec=TIME");
	if (with != NULL)
		return ctl_usage(ctl,
		    "--scope is the program in our own place: nothing to do for %s%s",
		    q->trigger != NULL ? "a " : "--", with);
	return 0;
}

/* What cannot be had together. */
static int
check(struct ctl *ctl, const struct run *q)
{
	const char *dot = q->name != NULL ? strrchr(q->name, '.') : NULL;

	if (q->scope)
		return check_scope(ctl, q);
	if (dot != NULL && strcmp(dot, ".scope") == 0)
		return ctl_usage(ctl, "--unit: %s needs --scope", q->name);
	if (q->pipe && (q->pty || ctl->json || q->no_block))
		return ctl_usage(ctl, "--pipe and --%s exclude each other",
		    q->pty      ? "pty"
		    : ctl->json ? "json"
				: "no-block");
	if (q->trigger != NULL && (q->wait || q->pty || q->no_block))
		return ctl_usage(ctl,
		    "what a %s starts later is not waited for: no --wait, --pty, "
		    "--no-block",
		    q->trigger);
	if (q->no_block && (q->wait || q->pty))
		return ctl_usage(ctl, "--no-block and --%s exclude each other",
		    q->wait ? "wait" : "pty");
	if (q->pty && (!isatty(STDIN_FILENO) || ctl->json))
		return ctl_usage(ctl, "--pty needs a terminal, and no --json");
	if (q->trigger != NULL && (q->ref != NULL || q->day != NULL))
		return ctl_usage(ctl, "--ref and --day are for what is started now");
	return 0;
}

int
run_options(struct ctl *ctl, int argc, char **argv, struct run *q)
{
	int id, code;

	while ((id = ctl_getopt(ctl, argc, argv)) != -1) {
		if (take_flag(q, id) == 0)
			continue;
		code = take_option(ctl, q, id);
		if (code != 0)
			return code;
	}
	/* Here --timeout is the program's time, not that of the answer. */
	q->timeout_us = ctl->timeout_us;
	ctl->timeout_us = 0;
	q->limit_us = q->timeout_us == 0 ? USEC_INFINITY
					 : clock_add_us(clock_mono_us(), q->timeout_us);
	code = check(ctl, q);
	return code != 0 ? code : ctl_words(ctl, argc);
}
