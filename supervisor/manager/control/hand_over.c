/*
 * hand_over: a connection and what it asks for go to the role that has the answer, so
 * that lines and screens never pass through the manager.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"
#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/refusal.h"
#include "manager/control/control_int.h"

/* The role maps it: sealed, so that it cannot change under its eyes. */
static int
sealed_memfd(const struct buf *text)
{
	int fd = memfd_create("supd-viewer", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (full_write(fd, text->data, text->len) == -1 ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == -1)
		fd_close(&fd);
	return fd;
}

void
control_hand_over(struct control *c, struct call *call, struct jw *request,
    int (*take_fds)(struct link *, int client_fd, int request_fd, uint64_t size),
    const char *unavailable)
{
	struct buf text = { 0 };
	int fd, client, again, err;
	uint64_t size;

	jw_take(request, &text);
	jw_free(request);
	size = text.len;
	fd = sealed_memfd(&text);
	err = errno;
	buf_free(&text);
	if (fd == -1) {
		call_fail(
		    call, "io.supd.Manager.Failed", NULL, "memfd: %s", strerror(err));
		return;
	}
	client = call_take_connection(call);
	if (client == -1) {
		fd_close(&fd);
		call_fail(call, "io.supd.Manager.Failed",
		    "use a connection of its own for this method",
		    "other calls wait on this connection");
		return;
	}
	/* The link closes both, also when it cannot send.  Where there is no descriptor
	 * left the caller sees the end, as when the role dies with it in its hands. */
	again = fcntl(client, F_DUPFD_CLOEXEC, 3);
	if (take_fds(c->m->link, client, fd, size) == -1 && again != -1)
		/* The call is over, and its connection no client's any more. */
		refusal_send(again, unavailable,
		    "the role that answers this takes nothing now",
		    "try again in a moment");
	fd_close(&again);
}
