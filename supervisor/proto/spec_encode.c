/*
 * Writing execution contexts: the manager's side.  The only file of this folder that may
 * allocate; no child of init and no init links a function of it that runs.
 */
#include "proto/spec.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
spec_buf_init(struct spec_buf *b)
{
	struct spec_head head = { SPEC_MAGIC, SPEC_VERSION, 0 };

	memset(b, 0, sizeof(*b));
	b->cap = 4096;
	b->data = malloc(b->cap);
	if (b->data == NULL) {
		b->err = ENOMEM;
		b->cap = 0;
		return;
	}
	memcpy(b->data, &head, sizeof(head));
	b->len = sizeof(head);
}

void
spec_buf_clear(struct spec_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

/* Room for n more zeroed bytes, or NULL. */
static char *
grow(struct spec_buf *b, size_t n)
{
	size_t cap = b->cap;
	char *p;

	if (b->err != 0)
		return NULL;
	if (n > SPEC_BYTES_MAX || b->len + n > SPEC_BYTES_MAX) {
		b->err = E2BIG;
		return NULL;
	}
	while (cap - b->len < n)
		cap *= 2;
	if (cap != b->cap) {
		p = realloc(b->data, cap);
		if (p == NULL) {
			b->err = ENOMEM;
			return NULL;
		}
		b->data = p;
		b->cap = cap;
	}
	p = b->data + b->len;
	memset(p, 0, n);
	b->len += n;
	return p;
}

/* An item of len bytes, zeroed; NULL after an error. */
static char *
item(struct spec_buf *b, enum spec_tag tag, size_t len)
{
	struct spec_item_head head = { (uint32_t)tag, (uint32_t)len };
	char *p;

	if (len > SPEC_BYTES_MAX) {
		b->err = b->err != 0 ? b->err : E2BIG;
		return NULL;
	}
	p = grow(b, sizeof(head) + ((len + 7) & ~(size_t)7));
	if (p == NULL)
		return NULL;
	memcpy(p, &head, sizeof(head));
	return p + sizeof(head);
}

void
spec_put(struct spec_buf *b, enum spec_tag tag, const void *data, size_t len)
{
	char *p = item(b, tag, len);

	if (p != NULL && len > 0)
		memcpy(p, data, len);
}

void
spec_put_flag(struct spec_buf *b, enum spec_tag tag)
{
	spec_put(b, tag, NULL, 0);
}

void
spec_put_str(struct spec_buf *b, enum spec_tag tag, const char *s)
{
	spec_put(b, tag, s, strlen(s) + 1);
}

void
spec_put_strv(struct spec_buf *b, enum spec_tag tag, char *const *v)
{
	for (; v != NULL && *v != NULL; v++)
		spec_put_str(b, tag, *v);
}

void
spec_put_u32(struct spec_buf *b, enum spec_tag tag, uint32_t v)
{
	spec_put(b, tag, &v, sizeof(v));
}

void
spec_put_i32(struct spec_buf *b, enum spec_tag tag, int32_t v)
{
	spec_put(b, tag, &v, sizeof(v));
}

void
spec_put_u64(struct spec_buf *b, enum spec_tag tag, uint64_t v)
{
	spec_put(b, tag, &v, sizeof(v));
}

void
spec_put_ids(struct spec_buf *b, enum spec_tag tag, const uint32_t *ids, size_t n)
{
	if (n > SPEC_GROUPS_MAX)
		b->err = b->err != 0 ? b->err : E2BIG;
	else
		spec_put(b, tag, ids, n * sizeof(*ids));
}

void
spec_put_limit(struct spec_buf *b, int resource, uint64_t soft, uint64_t hard)
{
	struct spec_limit l = { (uint32_t)resource, 0, soft, hard };

	spec_put(b, SPEC_RLIMIT, &l, sizeof(l));
}

void
spec_put_dir(struct spec_buf *b, enum spec_dir_kind kind, const char *base,
    const char *name, uint32_t mode, uint32_t uid, uint32_t gid)
{
	size_t base_len = strlen(base) + 1, name_len = strlen(name) + 1;
	struct spec_dir d = { (uint32_t)kind, mode, uid, gid, (uint32_t)base_len,
		(uint32_t)name_len };
	char *p = item(b, SPEC_DIR, sizeof(d) + base_len + name_len);

	if (p == NULL)
		return;
	memcpy(p, &d, sizeof(d));
	memcpy(p + sizeof(d), base, base_len);
	memcpy(p + sizeof(d) + base_len, name, name_len);
}

void
spec_put_link(struct spec_buf *b, enum spec_dir_kind kind, const char *base,
    const char *name, const char *target)
{
	size_t base_len = strlen(base) + 1, name_len = strlen(name) + 1;
	size_t target_len = strlen(target) + 1;
	struct spec_link l = { (uint32_t)kind, (uint32_t)base_len, (uint32_t)name_len,
		(uint32_t)target_len };
	char *p = item(b, SPEC_LINK, sizeof(l) + base_len + name_len + target_len);

	if (p == NULL)
		return;
	memcpy(p, &l, sizeof(l));
	memcpy(p + sizeof(l), base, base_len);
	memcpy(p + sizeof(l) + base_len, name, name_len);
	memcpy(p + sizeof(l) + base_len + name_len, target, target_len);
}

static void
put_stdio(struct spec_buf *b, enum spec_tag tag, enum spec_io kind, uint32_t arg,
    const void *text, size_t len)
{
	struct spec_stdio io = { (uint32_t)kind, arg };
	char *p = item(b, tag, len > SPEC_BYTES_MAX ? len : sizeof(io) + len);

	if (p == NULL)
		return;
	memcpy(p, &io, sizeof(io));
	if (len > 0)
		memcpy(p + sizeof(io), text, len);
}

void
spec_put_stdio(struct spec_buf *b, enum spec_tag tag, enum spec_io kind, const char *path)
{
	put_stdio(b, tag, kind, 0, path, path == NULL ? 0 : strlen(path) + 1);
}

void
spec_put_stdio_tty(
    struct spec_buf *b, enum spec_tag tag, enum spec_tty_wait wait, const char *path)
{
	put_stdio(b, tag, SPEC_IO_TTY, (uint32_t)wait, path, strlen(path) + 1);
}

void
spec_put_stdio_stored(struct spec_buf *b, enum spec_tag tag, uint32_t id)
{
	put_stdio(b, tag, SPEC_IO_STORED, id, NULL, 0);
}

void
spec_put_stdin_data(struct spec_buf *b, const void *data, size_t len)
{
	put_stdio(b, SPEC_STDIN, SPEC_IO_DATA, 0, data, len);
}

static int
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int
spec_seal(struct spec_buf *b, uint64_t *size)
{
	struct spec_head head = { SPEC_MAGIC, SPEC_VERSION, b->len };
	struct spec s;
	int fd, saved;

	if (b->err != 0) {
		errno = b->err;
		return -1;
	}
	memcpy(b->data, &head, sizeof(head));
	if (spec_check(b->data, b->len, &s) == -1)
		return -1;
	fd = memfd_create("supd-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return -1;
	if (write_all(fd, b->data, b->len) == -1 ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	*size = b->len;
	return fd;
}
