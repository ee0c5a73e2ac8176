/*
 * Any bytes as a packet between two roles.  Input: receiver, sender, number of
 * descriptors, then the packet.  Refused or received, no descriptor may stay open.
 */
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/chan.h"

#include "fuzz.h"

enum { FDS = 4 };

static int
send_packet(int to, const uint8_t *data, size_t size, int nfds)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * FDS)];
	} ctl;
	struct iovec iov = { (void *)(uintptr_t)data, size };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cm;

	if (nfds > 0) {
		memset(&ctl, 0, sizeof(ctl));
		h.msg_control = ctl.bytes;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		cm = CMSG_FIRSTHDR(&h);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
		for (int i = 0; i < nfds; i++)
			memcpy(CMSG_DATA(cm) + sizeof(int) * (size_t)i, &to, sizeof(to));
	}
	return sendmsg(to, &h, MSG_DONTWAIT) == -1 ? -1 : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fds[2], probe;
	struct chan c;
	struct msg m;

	if (size < 3 || chan_pair(fds) == -1)
		return 0;
	c = (struct chan){ fds[1], data[0] % ROLE_N, data[1] % ROLE_N };
	if (send_packet(fds[0], data + 3, size - 3, data[2] % (FDS + 1)) == 0) {
		int n = chan_recv(&c, &m);

		if (n == 1 && msg_name(m.head.id)[0] == '?')
			abort();
		if (n == -1 && (m.nfds != 0 || m.fds[0] != -1 || m.fds[1] != -1))
			abort();
		if (n == 1)
			msg_close_fds(&m);
	}
	close(fds[0]);
	close(fds[1]);
	/* The lowest free number is the one from before: nothing was left open. */
	probe = dup(STDERR_FILENO);
	if (probe != -1) {
		if (probe != (fds[0] < fds[1] ? fds[0] : fds[1]))
			abort();
		close(probe);
	}
	return 0;
}
