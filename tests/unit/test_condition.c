/*
 * Tests of unit/condition, unit/version, unit/pathglob, unit/virt: every condition, over
 * real files and over the papers of machines that are made up; what arguments may be; and
 * what several conditions mean together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/rmtree.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/condition.h"
#include "unit/diag.h"
#include "unit/hidden.h"
#include "unit/load.h"
#include "unit/pathglob.h"
#include "unit/version.h"
#include "unit/virt.h"

static char dir[] = "/tmp/condition.XXXXXX";
static char root[64];

/* A file of the machine that is made up; its folders come with it. */
static void
paper_bytes(const char *path, const void *data, size_t n)
{
	char *full = xasprintf("%s%s", root, path), *at;
	int fd;

	for (at = full + strlen(root) + 1; (at = strchr(at, '/')) != NULL; at++) {
		*at = '\0';
		assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
		*at = '/';
	}
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
	free(full);
}

static void
paper(const char *path, const char *text)
{
	paper_bytes(path, text, strlen(text));
}

static void
no_paper(const char *path)
{
	char *full = xasprintf("%s%s", root, path);

	assert_true(unlink(full) == 0 || errno == ENOENT);
	free(full);
}

/* A name service: NULL, there is none. */
static int (*find_id)(void *arg, bool group, const char *name, uint32_t *id);
static int remote_says; /* an error */

static int
remote_id(void *arg, bool group, const char *name, uint32_t *id)
{
	(void)arg;
	errno = remote_says;
	if (remote_says != 0 || strcmp(name, "remote") != 0)
		return -1;
	*id = group ? getgid() : getuid();
	return 0;
}

static const char *phase;

static enum condition_answer
ask(const char *name, const char *arg)
{
	struct unit_condition c = { .name = xstrdup(name), .arg = xstrdup(arg) };
	struct condition_world w = { .root = root, .find_id = find_id, .phase = phase };
	enum condition_answer a = condition_test(&w, &c, NULL);

	free(c.name);
	free(c.arg);
	return a;
}

#define YES(name, arg) assert_int_equal(ask(name, arg), CONDITION_YES)
#define NO(name, arg) assert_int_equal(ask(name, arg), CONDITION_NO)
#define UNKNOWN(name, arg) assert_int_equal(ask(name, arg), CONDITION_UNKNOWN)

static void
versions(void **state)
{
	/* Ascending. */
	static const char *const rising[] = { "~", "", "-", "^", ".", "a", "a.", "ab",
		"0", "1~rc1", "1", "1-1", "1^1", "1.", "1.0", "1.1", "1a", "2", "10",
		"11a", "11a1", "11ab" };
	const char *file = getenv("VERSIONS");
	char a[64], o[3], b[64];
	FILE *f;

	(void)state;
	for (size_t i = 0; i < sizeof(rising) / sizeof(rising[0]); i++)
		for (size_t k = 0; k < sizeof(rising) / sizeof(rising[0]); k++) {
			int r = version_compare(rising[i], rising[k]);

			if ((r > 0) - (r < 0) != (i > k) - (i < k))
				print_message("%s and %s: %d\n", rising[i], rising[k], r);
			assert_int_equal((r > 0) - (r < 0), (i > k) - (i < k));
		}
	assert_int_equal(version_compare("00123", "123"), 0);
	assert_int_equal(version_compare("1_2", "1+2"), 0);
	/* Noise behind a mark. */
	assert_true(version_compare("6.18.44-fc-v669", "6.18.44-+x") > 0);
	assert_true(version_compare("1-+2", "1-1") < 0);
	assert_true(version_compare("1~+1", "1~1") < 0);
	assert_true(version_compare("1--2", "1-a") < 0);
	assert_int_equal(version_compare("1-+", "1-_"), 0);
	/* What another implementation said, one a line. */
	f = file == NULL ? NULL : fopen(file, "re");
	while (f != NULL && fscanf(f, "%63s %2s %63s", a, o, b) == 3) {
		int r = version_compare(a, b);

		if ((r > 0) - (r < 0) != (*o == '>') - (*o == '<'))
			fail_msg("%s %s %s, not %d", a, o, b, r);
	}
	if (f != NULL)
		fclose(f);
}

