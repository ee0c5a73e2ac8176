/*
 * credential: how a unit's configuration keeps what LoadCredential= and SetCredential=
 * say: as texts ID:REST, where no ID has a colon.
 */
#ifndef SUPD_UNIT_CREDENTIAL_H
#define SUPD_UNIT_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>

enum { CREDENTIAL_BYTES_MAX = 1 << 20 }; /* of one, and of all of a unit */

/* In the run folder of an instance: the folders of the units, by their full names. */
#define CREDENTIALS_FOLDER "credentials"

/* The name of a file, printable ASCII without a colon, as systemd has it. */
bool credential_id_is_valid(const char *id, size_t len);

/* What stands behind the ID, of *LEN bytes, in a text that was kept. */
const char *credential_rest(const char *kept, size_t *len);

#endif
