/*
 * condition_machine: the hardware, real or not, and how busy it is.
 */
#include <sys/sysinfo.h>

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/hostload.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/condition_int.h"
#include "unit/span.h"
#include "unit/virt.h"

static enum condition_answer
yes_if(bool b)
{
	return b ? CONDITION_YES : CONDITION_NO;
}

enum condition_answer
test_Virtualization(const struct condition_world *w, const char *arg, struct buf *found)
{
	enum virt_kind kind;
	const char *is;
	bool b;

	if (strcmp(arg, "private-users") == 0) {
		b = virt_private_users(w);
		buf_adds(found, b ? "users are mapped" : "users are not mapped");
		return yes_if(b);
	}
	is = virt_detect(w, &kind);
	buf_addf(found, "it is %s", is != NULL ? is : "none");
	if (bool_parse(arg, &b) == 0)
		return yes_if(b == (is != NULL));
	if (strcmp(arg, "vm") == 0)
		return yes_if(kind == VIRT_VM);
	if (strcmp(arg, "container") == 0)
		return yes_if(kind == VIRT_CONTAINER);
	return yes_if(is != NULL && strcmp(is, arg) == 0);
}

/* ---- firmware -------------------------------------------------------------------- */

/* Names, each ended by a NUL. */
static bool
is_compatible(const struct condition_world *w, const char *name, struct buf *found)
{
	struct buf b = { 0 };
	bool is = false;

	if (world_read(w, "/proc/device-tree/compatible", &b) == -1) {
		buf_adds(found, "there is no device tree");
		buf_free(&b);
		return false;
	}
	for (size_t at = 0; at < b.len && !is; at += strlen(b.data + at) + 1)
		is = strcmp(b.data + at, name) == 0;
	buf_addf(found, "it is %s", buf_str(&b));
	buf_free(&b);
	return is;
}

static bool
smbios_holds(
    const struct condition_world *w, const struct condition_smbios *s, struct buf *found)
{
	char *path = xasprintf("/sys/class/dmi/id/%s", s->field);
	struct buf b = { 0 };
	bool holds = false;

	if (world_read_line(w, path, &b) == -1) {
		buf_addf(found, "there is no field %s", s->field);
	} else {
		const char *is = buf_str(&b);

		buf_addf(found, "it is %s", is);
		switch (s->order) {
		case ORDER_MATCH:
			holds = fnmatch(s->value, is, 0) == 0;
			break;
		case ORDER_NOMATCH:
			holds = fnmatch(s->value, is, 0) != 0;
			break;
		case ORDER_EQUAL:
			holds = strcmp(s->value, is) == 0;
			break;
		case ORDER_UNEQUAL:
			holds = strcmp(s->value, is) != 0;
			break;
		default:
			holds = order_holds(s->order, version_compare(is, s->value));
		}
	}
	buf_free(&b);
	free(path);
	return holds;
}

enum condition_answer
test_Firmware(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct condition_smbios s;
	char name[384];
	bool has = false;

	if (condition_read_smbios(arg, &s) == 0)
		return yes_if(smbios_holds(w, &s, found));
	if (strncmp(arg, "smbios-field(", 13) == 0)
		return condition_unknown(found, check_firmware(arg));
	if (condition_read_call(arg, "device-tree-compatible", name, sizeof(name)) == 0)
		return yes_if(is_compatible(w, name, found));
	if (strcmp(arg, "uefi") == 0)
		has = world_has(w, "/sys/firmware/efi");
	else if (strcmp(arg, "device-tree") == 0)
		has = world_has(w, "/sys/firmware/devicetree");
	buf_adds(found, has ? "it is there" : "it is not there");
	return yes_if(has);
}

/* ---- processors and memory --------------------------------------------------------- */

enum condition_answer
test_CPUs(const struct condition_world *w, const char *arg, struct buf *found)
{
	const char *why;
	size_t have = 0, size = 0;
	cpu_set_t *set = NULL;
	enum order o;
	uint64_t n;
	int r = -1;

	(void)w;
	if ((why = condition_read_number(arg, &o, &n)) != NULL)
		return condition_unknown(found, why);
	/* Those that supd may run on; the set grows until the kernel's fits. */
	for (size_t cpus = 1024; r == -1 && cpus <= 1U << 20; cpus *= 2) {
		set = CPU_ALLOC(cpus);
		size = CPU_ALLOC_SIZE(cpus);
		r = set == NULL ? -1 : sched_getaffinity(0, size, set);
		if (r == 0)
			have = (size_t)CPU_COUNT_S(size, set);
		CPU_FREE(set);
		if (r == -1 && errno != EINVAL)
			break;
	}
	if (r == -1)
		return condition_errno(found, errno);
	buf_addf(found, "it is %zu", have);
	return yes_if(order_holds(o, have < n ? -1 : have > n));
}

