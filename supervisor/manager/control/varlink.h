/*
 * varlink: the server's side of the protocol (varlink.org): JSON messages that end with
 * NUL on a stream socket.  Knows nothing of units.
 *
 * Promises: nothing a client does makes anybody else wait.  A message, the nesting in it,
 * the clients, and what waits to be sent to one are bounded; a client that stops in the
 * middle of a message, or does not take what is sent to it, is cut.  The calls of one
 * client are answered in their order, one at a time.
 *
 * A method gets a struct call and answers it now or later, exactly once by call_reply or
 * call_error (after any number of call_reply_more when the client asked for more).
 */
#ifndef SUPD_MANAGER_CONTROL_VARLINK_H
#define SUPD_MANAGER_CONTROL_VARLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/control/access.h"

struct buf;
struct call;
struct idl;
struct jv;
struct jw;
struct loop;
struct varlink;

typedef void call_fn(struct call *c, void *arg);

enum method_flag {
	METHOD_SELF = 1 << 0,    /* a supervised peer may, for its own unit: the method
				    checks it (call_is_self) */
	METHOD_MORE = 1 << 1,    /* only with more */
	METHOD_UPGRADE = 1 << 2, /* only with upgrade: the connection becomes another's */
};

struct varlink_method {
	const char *name; /* "io.supd.Unit.Start" */
	call_fn *fn;
	enum access_class class; /* the least that may call it */
	unsigned flags;          /* enum method_flag */
};

struct varlink_conf {
	uint32_t max_clients;
	uint64_t message_max_bytes;
	uint64_t pending_max_bytes; /* of replies that one client has not taken */
	uint64_t stall_us; /* a message begun, or replies not taken, for so long */
	const char *vendor, *product, *version, *url;
};

struct varlink_ops {
	/* Who is it: fills the peer in, at accept. */
	void (*accept)(void *arg, int fd, struct access_peer *peer);
	/* A call that is about to be made (may be NULL). */
	void (*on_call)(void *arg, const char *method, const struct access_peer *peer);
	/* A call that the peer may not make (may be NULL). */
	void (*on_denied)(
	    void *arg, const struct varlink_method *m, const struct access_peer *peer);
	/* A client was cut off (may be NULL). */
	void (*on_cut)(void *arg, const struct access_peer *peer, const char *why);
	void *arg; /* of the methods, too */
};

/*
 * Serves listen_fd (non-blocking, stays the caller's; -1: none, see varlink_add) with n
 * methods; the interfaces are those of varlink_texts.  The table must outlive it.
 */
struct varlink *varlink_new(struct loop *loop, int listen_fd,
    const struct varlink_conf *conf, const struct varlink_method *methods, size_t n,
    const struct varlink_ops *ops);
void varlink_free(struct varlink *v);
void varlink_set_conf(struct varlink *v, const struct varlink_conf *conf);
size_t varlink_clients(const struct varlink *v);
/* A connected socket, as if it had been accepted.  false: too many clients (closed). */
bool varlink_add_take_fd(struct varlink *v, int fd);
/* Sends what can be sent now without waiting, on all connections (before the end). */
void varlink_flush(struct varlink *v);
/* The interface, NULL if there is none. */
const struct idl *varlink_interface(const struct varlink *v, const char *name);

/* ---- a call ---- */

/* The parameters, already checked against the interface; NULL: none were given. */
const struct jv *call_params(const struct call *c);
bool call_wants_more(const struct call *c);
const struct access_peer *call_peer(const struct call *c);
const char *call_method(const struct call *c);
/* True when the peer may call this method only for its own unit. */
bool call_is_self(const struct call *c);
/* The method's own state while it is not answered.  gone is called if the client goes
 * away before that; the call is freed after it and must not be used. */
void call_set_data(struct call *c, void *data, call_fn *gone);
void *call_data(const struct call *c);

/* The writer of the reply's parameters, an object that is open.  Then one of the next
 * three. */
struct jw *call_begin(struct call *c);
/* The last reply; the call is over and must not be used. */
void call_reply(struct call *c);
/* One of several.  false: the client was cut, the call is gone. */
bool call_reply_more(struct call *c);
/* error is "io.supd.Unit.NoSuchUnit"; the call is over. */
void call_error(struct call *c, const char *error);
/* The same with parameters message and next (NULL: none) added at once. */
void call_fail(struct call *c, const char *error, const char *next, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A parameter is wrong: org.varlink.service.InvalidParameter. */
void call_invalid(struct call *c, const char *parameter, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * A long reply in two steps: begin, append the parameters object, end.  It is not copied
 * when nothing else waits for the client; text holds nothing of use afterwards, and is
 * still the caller's to free.  continues and the value as below.
 */
void call_text_begin(struct buf *text);
bool call_text_end(struct call *c, struct buf *text, bool continues);
/*
 * A reply whose parameters object is already text.  continues as call_reply_more; else
 * the call is over.  false: the client was cut, the call is gone.
 */
bool call_reply_text(struct call *c, const char *parameters, size_t len, bool continues);
/* Bytes that the client has not taken yet. */
size_t call_pending(const struct call *c);
/*
 * Takes the connection out of the server: what was pending is sent first if it goes
 * without waiting.  Returns the descriptor, now the caller's; the call is over.  -1 with
 * errno: not possible (the call goes on).
 */
int call_take_connection(struct call *c);

#endif
