/*
 * condition_host: who and what this system is: its name, its kernel, its users, what it
 * was started with.
 */
#include <sys/socket.h>
#include <sys/utsname.h>

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/strv.h"
#include "lib/xalloc.h"
#include "unit/condition_int.h"
#include "unit/credential.h"
#include "unit/env.h"
#include "unit/signame.h"
#include "unit/span.h"

enum {
	UID_SYSTEM_MAX = 999, /* where login.defs says nothing */
};

static enum condition_answer
yes_if(bool b)
{
	return b ? CONDITION_YES : CONDITION_NO;
}

/* ---- its kernel and its name ------------------------------------------------------ */

static const struct {
	const char *machine, *word;
} architectures[] = {
	{ "x86_64", "x86-64" },
	{ "i386", "x86" },
	{ "i486", "x86" },
	{ "i586", "x86" },
	{ "i686", "x86" },
	{ "aarch64", "arm64" },
	{ "aarch64_be", "arm64-be" },
	{ "armv4l", "arm" },
	{ "armv5tel", "arm" },
	{ "armv6l", "arm" },
	{ "armv7l", "arm" },
	{ "armv8l", "arm" },
	{ "armv7b", "arm-be" },
	{ "armv8b", "arm-be" },
	{ "riscv64", "riscv64" },
	{ "riscv32", "riscv32" },
	{ "ppc64le", "ppc64-le" },
	{ "ppc64", "ppc64" },
	{ "ppcle", "ppc-le" },
	{ "ppc", "ppc" },
	{ "s390x", "s390x" },
	{ "s390", "s390" },
	{ "loongarch64", "loongarch64" },
	{ "mips", "mips" },
	{ "mips64", "mips64" },
	{ "ia64", "ia64" },
	{ "alpha", "alpha" },
	{ "sparc", "sparc" },
	{ "sparc64", "sparc64" },
	{ "parisc", "parisc" },
	{ "parisc64", "parisc64" },
	{ "m68k", "m68k" },
	{ "sh", "sh" },
	{ "sh64", "sh64" },
	{ "arc", "arc" },
	{ "nios2", "nios2" },
	{ "tilegx", "tilegx" },
	{ "cris", "cris" },
};

const char *
architecture_of_machine(const char *machine)
{
	for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++)
		if (strcmp(architectures[i].machine, machine) == 0)
			return architectures[i].word;
	return NULL;
}

bool
architecture_is_known(const char *word)
{
	static const char *const others[] = { "native", "mips-le", "mips64-le",
		"arc-be" };

	for (size_t i = 0; i < sizeof(architectures) / sizeof(architectures[0]); i++)
		if (strcmp(architectures[i].word, word) == 0)
			return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(others[i], word) == 0)
			return true;
	return false;
}

/* What the kernel does not say is how numbers lie in memory: this program knows. */
static const char *
architecture_here(const char *machine)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (strcmp(machine, "mips") == 0)
		return "mips-le";
	if (strcmp(machine, "mips64") == 0)
		return "mips64-le";
#else
	if (strcmp(machine, "arc") == 0)
		return "arc-be";
#endif
	return architecture_of_machine(machine);
}

/* What this program was made for. */
static const char *
architecture_native(void)
{
#if defined(__x86_64__)
	return "x86-64";
#elif defined(__i386__)
	return "x86";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__arm__)
	return "arm";
#else
	return NULL;
#endif
}

enum condition_answer
test_Architecture(const struct condition_world *w, const char *arg, struct buf *found)
{
	const char *here, *native = architecture_native();
	struct utsname u;

	(void)w;
	if (uname(&u) == -1)
		return condition_errno(found, errno);
	here = architecture_here(u.machine);
	buf_addf(found, "it is %s", here != NULL ? here : u.machine);
	if (here == NULL)
		return CONDITION_NO;
	if (strcmp(arg, "native") == 0)
		return yes_if(native == NULL || strcmp(here, native) == 0);
	return yes_if(strcmp(arg, here) == 0);
}

static bool
is_id(const char *s)
{
	return strlen(s) == 32 && strspn(s, "0123456789abcdefABCDEF") == 32;
}

enum condition_answer
test_Host(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct buf id = { 0 };
	struct utsname u;
	bool is;

	if (is_id(arg)) {
		if (world_read_line(w, "/etc/machine-id", &id) == -1) {
			buf_free(&id);
			return condition_errno(found, errno);
		}
		is = strcasecmp(buf_str(&id), arg) == 0;
		buf_addf(found, "it is %s", buf_str(&id));
		buf_free(&id);
		return yes_if(is);
	}
	if (uname(&u) == -1)
		return condition_errno(found, errno);
	buf_addf(found, "it is %s", u.nodename);
	return yes_if(fnmatch(arg, u.nodename, FNM_CASEFOLD) == 0);
}

