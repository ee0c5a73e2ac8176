/*
 * The execution context of one process, as a sealed memfd: a head, then items of tag,
 * length and data (spec.def).  The manager encodes it, init passes it on unread, and the
 * child decodes it after the fork, becomes that process and execs.  Everything in it is
 * checked before anything is used: a child of init has init's rights until it gives them
 * up.  The decoder is libc only and allocates nothing; only spec_encode.c uses malloc.
 */
#ifndef SUPD_PROTO_SPEC_H
#define SUPD_PROTO_SPEC_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SPEC_MAGIC = 0x53445553, /* "SUDS" */
	SPEC_VERSION = 1,
	SPEC_BYTES_MAX = 32 << 20, /* a whole context */
	SPEC_FDS_MAX = 512,        /* descriptors passed at 3, 4, … */
	SPEC_GROUPS_MAX = 65536,   /* NGROUPS_MAX of Linux */
	SPEC_FD_HIGH = 65536,      /* largest NOTIFY_FD */
};

/* The step that failed; the value is the exit status of the child. */
enum spec_phase {
	PHASE_NONE,
#define PHASE(name, status, word) PHASE_##name = status,
#include "proto/phase.def"
#undef PHASE
};

enum spec_tag {
#define SPEC(id, name, kind, count) SPEC_##name = id,
#include "proto/spec.def"
#undef SPEC
};

/* What a standard descriptor is. */
enum spec_io {
	SPEC_IO_NULL = 1,
	SPEC_IO_LOG,      /* stdout, stderr: the log pipe of that stream */
	SPEC_IO_SUPD,     /* supd's own */
	SPEC_IO_SAME,     /* stdout: as stdin; stderr: as stdout */
	SPEC_IO_FILE,     /* text: path; outputs are created, not truncated */
	SPEC_IO_APPEND,   /* text: path */
	SPEC_IO_TRUNCATE, /* text: path */
	SPEC_IO_DATA,     /* stdin: these bytes, then end of file */
	SPEC_IO_STORED,   /* arg: init's number of a stored descriptor */
	SPEC_IO_TTY,      /* text: path; arg of stdin, whose controlling terminal it
			   * becomes: enum spec_tty_wait */
	SPEC_IO_N,
};

/* What happens when another session has the terminal. */
enum spec_tty_wait {
	SPEC_TTY_WAIT,
	SPEC_TTY_FORCE,
	SPEC_TTY_FAIL,
	SPEC_TTY_N,
};

/* Of SPEC_TTY_FLAGS. */
enum {
	SPEC_TTY_RESET = 1 << 0,
	SPEC_TTY_HANGUP = 1 << 1,
};

/* Which setting a directory belongs to: it decides the phase of a failure. */
enum spec_dir_kind {
	SPEC_DIR_RUNTIME,
	SPEC_DIR_STATE,
	SPEC_DIR_CACHE,
	SPEC_DIR_LOGS,
	SPEC_DIR_CONFIGURATION,
	SPEC_DIR_PRIVATE, /* holds those of transient users; made where it is missing */
	SPEC_DIR_N,
};

struct spec_head {
	uint32_t magic;
	uint32_t version;
	uint64_t size; /* of all, this head included */
};

struct spec_item_head {
	uint32_t tag;
	uint32_t len; /* of the data; the next item starts at the next multiple of 8 */
};

struct spec_limit {
	uint32_t resource; /* RLIMIT_* */
	uint32_t pad;
	uint64_t soft; /* RLIM_INFINITY: none */
	uint64_t hard;
};

struct spec_dir {
	uint32_t kind;
	uint32_t mode;     /* of the last component; those before it get 0755 */
	uint32_t uid;      /* owner of the last component, UINT32_MAX: as made */
	uint32_t gid;      /* likewise */
	uint32_t base_len; /* bytes of the base with its NUL */
	uint32_t name_len;
	char text[]; /* BASE NUL NAME NUL.  BASE is made if it is missing and may hold
		      * links; in NAME no component may be one. */
};

struct spec_link {
	uint32_t kind; /* enum spec_dir_kind */
	uint32_t base_len;
	uint32_t name_len;
	uint32_t target_len;
	char text[]; /* BASE NUL NAME NUL TARGET NUL: BASE/NAME is a link to TARGET, which
		      * is relative to where it lies */
};

