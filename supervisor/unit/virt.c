#include "unit/virt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "lib/buf.h"
#include "unit/condition_int.h"

struct sign {
	const char *text, *word;
};

static const char *const containers[] = { "systemd-nspawn", "lxc-libvirt", "lxc",
	"openvz", "docker", "podman", "rkt", "wsl", "proot", "pouch", "container-other" };
static const char *const machines[] = { "kvm", "amazon", "qemu", "bochs", "xen", "uml",
	"vmware", "oracle", "microsoft", "zvm", "parallels", "bhyve", "qnx", "acrn",
	"powervm", "apple", "sre", "google", "vm-other" };

static const char *
word_find(const char *const *v, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], word) == 0)
			return v[i];
	return NULL;
}

#define WORD_FIND(v, word) word_find(v, sizeof(v) / sizeof(v[0]), word)

bool
virt_is_known(const char *word)
{
	static const char *const classes[] = { "vm", "container", "private-users", "yes",
		"no", "true", "false", "on", "off", "1", "0", "y", "n", "t", "f" };

	return WORD_FIND(containers, word) != NULL || WORD_FIND(machines, word) != NULL ||
	       WORD_FIND(classes, word) != NULL;
}

/* ---- containers -------------------------------------------------------------------- */

/* What the one who made it calls it, else that it is one. */
static const char *
container_word(const char *name)
{
	const char *word = WORD_FIND(containers, name);

	if (strcmp(name, "oci") == 0)
		return NULL; /* says nothing of who made it */
	return word != NULL ? word : "container-other";
}

static const char *
from_files(const struct condition_world *w)
{
	static const struct sign files[] = {
		{ "/run/.containerenv", "podman" },
		{ "/.dockerenv", "docker" },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (world_has(w, files[i].text))
			return files[i].word;
	return NULL;
}

/* The variable of PID 1, or what it has left of it for others. */
static const char *
from_init(const struct condition_world *w)
{
	static const char *const notes[] = { "/run/host/container-manager",
		"/run/systemd/container" };
	struct buf b = { 0 };
	const char *word = NULL;

	if (world_read(w, "/proc/1/environ", &b) == 0)
		for (size_t at = 0; at < b.len && word == NULL;
		     at += strlen(b.data + at) + 1)
			if (strncmp(b.data + at, "container=", 10) == 0 &&
			    b.data[at + 10] != '\0')
				word = container_word(b.data + at + 10);
	for (size_t i = 0; i < 2 && word == NULL; i++) {
		buf_clear(&b);
		if (world_read_line(w, notes[i], &b) == 0 && b.len > 0)
			word = container_word(buf_str(&b));
	}
	buf_free(&b);
	return word;
}

const char *
virt_container(const struct condition_world *w)
{
	struct buf b = { 0 };
	const char *word = NULL, *mine = getenv("container");

	if (world_has(w, "/proc/vz") && !world_has(w, "/proc/bc"))
		return "openvz";
	if (world_read_line(w, "/proc/sys/kernel/osrelease", &b) == 0 &&
	    (strstr(buf_str(&b), "Microsoft") != NULL ||
		strstr(buf_str(&b), "WSL") != NULL))
		word = "wsl";
	buf_free(&b);
	if (word == NULL && getpid() == 1 && mine != NULL && *mine != '\0')
		word = container_word(mine);
	if (word == NULL)
		word = from_init(w);
	return word != NULL ? word : from_files(w);
}

/* ---- machines ------------------------------------------------------------------------
 */

/* What the hypervisor writes into the processor's own leaf. */
static const char *
from_cpu(void)
{
#if defined(__x86_64__) || defined(__i386__)
	static const struct sign vendors[] = {
		{ "XenVMMXenVMM", "xen" },
		{ "KVMKVMKVM", "kvm" },
		{ "Linux KVM Hv", "kvm" },
		{ "TCGTCGTCGTCG", "qemu" },
		{ "VMwareVMware", "vmware" },
		{ "Microsoft Hv", "microsoft" },
		{ "bhyve bhyve ", "bhyve" },
		{ "QNXQVMBSQG", "qnx" },
		{ "ACRNACRNACRN", "acrn" },
		{ "SRESRESRESRE", "sre" },
	};
	unsigned eax, ebx, ecx, edx;
	char vendor[13] = "";

	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0 || (ecx & 1U << 31) == 0)
		return NULL;
	__cpuid(0x40000000U, eax, ebx, ecx, edx);
	memcpy(vendor, &ebx, 4);
	memcpy(vendor + 4, &ecx, 4);
	memcpy(vendor + 8, &edx, 4);
	for (size_t i = 0; i < sizeof(vendors) / sizeof(vendors[0]); i++)
		if (strcmp(vendor, vendors[i].text) == 0)
			return vendors[i].word;
	return "vm-other";
#else
	return NULL;
#endif
}