static void
hardware(void **state)
{
	(void)state;
	paper("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu sse2 fma xsave\n\n"
			       "processor\t: 1\nflags\t\t: fpu only_the_second\n");
	YES("CPUFeature", "sse2");
	YES("CPUFeature", "SSE2");
	YES("CPUFeature", "fma3");
	NO("CPUFeature", "only_the_second");
	NO("CPUFeature", "ss");
	YES("CPUs", "1");
	YES("CPUs", ">= 0x1");
	NO("CPUs", "<1");
	UNKNOWN("CPUs", "many");
	UNKNOWN("CPUs", "-1");
	YES("Memory", "1M");
	NO("Memory", "<1M");
	UNKNOWN("Memory", "10%");
	UNKNOWN("Memory", "infinity");
	/* The limit of the container is what there is. */
	paper("/sys/fs/cgroup/memory.max", "2097152\n");
	YES("Memory", "=2M");
	paper("/sys/fs/cgroup/memory.max", "max\n");
	NO("Memory", "=2M");
	/* Nothing that says anything: plugged in. */
	YES("ACPower", "yes");
	paper("/sys/class/power_supply/BAT0/type", "Battery\n");
	paper("/sys/class/power_supply/BAT0/status", "Discharging\n");
	NO("ACPower", "yes");
	YES("ACPower", "no");
	paper("/sys/class/power_supply/AC/type", "Mains\n");
	paper("/sys/class/power_supply/AC/online", "1\n");
	YES("ACPower", "yes");
	UNKNOWN("ACPower", "perhaps");
	NO("Firmware", "uefi");
	paper("/sys/firmware/efi/x", "");
	YES("Firmware", "uefi");
	paper_bytes("/proc/device-tree/compatible", "acme,board\0acme,chip", 21);
	YES("Firmware", "device-tree-compatible(acme,chip)");
	NO("Firmware", "device-tree-compatible(acme)");
	paper("/sys/class/dmi/id/bios_version", "2.4\n");
	YES("Firmware", "smbios-field(bios_version >= 2.3)");
	YES("Firmware", "smbios-field(bios_version = \"2.4\")");
	YES("Firmware", "smbios-field(bios_version =$ 2.*)");
	YES("Firmware", "smbios-field(bios_version $= 2.*)");
	NO("Firmware", "smbios-field(bios_version !$= 2.*)");
	NO("Firmware", "smbios-field(bios_version != 2.4)");
	UNKNOWN("Firmware", "smbios-field(bios_version)");
	UNKNOWN("Firmware", "smbios-field(../x = y)");
}

