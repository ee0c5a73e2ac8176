/*
 * pattern: see the header.
 */
#include "journal/pattern.h"

#include <errno.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/regexp.h"

enum { PATTERN_MAGIC = 0x54415053 }; /* "SPAT" */

struct head {
	uint32_t magic, rule, streams, flags, len, pad;
};

const char *
pattern_refused(const char *text, uint32_t flags)
{
	return regexp_refused(text, (flags & PATTERN_ICASE) != 0);
}

int
pattern_put(struct buf *list, const struct pattern *p)
{
	struct head h = { .magic = PATTERN_MAGIC,
		.rule = p->rule,
		.streams = p->streams,
		.flags = p->flags,
		.len = (uint32_t)p->text_len };

	if (p->text_len == 0 || memchr(p->text, '\0', p->text_len) != NULL) {
		errno = EINVAL;
		return -1;
	}
	if (p->text_len > PATTERN_TEXT_MAX ||
	    list->len + sizeof(h) + p->text_len + 1 > PATTERN_BYTES_MAX) {
		errno = E2BIG;
		return -1;
	}
	buf_append(list, &h, sizeof(h));
	buf_append(list, p->text, p->text_len);
	buf_addc(list, '\0');
	return 0;
}

int
pattern_next(const char *data, size_t len, size_t *at, struct pattern *p)
{
	struct head h;

	if (*at == len)
		return 0;
	if (*at > len || len - *at < sizeof(h))
		goto damaged;
	memcpy(&h, data + *at, sizeof(h));
	if (h.magic != PATTERN_MAGIC || h.len == 0 || h.len > PATTERN_TEXT_MAX ||
	    len - *at - sizeof(h) < (size_t)h.len + 1)
		goto damaged;
	p->rule = h.rule;
	p->streams = h.streams;
	p->flags = h.flags;
	p->text = data + *at + sizeof(h);
	p->text_len = h.len;
	if (memchr(p->text, '\0', (size_t)h.len + 1) != p->text + h.len)
		goto damaged;
	*at += sizeof(h) + h.len + 1;
	return 1;
damaged:
	errno = EBADMSG;
	return -1;
}
