/*
 * Reading execution contexts.  This runs in a child of init, between fork and exec: no
 * allocation, no stdio, nothing kept.  spec_check is the only place that trusts nothing;
 * what it let through needs no second look.
 */
#include "proto/spec.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum item_kind {
	KIND_STR,
	KIND_FLAG,
	KIND_U32,
	KIND_I32,
	KIND_U64,
	KIND_IDS,
	KIND_LIMIT,
	KIND_DIR,
	KIND_LINK,
	KIND_STDIO,
};
enum item_count { COUNT_ONE, COUNT_MANY };

enum {
	TAG_MAX = 64, /* all tags are below */
	SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
};

struct item_rule {
	bool known;
	uint8_t kind;
	uint8_t count;
};

static const struct item_rule rules[TAG_MAX] = {
#define SPEC(id, name, k, c) [id] = { true, KIND_##k, COUNT_##c },
#include "proto/spec.def"
#undef SPEC
};
#define SPEC(id, name, k, c) static_assert(id > 0 && id < TAG_MAX, #name);
#include "proto/spec.def"
#undef SPEC

static size_t
aligned(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* Is data text that ends with its only NUL? */
static bool
is_text(const char *data, size_t len)
{
	return len > 0 && memchr(data, '\0', len) == data + len - 1;
}

/* A path below a base: relative, not empty, without "." and "..". */
static bool
is_relative(const char *p)
{
	if (*p == '\0' || *p == '/')
		return false;
	while (*p != '\0') {
		size_t n = strcspn(p, "/");

		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
		p += strspn(p, "/");
	}
	return true;
}

static bool
dir_is_valid(const void *data, size_t len)
{
	const struct spec_dir *d = data;

	if (len < sizeof(*d))
		return false;
	len -= sizeof(*d);
	return d->kind < SPEC_DIR_N && d->mode <= 07777 && d->base_len <= len &&
	       d->name_len == len - d->base_len && is_text(d->text, d->base_len) &&
	       d->text[0] == '/' && is_text(d->text + d->base_len, d->name_len) &&
	       is_relative(d->text + d->base_len);
}

static bool
link_is_valid(const void *data, size_t len)
{
	const struct spec_link *l = data;
	const char *name, *target;

	if (len < sizeof(*l))
		return false;
	len -= sizeof(*l);
	if (l->kind >= SPEC_DIR_N || l->base_len > len ||
	    l->name_len > len - l->base_len ||
	    l->target_len != len - l->base_len - l->name_len)
		return false;
	name = l->text + l->base_len;
	target = name + l->name_len;
	return is_text(l->text, l->base_len) && l->text[0] == '/' &&
	       is_text(name, l->name_len) && is_relative(name) &&
	       is_text(target, l->target_len) && target[0] != '/' && target[0] != '\0';
}

static bool
stdio_is_valid(uint32_t tag, const void *data, size_t len)
{
	const struct spec_stdio *io = data;

	if (len < sizeof(*io))
		return false;
	len -= sizeof(*io);
	switch (io->kind) {
	case SPEC_IO_NULL:
	case SPEC_IO_SUPD:
	case SPEC_IO_STORED:
		return len == 0;
	case SPEC_IO_LOG:
	case SPEC_IO_SAME:
		return len == 0 && tag != SPEC_STDIN;
	case SPEC_IO_FILE:
		return is_text(io->text, len) && io->text[0] == '/';
	case SPEC_IO_APPEND:
	case SPEC_IO_TRUNCATE:
		return tag != SPEC_STDIN && is_text(io->text, len) && io->text[0] == '/';
	case SPEC_IO_DATA:
		return tag == SPEC_STDIN;
	case SPEC_IO_TTY:
		return io->arg < SPEC_TTY_N && is_text(io->text, len) &&
		       io->text[0] == '/';
	default:
		return false;
	}
}

static bool
limit_is_valid(const void *data, size_t len)
{
	const struct spec_limit *l = data;

	return len == sizeof(*l) && l->resource < RLIM_NLIMITS && l->soft <= l->hard;
}

static bool
item_is_valid(uint32_t tag, const void *data, size_t len)
{
	switch ((enum item_kind)rules[tag].kind) {
	case KIND_STR:
		return is_text(data, len);
	case KIND_FLAG:
		return len == 0;
	case KIND_U32:
	case KIND_I32:
		return len == 4;
	case KIND_U64:
		return len == 8;
	case KIND_IDS:
		return len % 4 == 0 && len / 4 <= SPEC_GROUPS_MAX;
	case KIND_LIMIT:
		return limit_is_valid(data, len);
	case KIND_DIR:
		return dir_is_valid(data, len);
	case KIND_LINK:
		return link_is_valid(data, len);
	case KIND_STDIO:
		return stdio_is_valid(tag, data, len);
	}
	return false;
}

/* What no single item can say. */
static bool
whole_is_valid(const struct spec *s)
{
	uint32_t notify = spec_u32(s, SPEC_NOTIFY_FD, 3);
	size_t at = 0, fds = spec_count(s, SPEC_FD);
	struct spec_item it;

	if (!spec_has(s, SPEC_PATH) || !spec_has(s, SPEC_ARG))
		return false;
	if (fds > SPEC_FDS_MAX || notify < 3 || notify > SPEC_FD_HIGH)
		return false;
	if (spec_has(s, SPEC_NOTIFY_FD) && notify < 3 + fds)
		return false;
	if (spec_u32(s, SPEC_UMASK, 0) > 0777)
		return false;
	if (spec_u32(s, SPEC_UID, 0) == UINT32_MAX ||
	    spec_u32(s, SPEC_GID, 0) == UINT32_MAX)
		return false;
	while (spec_next_of(s, SPEC_ENV, &at, &it)) {
		const char *text = it.data;

		if (text[0] == '=' || strchr(text, '=') == NULL)
			return false;
	}
	at = 0;
	while (spec_next_of(s, SPEC_ENV_PID, &at, &it)) {
		if (it.len < 2 || it.len > 64 || strchr(it.data, '=') != NULL)
			return false;
	}
	return true;
}

int
spec_check(const void *data, size_t size, struct spec *s)
{
	const struct spec_head *head = data;
	struct spec whole = { data, size };
	bool seen[TAG_MAX] = { false };
	struct spec_item it;
	size_t at = 0, end = sizeof(*head);

	if ((uintptr_t)data % 8 != 0 || size < sizeof(*head) || size > SPEC_BYTES_MAX ||
	    head->magic != SPEC_MAGIC || head->version != SPEC_VERSION ||
	    head->size != size)
		goto bad;
	while (spec_next(&whole, &at, &it)) {
		if (it.tag >= TAG_MAX || !rules[it.tag].known)
			goto bad;
		if (seen[it.tag] && rules[it.tag].count == COUNT_ONE)
			goto bad;
		seen[it.tag] = true;
		if (!item_is_valid(it.tag, it.data, it.len))
			goto bad;
		end = at;
	}
	/* spec_next ends at the first item that does not fit: nothing may lie behind. */
	if (end != size || !whole_is_valid(&whole))
		goto bad;
	*s = whole;
	return 0;
bad:
	errno = EBADMSG;
	return -1;
}

int
spec_map(int fd, uint64_t size, struct spec *s)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *p;

	if (seals == -1 || (seals & SEALS) != SEALS) {
		errno = EPERM;
		return -1;
	}
	if (fstat(fd, &st) == -1)
		return -1;
	if (size < sizeof(struct spec_head) || size > SPEC_BYTES_MAX ||
	    (uint64_t)st.st_size != size) {
		errno = EBADMSG;
		return -1;
	}
	p = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	*s = (struct spec){ p, (size_t)size };
	return 0;
}

