#include "instance/paths.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/xalloc.h"
#include "unit/credential.h"
#include "unit/instance.h"
#include "unit/load.h"

static bool
is_users(const char *root)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *own = NULL;
	bool yes;

	if (geteuid() == 0)
		return false;
	if (state != NULL && *state == '/')
		own = xasprintf("%s/supd", state);
	else if (home != NULL && *home == '/')
		own = xasprintf("%s/.local/state/supd", home);
	yes = own != NULL && strcmp(own, root) == 0;
	free(own);
	return yes;
}

char *
paths_conf(const char *root)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *own = xasprintf("%s/supd.conf", root);

	/* A link is not followed: what it leads to may be on a file system that hangs.
	 * One that leads nowhere is there, too, and its reader says so: another file in
	 * its place would hide the mistake. */
	if (faccessat(AT_FDCWD, own, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return own;
	if (strcmp(root, INSTANCE_SYSTEM_ROOT) == 0) {
		free(own);
		return xstrdup("/etc/supd/supd.conf");
	}
	if (!is_users(root))
		return own;
	if (config != NULL && *config == '/') {
		free(own);
		return xasprintf("%s/supd/supd.conf", config);
	}
	if (home != NULL && *home == '/') {
		free(own);
		return xasprintf("%s/.config/supd/supd.conf", home);
	}
	return own;
}

struct unit_paths *
paths_units(const char *root, const char *run)
{
	struct unit_paths *p = unit_paths_new();
	char *units = xasprintf("%s/units", root);
	char *transient = xasprintf("%s/units", run);
	char *credentials = xasprintf("%s/" CREDENTIALS_FOLDER, run);

	unit_paths_add(p, units, UNIT_PATH_FOLDER);
	unit_paths_add(p, transient, UNIT_PATH_TRANSIENT);
	if (strcmp(root, INSTANCE_SYSTEM_ROOT) == 0)
		unit_paths_add_system(p);
	else if (is_users(root))
		unit_paths_add_user(p);
	unit_paths_add_shipped(p);
	unit_paths_set_credentials(p, credentials);
	free(units);
	free(transient);
	free(credentials);
	return p;
}
