/*
 * notify: the datagrams of $NOTIFY_SOCKET.
 *
 * Everything in them is hostile: any bytes, any number of descriptors, credentials of
 * anybody.  notify_recv closes what it does not hand on; the parser knows the fields of
 * sd_notify(3) and counts the rest.
 */
#ifndef SUPD_MANAGER_SERVICE_NOTIFY_H
#define SUPD_MANAGER_SERVICE_NOTIFY_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/service/service.h"

enum {
	NOTIFY_BYTES_MAX = 8192, /* longer datagrams are dropped whole */
	NOTIFY_FDS_MAX = 253,    /* SCM_MAX_FD of Linux */
	NOTIFY_TEXT_MAX = SVC_STATUS_MAX,
};

/* One datagram with its storage; nt points into it. */
struct notify_packet {
	struct svc_notify nt;
	char text[NOTIFY_BYTES_MAX + 1];
	int fds[NOTIFY_FDS_MAX];
};

/*
 * Reads one from the socket (SO_PASSCRED is set), without waiting.  1: there is one, its
 * descriptors (CLOEXEC) are the caller's; 0: none waits; -1 with errno.
 */
int notify_recv(int fd, struct notify_packet *p);
/* The same, and it stays in the socket, for whoever comes after us, until it is dropped.
 */
int notify_peek(int fd, struct notify_packet *p);
void notify_drop(int fd);

struct notify_fields {
	bool ready, reloading, stopping;
	bool newline_ready; /* a bare line, as NotifyFD= has it */
	bool watchdog, watchdog_trigger;
	bool fdstore, fdstore_remove, barrier, restart_reset;
	bool fdpoll; /* false: FDPOLL=0 */
	bool has_session_id, has_status, has_errno, has_mainpid, has_watchdog_us,
	    has_extend, has_access;
	bool has_fdname;
	bool has_monotonic;
	struct svc_usage usage;
	char status[NOTIFY_TEXT_MAX];
	char fdname[256];
	int32_t err;
	int32_t mainpid;
	char session_id[SVC_SESSION_ID_MAX];
	uint64_t watchdog_us;
	uint64_t extend_us;
	uint64_t monotonic_us;
	enum notify_access access;
	unsigned unknown; /* fields that we do not know */
	unsigned bad;     /* known fields with a value that cannot be */
};

/* Into f, which is zeroed first.  Never fails: what is unknown or cannot be is counted.
 */
void notify_parse(const char *text, size_t len, struct notify_fields *f);

#endif
