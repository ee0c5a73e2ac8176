/*
 * Only in VARIANT=cov: roles and children end with _exit, which would forget what they
 * ran.  What is killed with -9 counts nothing.
 */
#include <sys/syscall.h>

#include <unistd.h>

void __gcov_dump(void);

void
_exit(int status)
{
	__gcov_dump();
	syscall(SYS_exit_group, status);
	__builtin_unreachable();
}
