/*
 * frames: the connection of who is attached to a session (supd.control(7), FRAMES).  It
 * outlives supd: it is made again when supd is back.
 */
#ifndef SUPD_SUPCTL_FRAMES_H
#define SUPD_SUPCTL_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client.h"

#include "lib/buf.h"

struct ctl;

enum frame {
	FRAME_OUTPUT = 'o', /* bytes for a terminal */
	FRAME_STATUS = 's', /* who types, or the size, has changed: see struct frames */
	FRAME_END = 'x',    /* why it is over; never given to on_frame */
	FRAME_INPUT = 'i',
	FRAME_SIZE = 'w',
	FRAME_DETACH = 'q',
};

struct frames {
	struct ctl *ctl; /* borrowed, like all of these; set before frames_connect */
	const char *unit;
	bool read_only, take;
	/* False: it is over for us. */
	bool (*on_frame)(void *arg, enum frame what, const char *p, size_t n);
	/* Something was typed while there is no connection.  False: the person does not
	 * want to wait for one.  NULL: stdin is not looked at meanwhile. */
	bool (*on_stdin_away)(void *arg);
	/* There is none for a while by now; told once each time.  NULL: nobody is to
	 * know.
	 */
	void (*on_away)(void *arg);
	void *arg;

	/* What supd says. */
	bool writer;         /* we may type */
	char *held_by;       /* owned: who does, when it is somebody else; safe to show */
	uint16_t rows, cols; /* of the session's terminal */
	struct buf why;      /* why it is over, or why there is no connection */
	int code;            /* exit status, once there is no connection */

	struct buf in;  /* frames that are not whole yet */
	struct buf out; /* what supd has not taken yet */
	enum client_result result;
	struct reply refusal; /* the terminal is not there now; error NULL: none */
};

/* 0: attached; else an exit status, and it was told.  One that meets a role being
 * replaced tries again for a while: nothing was done yet. */
int frames_connect(struct frames *f);
/* The connection is gone: tries for a while, until a signal comes (tty.h) or
 * on_stdin_away says so.  False: code. */
bool frames_connect_again(struct frames *f);
/* Never waits: what supd does not take now it is given by frames_send_pending, for which
 * frames_wants tells tty_wait.  Who has more than that to send waits for room. */
void frames_send(struct frames *f, enum frame what, const char *p, size_t n);
void frames_send_pending(struct frames *f);
int frames_wants(const struct frames *f);
bool frames_has_room(const struct frames *f);
/* After FRAME_DETACH, for a moment: what waits still arrives when supd is well, and who
 * comes next does not find us typing. */
void frames_send_last(struct frames *f);
/* Hands on all whole frames that are there.  False: it is over. */
bool frames_handle(struct frames *f);
/* Reads, and does that.  1: go on; 0: it is over; -1: the connection is gone. */
int frames_read(struct frames *f);
void frames_clear(struct frames *f);

#endif