static void
system_papers(void **state)
{
	(void)state;
	paper("/etc/os-release", "ID=acme\nVERSION_ID=\"12.1\"\nNAME='Acme OS'\n");
	YES("OSRelease", "ID=acme");
	YES("OSRelease", "ID=acme VERSION_ID>=12");
	NO("OSRelease", "VERSION_ID>12.1");
	YES("OSRelease", "\"NAME=Acme OS\"");
	NO("OSRelease", "NOPE=x");
	YES("OSRelease", "NOPE!=x");
	YES("OSRelease", "ID$=ac*");
	NO("OSRelease", "ID!$=ac*");
	YES("OSRelease", "NOPE$=*");
	YES("OSRelease", "VERSION_ID==012.1");
	NO("OSRelease", "VERSION_ID=012.1");
	NO("OSRelease", "VERSION_ID<>012.1");
	UNKNOWN("OSRelease", "ID$x");
	UNKNOWN("OSRelease", "ID = acme");
	UNKNOWN("OSRelease", "ID");
	paper("/proc/cmdline",
	    "root=/dev/vda quiet \"x=a b\" systemd.condition-first-boot\n");
	YES("KernelCommandLine", "quiet");
	YES("KernelCommandLine", "root");
	YES("KernelCommandLine", "root=/dev/vda");
	YES("KernelCommandLine", "x=a b");
	NO("KernelCommandLine", "root=/dev/vd");
	NO("KernelCommandLine", "roo");
	NO("FirstBoot", "yes");
	paper("/run/systemd/first-boot", "");
	YES("FirstBoot", "yes");
	paper("/proc/cmdline", "systemd.condition-first-boot=no\n");
	YES("FirstBoot", "no");
	NO("KernelModuleLoaded", "loop-back");
	paper("/sys/module/loop_back/initstate", "coming\n");
	NO("KernelModuleLoaded", "loop-back");
	paper("/sys/module/loop_back/initstate", "live\n");
	YES("KernelModuleLoaded", "loop-back");
	paper("/sys/module/builtin/x", "");
	YES("KernelModuleLoaded", "builtin");
	paper("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	YES("Host", "0123456789ABCDEF0123456789abcdef");
	NO("Host", "0123456789abcdef0123456789abcde0");
	YES("Host", "*");
	NO("KernelVersion", "<1");
	NO("Version", "kernel <1");
	YES("Architecture", "native");
	NO("Architecture", "alpha");
	YES("KernelVersion", "*");
	YES("KernelVersion", ">= 2.6 <99");
	UNKNOWN("KernelVersion", ">= 2.6 < 99");
	YES("KernelVersion", "$=*.*");
	YES("KernelVersion", "$= *.* <>1");
	NO("KernelVersion", "!$=*.*");
	NO("KernelVersion", "==1");
	YES("KernelVersion", "!=0");
	UNKNOWN("KernelVersion", ">=");
	YES("Version", "kernel >=2.6");
	UNKNOWN("Version", "systemd >=250");
	paper("/proc/self/status", "Name:\tx\nCapBnd:\t0000000000000020\n");
	YES("Capability", "CAP_KILL");
	NO("Capability", "CAP_SYS_ADMIN");
	UNKNOWN("Capability", "CAP_NOPE");
	NO("Security", "apparmor");
	paper("/sys/module/apparmor/parameters/enabled", "Y\n");
	YES("Security", "apparmor");
	paper_bytes("/sys/firmware/efi/efivars/"
		    "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
	    "\6\0\0\0\1", 5);
	YES("Security", "uefi-secureboot");
	NO("Security", "magic");
}

static void
busy(void **state)
{
	(void)state;
	/* A kernel that does not tell is not busy. */
	YES("MemoryPressure", "0%");
	paper("/proc/pressure/memory",
	    "some avg10=9.00 avg60=8.00 avg300=7.00 total=1\n"
	    "full avg10=3.00 avg60=2.00 avg300=1.50 total=1\n");
	paper("/proc/pressure/cpu", "some avg10=9.00 avg60=8.00 avg300=7.00 total=1\n");
	YES("CPUPressure", "7%");
	NO("CPUPressure", "6%");
	paper("/proc/pressure/io", "some avg10=9.00 avg60=8.00 avg300=7.00 total=1\n"
				   "full avg10=3.00 avg60=2.00 avg300=1.50 total=1\n");
	YES("IOPressure", "3%/10sec");
	NO("IOPressure", "1%");
	YES("MemoryPressure", "1.5%");
	YES("MemoryPressure", "15\u2030");
	NO("MemoryPressure", "14.9\u2030");
	YES("MemoryPressure", "150\u2031");
	NO("MemoryPressure", "149\u2031/5min");
	UNKNOWN("MemoryPressure", "14.99\u2030");
	UNKNOWN("MemoryPressure", "1.5\u2031");
	UNKNOWN("MemoryPressure", "10001\u2031");
	UNKNOWN("MemoryPressure", "\u2030");
	NO("MemoryPressure", "1.49%");
	NO("MemoryPressure", "2%/10sec");
	YES("MemoryPressure", "2%/1min");
	UNKNOWN("MemoryPressure", "2%/2min");
	UNKNOWN("MemoryPressure", "2");
	UNKNOWN("MemoryPressure", "101%");
	UNKNOWN("MemoryPressure", "../x.slice:2%");
	YES("MemoryPressure", "none.slice:0%");
	paper("/sys/fs/cgroup/a.slice/a-b.slice/memory.pressure",
	    "some avg10=9.00 avg60=8.00 avg300=7.00 total=1\n");
	NO("MemoryPressure", "a-b.slice:6%");
	YES("MemoryPressure", "a-b.slice:7%");
	paper("/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
	YES("ControlGroupController", "v2");
	NO("ControlGroupController", "v1");
	YES("ControlGroupController", "memory cpu");
	NO("ControlGroupController", "memory io");
	YES("ControlGroupController", "nonsense");
}

static void
where_it_runs(void **state)
{
	struct condition_world w = { .root = root };
	enum virt_kind kind;

	(void)state;
	paper_bytes("/proc/1/environ", "A=b\0container=lxc\0", 18);
	assert_string_equal(virt_detect(&w, &kind), "lxc");
	assert_int_equal(kind, VIRT_CONTAINER);
	YES("Virtualization", "lxc");
	YES("Virtualization", "container");
	YES("Virtualization", "yes");
	NO("Virtualization", "vm");
	NO("Virtualization", "docker");
	/* One that nobody knows is one all the same. */
	paper_bytes("/proc/1/environ", "container=acme", 15);
	YES("Virtualization", "container-other");
	paper_bytes("/proc/1/environ", "container=oci", 14);
	paper("/.dockerenv", "");
	YES("Virtualization", "docker");
	paper("/run/.containerenv", "");
	YES("Virtualization", "podman");
	/* The kernel's command line is not ours there, but that of PID 1. */
	paper_bytes("/proc/1/cmdline", "supd\0mode=x", 12);
	YES("KernelCommandLine", "mode");
	NO("KernelCommandLine", "quiet");
	no_paper("/.dockerenv");
	no_paper("/run/.containerenv");
	no_paper("/proc/1/environ");
	paper("/proc/self/uid_map", "0 0 4294967295\n");
	paper("/proc/self/gid_map", "0 0 4294967295\n");
	NO("Virtualization", "private-users");
	paper("/proc/self/gid_map", "0 100000 65536\n");
	YES("Virtualization", "private-users");
	/* Other spellings are told when the file is read. */
	assert_true(virt_is_known("kvm"));
	assert_false(virt_is_known("kvmm"));
}

static void
users(void **state)
{
	char text[64];

	(void)state;
	snprintf(text, sizeof(text), "%u", (unsigned)getuid());
	YES("User", text);
	NO("User", "4294967294");
	NO("User", "nobody-knows");
	snprintf(text, sizeof(text), "me:x:%u:1::/:/bin/sh\n", (unsigned)getuid());
	paper("/etc/passwd", text);
	YES("User", "me");
	NO("User", "m");
	snprintf(text, sizeof(text), "us:x:%u:\n", (unsigned)getgid());
	paper("/etc/group", text);
	YES("Group", "us");
	NO("Group", "others");
	NO("User", "remote");
	find_id = remote_id;
	remote_says = 0;
	YES("User", "remote");
	YES("Group", "remote");
	NO("User", "nobody-knows");
	/* Who does not answer says neither yes nor no, nor is a name of here asked for.
	 */
	remote_says = ETIMEDOUT;
	UNKNOWN("User", "remote");
	UNKNOWN("Group", "remote");
	YES("User", "me");
	YES("Group", "us");
	NO("User", "4294967294");
	find_id = NULL;
	setenv("COLOUR", "blue", 1);
	YES("Environment", "COLOUR");
	YES("Environment", "COLOUR=blue");
	NO("Environment", "COLOUR=red");
	NO("Environment", "COLOU");
	setenv("CREDENTIALS_DIRECTORY", root, 1);
	paper("/secret", "");
	YES("Credential", "secret");
	NO("Credential", "../x");
	unsetenv("CREDENTIALS_DIRECTORY");
	NO("Credential", "secret");
}

static bool
never(void *arg, const char *path, bool follow)
{
	const char *kept = arg;

	(void)follow;
	return strncmp(path, kept, strlen(kept)) != 0;
}

/* Of each question about a path one that holds and one that does not. */
static void
files(void **state)
{
	static const struct {
		const char *name, *holds, *holds_not;
	} rows[] = {
		{ "PathExists", "text", "missing" },
		{ "PathExistsGlob", "t*", "m*" },
		{ "PathIsDirectory", "full", "text" },
		{ "PathIsSymbolicLink", "link", "text" },
		{ "PathIsSocket", "socket", "text" },
		{ "DirectoryNotEmpty", "full", "full/empty" },
		{ "FileNotEmpty", "text", "nothing" },
		{ "FileIsExecutable", "run", "text" },
		{ "NeedsUpdate", "full/empty", "updated" },
	};
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct timespec future[2] = { { .tv_sec = 4000000000 },
		{ .tv_sec = 4000000000 } };
	char *path;
	int fd;

	(void)state;
	paper("/files/text", "text\n");
	paper("/files/nothing", "");
	paper("/files/run", "#!/bin/sh\n");
	paper("/files/full/empty/x", "");
	paper("/files/updated/.updated", "");
	no_paper("/files/full/empty/x");
	path = xasprintf("%s/files/run", root);
	assert_int_equal(chmod(path, 0755), 0);
	free(path);
	path = xasprintf("%s/files/updated/.updated", root);
	assert_int_equal(utimensat(AT_FDCWD, path, future, 0), 0);
	free(path);
	path = xasprintf("%s/files/link", root);
	assert_int_equal(symlink("text", path), 0);
	free(path);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/files/socket", root);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *yes = xasprintf("%s/files/%s", root, rows[i].holds);
		char *no = xasprintf("%s/files/%s", root, rows[i].holds_not);

		if (ask(rows[i].name, yes) != CONDITION_YES ||
		    ask(rows[i].name, no) != CONDITION_NO)
			fail_msg("Condition%s=", rows[i].name);
		free(yes);
		free(no);
	}
	YES("PathIsMountPoint", "/proc");
	NO("PathIsMountPoint", "/proc/self");
	YES("PathIsReadWrite", root);
	NO("PathIsReadWrite", "/nowhere");
	NO("PathIsEncrypted", "/proc");
}

/* What does not answer holds in neither direction, and is not touched. */
static void
guarded(void **state)
{
	static const char *const names[] = { "PathExists", "PathExistsGlob",
		"PathIsDirectory", "PathIsSymbolicLink", "PathIsMountPoint",
		"PathIsReadWrite", "PathIsEncrypted", "PathIsSocket", "DirectoryNotEmpty",
		"FileNotEmpty", "FileIsExecutable", "NeedsUpdate" };
	struct buf found = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (int negate = 0; negate < 2; negate++) {
			char *path = xasprintf("%s/*", root);
			struct condition_world w = {
				.root = root, .guard = never, .guard_arg = root
			};
			struct unit_condition c = { .name = xstrdup(names[i]),
				.arg = path,
				.negate = negate != 0 };

			if (strcmp(names[i], "PathExistsGlob") != 0)
				path[strlen(path) - 2] = '\0';
			assert_int_equal(
			    condition_test(&w, &c, &found), CONDITION_UNKNOWN);
			assert_non_null(strstr(buf_str(&found), "answer"));
			free(c.name);
			free(path);
		}
	buf_free(&found);
}

static void
braces(void **state)
{
	static const struct {
		const char *pattern, *all;
	} rows[] = {
		{ "/a", "/a" },
		{ "/{a,b}", "/a /b" },
		{ "/{a,{b,c}d}x", "/ax /bdx /cdx" },
		{ "/{a}", "/a" },
		{ "/{a", "/{a" },
		{ "/a}", "/a}" },
		{ "/\\{a,b}", "/\\{a,b}" },
		{ "/x{,y}", "/x /xy" },
		{ "/{a,b}{c,d}", "/ac /bc /ad /bd" },
	};
	struct strv v = { 0 };
	char many[300] = "/";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct strv wanted = { 0 };

		strv_clear(&v);
		pathglob_braces(rows[i].pattern, &v);
		strv_split(&wanted, rows[i].all, " ");
		strv_sort(&v);
		strv_sort(&wanted);
		assert_true(strv_equal(&v, &wanted));
		strv_clear(&wanted);
	}
	/* Two to the power of sixty: an end is made of it. */
	for (int i = 0; i < 58; i++)
		strcat(many, "{a,b}");
	strv_clear(&v);
	pathglob_braces(many, &v);
	assert_true(v.n <= 256);
	strv_clear(&v);
	assert_true(hidden_name(".x") && hidden_name("x~") && hidden_name("a.dpkg-new"));
	assert_false(hidden_name("old") || hidden_name("x.c"));
}