void
spec_unmap(struct spec *s)
{
	munmap((void *)(uintptr_t)s->base, s->size);
	*s = (struct spec){ NULL, 0 };
}

bool
spec_next(const struct spec *s, size_t *at, struct spec_item *it)
{
	struct spec_item_head head;
	size_t pos = *at == 0 ? sizeof(struct spec_head) : *at;

	if (pos > s->size || s->size - pos < sizeof(head))
		return false;
	memcpy(&head, s->base + pos, sizeof(head));
	pos += sizeof(head);
	if (head.len > s->size - pos || aligned(head.len) > s->size - pos)
		return false;
	it->tag = head.tag;
	it->len = head.len;
	it->data = s->base + pos;
	*at = pos + aligned(head.len);
	return true;
}

bool
spec_next_of(const struct spec *s, uint32_t tag, size_t *at, struct spec_item *it)
{
	while (spec_next(s, at, it)) {
		if (it->tag == tag)
			return true;
	}
	return false;
}

size_t
spec_count(const struct spec *s, uint32_t tag)
{
	struct spec_item it;
	size_t at = 0, n = 0;

	while (spec_next_of(s, tag, &at, &it))
		n++;
	return n;
}

bool
spec_has(const struct spec *s, uint32_t tag)
{
	struct spec_item it;
	size_t at = 0;

	return spec_next_of(s, tag, &at, &it);
}

const char *
spec_str(const struct spec *s, uint32_t tag, const char *absent)
{
	struct spec_item it;
	size_t at = 0;

	return spec_next_of(s, tag, &at, &it) ? it.data : absent;
}

uint32_t
spec_u32(const struct spec *s, uint32_t tag, uint32_t absent)
{
	struct spec_item it;
	size_t at = 0;

	if (spec_next_of(s, tag, &at, &it))
		memcpy(&absent, it.data, sizeof(absent));
	return absent;
}

uint64_t
spec_u64(const struct spec *s, uint32_t tag, uint64_t absent)
{
	struct spec_item it;
	size_t at = 0;

	if (spec_next_of(s, tag, &at, &it))
		memcpy(&absent, it.data, sizeof(absent));
	return absent;
}

const char *
spec_phase_name(uint32_t phase)
{
	switch (phase) {
#define PHASE(name, status, word) \
	case PHASE_##name:        \
		return word;
#include "proto/phase.def"
#undef PHASE
	default:
		return NULL;
	}
}

enum spec_phase
spec_dir_phase(uint32_t kind)
{
	switch (kind) {
	case SPEC_DIR_RUNTIME:
		return PHASE_RUNTIME_DIRECTORY;
	case SPEC_DIR_PRIVATE:
	case SPEC_DIR_STATE:
		return PHASE_STATE_DIRECTORY;
	case SPEC_DIR_CACHE:
		return PHASE_CACHE_DIRECTORY;
	case SPEC_DIR_LOGS:
		return PHASE_LOGS_DIRECTORY;
	default:
		return PHASE_CONFIGURATION_DIRECTORY;
	}
}
