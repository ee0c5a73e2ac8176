#include "manager/session/messages.h"

#include <stdbool.h>
#include <string.h>

#include "lib/utf8.h"

const char messages_fallback[] = "HEARTBEAT: run your rounds";

static bool
can_be_typed(const char *s, size_t n)
{
	if (n == 0 || n > MESSAGES_LINE_MAX || !utf8_is_valid(s, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f)
			return false;
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

void
messages_add_lines(struct strv *out, const char *data, size_t len)
{
	for (size_t at = 0; at < len && out->n < MESSAGES_MAX;) {
		const char *line = data + at, *nl = memchr(line, '\n', len - at);
		size_t n = nl != NULL ? (size_t)(nl - line) : len - at;

		at += n + 1;
		while (n > 0 && is_blank(line[n - 1]))
			n--;
		while (n > 0 && is_blank(line[0])) {
			line++;
			n--;
		}
		if (can_be_typed(line, n))
			strv_addn(out, line, n);
	}
}

uint32_t
messages_pick(
    enum pick pick, uint32_t n, uint32_t last, messages_random *random, void *arg)
{
	uint32_t i;

	if (n <= 1)
		return 0;
	if (pick == PICK_ROTATE)
		return last < n - 1 ? last + 1 : 0;
	if (pick == PICK_RANDOM_REPEAT || last >= n)
		return random(arg, n);
	i = random(arg, n - 1); /* of the others */
	return i < last ? i : i + 1;
}