static struct unit_conf *
load(const char *text, struct diags *d)
{
	struct unit_paths *paths = unit_paths_new();
	struct unit_conf *c;

	diags_init(d);
	c = unit_load_text(
	    paths, NULL, "a@b.service", "a.service", text, strlen(text), d);
	unit_paths_free(paths);
	return c;
}

#define SERVICE "[Service]\nExecStart=/bin/true\n[Unit]\n"

static void
lines(void **state)
{
	struct unit_condition *v;
	struct unit_conf *c;
	struct diags d;
	struct buf b = { 0 };

	(void)state;
	c = load(SERVICE "ConditionPathExists=/a\nAssertPathExists=/b\n"
			 "ConditionPathExists=\nConditionPathExists=| !//etc/./%i/\n"
			 "ConditionHost=!x y\nConditionHost=!|x\nAssertPathExists=/\n",
	    &d);
	assert_int_equal(d.n_errors, 0);
	assert_int_equal(c->rules->n_conditions, 5);
	v = c->rules->conditions;
	for (size_t i = 0; i < 5; i++) {
		condition_show(&v[i], &b);
		buf_addf(&b, " %u\n", v[i].line);
	}
	assert_string_equal(buf_str(&b), "AssertPathExists=/b 5\n"
					 "ConditionPathExists=|!/etc/b 7\n"
					 "ConditionHost=!x y 8\n"
					 "ConditionHost=!|x 9\n"
					 "AssertPathExists=/ 10\n");
	assert_string_equal(v[1].file, "a.service");
	diags_clear(&d);
	unit_conf_free(c);
	buf_free(&b);
	c = load(SERVICE "ConditionPathExists=x\n", &d);
	assert_int_equal(d.n_errors, 1);
	assert_int_equal(d.v[0].line, 4);
	assert_int_equal(d.v[0].col, 21);
	diags_clear(&d);
	unit_conf_free(c);
	c = load(SERVICE "ConditionCPUs=many\nConditionPathExists=/a/../b\n", &d);
	assert_int_equal(d.n_errors, 1);
	assert_int_equal(d.n, 2);
	diags_clear(&d);
	unit_conf_free(c);
}