static const char *
from_dmi(const struct condition_world *w)
{
	static const char *const files[] = { "product_name", "sys_vendor", "board_vendor",
		"bios_vendor", "product_version" };
	static const struct sign vendors[] = {
		{ "KVM", "kvm" },
		{ "OpenStack", "kvm" },
		{ "KubeVirt", "kvm" },
		{ "Amazon EC2", "amazon" },
		{ "QEMU", "qemu" },
		{ "VMware", "vmware" },
		{ "VMW", "vmware" },
		{ "innotek GmbH", "oracle" },
		{ "VirtualBox", "oracle" },
		{ "Oracle Corporation", "oracle" },
		{ "Xen", "xen" },
		{ "Bochs", "bochs" },
		{ "Parallels", "parallels" },
		{ "BHYVE", "bhyve" },
		{ "Hyper-V", "microsoft" },
		{ "Apple Virtualization", "apple" },
		{ "Google Compute Engine", "google" },
	};
	const char *word = NULL;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && word == NULL; i++) {
		struct buf b = { 0 };
		char path[64];

		snprintf(path, sizeof(path), "/sys/class/dmi/id/%s", files[i]);
		(void)!world_read_line(w, path, &b);
		for (size_t k = 0; k < sizeof(vendors) / sizeof(vendors[0]); k++)
			if (word == NULL && strncmp(buf_str(&b), vendors[k].text,
						strlen(vendors[k].text)) == 0)
				word = vendors[k].word;
		buf_free(&b);
	}
	return word;
}

static bool
has_text(const struct condition_world *w, const char *path, const char *text)
{
	struct buf b = { 0 };
	bool has = world_read_line(w, path, &b) == 0 && strstr(buf_str(&b), text) != NULL;

	buf_free(&b);
	return has;
}

/* Where no processor says it. */
static const char *
from_kernel(const struct condition_world *w)
{
	if (has_text(w, "/proc/cpuinfo", "\nvendor_id\t: User Mode Linux"))
		return "uml";
	if (world_has(w, "/proc/xen"))
		/* The machine's own system is in none. */
		return has_text(w, "/proc/xen/capabilities", "control_d") ? NULL : "xen";
	if (has_text(w, "/sys/hypervisor/type", "xen"))
		return "xen";
	if (has_text(w, "/proc/device-tree/hypervisor/compatible", "linux,kvm"))
		return "kvm";
	if (has_text(w, "/proc/device-tree/hypervisor/compatible", "vmware"))
		return "vmware";
	if (world_has(w, "/proc/device-tree/ibm,partition-name"))
		return "powervm";
	if (has_text(w, "/proc/sysinfo", "KVM"))
		return "kvm";
	if (has_text(w, "/proc/sysinfo", "z/VM"))
		return "zvm";
	return NULL;
}

const char *
virt_detect(const struct condition_world *w, enum virt_kind *kind)
{
	const char *word = virt_container(w), *cpu, *dmi;

	if (word != NULL) {
		*kind = VIRT_CONTAINER;
		return word;
	}
	dmi = from_dmi(w);
	cpu = from_cpu();
	/* Some that are built on others say so in their papers alone. */
	if (dmi != NULL &&
	    (cpu == NULL || strcmp(dmi, "oracle") == 0 || strcmp(dmi, "amazon") == 0 ||
		strcmp(dmi, "xen") == 0 || strcmp(dmi, "parallels") == 0 ||
		strcmp(dmi, "google") == 0 || strcmp(cpu, "vm-other") == 0))
		word = dmi;
	else
		word = cpu;
	if (word == NULL || strcmp(word, "vm-other") == 0) {
		const char *other = from_kernel(w);

		word = other != NULL ? other : word;
	}
	*kind = word != NULL ? VIRT_VM : VIRT_NONE;
	return word;
}

bool
virt_private_users(const struct condition_world *w)
{
	static const char *const maps[] = { "/proc/self/uid_map", "/proc/self/gid_map" };

	for (size_t i = 0; i < 2; i++) {
		unsigned long inside, outside, n;
		struct buf b = { 0 };
		bool all;

		if (world_read_line(w, maps[i], &b) == -1) {
			buf_free(&b);
			continue; /* a kernel without such namespaces */
		}
		all = sscanf(buf_str(&b), "%lu %lu %lu", &inside, &outside, &n) == 3 &&
		      inside == 0 && outside == 0 && n == UINT32_MAX;
		buf_free(&b);
		if (!all)
			return true;
	}
	return has_text(w, "/proc/self/setgroups", "deny");
}
