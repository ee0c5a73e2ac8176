#include "boot/bare.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <dirent.h>
#include <errno.h>
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

/* A place for run/. */
static bool
is_usable(const char *path)
{
	return is_type(path, TMPFS_MAGIC) && access(path, W_OK) == 0;
}

static bool
is_empty(const char *path)
{
	const struct dirent *e;
	DIR *d = opendir(path);
	bool empty = d != NULL || errno == ENOENT;

	while (d != NULL && empty && (e = readdir(d)) != NULL)
		empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	if (d != NULL)
		closedir(d);
	return empty;
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
	if (is_usable("/run") || is_usable("/dev/shm"))
		return;
	/* Never over what somebody put there, such as the secrets of a container. */
	if (!below_run && is_empty("/run"))
		mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755");
	else if (is_empty("/dev/shm"))
		mount_at("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
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
