/*
 * file: see the header.
 */
#include "unit/file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/buf.h"

enum { UNIT_FILE_MAX = 8 * 1024 * 1024 };

const char *
unit_file_strerror(int error)
{
	switch (error) {
	case EINVAL:
		return "it is a FIFO, a socket or a device, not a regular file";
	case EFBIG:
		return "it is longer than 8 MiB";
	default:
		return strerror(error);
	}
}

int
unit_file_read(const char *path, struct buf *text, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int error = 0;
	ssize_t n;

	if (fd == -1)
		return -1;
	if (fstat(fd, st) == -1) {
		error = errno;
		goto out;
	}
	if (!S_ISREG(st->st_mode)) {
		error = S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
		goto out;
	}
	for (;;) {
		size_t room = text->len < (size_t)st->st_size
				  ? (size_t)st->st_size - text->len + 1
				  : 4096;

		if (text->len > UNIT_FILE_MAX || room > UNIT_FILE_MAX) {
			error = EFBIG;
			break;
		}
		n = read(fd, buf_reserve(text, room), room);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			error = errno;
		if (n <= 0)
			break;
		buf_grew(text, (size_t)n);
		if ((size_t)n < room)
			break;
	}
out:
	close(fd);
	errno = error;
	return error == 0 ? 0 : -1;
}
