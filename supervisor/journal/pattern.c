/*
 * pattern: see the header.
 */
#include "journal/pattern.h"

#include <errno.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

enum { PATTERN_MAGIC = 0x54415053 }; /* "SPAT" */

struct head {
	uint32_t magic, rule, streams, flags, len, pad;
};

/*
 * The bounds of {n,m} multiply when they are nested, and glibc unrolls them:
 * "((a{99}){99})" is memory, not matching.  The product of all is a cheap upper bound.
 */
static bool
repeats_are_small(const char *text)
{
	unsigned long product = 1;

	for (const char *s = text; *s != '\0'; s++) {
		unsigned long max = 0;

		if (*s == '\\' && s[1] != '\0') {
			s++;
			continue;
		}
		if (*s != '{')
			continue;
		while (*++s != '\0' && *s != '}') {
			char *end;
			unsigned long v;

			if (*s < '0' || *s > '9')
				continue;
			v = strtoul(s, &end, 10);
			s = end - 1;
			max = v > max ? v : max;
		}
		if (*s == '\0')
			break;
		if (max > PATTERN_REPEAT_MAX)
			return false;
		product *= max > 1 ? max : 1;
		if (product > PATTERN_REPEAT_MAX)
			return false;
	}
	return true;
}

static bool
has_back_reference(const char *text)
{
	for (const char *s = text; *s != '\0'; s++) {
		if (*s != '\\' || s[1] == '\0')
			continue;
		s++;
		if (*s >= '1' && *s <= '9')
			return true;
	}
	return false;
}

const char *
pattern_refused(const char *text, uint32_t flags)
{
	regex_t re;

	if (text[0] == '\0')
		return "it is empty";
	if (strlen(text) > PATTERN_TEXT_MAX)
		return "it is too long";
	if (!repeats_are_small(text))
		return "its repeat counts are too large";
	if (has_back_reference(text))
		return "it has a back reference";
	if (regcomp(&re, text,
		REG_EXTENDED | REG_NOSUB |
		    ((flags & PATTERN_ICASE) != 0 ? REG_ICASE : 0)) != 0)
		return "it is not a regular expression";
	regfree(&re);
	return NULL;
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
