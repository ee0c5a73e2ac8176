/*
 * credential: names and kept texts of credentials.
 */
#include "unit/credential.h"

#include <limits.h>
#include <string.h>

bool
credential_id_is_valid(const char *id, size_t len)
{
	if (len == 0 || len > NAME_MAX || (len == 1 && id[0] == '.') ||
	    (len == 2 && id[0] == '.' && id[1] == '.'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (id[i] < ' ' || id[i] > '~' || id[i] == ':' || id[i] == '/')
			return false;
	return true;
}

const char *
credential_rest(const char *kept, size_t *len)
{
	*len = strcspn(kept, ":");
	return kept + *len + 1;
}