/* Of the cgroup that this system sees as the first one, UINT64_MAX: none. */
static uint64_t
memory_limit(const struct condition_world *w)
{
	static const char *const files[] = { "/sys/fs/cgroup/memory.max",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes" };
	uint64_t limit = UINT64_MAX, v;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct buf b = { 0 };

		if (world_read_line(w, files[i], &b) == 0 &&
		    number_parse(buf_str(&b), UINT64_MAX, &v) == 0 && v > 0 && v < limit)
			limit = v;
		buf_free(&b);
	}
	return limit;
}

enum condition_answer
test_Memory(const struct condition_world *w, const char *arg, struct buf *found)
{
	uint64_t n, have, limit;
	struct sysinfo si;
	const char *why;
	enum order o;

	if ((why = condition_read_size(arg, &o, &n)) != NULL)
		return condition_unknown(found, why);
	if (sysinfo(&si) == -1)
		return condition_errno(found, errno);
	have = (uint64_t)si.totalram * si.mem_unit;
	limit = memory_limit(w);
	have = limit < have ? limit : have;
	buf_addf(found, "it is %" PRIu64 " bytes", have);
	return yes_if(order_holds(o, have < n ? -1 : have > n));
}

enum condition_answer
test_CPUFeature(const struct condition_world *w, const char *arg, struct buf *found)
{
	/* What systemd calls otherwise than the kernel does. */
	static const char *const names[][2] = { { "fma3", "fma" }, { "osxsave", "xsave" },
		{ "sse3", "pni" }, { "pclmul", "pclmulqdq" } };
	struct buf b = { 0 };
	char *line, *save = NULL, *word, *more = NULL;
	bool has = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(arg, names[i][0]) == 0)
			arg = names[i][1];
	if (world_read(w, "/proc/cpuinfo", &b) == -1) {
		buf_free(&b);
		return condition_errno(found, errno);
	}
	/* The first processor speaks for all. */
	for (line = b.len > 0 ? strtok_r(b.data, "\n", &save) : NULL; line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "flags\t", 6) != 0 &&
		    strncmp(line, "Features\t", 9) != 0)
			continue;
		for (word = strtok_r(line + strcspn(line, ":"), ": \t", &more);
		     word != NULL && !has; word = strtok_r(NULL, " \t", &more))
			has = strcasecmp(word, arg) == 0;
		break;
	}
	buf_free(&b);
	buf_adds(found, has ? "it is there" : "it is not there");
	return yes_if(has);
}

/* ---- power --------------------------------------------------------------------------
 */

static int
supply_number(
    const struct condition_world *w, const char *name, const char *file, const char *text)
{
	char *path = xasprintf("/sys/class/power_supply/%s/%s", name, file);
	struct buf b = { 0 };
	int r = world_read_line(w, path, &b) == 0 ? strcmp(buf_str(&b), text) == 0 : -1;

	buf_free(&b);
	free(path);
	return r;
}

enum condition_answer
test_ACPower(const struct condition_world *w, const char *arg, struct buf *found)
{
	char *path = xasprintf("%s/sys/class/power_supply", w->root);
	bool wanted, mains = false, off = false, battery = false, on;
	DIR *d = opendir(path);
	struct dirent *e;

	free(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' ||
		    supply_number(w, e->d_name, "scope", "Device") == 1)
			continue;
		if (supply_number(w, e->d_name, "type", "Battery") == 1)
			battery = battery || supply_number(w, e->d_name, "status",
						 "Discharging") == 1;
		else if (supply_number(w, e->d_name, "online", "0") == 1)
			off = true;
		else if (supply_number(w, e->d_name, "online", "1") == 1)
			mains = true;
	}
	if (d != NULL)
		closedir(d);
	if (bool_parse(arg, &wanted) == -1)
		return condition_unknown(found, check_boolean(arg));
	/* What has no supply that says anything is plugged in. */
	on = mains || (!off && !battery);
	buf_adds(found, on ? "there is AC power" : "it runs on a battery");
	return yes_if(on == wanted);
}

/* ---- cgroups and pressure ------------------------------------------------------------
 */

static bool
line_has(const char *line, const char *word, size_t n)
{
	for (const char *p = line; *(p += strspn(p, " \n")) != '\0';
	     p += strcspn(p, " \n"))
		if (strcspn(p, " \n") == n && strncmp(p, word, n) == 0)
			return true;
	return false;
}

