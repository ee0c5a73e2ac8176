/*
 * client: one Varlink connection to the control socket of an instance.
 *
 * Owns the socket and the bytes not yet understood.  Promises: no call waits beyond its
 * deadline, nothing of what comes back is trusted, and nothing is said to a socket that
 * somebody else than the instance's owner or root listens on.  Prints nothing: what went
 * wrong is a sentence in `why'.
 */
#ifndef SUPD_SUPCTL_CLIENT_H
#define SUPD_SUPCTL_CLIENT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct client;
struct instance;
struct jv;

enum client_result {
	CLIENT_OK,
	CLIENT_DOWN,     /* nobody listens: supd does not run */
	CLIENT_DENIED,   /* the kernel does not let us */
	CLIENT_FOREIGN,  /* somebody else listens there */
	CLIENT_TIMEOUT,  /* the deadline passed */
	CLIENT_CLOSED,   /* the connection ended before the reply */
	CLIENT_PROTOCOL, /* what came is not Varlink */
	CLIENT_FAILED,   /* a system call failed */
};

/* One reply; the pointers lead into root. */
struct reply {
	struct jv *root;
	const struct jv *params; /* NULL: none */
	const char *error;       /* "io.supd.Unit.NoSuchUnit", NULL: it went well */
	bool continues;          /* more replies follow */
};

/*
 * Connects to run/supd.sock of the instance.  Deadlines are monotonic microseconds,
 * USEC_INFINITY: none.  *out is set on CLIENT_OK only.
 */
enum client_result client_connect(struct client **out, const struct instance *in,
    uint64_t deadline_us, struct buf *why);
void client_free(struct client *c);
int client_fd(const struct client *c);
/* Whether a reply was read already: then nothing more need come from the descriptor. */
bool client_has_reply(struct client *c);

/* Sends a call; params is a JSON object, or NULL for {}. */
enum client_result client_send(struct client *c, const char *method, const char *params,
    bool more, uint64_t deadline_us, struct buf *why);
/* The same with upgrade: after the reply the connection is no Varlink one any more. */
enum client_result client_send_upgrade(struct client *c, const char *method,
    const char *params, uint64_t deadline_us, struct buf *why);
/* What came behind the reply already; appended to out. */
void client_take_rest(struct client *c, struct buf *out);
/* Waits for one reply.  The caller clears it. */
enum client_result client_receive(
    struct client *c, struct reply *out, uint64_t deadline_us, struct buf *why);
void reply_clear(struct reply *r);

/*
 * Whether a socket that peer listens on may be talked to, when we are me: root's, the
 * instance owner's and our own; as root in a current folder that nobody named, only
 * root's.
 */
bool client_may_trust(const struct instance *in, uid_t peer, uid_t me);

#endif
