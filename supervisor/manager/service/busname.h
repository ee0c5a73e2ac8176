/*
 * busname: the question whether a name on the message bus has an owner, as bytes.
 *
 * Just as much of the D-Bus protocol as this takes: the handshake of an ordinary local
 * client, and one call.  All that comes back is hostile.  Nothing here waits or opens
 * anything; probe.c does.
 */
#ifndef SUPD_MANAGER_SERVICE_BUSNAME_H
#define SUPD_MANAGER_SERVICE_BUSNAME_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct sockaddr_un;

enum busname {
	BUSNAME_MORE, /* the answer is not complete yet */
	BUSNAME_OWNED,
	BUSNAME_FREE,
	BUSNAME_REFUSED, /* by the bus; or what it says is no answer */
};

enum {
	BUSNAME_ANSWER_MAX = 4096, /* all that is read of it */
};

/*
 * Where the bus listens: for root that of the system, for others that of the user.  -1:
 * no address that is understood; where says which it is, for people.
 */
int busname_address(struct sockaddr_un *sa, socklen_t *len, char *where, size_t size);
/* All that is to be sent to ask for name. */
void busname_ask(struct buf *out, const char *name);
/* What the n bytes that came so far say. */
enum busname busname_read(const void *data, size_t n);

#endif
