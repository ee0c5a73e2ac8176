#include "lib/memfd.h"

#include <sys/mman.h>

#include <fcntl.h>

#include "lib/buf.h"
#include "lib/fdio.h"

int
memfd_sealed(const char *name, const struct buf *data)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (full_write(fd, data->data, data->len) == -1 ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == -1) {
		fd_close(&fd);
		return -1;
	}
	return fd;
}
