/*
 * input_file: what is remembered of a queue, in a file of lines: first perhaps all of it
 * (input_write_all), then what was recorded since.
 *
 * A line that was not finished, because there was no room or its writer was killed, is
 * cut off before the next one is added: it was not acted on, and must not spoil what
 * follows.  The file is written anew when it has grown: it is as long as what is in the
 * queue, not as long as what ever was.
 */
#ifndef SUPD_MANAGER_SESSION_INPUT_FILE_H
#define SUPD_MANAGER_SESSION_INPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manager/session/input.h"

struct buf;

enum { INPUT_FILE_GROWS = 512 * 1024 }; /* beyond what it was written with */

struct input_file {
	int dir;          /* not ours */
	const char *path; /* below it; not ours */
	uint64_t size;    /* of whole lines */
	uint64_t most;    /* size at which it is written anew */
	bool torn;        /* something may stand behind them */
};

void input_file_init(struct input_file *f, int dir, const char *path);
/*
 * Into a new queue.  complaints gets a line for each that cannot be used; they are left
 * out.  -1 with errno: the file cannot be read; that it is not there is no error.
 */
int input_file_read(struct input_file *f, struct input *q, struct buf *complaints);
/* ops.journal: false with errno when it is not recorded. */
bool input_file_add(struct input_file *f, const struct input *q,
    const struct input_entry *e, enum input_record record);

#endif