/* What the first cgroup of this system gives, and what is mounted of version 1. */
static bool
has_controller(const struct condition_world *w, const char *word, size_t n)
{
	struct buf b = { 0 };
	char *path;
	bool has;

	has = world_read_line(w, "/sys/fs/cgroup/cgroup.controllers", &b) == 0 &&
	      line_has(buf_str(&b), word, n);
	buf_free(&b);
	if (has || world_has(w, "/sys/fs/cgroup/cgroup.controllers"))
		return has;
	path = xasprintf("/sys/fs/cgroup/%.*s", (int)n, word);
	has = world_has(w, path);
	free(path);
	return has;
}

enum condition_answer
test_ControlGroupController(
    const struct condition_world *w, const char *arg, struct buf *found)
{
	static const char blanks[] = " \t\n";
	bool v2 = world_has(w, "/sys/fs/cgroup/cgroup.controllers");

	if (strcmp(arg, "v1") == 0 || strcmp(arg, "v2") == 0) {
		buf_addf(found, "it is version %d", v2 ? 2 : 1);
		return yes_if(v2 == (arg[1] == '2'));
	}
	for (const char *p = arg; *(p += strspn(p, blanks)) != '\0';
	     p += strcspn(p, blanks)) {
		size_t n = strcspn(p, blanks);
		char *one = xstrndup(p, n);
		/* Names that are none ask for nothing, as systemd has it; what is done
		 * by BPF is no file. */
		bool counts =
		    check_controllers(one) == NULL && strncmp(one, "bpf-", 4) != 0;

		free(one);
		if (!counts || has_controller(w, p, n))
			continue;
		buf_addf(found, "there is no controller %.*s", (int)n, p);
		return CONDITION_NO;
	}
	buf_adds(found, "all of them are there");
	return CONDITION_YES;
}

/* "a-b.slice" lies in a.slice/a-b.slice. */
static void
slice_path(const char *slice, struct buf *path)
{
	size_t n = strlen(slice);
	const char *stem_end =
	    n > 6 && strcmp(slice + n - 6, ".slice") == 0 ? slice + n - 6 : slice + n;

	for (const char *p = slice; p < stem_end; p++)
		if (*p == '-')
			buf_addf(path, "/%.*s.slice", (int)(p - slice), slice);
	buf_addf(path, "/%.*s.slice", (int)(stem_end - slice), slice);
}

/* Hundredths of a percent in that window; -1: it is not said. */
static long
pressure_read(const struct condition_world *w, const char *path, const char *line,
    unsigned window_s)
{
	struct buf b = { 0 };
	unsigned permyriad;
	long v = -1;

	if (world_read_line(w, path, &b) == 0 &&
	    hostload_pressure_of(buf_str(&b), line, window_s, &permyriad) == 0)
		v = (long)permyriad;
	buf_free(&b);
	return v;
}

static enum condition_answer
test_pressure(
    const struct condition_world *w, const char *what, const char *arg, struct buf *found)
{
	struct condition_pressure p;
	struct buf path = { 0 };
	const char *why;
	long now;

	if (!world_has(w, "/proc/pressure")) {
		buf_adds(found, "this kernel does not tell it");
		return CONDITION_YES;
	}
	if ((why = condition_read_pressure(arg, &p)) != NULL)
		return condition_unknown(found, why);
	if (p.slice[0] == '\0') {
		buf_addf(&path, "/proc/pressure/%s", what);
	} else {
		buf_adds(&path, "/sys/fs/cgroup");
		slice_path(p.slice, &path);
		buf_addf(&path, "/%s.pressure", what);
	}
	/* Old kernels know no time when everybody waited for a processor. */
	now = pressure_read(w, buf_str(&path), "full", p.window_s);
	if (now == -1 || strcmp(what, "cpu") == 0)
		now = pressure_read(w, buf_str(&path), "some", p.window_s);
	buf_free(&path);
	if (now == -1) {
		buf_adds(found, "nothing tells it");
		return CONDITION_YES;
	}
	buf_addf(found, "it is %ld.%02ld%%", now / 100, now % 100);
	return yes_if(now <= (long)p.permyriad);
}

enum condition_answer
test_CPUPressure(const struct condition_world *w, const char *arg, struct buf *found)
{
	return test_pressure(w, "cpu", arg, found);
}

enum condition_answer
test_IOPressure(const struct condition_world *w, const char *arg, struct buf *found)
{
	return test_pressure(w, "io", arg, found);
}

enum condition_answer
test_MemoryPressure(const struct condition_world *w, const char *arg, struct buf *found)
{
	return test_pressure(w, "memory", arg, found);
}
