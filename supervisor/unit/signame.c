/*
 * signame: tables of names.  musl has no sigabbrev_np, so the table is ours.
 */
#include "unit/signame.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "unit/span.h"

struct name_row {
	int value;
	const char *name;
};

static const struct name_row signals[] = {
	{ SIGHUP, "HUP" },
	{ SIGINT, "INT" },
	{ SIGQUIT, "QUIT" },
	{ SIGILL, "ILL" },
	{ SIGTRAP, "TRAP" },
	{ SIGABRT, "ABRT" },
	{ SIGBUS, "BUS" },
	{ SIGFPE, "FPE" },
	{ SIGKILL, "KILL" },
	{ SIGUSR1, "USR1" },
	{ SIGSEGV, "SEGV" },
	{ SIGUSR2, "USR2" },
	{ SIGPIPE, "PIPE" },
	{ SIGALRM, "ALRM" },
	{ SIGTERM, "TERM" },
	{ SIGSTKFLT, "STKFLT" },
	{ SIGCHLD, "CHLD" },
	{ SIGCONT, "CONT" },
	{ SIGSTOP, "STOP" },
	{ SIGTSTP, "TSTP" },
	{ SIGTTIN, "TTIN" },
	{ SIGTTOU, "TTOU" },
	{ SIGURG, "URG" },
	{ SIGXCPU, "XCPU" },
	{ SIGXFSZ, "XFSZ" },
	{ SIGVTALRM, "VTALRM" },
	{ SIGPROF, "PROF" },
	{ SIGWINCH, "WINCH" },
	{ SIGIO, "IO" },
	{ SIGIO, "POLL" },
	{ SIGABRT, "IOT" },
	{ SIGPWR, "PWR" },
	{ SIGSYS, "SYS" },
};

static const struct name_row statuses[] = {
	{ 0, "SUCCESS" },
	{ 1, "FAILURE" },
	{ 2, "INVALIDARGUMENT" },
	{ 3, "NOTIMPLEMENTED" },
	{ 4, "NOPERMISSION" },
	{ 5, "NOTINSTALLED" },
	{ 6, "NOTCONFIGURED" },
	{ 7, "NOTRUNNING" },
	{ 64, "USAGE" },
	{ 65, "DATAERR" },
	{ 66, "NOINPUT" },
	{ 67, "NOUSER" },
	{ 68, "NOHOST" },
	{ 69, "UNAVAILABLE" },
	{ 70, "SOFTWARE" },
	{ 71, "OSERR" },
	{ 72, "OSFILE" },
	{ 73, "CANTCREAT" },
	{ 74, "IOERR" },
	{ 75, "TEMPFAIL" },
	{ 76, "PROTOCOL" },
	{ 77, "NOPERM" },
	{ 78, "CONFIG" },
	{ 200, "CHDIR" },
	{ 201, "NICE" },
	{ 202, "FDS" },
	{ 203, "EXEC" },
	{ 204, "MEMORY" },
	{ 205, "LIMITS" },
	{ 206, "OOM_ADJUST" },
	{ 207, "SIGNAL_MASK" },
	{ 208, "STDIN" },
	{ 209, "STDOUT" },
	{ 210, "CHROOT" },
	{ 211, "IOPRIO" },
	{ 212, "TIMERSLACK" },
	{ 213, "SECUREBITS" },
	{ 214, "SETSCHEDULER" },
	{ 215, "CPUAFFINITY" },
	{ 216, "GROUP" },
	{ 217, "USER" },
	{ 218, "CAPABILITIES" },
	{ 219, "CGROUP" },
	{ 220, "SETSID" },
	{ 221, "CONFIRM" },
	{ 222, "STDERR" },
	{ 224, "PAM" },
	{ 225, "NETWORK" },
	{ 226, "NAMESPACE" },
	{ 227, "NO_NEW_PRIVILEGES" },
	{ 228, "SECCOMP" },
	{ 229, "SELINUX_CONTEXT" },
	{ 230, "PERSONALITY" },
	{ 231, "APPARMOR" },
	{ 232, "ADDRESS_FAMILIES" },
	{ 233, "RUNTIME_DIRECTORY" },
	{ 235, "CHOWN" },
	{ 236, "SMACK_PROCESS_LABEL" },
	{ 237, "KEYRING" },
	{ 238, "STATE_DIRECTORY" },
	{ 239, "CACHE_DIRECTORY" },
	{ 240, "LOGS_DIRECTORY" },
	{ 241, "CONFIGURATION_DIRECTORY" },
	{ 242, "NUMA_POLICY" },
	{ 243, "CREDENTIALS" },
	{ 244, "BPF" },
	{ 245, "KSM" },
	{ 255, "EXCEPTION" },
};

