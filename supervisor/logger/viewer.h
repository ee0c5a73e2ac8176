/*
 * viewer: clients that follow logs live.  The manager hands a connection over; from then
 * on lines go to it straight from here, as Varlink replies.  A viewer that makes no
 * progress is cut: nobody is waited for.
 *
 * The request is a JSON object: units (names of units or logs, globs; absent: all),
 * streams (of "stdout", "stderr").  Lines that are in a log already are not sent: they
 * are in files, which a client reads itself, so that none can give the logger work by
 * asking.
 */
#ifndef SUPD_LOGGER_VIEWER_H
#define SUPD_LOGGER_VIEWER_H

#include <stdbool.h>
#include <stddef.h>

struct logger;
struct logslot;
struct stream;

enum {
	VIEWER_MAX = 64,
	VIEWER_PENDING_MAX = 1024 * 1024,
};

/* Takes the client socket; request_fd stays the caller's. */
void viewer_add_take_fd(struct logger *lg, int client, int request_fd);
bool viewer_wants(const struct logger *lg, const struct logslot *ls);
void viewer_line(struct logger *lg, const struct stream *s, const char *text, size_t n);
void viewer_free_all(struct logger *lg);

#endif