/* The lines of a unit together; "" when they hold, else what does not. */
static void
together(void **state)
{
	static const struct {
		const char *text, *unmet;
	} rows[] = {
		{ "", "" },
		{ "ConditionPathExists=/\n", "" },
		{ "ConditionPathExists=/\nConditionPathExists=!/\n",
		    "ConditionPathExists=!/" },
		{ "ConditionPathExists=|!/\nConditionPathExists=|/\n", "" },
		{ "ConditionPathExists=|!/\nConditionPathExists=|/no\n",
		    "ConditionPathExists=|!/ (any)" },
		{ "ConditionPathExists=|/\nConditionPathExists=!/\n",
		    "ConditionPathExists=!/" },
		{ "ConditionPathExists=|/no\nConditionPathExists=/no\n",
		    "ConditionPathExists=/no" },
		{ "AssertPathExists=/no\n", "" },
		{ "ConditionCPUs=!many\n", "ConditionCPUs=!many" },
		{ "ConditionCPUs=|!many\nConditionPathExists=|/\n", "" },
	};
	struct condition_world w = { .root = root };
	struct condition_unmet unmet;
	struct buf text = { 0 }, found = { 0 };
	struct diags d;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *file = xasprintf(SERVICE "%s", rows[i].text);
		struct unit_conf *c = load(file, &d);
		const struct unit_rules *r = c->rules;

		buf_clear(&text);
		if (!conditions_hold(
			&w, r->conditions, r->n_conditions, false, &unmet, &found)) {
			condition_show(unmet.c, &text);
			buf_adds(&text, unmet.any ? " (any)" : "");
			assert_true(found.len > 0);
		}
		assert_string_equal(buf_str(&text), rows[i].unmet);
		diags_clear(&d);
		unit_conf_free(c);
		free(file);
	}
	buf_free(&text);
	buf_free(&found);
}

