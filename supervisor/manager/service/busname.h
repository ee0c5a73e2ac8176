/*
 * busname: the question whether a name on the message bus has an owner, and the news of
 * it, as bytes.
 *
 * Just as much of the D-Bus protocol as this takes: the handshake of an ordinary local
 * client, calls of the bus itself, and what it says.  All that comes back is hostile: of
 * the bus, and of all others who are on it.  Nothing here waits or opens anything;
 * probe.c (one question) and watch/namewatch.c do.
 */
#ifndef SUPD_MANAGER_SERVICE_BUSNAME_H
#define SUPD_MANAGER_SERVICE_BUSNAME_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	BUSNAME_HEAD = 16,         /* bytes that say how long a message is */
};

/* The numbers are those of the protocol. */
enum busname_what {
	BUSNAME_OTHER, /* of somebody else, or nothing that concerns us */
	BUSNAME_RETURN = 2,
	BUSNAME_ERROR = 3,
	BUSNAME_SIGNAL = 4, /* a name has another owner, or none any more */
};

struct busname_message {
	enum busname_what what;
	uint32_t serial;  /* RETURN, ERROR: of the call that it answers */
	bool is_bool;     /* RETURN: owned is the answer */
	bool owned;       /* RETURN, SIGNAL */
	const char *name; /* SIGNAL: whose owner it is; in the data */
};

/*
 * Where the bus listens: for root that of the system, for others that of the user.  -1:
 * no address that is understood; where says which it is, for people.
 */
int busname_address(struct sockaddr_un *sa, socklen_t *len, char *where, size_t size);
/* The handshake, and the call that comes first. */
void busname_hello(struct buf *out, uint32_t serial);
/* A call of the bus itself, with one text or (arg NULL) without; serial is not 0. */
void busname_call(struct buf *out, uint32_t serial, const char *member, const char *arg);
/* The rule of AddMatch and RemoveMatch: news of the owner of name, which is a bus name.
 */
void busname_match(struct buf *out, const char *name);
/* All that is to be sent to ask for name. */
void busname_ask(struct buf *out, const char *name);
/* What the bus says first: how long that is, 0 when more is to come, -1: it refuses. */
ssize_t busname_greeting(const void *data, size_t n);
/* How long a message is that begins with these BUSNAME_HEAD bytes; 0: it is none. */
uint64_t busname_size(const void *head);
/* What a whole message of n bytes says.  -1: it is none. */
int busname_message(const void *data, size_t n, struct busname_message *m);
/* What the n bytes that came so far say, of an answer to busname_ask. */
enum busname busname_read(const void *data, size_t n);

#endif