/* = and != are for texts, as not all of these are versions. */
static bool
version_is(enum order o, const char *is, const char *wanted)
{
	switch (o) {
	case ORDER_MATCH:
	case ORDER_NOMATCH:
		return (fnmatch(wanted, is, 0) == 0) == (o == ORDER_MATCH);
	case ORDER_EQUAL:
	case ORDER_UNEQUAL:
		return (strcmp(is, wanted) == 0) == (o == ORDER_EQUAL);
	default:
		return order_holds(o, version_compare(is, wanted));
	}
}

enum condition_answer
test_KernelVersion(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct condition_version v;
	struct buf word = { 0 };
	const char *why = NULL;
	bool first = true, holds = true;
	struct utsname u;
	int r = 1;

	(void)w;
	if (uname(&u) == -1)
		return condition_errno(found, errno);
	while (holds && (r = condition_next_version(&arg, &first, &word, &v, &why)) == 1)
		holds = v.order == ORDER_NONE ? fnmatch(v.text, u.release, 0) == 0
					      : version_is(v.order, u.release, v.text);
	buf_free(&word);
	if (r == -1)
		return condition_unknown(found, why);
	buf_addf(found, "it is %s", u.release);
	return yes_if(holds);
}

/* Newer unit files may ask for the version of the kernel alone, or that of systemd, which
 * does not run here. */
enum condition_answer
test_Version(const struct condition_world *w, const char *arg, struct buf *found)
{
	const char *p = arg + strspn(arg, " \t");

	if (strncmp(p, "kernel", 6) == 0 && strchr(" \t<>=!$", p[6]) != NULL &&
	    p[6] != '\0')
		return test_KernelVersion(w, p + 6 + strspn(p + 6, " \t"), found);
	if (strncmp(p, "systemd", 7) == 0 || strncmp(p, "glibc", 5) == 0)
		return condition_unknown(found, "only the kernel's version is known");
	return test_KernelVersion(w, arg, found);
}

enum condition_answer
test_OSRelease(const struct condition_world *w, const char *arg, struct buf *found)
{
	struct buf text = { 0 }, word = { 0 };
	struct condition_release v;
	struct strv env = { 0 };
	struct diags diags;
	const char *why = NULL, *is;
	bool holds = true;
	int r = 1;

	if (world_read(w, "/etc/os-release", &text) == -1 &&
	    world_read(w, "/usr/lib/os-release", &text) == -1) {
		buf_free(&text);
		return condition_errno(found, errno);
	}
	diags_init(&diags);
	env_file_parse("/etc/os-release", buf_str(&text), text.len, &env, &diags);
	diags_clear(&diags);
	while (holds && (r = condition_next_release(&arg, &word, &v, &why)) == 1) {
		is = strv_env_get(&env, v.key);
		buf_clear(found);
		buf_addf(found, "%s is %s", v.key, is != NULL ? is : "not set");
		holds = version_is(v.order, is != NULL ? is : "", v.value);
	}
	buf_free(&word);
	buf_free(&text);
	strv_free(&env);
	return r == -1 ? condition_unknown(found, why) : yes_if(holds);
}

