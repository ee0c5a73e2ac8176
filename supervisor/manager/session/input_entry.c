/*
 * input_entry: one entry: whether it can be one, and its bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/utf8.h"
#include "lib/xalloc.h"
#include "manager/session/input_int.h"

/* ---- what may be typed ---- */

/* A program takes control characters for keys: text must not press any but these. */
static bool
has_controls(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			return true;
		/* C1, as UTF-8: some terminals read them as ESC and a letter. */
		if (c == 0xc2 && i + 1 < n && (unsigned char)s[i + 1] < 0xa0)
			return true;
	}
	return false;
}

static bool
is_name(const char *s)
{
	return s == NULL ||
	       (s[0] != '\0' && strlen(s) <= INPUT_NAME_MAX &&
		   utf8_is_valid(s, strlen(s)) && !has_controls(s, strlen(s)) &&
		   strpbrk(s, "\n\t") == NULL);
}

const char *
input_check(const struct input_request *r)
{
	if ((r->flags & ~(uint32_t)INPUT_FLAGS_ALL) != 0)
		return "a flag is not known";
	if (r->len == 0 && (r->flags & (INPUT_ENTER | INPUT_REPLACE)) == 0)
		return "there is nothing to type";
	if (r->len > INPUT_ENTRY_MAX)
		return "it is too long";
	if (!is_name(r->slot))
		return "the slot is no name";
	if (!is_name(r->sender))
		return "the sender is no name";
	if (!is_name(r->token))
		return "the token is no name";
	if ((r->flags & INPUT_KEYS) != 0 || r->len == 0)
		return NULL;
	if (!utf8_is_valid(r->data, r->len))
		return "it is not valid UTF-8";
	if (has_controls(r->data, r->len))
		return "it has control characters: send them as keys";
	return NULL;
}

/* ---- life ---- */

struct input_item *
input_item_new(uint64_t id, const struct input_request *r)
{
	struct input_item *it = xcalloc(1, sizeof(*it));

	it->e.id = id;
	it->e.data = xmalloc(r->len + 1);
	if (r->len > 0)
		memcpy(it->e.data, r->data, r->len);
	it->e.data[r->len] = '\0';
	it->e.len = r->len;
	it->e.flags = r->flags;
	it->e.slot = xstrdup_opt(r->slot);
	it->e.sender = xstrdup(r->sender != NULL ? r->sender : "");
	it->e.token = xstrdup_opt(r->token);
	it->e.when = r->when;
	it->e.expire_wall_us = r->expire_wall_us;
	it->e.queued_wall_us = clock_wall_us();
	return it;
}

void
input_item_free(struct input_item *it)
{
	if (it == NULL)
		return;
	free(it->e.data);
	free(it->e.slot);
	free(it->e.sender);
	free(it->e.token);
	free(it->e.reason);
	free(it->e.invocation);
	free(it);
}
