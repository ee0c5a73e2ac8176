/*
 * as_user: files are looked up with the rights of another user for a moment, so that a
 * link in a folder of his leads to nothing that he may not read himself.
 *
 * Only for supd as root; any other uses the only rights that it has.  The groups of
 * supd's own process stay (none, usually), those of SupplementaryGroups= are not taken.
 */
#ifndef SUPD_LIB_AS_USER_H
#define SUPD_LIB_AS_USER_H

#include <stdbool.h>
#include <stdint.h>

/* Until as_user_end, which must follow a true; ids below 0 are supd's own.  False: not
 * possible, errno is EPERM. */
bool as_user_begin(int32_t uid, int32_t gid);
void as_user_end(void);

#endif