static void
phases(void **state)
{
	(void)state;
	phase = NULL;
	UNKNOWN("Phase", "wake");
	phase = "wake";
	YES("Phase", "wake");
	YES("Phase", " sleep\twake ");
	NO("Phase", "sleep dreaming");
	UNKNOWN("Phase", "nap");
	UNKNOWN("Phase", "wake nap");
	UNKNOWN("Phase", "");
	UNKNOWN("Phase", "Wake");
	phase = "sleep";
	YES("Phase", "sleep");
	NO("Phase", "dreaming");
	/* Who dreams sleeps. */
	phase = "dreaming";
	YES("Phase", "sleep");
	YES("Phase", "dreaming");
	NO("Phase", "wake transitioning");
	phase = NULL;
}

/* Each condition has its two directives, and each of these a condition. */
static void
table(void **state)
{
	static const char *const names[] = {
#define CONDITION(name, check) #name,
#include "unit/condition.def"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *text =
		    xasprintf(SERVICE "Condition%s=\nAssert%s=\n", names[i], names[i]);
		struct diags d;

		assert_true(condition_is_known(names[i]));
		unit_conf_free(load(text, &d));
		assert_int_equal(d.n, 0);
		diags_clear(&d);
		free(text);
	}
	assert_false(condition_is_known("Moon"));
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(root, sizeof(root), "%s/root", dir);
	return mkdir(root, 0755);
}

static int
teardown(void **state)
{
	(void)state;
	return rm_rf_at(AT_FDCWD, dir, 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions),
		cmocka_unit_test(files),
		cmocka_unit_test(hardware),
		cmocka_unit_test(system_papers),
		cmocka_unit_test(busy),
		cmocka_unit_test(where_it_runs),
		cmocka_unit_test(users),
		cmocka_unit_test(guarded),
		cmocka_unit_test(braces),
		cmocka_unit_test(lines),
		cmocka_unit_test(together),
		cmocka_unit_test(phases),
		cmocka_unit_test(table),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
