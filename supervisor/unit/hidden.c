#include "unit/hidden.h"

#include <stddef.h>
#include <string.h>

bool
hidden_name(const char *name)
{
	static const char *const names[] = { "lost+found", "aquota.user",
		"aquota.group" };
	static const char *const endings[] = { "bak", "dpkg-backup", "dpkg-bak",
		"dpkg-dist", "dpkg-new", "dpkg-old", "dpkg-remove", "dpkg-tmp", "new",
		"old", "rpmnew", "rpmorig", "rpmsave", "swp", "ucf-dist", "ucf-new",
		"ucf-old" };
	const char *dot = strrchr(name, '.');
	size_t n = strlen(name);

	if (*name == '.' || (n > 0 && name[n - 1] == '~'))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	for (size_t i = 0; dot != NULL && i < sizeof(endings) / sizeof(endings[0]); i++)
		if (strcmp(dot + 1, endings[i]) == 0)
			return true;
	return false;
}
