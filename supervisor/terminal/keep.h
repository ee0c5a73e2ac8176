/*
 * keep: what a session has written, in a file on the tmpfs (run/term/SLOT), so that the
 * next terminal role has its screen and knows which of its lines are in the log already.
 *
 * The file has two halves, one of which counts: the bytes that draw the screen as it was
 * when the half was begun, and behind them the bytes that the program wrote since.  They
 * are read from the pty straight into the file, so that a role that is killed has lost
 * nothing that it took.  When a half is full the other one is begun.
 *
 * Only what is used has memory: the file is sparse, and room is made in front of use.
 */
#ifndef SUPD_TERMINAL_KEEP_H
#define SUPD_TERMINAL_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	KEEP_RAW_MAX = 64 * 1024, /* of a half, before a new one is begun */
	KEEP_HALF_BYTES = 4 * 1024 * 1024,
	KEEP_STEP = 16 * 1024,
};

/* A batch of lines on its way into the log pipe: see lines.h. */
struct keep_batch {
	uint32_t phase; /* enum lines_phase */
	uint32_t n;     /* bytes in staging at first */
	uint64_t after; /* what half.done becomes */
};

/* The newest step of input: see input.h. */
struct keep_input {
	uint64_t id;
	uint32_t step;
	uint32_t how; /* enum term_taken_how, 0: it is being written */
	int32_t err;
	uint32_t pad;
};

struct keep_half {
	uint32_t draw_len, raw_len;
	/* How far its lines are, as one store: keep_done. */
	uint64_t done;
	uint32_t settled; /* of raw_len, at the last rest of the screen */
	uint16_t rows, cols;
};

/* So many raw bytes have all their lines in the log pipe, and so many bytes of the lines
 * that follow are there, too. */
static inline uint64_t
keep_done(uint32_t logged, uint32_t partial)
{
	return (uint64_t)logged << 32 | partial;
}
static inline uint32_t
keep_logged(const struct keep_half *h)
{
	return (uint32_t)(h->done >> 32);
}
static inline uint32_t
keep_partial(const struct keep_half *h)
{
	return (uint32_t)h->done;
}

struct keep_head {
	uint32_t magic, version;
	uint8_t invocation[16];
	uint32_t which; /* the half that counts */
	uint32_t draft; /* a person has one */
	struct keep_half half[2];
	struct keep_batch batch;
	struct keep_input input;
	uint64_t last_output_us, last_typed_us;
};

struct keep;

/*
 * Opens the file of the slot below the run folder, or makes it: *found tells whether it
 * is that of this invocation.  NULL with errno: there is no room.
 */
struct keep *keep_open(int run_fd, uint32_t slot, const uint8_t invocation[16],
    uint16_t rows, uint16_t cols, bool *found);
/* The file stays for the next role; or goes with the session. */
void keep_close(struct keep *k);
void keep_remove(int run_fd, uint32_t slot);

struct keep_head *keep_head(struct keep *k);
/* The half that counts. */
struct keep_half *keep_half(struct keep *k);
const char *keep_draw(const struct keep *k);
const char *keep_raw(const struct keep *k);
/* Where *n bytes may be read to; NULL: begin a new half first (*n 0), or there is no room
 * on the tmpfs. */
char *keep_room(struct keep *k, size_t *n);
/* So many were. */
void keep_added(struct keep *k, size_t n);
/* A new half, with what draws the screen; all lines of the old one must be in the pipe.
 * -1: no room. */
int keep_begin(
    struct keep *k, const char *draw, size_t len, uint16_t rows, uint16_t cols);
/* Nothing will be added for a while: what was made in front of use is given back. */
void keep_trim(struct keep *k);

#endif
