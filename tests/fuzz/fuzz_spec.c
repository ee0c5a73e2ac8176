/*
 * Any bytes as an execution context: what spec_check lets through must be readable to the
 * last item by everything that the child of init does with it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/spec.h"

#include "fuzz.h"

static void
use_text(const char *text)
{
	if (strlen(text) > SPEC_BYTES_MAX)
		abort();
}

static void
use_item(const struct spec_item *it)
{
	const struct spec_dir *d = it->data;
	const struct spec_stdio *io = it->data;

	switch (it->tag) {
	case SPEC_DIR:
		use_text(d->text);
		use_text(d->text + d->base_len);
		if (spec_dir_phase(d->kind) == PHASE_NONE)
			abort();
		break;
	case SPEC_STDIN:
	case SPEC_STDOUT:
	case SPEC_STDERR:
		if (io->kind == SPEC_IO_FILE || io->kind == SPEC_IO_APPEND ||
		    io->kind == SPEC_IO_TRUNCATE)
			use_text(io->text);
		break;
	case SPEC_PATH:
	case SPEC_ARG:
	case SPEC_ENV:
	case SPEC_ENV_PID:
	case SPEC_CWD:
		use_text(it->data);
		break;
	default:
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct spec_item it;
	struct spec s;
	size_t at = 0;
	void *copy;

	if (size < sizeof(struct spec_head))
		return 0;
	copy = malloc(size); /* aligned for anything */
	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	/* The size is the one thing that no input gets right by itself. */
	((struct spec_head *)copy)->size = size;
	if (spec_check(copy, size, &s) == 0) {
		while (spec_next(&s, &at, &it))
			use_item(&it);
		if (!spec_has(&s, SPEC_PATH) || !spec_has(&s, SPEC_ARG))
			abort();
		(void)spec_u32(&s, SPEC_UID, 0);
		(void)spec_u64(&s, SPEC_TAG, 0);
		use_text(spec_str(&s, SPEC_CWD, ""));
	}
	free(copy);
	return 0;
}
