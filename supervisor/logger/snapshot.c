/*
 * snapshot: see the header.
 */
#include "logger/snapshot.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fdio.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/xalloc.h"
#include "logger/channel.h"
#include "logger/state.h"

enum {
	SNAPSHOT_MAX = 256 * 1024 * 1024,
	WISHES_KEEP = 256 * 1024, /* larger: wishes that the snapshot has are dropped */
	WISHES_MAX = 64 * 1024 * 1024,
	HEAD_MAX = 200, /* bytes of a snapshot in which its seq stands */
};

/* All of the memfd; -1 if it is not exactly what was announced, or cannot be JSON. */
static int
load(int fd, uint64_t announced, struct buf *out)
{
	struct stat st;
	size_t size;
	ssize_t got = 0;

	if (fstat(fd, &st) == -1)
		return -1;
	errno = EBADMSG;
	if (!S_ISREG(st.st_mode) || st.st_size <= 2 || st.st_size > SNAPSHOT_MAX ||
	    (uint64_t)st.st_size != announced)
		return -1;
	size = (size_t)st.st_size;
	while (out->len < size) {
		got = pread(fd, buf_reserve(out, size - out->len), size - out->len,
		    (off_t)out->len);
		if (got <= 0)
			break;
		buf_grew(out, (size_t)got);
	}
	if (out->len == size && out->data[0] == '{' &&
	    (out->data[size - 1] == '\n' || out->data[size - 1] == '}'))
		return 0;
	errno = got == -1 ? errno : EBADMSG;
	return -1;
}

/* Up to which event a snapshot is true; 0: it does not say.  It is said first of all: the
 * rest of it may be hundreds of megabytes, and is nothing to be read for this. */
static uint64_t
snapshot_seq(const struct buf *snapshot)
{
	static const char key[] = "\"seq\":";
	size_t n = snapshot->len < HEAD_MAX ? snapshot->len : HEAD_MAX;
	const char *at = memmem(snapshot->data, n, key, strlen(key));

	/* load() has seen that the text ends with a bracket or a newline. */
	return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10);
}

/*
 * Wishes up to the snapshot's seq are part of it; the file is written anew without them
 * once it is large.  Failing changes nothing.
 */
static void
trim_wishes(struct logger *lg, const struct buf *snapshot)
{
	struct buf old = { 0 }, kept = { 0 };
	const char *s, *end, *nl;
	uint64_t seq = snapshot_seq(snapshot);
	struct stat st;
	struct jv *v;

	if (seq == 0 || seq > INT64_MAX ||
	    fstatat(lg->root_fd, "state/wishes", &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    st.st_size < WISHES_KEEP ||
	    file_read_at(lg->root_fd, "state/wishes", WISHES_MAX, &old) == -1)
		goto out;
	/* By their newlines alone: a power loss may have left anything between them. */
	s = buf_str(&old);
	end = s + old.len;
	for (; s < end && (nl = memchr(s, '\n', (size_t)(end - s))) != NULL; s = nl + 1) {
		v = jv_parse(s, (size_t)(nl - s), NULL);
		if (jv_i64(jv_get(v, "seq"), 0) > (int64_t)seq)
			buf_append(&kept, s, (size_t)(nl - s) + 1);
		jv_free(v);
	}
	if (file_write_atomic(
		lg->root_fd, "state/wishes", buf_str(&kept), kept.len, 0600, true) == -1)
		log_warn("state/wishes");
out:
	buf_free(&old);
	buf_free(&kept);
}

static const char *
file_of(uint32_t kind)
{
	return kind == SNAPSHOT_STATE     ? "state/snapshot.json"
	       : kind == SNAPSHOT_BUDGETS ? "state/budgets.json"
	       : kind == SNAPSHOT_MARKS   ? "state/marks.json"
					  : "status.json";
}

static int
write_file(struct logger *lg, uint32_t kind, const struct buf *text)
{
	if (kind == SNAPSHOT_STATUS)
		return file_write_atomic(
		    lg->run_fd, "status.json", text->data, text->len, 0640, false);
	if (kind != SNAPSHOT_STATE && kind != SNAPSHOT_BUDGETS &&
	    kind != SNAPSHOT_MARKS) {
		errno = EINVAL;
		return -1;
	}
	if (mkdir_p_at(lg->root_fd, "state", 0700) == -1 ||
	    file_write_atomic(
		lg->root_fd, file_of(kind), text->data, text->len, 0600, true) == -1)
		return -1;
	if (kind == SNAPSHOT_STATE)
		trim_wishes(lg, text);
	return 0;
}

void
snapshot_write(struct logger *lg, const struct msg_snapshot *req, int fd)
{
	struct buf text = { 0 };
	struct msg m;

	msg_init(&m, MSG_SNAPSHOT_DONE);
	m.u.SNAPSHOT_DONE.id = req->id;
	if (load(fd, req->size, &text) == -1 || write_file(lg, req->kind, &text) == -1) {
		m.u.SNAPSHOT_DONE.err = errno;
		log_warn("cannot write %s", file_of(req->kind));
	}
	channel_answer(lg, &m);
	buf_free(&text);
	if (req->kind == SNAPSHOT_STATE)
		xalloc_trim();
}