/* By number, as the kernel has them; the prefix CAP_ left out. */
static const char *const capabilities[CAPABILITY_LAST + 1] = {
	[0] = "CHOWN",
	[1] = "DAC_OVERRIDE",
	[2] = "DAC_READ_SEARCH",
	[3] = "FOWNER",
	[4] = "FSETID",
	[5] = "KILL",
	[6] = "SETGID",
	[7] = "SETUID",
	[8] = "SETPCAP",
	[9] = "LINUX_IMMUTABLE",
	[10] = "NET_BIND_SERVICE",
	[11] = "NET_BROADCAST",
	[12] = "NET_ADMIN",
	[13] = "NET_RAW",
	[14] = "IPC_LOCK",
	[15] = "IPC_OWNER",
	[16] = "SYS_MODULE",
	[17] = "SYS_RAWIO",
	[18] = "SYS_CHROOT",
	[19] = "SYS_PTRACE",
	[20] = "SYS_PACCT",
	[21] = "SYS_ADMIN",
	[22] = "SYS_BOOT",
	[23] = "SYS_NICE",
	[24] = "SYS_RESOURCE",
	[25] = "SYS_TIME",
	[26] = "SYS_TTY_CONFIG",
	[27] = "MKNOD",
	[28] = "LEASE",
	[29] = "AUDIT_WRITE",
	[30] = "AUDIT_CONTROL",
	[31] = "SETFCAP",
	[32] = "MAC_OVERRIDE",
	[33] = "MAC_ADMIN",
	[34] = "SYSLOG",
	[35] = "WAKE_ALARM",
	[36] = "BLOCK_SUSPEND",
	[37] = "AUDIT_READ",
	[38] = "PERFMON",
	[39] = "BPF",
	[40] = "CHECKPOINT_RESTORE",
};

/* RTMIN, RTMIN+n, RTMAX, RTMAX-n */
static int
realtime_from_name(const char *name)
{
	uint64_t n = 0;
	int base = strncmp(name, "RTMIN", 5) == 0 ? SIGRTMIN : SIGRTMAX;
	char sign = base == SIGRTMIN ? '+' : '-';

	if (strncmp(name, "RTMIN", 5) != 0 && strncmp(name, "RTMAX", 5) != 0)
		return -1;
	if (name[5] != '\0' &&
	    (name[5] != sign ||
		number_parse(name + 6, (uint64_t)(SIGRTMAX - SIGRTMIN), &n) == -1))
		return -1;
	return sign == '+' ? base + (int)n : base - (int)n;
}

int
signal_from_name(const char *name)
{
	uint64_t n;

	if (number_parse(name, 64, &n) == 0)
		return n > 0 ? (int)n : -1;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcmp(name, signals[i].name) == 0)
			return signals[i].value;
	return realtime_from_name(name);
}

const char *
signal_name(int signo)
{
	static char text[24];

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		if (signals[i].value == signo) {
			snprintf(text, sizeof(text), "SIG%s", signals[i].name);
			return text;
		}
	}
	if (signo == SIGRTMIN)
		snprintf(text, sizeof(text), "SIGRTMIN");
	else if (signo > SIGRTMIN && signo <= SIGRTMAX)
		snprintf(text, sizeof(text), "SIGRTMIN+%d", signo - SIGRTMIN);
	else
		snprintf(text, sizeof(text), "%d", signo);
	return text;
}

int
exit_status_from_name(const char *name)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(name, statuses[i].name) == 0)
			return statuses[i].value;
	return -1;
}

const char *
exit_status_name(int status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (statuses[i].value == status)
			return statuses[i].name;
	return NULL;
}

int
capability_from_name(const char *name)
{
	uint64_t n;

	if (number_parse(name, 63, &n) == 0)
		return (int)n;
	if (strncasecmp(name, "CAP_", 4) != 0)
		return -1;
	for (int i = 0; i <= CAPABILITY_LAST; i++)
		if (strcasecmp(name + 4, capabilities[i]) == 0)
			return i;
	return -1;
}

const char *
capability_name(int capability)
{
	static char text[40];

	if (capability < 0 || capability > CAPABILITY_LAST)
		return NULL;
	snprintf(text, sizeof(text), "CAP_%s", capabilities[capability]);
	return text;
}