enum condition_answer
test_KernelModuleLoaded(
    const struct condition_world *w, const char *arg, struct buf *found)
{
	char *path = xasprintf("/sys/module/%s", arg), *state;
	struct buf b = { 0 };
	bool live;

	for (char *p = path; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	live = world_has(w, path);
	/* Without a state it is built in. */
	state = xasprintf("%s/initstate", path);
	if (live && world_read_line(w, state, &b) == 0)
		live = strcmp(buf_str(&b), "live") == 0;
	buf_adds(found, live ? "it is loaded" : "it is not loaded");
	buf_free(&b);
	free(state);
	free(path);
	return yes_if(live);
}

/* ---- what it was started with ------------------------------------------------------ */

enum condition_answer
test_KernelCommandLine(
    const struct condition_world *w, const char *arg, struct buf *found)
{
	struct strv words = { 0 };
	size_t n = strlen(arg);
	bool has = false;

	if (world_command_line(w, &words) == -1)
		return condition_errno(found, errno);
	for (size_t i = 0; i < words.n && !has; i++) {
		const char *s = words.v[i];

		has = strchr(arg, '=') != NULL
			  ? strcmp(s, arg) == 0
			  : strncmp(s, arg, n) == 0 && (s[n] == '=' || s[n] == '\0');
	}
	strv_free(&words);
	buf_adds(found, has ? "it is there" : "it is not there");
	return yes_if(has);
}

enum condition_answer
test_FirstBoot(const struct condition_world *w, const char *arg, struct buf *found)
{
	char *said = world_boot_option(w, "systemd.condition-first-boot");
	bool wanted, first = world_has(w, "/run/systemd/first-boot"), b;

	if (said != NULL && bool_parse(said, &b) == 0)
		first = b;
	free(said);
	if (bool_parse(arg, &wanted) == -1)
		return condition_unknown(found, check_boolean(arg));
	buf_adds(found, first ? "it is the first boot" : "it is not the first boot");
	return yes_if(first == wanted);
}

enum condition_answer
test_Environment(const struct condition_world *w, const char *arg, struct buf *found)
{
	size_t n = strcspn(arg, "=");
	const char *is = NULL;

	(void)w;
	for (char **e = environ; *e != NULL && is == NULL; e++)
		if (strncmp(*e, arg, n) == 0 && (*e)[n] == '=')
			is = *e + n + 1;
	/* (A value may be a secret.) */
	buf_adds(found, is == NULL ? "it is not set" : "it is set");
	if (is == NULL || arg[n] == '\0')
		return yes_if(is != NULL);
	return yes_if(strcmp(is, arg + n + 1) == 0);
}

enum condition_answer
test_Credential(const struct condition_world *w, const char *arg, struct buf *found)
{
	static const char *const vars[] = { "CREDENTIALS_DIRECTORY",
		"ENCRYPTED_CREDENTIALS_DIRECTORY" };
	bool has = false;

	(void)w;
	for (size_t i = 0; i < 2 && !has && credential_id_is_valid(arg, strlen(arg));
	     i++) {
		const char *dir = getenv(vars[i]);
		char *path = dir != NULL ? xasprintf("%s/%s", dir, arg) : NULL;

		has = path != NULL && access(path, F_OK) == 0;
		free(path);
	}
	buf_adds(found, has ? "supd has it" : "supd has none of that name");
	return yes_if(has);
}

/* ---- its users ------------------------------------------------------------------- */

static unsigned
uid_system_max(const struct condition_world *w)
{
	struct buf b = { 0 };
	uint64_t max = UID_SYSTEM_MAX, v;
	char *line, *save = NULL;

	if (world_read(w, "/etc/login.defs", &b) == 0 && b.len > 0)
		for (line = strtok_r(b.data, "\n", &save); line != NULL;
		     line = strtok_r(NULL, "\n", &save)) {
			char *p = line + strspn(line, " \t");

			if (strncmp(p, "SYS_UID_MAX", 11) != 0)
				continue;
			p += 11;
			p += strspn(p, " \t");
			p[strcspn(p, " \t#")] = '\0';
			if (number_parse(p, UINT32_MAX, &v) == 0)
				max = v;
		}
	buf_free(&b);
	return (unsigned)max;
}

/* The number of a name, of this machine's own files.  root is known without them. */
static int
find_local_id(
    const struct condition_world *w, const char *file, const char *name, uint64_t *id)
{
	struct buf b = { 0 };
	char *line, *save = NULL;
	size_t n = strlen(name);
	int r = -1;

	if (world_read(w, file, &b) == 0 && b.len > 0)
		for (line = strtok_r(b.data, "\n", &save); line != NULL && r == -1;
		     line = strtok_r(NULL, "\n", &save)) {
			char *p = line + n;

			if (strncmp(line, name, n) != 0 || *p != ':')
				continue;
			p++;
			p += strcspn(p, ":");
			p += *p == ':';
			p[strcspn(p, ":")] = '\0';
			r = number_parse(p, UINT32_MAX - 1, id);
		}
	buf_free(&b);
	if (r == -1 && strcmp(name, "root") == 0) {
		*id = 0;
		r = 0;
	}
	return r;
}

/* CONDITION_YES: *id is its number. */
static enum condition_answer
find_id(const struct condition_world *w, bool group, const char *name, uint32_t *id,
    struct buf *found)
{
	uint64_t n;

	if (number_parse(name, UINT32_MAX - 1, &n) == 0 ||
	    find_local_id(w, group ? "/etc/group" : "/etc/passwd", name, &n) == 0) {
		*id = (uint32_t)n;
		return CONDITION_YES;
	}
	if (w->find_id == NULL)
		return CONDITION_NO;
	if (w->find_id(w->find_id_arg, group, name, id) == 0)
		return CONDITION_YES;
	return errno == 0 ? CONDITION_NO : condition_errno(found, errno);
}

enum condition_answer
test_User(const struct condition_world *w, const char *arg, struct buf *found)
{
	uid_t uid = getuid(), euid = geteuid();
	enum condition_answer there;
	uint32_t id;

	buf_addf(found, "supd is user %u", (unsigned)uid);
	if (strcmp(arg, "@system") == 0)
		return yes_if(uid <= uid_system_max(w) || euid <= uid_system_max(w));
	there = find_id(w, false, arg, &id, found);
	return there == CONDITION_YES ? yes_if(id == uid || id == euid) : there;
}

static bool
in_group(gid_t gid)
{
	int n = getgroups(0, NULL);
	gid_t *v;
	bool in = gid == getgid() || gid == getegid();

	if (in || n <= 0)
		return in;
	v = xcalloc((size_t)n, sizeof(*v));
	n = getgroups(n, v);
	for (int i = 0; i < n; i++)
		in = in || v[i] == gid;
	free(v);
	return in;
}

enum condition_answer
test_Group(const struct condition_world *w, const char *arg, struct buf *found)
{
	enum condition_answer there;
	uint32_t id;

	buf_addf(found, "supd is of group %u", (unsigned)getgid());
	there = find_id(w, true, arg, &id, found);
	return there == CONDITION_YES ? yes_if(in_group((gid_t)id)) : there;
}

enum condition_answer
test_Capability(const struct condition_world *w, const char *arg, struct buf *found)
{
	int cap = capability_from_name(arg);
	struct buf b = { 0 };
	const char *line;
	uint64_t set;

	if (cap == -1)
		return condition_unknown(found, check_capability(arg));
	if (world_read(w, "/proc/self/status", &b) == -1 ||
	    (line = strstr(buf_str(&b), "\nCapBnd:")) == NULL) {
		/* Without /proc nothing says that it is missing. */
		buf_free(&b);
		buf_adds(found, "the bounding set cannot be read");
		return CONDITION_YES;
	}
	set = strtoull(line + 8, NULL, 16);
	buf_free(&b);
	buf_addf(
	    found, "it is %s the bounding set", (set >> cap & 1) != 0 ? "in" : "not in");
	return yes_if((set >> cap & 1) != 0);
}

/* ---- security --------------------------------------------------------------------- */

static bool
has_audit(void)
{
	int fd =
	    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);

	if (fd == -1)
		return errno != EAFNOSUPPORT && errno != EPROTONOSUPPORT &&
		       errno != EPERM;
	close(fd);
	return true;
}

