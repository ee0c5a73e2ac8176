#include "manager/record/aside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

enum { TRIES = 1000 };

int
file_set_aside(int dirfd, const char *path, char *kept_as, size_t size)
{
	/* Never over an earlier one: two in a second are two. */
	for (unsigned n = 0; n < TRIES; n++) {
		snprintf(kept_as, size, "%s.damaged-%llu.%u", path,
		    (unsigned long long)(clock_wall_us() / USEC_PER_SEC), n);
		if (renameat2(dirfd, path, dirfd, kept_as, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	log_warn("%s cannot be set aside", path);
	kept_as[0] = '\0';
	return -1;
}
