#include "lib/as_user.h"

#include <sys/fsuid.h>

#include <errno.h>
#include <unistd.h>

/* setfsuid tells the id of before, and no error: an id that is none changes nothing. */
static bool
is_now(uid_t uid, gid_t gid)
{
	return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid;
}

bool
as_user_begin(int32_t uid, int32_t gid)
{
	gid_t group = gid < 0 ? getegid() : (gid_t)gid;

	if (geteuid() != 0 || uid <= 0)
		return true;
	(void)setfsgid(group);
	(void)setfsuid((uid_t)uid);
	if (is_now((uid_t)uid, group))
		return true;
	as_user_end();
	errno = EPERM;
	return false;
}

void
as_user_end(void)
{
	int err = errno;

	(void)setfsuid(geteuid());
	(void)setfsgid(getegid());
	errno = err;
}