static bool
has_apparmor(const struct condition_world *w)
{
	struct buf b = { 0 };
	bool on = false;

	(void)(world_read_line(w, "/sys/module/apparmor/parameters/enabled", &b) == 0 &&
	       bool_parse(buf_str(&b), &on) == 0);
	buf_free(&b);
	return on;
}

static bool
has_secure_boot(const struct condition_world *w)
{
	struct buf b = { 0 };
	bool on;

	/* Four bytes of attributes, one of value. */
	on = world_read(w,
		 "/sys/firmware/efi/efivars/"
		 "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
		 &b) == 0 &&
	     b.len == 5 && b.data[4] == 1;
	buf_free(&b);
	return on;
}

static bool
has_entries(const struct condition_world *w, const char *path)
{
	char *full = xasprintf("%s%s", w->root, path);
	DIR *d = opendir(full);
	struct dirent *e;
	bool any = false;

	while (d != NULL && !any && (e = readdir(d)) != NULL)
		any = e->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	free(full);
	return any;
}

static const char *const securities[] = { "apparmor", "audit", "ima", "selinux", "smack",
	"tomoyo", "tpm2", "uefi-secureboot" };

bool
security_is_known(const char *word)
{
	for (size_t i = 0; i < sizeof(securities) / sizeof(securities[0]); i++)
		if (strcmp(securities[i], word) == 0)
			return true;
	return false;
}

enum condition_answer
test_Security(const struct condition_world *w, const char *arg, struct buf *found)
{
	bool on = false;

	if (strcmp(arg, "selinux") == 0)
		on = world_has(w, "/sys/fs/selinux/enforce");
	else if (strcmp(arg, "smack") == 0)
		on = world_has(w, "/sys/fs/smackfs");
	else if (strcmp(arg, "apparmor") == 0)
		on = has_apparmor(w);
	else if (strcmp(arg, "audit") == 0)
		on = has_audit();
	else if (strcmp(arg, "ima") == 0)
		on = world_has(w, "/sys/kernel/security/ima");
	else if (strcmp(arg, "tomoyo") == 0)
		on = world_has(w, "/sys/kernel/security/tomoyo/version");
	else if (strcmp(arg, "uefi-secureboot") == 0)
		on = has_secure_boot(w);
	else if (strcmp(arg, "tpm2") == 0)
		on = has_entries(w, "/sys/class/tpmrm") ||
		     (world_has(w, "/sys/firmware/efi") &&
			 world_has(w, "/sys/firmware/acpi/tables/TPM2"));
	buf_adds(found, on ? "it is there" : "it is not there");
	return yes_if(on);
}