struct spec_stdio {
	uint32_t kind; /* enum spec_io */
	uint32_t arg;
	char text[]; /* path with its NUL, or the bytes of SPEC_IO_DATA */
};

/* ---- reading (spec.c) ---------------------------------------------------------------
 */

struct spec {
	const char *base;
	size_t size;
};

struct spec_item {
	uint32_t tag;
	uint32_t len;
	const void *data;
};

/* Map the sealed context of exactly size bytes in the memfd; its content is still to be
 * checked.  0, or -1 with errno: EPERM when it is not sealed, EBADMSG when it is of
 * another size. */
int spec_map(int fd, uint64_t size, struct spec *s);
void spec_unmap(struct spec *s);
/* Check any bytes: 0, or -1 with errno EBADMSG. */
int spec_check(const void *data, size_t size, struct spec *s);
/* The item at *at (start with 0), moving *at behind it; false at the end. */
bool spec_next(const struct spec *s, size_t *at, struct spec_item *it);
/* The next item of this tag from *at on; false when there is none. */
bool spec_next_of(const struct spec *s, uint32_t tag, size_t *at, struct spec_item *it);
size_t spec_count(const struct spec *s, uint32_t tag);
bool spec_has(const struct spec *s, uint32_t tag);
/* Values of a ONE item, or the default when it is absent. */
const char *spec_str(const struct spec *s, uint32_t tag, const char *absent);
uint32_t spec_u32(const struct spec *s, uint32_t tag, uint32_t absent);
uint64_t spec_u64(const struct spec *s, uint32_t tag, uint64_t absent);

/* Word of a phase for status and logs ("exec"), or NULL when it is none. */
const char *spec_phase_name(uint32_t phase);
/* The phase of a directory of this kind. */
enum spec_phase spec_dir_phase(uint32_t kind);

/* ---- writing (spec_encode.c) --------------------------------------------------------
 */

/* A context being made.  Errors stick (err) and are reported by spec_seal. */
struct spec_buf {
	char *data;
	size_t len;
	size_t cap;
	int err;
};

void spec_buf_init(struct spec_buf *b);
void spec_buf_clear(struct spec_buf *b);

void spec_put(struct spec_buf *b, enum spec_tag tag, const void *data, size_t len);
void spec_put_flag(struct spec_buf *b, enum spec_tag tag);
void spec_put_str(struct spec_buf *b, enum spec_tag tag, const char *s);
void spec_put_strv(struct spec_buf *b, enum spec_tag tag, char *const *v); /* NULL ends */
void spec_put_u32(struct spec_buf *b, enum spec_tag tag, uint32_t v);
void spec_put_i32(struct spec_buf *b, enum spec_tag tag, int32_t v);
void spec_put_u64(struct spec_buf *b, enum spec_tag tag, uint64_t v);
void spec_put_ids(struct spec_buf *b, enum spec_tag tag, const uint32_t *ids, size_t n);
void spec_put_limit(struct spec_buf *b, int resource, uint64_t soft, uint64_t hard);
void spec_put_dir(struct spec_buf *b, enum spec_dir_kind kind, const char *base,
    const char *name, uint32_t mode, uint32_t uid, uint32_t gid);
void spec_put_link(struct spec_buf *b, enum spec_dir_kind kind, const char *base,
    const char *name, const char *target);
/* tag: SPEC_STDIN, SPEC_STDOUT or SPEC_STDERR; path for the kinds that have one. */
void spec_put_stdio(
    struct spec_buf *b, enum spec_tag tag, enum spec_io kind, const char *path);
void spec_put_stdio_tty(
    struct spec_buf *b, enum spec_tag tag, enum spec_tty_wait wait, const char *path);
void spec_put_stdio_stored(struct spec_buf *b, enum spec_tag tag, uint32_t id);
void spec_put_stdin_data(struct spec_buf *b, const void *data, size_t len);

/* The finished context as a sealed memfd (CLOEXEC) with its size for msg_spawn, or -1
 * with errno: also what went wrong in a spec_put, EBADMSG when the reader would refuse
 * it. */
int spec_seal(struct spec_buf *b, uint64_t *size);

#endif
