/*
 * attach: people who are attached to a session.  Their connection was a Varlink one and
 * carries frames from then on (supd.control(7)): a byte that says what, four bytes length
 * (the most significant first), that many bytes.
 *
 * One viewer at most may type; the others look.  One that does not read is never waited
 * for: what it missed is left out, and it gets the whole screen when it reads again.
 */
#ifndef SUPD_TERMINAL_ATTACH_H
#define SUPD_TERMINAL_ATTACH_H

#include <stddef.h>
#include <stdint.h>

struct session;
struct terminal;

enum attach_frame {
	FRAME_OUTPUT = 'o', /* to the viewer: bytes for its terminal */
	FRAME_STATUS = 's', /* JSON: {writer, rows, cols, held_by} changed */
	FRAME_END = 'x',    /* text: why; the connection ends */
	FRAME_INPUT = 'i',  /* from the viewer: what was typed */
	FRAME_SIZE = 'w',   /* rows and columns, two bytes each */
	FRAME_TAKE = 't',   /* it wants to type, whoever does now; empty */
	FRAME_DETACH = 'q', /* empty */
};

enum { VIEWERS_MAX = 1024 };

/* MSG_TERM_VIEWER; client is ours from now on. */
void attach_add_take_fd(struct terminal *t, int client, int request_fd);
/* Bytes of the program, as they came. */
void attach_output(struct session *s, const char *bytes, size_t len);
uint32_t attach_count(const struct session *s);
void attach_end_all(struct session *s, const char *why);

#endif
