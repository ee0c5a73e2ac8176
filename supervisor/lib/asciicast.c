/*
 * asciicast: see the header.
 */
#include "lib/asciicast.h"

#include <stdio.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "lib/utf8.h"

enum { FRAME = 48 }; /* of an event: time, code, quotes, brackets, newline */

void
asciicast_header(
    struct buf *out, uint16_t cols, uint16_t rows, uint64_t wall_us, const char *title)
{
	struct jw *w = jw_new(JW_COMPACT);

	jw_obj(w);
	jw_kv_u64(w, "version", 2);
	jw_kv_u64(w, "width", cols);
	jw_kv_u64(w, "height", rows);
	jw_kv_u64(w, "timestamp", wall_us / USEC_PER_SEC);
	jw_kv_str(w, "title", title);
	jw_kv_obj(w, "env");
	jw_kv_str(w, "TERM", "xterm-256color");
	jw_end(w);
	jw_end(w);
	jw_take(w, out);
	jw_free(w);
	buf_addc(out, '\n');
}

/* Bytes of the character at s, and how many it takes between quotes. */
static size_t
next_char(const char *s, size_t n, size_t *cost)
{
	unsigned char c = (unsigned char)*s;
	size_t len = utf8_seq(s, n);

	if (len > 1)
		*cost = len;
	else if (len == 0)
		*cost = strlen("\xef\xbf\xbd");
	else if (c < 0x20 || c == 0x7f)
		*cost = strlen("\\u0000");
	else
		*cost = c == '"' || c == '\\' ? 2 : 1;
	return len > 0 ? len : 1;
}

static void
add_event(
    struct buf *out, uint64_t at_us, enum asciicast_code code, const char *s, size_t n)
{
	buf_addf(out, "[%llu.%06u, \"%c\", \"",
	    (unsigned long long)(at_us / USEC_PER_SEC), (unsigned)(at_us % USEC_PER_SEC),
	    (char)code);
	json_escape(out, s, n);
	buf_adds(out, "\"]\n");
}

size_t
asciicast_event(struct buf *out, uint64_t at_us, enum asciicast_code code, const char *s,
    size_t n, bool last, size_t max)
{
	size_t used = 0, room = max - FRAME, cost;

	if (!last)
		n -= utf8_unfinished(s, n);
	while (used < n) {
		size_t len = next_char(s + used, n - used, &cost);

		if (cost > room)
			break;
		room -= cost;
		used += len;
	}
	if (used > 0)
		add_event(out, at_us, code, s, used);
	return used;
}

void
asciicast_resize(struct buf *out, uint64_t at_us, uint16_t cols, uint16_t rows)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%ux%u", (unsigned)cols, (unsigned)rows);

	add_event(out, at_us, ASCIICAST_RESIZE, text, (size_t)n);
}
