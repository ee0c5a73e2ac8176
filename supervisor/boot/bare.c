#include "boot/bare.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"

#define PID_NS_INIT_INO 0xEFFFFFFCUL /* the first pid namespace of a kernel */

static bool
is_type(const char *path, unsigned long magic)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == magic;
}

static void
mount_at(const char *type, const char *path, unsigned long flags, const char *options)
{
	(void)mkdir(path, 0755);
	(void)mount(type, path, type, flags, options);
}

void
bare_mount_proc(void)
{
	if (getpid() != 1 || access("/proc/self/stat", F_OK) == 0)
		return;
	mount_at("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	if (access("/proc/self/stat", F_OK) == -1)
		log_warn("/proc cannot be mounted; supd runs without it");
}

void
bare_mount_rest(const char *root)
{
	bool below_run = strcmp(root, "/run") == 0 || strncmp(root, "/run/", 5) == 0;

	if (getpid() != 1)
		return;
	if (!is_type("/sys", SYSFS_MAGIC))
		mount_at("sysfs", "/sys", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
	if (access("/dev/null", F_OK) == -1)
		mount_at("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC, "mode=755");
	/* It would hide an instance that lies there. */
	if (!below_run && (!is_type("/run", TMPFS_MAGIC) || access("/run", W_OK) == -1))
		mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
}

void
bare_stay(void)
{
	struct stat st;

	if (getpid() != 1 || stat("/proc/self/ns/pid", &st) == -1 ||
	    st.st_ino != PID_NS_INIT_INO)
		return;
	log_warnx("supd cannot start, and this machine runs nothing else; Ctrl-Alt-Del "
		  "reboots it");
	for (;;)
		pause();
}
